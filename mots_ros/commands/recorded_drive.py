"""What a detector saw in a drive, to be tracked over and over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mots_ros.commands.evaluation_job import EvaluationJob, Tick, read_inputs
from mots_ros.config import DetectorConfig
from mots_ros.core.masks import DeferredMasks
from mots_ros.core.types import Frame, Observation
from mots_ros.data.track_text import TextFormat, Tracks
from mots_ros.evaluation.collect import track
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.scores import Measures, measure
from mots_ros.pipeline import Detector, Pipeline
from mots_ros.trackers.base import Tracker


@dataclass(frozen=True)
class RecordedDrive:
    """A drive with ground truth, all of it in memory.

    numbers: of the frames that were seen, among the ``length`` frames of the ground truth.
    """

    name: str
    form: TextFormat
    truth: Tracks
    length: int
    numbers: list[int]
    observations: list[Observation[Any]]

    @classmethod
    def of(cls, job: EvaluationJob, detector: Detector, tick: Tick) -> RecordedDrive:
        """Let a detector see a job's drive.

        Raises AnnotationError, DriveError or EvaluationError where the job has no such inputs.
        """
        inputs = read_inputs(job)
        if inputs.images is None or inputs.truth is None or not job.form.has_masks:
            raise EvaluationError(f"{job.name}: expected images, and masks as ground truth")
        numbers: list[int] = []
        observations: list[Observation[Any]] = []
        detector.forget()
        for number, frame in inputs.images:
            numbers.append(number)
            observations += map(_settled, detector(frame))
            tick()
        observations += map(_settled, detector.finish())
        return cls(job.name, job.form, inputs.truth, inputs.length, numbers, observations)

    def scored(self, tracker: Tracker, class_names: Sequence[str]) -> dict[str, Measures]:
        """What TrackEval says of a tracker without tracks, by class name."""
        frames = zip(self.numbers, (seen.frame for seen in self.observations), strict=True)
        pipeline = Pipeline(_Playback(self.observations, class_names), tracker)
        reported, _ = track(frames, pipeline, class_names).annotation()
        return measure(self.truth, reported, self.length, self.form, self.name)


def _settled(seen: Observation[Any]) -> Observation[Any]:
    """The same without the network's maps, from which masks would be computed later."""
    found = seen.detections
    if isinstance(found.masks, DeferredMasks):
        found = replace(found, masks=found.masks.looked_at)
    return replace(seen, find=lambda: found)


class _Playback:
    """A detector that says again what one saw."""

    device = "cpu"
    runner = None
    config = DetectorConfig()
    head = None

    def __init__(self, observations: Sequence[Observation[Any]], class_names: Sequence[str]):
        self.class_names = tuple(class_names)
        self._observations: Iterator[Observation[Any]] = iter(observations)

    def __call__(self, frame: Frame) -> list[Observation[Any]]:
        return [next(self._observations)]

    def finish(self) -> list[Observation[Any]]:
        return []

    def forget(self) -> None: ...

    def sleep(self) -> None: ...

    def wake(self) -> None: ...
