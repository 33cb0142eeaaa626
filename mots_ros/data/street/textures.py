"""Surfaces made of noise: the grain that asphalt, plaster, brick, foliage and cloud are made of."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.data.street.camera import Floats

Generator = np.random.Generator


def noise(shape: tuple[int, int], cell: float, rng: Generator) -> Floats:
    """Smooth noise [h, w] in [-1, 1] that repeats at its edges, with bumps of ``cell`` pixels."""
    height, width = shape
    rows, columns = max(round(height / cell), 2), max(round(width / cell), 2)
    grid = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
    wrapped = np.pad(grid, 2, mode="wrap")
    y = (np.arange(height, dtype=np.float32) + 0.5) * rows / height + 1.5
    x = (np.arange(width, dtype=np.float32) + 0.5) * columns / width + 1.5
    return cv2.remap(
        wrapped, np.tile(x, (height, 1)), np.tile(y[:, None], (1, width)), cv2.INTER_LINEAR
    )


def layered(shape: tuple[int, int], cells: tuple[float, ...], rng: Generator) -> Floats:
    """Noise [h, w] of several sizes of bumps, each half as strong as the one before."""
    total = np.zeros(shape, np.float32)
    for k, cell in enumerate(cells):
        total += noise(shape, cell, rng) * np.float32(0.5**k)
    return total


def to_bytes(colours: Floats) -> NDArray[np.uint8]:
    """Colours in [0, 255] as uint8, whatever lies outside cut off."""
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)
