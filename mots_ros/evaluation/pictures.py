"""Picture files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from mots_ros.core.types import Image
from mots_ros.evaluation.errors import EvaluationError


def write_picture(path: Path, image: Image, settings: Sequence[int] = ()) -> None:
    """Write an RGB image [H, W, 3] in the format that the name ends with.

    Args:
        settings: OpenCV's, such as the quality.

    Raises EvaluationError where it cannot be written.
    """
    if not cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR), settings):
        raise EvaluationError(f"{path}: cannot write it; is the disk full?")
