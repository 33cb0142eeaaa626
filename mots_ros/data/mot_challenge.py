"""Boxes as MOT Challenge text: public detections to read, tracks of one class to write.

A line holds ``frame,id,left,top,width,height,score,...``: frames count from 1, and so do the
columns and rows of pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mots_ros.core.types import FloatArray
from mots_ros.data.kitti_mots import AnnotationError

_LEAST_FIELDS = 6


def read_boxes(path: Path) -> dict[int, FloatArray]:
    """The boxes [N, 4] (x1, y1, x2, y2 in image pixels) of every frame that has any, from 0 on.

    Raises:
        AnnotationError: the file cannot be read, or a line is none of the format.
    """
    frames: dict[int, list[list[float]]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values = [float(text) for text in line.split(",")]
            frame, _, left, top, width, height = values[:_LEAST_FIELDS]
        except ValueError as error:
            raise AnnotationError(
                f"{path}, line {number}: expected frame,id,left,top,width,height,..., found "
                f"'{line[:60]}'"
            ) from error
        if not all(map(math.isfinite, values[:_LEAST_FIELDS])) or frame < 1 or frame % 1:
            raise AnnotationError(
                f"{path}, line {number}: expected a whole frame number from 1 on and finite "
                f"numbers, found '{line[:60]}'"
            )
        if min(width, height) <= 0:
            raise AnnotationError(
                f"{path}, line {number}: expected a width and height above 0, found "
                f"{width:g} and {height:g}"
            )
        corner = [left - 1, top - 1, left - 1 + width, top - 1 + height]
        frames.setdefault(int(frame) - 1, []).append(corner)
    return {frame: np.array(boxes, np.float32) for frame, boxes in frames.items()}


def write_tracks(path: Path, tracks: Iterable[tuple[int, int, FloatArray, float]]) -> None:
    """Write frame (from 0 on), track id, box [4] (x1, y1, x2, y2 in image pixels) and score.

    Boxes without an area, to the last decimal that is written, are none in the format.
    """
    lines = []
    for frame, track_id, (x1, y1, x2, y2), score in tracks:
        if min(x2 - x1, y2 - y1) < 0.005:
            continue
        box = f"{x1 + 1:.2f},{y1 + 1:.2f},{x2 - x1:.2f},{y2 - y1:.2f}"
        lines.append(f"{frame + 1},{track_id},{box},{score:.4f},-1,-1,-1\n")
    path.write_text("".join(lines), encoding="utf-8")
