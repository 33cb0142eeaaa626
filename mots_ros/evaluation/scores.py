"""Scores of one sequence, computed by TrackEval as it is published.

TrackEval reads files, so annotation and results go through a temporary folder in the layout that
its KITTI MOTS reader expects. Its "CLEAR" numbers on masks are those of Voigtlaender et al., MOTS:
Multi-Object Tracking and Segmentation, equations 1 to 3.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mots_ros.data.kitti_mots import CLASS_NAMES, Annotation, write
from mots_ros.evaluation.errors import EvaluationError

_SEQUENCE = "sequence"
_TRACKER = "tracker"


def _score(title: str) -> Any:
    return field(metadata={"title": title})


@dataclass(frozen=True)
class ClassScores:
    """The scores of one class.

    Scores are in percent and at most 100; only motsa and smotsa can fall below 0. They are NaN
    where the ground truth has no object of the class. The counts are those of matches at a mask
    IoU of at least 0.5; false alarms inside ignore regions count nowhere.
    """

    hota: float = _score("HOTA")
    det_a: float = _score("DetA")
    ass_a: float = _score("AssA")
    smotsa: float = _score("sMOTSA")
    motsa: float = _score("MOTSA")
    motsp: float = _score("MOTSP")
    idf1: float = _score("IDF1")
    id_switches: int = _score("IDSW")
    true_positives: int = _score("TP")
    false_positives: int = _score("FP")
    false_negatives: int = _score("FN")
    truth_masks: int = _score("GT_Dets")
    truth_tracks: int = _score("GT_IDs")
    result_masks: int = _score("Dets")
    result_tracks: int = _score("IDs")


def titles() -> dict[str, str]:
    """The customary name of every field of ClassScores, in order."""
    return {entry.name: entry.metadata["title"] for entry in fields(ClassScores)}


def score(truth: Annotation, results: Annotation, length: int) -> dict[str, ClassScores]:
    """Score the ``length`` frames of a sequence, by class name.

    Raises EvaluationError where the two do not describe the same images, or TrackEval refuses.
    """
    check_fits("the ground truth", truth, results.size, length)
    check_fits("the results", results, results.size, length)
    with TemporaryDirectory(prefix="mots_ros_") as folder:
        _write_layout(Path(folder), truth, results)
        by_class = _run_trackeval(Path(folder), length)
    return {name: _class_scores(by_class[name]) for name in CLASS_NAMES}


def check_fits(name: str, annotation: Annotation, size: tuple[int, int], length: int) -> None:
    """Raise EvaluationError unless ``annotation`` fits ``length`` images of ``size`` (H, W)."""
    if annotation.size != size:
        raise EvaluationError(
            f"{name}: expected masks of {_extent(size)} pixels like the images, found "
            f"{_extent(annotation.size)}"
        )
    last = max(annotation.frames, default=-1)
    if last >= length:
        raise EvaluationError(
            f"{name}: expected objects in frames 0 to {length - 1} of the drive, found some in "
            f"frame {last}"
        )


def _write_layout(folder: Path, truth: Annotation, results: Annotation) -> None:
    truth_file = folder / "truth" / "label_02" / f"{_SEQUENCE}.txt"
    results_file = folder / "results" / _TRACKER / "data" / f"{_SEQUENCE}.txt"
    for path, annotation in ((truth_file, truth), (results_file, results)):
        path.parent.mkdir(parents=True)
        write(path, annotation)


def _run_trackeval(folder: Path, length: int) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """TrackEval's numbers by class name, metric and field."""
    said = io.StringIO()  # it prints its settings, its progress and its tracebacks
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        # Imported late: it brings matplotlib, and most users of this room need no scores.
        import trackeval

        quiet: dict[str, Any] = {"PRINT_CONFIG": False}
        evaluator = trackeval.Evaluator(
            {
                **quiet,
                "USE_PARALLEL": False,
                "BREAK_ON_ERROR": True,
                "LOG_ON_ERROR": None,
                "PRINT_RESULTS": False,
                "TIME_PROGRESS": False,
                "OUTPUT_SUMMARY": False,
                "OUTPUT_DETAILED": False,
                "PLOT_CURVES": False,
            }
        )
        try:
            dataset = trackeval.datasets.KittiMOTS(
                {
                    **quiet,
                    "GT_FOLDER": str(folder / "truth"),
                    "TRACKERS_FOLDER": str(folder / "results"),
                    "TRACKERS_TO_EVAL": [_TRACKER],
                    "CLASSES_TO_EVAL": list(CLASS_NAMES),
                    "SEQ_INFO": {_SEQUENCE: length},
                }
            )
            metrics = [
                trackeval.metrics.HOTA(),
                trackeval.metrics.CLEAR(dict(quiet)),
                trackeval.metrics.Identity(dict(quiet)),
            ]
            answers, _ = evaluator.evaluate([dataset], metrics)
        except (trackeval.utils.TrackEvalException, AssertionError) as error:
            raise EvaluationError(f"TrackEval refuses: {error or type(error).__name__}") from error
    combined: Mapping[str, Any] = answers["KittiMOTS"][_TRACKER]["COMBINED_SEQ"]
    return combined


def _class_scores(metrics: Mapping[str, Mapping[str, Any]]) -> ClassScores:
    hota, clear, identity = metrics["HOTA"], metrics["CLEAR"], metrics["Identity"]
    count = metrics["Count"]
    # TrackEval fills in zeros and ones where nothing can be measured.
    percent = 100.0 if count["GT_Dets"] > 0 else math.nan
    return ClassScores(
        hota=percent * float(hota["HOTA"].mean()),
        det_a=percent * float(hota["DetA"].mean()),
        ass_a=percent * float(hota["AssA"].mean()),
        smotsa=percent * float(clear["sMOTA"]),
        motsa=percent * float(clear["MOTA"]),
        motsp=percent * float(clear["MOTP"]),
        idf1=percent * float(identity["IDF1"]),
        id_switches=int(clear["IDSW"]),
        true_positives=int(clear["CLR_TP"]),
        false_positives=int(clear["CLR_FP"]),
        false_negatives=int(clear["CLR_FN"]),
        truth_masks=int(count["GT_Dets"]),
        truth_tracks=int(count["GT_IDs"]),
        result_masks=int(count["Dets"]),
        result_tracks=int(count["IDs"]),
    )


def _extent(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]}"
