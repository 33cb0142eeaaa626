"""Work on several things at once, each in a process."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from typing import Any, TypeVar

from tqdm import tqdm

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

_LOOK_S = 0.2

_ticks: Any = None
"""In a process of the pool: the counter that all share."""


def run_all(
    work: Callable[[ItemT, Callable[[], object]], ResultT],
    items: Sequence[ItemT],
    processes: int,
    ticks: int,
    title: str,
) -> list[ResultT]:
    """What ``work`` makes of every item, in this process where one is enough.

    What it raises ends all, and so does an interrupt. A terminal shows how far all of it is.

    Args:
        work: called with a function that it calls ``ticks`` times, all items together.
    """
    with tqdm(desc=title, total=ticks, disable=None) as bar:
        if processes == 1:
            return [work(item, bar.update) for item in items]
        # Forked processes would inherit torch's threads in the middle of something.
        context = multiprocessing.get_context("spawn")
        counter = context.Value("q", 0)
        with ProcessPoolExecutor(processes, context, _begin, (counter,)) as pool:
            try:
                submitted = [pool.submit(_do, work, item) for item in items]
                pending = set(submitted)
                while pending:
                    done, pending = wait(pending, _LOOK_S, FIRST_EXCEPTION)
                    bar.update(counter.value - bar.n)
                    for finished in done:
                        finished.result()
                return [finished.result() for finished in submitted]
            except BaseException:
                for process in multiprocessing.active_children():
                    process.terminate()
                # Waits: until then, a thread of the pool is still burying them.
                pool.shutdown(cancel_futures=True)
                raise


def _begin(counter: Any) -> None:
    global _ticks
    _ticks = counter
    # An interrupt from the terminal reaches all processes; the first one deals with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _do(work: Callable[[ItemT, Callable[[], object]], ResultT], item: ItemT) -> ResultT:
    return work(item, _tick)


def _tick() -> None:
    with _ticks.get_lock():
        _ticks.value += 1
