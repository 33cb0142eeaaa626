"""DIOR's association, by hand: equations 6 and 7, and short-term retrieval."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mots_ros.config import DIORConfig, TrackerConfig
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.types import Detections, Frame, Observation, TrackedDetections
from mots_ros.trackers.dior import DIORTracker

LETTERBOX = Letterbox.contain((64, 96), (64, 96))
UP, RIGHT, BETWEEN = (0, 1), (1, 0), (0.6, 0.8)
"""Embeddings; BETWEEN has a cosine of 0.8 with UP and of 0.6 with RIGHT."""

Seen = tuple[tuple[int, int, int, int], tuple[float, float]]


def observation(number: float, *objects: Seen, masks: bool = True) -> Observation:
    """A frame at 10 Hz; an object is its box in map cells, which its mask fills, and embedding."""
    cells = np.array([box for box, _ in objects], np.float32).reshape(-1, 4)
    filled = np.full((len(objects), *LETTERBOX.map_size), 0.1, np.float32)
    for mask, (x1, y1, x2, y2) in zip(filled, cells.astype(int), strict=True):
        mask[y1:y2, x1:x2] = 0.9
    count = len(objects)
    detections = Detections(
        4 * cells,
        np.full(count, 0.9, np.float32),
        np.zeros(count, np.int64),
        filled if masks else None,
    )
    embeddings = np.array([looks for _, looks in objects], np.float32).reshape(-1, 2)
    frame = Frame(round(number * 1e8), "camera", np.zeros((64, 96, 3), np.uint8))
    return Observation(frame, LETTERBOX, lambda: detections, embeddings)


def tracker(**settings: Any) -> DIORTracker:
    return DIORTracker(TrackerConfig(dior=DIORConfig(**settings)))


def ids(tracked: TrackedDetections) -> list[int]:
    return tracked.ids.tolist()


def test_the_cost_by_hand() -> None:
    """Half of the smaller mask is shared and the cosine is 0.8: the cost is 0.7."""
    for max_cost, expected in ((0.69, 2), (0.71, 1)):
        dior = tracker(max_cost=max_cost)
        dior.step(observation(0, ((2, 2, 6, 10), UP)))
        assert ids(dior.step(observation(1, ((4, 2, 12, 10), BETWEEN)))) == [expected]


def test_boxes_stand_in_for_masks() -> None:
    for max_cost, expected in ((0.69, 2), (0.71, 1)):
        dior = tracker(max_cost=max_cost)
        dior.step(observation(0, ((2, 2, 6, 10), UP), masks=False))
        seen = observation(1, ((4, 2, 12, 10), BETWEEN), masks=False)
        assert ids(dior.step(seen)) == [expected]


def test_boxes_overlap_over_their_union() -> None:
    """4 x 8 and 8 x 8 cells have 2 x 8 in common, which is 0.2; with a cosine of 0.8 it costs 1."""
    for max_cost, expected in ((0.99, 2), (1.01, 1)):
        dior = tracker(max_cost=max_cost, overlap="boxes")
        dior.step(observation(0, ((2, 2, 6, 10), UP)))
        assert ids(dior.step(observation(1, ((4, 2, 12, 10), BETWEEN)))) == [expected]


def test_masks_of_another_map_are_compared_by_their_boxes() -> None:
    dior = tracker()
    dior.step(observation(0, ((2, 2, 6, 10), UP)))
    other = observation(1, ((2, 2, 6, 10), UP))
    smaller = Detections(
        other.detections.boxes,
        other.detections.scores,
        other.detections.labels,
        np.zeros((1, 8, 12), np.float32),
    )
    narrow = Letterbox.contain((64, 96), (32, 48))
    again = Observation(other.frame, narrow, lambda: smaller, other.features)
    assert ids(dior.step(again)) == [1]


def test_masks_that_lie_elsewhere_in_the_same_map_are_compared_by_their_boxes() -> None:
    """In a view ten cells to the left an object's mask lies there, too; its box is the same."""
    dior = tracker(max_cost=0.9)
    dior.step(observation(0, ((2, 2, 6, 10), UP)))
    moved = observation(1, ((12, 2, 16, 10), UP)).detections.masks
    other = observation(1, ((2, 2, 6, 10), UP))
    detections = replace(other.detections, masks=moved)
    elsewhere = replace(LETTERBOX, offset_x=40.0)
    assert ids(dior.step(replace(other, find=lambda: detections, letterbox=elsewhere))) == [1]


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize(("overlap", "expected"), [("moved_masks", 1), ("masks", 2), ("boxes", 1)])
def test_masks_and_boxes_move_with_their_objects_or_stay(overlap, expected, masks) -> None:
    """Two cells a frame, and unseen for three frames: 8 cells on, nothing of its mask is left."""
    dior = tracker(max_cost=0.9, overlap=overlap)
    for number in range(8):
        left = 2 * number
        shown = [((left, 2, left + 4, 10), UP)] if number in (0, 1, 2, 3, 7) else []
        reported = ids(dior.step(observation(number, *shown, masks=masks)))
    assert reported == [expected]


