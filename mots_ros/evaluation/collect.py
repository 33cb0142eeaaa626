"""Results of a drive: made frame by frame, or taken from what a live node published."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from mots_ros.core.types import Frame, TrackedFrame
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.results import Results


class Steps(Protocol):
    """A pipeline, as far as it matters here: the results of a frame may come with a later one."""

    def step(self, frame: Frame) -> list[TrackedFrame]: ...

    def finish(self) -> list[TrackedFrame]: ...


class Timed:
    """A pipeline that remembers how long its steps took, masks and all, in milliseconds."""

    def __init__(self, pipeline: Steps) -> None:
        self._pipeline = pipeline
        self.step_ms: list[float] = []

    def step(self, frame: Frame) -> list[TrackedFrame]:
        """A step of the pipeline."""
        start = time.perf_counter()
        tracked = self._pipeline.step(frame)
        for item in tracked:
            _ = item.label_image  # Composed when somebody looks.
        self.step_ms.append(round(1000 * (time.perf_counter() - start), 3))
        return tracked

    def finish(self) -> list[TrackedFrame]:
        """The end of a drive."""
        return self._pipeline.finish()


def track(
    frames: Iterable[tuple[int, Frame]], pipeline: Steps, class_names: Sequence[str]
) -> Results:
    """Put every frame of a drive through a pipeline; results get the numbers that come with frames.

    Raises EvaluationError where there are no frames or their sizes differ.
    """
    results = None
    numbers: deque[int] = deque()
    for number, frame in frames:
        results = results or Results(class_names, frame.size)
        numbers.append(number)
        for tracked in pipeline.step(frame):
            results.add(numbers.popleft(), tracked)
    if results is None:
        raise EvaluationError("expected a drive with images, found none")
    for tracked in pipeline.finish():
        results.add(numbers.popleft(), tracked)
    return results


def frames_by_stamp(stamps_ns: Iterable[tuple[int, int]]) -> dict[int, int]:
    """The number of the frame that has a stamp, from pairs of number and stamp.

    Raises EvaluationError where two frames have the same.
    """
    numbers: dict[int, int] = {}
    for number, stamp_ns in stamps_ns:
        first = numbers.setdefault(stamp_ns, number)
        if first != number:
            raise EvaluationError(
                f"expected a stamp of its own for every frame of the drive, but frames {first} and "
                f"{number} both have {_seconds(stamp_ns)}"
            )
    return numbers


def match_by_stamp(
    frames: Iterable[tuple[int, Frame]],
    tracked: Iterable[TrackedFrame],
    class_names: Sequence[str],
) -> Results:
    """Give recorded results the numbers of the frames whose stamps they carry.

    A live node drops frames when it is slower than the camera: those have no result.

    Raises EvaluationError where stamps are ambiguous, or a result has the stamp of no frame.
    """
    stamps = []
    size = None
    for number, frame in frames:
        stamps.append((number, frame.stamp_ns))
        size = size or frame.size
    numbers = frames_by_stamp(stamps)
    if size is None:
        raise EvaluationError("expected a drive with images, found none")
    results = Results(class_names, size)
    for item in tracked:
        if item.stamp_ns not in numbers:
            raise EvaluationError(
                f"the results have a frame with stamp {_seconds(item.stamp_ns)}, which no image of "
                "the drive has; expected results recorded while this very drive was played"
            )
        results.add(numbers[item.stamp_ns], item)
    return results


def _seconds(stamp_ns: int) -> str:
    return f"{stamp_ns // 10**9}.{stamp_ns % 10**9:09d} s"
