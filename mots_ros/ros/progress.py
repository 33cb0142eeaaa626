"""One line on the terminal that says how far something is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_BAR = 30
_REDRAW_S = 0.1


def progress(items: Iterable[T], total: int, title: str) -> Iterator[T]:
    """Pass ``items`` on and show how many of ``total`` have come, on a terminal only."""
    if not sys.stderr.isatty():
        yield from items
        return
    start = drawn = time.monotonic()
    count = 0
    try:
        for item in items:
            yield item
            count += 1
            now = time.monotonic()
            if now - drawn >= _REDRAW_S or count == total:
                drawn = now
                _draw(title, count, total, count / (now - start))
    finally:
        sys.stderr.write("\n")


def _draw(title: str, count: int, total: int, rate: float) -> None:
    done = _BAR * count // max(total, 1)
    bar = "#" * done + "." * (_BAR - done)
    sys.stderr.write(f"\r{title} [{bar}] {count}/{total}, {rate:.1f}/s ")
    sys.stderr.flush()
