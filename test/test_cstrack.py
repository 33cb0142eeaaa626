"""CSTrack's cascade, on boxes and looks made up for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mots_ros.config import CSTrackConfig, TrackerConfig
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.types import Detections, FloatArray, Frame, Observation
from mots_ros.trackers.cstrack import CSTracker

SIZE = (96, 320)
CONFIG = TrackerConfig(name="cstrack", min_affinity=0.5)
RED, BLUE = (1.0, 0.0), (0.0, 1.0)
FAINT = (0.8, 0.6)
"""0.2 away from red and 0.4 from blue."""

Object = tuple[float, tuple[float, float]]
"""Left edge and looks."""


def observe(number: int, *objects: Object) -> Observation[FloatArray]:
    """Frame ``number``: boxes of 20 x 40 pixels, all of one class."""
    boxes = np.array([(left, 20, left + 20, 60) for left, _ in objects], np.float32).reshape(-1, 4)
    detections = Detections(
        boxes, np.full(len(objects), 0.8, np.float32), np.zeros(len(objects), np.int64)
    )
    looks = np.array([looks for _, looks in objects], np.float32).reshape(-1, 2)
    frame = Frame(number * 10**8, "camera", np.zeros((*SIZE, 3), np.uint8))
    return Observation(frame, Letterbox.contain(SIZE, SIZE), lambda: detections, looks)


def ids(tracker: CSTracker, number: int, *objects: Object) -> list[int]:
    return tracker.step(observe(number, *objects)).ids.tolist()


def stood(tracker: CSTracker, *objects: Object, frames: int = 5) -> None:
    """Some frames in which nobody moves."""
    for number in range(frames):
        tracker.step(observe(number, *objects))


def test_looks_come_before_overlap() -> None:
    """Two that exchange their places within the gate keep their names, not their places."""
    tracker = CSTracker(CONFIG)
    stood(tracker, (100, RED), (103, BLUE))
    assert ids(tracker, 5, (100, BLUE), (103, RED)) == [2, 1]


def test_who_changed_their_looks_goes_on_by_overlap() -> None:
    tracker = CSTracker(CONFIG)
    stood(tracker, (100, RED))
    assert ids(tracker, 5, (101, BLUE)) == [1]
    assert ids(tracker, 6, (114, BLUE)) == [2]


def test_looks_count_within_the_gate_alone() -> None:
    """Far from where the filter expects anybody, somebody alike is somebody else."""
    tracker = CSTracker(CONFIG)
    stood(tracker, (100, RED))
    assert ids(tracker, 5, (250, RED)) == [2]


def test_looks_must_be_close_enough() -> None:
    """In the gate and without much overlap; 0.2 and 0.4 away."""
    for limit, expected in ((0.25, 1), (0.15, 2)):
        tracker = CSTracker(replace(CONFIG, cstrack=CSTrackConfig(max_distance=limit)))
        stood(tracker, (100, RED), frames=1)
        assert ids(tracker, 1, (115, FAINT)) == [expected]


def test_of_those_alike_the_one_that_is_expected_there() -> None:
    tracker = CSTracker(CONFIG)
    stood(tracker, (100, RED), (106, RED))
    assert ids(tracker, 5, (107, RED), (101, RED)) == [2, 1]


def test_somebody_unseen_is_found_again_by_their_looks() -> None:
    """After some frames the gate is open as far as they may have gone."""
    tracker = CSTracker(CONFIG)
    stood(tracker, (100, RED), frames=2)
    for number in range(2, 8):
        assert ids(tracker, number) == []
    assert ids(tracker, 8, (130, BLUE), (131, RED)) == [2, 1]


def test_templates_by_hand() -> None:
    """Equation 11: 0.9 of what was, 0.1 of what is seen."""
    tracker = CSTracker(CONFIG)
    stood(tracker, (100, RED))
    tracked = tracker.step(observe(5, (200, RED), (100, FAINT)))
    assert tracked.ids.tolist() == [2, 1]
    first, second = (track.memory for track in tracker._book.tracks)
    np.testing.assert_allclose(first, [0.9 * 1 + 0.1 * 0.8, 0.1 * 0.6], rtol=1e-6)
    np.testing.assert_allclose(second, RED)


def test_a_template_remembers_for_a_while() -> None:
    """One look at somebody else's colour, by overlap, does not make a track theirs."""
    tracker = CSTracker(CONFIG)
    stood(tracker, (100, RED))
    assert ids(tracker, 5, (100, BLUE)) == [1]
    assert ids(tracker, 6, (102, BLUE), (98, RED)) == [2, 1]


def test_embeddings_are_reported_beside_their_ids() -> None:
    tracker = CSTracker(CONFIG)
    tracker.step(observe(0, (100, RED)))
    weak = observe(1, (200, BLUE), (100, RED))
    weak.detections.scores[0] = 0.1
    tracked = tracker.step(weak)
    assert tracked.ids.tolist() == [1]
    assert tracked.embeddings is not None
    np.testing.assert_array_equal(tracked.embeddings, [RED])
