"""The weights that come with the package find cars on a street that they were not trained on."""

import numpy as np
import pytest

from mots_ros.build import build_pipeline, weights_path
from mots_ros.config import Config
from mots_ros.core import boxes
from mots_ros.data.street import StreetDrive
from mots_ros.nets import checkpoint
from mots_ros.nets.searchtrack import LIGHT

LARGE = 40
"""Pixels in height."""


def _large_cars(instances: np.ndarray) -> dict[int, np.ndarray]:
    """The boxes of the cars that are large and wholly inside the image, by instance."""
    found = {}
    for value in np.unique(instances[(instances > 1000) & (instances < 2000)]):
        rows, columns = np.nonzero(instances == value)
        box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)
        if rows.max() - rows.min() >= LARGE and box[0] > 0 and box[2] < instances.shape[1]:
            found[int(value)] = box
    return found


def test_embedded_weights_are_light() -> None:
    path = weights_path(Config().detector.weights)
    assert path.stat().st_size < 10_000_000
    assert checkpoint.load(path).spec == LIGHT


def test_large_cars_are_found_and_keep_their_ids() -> None:
    pipeline = build_pipeline(Config().with_values({"detector.device": "cpu"}))
    ids: dict[int, list[int]] = {}
    shown = 0
    for item in StreetDrive(seed=6, length=8):
        (tracked,) = pipeline.step(item.frame)
        cars = tracked.detections.labels == 0
        for value, box in _large_cars(item.instances).items():
            shown += 1
            overlap = boxes.iou(box[None], tracked.detections.boxes[cars])[0]
            if len(overlap) and overlap.max() > 0.5:
                found = int(tracked.ids[cars][overlap.argmax()])
                ids.setdefault(value, []).append(found)
    assert shown >= 8
    assert sum(map(len, ids.values())) >= 0.75 * shown
    assert all(len(set(history)) == 1 for history in ids.values()), ids


@pytest.mark.parametrize("size", [(480, 640), (375, 1242), (1080, 1920)])
def test_any_camera_will_do(size: tuple[int, int]) -> None:
    pipeline = build_pipeline(Config().with_values({"detector.device": "cpu"}))
    item = next(iter(StreetDrive(seed=6, length=1, size=size)))
    (tracked,) = pipeline.step(item.frame)
    assert tracked.label_image.shape == size
    assert set(np.unique(tracked.label_image)) - {0} <= set(tracked.ids.tolist())
