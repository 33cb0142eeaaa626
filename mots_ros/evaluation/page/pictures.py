"""The pictures of a sequence, within the page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import cv2

from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.page.evaluations import Evaluation
from mots_ros.evaluation.page.legend import key
from mots_ros.evaluation.page.markup import Markup, details, join, tag, text

_LOSSLESS = 101  # OpenCV's quality of WebP from which on nothing is lost
_PHOTO = 68
_LARGEST_WEBP = 16383


def tracks(evaluations: Sequence[Evaluation], sequence: str) -> Markup:
    """Tracks over time, one evaluation below the other on the same axis of time."""
    parts = []
    for evaluation in evaluations:
        path = _folder(evaluation, sequence) / "tracks.png"
        if path.is_file():
            meaning = f"Tracks over time in {sequence} by {evaluation.name}"
            parts.append(tag("h4", text("Tracks over time: "), key(evaluation)))
            parts.append(_picture(path, meaning, _LOSSLESS))
    return join(parts)


def switches(evaluations: Sequence[Evaluation], sequence: str) -> Markup:
    """The worst id switches of every evaluation, the worst first."""
    parts = []
    for evaluation in evaluations:
        paths = sorted((_folder(evaluation, sequence) / "switches").glob("*.jpg"))
        if paths:
            parts.append(tag("h4", text("Worst id switches: "), key(evaluation)))
        for path in paths:
            _, *what = path.stem.split("_")
            parts.append(_picture(path, f"id switch: {' '.join(what)}", _PHOTO, "strip"))
    return join(parts)


def contact_sheets(evaluations: Sequence[Evaluation], sequence: str) -> Markup:
    """Some frames with all results, folded away."""
    sheets = [
        details(
            f"Contact sheet: {evaluation.name}",
            _picture(path, f"Frames of {sequence} with the results of {evaluation.name}", _PHOTO),
        )
        for evaluation in evaluations
        if (path := _folder(evaluation, sequence) / "contact_sheet.png").is_file()
    ]
    return join(sheets)


def _folder(evaluation: Evaluation, sequence: str) -> Path:
    return evaluation.folder / "sequences" / sequence


def _picture(path: Path, meaning: str, quality: int, class_: str = "picture") -> Markup:
    """The picture in a file within the page, as WebP where that has room for it; raises
    EvaluationError where it is none."""
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise EvaluationError(f"{path}: expected a picture")
    height, width = pixels.shape[:2]
    kind = "webp" if max(height, width) <= _LARGEST_WEBP else "png"
    settings = (cv2.IMWRITE_WEBP_QUALITY, quality) if kind == "webp" else ()
    _, encoded = cv2.imencode(f".{kind}", pixels, settings)
    image = tag(
        "img",
        src=f"data:image/{kind};base64,{base64.b64encode(encoded.tobytes()).decode('ascii')}",
        alt=meaning,
        width=width,
        height=height,
    )
    return tag("div", image, class_=f"wide {class_}")
