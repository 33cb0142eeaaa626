"""Cars: hatchbacks, saloons, estates, off-roaders and vans, each one a little different."""

from __future__ import annotations

import numpy as np

from mots_ros.data.street.bodywork import Shape, bodywork
from mots_ros.data.street.camera import Camera, Floats
from mots_ros.data.street.canvas import Canvas
from mots_ros.data.street.light import Light
from mots_ros.data.street.pose import Pose
from mots_ros.data.street.solid import hull_shadow

Generator = np.random.Generator

PAINT = np.array(
    [
        (168, 172, 176), (148, 152, 156), (120, 124, 128), (72, 76, 82), (40, 42, 46),
        (24, 25, 28), (16, 17, 20), (26, 30, 52), (30, 48, 92), (214, 216, 216), (232, 233, 232),
        (132, 22, 26), (92, 18, 24), (38, 56, 48), (176, 160, 128), (58, 80, 110),
        (190, 194, 198), (52, 54, 58),
    ],
    np.float64,
)  # fmt: skip

KINDS = (
    (Shape(4.0, 1.70, 1.46, 0.85, 0.12, 0.80, 0.42, 0.92, 0.72), 0.34),
    (Shape(4.6, 1.78, 1.43, 1.10, 0.80, 0.85, 0.75, 0.92, 0.70), 0.22),
    (Shape(4.65, 1.77, 1.46, 1.10, 0.10, 0.85, 0.45, 0.92, 0.70), 0.18),
    (Shape(4.5, 1.84, 1.70, 1.05, 0.14, 0.70, 0.35, 1.06, 0.90, 0.36), 0.11),
    (Shape(4.9, 1.90, 1.96, 0.75, 0.05, 0.75, 0.12, 1.08, 0.92, 0.33), 0.09),
    (Shape(5.4, 1.96, 2.45, 0.70, 0.03, 0.70, 0.05, 1.18, 0.98, 0.34, True), 0.06),
)
"""Hatchback, saloon, estate, off-roader, people carrier and van, each with its share."""


class Car:
    """One car, seen from any side.

    length, width, height: metres.
    """

    def __init__(self, rng: Generator) -> None:
        shares = np.array([share for _, share in KINDS])
        base = KINDS[rng.choice(len(KINDS), p=shares / shares.sum())][0]
        grow = rng.normal(1, 0.03, 3).clip(0.93, 1.07)
        self.shape = Shape(
            base.length * grow[0], base.width * grow[1], base.height * grow[2],
            base.bonnet * rng.uniform(0.9, 1.1), base.boot * rng.uniform(0.8, 1.15),
            base.slant_front * rng.uniform(0.85, 1.15), base.slant_rear * rng.uniform(0.7, 1.3),
            base.belt * rng.uniform(0.97, 1.05), base.nose * rng.uniform(0.95, 1.06),
            base.wheel * rng.uniform(0.96, 1.06), base.cargo,
        )  # fmt: skip
        self.length, self.width, self.height = (
            self.shape.length, self.shape.width, self.shape.height,
        )  # fmt: skip
        white_van = self.shape.cargo and rng.random() < 0.6
        paint = PAINT[10 if white_van else rng.integers(len(PAINT))]
        paint = np.clip(paint * rng.uniform(0.85, 1.1) + rng.normal(0, 5, 3), 6, 245)
        self._solid = bodywork(self.shape, paint, rng)

    def footprint(self, pose: Pose) -> Floats:
        """Corners [4, 2] on the ground, X and Z."""
        return pose.to_street(self._corners())[:, [0, 2]]

    def _corners(self) -> Floats:
        half = np.array([self.width, 0, self.length]) / 2
        return np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]]) * half

    def shade_ground(self, canvas: Canvas, camera: Camera, light: Light, pose: Pose) -> None:
        """Darken the ground under and beside the car."""
        corners = self._corners()
        roof = corners * (0.8, 0, 0.7) + (0, self.height, 0)
        belt = corners + (0, self.shape.belt, 0)
        around = pose.to_street(np.concatenate([corners, belt, roof]))
        canvas.shadow(camera, hull_shadow(around, light), 0.6 * (1 - light.overcast), 0.06)
        canvas.shadow(camera, pose.to_street(corners), 0.72, 0.22)

    def paint(self, canvas: Canvas, camera: Camera, light: Light, pose: Pose, value: int) -> None:
        """Paint it over what is behind it; its visible pixels take ``value``."""
        self._solid.paint(canvas, camera, light, pose, value)
