"""The pipeline joins detector and tracker, paints the masks, and follows the clock."""

import numpy as np

from mots_ros.config import DetectorConfig, TrackerConfig
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.types import Detections, Frame, Observation
from mots_ros.pipeline import Pipeline
from mots_ros.trackers.sort import SortTracker

LETTERBOX = Letterbox.contain((32, 64), (32, 64))


class OneCar:
    """Sees the same car in every frame."""

    class_names = ("car",)
    device = "cpu"
    config = DetectorConfig()

    def __call__(self, frame: Frame) -> Observation[None]:
        masks = np.zeros((1, 8, 16), np.float32)
        masks[0, 2:6, 4:8] = 1
        boxes = np.array([[16, 8, 32, 24]], np.float32)
        seen = Detections(boxes, np.array([0.9], np.float32), np.array([0]), masks)
        return Observation(frame, LETTERBOX, seen, None)


def frame(stamp_ns: int) -> Frame:
    return Frame(stamp_ns, "camera", np.zeros((32, 64, 3), np.uint8))


def test_a_frame_goes_through() -> None:
    tracked = Pipeline(OneCar(), SortTracker(TrackerConfig())).step(frame(7))
    assert (tracked.stamp_ns, tracked.frame_id) == (7, "camera")
    assert tracked.ids.tolist() == [1]
    expected = np.zeros((32, 64), np.uint16)
    expected[8:24, 16:32] = 1
    expected[[8, 8, 23, 23], [16, 31, 16, 31]] = 0  # interpolation rounds the corners
    np.testing.assert_array_equal(tracked.label_image, expected)


def test_the_track_lives_on() -> None:
    pipeline = Pipeline(OneCar(), SortTracker(TrackerConfig()))
    assert [pipeline.step(frame(t * 10**8)).ids.tolist() for t in range(3)] == [[1]] * 3


def test_a_stamp_that_jumps_back_ends_all_tracks() -> None:
    pipeline = Pipeline(OneCar(), SortTracker(TrackerConfig()))
    pipeline.step(frame(10**9))
    assert pipeline.step(frame(5)).ids.tolist() == [2]
    assert pipeline.step(frame(10**8)).ids.tolist() == [2]
