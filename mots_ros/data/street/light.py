"""Sun, sky, haze and the camera's sensor: what makes two drives through one street differ."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.data.street.camera import Floats

Generator = np.random.Generator


@dataclass(frozen=True)
class Light:
    """The light of one drive; colours are RGB factors on a surface's own colour.

    sun: [3] unit vector towards the sun. haze_distance: metres after which 63 % of what is seen is
    haze.
    """

    sun: Floats
    sunlight: Floats
    skylight: Floats
    haze: Floats
    haze_distance: float
    overcast: float

    @classmethod
    def sample(cls, rng: Generator) -> Light:
        overcast = float(np.clip(rng.normal(0.35, 0.4), 0, 1))
        azimuth, elevation = rng.uniform(-np.pi, np.pi), rng.uniform(0.4, 1.05)
        sun = np.array(
            [
                np.cos(elevation) * np.sin(azimuth),
                np.sin(elevation),
                np.cos(elevation) * np.cos(azimuth),
            ]
        )
        warmth = rng.uniform(0, 0.12)
        sunlight = np.array([1.0 + warmth, 1.0, 1.0 - warmth]) * (1.25 * (1 - 0.85 * overcast))
        skylight = np.array([0.96, 1.0, 1.05]) * (0.42 + 0.44 * overcast)
        haze = np.array([205, 218, 232]) - 40 * overcast * rng.uniform(0, 1)
        return cls(sun, sunlight, skylight, haze, rng.uniform(180, 700), overcast)

    def shade(self, normals: Floats) -> Floats:
        """The light [..., 3] on surfaces with these unit normals [..., 3]."""
        direct = np.maximum(normals @ self.sun, 0)[..., None] * self.sunlight
        return direct + self.skylight * (0.7 + 0.3 * normals[..., 1:2])

    def veil(self, depth: float) -> float:
        """The share of haze in what is seen at this distance in metres."""
        return float(1 - np.exp(-max(depth, 0.0) / self.haze_distance))

    def veiled(self, pixels: NDArray[np.uint8], depth: float) -> NDArray[np.uint8]:
        """Pixels uint8 [h, w, 4], colours multiplied by opacity, as seen from this distance."""
        share = self.veil(depth)
        if share < 0.02:
            return pixels
        fade = np.diag([1 - share, 1 - share, 1 - share, 1.0])
        fade[:3, 3] = self.haze * share / 255
        return cv2.transform(pixels, fade)

    def through_haze(self, colours: Floats, depth: float) -> Floats:
        """Colours [..., 3] as seen from this distance in metres, in [0, 255]."""
        share = self.veil(depth)
        return np.clip(colours, 0, 255) * (1 - share) + self.haze * share


class Sensor:
    """Exposure, colour cast, vignetting, blur and noise of one drive's camera."""

    def __init__(self, size: tuple[int, int], rng: Generator) -> None:
        height, width = size
        exposure = np.exp(np.clip(rng.normal(0.05, 0.15), -0.25, 0.3))
        gamma = rng.uniform(0.9, 1.15)
        contrast = rng.uniform(1.0, 1.45)
        cast = rng.normal(1.0, 0.015, 3)
        level = np.arange(256) / 255
        curves = (level[:, None] * exposure * cast) ** gamma
        curves = 0.38 + (curves - 0.38) * contrast
        curves = np.where(curves < 0.08, 0.04 + curves / 2, curves).clip(0.02, 1)
        self._curves = np.clip(np.rint(curves * 255), 0, 255).astype(np.uint8)[None]
        y, x = np.mgrid[0:height, 0:width]
        radius = np.hypot(x - width / 2, y - height / 2) / np.hypot(width / 2, height / 2)
        fall = 1 - rng.uniform(0.0, 0.2) * radius**2
        self._vignette = np.repeat(np.rint(fall * 255).astype(np.uint8)[..., None], 3, axis=2)
        coarse = rng.normal(0, 1, (height + 64, width + 64, 3)).astype(np.float32)
        grain = cv2.GaussianBlur(coarse, (3, 3), 0.5)
        amount = rng.uniform(0.6, 2.6)
        self._noise = np.clip(128 + grain / grain.std() * amount, 0, 255).astype(np.uint8)
        self._blur = rng.uniform(0.2, 0.6)

    def expose(self, image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
        """What the sensor makes of a perfect image; ``rng`` is the frame's own."""
        height, width = image.shape[:2]
        seen = cv2.GaussianBlur(image, (3, 3), self._blur)
        seen = cv2.multiply(seen, self._vignette, scale=1 / 255)
        seen = cv2.LUT(seen, self._curves)
        top, left = rng.integers(0, 64, 2)
        noise = self._noise[top : top + height, left : left + width]
        return cv2.addWeighted(seen, 1.0, noise, 1.0, -128.0)
