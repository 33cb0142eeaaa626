"""Boxes [..., 4] as x1, y1, x2, y2 in continuous coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[Any]


def centres(boxes: Boxes) -> NDArray[Any]:
    """The middle (x, y) [..., 2] of each box [..., 4]."""
    middles: NDArray[Any] = (boxes[..., :2] + boxes[..., 2:]) / 2
    return middles


def area(boxes: Boxes) -> NDArray[Any]:
    """Area [...] of each box [..., 4]; a box that is inside out has none."""
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    surface: NDArray[Any] = sides[..., 0] * sides[..., 1]
    return surface


def iou(a: Boxes, b: Boxes) -> NDArray[Any]:
    """Intersection over union [N, M] of every box in ``a`` [N, 4] with every box in ``b`` [M, 4].

    Two boxes without area do not overlap.
    """
    shared = _intersection(a, b)
    return _share(shared, np.add.outer(area(a), area(b)) - shared)


def iom(a: Boxes, b: Boxes) -> NDArray[Any]:
    """Intersection over the smaller of two boxes [N, M]; one without area overlaps none."""
    return _share(_intersection(a, b), np.minimum.outer(area(a), area(b)))


def strongest(
    boxes: Boxes, scores: NDArray[Any], labels: NDArray[Any], overlap: float
) -> NDArray[np.bool_]:
    """Which of N boxes remain (bool [N]) where those of one class that overlap are rivals.

    A box goes where its IoU with one that remains and has a higher score is above ``overlap``
    (non-maximum suppression).
    """
    rivals = (iou(boxes, boxes) > overlap) & (labels[:, None] == labels)
    np.fill_diagonal(rivals, False)
    remain = np.ones(len(boxes), bool)
    best_first = np.argsort(-scores, kind="stable")
    # Few have rivals at all.
    for index in best_first[rivals[best_first].any(axis=1)]:
        if remain[index]:
            remain[rivals[index]] = False
    return remain


def clip(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    """The part of each box that lies in an image of ``size`` (height, width).

    A box outside the image becomes one without area on its edge.
    """
    height, width = size
    limit = np.array([width, height, width, height], dtype=boxes.dtype)
    inside: Boxes = np.clip(boxes, 0, limit)
    return inside


def to_cxsr(boxes: Boxes) -> NDArray[Any]:
    """Centre x, centre y, area and aspect (width over height) of each box [..., 4].

    Sides below one pixel count as one, so that the aspect stays finite.
    """
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 1)
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    width, height = sides[..., 0], sides[..., 1]
    return np.stack([centre[..., 0], centre[..., 1], width * height, width / height], axis=-1)


def from_cxsr(cxsr: NDArray[Any]) -> Boxes:
    """The boxes [..., 4] that ``to_cxsr`` describes.

    Where area or aspect is not positive, the box is the centre alone.
    """
    surface, aspect = cxsr[..., 2], cxsr[..., 3]
    valid = (surface > 0) & (aspect > 0)
    width = np.sqrt(np.where(valid, surface * aspect, 0))
    height = np.divide(surface, width, out=np.zeros_like(width), where=valid)
    half = np.stack([width, height], axis=-1) / 2
    return np.concatenate([cxsr[..., :2] - half, cxsr[..., :2] + half], axis=-1)


def _intersection(a: Boxes, b: Boxes) -> NDArray[Any]:
    # Coordinate by coordinate: pairs of numbers in a last axis take half as long again.
    left, top = (np.maximum.outer(a[:, side], b[:, side]) for side in (0, 1))
    right, bottom = (np.minimum.outer(a[:, side], b[:, side]) for side in (2, 3))
    shared: NDArray[Any] = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    return shared


def _share(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    """Part over whole, 0 where there is no whole."""
    share: NDArray[Any] = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return share
