"""Scores of sequences, computed and combined by TrackEval as it is published.

TrackEval reads files, so ground truth and results go through a temporary folder in the layout that
its readers expect. Its "CLEAR" numbers on masks are those of Voigtlaender et al., MOTS:
Multi-Object Tracking and Segmentation, equations 1 to 3.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mots_ros.data.kitti_mots import Annotation
from mots_ros.data.track_text import KITTI_MOTS, TextFormat, Tracks
from mots_ros.evaluation.benchmarks import SEQUENCE, TRACKER, lay_out
from mots_ros.evaluation.errors import EvaluationError

_CURVES = ("HOTA", "DetA", "AssA", "LocA")

Measures = Mapping[str, Mapping[str, Any]]
"""Everything that TrackEval says of one class: its numbers and arrays by metric and field."""

Values = dict[str, float | int | None]
"""Scores in percent and counts by customary name, None where nothing can be measured."""


def _score(title: str) -> Any:
    return field(metadata={"title": title})


@dataclass(frozen=True)
class ClassScores:
    """The scores of one class.

    Scores are in percent and at most 100; only motsa and smotsa can fall below 0. They are NaN
    where the ground truth has no object of the class, loc_a and motsp where nothing matches. The
    counts are those of matches at an IoU of at least 0.5; false alarms inside ignore regions count
    nowhere. Tracked mostly, partly and hardly at all are objects of which more than 80 %, 20 to
    80 % and less are matched. On boxes, smotsa, motsa and motsp are what is called sMOTA, MOTA and
    MOTP.
    """

    hota: float = _score("HOTA")
    det_a: float = _score("DetA")
    ass_a: float = _score("AssA")
    loc_a: float = _score("LocA")
    smotsa: float = _score("sMOTSA")
    motsa: float = _score("MOTSA")
    motsp: float = _score("MOTSP")
    idf1: float = _score("IDF1")
    id_switches: int = _score("IDSW")
    fragmentations: int = _score("Frag")
    mostly_tracked: int = _score("MT")
    partly_tracked: int = _score("PT")
    mostly_lost: int = _score("ML")
    true_positives: int = _score("TP")
    false_positives: int = _score("FP")
    false_negatives: int = _score("FN")
    truth_masks: int = _score("GT_Dets")
    truth_tracks: int = _score("GT_IDs")
    result_masks: int = _score("Dets")
    result_tracks: int = _score("IDs")


def titles(has_masks: bool = True) -> dict[str, str]:
    """The customary name of every field of ClassScores, in order, on masks or on boxes."""
    named = {entry.name: entry.metadata["title"] for entry in fields(ClassScores)}
    return named if has_masks else {**named, "smotsa": "sMOTA", "motsa": "MOTA", "motsp": "MOTP"}


def score(truth: Annotation, results: Annotation, length: int) -> dict[str, ClassScores]:
    """Score the ``length`` frames of a sequence, by class name; raises as ``measure`` does."""
    return {name: class_scores(of) for name, of in measure(truth, results, length).items()}


def measure(
    truth: Tracks, results: Tracks, length: int, form: TextFormat = KITTI_MOTS, name: str = ""
) -> dict[str, Measures]:
    """All that TrackEval says of the ``length`` frames of a sequence, by class name.

    Args:
        form: of both, which says by which benchmark's rules they are compared.
        name: of the sequence, which tells MOT20 from MOT17.

    Raises EvaluationError where the two do not describe the same images, or TrackEval refuses.
    """
    if isinstance(truth, Annotation) and isinstance(results, Annotation):
        check_fits("the ground truth", truth, results.size, length)
        check_fits("the results", results, results.size, length)
    with TemporaryDirectory(prefix="mots_ros_") as folder:
        dataset, settings = lay_out(Path(folder), form, name, truth, results, length)
        return dict(_run_trackeval(dataset, settings))


def combine(sequences: Mapping[str, Mapping[str, Measures]]) -> dict[str, Measures]:
    """Several sequences, each by class name, as one; the combination is TrackEval's."""
    with _silence():
        metrics = [*_metrics(), _trackeval().metrics.Count()]
    # In TrackEval's order, so that sums are the same to the last digit.
    names = sorted(sequences)
    return {
        class_name: {
            metric.get_name(): metric.combine_sequences(
                {name: sequences[name][class_name][metric.get_name()] for name in names}
            )
            for metric in metrics
        }
        for class_name in (sequences[names[0]] if names else ())
    }