def test_looks_decide_between_masks_that_overlap_alike() -> None:
    dior = tracker()
    dior.step(observation(0, ((2, 2, 8, 10), UP), ((4, 2, 10, 10), RIGHT)))
    swapped = observation(1, ((3, 2, 9, 10), RIGHT), ((3, 2, 9, 10), UP))
    assert ids(dior.step(swapped)) == [2, 1]


def test_masks_decide_between_looks_that_are_alike() -> None:
    dior = tracker()
    dior.step(observation(0, ((2, 2, 6, 10), UP), ((12, 2, 16, 10), UP)))
    assert ids(dior.step(observation(1, ((13, 2, 17, 10), UP), ((3, 2, 7, 10), UP)))) == [2, 1]


def test_the_assignment_leaves_nobody_out() -> None:
    """Costs are 1 and 2 for the first track, 0.2 and 1.4 for the second: if the cheapest pair came
    first, the others could not be paired."""
    dior = tracker(max_cost=1.5)
    dior.step(observation(0, ((2, 2, 6, 10), UP), ((14, 2, 18, 10), BETWEEN)))
    assert ids(dior.step(observation(1, ((14, 2, 18, 10), UP), ((20, 2, 24, 10), RIGHT)))) == [1, 2]


def test_a_track_is_known_by_what_it_looked_like_at_first() -> None:
    dior = tracker(max_cost=1.0)
    place = (2, 2, 6, 10)
    for number, looks in enumerate([RIGHT] * 5 + [BETWEEN] * 5 + [UP] * 12):
        assert ids(dior.step(observation(number, (place, looks)))) == [1]
    elsewhere = (12, 2, 16, 10)
    assert ids(dior.step(observation(22, (elsewhere, RIGHT)))) == [1]
    assert ids(dior.step(observation(23, ((2, 2, 6, 10), BETWEEN)))) == [2]


def test_tracks_that_were_seen_a_frame_ago_come_before_lost_ones() -> None:
    """The lost track would fit better, but it is asked only for what the others leave."""
    dior = tracker(max_cost=1.3)
    here = (2, 2, 6, 10)
    dior.step(observation(0, (here, UP), ((12, 2, 16, 10), BETWEEN)))
    dior.step(observation(1, ((12, 2, 16, 10), BETWEEN)))
    assert ids(dior.step(observation(2, (here, UP)))) == [2]


def test_lost_tracks_are_retrieved_for_a_time_that_stamps_tell() -> None:
    place = (2, 2, 6, 10)
    for later, expected in ((2, 1), (2.4, 1), (2.6, 2), (30, 2)):
        dior = tracker(retrieval_s=0.2)
        dior.step(observation(0, (place, UP)))
        assert ids(dior.step(observation(1))) == []
        assert ids(dior.step(observation(later, (place, UP)))) == [expected], later


def test_embeddings_are_reported() -> None:
    tracked = tracker().step(observation(0, ((2, 2, 6, 10), UP), ((12, 2, 16, 10), RIGHT)))
    np.testing.assert_array_equal(tracked.embeddings, [UP, RIGHT])
