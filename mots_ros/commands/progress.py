"""How far a long job is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

_WIDTH = 30
_INTERVAL_S = 0.1

ItemT = TypeVar("ItemT")


def progress(items: Iterable[ItemT], count: int, unit: str) -> Iterator[ItemT]:
    """The items, with a bar on stderr while they are used and a line with their rate at the end.

    The bar appears on terminals only.
    """
    start = drawn = time.monotonic()
    done = 0
    try:
        for item in items:
            yield item
            done += 1
            now = time.monotonic()
            if sys.stderr.isatty() and (now - drawn > _INTERVAL_S or done == count):
                drawn = now
                bar = "#" * (_WIDTH * done // max(count, 1))
                line = f"\r[{bar:<{_WIDTH}}] {done}/{count} {unit}, {done / (now - start):.1f}/s "
                print(line, end="", file=sys.stderr, flush=True)
    finally:
        if drawn != start:
            print(file=sys.stderr)
    seconds = time.monotonic() - start
    print(f"{done} {unit} in {seconds:.1f} s, {done / max(seconds, 1e-9):.1f}/s", file=sys.stderr)
