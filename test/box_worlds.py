"""Sequences of rectangles with known ids, small enough to score by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from mots_ros.core.types import Detections, LabelImage, TrackedFrame
from mots_ros.data.kitti_mots import Annotation, objects_of

Rectangles = Mapping[int, tuple[int, int, int, int]]
"""x1, y1, x2, y2 in whole pixels by id; of two that overlap the later one is in front."""


def paint(size: tuple[int, int], rectangles: Rectangles) -> LabelImage:
    labels: LabelImage = np.zeros(size, np.uint16)
    for value, (x1, y1, x2, y2) in rectangles.items():
        labels[y1:y2, x1:x2] = value
    return labels


def annotation(size: tuple[int, int], frames: Sequence[Rectangles]) -> Annotation:
    """An annotation; the ids are KITTI MOTS object ids."""
    objects = {frame: objects_of(paint(size, found)) for frame, found in enumerate(frames)}
    return Annotation(size, {frame: found for frame, found in objects.items() if found})


def tracked_frame(
    size: tuple[int, int], rectangles: Rectangles, stamp_ns: int = 0, label: int = 0
) -> TrackedFrame:
    """A tracked frame of one class; the ids are track ids up to 65535."""
    count = len(rectangles)
    return TrackedFrame(
        stamp_ns,
        "camera",
        np.array(list(rectangles), np.int64),
        Detections(
            np.array(list(rectangles.values()), np.float32).reshape(-1, 4),
            np.full(count, 0.75, np.float32),
            np.full(count, label, np.int64),
        ),
        partial(paint, size, rectangles),
    )
