"""What holds for every tracker. A new one joins with a line in TRACKERS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mots_ros.config import TrackerConfig
from mots_ros.core import assignment, boxes
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.types import Detections, FloatArray, Frame, Observation
from mots_ros.nets.dynamic import parameter_count
from mots_ros.nets.search import SearchFeatures, search
from mots_ros.nets.siammot import SiamMOTFeatures, SiamMOTHead, SiamMOTSpec, Templates
from mots_ros.trackers.base import Tracker
from mots_ros.trackers.cstrack import CSTracker
from mots_ros.trackers.dior import DIORTracker
from mots_ros.trackers.searchtrack import SearchTracker
from mots_ros.trackers.siammot import SiamMOTTracker
from mots_ros.trackers.sort import SortTracker
from mots_ros.trackers.trackrcnn import TrackRCNNTracker

SIZE = (96, 160)
LETTERBOX = Letterbox.contain(SIZE, (96, 160))
FRAME_NS = 100_000_000


def no_features(detections: Detections) -> None:
    """For trackers that look at the detections alone."""


def silent_search(detections: Detections) -> SearchFeatures:
    """A search that finds nothing, so that every track stands where it was last seen."""
    never = torch.zeros(len(detections), parameter_count(16))
    never[:, -1] = -10
    height, width = LETTERBOX.map_size
    maps = torch.zeros(16, height, width), torch.ones(2, height, width), None
    return SearchFeatures(*maps, lambda: never, search)


def one_look(detections: Detections) -> FloatArray:
    """Embeddings of length 1 by which nobody can be told from anybody."""
    return np.full((len(detections), 4), 0.5, np.float32)


class Foreseen(SiamMOTHead):
    """A motion model that knows the detections: they are what it gets as features, and a template
    is a label. Tracks go where they overlap one most, and are invisible where there is none."""

    def templates(self, shared: Tensor, boxes: Tensor, frame: Tensor | None = None) -> Templates:
        assert len(boxes) == 0, "what is visible has a detection"
        return Templates(boxes[:, 0], boxes[:, 0])

    def follow(
        self, shared: Tensor, templates: Templates, starts: Tensor, motion: str, window: float
    ) -> tuple[Tensor, Tensor]:
        overlap = boxes.iou(starts.numpy(), shared[:, :4].numpy())
        overlap *= (templates.targets[:, None] == shared[:, 4]).numpy()
        pairs = assignment.hungarian(np.where(overlap > 0, 1 - overlap, np.inf)).pairs
        found, visibility = starts - 1000, torch.zeros(len(starts))
        found[pairs[:, 0]] = shared[pairs[:, 1], :4]
        visibility[pairs[:, 0]] = 1
        return found, visibility


def known(detections: Detections) -> SiamMOTFeatures:
    in_map = torch.from_numpy(LETTERBOX.image_to_map(detections.boxes))
    labels = torch.from_numpy(detections.labels.astype(np.float32))
    return SiamMOTFeatures(
        torch.cat((in_map, labels[:, None]), dim=1),
        Templates(labels, labels),
        torch.zeros(2, *LETTERBOX.map_size),
        lambda pixels, boxes: np.zeros((len(boxes), *LETTERBOX.map_size), np.float32),
    )


def siammot(config: TrackerConfig) -> SiamMOTTracker:
    return SiamMOTTracker(config, Foreseen(SiamMOTSpec(1, 1, template=1, groups=1, hidden=1)))


def look_of_the_place(detections: Detections) -> FloatArray:
    """Embeddings that lie as far apart as the boxes do, ten pixels being 1."""
    return detections.boxes[:, :2] / 10


@dataclass(frozen=True)
class Candidate:
    """A tracker under test, and the features that it expects beside detections in LETTERBOX."""

    make: Callable[[TrackerConfig], Tracker]
    features: Callable[[Detections], Any]

    def observation(self, number: int, *objects: tuple[float, float, int]) -> Observation[Any]:
        """Frame ``number`` shows boxes of 30 x 20 pixels; an object is left, top and label."""
        corners = np.array([item[:2] for item in objects], np.float32).reshape(-1, 2)
        detections = Detections(
            np.concatenate([corners, corners + np.array([30, 20], np.float32)], axis=1),
            np.full(len(objects), 0.8, np.float32),
            np.array([item[2] for item in objects], np.int64),
        )
        for array in (detections.boxes, detections.scores, detections.labels):
            array.flags.writeable = False
        frame = Frame(number * FRAME_NS, "camera", np.zeros((*SIZE, 3), np.uint8))
        return Observation(frame, LETTERBOX, lambda: detections, self.features(detections))


TRACKERS = {
    "searchtrack": Candidate(SearchTracker, silent_search),
    "sort": Candidate(SortTracker, no_features),
    "siammot": Candidate(siammot, known),
    "dior": Candidate(DIORTracker, one_look),
    "cstrack": Candidate(CSTracker, one_look),
    "trackrcnn": Candidate(TrackRCNNTracker, look_of_the_place),
}


@pytest.fixture(params=TRACKERS)
def candidate(request: pytest.FixtureRequest) -> Candidate:
    return TRACKERS[request.param]


def ids_of(tracker: Tracker, observation: Observation[Any]) -> list[int]:
    """The ids that a step reports, when all detections are reported."""
    tracked = tracker.step(observation)
    np.testing.assert_array_equal(tracked.detections.boxes, observation.detections.boxes)
    return [int(track_id) for track_id in tracked.ids]


@pytest.mark.parametrize("method", ["greedy", "hungarian"])
def test_objects_keep_their_ids_while_they_move(candidate: Candidate, method: str) -> None:
    tracker = candidate.make(TrackerConfig(assignment=method))
    for number in range(10):
        objects = [(5 + 4 * number, 10, 0), (100 - 3 * number, 60, 1), (60, 10 + 2 * number, 1)]
        assert ids_of(tracker, candidate.observation(number, *objects)) == [1, 2, 3]


def test_the_order_of_detections_does_not_matter(candidate: Candidate) -> None:
    tracker = candidate.make(TrackerConfig())
    objects = [(5, 10, 0), (100, 60, 1), (60, 10, 1)]
    tracker.step(candidate.observation(0, *objects))
    assert ids_of(tracker, candidate.observation(1, *objects[::-1])) == [3, 2, 1]


def test_results_are_well_formed(candidate: Candidate) -> None:
    tracker = candidate.make(TrackerConfig())
    for number, objects in enumerate([[], [(5, 10, 0)], [], [(6, 10, 0), (100, 60, 0)]]):
        tracked = tracker.step(candidate.observation(number, *objects))
        assert tracked.ids.dtype == np.int64
        assert tracked.ids.shape == (len(tracked.detections),) == (len(objects),)
        assert (tracked.ids > 0).all() and len(set(tracked.ids.tolist())) == len(objects)
        assert tracked.detections.boxes.shape == (len(objects), 4)


def test_masks_stay_with_their_detections(candidate: Candidate) -> None:
    tracker = candidate.make(TrackerConfig())
    observation = candidate.observation(0, (5, 10, 0), (100, 60, 1))
    masks = np.random.default_rng(0).random((2, *LETTERBOX.map_size), np.float32)
    detections = replace(observation.detections, masks=masks)
    observation = replace(observation, find=lambda: detections)
    tracked = tracker.step(observation)
    assert tracked.detections.masks is not None
    np.testing.assert_array_equal(tracked.detections.masks, masks)


def test_an_object_of_another_class_is_another_object(candidate: Candidate) -> None:
    tracker = candidate.make(TrackerConfig())
    assert ids_of(tracker, candidate.observation(0, (5, 10, 0))) == [1]
    assert ids_of(tracker, candidate.observation(1, (5, 10, 1))) == [2]


@pytest.mark.parametrize(("unseen", "expected"), [(7, [1, 2]), (8, [1, 2]), (9, [1, 3])])
def test_empty_frames_age_tracks(candidate: Candidate, unseen: int, expected: list[int]) -> None:
    """A gap of max_misses frames is bridged, one more ends the track; the other object is seen."""
    tracker = candidate.make(TrackerConfig(max_misses=8))
    stays, goes = (5, 10, 0), (100, 60, 0)
    for number in range(3):
        assert ids_of(tracker, candidate.observation(number, stays, goes)) == [1, 2]
    for number in range(3, 3 + unseen):
        assert ids_of(tracker, candidate.observation(number, stays)) == [1]
    assert ids_of(tracker, candidate.observation(3 + unseen, stays, goes)) == expected


def test_frames_without_any_detection_age_tracks(candidate: Candidate) -> None:
    tracker = candidate.make(TrackerConfig(max_misses=2))
    tracker.step(candidate.observation(0, (5, 10, 0)))
    for number in range(1, 4):
        assert ids_of(tracker, candidate.observation(number)) == []
    assert ids_of(tracker, candidate.observation(4, (5, 10, 0))) == [2]


def test_an_occlusion_of_a_third_of_a_second_is_bridged(candidate: Candidate) -> None:
    """Somebody walks on behind something and appears where they must by now be."""
    tracker = candidate.make(TrackerConfig())
    for number in range(12):
        hidden = 6 <= number < 9
        objects = [] if hidden else [(5 + 2 * number, 10, 0)]
        assert ids_of(tracker, candidate.observation(number, *objects)) == [1] * (not hidden)


def test_a_hundred_objects_keep_their_ids(candidate: Candidate) -> None:
    tracker = candidate.make(TrackerConfig())
    grid = [(14 * column, 8 * row) for row in range(10) for column in range(10)]
    for number in range(3):
        objects = [(left + number, top, 0) for left, top in grid]
        assert ids_of(tracker, candidate.observation(number, *objects)) == [*range(1, 101)]


def test_trackers_know_nothing_of_each_other(candidate: Candidate) -> None:
    alone, disturbed, other = (candidate.make(TrackerConfig()) for _ in range(3))
    for number in range(6):
        objects = [(5 + 4 * number, 10, 0), (100 - 3 * number, 60, 1)][: 1 + number % 2]
        shown = candidate.observation(number, *objects)
        expected = ids_of(alone, shown)
        other.step(candidate.observation(10 * number, (60, 10, 1), (20, 50, 0), (100, 60, 1)))
        assert ids_of(disturbed, shown) == expected


def test_reset_forgets_the_tracks_but_never_gives_an_id_twice(candidate: Candidate) -> None:
    tracker = candidate.make(TrackerConfig())
    objects = [(5, 10, 0), (100, 60, 1)]
    assert ids_of(tracker, candidate.observation(50, *objects)) == [1, 2]
    tracker.reset()
    # As after a bag began again: the stamps are earlier.
    assert ids_of(tracker, candidate.observation(0, *objects)) == [3, 4]
    assert ids_of(tracker, candidate.observation(1, *objects)) == [3, 4]


def test_weak_detections_start_no_tracks(candidate: Candidate) -> None:
    tracker = candidate.make(TrackerConfig(birth_threshold=0.8125))
    assert len(tracker.step(candidate.observation(0, (5, 10, 0))).ids) == 0


def test_tracks_are_reported_once_confirmed(candidate: Candidate) -> None:
    tracker = candidate.make(TrackerConfig(confirm_hits=3))
    reported = [tracker.step(candidate.observation(n, (5, 10, 0))).ids.tolist() for n in range(4)]
    assert reported == [[], [], [1], [1]]


def test_stamps_may_repeat_and_skip(candidate: Candidate) -> None:
    tracker = candidate.make(TrackerConfig())
    for number in (0, 1, 1, 4, 4000, 4001):
        assert ids_of(tracker, candidate.observation(number, (5, 10, 0))) == [1]


def test_the_same_frames_give_the_same_ids(candidate: Candidate) -> None:
    def run() -> list[list[int]]:
        rng = np.random.default_rng(7)
        tracker = candidate.make(TrackerConfig())
        results = []
        for number in range(12):
            objects = [(*rng.uniform(0, 60, 2), int(rng.integers(2))) for _ in range(6)]
            results.append(tracker.step(candidate.observation(number, *objects)).ids.tolist())
        return results

    assert run() == run()


def test_parameters_change_between_frames(candidate: Candidate) -> None:
    tracker = candidate.make(TrackerConfig())
    tracker.step(candidate.observation(0, (5, 10, 0)))
    tracker.config = TrackerConfig(birth_threshold=0.9)
    tracked = tracker.step(candidate.observation(1, (5, 10, 0), (100, 60, 0)))
    assert tracked.ids.tolist() == [1]


def test_tracks_start_beside_public_detections_alone(candidate: Candidate) -> None:
    tracker = candidate.make(TrackerConfig())
    shown = candidate.observation(0, (10, 10, 0), (90, 50, 0))
    public = np.array([[12, 11, 42, 31]], np.float32)
    beside = replace(shown, frame=replace(shown.frame, public=public))
    assert tracker.step(beside).detections.boxes[:, 0].tolist() == [10]
    # Once started, it needs no public detection any more.
    shown = candidate.observation(1, (11, 10, 0), (90, 50, 0))
    nobody = replace(shown, frame=replace(shown.frame, public=public[:0]))
    assert tracker.step(nobody).ids.tolist() == [1]
