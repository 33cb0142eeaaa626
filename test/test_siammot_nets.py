"""SiamMOT's motion models, equation by equation."""

import math

import pytest
import torch

from mots_ros.nets.searchtrack import HeadMaps
from mots_ros.nets.siammot import (
    SCALE_SIGMA,
    SiamMOTHead,
    SiamMOTSpec,
    Templates,
    boxes_of,
    correlate,
    cosine_window,
    decode,
    enlarged,
    motion_between,
    moved,
    penalty,
)
from mots_ros.nets.tracker_head import Objects, Seen

SMALL = SiamMOTSpec(features=4, channels=4, template=5, groups=2, region=3, hidden=8)


@pytest.fixture(scope="module")
def head() -> SiamMOTHead:
    torch.manual_seed(0)
    return SiamMOTHead(SMALL).eval()


def test_equation_2_is_in_sizes_and_logarithms() -> None:
    start = torch.tensor([[10.0, 20, 14, 28]])  # 4 x 8 around (12, 24)
    later = torch.tensor([[12.0, 22, 20, 26]])  # 8 x 4 around (16, 24)
    motion = motion_between(start, later)
    expected = torch.tensor([[1.0, 0.0, math.log(2), -math.log(2)]])
    torch.testing.assert_close(motion, expected)
    torch.testing.assert_close(moved(start, motion), later)


def test_a_search_region_is_twice_its_box() -> None:
    region = enlarged(torch.tensor([[10.0, 20, 14, 28]]), 2.0)
    torch.testing.assert_close(region, torch.tensor([[8.0, 16, 16, 32]]))


def test_correlation_is_channel_by_channel() -> None:
    regions = torch.zeros(2, 2, 3, 3)
    regions[0, 0, 1, 1], regions[0, 1, 0, 0], regions[1, 0, 2, 2] = 4, 8, 1
    targets = torch.zeros(2, 2, 2, 2)
    targets[0, 0, 0, 1], targets[0, 1, 0, 0], targets[1, 0, 1, 1] = 1, 2, 4
    expected = torch.zeros(2, 2, 2, 2)
    expected[0, 0, 1, 0] = 4 * 1 / 4  # the template's upper right cell lies on the middle
    expected[0, 1, 0, 0] = 8 * 2 / 4
    expected[1, 0, 1, 1] = 1 * 4 / 4
    torch.testing.assert_close(correlate(regions, targets), expected)


def test_nothing_correlates_with_nothing() -> None:
    assert correlate(torch.zeros(0, 4, 10, 10), torch.zeros(0, 4, 5, 5)).shape == (0, 4, 6, 6)


def test_places_are_where_the_template_s_middle_can_be(head: SiamMOTHead) -> None:
    """A template of 5 bins in a region of 10: its middle is 2.5 to 7.5 bins in, 5 is the origin."""
    expected = torch.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]) / 5
    torch.testing.assert_close(head.explicit.places, expected)


def test_boxes_lie_around_their_places() -> None:
    sides = torch.tensor([1.0, 2, 3, 4]).view(1, 4, 1, 1).expand(1, 4, 2, 2)
    boxes = boxes_of(sides, torch.tensor([-0.5, 0.5]))
    torch.testing.assert_close(boxes[0, :, 0, 1], torch.tensor([0.5 - 1, -0.5 - 2, 0.5 + 3, 3.5]))


