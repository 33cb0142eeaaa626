"""A pinhole camera like KITTI's left colour camera, on a car."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

KITTI_WIDTH = 1242
KITTI_FOCAL = 721.5
KITTI_PRINCIPAL_X = 609.6 / KITTI_WIDTH
KITTI_PRINCIPAL_Y = 172.9 / 375
KITTI_HEIGHT_ABOVE_ROAD = 1.65
NEAR = 0.3


@dataclass(frozen=True)
class Camera:
    """Where the camera is and how it sees; world axes are X right, Y up, Z along the street.

    position: [3] in metres. yaw is positive to the right, pitch positive downwards, roll positive
    clockwise, all in radians. size: image height and width in pixels.
    """

    size: tuple[int, int]
    position: Floats
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    focal: float = field(init=False)
    centre: tuple[float, float] = field(init=False)
    rotation: Floats = field(init=False)

    def __post_init__(self) -> None:
        height, width = self.size
        set_ = object.__setattr__
        set_(self, "focal", KITTI_FOCAL * width / KITTI_WIDTH)
        set_(self, "centre", (KITTI_PRINCIPAL_X * width, KITTI_PRINCIPAL_Y * height))
        cy, sy = np.cos(self.yaw), np.sin(self.yaw)
        cp, sp = np.cos(self.pitch), np.sin(self.pitch)
        cr, sr = np.cos(self.roll), np.sin(self.roll)
        turn = np.array([[cy, 0, -sy], [0, -1, 0], [sy, 0, cy]])
        nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        lean = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
        set_(self, "rotation", lean @ nod @ turn)

    @property
    def intrinsics(self) -> Floats:
        """[3, 3], from camera axes to pixels."""
        return np.array(
            [[self.focal, 0, self.centre[0]], [0, self.focal, self.centre[1]], [0, 0, 1]]
        )

    def to_camera(self, points: Floats) -> Floats:
        """World points [..., 3] in camera axes: x right, y down, z forward."""
        return (points - self.position) @ self.rotation.T

    def to_image(self, points: Floats) -> Floats:
        """Points [..., 3] in camera axes as pixels [..., 2].

        What lies nearer than NEAR, or behind, is moved to NEAR, so that it lands far outside of
        the image on its own side.
        """
        depth = np.maximum(points[..., 2:], NEAR)
        return points[..., :2] / depth * self.focal + self.centre

    def project(self, points: Floats) -> Floats:
        """World points [..., 3] as pixels [..., 2]; see `to_image` for what is behind."""
        return self.to_image(self.to_camera(points))

    def plane_homography(self, origin: Floats, along: Floats, across: Floats) -> Floats:
        """The 3x3 map from plane coordinates (a, b), origin + a along + b across, to pixels."""
        columns = np.stack(
            [
                self.rotation @ along,
                self.rotation @ across,
                self.rotation @ (origin - self.position),
            ],
            axis=1,
        )
        return self.intrinsics @ columns

    @property
    def horizon(self) -> float:
        """The horizon's row in the middle of the image."""
        return self.centre[1] - self.focal * float(np.tan(self.pitch))


def clip_near(points: Floats, near: float = NEAR) -> Floats:
    """The part of a convex polygon [N, 3] in camera axes that lies beyond ``near``."""
    inside = points[:, 2] >= near
    if inside.all():
        return points
    kept = []
    for i in range(len(points)):
        a, b = points[i - 1], points[i]
        if inside[i - 1] != inside[i]:
            kept.append(a + (near - a[2]) / (b[2] - a[2]) * (b - a))
        if inside[i]:
            kept.append(b)
    return np.array(kept).reshape(-1, 3)
