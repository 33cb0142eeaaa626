"""What the heads should answer, computed from an instance map alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.core.letterbox import MAP_STRIDE
from mots_ros.core.types import FloatArray, IntArray, LabelImage
from mots_ros.data.kitti_mots import IGNORE_ID

SPREAD = 0.08
"""Standard deviation of a peak, in parts of the box: an ellipse, as in TTFNet (arXiv 1909.00700).
The circles of CenterNet are as wide as they are high, and melt people who stand side by side."""
LEAST_SPREAD = 0.45
"""The same in map pixels: one pixel off is nearly right, however small the object is."""


@dataclass(frozen=True)
class FrameTargets:
    """Targets of one frame on its stride-4 map [h, w]; objects sorted by id.

    heat: [classes, h, w] in [0, 1]. heat_weight: [classes, h, w], 0 where nothing may be learnt.
    ids, labels: int64 [N]. centres, sizes: [N, 2] as x, y in continuous map coordinates.
    masks: bool [N, 4 h, 4 w], the visible part of every object in the frame's own pixels.
    semantic: [classes, h, w] the share of every map pixel that objects of a class cover.
    """

    heat: FloatArray
    heat_weight: FloatArray
    ids: IntArray
    labels: IntArray
    centres: FloatArray
    sizes: FloatArray
    masks: NDArray[np.bool_]
    semantic: FloatArray

    @property
    def pixels(self) -> IntArray:
        """The map pixels [N, 2] (x, y) that hold the centres."""
        return np.floor(self.centres).astype(np.int64)


def frame_targets(instances: LabelImage, annotated: Sequence[bool], min_area: int) -> FrameTargets:
    """Targets from the visible part of every object.

    Objects of fewer than ``min_area`` pixels are too small to ask for: they join the ignore
    regions, where the heat map is not trained. Of a class that is not ``annotated``, one value for
    each, there may be objects anywhere: its heat map is not trained at all.
    """
    h, w = instances.shape[0] // MAP_STRIDE, instances.shape[1] // MAP_STRIDE
    classes = len(annotated)
    heat = np.zeros((classes, h, w), np.float32)
    ignored = instances >= IGNORE_ID
    small = np.zeros(instances.shape, bool)
    ids, labels, centres, sizes, masks = [], [], [], [], []
    for instance in np.unique(instances):
        if instance == 0 or instance >= IGNORE_ID:
            continue
        visible = (instances == instance).view(np.uint8)
        x, y, width, height = cv2.boundingRect(visible)
        if cv2.countNonZero(visible[y : y + height, x : x + width]) < min_area:
            small |= visible.view(bool)
            continue
        centre = np.array((x + width / 2, y + height / 2), np.float32) / MAP_STRIDE
        size = np.array((width, height), np.float32) / MAP_STRIDE
        label = int(instance) // 1000 - 1
        draw_peak(heat[label], np.floor(centre), size)
        ids.append(int(instance))
        labels.append(label)
        centres.append(centre)
        sizes.append(size)
        masks.append(visible.view(bool))
    # Few of the cells that a small object touches are full of it.
    weight = 1 - np.maximum(_coverage(ignored).round(), _coverage(small) > 0)
    known = np.array(annotated, bool).reshape(-1, 1, 1)
    classes_of = instances // 1000
    semantic = [_coverage((classes_of == label + 1) & ~small) for label in range(classes)]
    return FrameTargets(
        heat,
        np.where(known, np.maximum(weight, heat.max(axis=0) == 1), 0).astype(np.float32),
        np.array(ids, np.int64),
        np.array(labels, np.int64),
        np.array(centres, np.float32).reshape(-1, 2),
        np.array(sizes, np.float32).reshape(-1, 2),
        np.array(masks, bool).reshape(-1, *instances.shape),
        np.stack(semantic),
    )


def _coverage(mask: NDArray[np.bool_]) -> FloatArray:
    """The covered share of every stride-4 cell: [H, W] -> [H/4, W/4]."""
    height, width = mask.shape
    cells = mask.reshape(height // MAP_STRIDE, MAP_STRIDE, width // MAP_STRIDE, MAP_STRIDE)
    return cells.mean(axis=(1, 3), dtype=np.float32)


def draw_peak(heat: FloatArray, pixel: NDArray[Any], size: NDArray[Any]) -> None:
    """Raise ``heat`` [h, w] to 1 at ``pixel`` (x, y), and around it to a Gaussian in the
    proportions of a box of this ``size`` (width, height) in map pixels."""
    spread = np.maximum(SPREAD * size, LEAST_SPREAD)
    columns, rows = (
        np.exp(-(((np.arange(side) - at) / deviation) ** 2) / 2)
        for side, at, deviation in zip(heat.shape[::-1], pixel, spread, strict=True)
    )
    np.maximum(heat, rows[:, None] * columns, out=heat, casting="same_kind")
