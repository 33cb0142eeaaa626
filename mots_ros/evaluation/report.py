"""Everything that evaluation leaves on disk for one drive."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from mots_ros.data import kitti_mots, mot_challenge
from mots_ros.data.drives import Drive
from mots_ros.data.kitti_mots import Annotation
from mots_ros.data.tracked_bags import TrackedBag
from mots_ros.evaluation import contact_sheet
from mots_ros.evaluation.collect import match_by_stamp
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.matching import FrameMatches, match
from mots_ros.evaluation.plots import save_tracks_plot
from mots_ros.evaluation.results import Results
from mots_ros.evaluation.scores import ClassScores, check_fits, score
from mots_ros.evaluation.table import score_csv, score_table, score_values

_MAX_LISTED = 10


@dataclass(frozen=True)
class Report:
    """What ``write_report`` found out and where it wrote it.

    unanswered: frames without a result, as a live node leaves them when it is too slow.
    scores: by class name, None without ground truth.
    files: what was written.
    """

    drive: str
    frames: int
    unanswered: tuple[int, ...]
    scores: Mapping[str, ClassScores] | None
    files: tuple[Path, ...]

    def text(self) -> str:
        """For the terminal."""
        lines = [f"{self.drive}: {self.frames} frames, {self._missing()}"]
        if self.scores is not None:
            lines += ["", score_table(self.scores), ""]
        return "\n".join([*lines, *(f"  {path}" for path in self.files)])

    def _missing(self) -> str:
        if not self.unanswered:
            return "a result for every one"
        listed = ", ".join(map(str, self.unanswered[:_MAX_LISTED]))
        more = ", ..." if len(self.unanswered) > _MAX_LISTED else ""
        return f"{len(self.unanswered)} of them without a result: {listed}{more}"


def read_truth(path: Path, drive: str) -> Annotation:
    """The annotation of a drive in the file ``path``, or in ``<drive>.txt`` of the folder ``path``.

    Raises AnnotationError where it cannot be read.
    """
    return kitti_mots.read(path / f"{drive}.txt" if path.is_dir() else path)


def make_folder(folder: Path) -> None:
    """Make the folder for a report; raises EvaluationError where something is in it already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        occupied = any(folder.iterdir())
    except OSError as error:
        raise EvaluationError(f"{folder}: cannot make this folder: {error.strerror}") from error
    if occupied:
        raise EvaluationError(f"{folder}: expected a new or empty folder; it is not overwritten")


def report_recording(
    folder: Path, drive: Drive, recording: Path, truth: Annotation | None = None
) -> Report:
    """``write_report`` for what a live node published while ``drive`` was played.

    Args:
        recording: a bag of the node's detections, masks and label info.

    Raises:
        DriveError: the recording cannot be read.
        EvaluationError: as for ``write_report``, or it was recorded from another drive.
    """
    tracked = TrackedBag(recording)
    results = match_by_stamp(drive, tracked, tracked.class_names)
    return write_report(folder, drive, results, truth)


def write_report(
    folder: Path,
    drive: Drive,
    results: Results,
    truth: Annotation | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Report:
    """Write results, pictures and, where there is ground truth, scores into a new folder.

    The folder gets ``results/<drive>.txt`` in the KITTI MOTS format, ``boxes/<class>/<drive>.txt``
    in the MOT Challenge format and ``contact_sheet.png``; with ground truth also ``scores.json``,
    ``scores.csv`` and ``tracks.png``.

    Args:
        drive: whose frames the results are of; frame i of the truth is its i-th.
        parameters: that the results came from, noted beside the scores.

    Raises:
        EvaluationError: the folder has files, or truth, results and drive do not fit together.
    """
    length = len(drive)
    if truth is not None:
        check_fits("the ground truth", truth, results.size, length)
    unanswered = tuple(frame for frame in range(length) if frame not in results)
    make_folder(folder)
    files: list[Path] = []

    def into(*parts: str) -> Path:
        files.append(folder.joinpath(*parts))
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        return files[-1]

    # Boxes first: they remain where KITTI MOTS' format has not enough ids for the masks.
    for label, name in enumerate(results.class_names):
        mot_challenge.write_tracks(into("boxes", name, f"{drive.name}.txt"), results.boxes(label))
    reported, track_ids = results.annotation()
    kitti_mots.write(into("results", f"{drive.name}.txt"), reported)

    scores = None
    matches: list[FrameMatches] = []
    if truth is not None:
        scores = score(truth, reported, length)
        matches = match(truth, reported, length)
        facts = {
            "drive": drive.name,
            "frames": length,
            "frames_without_result": list(unanswered),
            "scores": score_values(scores),
            **({"parameters": dict(parameters)} if parameters else {}),
        }
        into("scores.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        into("scores.csv").write_text(score_csv(scores), encoding="utf-8")
        save_tracks_plot(
            into("tracks.png"), f"{drive.name}: tracks", matches, track_ids, unanswered
        )

    counts = [len(reported.frames.get(frame, ())) for frame in range(length)]
    remarks = contact_sheet.choose_frames(counts, matches, track_ids)
    title = f"{drive.name}: {len(remarks)} of {length} frames"
    if truth is not None:
        title += ", white outline: missed"
    tiles = list(_tiles(drive, remarks, results, truth, matches))
    sheet = contact_sheet.compose(title, tiles, results.class_names)
    cv2.imwrite(str(into("contact_sheet.png")), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    return Report(drive.name, length, unanswered, scores, tuple(files))


def _tiles(
    drive: Drive,
    remarks: Mapping[int, str],
    results: Results,
    truth: Annotation | None,
    matches: Sequence[FrameMatches],
) -> Iterator[contact_sheet.Tile]:
    for number, frame in enumerate(drive):
        if number not in remarks:
            continue
        caption = f"frame {number}   {remarks[number]}"
        if number not in results:
            caption += "   no result"
        missed = None
        if truth is not None:
            missed = contact_sheet.missed_objects(truth, matches[number], number)
        yield contact_sheet.Tile(caption, frame.image, results.tracked(number), missed)
