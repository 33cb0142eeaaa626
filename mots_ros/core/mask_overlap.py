"""How far masks overlap: bool arrays [N, h, w] and [M, h, w] of one map's size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Masks = NDArray[np.bool_]


def iou(a: Masks, b: Masks) -> NDArray[Any]:
    """Intersection over union [N, M]; two empty masks do not overlap."""
    shared, area_a, area_b = _shared(a, b)
    overlap: NDArray[Any] = shared / np.maximum(np.add.outer(area_a, area_b) - shared, 1)
    return overlap


def iom(a: Masks, b: Masks) -> NDArray[Any]:
    """Intersection over the smaller mask [N, M] (DIOR, equation 7); an empty one overlaps none."""
    shared, area_a, area_b = _shared(a, b)
    overlap: NDArray[Any] = shared / np.maximum(np.minimum.outer(area_a, area_b), 1)
    return overlap


def moved(masks: Masks, steps: NDArray[np.int64]) -> Masks:
    """Masks moved by whole pixels, ``steps`` [N, 2] in x and y; what leaves the map is gone."""
    height, width = masks.shape[1:]
    index, y, x = np.nonzero(masks)
    x, y = x + steps[index, 0], y + steps[index, 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    there = np.zeros_like(masks)
    there[index[inside], y[inside], x[inside]] = True
    return there


def _shared(a: Masks, b: Masks) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The pixels that masks share [N, M], and those that each has [N] and [M]."""
    # Objects cover little of the map, and a product of sparse matrices meets nothing else.
    rows, columns = _sparse(a), _sparse(b)
    shared = (rows @ columns.T).toarray()
    return shared, np.diff(rows.indptr), np.diff(columns.indptr)


def _sparse(masks: Masks) -> Any:
    """A matrix [N, h w] with 1 where a mask is."""
    pixels = masks.shape[1] * masks.shape[2]
    covered = np.flatnonzero(masks)
    starts = np.searchsorted(covered, np.arange(len(masks) + 1) * pixels)
    ones = np.ones(len(covered), np.float32)
    return sparse.csr_matrix((ones, covered % pixels, starts), (len(masks), pixels))
