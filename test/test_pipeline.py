"""The pipeline joins detector and tracker, paints the masks, and follows the clock."""

import gc
from dataclasses import replace
from unittest.mock import MagicMock

import numpy as np

from mots_ros.config import DetectorConfig, TrackerConfig
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.masks import DeferredMasks, WindowedMasks
from mots_ros.core.types import (
    CompactMasks,
    Detections,
    Frame,
    IntArray,
    Observation,
    TrackedFrame,
)
from mots_ros.pipeline import Pipeline
from mots_ros.trackers.sort import SortTracker

LETTERBOX = Letterbox.contain((32, 64), (32, 64))


class OneCar:
    """Sees the same car in every frame."""

    class_names = ("car",)
    device = "cpu"
    config = DetectorConfig()
    head = None

    def __call__(self, frame: Frame) -> list[Observation[None]]:
        masks = np.zeros((1, 8, 16), np.float32)
        masks[0, 2:6, 4:8] = 1
        boxes = np.array([[16, 8, 32, 24]], np.float32)
        seen = Detections(boxes, np.array([0.9], np.float32), np.array([0]), masks)
        return [Observation(frame, LETTERBOX, lambda: seen, None)]

    def finish(self) -> list[Observation[None]]:
        return []

    def forget(self) -> None:
        pass


class OneCarLater(OneCar):
    """Looks a frame ahead before it says so."""

    def __init__(self) -> None:
        self.waiting: list[Observation[None]] = []

    def __call__(self, frame: Frame) -> list[Observation[None]]:
        earlier, self.waiting = self.waiting, super().__call__(frame)
        return earlier

    def finish(self) -> list[Observation[None]]:
        earlier, self.waiting = self.waiting, []
        return earlier

    def forget(self) -> None:
        self.waiting = []


def frame(stamp_ns: int) -> Frame:
    return Frame(stamp_ns, "camera", np.zeros((32, 64, 3), np.uint8))


def ids(finished: list[TrackedFrame]) -> dict[int, list[int]]:
    """The ids by the frame's stamp."""
    return {tracked.stamp_ns: tracked.ids.tolist() for tracked in finished}


def test_a_frame_goes_through() -> None:
    (tracked,) = Pipeline(OneCar(), SortTracker(TrackerConfig())).step(frame(7))
    assert (tracked.stamp_ns, tracked.frame_id) == (7, "camera")
    assert tracked.ids.tolist() == [1]
    expected = np.zeros((32, 64), np.uint16)
    expected[8:24, 16:32] = 1
    expected[[8, 8, 23, 23], [16, 31, 16, 31]] = 0  # interpolation rounds the corners
    np.testing.assert_array_equal(tracked.label_image, expected)


def test_masks_are_composed_when_somebody_looks() -> None:
    asked = []

    class Unseen(OneCar):
        def __call__(self, frame: Frame) -> list[Observation[None]]:
            (seen,) = super().__call__(frame)
            masks = np.asarray(seen.detections.masks)

            def look(chosen: IntArray) -> CompactMasks:
                asked.append(chosen.tolist())
                return WindowedMasks.whole(masks[chosen])

            deferred = DeferredMasks(look, len(masks), masks.shape[1:])
            found = replace(seen.detections, masks=deferred)
            return [replace(seen, find=lambda: found)]

    (expected,) = Pipeline(OneCar(), SortTracker(TrackerConfig())).step(frame(7))
    (tracked,) = Pipeline(Unseen(), SortTracker(TrackerConfig())).step(frame(7))
    assert asked == []
    for _ in range(2):
        np.testing.assert_array_equal(tracked.label_image, expected.label_image)
    assert asked == [[0]]


def test_what_lives_long_is_no_garbage_while_the_pipeline_is_awake() -> None:
    detector = MagicMock()
    pipeline = Pipeline(detector, SortTracker(TrackerConfig()))
    try:
        pipeline.wake()
        assert gc.get_freeze_count() > 10_000
    finally:
        pipeline.sleep()
    assert gc.get_freeze_count() == 0
    assert [call[0] for call in detector.method_calls] == ["wake", "forget", "sleep"]


def test_the_track_lives_on() -> None:
    pipeline = Pipeline(OneCar(), SortTracker(TrackerConfig()))
    for stamp in (0, 10**8, 2 * 10**8):
        assert ids(pipeline.step(frame(stamp))) == {stamp: [1]}


def test_a_stamp_that_jumps_back_ends_all_tracks() -> None:
    pipeline = Pipeline(OneCar(), SortTracker(TrackerConfig()))
    pipeline.step(frame(10**9))
    assert ids(pipeline.step(frame(5))) == {5: [2]}
    assert ids(pipeline.step(frame(10**8))) == {10**8: [2]}


def test_a_tracker_that_looks_ahead_answers_later_and_loses_nothing() -> None:
    pipeline = Pipeline(OneCarLater(), SortTracker(TrackerConfig()))
    assert ids(pipeline.step(frame(1))) == {}
    assert ids(pipeline.step(frame(2))) == {1: [1]}
    # The stamp jumps back.
    assert ids(pipeline.step(frame(0))) == {2: [1]}
    assert ids(pipeline.step(frame(1))) == {0: [2]}
    assert ids(pipeline.exchange(SortTracker(TrackerConfig()), None)) == {1: [2]}
    pipeline.step(frame(3))
    assert ids(pipeline.finish()) == {3: [1]}
    assert pipeline.finish() == []
    pipeline.step(frame(4))
    pipeline.reset()
    assert pipeline.finish() == []
