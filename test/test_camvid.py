"""Photographs with class labels become short drives of separate objects."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from mots_ros.data.camvid import (
    CAR,
    PEDESTRIAN,
    UNLABELLED,
    camvid_drive,
    camvid_drives,
    objects_of,
)
from mots_ros.data.kitti_mots import IGNORE_ID


def _labels() -> np.ndarray:
    labels = np.full((360, 480), 3, np.uint8)
    labels[200:240, 100:160] = CAR
    labels[190:250, 300:320] = PEDESTRIAN
    labels[190:250, 340:420] = PEDESTRIAN  # a crowd: wider than a person
    labels[200:203, 200:260] = CAR  # a sliver
    labels[:20] = UNLABELLED
    return labels


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    labels = _labels()
    image = np.full((*labels.shape, 3), 100, np.uint8)
    image[labels == CAR] = (0, 0, 250)  # red, in OpenCV's order
    cv2.imwrite(str(tmp_path / "street.jpg"), image)
    cv2.imwrite(str(tmp_path / "street.png"), labels)
    return tmp_path / "street.jpg"


def test_only_regions_that_can_be_one_object_are_objects() -> None:
    instances = objects_of(_labels())
    assert sorted(np.unique(instances)) == [0, 1001, 2001, IGNORE_ID]
    assert (instances == 1001).sum() == 40 * 60
    assert (instances == 2001).sum() == 60 * 20
    assert (instances[190:250, 340:420] == IGNORE_ID).all()
    assert (instances[200:203, 200:260] == IGNORE_ID).all()


def test_frames_move_image_and_objects_together(photo: Path) -> None:
    drive = camvid_drive(photo)
    frames = list(drive)
    assert len(frames) == len(drive) == 6
    positions = []
    for item in frames:
        assert item.frame.image.shape == (216, 480, 3)
        car = item.instances == 1001
        red = item.frame.image[..., 0].astype(int) - item.frame.image[..., 1] > 75
        red &= item.instances != IGNORE_ID
        assert (car & red).sum() > 0.9 * max(car.sum(), red.sum())
        positions.append(np.argwhere(car).mean(axis=0))
    assert np.linalg.norm(positions[5] - positions[0]) > 1


def test_rendered_drives_stay_what_they_were(photo: Path) -> None:
    # Caches know them by name, so the name must not come to mean another way through the photo.
    frames = list(dataclasses.replace(camvid_drive(photo), name="camvid_street"))
    centres = [np.argwhere(frames[t].instances == 1001).mean(axis=0) for t in (0, 5)]
    np.testing.assert_allclose(centres, [[115.5, 114.5], [113.5, 133.5]], atol=0.6)


def test_folder(photo: Path, tmp_path: Path) -> None:
    (drive,) = camvid_drives(photo.parent)
    assert drive.name.startswith("camvid_street_")
    with pytest.raises(ValueError, match="expected photographs"):
        camvid_drives(tmp_path / "nowhere")


def test_unreadable_photo_is_named(photo: Path) -> None:
    photo.write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"street\.jpg: expected a PNG or JPEG image"):
        next(iter(camvid_drive(photo)))


def test_labels_of_another_size_are_refused(photo: Path) -> None:
    cv2.imwrite(str(photo.with_suffix(".png")), np.zeros((4, 5), np.uint8))
    with pytest.raises(ValueError, match=r"street\.jpg: .*480.* its labels are \(4, 5\)"):
        next(iter(camvid_drive(photo)))