def class_scores(measures: Measures) -> ClassScores:
    """The scores within what TrackEval says of a class."""
    hota, clear, identity = measures["HOTA"], measures["CLEAR"], measures["Identity"]
    count = measures["Count"]
    # TrackEval fills in zeros and ones where nothing can be measured.
    percent = 100.0 if count["GT_Dets"] > 0 else math.nan
    of_matches = percent if hota["HOTA_TP"].any() else math.nan
    return ClassScores(
        hota=percent * float(hota["HOTA"].mean()),
        det_a=percent * float(hota["DetA"].mean()),
        ass_a=percent * float(hota["AssA"].mean()),
        loc_a=of_matches * float(hota["LocA"].mean()),
        smotsa=percent * float(clear["sMOTA"]),
        motsa=percent * float(clear["MOTA"]),
        motsp=(percent if clear["CLR_TP"] else math.nan) * float(clear["MOTP"]),
        idf1=percent * float(identity["IDF1"]),
        id_switches=int(clear["IDSW"]),
        fragmentations=int(clear["Frag"]),
        mostly_tracked=int(clear["MT"]),
        partly_tracked=int(clear["PT"]),
        mostly_lost=int(clear["ML"]),
        true_positives=int(clear["CLR_TP"]),
        false_positives=int(clear["CLR_FP"]),
        false_negatives=int(clear["CLR_FN"]),
        truth_masks=int(count["GT_Dets"]),
        truth_tracks=int(count["GT_IDs"]),
        result_masks=int(count["Dets"]),
        result_tracks=int(count["IDs"]),
    )


def score_values(scores: Mapping[str, ClassScores], has_masks: bool = True) -> dict[str, Values]:
    """Plain numbers by class and customary name, as ``titles`` has it."""
    return {
        name: {
            title: None if math.isnan(getattr(entry, attribute)) else getattr(entry, attribute)
            for attribute, title in titles(has_masks).items()
        }
        for name, entry in scores.items()
    }


def curves(measures: Measures) -> dict[str, list[float]]:
    """HOTA, DetA, AssA and LocA in percent over the localisation threshold ``alpha``."""
    hota = measures["HOTA"]
    alpha = [round(0.05 * step, 2) for step in range(1, 1 + len(hota["HOTA"]))]
    return {"alpha": alpha, **{name: (100 * hota[name]).tolist() for name in _CURVES}}


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


def _run_trackeval(dataset: str, settings: Mapping[str, Any]) -> Mapping[str, Measures]:
    """What TrackEval says, by class name."""
    with _silence():
        trackeval = _trackeval()
        evaluator = trackeval.Evaluator(
            {
                "PRINT_CONFIG": False,
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
            reader = getattr(trackeval.datasets, dataset)(dict(settings))
            answers, _ = evaluator.evaluate([reader], _metrics())
        except (trackeval.utils.TrackEvalException, AssertionError) as error:
            raise EvaluationError(f"TrackEval refuses: {error or type(error).__name__}") from error
    measured: Mapping[str, Measures] = answers[dataset][TRACKER][SEQUENCE]
    return measured


def _metrics() -> list[Any]:
    metrics = _trackeval().metrics
    quiet = {"PRINT_CONFIG": False}
    return [metrics.HOTA(), metrics.CLEAR(dict(quiet)), metrics.Identity(dict(quiet))]


def _trackeval() -> Any:
    # Imported late: it brings matplotlib, and most users of this room need no scores.
    import trackeval

    return trackeval


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """TrackEval prints its settings, its progress and its tracebacks."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        yield


def _extent(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]}"
