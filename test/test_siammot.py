"""SiamMOT's solver, with a motion model that follows what an object looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mots_ros.config import SiamMOTConfig, TrackerConfig
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.types import Detections, Frame, Observation, TrackedDetections
from mots_ros.nets.siammot import SiamMOTFeatures, SiamMOTHead, SiamMOTSpec, Templates, enlarged
from mots_ros.trackers.siammot import SiamMOTTracker

SIZE = (128, 512)
LETTERBOX = Letterbox.contain(SIZE, SIZE)
SIDE = 10
"""Map pixels of every object."""
LOOKS = 101


class Looks(SiamMOTHead):
    """A motion model that never errs: every object is bright in a channel of its own, as bright as
    it is visible, and found where that pixel is, if the search region holds it."""

    def follow(
        self,
        shared: Tensor,
        templates: Templates,
        starts: Tensor,
        motion: str,
        window_weight: float,
    ) -> tuple[Tensor, Tensor]:
        looks = templates.targets.flatten(2).amax(dim=2).argmax(dim=1)
        found, visibility = starts.clone(), torch.zeros(len(starts))
        for row, region in enumerate(enlarged(starts, 2.0)):
            y, x = np.unravel_index(int(shared[0, looks[row]].argmax()), shared.shape[2:])
            left, top, right, bottom = region.tolist()
            if left <= x + 0.5 < right and top <= y + 0.5 < bottom:
                visibility[row] = shared[0, looks[row], y, x]
                found[row] = _around(float(x), float(y))
        return found, visibility


def _around(x: float, y: float) -> Tensor:
    half = SIDE / 2
    return torch.tensor([x + 0.5 - half, y + 0.5 - half, x + 0.5 + half, y + 0.5 + half])


HEAD = Looks(SiamMOTSpec(LOOKS, LOOKS, template=SIDE, groups=1, region=1, hidden=1))


def masks_at(pixels: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The one pixel that was asked for."""
    masks = np.zeros((len(pixels), *LETTERBOX.map_size), np.float32)
    masks[np.arange(len(pixels)), pixels[:, 1], pixels[:, 0]] = 1
    return masks


def observe(
    frame: int,
    detected: Mapping[int, tuple[int, int]],
    undetected: Mapping[int, tuple[int, int]] | None = None,
    visibility: float = 0.9,
    score: float = 0.8,
    heat: float = 0.9,
) -> Observation[SiamMOTFeatures]:
    """Objects by their looks, each centred in a map pixel x, y.

    The detector is sure of the detected by ``score``, of the undetected by ``heat``.
    """
    shared = torch.zeros(1, LOOKS, *LETTERBOX.map_size)
    for looks, (x, y) in {**detected, **(undetected or {})}.items():
        shared[0, looks, y, x] = visibility
    in_map = torch.stack([_around(x, y) for x, y in detected.values()] or [torch.zeros(0, 4)])
    in_map = in_map.view(-1, 4)
    pixels = np.array(list(detected.values()), np.int64).reshape(-1, 2)
    boxes = LETTERBOX.map_to_image(in_map.numpy())
    detections = Detections(
        boxes,
        np.full(len(detected), score, np.float32),
        np.zeros(len(detected), np.int64),
        masks_at(pixels, boxes),
    )
    hot = torch.zeros(1, *LETTERBOX.map_size)
    for x, y in (undetected or {}).values():
        hot[0, y, x] = heat
    features = SiamMOTFeatures(shared, HEAD.templates(shared, in_map), hot, masks_at)
    image = np.zeros((*SIZE, 3), np.uint8)
    seen = Frame(frame * 10**8, "camera", image)
    return Observation(seen, LETTERBOX, lambda: detections, features)


def tracker(**settings: object) -> SiamMOTTracker:
    return SiamMOTTracker(TrackerConfig(siammot=SiamMOTConfig(**settings)), HEAD)


