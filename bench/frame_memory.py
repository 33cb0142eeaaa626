"""How much memory a frame holds at most, beside what was there before it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

from torch.profiler import ProfilerActivity, profile


def peak_megabytes(tick: Callable[[], Any]) -> dict[str, float]:
    """The peaks of two calls of ``tick``: what Python counts (arrays, messages), what torch counts.

    Each call costs many times what it costs without the count.
    """
    tracemalloc.start()
    tick()
    _, arrays = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as run:
        tick()
    assert run.profiler is not None and run.profiler.kineto_results is not None
    events = [e for e in run.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = tensors = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        tensors = max(tensors, held)
    return {"arrays": arrays / 2**20, "tensors": tensors / 2**20}