def test_the_window_falls_as_a_cosine() -> None:
    window = cosine_window(torch.tensor([-0.5, 0.0, 1.0]), reach=1.0)
    expected = torch.tensor([[0.25, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(window, expected)


def test_equation_5_weighs_nearness_and_size() -> None:
    same, wide = torch.tensor([-0.5, -0.5, 0.5, 0.5]), torch.tensor([-1.0, -0.5, 1.0, 0.5])
    boxes = torch.stack((same, wide), dim=1).view(1, 4, 1, 2)
    window = torch.tensor([[0.25, 1.0]])
    scale = math.exp(-(math.log(2) ** 2) / (2 * SCALE_SIGMA**2))
    expected = torch.tensor([[[0.4 * 0.25 + 0.6, 0.4 + 0.6 * scale]]])
    torch.testing.assert_close(penalty(boxes, window, 0.4), expected)


def test_equation_4_reads_the_box_where_visibility_times_penalty_is_largest() -> None:
    """The right place is more visible, but far away."""
    visible = torch.tensor([[[0.6, 0.8]]]).logit()
    unit = torch.tensor([-0.5, -0.5, 0.5, 0.5])
    boxes = torch.stack((unit + 0.1, unit + 0.9), dim=1).view(1, 4, 1, 2)
    window = torch.tensor([[1.0, 0.0]])
    near, visibility = decode(visible, boxes, window, window_weight=0.4)
    torch.testing.assert_close(near, unit[None] + 0.1)  # 0.6 * 1.0 > 0.8 * 0.6
    torch.testing.assert_close(visibility, torch.tensor([0.6]))
    far, visibility = decode(visible, boxes, window, window_weight=0.0)
    torch.testing.assert_close(far, unit[None] + 0.9)
    torch.testing.assert_close(visibility, torch.tensor([0.8]))


def test_the_explicit_model_starts_from_an_object_that_stays(head: SiamMOTHead) -> None:
    """With outputs of zero every place lies in the middle of a box of the starting size."""
    silent = SiamMOTHead(SMALL).eval()
    for weights in silent.explicit.out.parameters():
        torch.nn.init.zeros_(weights)
    _, boxes = silent.explicit(torch.rand(1, 4, 5, 5), torch.rand(1, 4, 10, 10))
    low = silent.explicit.places - 0.5
    torch.testing.assert_close(boxes[0, 0], low.expand(6, 6))
    torch.testing.assert_close(boxes[0, 3], low[:, None].expand(6, 6) + 1)


@pytest.mark.parametrize("motion", ["explicit", "implicit"])
def test_tracks_in_a_batch_are_followed_as_alone(head: SiamMOTHead, motion: str) -> None:
    before, after = torch.rand(2, 1, 4, 20, 30)
    boxes = torch.tensor([[3.0, 4, 9, 12], [20, 5, 26, 9], [-2, 15, 6, 22]])
    templates = head.templates(before, boxes)
    with torch.inference_mode():
        found, visibility = head.follow(after, templates, boxes, motion, 0.4)
        for number, alone in enumerate(templates.unbind()):
            start = boxes[number : number + 1]
            one, seen = head.follow(after, alone, start, motion, 0.4)
            torch.testing.assert_close(one[0], found[number])
            torch.testing.assert_close(seen[0], visibility[number])
    assert found.shape == (3, 4) and ((visibility > 0) & (visibility < 1)).all()


@pytest.mark.parametrize("motion", ["explicit", "implicit"])
def test_it_does_not_matter_where_in_the_image_a_track_is(head: SiamMOTHead, motion: str) -> None:
    before, after = torch.rand(2, 1, 4, 16, 16)
    boxes = torch.tensor([[4.0, 5, 10, 12]])
    found, seen = head.follow(after, head.templates(before, boxes), boxes, motion, 0.4)
    shift = torch.tensor([3.0, 2, 3, 2])
    before, after = (torch.nn.functional.pad(frame, (3, 5, 2, 4)) for frame in (before, after))
    there = boxes + shift
    shifted, again = head.follow(after, head.templates(before, there), there, motion, 0.4)
    torch.testing.assert_close(shifted, found + shift, rtol=0, atol=1e-4)
    torch.testing.assert_close(again, seen)


def test_templates_are_taken_apart_and_put_together(head: SiamMOTHead) -> None:
    boxes = torch.tensor([[3.0, 4, 9, 12], [20, 5, 26, 9]])
    templates = head.templates(torch.rand(1, 4, 20, 30), boxes)
    again = Templates.cat(templates.unbind())
    torch.testing.assert_close(again.targets, templates.targets)
    torch.testing.assert_close(again.regions, templates.regions)


def test_the_head_fits_into_ten_megabytes() -> None:
    assert 4 * sum(weights.numel() for weights in SiamMOTHead(SiamMOTSpec()).parameters()) < 10e6


def test_the_head_reads_templates_and_what_the_detector_is_sure_of(head: SiamMOTHead) -> None:
    """A peak of heat also counts in the pixels beside it."""
    heat = torch.full((1, 1, 6, 8), -20.0)
    heat[0, 0, 2, 3] = 0.0
    maps = HeadMaps(heat, torch.zeros(1, 2, 6, 8), None, None, torch.zeros(1, 16, 6, 8), None)
    shared, pixel = torch.rand(1, 4, 6, 8), torch.tensor([3])
    boxes = torch.tensor([[2.0, 1.0, 5.0, 4.0]])
    objects = Objects(pixel, pixel, boxes, torch.zeros(1, 593))
    features = head.read(Seen(shared, shared, (), maps, lambda: objects, None))
    assert (features.heat > 0.4).nonzero().tolist() == [
        [0, y, x] for y in (1, 2, 3) for x in (2, 3, 4)
    ]
    assert features.templates.targets.shape == (1, 4, 5, 5)
    torch.testing.assert_close(features.shared, head.embed(shared))