def centres(tracked: TrackedDetections) -> dict[int, tuple[float, float]]:
    """The map pixels of the reported boxes, by id."""
    boxes = LETTERBOX.image_to_map(tracked.detections.boxes)
    middles = ((boxes[:, :2] + boxes[:, 2:]) / 2 - 0.5).tolist()
    return {int(name): (x, y) for name, (x, y) in zip(tracked.ids, middles, strict=True)}


def test_two_objects_that_cross_keep_their_ids() -> None:
    siammot = tracker()
    for frame in range(20):
        tracked = siammot.step(observe(frame, {1: (20 + 3 * frame, 12), 2: (80 - 3 * frame, 18)}))
        assert centres(tracked) == {1: (20 + 3 * frame, 12), 2: (80 - 3 * frame, 18)}, frame


def test_an_object_in_another_s_place_is_not_taken_for_it() -> None:
    """They trade places between two frames, each within the other's search region."""
    siammot = tracker()
    siammot.step(observe(0, {1: (20, 10), 2: (28, 10)}))
    tracked = siammot.step(observe(1, {1: (28, 10), 2: (20, 10)}))
    assert centres(tracked) == {1: (28, 10), 2: (20, 10)}


def test_a_visible_track_goes_on_without_a_detection() -> None:
    """With the motion model's box, its visibility as score, and the mask of what is there."""
    siammot = tracker()
    siammot.step(observe(0, {1: (20, 10), 2: (60, 20)}))
    tracked = siammot.step(observe(1, {2: (61, 20)}, {1: (24, 11)}))
    assert centres(tracked) == {2: (61, 20), 1: (24, 11)}
    np.testing.assert_allclose(tracked.detections.scores, [0.8, 0.9])
    assert tracked.detections.masks is not None
    assert np.argwhere(tracked.detections.masks[1]).tolist() == [[11, 24]]
    # From there it is followed on, beyond the reach of where it was last detected.
    tracked = siammot.step(observe(2, {2: (62, 20)}, {1: (28, 12)}))
    assert centres(tracked) == {2: (62, 20), 1: (28, 12)}


@pytest.mark.parametrize(("heat", "expected"), [(0.35, [1]), (0.25, [])])
def test_a_track_goes_on_if_its_visibility_is_above_alpha(heat: float, expected: list[int]) -> None:
    """The mean of motion model's and detector's is."""
    siammot = tracker(alpha=0.4)
    siammot.step(observe(0, {1: (20, 10)}))
    undetected = observe(1, {}, {1: (20, 10)}, visibility=0.5, heat=heat)
    assert siammot.step(undetected).ids.tolist() == expected


@pytest.mark.parametrize(("score", "expected"), [(0.65, [1]), (0.55, [2])])
def test_a_detection_makes_a_track_visible(score: float, expected: list[int]) -> None:
    siammot = tracker(alpha=0.4)
    siammot.step(observe(0, {1: (20, 10)}))
    detected = observe(1, {1: (20, 10)}, visibility=0.2, score=score)
    assert siammot.step(detected).ids.tolist() == expected


def test_an_occlusion_of_0_3_s_is_bridged() -> None:
    """Its template and its place stay in memory while it is dormant."""
    siammot = tracker()
    for frame in range(5):
        assert siammot.step(observe(frame, {1: (20 + frame, 10)})).ids.tolist() == [1]
    for frame in range(5, 8):
        assert siammot.step(observe(frame, {})).ids.tolist() == []
    assert centres(siammot.step(observe(8, {1: (28, 10)}))) == {1: (28, 10)}
    # Somebody else in its place is somebody else.
    for frame in range(9, 12):
        siammot.step(observe(frame, {}))
    assert siammot.step(observe(12, {3: (28, 10)})).ids.tolist() == [2]


def test_a_dormant_track_dies_after_tau_frames() -> None:
    ids = {}
    for unseen in (4, 5):
        siammot = tracker()
        siammot.config = replace(siammot.config, max_misses=4)
        siammot.step(observe(0, {1: (20, 10)}))
        for frame in range(1, unseen + 1):
            siammot.step(observe(frame, {}))
        ids[unseen] = siammot.step(observe(unseen + 1, {1: (20, 10)})).ids.tolist()
    assert ids == {4: [1], 5: [2]}


