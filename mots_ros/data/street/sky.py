"""The sky and, along the horizon, the far trees and roofs that a street ends in."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.data.street.camera import Camera
from mots_ros.data.street.light import Light
from mots_ros.data.street.textures import layered, to_bytes

Generator = np.random.Generator

FAR = 260.0
"""Metres to the trees on the horizon."""


class Sky:
    """Paints everything above the ground's end."""

    def __init__(self, size: tuple[int, int], light: Light, rng: Generator) -> None:
        height, width = size
        self._reach = width // 3
        shape = (height, width + 2 * self._reach)
        up = np.linspace(0, 1, shape[0], dtype=np.float32)[::-1, None]
        stretched = (shape[0] * 2, shape[1])
        clouds = layered(stretched, (260, 120, 50, 24, 12), rng)[::2]
        cover = np.clip((clouds + rng.uniform(-0.9, 0.5) + 1.2 * light.overcast) * 1.6, 0, 1)
        blue = np.array([226, 236, 246]) + up[..., None] * np.array([-100, -66, -22])
        white = np.array([248, 249, 250]) - 18 * light.overcast + 9 * clouds[..., None]
        glow = np.clip(1.25 - up * rng.uniform(0.5, 1.6), 0, 1)
        share = np.maximum(cover, glow * rng.uniform(0.4, 1.0))[..., None]
        sky = blue * (1 - share) + white * share
        _add_far_trees(sky, light, rng)
        self._texture = to_bytes(sky)

    def paint(self, image: NDArray[np.uint8], camera: Camera) -> None:
        """Paint the rows down to the horizon."""
        bottom = int(np.clip(np.ceil(camera.horizon) + 3, 0, image.shape[0]))
        left = int(np.clip(self._reach + camera.yaw * camera.focal, 0, 2 * self._reach))
        strip = self._texture[self._texture.shape[0] - bottom :, left : left + image.shape[1]]
        image[:bottom] = strip


def _add_far_trees(sky: NDArray[np.float64], light: Light, rng: Generator) -> None:
    """Paint rows of ever nearer trees and roofs along the lower edge."""
    height, width = sky.shape[:2]
    row = np.arange(height, dtype=np.float32)[::-1, None]
    shade = light.shade(np.array([0.0, 0.6, -0.8]))
    leaves = layered((height, width), (24, 9, 4), rng)
    for distance, tall in ((2.5 * FAR, rng.uniform(12, 30)), (FAR, rng.uniform(8, 34))):
        crest = tall * (1 + 0.7 * layered((1, width), (180, 60, 22, 8), rng))
        colour = np.array([58, 74, 44]) * rng.uniform(0.7, 1.2) + 26 * leaves[..., None]
        hazy = light.through_haze(colour * shade, distance)
        trees = np.clip(crest + 5 * leaves - row, 0, 1)[..., None]
        sky[:] = sky * (1 - trees) + hazy * trees
        for _ in range(rng.integers(0, 9)):
            left, span = rng.integers(0, width), rng.integers(20, 110)
            top = height - int(tall * rng.uniform(0.5, 1.4))
            wall = light.through_haze(
                rng.uniform(90, 190) * rng.normal(1, 0.06, (1, 1, 3)) * shade, distance
            )
            cv2.rectangle(sky, (left, top), (left + span, height), wall.ravel().tolist(), -1)
