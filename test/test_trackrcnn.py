"""TrackR-CNN's algorithm, step by step: masks first, then looks, then new tracks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from mots_ros.config import TrackerConfig, TrackRCNNConfig
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.optical_flow import View
from mots_ros.core.types import Detections, FloatArray, Frame, Image, Observation
from mots_ros.trackers.trackrcnn import (
    TrackRCNNTracker,
    box_propagation,
    mask_propagation,
    nearest,
)

SIZE = (96, 192)
LETTERBOX = Letterbox.contain(SIZE, SIZE)


@dataclass(frozen=True)
class Thing:
    """A detection of 32 x 24 pixels at ``left`` and ``top``, both multiples of 4."""

    left: int
    top: int = 40
    looks: float = 0.0
    score: float = 0.9
    label: int = 0

    @property
    def box(self) -> list[int]:
        return [self.left, self.top, self.left + 32, self.top + 24]


def texture(shift: int = 0) -> Image:
    noise = np.random.default_rng(0).normal(0, 1, (SIZE[0], 2 * SIZE[1], 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 5)
    image = np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)
    return np.roll(image, shift, axis=1)[:, : SIZE[1]]


def observe(
    number: int, *things: Thing, image: Image | None = None, masks: bool = True
) -> Observation[FloatArray]:
    """A frame in which nothing moves, unless there is an ``image``."""
    probabilities = np.zeros((len(things), *LETTERBOX.map_size), np.float32)
    for mask, thing in zip(probabilities, things, strict=True):
        x1, y1, x2, y2 = np.array(thing.box) // 4
        mask[max(0, y1) : y2, max(0, x1) : x2] = 1
    detections = Detections(
        np.array([thing.box for thing in things], np.float32).reshape(-1, 4),
        np.array([thing.score for thing in things], np.float32),
        np.array([thing.label for thing in things], np.int64),
        probabilities if masks else None,
    )
    frame = Frame(number * 10**8, "camera", texture() if image is None else image)
    looks = np.array([[thing.looks, 0.5] for thing in things], np.float32).reshape(-1, 2)
    return Observation(frame, LETTERBOX, lambda: detections, looks)


def tracker(**settings: object) -> TrackRCNNTracker:
    """One whose vectors of two objects are 1 apart or more."""
    defaults = TrackRCNNConfig(mask_threshold=(0.3,), distance_threshold=(0.5,), reach="anywhere")
    return TrackRCNNTracker(TrackerConfig(trackrcnn=replace(defaults, **settings)))


def ids(seat: TrackRCNNTracker, observation: Observation[FloatArray]) -> list[int]:
    return seat.step(observation).ids.tolist()


def test_mask_propagation_by_hand() -> None:
    """Equation 5: the picture moves by 8 pixels, which are 4 in the view, and the mask with it."""
    before, now = (View.of(Frame(0, "", texture(shift)), LETTERBOX) for shift in (0, 8))
    earlier = np.zeros((2, 48, 96), bool)
    earlier[0, 10:20, 20:40] = earlier[1, 10:20, 60:80] = True
    later = np.zeros((2, 48, 96), bool)
    later[0, 10:20, 24:44] = True
    later[1, 10:20, 34:54] = True
    expected = [[1, 100 / 300], [0, 0]]
    np.testing.assert_allclose(mask_propagation(earlier, later, before, now), expected, atol=0.06)


def test_box_propagation_by_hand() -> None:
    before, now = (View.of(Frame(0, "", texture(shift)), LETTERBOX) for shift in (0, 8))
    earlier, later = (
        np.array([[40.0, 20, 80, 40]]),
        np.array([[48.0, 20, 88, 40], [68, 20, 108, 40]]),
    )
    overlap = box_propagation(earlier, later, before, now)
    np.testing.assert_allclose(overlap, [[1, 400 / 1200]], atol=0.02)


def test_the_nearest_vector_of_each_gallery() -> None:
    galleries = [np.float32([[0, 0], [3, 4]]), np.float32([[6, 8]])]
    vectors = np.float32([[0, 1], [3, 4], [6, 0]])
    expected = [[1, 0, 5], [np.hypot(6, 7), 5, 8]]
    np.testing.assert_allclose(nearest(galleries, vectors), expected, rtol=1e-5, atol=1e-3)
    assert nearest([], vectors).shape == (0, 3)
    assert nearest(galleries, vectors[:0]).shape == (2, 0)


@pytest.mark.parametrize("association", ["mask", "box", "mask_and_head"])
@pytest.mark.parametrize("masks", [True, False])
def test_what_the_camera_turns_past_keeps_its_id(association: str, masks: bool) -> None:
    """From one frame to the next by more than half the objects' width; the last was the right
    one's place."""
    seat = tracker(association=association, mask_threshold=(0.5,), distance_threshold=(0.0,))
    for number in range(3):
        turned = 20 * number
        things = Thing(20 + turned), Thing(60 + turned)
        shown = observe(number, *things, image=texture(turned), masks=masks)
        assert ids(seat, shown) == [1, 2]


