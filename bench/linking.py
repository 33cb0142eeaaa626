"""Detections whose mistakes are known, and what trackers make of them, sequence by sequence."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import linkers
import numpy as np
import peers
from given_objects import GivenObjects
from linkers import SEARCHING, Linker

from mots_ros.config import Config
from mots_ros.core.types import Detections, Frame, Observation
from mots_ros.data.kitti_mots import CLASS_NAMES, Annotation, MaskObject
from mots_ros.data.replica import ReplicaDrive
from mots_ros.data.rle import box_of
from mots_ros.detection.detector import letterbox_of
from mots_ros.evaluation import damage
from mots_ros.evaluation.scores import Measures, measure

SCORE = 0.9
"""Of every detection: no tracker can tell false alarms by it, all take it for a sure one."""

PERFECT = "perfect"
"""In a tracker's place: the annotation's own ids."""

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
        jittered = damage.jitter(_visible(truth), self.jitter, self.seed)
        detected = {}
        for rate in rates:
            left = damage.miss(jittered, rate, self.seed, self.burst)
            detected[rate] = damage.add_false_alarms(left, self.false_alarms, length, self.seed)
        return detected


@dataclass(frozen=True)
class Recorded:
    """A sequence: its annotation file, and as much of what is in it as counts."""

    path: Path
    truth: Annotation

    @property
    def length(self) -> int:
        """Frames, up to the last with an object."""
        return max(self.truth.frames) + 1


@dataclass(frozen=True)
class Setup:
    """What is done with every sequence: rates of misses, and names of trackers."""

    rates: Sequence[float]
    damage: Damage
    trackers: Sequence[str]
    config: Config


@dataclass(frozen=True)
class Measured:
    """What was measured on one sequence: by run, scores by class and processor time in seconds."""

    measures: Mapping[Run, Mapping[str, Measures]]
    seconds: Mapping[Run, float]


def measure_sequence(recorded: Recorded, tick: Callable[[], object], setup: Setup) -> Measured:
    """Let all trackers link a sequence, and score them; ``tick`` is called after each frame."""
    truth, length = recorded.truth, recorded.length
    detected = setup.damage.detections(truth, setup.rates, length)
    frames, observe = _seen(recorded, setup)
    answers, seconds = link(_ticking(frames, tick), detected, _makers(setup), observe)
    answers.update({(rate, PERFECT): found for rate, found in detected.items()})
    measures = {run: measure(truth, answer, length) for run, answer in answers.items()}
    return Measured(measures, seconds)


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
    runs = {(rate, name): make() for rate in detected for name, make in makers.items()}
    answers = {run: Answer() for run in runs}
    seconds = dict.fromkeys(runs, 0.0)
    size = next(iter(detected.values())).size
    for number, frame in enumerate(frames):
        objects = {rate: found.frames.get(number, ()) for rate, found in detected.items()}
        sets = [detections_of(found, size) for found in objects.values()]
        observations = dict(zip(detected, observe(frame, sets), strict=True))
        for (rate, tracker), linker in runs.items():
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


def _makers(setup: Setup) -> dict[str, Callable[[], Linker]]:
    config = setup.config.tracker
    ours, foreign = linkers.makers(config), peers.makers(config.frame_rate)
    return {
        name: ours[name]
        if name in ours
        else partial(peers.PerClass, foreign[name], len(CLASS_NAMES))
        for name in setup.trackers
    }


def _seen(recorded: Recorded, setup: Setup) -> tuple[Iterator[Frame], Observe]:
    """Replicas for trackers that look at images, black images for the others."""
    size, length, rate = recorded.truth.size, recorded.length, setup.config.tracker.frame_rate
    if SEARCHING in setup.trackers:
        drive = ReplicaDrive(recorded.path, seed=0, rate=rate, length=length)
        return (item.frame for item in drive), GivenObjects(setup.config.detector)
    letterbox, black = letterbox_of(size, setup.config.detector), np.zeros((*size, 3), np.uint8)

    def observe(frame: Frame, sets: list[Detections]) -> list[Observation[Any]]:
        def seen(detections: Detections) -> Observation[Any]:
            return Observation(frame, letterbox, lambda: detections, None)

        return list(map(seen, sets))

    return (Frame(round(i * 1e9 / rate), "", black) for i in range(length)), observe


def _ticking(frames: Iterable[Frame], tick: Callable[[], object]) -> Iterator[Frame]:
    for frame in frames:
        yield frame
        tick()


def _visible(truth: Annotation) -> Annotation:
    """The objects that have a pixel."""
    frames = {
        frame: tuple(item for item in objects if box_of(item.rle, truth.size) is not None)
        for frame, objects in truth.without_ignored().frames.items()
    }
    return replace(truth, frames=frames)
