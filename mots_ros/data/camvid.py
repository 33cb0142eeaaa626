"""CamVid's street photographs as short drives.

CamVid labels classes, not objects, so only connected regions that can be one object are taken for
one; all others become ignore regions.
"""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.core.types import Image, LabelImage
from mots_ros.data.checksum import checksum
from mots_ros.data.drives import DriveError
from mots_ros.data.filmed import STREET_HORIZON, FilmedPhoto
from mots_ros.data.image_files import read_rgb, read_values
from mots_ros.data.kitti_mots import IGNORE_ID

CAR, PEDESTRIAN, BICYCLIST, UNLABELLED = 8, 9, 10, 11


def camvid_drives(folder: Path) -> list[FilmedPhoto]:
    """A drive for every labelled photograph in a folder.

    Raises:
        ValueError: there is none.
    """
    photos = [path for path in sorted(folder.glob("*.jpg")) if path.with_suffix(".png").exists()]
    if not photos:
        raise ValueError(f"{folder}: expected photographs NAME.jpg with labels NAME.png")
    return [camvid_drive(photo) for photo in photos]


def camvid_drive(photo: Path) -> FilmedPhoto:
    """The drive of a photograph ``NAME.jpg`` beside its labels ``NAME.png``.

    Iterating raises ValueError where one of them cannot be read, or their sizes differ.
    """
    labels = photo.with_suffix(".png").read_bytes()
    name = f"camvid_{photo.stem}_{checksum([labels], [photo])}"
    return FilmedPhoto(name, functools.partial(_load, photo), centre=STREET_HORIZON)


def _load(photo: Path) -> tuple[Image, LabelImage]:
    image = read_rgb(photo)
    labels = read_values(photo.with_suffix(".png"), cv2.IMREAD_GRAYSCALE)
    if labels.shape != image.shape[:2]:
        raise DriveError(f"{photo}: {image.shape[:2]} pixels, but its labels are {labels.shape}")
    return image, objects_of(labels)


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
