"""What a camera's calibration says, in the terms of sensor_msgs/CameraInfo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """A pinhole camera with the plumb_bob distortion model.

    size: height and width in pixels of the images that the numbers hold for.
    k: [3, 3] intrinsic matrix of the images as they are, in pixels.
    d: [5] distortion k1, k2, p1, p2, k3; zero for images that are rectified already.
    r: [3, 3] rotation into the rectified camera.
    p: [3, 4] projection of the rectified camera, in pixels.
    """

    size: tuple[int, int]
    k: Matrix
    d: Matrix
    r: Matrix
    p: Matrix

    @classmethod
    def rectified(cls, size: tuple[int, int], p: Matrix) -> Calibration:
        """The calibration of images that are rectified already; p [3, 4] projects into them."""
        return cls(size, p[:, :3].copy(), np.zeros(5), np.eye(3), p)