def test_the_first_matching_is_the_best_of_all() -> None:
    """Alone, the second track would take the first detection, and leave the other track none."""
    seat = tracker(association="mask")
    assert ids(seat, observe(0, Thing(40), Thing(56, top=44))) == [1, 2]
    assert ids(seat, observe(1, Thing(52), Thing(72, top=44))) == [1, 2]


def test_little_confidence_goes_on_by_looks_alone() -> None:
    faint = Thing(44, looks=3.1, score=0.4)
    for association, expected in [("mask_and_head", [1]), ("mask", [])]:
        seat = tracker(association=association)
        assert ids(seat, observe(0, Thing(40, looks=3))) == [1]
        assert ids(seat, observe(1, faint)) == expected
    assert ids(tracker(), observe(0, faint)) == []


def test_who_was_gone_comes_back_by_looks() -> None:
    """And elsewhere; by masks alone, neighbouring frames are all there is."""
    for association, expected in [("mask_and_head", [1]), ("mask", [2])]:
        seat = tracker(association=association)
        assert ids(seat, observe(0, Thing(40, looks=3))) == [1]
        assert ids(seat, observe(1)) == []
        assert ids(seat, observe(2, Thing(120, looks=3.1))) == expected


@pytest.mark.parametrize(("reach", "expected"), [("filter", [3, 2]), ("anywhere", [1, 2])])
def test_where_looks_are_searched_for(reach: str, expected: list[int]) -> None:
    """One comes back far from where it was; the other where its motion leads, off its last box."""
    seat = tracker(reach=reach)
    for number in range(4):
        things = Thing(140, top=4, looks=3), Thing(8 + 12 * number, looks=9)
        assert ids(seat, observe(number, *things)) == [1, 2]
    for number in (4, 5):
        assert ids(seat, observe(number)) == []
    returned = Thing(8, top=4, looks=3), Thing(8 + 12 * 6 + 12, looks=9)
    assert ids(seat, observe(6, *returned)) == expected


def test_masks_go_before_looks() -> None:
    """Two objects that exchange their looks where they stand."""
    seat = tracker()
    assert ids(seat, observe(0, Thing(20, looks=0), Thing(100, looks=9))) == [1, 2]
    assert ids(seat, observe(1, Thing(20, looks=9), Thing(100, looks=0))) == [1, 2]


def test_the_most_similar_goes_first() -> None:
    """Both detections are nearest to the first track; the second takes what is left."""
    seat = tracker(distance_threshold=(2.0,))
    assert ids(seat, observe(0, Thing(20, looks=0), Thing(60, looks=1))) == [1, 2]
    assert ids(seat, observe(1)) == []
    assert ids(seat, observe(2, Thing(120, looks=-0.5), Thing(160, looks=0.1))) == [2, 1]


def test_all_that_a_track_looked_like_is_remembered() -> None:
    """As far back as the history goes."""
    for history, expected in [(3, [1]), (2, [2])]:
        seat = tracker(history=history)
        for number, looks in enumerate([0, 3, 6]):
            assert ids(seat, observe(number, Thing(40, looks=looks))) == [1]
        assert ids(seat, observe(3)) == []
        assert ids(seat, observe(4, Thing(120, looks=0))) == expected


