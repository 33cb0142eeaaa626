"""What is known of a scored sequence, as the JSON files of an evaluation hold it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.scores import Measures, Values, class_scores, curves, score_values

SCORES = "scores.json"
"""What the file with the Document is called in an evaluation's folder."""


class Scored(TypedDict):
    """Scores, and HOTA, DetA, AssA and LocA over ``alpha``, by class name.

    A class without objects in the ground truth has no curves.
    """

    scores: dict[str, Values]
    curves: dict[str, dict[str, list[float]]]


class Summary(TypedDict):
    """One sequence.

    frames: its length.
    frames_without_image: those that no image of the drive shows.
    frames_without_result: those with an image but no result, as a live node leaves them; of text
        that another program wrote, those without a line.
    scores, curves: as in Scored, None without ground truth.
    step_ms: time that the tracker took for every image, None where nobody measured it.
    live: of results from a live node, what was measured while it ran, and with ground truth the
        ``scores_of_answered`` frames alone; else None.
    """

    sequence: str
    frames: int
    frames_without_result: list[int]
    frames_without_image: list[int]
    scores: dict[str, Values] | None
    curves: dict[str, dict[str, list[float]]] | None
    step_ms: list[float] | None
    live: dict[str, Any] | None


class Document(TypedDict):
    """The content of scores.json.

    kind: what was compared, ``masks`` or ``boxes``.
    parameters: of our tracker, None for the results of another program.
    sequences: by name.
    combined: of all sequences that have ground truth, empty where none has.
    """

    kind: str
    parameters: dict[str, Any] | None
    sequences: dict[str, Summary]
    combined: Scored


def scored(measures: Mapping[str, Measures], has_masks: bool = True) -> Scored:
    """The scores and curves of every class within what TrackEval says, of masks or of boxes."""
    scores = {name: class_scores(of) for name, of in measures.items()}
    return {
        "scores": score_values(scores, has_masks),
        "curves": {name: curves(of) for name, of in measures.items() if of["Count"]["GT_Dets"]},
    }


def write_json(path: Path, value: object) -> None:
    """Write a file that is either whole or not there, whatever interrupts."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(unfinished, path)


def read_json(path: Path) -> Any:
    """What ``write_json`` wrote; raises EvaluationError where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvaluationError(f"{path}: cannot read it: {error.strerror}") from error
    except ValueError as error:
        raise EvaluationError(f"{path}: expected what evaluate writes: {error}") from error


def plain(measures: Mapping[str, Measures]) -> dict[str, Any]:
    """TrackEval's numbers as JSON holds them, without loss."""
    return {
        name: {
            metric: {key: np.asarray(value).tolist() for key, value in values.items()}
            for metric, values in of.items()
        }
        for name, of in measures.items()
    }


def from_plain(values: Mapping[str, Any]) -> dict[str, Measures]:
    """The inverse of ``plain``."""
    return {
        name: {
            metric: {
                key: np.array(value) if isinstance(value, list) else value
                for key, value in numbers.items()
            }
            for metric, numbers in of.items()
        }
        for name, of in values.items()
    }
