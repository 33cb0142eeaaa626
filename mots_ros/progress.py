"""One line on the terminal that says how far something is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

ItemT = TypeVar("ItemT")


def progress(items: Iterable[ItemT], total: int, title: str) -> Iterable[ItemT]:
    """Pass ``items`` on and show on stderr how many of ``total`` were used, on a terminal only."""
    shown: Iterable[ItemT] = tqdm(items, title, total, unit=" frames", disable=None)
    return shown
