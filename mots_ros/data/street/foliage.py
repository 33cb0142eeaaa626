"""Trees and bushes as flat pictures that always face the camera."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.data.street.camera import Camera, Floats
from mots_ros.data.street.canvas import Canvas
from mots_ros.data.street.light import Light
from mots_ros.data.street.textures import layered

Generator = np.random.Generator

GREEN = np.array(
    [
        (62, 82, 38),
        (74, 88, 44),
        (52, 70, 40),
        (66, 80, 50),
        (84, 92, 44),
        (98, 94, 52),
        (108, 90, 54),
    ]
)


class Plant:
    """A picture of a plant, filtered for every distance.

    tall, wide: metres.
    """

    def __init__(self, pixels: NDArray[np.uint8], tall: float, light: Light) -> None:
        self.tall = tall
        self.wide = tall * pixels.shape[1] / pixels.shape[0]
        self.light = light
        self._levels = [pixels]
        while min(self._levels[-1].shape[:2]) > 12:
            rows, columns = self._levels[-1].shape[:2]
            half = (columns // 2, rows // 2)
            self._levels.append(cv2.resize(self._levels[-1], half, None, 0, 0, cv2.INTER_AREA))

    def paint(self, canvas: Canvas, camera: Camera, foot: Floats) -> None:
        """Stand the plant on a point [3] of the ground."""
        place = camera.to_camera(foot)
        if place[2] < 1.5:
            return
        scale = camera.focal / place[2]
        (x, y), tall, wide = camera.to_image(place), self.tall * scale, self.wide * scale
        height, width = camera.size
        left, right = max(int(x - wide / 2), 0), min(int(np.ceil(x + wide / 2)), width)
        top, bottom = max(int(y - tall), 0), min(int(np.ceil(y)), height)
        if right <= left or bottom <= top:
            return
        finest = self._levels[0].shape[0]
        level = int(np.clip(np.rint(np.log2(finest / tall)), 0, len(self._levels) - 1))
        texture = self._levels[level]
        step = texture.shape[0] / tall
        inverse = np.array(
            [
                [step, 0, (left + 0.5 - x + wide / 2) * step - 0.5],
                [0, step, (top + 0.5 - y + tall) * step - 0.5],
            ]
        )
        patch = cv2.warpAffine(
            texture,
            inverse,
            (right - left, bottom - top),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        )
        canvas.lay_pixels(left, top, self.light.veiled(patch, float(place[2])))


def _crown(pixels: NDArray[np.uint8], centre: Floats, radius: Floats, light: Light,
           rng: Generator) -> None:  # fmt: skip
    """Paint a crown of leaves into uint8 [h, w, 4], dark clumps first, lit clumps above them."""
    shape = pixels.shape[:2]
    colour = GREEN[rng.integers(len(GREEN))] * rng.uniform(0.75, 1.2)
    towards = np.array([light.sun[0], -light.sun[1]])
    count = 190
    angle, reach = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.uniform(0, 1, count))
    spots = np.stack([np.cos(angle), np.sin(angle)], axis=1) * reach[:, None] * 0.85
    facing = spots @ towards + rng.normal(0, 0.35, count)
    back_lit = 0.55 if light.sun[2] > 0.2 else 1.0
    for k in np.argsort(facing):
        bright = light.skylight * 0.75 + light.sunlight * back_lit * np.clip(
            0.35 + 0.5 * facing[k], 0, 1.1
        )
        tone = np.clip(colour * bright * rng.uniform(0.85, 1.15), 0, 255)
        place = centre + spots[k] * radius
        size = float(radius.min()) * rng.uniform(0.07, 0.19)
        cv2.circle(pixels, (int(place[0]), int(place[1])), int(size), (*tone, 255), -1)
    leaves = layered(shape, (11, 5, 2.5, 1.5), rng)
    y, x = np.mgrid[: shape[0], : shape[1]]
    edge = np.hypot((x - centre[0]) / radius[0], (y - centre[1]) / radius[1])
    crown = pixels[..., 3] > 0
    gone = crown & (leaves > 1.25 - np.clip(edge - 0.25, 0, 1) * 1.3)
    grain = np.clip(1 + 0.8 * leaves, 0.2, 2.0)[..., None]
    pixels[..., :3] = np.where(crown[..., None], np.clip(pixels[..., :3] * grain, 0, 255), 0)
    pixels[gone] = 0


def tree(light: Light, rng: Generator) -> Plant:
    """A street tree of 5 to 11 metres."""
    rows, columns = 448, 384
    pixels = np.zeros((rows, columns, 4), np.uint8)
    wide = rng.uniform(0.3, 0.48) * columns
    high = rng.uniform(0.28, 0.36) * rows
    _crown(pixels, np.array([columns / 2, high + 6]), np.array([wide, high]), light, rng)
    bark = np.array([74, 64, 54]) * rng.uniform(0.6, 1.3) * light.shade(np.array([0, 0.1, -1.0]))
    trunk = np.zeros_like(pixels)
    half = rng.uniform(5, 9)
    lean = rng.uniform(-14, 14)
    middle = columns / 2
    outline = np.array([
        [middle - half * 1.3, rows], [middle + half * 1.3, rows],
        [middle + half * 0.7 + lean, high], [middle - half * 0.7 + lean, high],
    ])  # fmt: skip
    tone = (*np.clip(bark, 0, 255), 255)
    cv2.fillConvexPoly(trunk, np.rint(outline).astype(np.int32), tone)
    for _ in range(3):
        tip = (int(middle + rng.uniform(-0.7, 0.7) * wide), int(rng.uniform(0.3, 1.1) * high))
        cv2.line(trunk, (int(middle + lean * 0.7), int(1.6 * high)), tip, tone, 4)
    under = (pixels[..., 3] == 0) & (trunk[..., 3] > 0)
    pixels[under] = trunk[under]
    return Plant(pixels, rng.uniform(5, 11), light)


def bush(light: Light, rng: Generator) -> Plant:
    """A bush of half a metre to two metres."""
    rows, columns = 96, int(rng.uniform(90, 200))
    pixels = np.zeros((rows, columns, 4), np.uint8)
    radius = np.array([columns * 0.42, rows * 0.5])
    _crown(pixels, np.array([columns / 2, rows * 0.6]), radius, light, rng)
    return Plant(pixels, rng.uniform(0.6, 2.0), light)
