"""Evaluation folders as they are read back: complete, of known shape, each with a name."""

from __future__ import annotations

import json
import types
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.scores import Values
from mots_ros.evaluation.summary import SCORES, Document, Summary, read_json

_KINDS = ("masks", "boxes")
_LONGEST = 60  # characters of a value in a message
_NAMES = {
    dict: "an object",
    list: "a list",
    float: "a number",
    int: "a whole number",
    str: "a text",
}


class Curves(TypedDict):
    """HOTA and its parts in percent over the localisation threshold ``alpha``."""

    alpha: list[float]
    HOTA: list[float]
    DetA: list[float]
    AssA: list[float]


class _Measured(TypedDict):
    rate: float
    images_sent: int
    answered: int
    dropped: int
    latency_ms: list[float]


class Live(_Measured, total=False):
    """What is measured while a live node answers a sequence.

    rate: speed relative to the recording.
    images_sent, answered, dropped: how many.
    latency_ms: of every answered image, from sending it to receiving its result.
    scores_of_answered: by class, as if the drive had no other images; only with ground truth.
    """

    scores_of_answered: dict[str, Values]


@dataclass(frozen=True)
class Evaluation:
    """What ``evaluate`` left in a folder.

    name: short, and of no other evaluation that was read with it.
    place: 0, 1, ... in the order in which they were asked for.
    """

    name: str
    place: int
    folder: Path
    document: Document


def read_evaluations(folders: Sequence[Path]) -> list[Evaluation]:
    """The evaluations in some folders.

    Raises EvaluationError, naming the file, where one is missing, no JSON or of another shape, and
    where a folder is given twice.
    """
    paths = [folder.resolve() for folder in folders]
    for folder, path in zip(folders, paths, strict=True):
        if paths.count(path) > 1:
            raise EvaluationError(f"{folder}: expected every evaluation once")
    return [
        Evaluation(name, place, folder, read(folder))
        for place, (name, folder) in enumerate(zip(_short_names(paths), folders, strict=True))
    ]


def read(folder: Path) -> Document:
    """The checked content of a folder's scores.json; raises EvaluationError."""
    path = folder / SCORES
    if not path.is_file():
        raise EvaluationError(f"{path}: no such file; expected the folder of a finished evaluation")
    document = read_json(path)
    try:
        _check(document, Document, "")
        if document["kind"] not in _KINDS:
            raise _Mismatch("kind", " or ".join(_KINDS), document["kind"])
        for name, curves in document["combined"]["curves"].items():
            _check(curves, Curves, f"combined.curves.{name}")
        for name, summary in document["sequences"].items():
            if summary["live"] is not None:
                _check(summary["live"], Live, f"sequences.{name}.live")
    except _Mismatch as mismatch:
        raise EvaluationError(f"{path}: {mismatch}; expected what this evaluate writes") from None
    checked: Document = document
    return checked


def sequence_names(evaluations: Sequence[Evaluation]) -> list[str]:
    """The sequences that any of the evaluations has."""
    documents = (evaluation.document for evaluation in evaluations)
    return list(dict.fromkeys(name for document in documents for name in document["sequences"]))


def class_names(evaluations: Sequence[Evaluation]) -> list[str]:
    """The classes that any of the evaluations has scores of."""
    scored = (evaluation.document["combined"]["scores"] for evaluation in evaluations)
    return list(dict.fromkeys(name for scores in scored for name in scores))


def values_of(evaluation: Evaluation, sequence: str | None, class_name: str) -> Values:
    """The scores of a class in a sequence, or in all as one; empty where there are none."""
    document = evaluation.document
    if sequence is None:
        return document["combined"]["scores"].get(class_name, {})
    if sequence not in document["sequences"]:
        return {}
    return (document["sequences"][sequence]["scores"] or {}).get(class_name, {})


def live_of(summary: Summary) -> Live | None:
    """What was measured while a live node answered the sequence."""
    return cast("Live | None", summary["live"])


def _short_names(paths: Sequence[Path]) -> list[str]:
    """As many of the last parts of different paths as it takes to tell them apart."""
    for parts in range(1, max(len(path.parts) for path in paths)):
        names = ["/".join(path.parts[-parts:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


class _Mismatch(Exception):
    """A value that is not what it should be."""

    def __init__(self, where: str, expected: str, found: object) -> None:
        shown = json.dumps(found)
        shown = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} ..."
        super().__init__(f"expected {expected} as {where or 'content'}, found {shown}")


def _check(value: Any, hint: Any, where: str) -> None:
    """Raise _Mismatch unless a JSON value has the type ``hint``: a TypedDict and what is in it."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if Any in options or (value is None and type(None) in options):
        return
    of = options[0]
    container = dict if is_typeddict(of) else get_origin(of)
    expected = container or ((float, int) if float in options else of)
    if not isinstance(value, expected):
        raise _Mismatch(where, _NAMES[container or of], value)
    inner: list[tuple[str, Any, Any]] = []
    if isinstance(value, list):
        inner += [(f"[{place}]", item, get_args(of)[0]) for place, item in enumerate(value)]
    elif isinstance(value, dict):
        keys = get_type_hints(of) if is_typeddict(of) else dict.fromkeys(value, get_args(of)[-1])
        for key, of_key in keys.items():
            if key in value:
                inner.append((f".{key}", value[key], of_key))
            elif key in of.__required_keys__:
                raise _Mismatch(where, f"an object with '{key}'", value)
    for step, item, of_item in inner:
        _check(item, of_item, (where + step).lstrip("."))
