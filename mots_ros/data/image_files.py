"""Image files of every kind that a drive reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.core.types import Image
from mots_ros.data.drives import DriveError

AS_STORED = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
"""Colour images without the rotation that a camera noted beside the pixels (EXIF)."""


def read_rgb(path: Path, mode: int = cv2.IMREAD_COLOR) -> Image:
    """The colour image [H, W, 3] in a file; raises DriveError where there is none."""
    image = read_values(path, mode)
    rgb: Image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)
    return rgb


def read_values(path: Path, mode: int) -> NDArray[Any]:
    """The pixels of a file as one of OpenCV's read modes gives them; raises DriveError."""
    try:
        image = cv2.imdecode(np.fromfile(path, np.uint8), mode)
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise DriveError(f"{path}: expected a PNG or JPEG image, found what cannot be read as one")
    return image
