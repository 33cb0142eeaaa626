"""An annotated object with its made-up appearance."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.data.kitti_mots import class_of
from mots_ros.data.replica.car import CarLooks
from mots_ros.data.replica.person import BODY_WIDTH, PersonLooks
from mots_ros.data.replica.sheet import Bytes, Crop, Floats, Generator, Sheet
from mots_ros.data.replica.trajectory import Trajectory
from mots_ros.data.street.light import Light

_PEDESTRIAN = 2
_CAR_HEIGHT, _PERSON_HEIGHT = 1.5, 1.72
_CAR_ROUNDNESS, _PERSON_ROUNDNESS = 0.2, 0.4
"""How much darker an object's outline is than its middle."""
_CAR_STANCE, _PERSON_STANCE = 0.12, 0.04
"""How far the ground under an object reaches into the image, as a share of its height."""
_BONNET_CUE, _REAR_PRIOR = 15.0, 0.6
_EDGE = 0.04
_WIDEST_EDGE = 12


class Actor:
    """One object of a drive.

    focal: of the camera in pixels. middle: the image column that the camera looks along.
    """

    def __init__(
        self,
        object_id: int,
        trajectory: Trajectory,
        rng: Generator,
        light: Light,
        focal: float,
        middle: float,
    ) -> None:
        self._trajectory = trajectory
        self._light = light
        self._focal = focal
        self._is_person = class_of(object_id) == _PEDESTRIAN
        self.stance = _PERSON_STANCE if self._is_person else _CAR_STANCE
        self._looks: CarLooks | PersonLooks
        if self._is_person:
            self._looks = PersonLooks.sample(rng, light)
        else:
            self._looks = _sample_car(trajectory, rng, light, middle)

    def body(self, frame: int) -> Floats:
        """The box [4] that the looks are fixed to."""
        box, crest = self._trajectory.box(frame), self._trajectory.crest_at(frame)
        if not self._is_person:
            return box
        # Arms and legs swing, but the body stays under the head.
        middle = box[0] + crest.mean() * (box[2] - box[0])
        reach = BODY_WIDTH * (box[3] - box[1]) / 2
        return np.array([middle - reach, box[1], middle + reach, box[3]])

    def paint(self, frame: int, crop: Crop, mask: NDArray[np.float32]) -> Bytes:
        """The colours [h, w, 3] of a crop of the image, right where the mask [h, w] is 1."""
        body = self.body(frame)
        width, height = body[2:] - body[:2]
        sheet = Sheet(crop, body)
        if isinstance(self._looks, PersonLooks):
            self._looks.paint(sheet)
            distance, roundness = self._focal * _PERSON_HEIGHT / height, _PERSON_ROUNDNESS
        else:
            distance, roundness = self._focal * _CAR_HEIGHT / height, _CAR_ROUNDNESS
            crest = self._trajectory.crest_at(frame)
            self._looks.paint(sheet, width / height, crest, distance)
        colours = self._looks.grain.lay(sheet.finished(), crop, body)

        reach = 2 * int(np.clip(_EDGE * height, 1, _WIDEST_EDGE)) + 1
        inside = cv2.blur(mask, (reach, reach), borderType=cv2.BORDER_REPLICATE)
        # On a straight edge half of what is near is inside.
        rounded = 1 - roundness * 2 * (1 - np.maximum(inside, 0.5))
        veil = self._light.veil(distance)
        haze = (self._light.haze * veil).astype(np.float32)
        seen: Bytes = (colours * (rounded * (1 - veil))[..., None] + haze).astype(np.uint8)
        return seen


def _sample_car(trajectory: Trajectory, rng: Generator, light: Light, middle: float) -> CarLooks:
    """Looks that agree with how a car's outline lies in its box."""
    # A car shows its side towards the vanishing point, clearest where it is far from it.
    aside = trajectory.boxes[:, [0, 2]].mean(axis=1) - middle
    end_on_left = bool(aside[np.abs(aside).argmax()] < 0)
    # The bonnet keeps the roof away from a car's front more than the boot does from its rear.
    gaps = np.stack([trajectory.crest[:, 0], 1 - trajectory.crest[:, 1]], axis=1).mean(axis=0)
    bonnet = float(gaps[0] - gaps[1] if end_on_left else gaps[1] - gaps[0])
    from_behind = 1 / (1 + np.exp(_BONNET_CUE * bonnet - _REAR_PRIOR))
    return CarLooks.sample(rng, light, end_on_left, from_behind)
