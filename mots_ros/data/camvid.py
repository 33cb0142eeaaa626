"""CamVid's street photographs as short drives: a still photo, filmed by a moving window.

CamVid labels classes, not objects, so only connected regions that can be one object are taken for
one; all others become ignore regions.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.core.types import Frame, LabelImage
from mots_ros.data.drives import AnnotatedFrame
from mots_ros.data.kitti_mots import CLASS_NAMES, IGNORE_ID

CAR, PEDESTRIAN, BICYCLIST, UNLABELLED = 8, 9, 10, 11
WINDOW = (216, 480)
"""Height and width of the frames: the street without the sky and the car's own bonnet."""
HORIZON = 0.57
FRAME_NS = 10**8


class CamVidDrive:
    """One photograph (``NAME.jpg`` beside ``NAME.png``) as a drive of a few frames at 10 Hz."""

    class_names = CLASS_NAMES

    def __init__(self, photo: Path, length: int = 6) -> None:
        self._photo = photo
        self._length = length

    @property
    def name(self) -> str:
        """``camvid_NAME``."""
        return f"camvid_{self._photo.stem}"

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[AnnotatedFrame]:
        """Raises ValueError where the photograph or its labels cannot be read."""
        image = _read(self._photo, cv2.IMREAD_COLOR)
        labels = _read(self._photo.with_suffix(".png"), cv2.IMREAD_GRAYSCALE)
        if labels.shape != image.shape[:2]:
            raise ValueError(
                f"{self._photo}: {image.shape[:2]} pixels, but its labels are {labels.shape}"
            )
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        instances = objects_of(labels)
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        zoom, zoom_rate = rng.uniform(1.0, 1.4), rng.normal(0, 0.02)
        centre = np.array([0.5, HORIZON]) * labels.shape[::-1]
        start, velocity = rng.normal(0, (15, 8)), rng.normal(0, (4, 0.7))
        for t in range(self._length):
            scale = max(1.0, zoom * np.exp(zoom_rate * t)) * WINDOW[1] / labels.shape[1]
            view = _window(centre + start + velocity * t, scale, labels.shape)
            frame = cv2.warpAffine(image, view, WINDOW[::-1], flags=cv2.INTER_LINEAR)
            shown = cv2.warpAffine(instances, view, WINDOW[::-1], flags=cv2.INTER_NEAREST)
            yield AnnotatedFrame(
                Frame(t * FRAME_NS, "camera", frame),  # type: ignore[arg-type]
                shown,  # type: ignore[arg-type]
            )


def camvid_drives(folder: Path) -> list[CamVidDrive]:
    """A drive for every labelled photograph in a folder.

    Raises:
        ValueError: there is none.
    """
    photos = [path for path in sorted(folder.glob("*.jpg")) if path.with_suffix(".png").exists()]
    if not photos:
        raise ValueError(f"{folder}: expected photographs NAME.jpg with labels NAME.png")
    return [CamVidDrive(photo) for photo in photos]


def objects_of(labels: NDArray[np.uint8]) -> LabelImage:
    """The instance map [H, W] of a photograph's class labels [H, W]."""
    instances = np.zeros(labels.shape, np.uint16)
    instances[(labels == BICYCLIST) | (labels == UNLABELLED)] = IGNORE_ID
    for class_id, label in enumerate((CAR, PEDESTRIAN), start=1):
        count, regions, boxes, _ = cv2.connectedComponentsWithStats(
            (labels == label).view(np.uint8)
        )
        objects = 0
        for region in range(1, count):
            x, y, width, height, _ = boxes[region]
            window = np.s_[y : y + height, x : x + width]
            visible = regions[window] == region
            if _can_be_one(label, visible):
                objects += 1
                instances[window][visible] = class_id * 1000 + objects
            else:
                instances[window][visible] = IGNORE_ID
    return instances


def _can_be_one(label: int, visible: NDArray[np.bool_]) -> bool:
    """Whether a region (bool, cut to its box) has the size, shape and fullness of one object."""
    height, width = visible.shape
    (outline, *_), _ = cv2.findContours(
        visible.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    hull = max(cv2.contourArea(cv2.convexHull(outline)), 1.0)
    fullness = cv2.contourArea(outline) / hull
    if label == CAR:
        return min(height, width) >= 8 and 0.7 <= width / height <= 3.2 and fullness >= 0.84
    return height >= 14 and 1.7 <= height / width <= 4.5 and fullness >= 0.65


def _window(
    centre: NDArray[np.floating], scale: float, size: tuple[int, ...]
) -> NDArray[np.floating]:
    """The 2x3 matrix that shows the photo around ``centre``, moved inside where it sticks out."""
    half = np.array(WINDOW[::-1]) / 2 / scale
    centre = np.clip(centre, half, np.array(size[::-1]) - half)
    shift = np.array(WINDOW[::-1]) / 2 - scale * centre
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def _read(path: Path, mode: int) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), mode)
    if image is None:
        raise ValueError(f"{path}: cannot be read as an image")
    return image  # type: ignore[return-value]
