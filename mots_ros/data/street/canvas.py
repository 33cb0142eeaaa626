"""Painting back to front, with the instance map kept beside the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.data.street.camera import NEAR, Camera, Floats, clip_near

FRACTION_BITS = 4
Colour = Sequence[float]


def _oversampling(extent: float) -> int:
    """How much finer than the image to paint something of this many pixels."""
    if extent < 48:
        return 4
    if extent < 110:
        return 3
    return 2 if extent < 420 else 1


@dataclass
class Patch:
    """A transparent sheet over a part of the image, some times finer than it.

    pixels: uint8 [h, w, 4], colour and opacity, zero where nothing was painted.
    """

    left: int
    top: int
    scale: int
    pixels: NDArray[np.uint8]

    def to_fixed(self, points: Floats) -> NDArray[np.int32]:
        """Image points [..., 2] as the fixed-point sheet coordinates that OpenCV paints at."""
        local = (points - (self.left, self.top)) * self.scale - 0.5
        limited = np.clip(local, -30000, 30000)
        return np.rint(limited * (1 << FRACTION_BITS)).astype(np.int32)

    def convex(self, points: NDArray[np.int32], colour: Colour) -> None:
        """Fill a convex polygon given by `to_fixed`."""
        cv2.fillConvexPoly(self.pixels, points, (*colour, 255), cv2.LINE_8, FRACTION_BITS)


class Canvas:
    """The image and instance map of one frame.

    image: uint8 RGB [H, W, 3]; instances: uint16 [H, W]; painted: pixels that each value would
    have had if nothing had been painted over it; columns: the first and the end of those that can
    be painted.
    """

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.image = image
        self.instances = np.zeros(image.shape[:2], np.uint16)
        self.painted: dict[int, int] = {}
        self.columns = (0, image.shape[1])

    def patch(self, points: Floats, margin: float = 1.0) -> Patch | None:
        """A sheet that covers these image points [N, 2], or None when they are out of sight."""
        begin, end = self.columns
        low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
        left, top = max(int(np.floor(low[0])), begin), max(int(np.floor(low[1])), 0)
        right = min(int(np.ceil(high[0])), end)
        bottom = min(int(np.ceil(high[1])), self.image.shape[0])
        if right - left < 1 or bottom - top < 1:
            return None
        scale = _oversampling(max(right - left, bottom - top))
        shape = ((bottom - top) * scale, (right - left) * scale, 4)
        return Patch(left, top, scale, np.zeros(shape, np.uint8))

    def lay(self, patch: Patch, value: int = 0) -> None:
        """Lay a sheet on the image; pixels that are mostly covered take ``value``."""
        pixels = patch.pixels
        if patch.scale > 1:
            height, width = pixels.shape[0] // patch.scale, pixels.shape[1] // patch.scale
            pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        self.lay_pixels(patch.left, patch.top, pixels, value)

    def lay_pixels(self, left: int, top: int, pixels: NDArray[np.uint8], value: int = 0) -> None:
        """Lay uint8 [h, w, 4] pixels, colours already multiplied by opacity, on the image."""
        height, width = pixels.shape[:2]
        rows, columns = slice(top, top + height), slice(left, left + width)
        under = self.image[rows, columns]
        opacity = pixels[..., 3]
        through = cv2.cvtColor(cv2.bitwise_not(opacity), cv2.COLOR_GRAY2RGB)
        shown = cv2.multiply(under, through, scale=1 / 255)
        self.image[rows, columns] = cv2.add(shown, pixels[..., :3])
        solid = opacity >= 128
        self.instances[rows, columns][solid] = value
        if value:
            self.painted[value] = self.painted.get(value, 0) + int(np.count_nonzero(solid))

    def shadow(self, camera: Camera, outline: Floats, depth: float, softness: float) -> None:
        """Darken a convex piece of ground [N, 3]; depth: the share of light that is kept off.

        softness: metres over which the edge fades.
        """
        seen = camera.to_camera(outline)
        if seen[:, 2].max() < 3 * NEAR or depth < 0.02:
            return
        seen = clip_near(seen, 3 * NEAR)
        pixels = camera.to_image(seen)
        blur = min(softness * camera.focal / float(seen[:, 2].mean()), 30)
        begin, end = self.columns
        low, high = np.floor(pixels.min(axis=0) - blur), np.ceil(pixels.max(axis=0) + blur)
        left, top = int(max(low[0], begin)), int(max(low[1], 0))
        right, bottom = int(min(high[0], end)), int(min(high[1], self.image.shape[0]))
        if right - left < 1 or bottom - top < 1:
            return
        mask = np.full((bottom - top, right - left), 255, np.uint8)
        fixed = np.clip((pixels - (left, top) - 0.5) * (1 << FRACTION_BITS), -2e6, 2e6)
        tone = int(255 * (1 - depth))
        cv2.fillConvexPoly(mask, np.rint(fixed).astype(np.int32), tone, cv2.LINE_AA, FRACTION_BITS)
        across, down = int(blur) * 2 + 1, int(blur * 0.4) * 2 + 1
        mask = cv2.blur(cv2.blur(mask, (across, down)), (across, down))
        ground = self.image[top:bottom, left:right]
        cv2.multiply(ground, cv2.cvtColor(mask, cv2.COLOR_GRAY2RGB), dst=ground, scale=1 / 255)
