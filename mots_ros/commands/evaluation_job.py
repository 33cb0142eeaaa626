"""One sequence of an evaluation: what it is made from, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mots_ros.config import Config
from mots_ros.core.types import FloatArray, Frame
from mots_ros.data.bags import BagDrive, is_bag
from mots_ros.data.box_tracks import BoxTracks
from mots_ros.data.kitti import FolderDrive, open_folder
from mots_ros.data.kitti_mots import Annotation
from mots_ros.data.mot_challenge import read_boxes
from mots_ros.data.stamps import read_stamps
from mots_ros.data.track_text import TextFormat, Tracks, stated_extent
from mots_ros.data.tracked_bags import TrackedBag
from mots_ros.evaluation.collect import Timed, match_by_stamp, track
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.folder import RELINKED
from mots_ros.evaluation.numbering import NumberedDrive, by_file_name, by_index, by_stamp
from mots_ros.evaluation.relink import Remembered, relink
from mots_ros.evaluation.results import Results, TextResults
from mots_ros.evaluation.sequence import write_sequence

NO_BOXES = np.zeros((0, 4), np.float32)

Tick = Callable[[], object]
"""To be called after every step of the work."""


@dataclass(frozen=True)
class EvaluationJob:
    """What one sequence is evaluated from.

    form: of ground truth and results as text.
    truth: its file, None where nothing is to be scored.
    drive: bag or folder with its images, None where only results as text are compared.
    results: a recording of the live node, or text; None where images are to be tracked.
    gt_stamps: file with the stamps of all frames of the ground truth, where images have only some.
    public: file with public detections.
    """

    name: str
    form: TextFormat
    truth: Path | None
    drive: Path | None
    topic: str | None
    results: Path | None
    gt_stamps: Path | None
    public: Path | None

    @property
    def files(self) -> list[Path]:
        """What is read for the job: files and folders."""
        drive = None if self.drive is None else open_drive(self.drive, self.topic)
        images = drive.files if isinstance(drive, FolderDrive) else ()
        paths = (self.truth, self.drive, *images, self.results, self.gt_stamps, self.public)
        return [path for path in paths if path is not None]

    @property
    def steps(self) -> int:
        """How often ``evaluate`` ticks: for every image that it tracks, or once."""
        return len(open_drive(self.drive, self.topic)) if self.drive and not self.results else 1


@dataclass(frozen=True)
class Inputs:
    """What was read for a job.

    length: of the sequence in frames.
    results: what a live node published, or masks or boxes that another program wrote; None where
        images are to be tracked.
    """

    images: NumberedDrive | None
    truth: Tracks | None
    results: TrackedBag | Tracks | None
    public: Mapping[int, FloatArray] | None
    length: int


def repeatable(config: Config) -> Config:
    """The configuration with one thread for the network, where it leaves that open.

    With more, its sums come out different in their last digits, and scores would depend on the
    machine and on how many sequences share it.
    """
    return config if config.detector.threads else config.with_values({"detector.threads": 1})


def open_drive(path: Path, topic: str | None = None) -> BagDrive | FolderDrive:
    """The drive in a bag or in a folder of images; raises DriveError."""
    if path.is_dir() and not is_bag(path):
        return open_folder(path)
    return BagDrive(path, topic)


def read_inputs(job: EvaluationJob) -> Inputs:
    """Everything but the images, checked for fitting together.

    Raises AnnotationError, DriveError or EvaluationError where it does not.
    """
    length, size = None, None
    if job.truth is not None:
        length, size = stated_extent(job.truth, job.name)
    images = None if job.drive is None else _numbered(job, job.drive)
    if images is not None:
        size = next(iter(images))[1].size
        # A folder may hold but some of a recording: there may be frames after its last image.
        if length is None and (job.gt_stamps or isinstance(images.drive, BagDrive)):
            length = images.length
    truth = None
    if job.truth is not None:
        truth = job.form.read(job.truth, is_truth=True, size=size, length=length)
        size = truth.size if isinstance(truth, Annotation) else size
    results: TrackedBag | Tracks | None = None
    if job.results is not None and is_bag(job.results):
        results = TrackedBag(job.results)
    elif job.results is not None:
        results = job.form.read(job.results, is_truth=False, size=size, length=length)
    if length is None:
        texts = [item for item in (truth, results) if isinstance(item, (Annotation, BoxTracks))]
        length = max([0, *(max(item.frames, default=-1) + 1 for item in texts)])
        length = length if images is None else max(length, images.length)
    if images is not None:
        if images.length > length:
            raise EvaluationError(
                f"{job.truth}: expected ground truth of a sequence with all {images.length} frames "
                f"of {job.drive}, found one with {length}"
            )
        images = replace(images, length=length)
    public = None if job.public is None else read_boxes(job.public)
    return Inputs(images, truth, results, public, length)


def evaluate(
    job: EvaluationJob,
    tick: Tick,
    folder: Path,
    config: Config | None,
    least_similarity: float | None = None,
) -> None:
    """Do the job and write what comes of it into the folder.

    Args:
        tick: called as often as the job has steps.
        config: of our tracker, where images are to be tracked.
        least_similarity: above which broken tracks become one, in a folder of its own; None leaves
            them.

    Raises:
        AnnotationError, DriveError, EvaluationError: something cannot be used.
    """
    inputs = read_inputs(job)
    step_ms = relinked = None
    results: Results | TextResults | BoxTracks
    if isinstance(inputs.results, BoxTracks):
        results = inputs.results
    elif isinstance(inputs.results, Annotation):
        results = TextResults(inputs.results)
    elif inputs.images is None:
        raise EvaluationError(f"{job.name}: expected text to compare, or images to track")
    elif inputs.results is not None:
        results = match_by_stamp(inputs.images, inputs.results, inputs.results.class_names)
    else:
        results, relinked, step_ms = _track(
            inputs.images, inputs.public, config or Config(), least_similarity, tick
        )

    def write(into: Path, found: Results | TextResults | BoxTracks) -> None:
        write_sequence(
            into, job.name, inputs.length, found, inputs.truth, inputs.images, job.form, step_ms
        )

    if relinked is not None:
        write(folder / RELINKED, relinked)
    # Last, for it says that the sequence is finished.
    write(folder, results)
    if step_ms is None:
        tick()


def _numbered(job: EvaluationJob, path: Path) -> NumberedDrive:
    drive = open_drive(path, job.topic)
    if job.gt_stamps is not None:
        return by_stamp(drive, read_stamps(job.gt_stamps))
    if not isinstance(drive, FolderDrive):
        return by_index(drive)
    return by_file_name(drive, job.form.first_frame if job.truth or job.results else 0)


def _track(
    images: NumberedDrive,
    public: Mapping[int, FloatArray] | None,
    config: Config,
    least_similarity: float | None,
    tick: Tick,
) -> tuple[Results, Results | None, list[float]]:
    """The results, the same relinked if that is asked for, and the time for every image."""
    # Imported late: torch takes seconds to load, and results as text need none.
    from mots_ros.build import build_pipeline

    def frames() -> Iterator[tuple[int, Frame]]:
        for number, frame in images:
            if public is not None:
                frame = replace(frame, public=public.get(number, NO_BOXES))
            yield number, frame
            tick()

    pipeline = build_pipeline(config)
    timed = Timed(pipeline)
    if least_similarity is None:
        return track(frames(), timed, pipeline.detector.class_names), None, timed.step_ms
    remembered = Remembered(timed)
    results = track(frames(), remembered, pipeline.detector.class_names)
    ids = relink(remembered.tracklets, least_similarity)
    return results, results.renumbered(ids), timed.step_ms
