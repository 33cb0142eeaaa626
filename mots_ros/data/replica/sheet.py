"""Drawing the visible part of an object in the coordinates of the whole object."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating]
Colour = Floats
Crop = tuple[int, int, int, int]
"""Left, top, right and bottom in whole pixels."""
Generator = np.random.Generator

_FRACTION_BITS = 4
_FAR_OUTSIDE = 30000.0
_TILE_SIZE = (96, 128)
_NEUTRAL = 128


class Sheet:
    """Opaque colours over a crop of the image, drawn finer than its pixels.

    box: [4] what the unit square stands for, x1,
    y1, x2, y2 in image pixels; points (u, v) may lie outside of it.
    """

    def __init__(self, crop: Crop, box: Floats) -> None:
        left, top, right, bottom = crop
        self._size = (right - left, bottom - top)
        extent = max(self._size)
        self._scale = 4 if extent < 60 else 2 if extent < 160 else 1
        # OpenCV counts from the middle of the first pixel.
        self._origin = (np.asarray(box[:2]) - (left, top)) * self._scale - 0.5
        self._unit = np.asarray(box[2:] - box[:2]) * self._scale
        width, height = self._size
        self._pixels = np.zeros((height * self._scale, width * self._scale, 3), np.uint8)

    def fall(self, stops: Sequence[tuple[float, Colour]]) -> None:
        """Cover everything with colours that change from top to bottom, given as (v, colour)."""
        v = (np.arange(len(self._pixels)) - self._origin[1]) / self._unit[1]
        places = [place for place, _ in stops]
        for channel in range(3):
            values = np.interp(v, places, [colour[channel] for _, colour in stops])
            self._pixels[..., channel] = np.clip(values, 0, 255)[:, None]

    def polygon(self, points: Floats | Sequence[tuple[float, float]], colour: Colour) -> None:
        """Fill a convex polygon [N, 2]."""
        cv2.fillConvexPoly(
            self._pixels, self._fixed(points), _paint(colour), cv2.LINE_AA, _FRACTION_BITS
        )

    def rectangle(self, u1: float, v1: float, u2: float, v2: float, colour: Colour) -> None:
        self.polygon([(u1, v1), (u2, v1), (u2, v2), (u1, v2)], colour)

    def ellipse(self, u: float, v: float, half_u: float, half_v: float, colour: Colour) -> None:
        """Fill an upright ellipse with these half axes."""
        angles = np.arange(20) * (2 * np.pi / 20)
        self.polygon(
            np.stack([u + half_u * np.cos(angles), v + half_v * np.sin(angles)], axis=1), colour
        )

    def finished(self) -> Bytes:
        """The drawing at the size of the crop: uint8 [h, w, 3]."""
        if self._scale == 1:
            return self._pixels
        finished: Bytes = cv2.resize(self._pixels, self._size, interpolation=cv2.INTER_AREA)
        return finished

    def _fixed(self, points: Floats | Sequence[tuple[float, float]]) -> NDArray[np.int32]:
        local = np.asarray(points, np.float64) * self._unit + self._origin
        limited = np.minimum(np.maximum(local, -_FAR_OUTSIDE), _FAR_OUTSIDE)
        fixed: NDArray[np.int32] = np.rint(limited * (1 << _FRACTION_BITS)).astype(np.int32)
        return fixed


class Grain:
    """A surface's unevenness: a pattern of factors that is fixed to an object's box.

    pattern: [h, w] factors around 1, of any size; it is mirrored beyond the box.
    """

    def __init__(self, pattern: Floats) -> None:
        level = np.clip(np.rint(pattern * _NEUTRAL), 0, 255).astype(np.uint8)
        self._levels = [level]
        while min(level.shape) > 6:
            level = cv2.resize(level, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            self._levels.append(level)

    def lay(self, colours: Bytes, crop: Crop, box: Floats) -> Bytes:
        """Colours of a crop of the image, made uneven; see `Sheet` for crop and box."""
        width, height = box[2:] - box[:2]
        level = next(
            (
                level
                for level in self._levels
                if level.shape[0] <= 1.5 * height and level.shape[1] <= 1.5 * width
            ),
            self._levels[-1],
        )
        step_x, step_y = level.shape[1] / width, level.shape[0] / height
        to_pattern = np.array(
            [
                [step_x, 0, (crop[0] + 0.5 - box[0]) * step_x - 0.5],
                [0, step_y, (crop[1] + 0.5 - box[1]) * step_y - 0.5],
            ]
        )
        factors = cv2.warpAffine(
            level,
            to_pattern,
            (colours.shape[1], colours.shape[0]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        factors = cv2.cvtColor(factors, cv2.COLOR_GRAY2RGB)
        uneven: Bytes = cv2.multiply(colours, factors, scale=1 / _NEUTRAL)
        return uneven


def blotches(rng: Generator, rows: int, columns: int) -> Floats:
    """Smooth noise of about unit strength with this many bumps down and across."""
    coarse = rng.normal(0, 1, (rows, columns)).astype(np.float32)
    smooth: Floats = cv2.resize(coarse, _TILE_SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    return smooth


def speckle(rng: Generator) -> Floats:
    """Fine noise of unit strength."""
    return rng.normal(0, 1, _TILE_SIZE).astype(np.float32)


def sideways() -> Floats:
    """A ramp from -1 on the left to 1 on the right."""
    return np.broadcast_to(np.linspace(-1, 1, _TILE_SIZE[1], dtype=np.float32), _TILE_SIZE)


def _paint(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (min(max(round(value), 0), 255) for value in colour.tolist())
    return red, green, blue
