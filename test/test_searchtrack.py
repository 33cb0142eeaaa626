"""The search tracker follows what an object looks like, from where its motion leads."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from mots_ros.config import TrackerConfig
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.types import Detections, Frame, Observation
from mots_ros.nets.dynamic import COORDINATE_SCALE, parameter_count
from mots_ros.nets.search import SearchFeatures, search
from mots_ros.trackers.searchtrack import SearchTracker
from mots_ros.trackers.sort import SortTracker

SIZE = (128, 256)
LETTERBOX = Letterbox.contain(SIZE, SIZE)
SIDE = 16  # image pixels of every object, four on the map


def kernel_of(looks: int) -> torch.Tensor:
    """A search network that answers to one feature channel alone, wherever it is."""
    w1, w2, w3 = torch.zeros(16, 18), torch.eye(16), torch.zeros(16)
    w1[looks, 2 + looks] = 1
    w3[looks] = 20
    biases = torch.zeros(33)
    biases[-1] = -10
    return torch.cat([w1.flatten(), w2.flatten(), w3, biases])


def observe(
    frame: int, objects: Mapping[int, tuple[int, int]], labels: Mapping[int, int] | None = None
) -> Observation[SearchFeatures]:
    """Objects by their looks (a feature channel), each at the centre (x, y) of a map pixel."""
    maps = torch.zeros(16, SIZE[0] // 4, SIZE[1] // 4)
    boxes = []
    for looks, (x, y) in objects.items():
        maps[looks, y, x] = 1
        centre = np.array([x + 0.5, y + 0.5]) * 4
        boxes.append([*(centre - SIDE / 2), *(centre + SIDE / 2)])
    detections = Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(objects), 0.9, np.float32),
        np.array([(labels or {}).get(looks, 0) for looks in objects], np.int64),
    )
    kernels = [kernel_of(looks) for looks in objects]
    features = SearchFeatures(
        maps,
        torch.full((2, *maps.shape[1:]), SIDE / 4.0),
        None,
        lambda: torch.stack(kernels) if kernels else torch.zeros(0, parameter_count(16)),
        search,
    )
    image = np.zeros((*SIZE, 3), np.uint8)
    seen = Frame(frame * 10**8, "camera", image)
    return Observation(seen, LETTERBOX, lambda: detections, features)


def test_the_search_does_not_wait_for_the_detections() -> None:
    asked: list[str] = []

    def look(*given: Any, **settings: Any) -> tuple[torch.Tensor, torch.Tensor]:
        asked.append("search")
        return search(*given, **settings)

    def noted(seen: Observation[SearchFeatures]) -> Observation[SearchFeatures]:
        found, kernels = seen.detections, seen.features.kernels

        def find() -> Detections:
            asked.append("detections")
            return found

        features = replace(seen.features, find=lambda: kernels, look=look)
        return replace(seen, find=find, features=features)

    tracker = SearchTracker(TrackerConfig())
    for number in range(2):
        tracker.step(noted(observe(number, {1: (10, 10)})))
    assert asked == ["detections", "search", "detections"]


def test_looks_keep_the_ids_where_overlap_swaps_them() -> None:
    """Two objects trade places between two frames."""
    before, after = {1: (10, 10), 2: (20, 10)}, {1: (20, 10), 2: (10, 10)}
    search, sort = SearchTracker(TrackerConfig()), SortTracker(TrackerConfig())
    assert search.step(observe(0, before)).ids.tolist() == [1, 2]
    assert search.step(observe(1, after)).ids.tolist() == [1, 2]
    # Overlap decides for SORT, and where it counts as much as the surest search.
    for tracker in (sort, SearchTracker(TrackerConfig(standing_score=1.0))):
        tracker.step(observe(0, before))
        assert tracker.step(observe(1, after)).ids.tolist() == [2, 1]


def test_the_gap_behind_an_occluder_is_bridged() -> None:
    tracker = SearchTracker(TrackerConfig(max_misses=8))
    for frame in range(5):
        assert tracker.step(observe(frame, {3: (5 + 2 * frame, 10)})).ids.tolist() == [1]
    for frame in range(5, 13):
        assert len(tracker.step(observe(frame, {})).ids) == 0
    assert tracker.step(observe(13, {3: (31, 10)})).ids.tolist() == [1]


def test_an_unfound_track_stands_where_it_should_be() -> None:
    """Its looks change while it drives on; the released tracker waits where it saw it last."""
    ids = {}
    for boxes in ("filter", "released"):
        tracker = SearchTracker(TrackerConfig(candidate_boxes=boxes))
        for frame in range(5):
            tracker.step(observe(frame, {1: (10 + 5 * frame, 10)}))
        ids[boxes] = tracker.step(observe(5, {2: (35, 10)})).ids.tolist()
    assert ids == {"filter": [1], "released": [2]}


def test_a_search_that_errs_does_not_starve_its_track() -> None:
    """Something undetected elsewhere answers; the object itself stands where it should."""
    ids = {}
    for boxes in ("filter", "released"):
        tracker = SearchTracker(TrackerConfig(candidate_boxes=boxes, search_region=0))
        tracker.step(observe(0, {1: (10, 10)}))
        misled = observe(1, {2: (10, 10)})
        misled.features.search[1, 20, 40] = 1
        ids[boxes] = tracker.step(misled).ids.tolist()
    assert ids == {"filter": [1], "released": [2]}


def test_a_neighbour_s_size_does_not_mislead() -> None:
    """In a crowd the size map at the response's peak may speak of somebody much larger."""
    ids = {}
    for boxes in ("filter", "released"):
        tracker = SearchTracker(TrackerConfig(candidate_boxes=boxes))
        tracker.step(observe(0, {1: (10, 10)}))
        crowd = observe(1, {1: (11, 10)})
        crowd.features.size[:] = 60
        ids[boxes] = tracker.step(crowd).ids.tolist()
    assert ids == {"filter": [1], "released": [2]}


