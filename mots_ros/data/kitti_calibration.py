"""Calibration files of KITTI, as they describe the left colour camera (camera 2)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from mots_ros.data.calibration import Calibration, Matrix
from mots_ros.data.drives import DriveError


def read_tracking(path: Path, size: tuple[int, int]) -> Calibration:
    """The calibration of a sequence of KITTI tracking, whose images are rectified.

    Args:
        path: ``calib/0000.txt``.
        size: height and width of the sequence's images, which the file does not say.

    Raises:
        DriveError: naming the file, the line and what was expected.
    """
    return Calibration.rectified(size, _Numbers(path).of("P2", 12).reshape(3, 4))


def read_raw(path: Path, size: tuple[int, int]) -> Calibration:
    """The calibration of a day of KITTI raw recordings.

    The size tells whether the images are those of a ``_sync`` drive, which are rectified, or of an
    ``_extract`` drive, which are as the camera saw them.

    Args:
        path: ``calib_cam_to_cam.txt``.
        size: height and width of the drive's images.

    Raises:
        DriveError: naming the file, the line and what was expected, also where it is not for
            images of this size.
    """
    numbers = _Numbers(path)
    p = numbers.of("P_rect_02", 12).reshape(3, 4)
    width_height = float(size[1]), float(size[0])
    rectified = tuple(numbers.of("S_rect_02", 2))
    original = tuple(numbers.of("S_02", 2))
    if width_height == rectified:
        return Calibration.rectified(size, p)
    if width_height == original:
        k = numbers.of("K_02", 9).reshape(3, 3)
        r = numbers.of("R_rect_02", 9).reshape(3, 3)
        return Calibration(size, k, numbers.of("D_02", 5), r, p)
    raise DriveError(
        f"{path}: expected images of {rectified[0]:.0f} x {rectified[1]:.0f} (rectified) or "
        f"{original[0]:.0f} x {original[1]:.0f} pixels (width x height), found "
        f"{size[1]} x {size[0]}"
    )


class _Numbers:
    """The numbers behind the names at the beginning of a file's lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[str, tuple[int, str]] = {}
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise DriveError(f"{path}: cannot read it: {error.strerror}") from error
        for number, line in enumerate(text.splitlines(), start=1):
            name, _, rest = line.strip().partition(" ")
            self._lines[name.rstrip(":")] = number, rest

    def of(self, name: str, count: int) -> Matrix:
        """The ``count`` numbers behind ``name``."""
        if name not in self._lines:
            raise DriveError(
                f"{self._path}: expected a line that begins with '{name}:', found none"
            )
        number, text = self._lines[name]
        try:
            values = [float(word) for word in text.split()]
        except ValueError:
            values = []
        if len(values) != count or not all(map(math.isfinite, values)):
            raise DriveError(
                f"{self._path}:{number}: expected {count} numbers after '{name}:', found "
                f"{text[:60]!r}"
            )
        return np.array(values)
