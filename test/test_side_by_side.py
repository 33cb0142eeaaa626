"""Work in several processes: what comes of it, what goes wrong in it, and its end."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable

import pytest

from mots_ros.commands.side_by_side import run_all


def square(item: int, tick: Callable[[], object]) -> tuple[int, int]:
    tick()
    return item * item, os.getpid()


def fail_at_three(item: int, tick: Callable[[], object]) -> None:
    if item == 3:
        raise ValueError("three is too much")
    time.sleep(60)


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_items(processes: int) -> None:
    results = run_all(square, list(range(5)), processes, 5, "squares")
    assert [value for value, _ in results] == [0, 1, 4, 9, 16]
    assert (os.getpid() in {process for _, process in results}) == (processes == 1)


def test_a_fault_in_one_process_ends_the_others() -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match="three is too much"):
        run_all(fail_at_three, [1, 3, 4, 5], 2, 4, "work")
    assert time.monotonic() - start < 30
    for process in multiprocessing.active_children():
        process.join(10)
    assert not multiprocessing.active_children()
