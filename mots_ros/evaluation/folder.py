"""The folder of an evaluation: scores of its sequences, their results and pictures.

    scores.json, scores.csv      of every sequence, and of all as one
    results/<sequence>.txt       as KITTI MOTS text
    boxes/<class>/<sequence>.txt as MOT Challenge text
    sequences/<sequence>/        contact_sheet.png, tracks.png, switches/ (pictures of the worst id
                                 switches), trackeval.json (every number that TrackEval has) and
                                 summary.json, which is written last
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2

from mots_ros.data import kitti_mots, mot_challenge
from mots_ros.data.drives import Drive
from mots_ros.data.kitti_mots import Annotation
from mots_ros.data.tracked_bags import TrackedBag
from mots_ros.evaluation import contact_sheet
from mots_ros.evaluation.collect import match_by_stamp
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.matching import FrameMatches, match
from mots_ros.evaluation.numbering import NumberedDrive, by_index
from mots_ros.evaluation.plots import save_tracks_plot
from mots_ros.evaluation.results import Results
from mots_ros.evaluation.scores import check_fits, combine, measure
from mots_ros.evaluation.summary import (
    Document,
    Summary,
    from_plain,
    plain,
    read_json,
    scored,
    write_json,
)
from mots_ros.evaluation.switch_pictures import save_worst_switches
from mots_ros.evaluation.table import document_table, score_csv

_SCORES = "scores.json"
_SEQUENCES = "sequences"
_SUMMARY = "summary.json"
_TRACKEVAL = "trackeval.json"
_SWITCHES = "switches"

_MAX_LISTED = 10


@dataclass(frozen=True)
class Report:
    """An evaluation's folder and its scores."""

    folder: Path
    document: Document

    @property
    def unanswered(self) -> int:
        """How many frames with an image have no result."""
        sequences = self.document["sequences"].values()
        return sum(len(summary["frames_without_result"]) for summary in sequences)

    def text(self) -> str:
        """For the terminal."""
        lines = [_about(summary) for summary in self.document["sequences"].values()]
        if self.document["combined"]["scores"]:
            lines += ["", document_table(self.document), ""]
        return "\n".join([*lines, *(f"  {path}" for path in sorted(self.folder.iterdir()))])


def make_folder(folder: Path) -> None:
    """Make the folder; raises EvaluationError where something is in it already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        occupied = any(folder.iterdir())
    except OSError as error:
        raise EvaluationError(f"{folder}: cannot make this folder: {error.strerror}") from error
    if occupied:
        raise EvaluationError(f"{folder}: expected a new or empty folder; it is not overwritten")


def load_scores(folder: Path) -> Document:
    """The scores in an evaluation's folder; raises EvaluationError where there are none."""
    return cast(Document, read_json(folder / _SCORES))


def report_recording(
    folder: Path,
    drive: Drive,
    recording: Path,
    truth: Annotation | None = None,
    live: Mapping[str, Any] | None = None,
) -> Report:
    """Fill a new folder with what a live node published while ``drive`` was played.

    Args:
        recording: a bag of the node's detections, masks and label info.
        live: what was measured while it ran, for the summary.

    Raises:
        DriveError: the recording cannot be read.
        EvaluationError: as for ``make_folder`` and ``write_sequence``, or it was recorded from
            another drive.
    """
    images = by_index(drive)
    tracked = TrackedBag(recording)
    results = match_by_stamp(images, tracked, tracked.class_names)
    if truth is not None:
        check_fits("the ground truth", truth, results.size, images.length)
    make_folder(folder)
    write_sequence(folder, images, results, truth, live=live)
    return write_scores(folder)


def write_scores(folder: Path, parameters: Mapping[str, Any] | None = None) -> Report:
    """Write ``scores.json`` and ``scores.csv`` of all sequences that are in the folder.

    Args:
        parameters: of our tracker, where it made the results.
    """
    summaries: dict[str, Summary] = {}
    measures = {}
    for path in sorted((folder / _SEQUENCES).glob(f"*/{_SUMMARY}")):
        summary = cast(Summary, read_json(path))
        summaries[summary["sequence"]] = summary
        if summary["scores"] is not None:
            measures[summary["sequence"]] = from_plain(read_json(path.with_name(_TRACKEVAL)))
    document: Document = {
        "kind": "masks",
        "parameters": None if parameters is None else dict(parameters),
        "sequences": summaries,
        "combined": scored(combine(measures)),
    }
    if measures:
        (folder / "scores.csv").write_text(score_csv(document), encoding="utf-8")
    write_json(folder / _SCORES, document)
    return Report(folder, document)


