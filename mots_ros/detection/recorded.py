"""Work on a GPU that is told to it once and repeated with one call a frame."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

Work = Callable[..., tuple[Any, ...]]
"""Takes tensors, and settings by name; gives tensors. None stands where there is none."""

_WARM_UP = 3
"""Passes before the recording, in which libraries choose their kernels and take their memory."""

_KEPT = 8
"""Recordings, the oldest of which goes first: each has its memory, and the input's size may
change."""


@dataclass(frozen=True)
class _Recording:
    graph: torch.cuda.CUDAGraph
    given: tuple[Any, ...]
    found: tuple[Any, ...]


class Recorded:
    """A function of tensors that on a GPU becomes a CUDA graph for the shapes that it meets, and
    the settings.

    A small network takes a GPU less time than Python needs to ask for its layers one by one. The
    function must not wait for the GPU, nor bring anything to it. It is called as it is on a
    processor, and from then on where a GPU's driver refuses to record it.

    Not for several threads at once.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._recordings: dict[tuple[Any, ...], _Recording] = {}
        self._refused = False

    def __call__(self, *given: Any, **settings: Any) -> tuple[Any, ...]:
        """What the function makes of tensors; nobody changes it later."""
        if not given[0].is_cuda or self._refused:
            return self._work(*given, **settings)
        shapes = (None if tensor is None else tensor.shape for tensor in given)
        key = *shapes, *settings.items()
        if key not in self._recordings:
            if len(self._recordings) == _KEPT:
                del self._recordings[next(iter(self._recordings))]
            try:
                self._recordings[key] = self._record(given, settings)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self._refused = True
                logging.getLogger(__name__).warning("going on without a CUDA graph: %s", error)
                return self._work(*given, **settings)
        # The last one used is the last to go.
        recording = self._recordings[key] = self._recordings.pop(key)
        for here, tensor in zip(recording.given, given, strict=True):
            if tensor is not None:
                here.copy_(tensor)
        recording.graph.replay()
        return _cloned(recording.found)

    def start(self, *given: Any, **settings: Any) -> Callable[[], tuple[Any, ...]]:
        """As a call, of which the result is asked for later; see ``Compiled.start``."""
        found = self(*given, **settings)
        return lambda: found

    def forget(self) -> None:
        """Give the recordings' memory back; they must not outlive the tensors they work with."""
        self._recordings.clear()

    def _record(self, given: tuple[Any, ...], settings: Mapping[str, Any]) -> _Recording:
        given, graph = _cloned(given), torch.cuda.CUDAGraph()
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        # The outer context brings the stream of before back also where the inner one fails.
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                self._work(*given, **settings)
            # Other cameras' threads go on meanwhile.
            with torch.cuda.graph(graph, stream=aside, capture_error_mode="thread_local"):
                found = self._work(*given, **settings)
        return _Recording(graph, given, found)


def _cloned(tensors: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(None if tensor is None else tensor.clone() for tensor in tensors)
