"""What fills ignore regions: cars and people that nobody is asked to find, out of focus."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.data.replica.car import CarLooks
from mots_ros.data.replica.person import PersonLooks
from mots_ros.data.replica.sheet import Bytes, Generator, Sheet
from mots_ros.data.street.camera import Camera
from mots_ros.data.street.light import Light

_CAR_OUTLINE = ((0.0, 0.5), (0.16, 0.06), (0.84, 0.06), (1.0, 0.5), (0.98, 1.0), (0.02, 1.0))
_BODY_OUTLINE = ((0.2, 0.16), (0.8, 0.16), (0.95, 0.5), (0.7, 1.0), (0.3, 1.0), (0.05, 0.5))
_CREST = np.array([0.14, 0.86])
_KINDS = 12
_COARSENESS = 2
_MIN_METRE = 3.0
"""Pixels that a metre has at least where anything is painted."""
_SPACING = 3.5
"""Metres between what stands in a region."""
_CAR_METRES = np.array([1.5, 2.6])
_PERSON_METRES = np.array([1.72, 0.52])
"""Height and width."""
_WHITE = np.full(3, 255.0)


class Clutter:
    """A drive's anonymous cars and people."""

    def __init__(self, rng: Generator, light: Light) -> None:
        self._cars = [CarLooks.sample(rng, light, rng.random() < 0.5) for _ in range(_KINDS)]
        self._people = [PersonLooks.sample(rng, light) for _ in range(_KINDS)]
        self._is_car = rng.random(_KINDS) < 0.7

    def paint(self, image: Bytes, region: NDArray[np.bool_], camera: Camera) -> None:
        """Paint onto an image [H, W, 3] where ``region`` [H, W] is set."""
        coarse = region[::_COARSENESS, ::_COARSENESS].astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(coarse)
        boxes = sorted((stats[1:count, :4] * _COARSENESS).tolist())
        for order, (left, top, width, height) in enumerate(boxes):
            metre = max(_metre(top + height, camera), _MIN_METRE)
            slots = min(max(round(width / (_SPACING * metre)), 1), _KINDS)
            for slot in range(slots):
                middle = left + int(width * (slot + 0.5) / slots)
                ground = top + np.flatnonzero(region[top : top + height, middle])
                if len(ground):
                    foot = (middle, int(ground[-1]) + 1)
                    self._stand(image, region, camera, foot, (7 * order + slot) % _KINDS)

    def _stand(
        self,
        image: Bytes,
        region: NDArray[np.bool_],
        camera: Camera,
        foot: tuple[float, float],
        which: int,
    ) -> None:
        """Put someone or a car on a pixel of the ground."""
        metre = _metre(foot[1], camera)
        if metre < _MIN_METRE:
            return
        tall, wide = (_CAR_METRES if self._is_car[which] else _PERSON_METRES) * metre
        place = np.array([foot[0] - wide / 2, foot[1] - tall, foot[0] + wide / 2, foot[1]])
        height, width = region.shape
        left, top = np.maximum(np.floor(place[:2]), 0).astype(int).tolist()
        right, bottom = np.minimum(np.ceil(place[2:]), (width, height)).astype(int).tolist()
        rows, columns = slice(top, bottom), slice(left, right)
        if right <= left or bottom <= top or not region[rows, columns].any():
            return
        crop = (left, top, right, bottom)
        sheet, outline = Sheet(crop, place), Sheet(crop, place)
        if self._is_car[which]:
            looks: CarLooks | PersonLooks = self._cars[which]
            self._cars[which].paint(sheet, wide / tall, _CREST, camera.focal / metre)
            outline.polygon(_CAR_OUTLINE, _WHITE)
        else:
            looks = self._people[which]
            self._people[which].paint(sheet)
            outline.polygon(_BODY_OUTLINE, _WHITE)
            outline.ellipse(0.5, 0.08, 0.25, 0.08, _WHITE)
        colours = looks.grain.lay(sheet.finished(), crop, place)
        softness = 0.6 + 0.015 * tall
        colours = cv2.GaussianBlur(colours, (0, 0), softness)
        share = outline.finished()[..., 0] * region[rows, columns]
        share = cv2.GaussianBlur(share.astype(np.float32) / 255, (0, 0), softness)
        image[rows, columns] = cv2.blendLinear(image[rows, columns], colours, 1 - share, share)


def _metre(row: float, camera: Camera) -> float:
    """How many pixels a metre has that stands on the ground at this row."""
    return (row - camera.horizon) / float(camera.position[1])
