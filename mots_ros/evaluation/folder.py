"""The folder of an evaluation: scores of its sequences, their results and pictures.

scores.json, scores.csv      of every sequence, and of all as one
results/<sequence>.txt       masks as text, frames counted as the ground truth does
boxes/<class>/<sequence>.txt of our tracker, as MOT Challenge text
run.json                     what the scores depend on
sequences/<sequence>/        contact_sheet.png, tracks.png, switches/ (pictures of the worst id
                             switches), trackeval.json (every number that TrackEval has) and
                             summary.json, which is written last
relinked/                    all but run.json once more, with broken tracks become one, where
                             that was asked for
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mots_ros.data.drives import Drive
from mots_ros.data.kitti_mots import Annotation
from mots_ros.data.track_text import KITTI_MOTS, TextFormat
from mots_ros.data.tracked_bags import TrackedBag
from mots_ros.evaluation.collect import match_by_stamp
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.numbering import by_index, runs
from mots_ros.evaluation.scores import check_fits, combine
from mots_ros.evaluation.sequence import read_sequences, write_sequence
from mots_ros.evaluation.summary import SCORES, Document, Summary, read_json, scored, write_json
from mots_ros.evaluation.table import document_table, score_csv

RELINKED = "relinked"
_SETTINGS = "run.json"
_MAX_LISTED = 6


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


def make_folder(folder: Path, settings: Mapping[str, Any] | None = None) -> None:
    """Make the folder; raises EvaluationError where something is in it already.

    Args:
        settings: what the scores will depend on, for ``resume_folder``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        occupied = any(folder.iterdir())
    except OSError as error:
        raise EvaluationError(f"{folder}: cannot make this folder: {error.strerror}") from error
    if occupied:
        raise EvaluationError(
            f"{folder}: expected a new or empty folder; it is not overwritten, and only --resume "
            "goes on in one"
        )
    if settings is not None:
        write_json(folder / _SETTINGS, settings)


def resume_folder(folder: Path, settings: Mapping[str, Any]) -> None:
    """Go on in a folder that ``make_folder`` made, or make it where it was not begun.

    Raises EvaluationError where it has other settings, and says which.
    """
    if not folder.exists():
        make_folder(folder, settings)
        return
    before = _flat(read_json(folder / _SETTINGS))
    now = _flat(settings)
    changed = [
        f"{name} was {json.dumps(before.get(name))} and is {json.dumps(now.get(name))} now"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if changed:
        raise EvaluationError(f"{folder}: cannot go on with other settings: {'; '.join(changed)}")


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
    write_sequence(folder, drive.name, len(drive), results, truth, images, live=live)
    return write_scores(folder)


def write_scores(
    folder: Path, parameters: Mapping[str, Any] | None = None, form: TextFormat = KITTI_MOTS
) -> Report:
    """Write ``scores.json`` and ``scores.csv`` of all sequences that are in the folder.

    Args:
        parameters: of our tracker, where it made the results.
        form: of the ground truth.
    """
    sequences = {summary["sequence"]: (summary, of) for summary, of in read_sequences(folder)}
    measures = {name: of for name, (_, of) in sequences.items() if of}
    document: Document = {
        "kind": "masks" if form.has_masks else "boxes",
        "parameters": None if parameters is None else dict(parameters),
        "sequences": {name: summary for name, (summary, _) in sequences.items()},
        "combined": scored(combine(measures), form.has_masks),
    }
    if measures:
        (folder / "scores.csv").write_text(score_csv(document), encoding="utf-8")
    write_json(folder / SCORES, document)
    return Report(folder, document)


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the parameters of our tracker among them."""
    return {**settings, **(settings["parameters"] or {}), "parameters": None}


def _about(summary: Summary) -> str:
    """Which frames of a sequence there are."""
    said = f"{summary['sequence']}: {summary['frames']} frames"
    if summary["frames_without_image"]:
        said += f", {_listed(summary['frames_without_image'])} without an image"
    if summary["frames_without_result"]:
        return f"{said}, {_listed(summary['frames_without_result'])} without a result"
    return f"{said}, a result for every {'other' if summary['frames_without_image'] else 'one'}"


def _listed(frames: Sequence[int]) -> str:
    """How many frames, and which stretches of them."""
    stretches = runs(frames)
    shown = ", ".join(
        f"{first} to {last}" if first < last else f"{first}"
        for first, last in stretches[:_MAX_LISTED]
    )
    more = ", ..." if len(stretches) > _MAX_LISTED else ""
    return f"{len(frames)} of them ({shown}{more})"