def write_sequence(
    folder: Path,
    images: NumberedDrive,
    results: Results,
    truth: Annotation | None = None,
    step_ms: Sequence[float] | None = None,
    live: Mapping[str, Any] | None = None,
) -> Summary:
    """Write results, pictures and, where there is ground truth, scores of one sequence.

    Args:
        images: whose frames the results are of.
        step_ms: the tracker's time for every image.
        live: what was measured while a live node ran.

    Raises EvaluationError where truth, results and images do not fit together.
    """
    name, length = images.name, images.length
    if truth is not None:
        check_fits("the ground truth", truth, results.size, length)
    unanswered = [frame for frame in images.numbers if frame not in results]
    # Boxes first: they remain where KITTI MOTS' format has not enough ids for the masks.
    for label, class_name in enumerate(results.class_names):
        path = _into(folder, "boxes", class_name, f"{name}.txt")
        mot_challenge.write_tracks(path, results.boxes(label))
    reported, track_ids = results.annotation()
    kitti_mots.write(_into(folder, "results", f"{name}.txt"), reported)

    measures = None
    matches: list[FrameMatches] = []
    if truth is not None:
        measures = measure(truth, reported, length)
        matches = match(truth, reported, length)
        plot = _into(folder, _SEQUENCES, name, "tracks.png")
        save_tracks_plot(plot, f"{name}: tracks", matches, track_ids, unanswered)
        switches = folder / _SEQUENCES / name / _SWITCHES
        save_worst_switches(switches, images, truth, reported, matches, track_ids)
        write_json(_into(folder, _SEQUENCES, name, _TRACKEVAL), plain(measures))
    sheet = _contact_sheet(images, results, reported, track_ids, truth, matches)
    path = _into(folder, _SEQUENCES, name, "contact_sheet.png")
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))

    of_classes = None if measures is None else scored(measures)
    summary: Summary = {
        "sequence": name,
        "frames": length,
        "frames_without_result": unanswered,
        "frames_without_image": images.frames_without_image,
        "scores": None if of_classes is None else of_classes["scores"],
        "curves": None if of_classes is None else of_classes["curves"],
        "step_ms": None if step_ms is None else list(step_ms),
        "live": None if live is None else dict(live),
    }
    write_json(_into(folder, _SEQUENCES, name, _SUMMARY), summary)
    return summary


def _into(folder: Path, *parts: str) -> Path:
    """A file's path, whose folder exists from now on."""
    path = folder.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _contact_sheet(
    images: NumberedDrive,
    results: Results,
    reported: Annotation,
    track_ids: Mapping[int, int],
    truth: Annotation | None,
    matches: Sequence[FrameMatches],
) -> Any:
    counts = [len(reported.frames.get(frame, ())) for frame in range(images.length)]
    remarks = contact_sheet.choose_frames(counts, matches, track_ids)
    title = f"{images.name}: {len(remarks)} of {images.length} frames"
    if truth is not None:
        title += ", white outline: missed"
    tiles = list(_tiles(images, remarks, results, truth, matches))
    return contact_sheet.compose(title, tiles, results.class_names)


def _tiles(
    images: NumberedDrive,
    remarks: Mapping[int, str],
    results: Results,
    truth: Annotation | None,
    matches: Sequence[FrameMatches],
) -> Iterator[contact_sheet.Tile]:
    for number, frame in images:
        if number not in remarks:
            continue
        caption = f"frame {number}   {remarks[number]}"
        if number not in results:
            caption += "   no result"
        missed = None
        if truth is not None:
            missed = contact_sheet.missed_objects(truth, matches[number], number)
        yield contact_sheet.Tile(caption, frame.image, results.tracked(number), missed)


def _about(summary: Summary) -> str:
    """Which frames of a sequence there are."""
    said = f"{summary['sequence']}: {summary['frames']} frames"
    if summary["frames_without_image"]:
        said += f", {_listed(summary['frames_without_image'])} without an image"
    if summary["frames_without_result"]:
        return f"{said}, {_listed(summary['frames_without_result'])} without a result"
    return f"{said}, a result for every one"


def _listed(frames: Sequence[int]) -> str:
    shown = ", ".join(map(str, frames[:_MAX_LISTED]))
    more = ", ..." if len(frames) > _MAX_LISTED else ""
    return f"{len(frames)} of them ({shown}{more})"
