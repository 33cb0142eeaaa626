"""The shade that objects throw on the ground where they stand."""

from __future__ import annotations

import cv2
import numpy as np

from mots_ros.data.replica.sheet import Bytes, Floats
from mots_ros.data.street.light import Light

_COARSENESS = 4
_FRACTION_BITS = 4
_REACH = 0.6
"""Length of a shadow at a sun of 45 degrees, in object heights, as the flat view of the ground
shows it."""


class Shadows:
    """The shade of one frame; objects add to it, then an image is put under it."""

    def __init__(self, size: tuple[int, int], light: Light) -> None:
        self._size = size
        height, width = size
        coarse = (-(-height // _COARSENESS), -(-width // _COARSENESS))
        self._shade = np.full(coarse, 255, np.uint8)
        self._sun = light.sun
        self._strength = 0.75 - 0.25 * light.overcast
        self._sharp = 1 - light.overcast

    def add(self, box: Floats, depth: float) -> None:
        """Shade the ground under a box [4] that is as deep as ``depth`` of its height."""
        x1, _, x2, y2 = box
        height = box[3] - box[1]
        near, far = y2 + 0.03 * height, y2 - depth * height
        cast = -self._sun[0] / max(self._sun[1], 0.3) * _REACH * height * self._sharp
        # Two layers: deep under the object, and cast by the sun to a side.
        if self._sharp > 0.3:
            ends = np.array([[x1, near], [x1 + cast, far], [x2 + cast, far], [x2, near]])
            self._darken(cv2.convexHull(ends.astype(np.float32))[:, 0], 0.6 * self._strength)
        inset = 0.02 * (x2 - x1)
        self._darken(
            np.array([[x1 + inset, near], [x1, far], [x2, far], [x2 - inset, near]]),
            self._strength,
        )

    def lay(self, image: Bytes) -> Bytes:
        """The image [H, W, 3] in this shade."""
        height, width = self._size
        soft = cv2.GaussianBlur(self._shade, (5, 5), 1.0)
        full = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
        shaded: Bytes = cv2.multiply(image, cv2.cvtColor(full, cv2.COLOR_GRAY2RGB), scale=1 / 255)
        return shaded

    def _darken(self, points: Floats, strength: float) -> None:
        local = np.clip(points / _COARSENESS - 0.5, -2000, 2000)
        fixed = np.rint(local * (1 << _FRACTION_BITS)).astype(np.int32)
        level = int(255 * (1 - strength))
        cv2.fillConvexPoly(self._shade, fixed, level, cv2.LINE_8, _FRACTION_BITS)
