"""A place for one message: the newest wins."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Hands the newest item from the thread that puts to the thread that takes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._open = True

    def put(self, item: T) -> bool:
        """Leave ``item``; returns whether an older one, never taken, had to make way for it."""
        with self._changed:
            replaced = self._item is not None
            self._item = item
            self._changed.notify()
        return replaced

    def take(self, patience_s: float | None = None) -> T | None:
        """Wait for an item and take it; None once the mailbox is closed, or when patience ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or not self._open, patience_s)
            item, self._item = self._item, None
            return item if self._open else None

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return not self._open

    def close(self) -> None:
        """Let ``take`` return None from now on, also where it is waiting."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