def test_a_track_last_seen_badly_is_not_searched_for() -> None:
    ids = {}
    for threshold in (0.85, 0.95):
        tracker = SearchTracker(TrackerConfig(kernel_threshold=threshold))
        tracker.step(observe(0, {1: (10, 10)}))
        ids[threshold] = tracker.step(observe(1, {1: (19, 10)})).ids.tolist()
    assert ids == {0.85: [1], 0.95: [2]}


def test_an_unfound_track_that_stands_still_keeps_its_id() -> None:
    tracker = SearchTracker(TrackerConfig())
    tracker.step(observe(0, {1: (10, 10)}))
    assert tracker.step(observe(1, {2: (10, 10)})).ids.tolist() == [1]
    # Elsewhere it is somebody else.
    assert tracker.step(observe(2, {5: (40, 20)})).ids.tolist() == [2]


def test_classes_do_not_mix() -> None:
    tracker = SearchTracker(TrackerConfig())
    tracker.step(observe(0, {1: (10, 10)}))
    assert tracker.step(observe(1, {1: (10, 10)}, labels={1: 1})).ids.tolist() == [2]


def test_the_search_starts_from_the_prediction() -> None:
    """Two objects look alike; the kernel answers more the nearer its motion map's origin is."""
    near = torch.zeros(16, 18)
    near[0, 0], near[1, 0], near[2, 2] = 1, -1, 1  # |dx| in two halves, and the looks
    w3 = torch.zeros(16)
    w3[:3] = torch.tensor([-COORDINATE_SCALE, -COORDINATE_SCALE, 20.0])
    biases = torch.zeros(33)
    biases[-1] = -10
    kernel = torch.cat([near.flatten(), torch.eye(16).flatten(), w3, biases])

    def alike(frame: int, first: int, second: int) -> Observation[SearchFeatures]:
        seen = observe(frame, {0: (first, 10), 1: (second, 10)})
        seen.features.search[0] += seen.features.search[1]
        seen.features.kernels[:] = kernel
        return seen

    tracker = SearchTracker(TrackerConfig(search_candidates=1))
    # They approach at three map pixels a frame, meet after frame 4 and drive on.
    for frame in range(10):
        ids = tracker.step(alike(frame, 5 + 3 * frame, 32 - 3 * frame)).ids.tolist()
        assert ids == [1, 2], frame


def test_objects_are_searched_for_in_their_region_alone() -> None:
    """What looks alike eight pixels of the map away is within 17, and beyond 15."""
    first = {}
    for region in (0, 15, 17):
        tracker = SearchTracker(TrackerConfig(search_region=region))
        tracker.step(observe(0, {1: (30, 10)}))
        first[region] = tracker.step(observe(1, {1: (38, 10)})).ids.tolist()
    assert first == {0: [1], 15: [2], 17: [1]}


def test_the_released_search_refers_to_what_the_map_shows_of_a_box() -> None:
    """Half of an object of 16 pixels has left a map of 64 cells; the last one's index is 63."""
    referred, empty = [], observe(1, {})

    def spy(*given: Any, **settings: int) -> Any:
        referred.append(given[-1][0].tolist())
        return search(*given, **settings)

    for boxes in ("filter", "released"):
        tracker = SearchTracker(TrackerConfig(candidate_boxes=boxes))
        tracker.step(observe(0, {1: (63, 10)}))
        tracker.step(replace(empty, features=replace(empty.features, look=spy)))
    assert referred == [[63.5, 10.5], [(61.5 + 63) / 2, 10.5]]