def test_between_neighbouring_frames_the_last_looks_count() -> None:
    seat = tracker(association="head")
    for number, looks in enumerate([0, 0.4, 0.8]):
        assert ids(seat, observe(number, Thing(40, looks=looks))) == [1]
    assert ids(seat, observe(3, Thing(40, looks=0.2))) == [2]


def test_thresholds_by_class() -> None:
    """The second number is the pedestrian's; masks overlap by a half."""
    first = Thing(20, looks=0), Thing(120, looks=5, label=1)
    later = Thing(28, top=44, looks=0), Thing(128, top=44, looks=5, label=1)
    seat = tracker(association="mask", mask_threshold=(0.6, 0.3))
    assert ids(seat, observe(0, *first)) == [1, 2]
    assert ids(seat, observe(1, *later)) == [3, 2]
    seat = tracker(mask_threshold=(1.0,), distance_threshold=(0.0, 0.1))
    assert ids(seat, observe(0, *first)) == [1, 2]
    assert ids(seat, observe(1, *later)) == [3, 2]
    seat = tracker(confidence=(0.95, 0.5))
    assert ids(seat, observe(0, *first)) == [1]
    assert seat.step(observe(1, *first)).detections.labels.tolist() == [1]


def test_one_threshold_for_all_classes() -> None:
    seat = tracker(mask_threshold=(0.3,))
    for number in range(2):
        assert ids(seat, observe(number, Thing(20), Thing(120, label=1))) == [1, 2]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"association": "head", "distance_threshold": (0.5,)}, [2, 1]),
        ({"association": "head", "distance_threshold": (0.05,)}, [3, 4]),
        ({"association": "centre", "centre_threshold": (15.0,)}, [1, 2]),
        ({"association": "centre", "centre_threshold": (10.0,)}, [3, 2]),
        ({"association": "box"}, [1, 2]),
        ({"association": "box", "mask_threshold": (0.7,)}, [3, 2]),
    ],
)
def test_mechanisms_between_neighbouring_frames(
    settings: dict[str, object], expected: list[int]
) -> None:
    """Two objects exchange their looks; one moves by 12 pixels and the other by 4."""
    seat = tracker(**settings)
    assert ids(seat, observe(0, Thing(20, looks=0), Thing(100, looks=9))) == [1, 2]
    assert ids(seat, observe(1, Thing(32, looks=9.1), Thing(104, looks=-0.1))) == expected
    assert ids(seat, observe(2)) == []
    assert min(ids(seat, observe(3, Thing(32, looks=9), Thing(104, looks=0)))) > max(expected)


def test_the_object_nearest_the_bottom_is_in_front() -> None:
    tracked = tracker().step(observe(0, Thing(40, top=40), Thing(60, top=20, score=0.99)))
    assert tracked.precedence is not None
    assert tracked.precedence.tolist() == [64, 44]


def test_association_vectors_are_reported() -> None:
    faint, clear = Thing(20, looks=1, score=0.4), Thing(80, looks=2)
    tracked = tracker().step(observe(0, faint, clear))
    assert tracked.embeddings is not None
    np.testing.assert_array_equal(tracked.embeddings, [[2, 0.5]])


@pytest.mark.parametrize("association", ["mask_and_head", "mask", "box", "head", "centre"])
def test_another_input_is_another_view(association: str) -> None:
    """Nothing flows into it, but the image is the same."""
    seat = tracker(association=association)
    assert ids(seat, observe(0, Thing(40))) == [1]
    wider = Letterbox.contain(SIZE, (2 * SIZE[0], 2 * SIZE[1]))
    masks = np.zeros((1, *wider.map_size), np.float32)
    other = observe(1, Thing(44))
    detections = replace(other.detections, masks=masks)
    assert ids(seat, replace(other, letterbox=wider, find=lambda: detections)) == [1]


def test_another_shape_of_images_is_another_view() -> None:
    """Looks know it still."""
    seat = tracker()
    shown = observe(0, Thing(40, looks=3))
    assert ids(seat, shown) == [1]
    shape = (64, 64)
    other = replace(
        observe(1, Thing(40, top=20, looks=3), masks=False),
        letterbox=Letterbox.contain(shape, shape),
        frame=Frame(10**8, "camera", np.zeros((*shape, 3), np.uint8)),
    )
    assert ids(seat, other) == [1]
