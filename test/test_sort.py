import numpy as np
import pytest

from mots_ros.config import TrackerConfig
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.types import Detections, Frame, Observation
from mots_ros.trackers.sort import SortTracker

LETTERBOX = Letterbox.contain((100, 400), (96, 384))
IMAGE = np.zeros((100, 400, 3), np.uint8)


def step(tracker, seconds, *lefts, top=40.0):
    """One frame with boxes of 20 x 20 pixels; the ids that it reports."""
    return see(tracker, seconds, [[left, top, left + 20, top + 20] for left in lefts])


def see(tracker, seconds, boxes):
    """One frame with these boxes; the ids that it reports."""
    detections = Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), 0.9, np.float32),
        np.zeros(len(boxes), np.int64),
    )
    frame = Frame(round(seconds * 1e9), "camera", IMAGE)
    return tracker.step(Observation(frame, LETTERBOX, lambda: detections, None)).ids.tolist()


def test_a_moving_object_is_found_behind_an_occlusion():
    """It reappears where it would be, far from where it was last seen."""
    tracker = SortTracker(TrackerConfig())
    for frame in range(8):
        assert step(tracker, frame / 10, 10 + 8 * frame) == [1]
    for frame in range(8, 12):
        step(tracker, frame / 10)
    assert step(tracker, 1.2, 10 + 8 * 12) == [1]


@pytest.mark.parametrize(("size_model", "expected"), [("still", [1]), ("growing", [2])])
def test_what_was_covered_bit_by_bit_comes_back_whole(size_model, expected):
    """A parked car behind a passing one; where sizes grow, it is expected to shrink to nothing."""
    tracker = SortTracker(TrackerConfig(size_model=size_model))
    for frame, height in enumerate([40] * 10 + [36, 32, 28, 24, 20, 16, 12]):
        assert see(tracker, frame / 10, [[100, 40, 160, 40 + height]]) == [1]
    for frame in range(17, 22):
        see(tracker, frame / 10, [])
    assert see(tracker, 2.2, [[100, 40, 160, 80]]) == expected


def test_two_objects_that_cross_keep_their_ids():
    tracker = SortTracker(TrackerConfig())
    for frame in range(30):
        lefts = 10 + 8 * frame, 250 - 8 * frame
        assert step(tracker, frame / 10, *lefts) == [1, 2], f"frame {frame}"


@pytest.mark.parametrize("frame_rate", [5.0, 10.0, 20.0])
def test_motion_is_in_time_not_in_frames(frame_rate):
    """Frames that were dropped on the way lengthen the step, whatever the nominal rate."""
    tracker = SortTracker(TrackerConfig(frame_rate=frame_rate))
    stamps = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0, 1.4, 1.5]
    for seconds in stamps:
        assert step(tracker, seconds, 10 + 80 * seconds) == [1], f"at {seconds} s"


def test_an_affinity_must_exceed_the_minimum():
    for least, expected in ((0.3, [1]), (0.4, [2])):
        tracker = SortTracker(TrackerConfig(min_affinity=least))
        step(tracker, 0.0, 10.0)
        # Half of each box is common: IoU 1/3.
        assert step(tracker, 0.1, 20.0) == expected


def test_the_assignment_method_decides_between_the_best_and_the_most_pairs():
    """Track 2 overlaps the left detection most; track 1 overlaps no other."""
    for method, expected in (("greedy", [2, 3]), ("hungarian", [1, 2])):
        tracker = SortTracker(TrackerConfig(assignment=method))
        step(tracker, 0.0, 10.0, 22.0)
        assert step(tracker, 0.1, 20.0, 37.0) == expected