@pytest.mark.parametrize(("centre", "expected"), [("last", [2]), ("filter", [1])])
def test_a_dormant_track_is_searched_for_where_it_was_or_should_be(
    centre: str, expected: list[int]
) -> None:
    """It drives on behind something, out of the search region around its last box."""
    siammot = tracker(search_centre=centre)
    for frame in range(8):
        siammot.step(observe(frame, {1: (20 + 4 * frame, 10)}))
    for frame in range(8, 12):
        siammot.step(observe(frame, {}))
    assert siammot.step(observe(12, {1: (68, 10)})).ids.tolist() == expected


def test_a_detection_on_a_visible_track_gives_no_birth() -> None:
    """The object of looks 2 is the better match of no track, but overlaps one by 7 parts in 13."""
    siammot = tracker(nms_overlap=1.0)
    siammot.step(observe(0, {1: (20, 10)}))
    crowd = {1: (20, 10), 2: (23, 10), 3: (24, 10)}
    assert siammot.step(observe(1, crowd)).ids.tolist() == [1, 2]


def test_of_detections_that_overlap_the_best_remains() -> None:
    shown = observe(0, {1: (20, 10), 2: (21, 10), 3: (60, 10)})
    shown.detections.scores[:] = [0.7, 0.8, 0.9]
    tracked = tracker().step(shown)
    assert centres(tracked) == {1: (21, 10), 2: (60, 10)}
    other_class = observe(0, {1: (20, 10), 2: (21, 10)})
    other_class.detections.labels[1] = 1
    assert tracker().step(other_class).ids.tolist() == [1, 2]


def test_of_tracks_that_overlap_the_more_visible_goes_on() -> None:
    """The other is dormant until it is seen beside the first again."""
    siammot = tracker()
    siammot.step(observe(0, {1: (20, 10), 2: (32, 10)}))
    met = observe(1, {1: (26, 10)}, {2: (27, 10)})
    met.features.shared[0, 2] *= 0.7
    assert centres(siammot.step(met)) == {1: (26, 10)}
    assert centres(siammot.step(observe(2, {1: (26, 10), 2: (34, 10)}))) == {
        1: (26, 10),
        2: (34, 10),
    }


def test_a_track_does_not_leave_the_image() -> None:
    """A motion model that still sees it beyond the edge is not believed."""
    siammot = tracker()
    siammot.step(observe(0, {1: (2, 10)}))

    class Beyond(Looks):
        def follow(self, *arguments: object) -> tuple[Tensor, Tensor]:
            return _around(-1, 10)[None], torch.ones(1)

    siammot._head = Beyond(HEAD.spec)
    assert siammot.step(observe(1, {})).ids.tolist() == []


def test_a_hundred_objects() -> None:
    siammot = tracker()
    places = {1 + i: (4 + 6 * (i % 20), 3 + 6 * (i // 20)) for i in range(100)}
    for frame in range(3):
        expected = {looks: (x + frame, y) for looks, (x, y) in places.items()}
        assert centres(siammot.step(observe(frame, expected))) == expected


def test_what_lies_where_the_network_does_not_look_is_not_visible() -> None:
    """The input shows the image's upper rows alone; a motion model leads below them."""
    siammot = tracker(alpha=0.1)
    siammot.step(observe(0, {1: (10, 10)}))

    class Below(Looks):
        def follow(self, *arguments: object) -> tuple[Tensor, Tensor]:
            return _around(10, LETTERBOX.map_size[0] - 2)[None], torch.ones(1)

    siammot._head = Below(HEAD.spec)
    seen = observe(1, {})
    height, width = LETTERBOX.input_size
    upper = replace(LETTERBOX, input_size=(height - 32, width))
    features = replace(seen.features, shared=torch.zeros(1, LOOKS, *upper.map_size))
    features = replace(features, heat=torch.zeros(1, *upper.map_size), masks_at=masks_at)
    assert siammot.step(replace(seen, letterbox=upper, features=features)).ids.tolist() == []
