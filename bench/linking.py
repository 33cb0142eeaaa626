"""Detections whose mistakes are known, and what trackers make of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from linkers import Linker

from mots_ros.core.types import Detections, Frame, Observation
from mots_ros.data.kitti_mots import IGNORE_CLASS, Annotation, MaskObject
from mots_ros.data.rle import box_of
from mots_ros.evaluation import damage

SCORE = 0.9
"""Of every detection: no tracker can tell false alarms by it, all take it for a sure one."""

Run = tuple[float, str]
"""A rate of misses and a tracker."""

Observe = Callable[[Frame, list[Detections]], list[Observation[Any]]]
"""The observations of one frame with each of several sets of detections."""


@dataclass(frozen=True)
class Damage:
    """What happens to detections beside that some are missed; see ``evaluation.damage``."""

    burst: int
    false_alarms: float
    jitter: float
    seed: int

    def detections(
        self, truth: Annotation, rates: Sequence[float], length: int
    ) -> dict[float, Annotation]:
        """What is left of the masks by rate of misses; ignore regions are no detections."""
        jittered = damage.jitter(_without_regions(truth), self.jitter, self.seed)
        detected = {}
        for rate in rates:
            left = damage.miss(jittered, rate, self.seed, self.burst)
            detected[rate] = damage.add_false_alarms(left, self.false_alarms, length, self.seed)
        return detected


class Answer:
    """What one tracker made of one sequence."""

    def __init__(self) -> None:
        self.frames: dict[int, tuple[MaskObject, ...]] = {}
        self._numbers: dict[Hashable, int] = {}

    def add(self, frame: int, objects: Sequence[MaskObject], names: Sequence[Hashable]) -> None:
        """Give the detections of a frame the names that the tracker gave them."""
        # Counted through over the classes: the three digits of the format's ids may not suffice
        # where many masks are missed, and TrackEval reads the class beside the id.
        self.frames[frame] = tuple(
            replace(item, object_id=self._numbers.setdefault(name, len(self._numbers) + 1))
            for item, name in zip(objects, names, strict=True)
        )


def link(
    frames: Iterable[Frame],
    detected: Mapping[float, Annotation],
    makers: Mapping[str, Callable[[], Linker]],
    observe: Observe,
) -> tuple[dict[Run, Annotation], dict[Run, float]]:
    """Let new trackers link the detections of a sequence.

    Args:
        frames: from frame 0 on.
        detected: what was detected, by the rate of misses; the ids in it are not looked at.
        makers: of the trackers, by name.

    Returns:
        By run, the detections with the trackers' ids, and linking's processor time in seconds.
    """
    linkers = {(rate, name): make() for rate in detected for name, make in makers.items()}
    answers = {run: Answer() for run in linkers}
    seconds = dict.fromkeys(linkers, 0.0)
    size = next(iter(detected.values())).size
    for number, frame in enumerate(frames):
        objects = {rate: found.frames.get(number, ()) for rate, found in detected.items()}
        sets = [detections_of(found, size) for found in objects.values()]
        observations = dict(zip(detected, observe(frame, sets), strict=True))
        for (rate, tracker), linker in linkers.items():
            start = time.process_time()
            names = linker.step(observations[rate])
            seconds[rate, tracker] += time.process_time() - start
            answers[rate, tracker].add(number, objects[rate], names)
    return {run: Annotation(size, answer.frames) for run, answer in answers.items()}, seconds


def detections_of(objects: Sequence[MaskObject], size: tuple[int, int]) -> Detections:
    """The boxes of masks, none of which is empty."""
    return Detections(
        np.array([box_of(item.rle, size) for item in objects], np.float32).reshape(-1, 4),
        np.full(len(objects), SCORE, np.float32),
        np.array([item.class_id - 1 for item in objects], np.int64),
    )


def _without_regions(truth: Annotation) -> Annotation:
    frames = {
        frame: tuple(
            item
            for item in objects
            if item.class_id != IGNORE_CLASS and box_of(item.rle, truth.size) is not None
        )
        for frame, objects in truth.frames.items()
    }
    return replace(truth, frames=frames)
