import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mots_ros.core.letterbox import Letterbox
from mots_ros.core.masks import (
    CORNER,
    DeferredMasks,
    WindowedMasks,
    cells_around,
    compose_label_image,
    pixel_values,
)
from mots_ros.core.types import Detections
from mots_ros.detection.gpu_masks import GpuMasks
from shared import parity

SIZE = (60, 100)
BOX = (0, 0, 60, 60)
PLAIN = Letterbox.contain(SIZE, (60, 100))
KITTI = Letterbox.contain((375, 1242), (192, 640))


def filled(letterbox, boxes, scores, masks=None):
    """Detections whose masks cover all of their map unless ``masks`` says otherwise."""
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    if masks is None:
        masks = np.ones((len(boxes), *letterbox.map_size), np.float32)
    return Detections(boxes, np.array(scores, np.float32), np.zeros(len(boxes), np.int64), masks)


def half_planes(letterbox, boxes):
    """Probabilities that fall through 0.5 exactly at the box's edges."""
    y, x = np.indices(letterbox.map_size)
    centres = letterbox.map_to_image(np.stack([x + 0.5, y + 0.5], axis=-1))
    masks = []
    for left, top, right, bottom in boxes:
        inside = [
            centres[..., 0] - left,
            right - centres[..., 0],
            centres[..., 1] - top,
            bottom - centres[..., 1],
        ]
        masks.append(np.clip(0.5 + np.min(inside, axis=0) / 40, 0, 1))
    return np.array(masks, np.float32).reshape(-1, *letterbox.map_size)


def test_only_masks_that_remain_are_computed_and_only_once():
    masks = np.random.default_rng(0).random((5, 6, 8), np.float32)
    asked = []

    def look(chosen):
        asked.append(chosen.tolist())
        return WindowedMasks.whole(masks[chosen])

    deferred = DeferredMasks(look, 5, (6, 8))
    assert deferred.shape == (5, 6, 8)
    remaining = deferred[np.array([4, 2, 0])][np.array([False, True, True])]
    assert remaining.shape == (2, 6, 8) and asked == []
    np.testing.assert_array_equal(np.asarray(remaining), masks[[2, 0]])
    np.testing.assert_array_equal(np.asarray(remaining[np.array([1])]), masks[[0]])
    assert asked == [[2, 0]]
    both = remaining.joined(deferred[np.array([3])])
    np.testing.assert_array_equal(np.asarray(both), masks[[2, 0, 3]])
    assert asked == [[2, 0], [3]]


def test_a_mask_appears_where_its_object_is():
    box = [300.0, 100.0, 420.0, 180.0]
    detections = filled(KITTI, [box], [0.9], half_planes(KITTI, [box]))
    painted = compose_label_image(detections, np.array([7]), KITTI, (375, 1242))
    assert painted.dtype == np.uint16 and painted.shape == (375, 1242)
    rows, columns = np.nonzero(painted)
    assert set(painted[rows, columns]) == {7}
    tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(tight, box, atol=1)
    # Four corners are a little round.
    assert painted.astype(bool).sum() == pytest.approx(120 * 80, rel=0.02)


@pytest.mark.parametrize(
    "letterbox",
    [
        PLAIN,
        KITTI,
        Letterbox.longer_side((375, 1242), (384, 1280)),
        Letterbox.centred(SIZE, (32, 64), 1),
    ],
    ids=["plain", "kitti", "cut a little", "cut off"],
)
def test_masks_are_enlarged_as_torch_does(letterbox):
    """Noise shows every cell that is missing or weighs too much, also at the edges of regions."""
    size = letterbox.image_size
    parts = [[0, 0, 0.05, 0.05], [0.1, 0.1, 0.5, 0.5], [0.4, 0.3, 0.9, 0.8], [0.95, 0.95, 1, 1]]
    boxes = np.array(parts) * (size[::-1] * 2)
    masks = np.random.default_rng(0).random((len(parts), *letterbox.map_size), np.float32)
    y, x = np.indices(size) + 0.5
    on_map = letterbox.image_to_map(np.stack([x, y], axis=-1))
    probability = torch.nn.functional.grid_sample(
        torch.from_numpy(masks)[:, None].double(),
        torch.from_numpy(on_map / letterbox.map_size[::-1] * 2 - 1).expand(len(parts), -1, -1, -1),
        mode="bicubic",
        padding_mode="border",
        align_corners=False,
    )[:, 0].numpy()
    for box, mask, expected in zip(boxes, masks, probability, strict=True):
        detections = filled(letterbox, [box], [0.9], mask[None])
        painted = compose_label_image(detections, np.array([1]), letterbox, size) > 0
        margin = np.maximum(0.1 * (box[2:] - box[:2]), 4 / letterbox.scale)
        inside = (
            (x > np.floor(box[0] - margin[0]))
            & (x < np.ceil(box[2] + margin[0]))
            & (y > np.floor(box[1] - margin[1]))
            & (y < np.ceil(box[3] + margin[1]))
        )
        assert not painted[~inside].any()
        clear = inside & (np.abs(expected - 0.5) > 1e-5)
        assert clear.sum() > 0.999 * inside.sum()
        np.testing.assert_array_equal(painted[clear], expected[clear] > 0.5)
        inverted = filled(letterbox, [box], [0.9], 1 - mask[None])
        painted = compose_label_image(inverted, np.array([1]), letterbox, size) > 0
        np.testing.assert_array_equal(painted[clear], expected[clear] < 0.5)


@given(arrays.arrays(np.float32, (3, 4), elements=st.floats(-50, 400, width=32)))
@settings(max_examples=30, deadline=None)
def test_only_the_cells_around_a_box_are_looked_at(corners):
    boxes = np.concatenate([corners[:, :2], corners[:, :2] + abs(corners[:, 2:])], axis=1)
    masks = np.random.default_rng(0).random((3, *KITTI.map_size), np.float32)
    inside = np.zeros_like(masks)
    for index, (left, top, right, bottom) in enumerate(cells_around(boxes, KITTI.reduced(4))):
        assert 0 <= left < right <= 160 and 0 <= top < bottom <= 48
        inside[index, top:bottom, left:right] = masks[index, top:bottom, left:right]
    whole, part = (
        compose_label_image(filled(KITTI, boxes, [3, 2, 1], m), np.arange(1, 4), KITTI, (375, 1242))
        for m in (masks, inside)
    )
    np.testing.assert_array_equal(whole, part)


@given(st.integers(0, 2**31), st.sampled_from([2, 4]))
@settings(max_examples=20, deadline=None)
def test_masks_known_in_windows_are_painted_as_arrays_are(seed, stride):
    """Windows need not lie around the boxes; where nothing is known, nothing is painted."""
    rng = np.random.default_rng(seed)
    rows, columns = KITTI.reduced(stride).input_size
    corners = rng.integers(0, (columns - 1, rows - 1), (4, 2))
    ends = np.minimum(corners + rng.integers(1, (60, 30), (4, 2)), (columns, rows))
    parts = [
        rng.random((y2 - y1, x2 - x1), np.float32)
        for (x1, y1), (x2, y2) in zip(corners, ends, strict=True)
    ]
    in_windows = WindowedMasks(parts, corners, (rows, columns))
    masks = np.asarray(in_windows)
    assert masks.shape == in_windows.shape == (4, rows, columns)
    assert np.count_nonzero(masks) <= sum(part.size for part in parts)
    corner = rng.uniform(-50, 900, (4, 2)) * (1, 0.3)
    boxes = np.concatenate([corner, corner + rng.uniform(0, 300, (4, 2))], axis=1)
    found, expected = (
        compose_label_image(
            filled(KITTI, boxes, [4, 2, 3, 1], held), np.arange(1, 5), KITTI, KITTI.image_size
        )
        for held in (in_windows, masks)
    )
    np.testing.assert_array_equal(found, expected)


def test_masks_in_windows_can_be_chosen_from():
    parts = [np.full((2, 3), value, np.float32) for value in (0.2, 0.4, 0.6)]
    in_windows = WindowedMasks(parts, np.array([[0, 0], [4, 1], [2, 3]]), (6, 8))
    masks = np.asarray(in_windows)
    assert masks[1, 1:3, 4:7].min() == masks[1].max() == np.float32(0.4)
    for index in (np.array([2, 0]), np.array([False, True, True]), np.arange(0)):
        chosen = in_windows[index]
        assert chosen.shape == masks[index].shape
        np.testing.assert_array_equal(np.asarray(chosen), masks[index])


@pytest.mark.parametrize("kind", [WindowedMasks.whole, lambda masks: GpuMasks(torch.tensor(masks))])
def test_joined_masks_are_both(kind):
    first, second = np.random.default_rng(0).random((2, 3, 15, 25), np.float32)
    joined = kind(first).joined(kind(second))
    assert joined.shape == (6, 15, 25)
    np.testing.assert_array_equal(np.asarray(joined), np.concatenate([first, second]))


def test_joined_masks_stay_shifted():
    part = np.ones((4, 5), np.float32)
    shifted = WindowedMasks([part], np.array([[2, 3]]), (15, 25), CORNER)
    on_gpu = GpuMasks(torch.tensor(np.asarray(shifted)), CORNER)
    for masks in (shifted, on_gpu):
        alone, both = (
            compose_label_image(filled(PLAIN, [BOX] * count, [1] * count, m), ids, PLAIN, SIZE)
            for count, m, ids in ((1, masks, np.array([1])), (2, masks.joined(masks), np.ones(2)))
        )
        assert alone.any()
        np.testing.assert_array_equal(both, alone)


def test_the_higher_score_wins_and_the_order_of_detections_does_not_matter():
    boxes, scores, ids = [[10, 10, 50, 50], [30, 10, 70, 50]], [0.5, 0.9], np.array([1, 2])
    painted = compose_label_image(filled(PLAIN, boxes, scores), ids, PLAIN, SIZE)
    assert painted[30, 40] == 2 and painted[30, 20] == 1 and painted[30, 60] == 2
    swapped = filled(PLAIN, boxes[::-1], scores[::-1])
    np.testing.assert_array_equal(compose_label_image(swapped, ids[::-1], PLAIN, SIZE), painted)


def test_another_precedence_than_the_score() -> None:
    boxes, ids = [[8, 8, 40, 40], [24, 8, 56, 40]], np.array([3, 5])
    detections = filled(PLAIN, boxes, [0.9, 0.5])
    painted = compose_label_image(detections, ids, PLAIN, SIZE, np.array([1.0, 2.0]))
    assert (painted[16, 16], painted[16, 32]) == (3, 5)


def test_a_mask_stays_near_its_box():
    painted = compose_label_image(
        filled(PLAIN, [[40, 20, 60, 40]], [0.9]), np.array([3]), PLAIN, SIZE
    )
    rows, columns = np.nonzero(painted)
    assert (columns.min(), columns.max() + 1) == (36, 64)
    assert (rows.min(), rows.max() + 1) == (16, 44)


def test_large_boxes_have_a_margin_of_their_own_measure():
    painted = compose_label_image(
        filled(PLAIN, [[10, 20, 90, 40]], [0.9]), np.array([3]), PLAIN, SIZE
    )
    assert np.flatnonzero(painted.any(axis=0))[[0, -1]].tolist() == [2, 97]


def test_masks_reach_the_edges_of_the_image():
    box = [-10, -10, 120, 80]
    painted = compose_label_image(filled(PLAIN, [box], [0.9]), np.array([1]), PLAIN, SIZE)
    assert (painted == 1).all()


@pytest.mark.parametrize("box", [[-90, 10, -40, 20], [10, 10, np.inf, 20], [50, 50, 40, 40]])
def test_strange_boxes_do_no_harm(box):
    painted = compose_label_image(filled(PLAIN, [box], [0.9]), np.array([1]), PLAIN, SIZE)
    assert painted.shape == SIZE


def test_half_is_not_enough():
    even = np.full((1, *PLAIN.map_size), 0.5, np.float32)
    detections = filled(PLAIN, [[10, 10, 50, 50]], [0.9], even)
    assert not compose_label_image(detections, np.array([1]), PLAIN, SIZE).any()


def test_without_masks_the_image_stays_empty():
    boxes_only = Detections(np.ones((1, 4), np.float32), np.ones(1, np.float32), np.zeros(1, int))
    assert not compose_label_image(boxes_only, np.array([1]), PLAIN, SIZE).any()
    nothing = filled(PLAIN, [], [])
    assert not compose_label_image(nothing, np.zeros(0, np.int64), PLAIN, SIZE).any()


def test_masks_may_lie_on_a_finer_map():
    """The edge runs between two cells at stride 2: at stride 4, one cell would lie across it."""
    fine = PLAIN.reduced(2).input_size
    masks = np.zeros((1, *fine), np.float32)
    masks[0, :, :23] = 1
    detections = filled(PLAIN, [[0, 0, 100, 60]], [0.9], masks)
    painted = compose_label_image(detections, np.array([1]), PLAIN, SIZE)
    np.testing.assert_array_equal(painted, np.broadcast_to(np.arange(100) < 46, SIZE))


def test_masks_of_another_network_size_are_refused():
    detections = filled(KITTI, [[0, 0, 9, 9]], [0.9])
    with pytest.raises(
        ValueError, match=r"expected masks of an input of \(60, 100\), not \(48, 160\)"
    ):
        compose_label_image(detections, np.array([1]), PLAIN, SIZE)


def test_ids_beyond_16_bits_begin_again_at_1():
    ids = np.array([1, 65535, 65536, 131070, 131071])
    assert pixel_values(ids).tolist() == [1, 65535, 1, 65535, 1]
    assert pixel_values(ids).dtype == np.uint16
    painted = compose_label_image(
        filled(PLAIN, [[10, 10, 50, 50]], [0.9]), np.array([65537]), PLAIN, SIZE
    )
    assert set(np.unique(painted)) == {0, 2}


@given(
    st.lists(
        st.tuples(
            st.floats(-20, 90),
            st.floats(-20, 50),
            st.floats(1, 60),
            st.floats(1, 40),
            st.floats(0, 1, width=32),
        ),
        max_size=5,
    )
)
def test_every_pixel_belongs_to_the_best_of_those_that_want_it(objects):
    boxes = [[x, y, x + w, y + h] for x, y, w, h, _ in objects]
    scores = [score for *_, score in objects]
    ids = np.arange(1, len(objects) + 1)
    alone = np.array(
        [
            compose_label_image(filled(PLAIN, [box], [score]), np.array([1]), PLAIN, SIZE)
            for box, score in zip(boxes, scores, strict=True)
        ]
    ).reshape(-1, *SIZE)
    painted = compose_label_image(filled(PLAIN, boxes, scores), ids, PLAIN, SIZE)
    np.testing.assert_array_equal(painted > 0, alone.any(axis=0))
    ranked = np.array([0.0, *scores], np.float32)[painted]
    wanted = (alone * np.array(scores, np.float32).reshape(-1, 1, 1)).max(axis=0, initial=0)
    np.testing.assert_array_equal(ranked, wanted)


def test_overlapping_ellipses_equal_the_reference():
    """The reference warps whole maps, speaks of pixel indices and lets masks fade at the border.

    It shows the network what ``test_the_warp_equals_the_reference`` does.
    """
    reference = np.load(parity("preprocess.npz"))
    rule = reference["mask_rule_cx_cy_rx_ry_score_class"]
    rule = rule[rule[:, 4] > 0.4]
    matrix = reference["trans_output"]
    scale = 4 * matrix[0, 0]
    letterbox = Letterbox(
        (375, 1242), (384, 1280), scale, *(4 * matrix[:, 2] + 0.5 - scale / 2).tolist()
    )
    y, x = np.indices((96, 320))
    radius = [np.hypot((x - cx) / rx, (y - cy) / ry) for cx, cy, rx, ry, _, _ in rule]
    masks = (1 / (1 + np.exp(-6 * (1 - np.array(radius))))).astype(np.float32)
    centres, radii = rule[:, :2] + 0.5, rule[:, 2:4]
    boxes = letterbox.map_to_image(np.concatenate([centres - radii, centres + radii], axis=1))
    released = WindowedMasks(list(masks), np.zeros((7, 2), np.int64), (96, 320), CORNER)
    detections = filled(letterbox, boxes, rule[:, 4], released)
    painted = compose_label_image(detections, np.arange(1, 8), letterbox, (375, 1242))
    on_gpu = dataclasses.replace(detections, masks=GpuMasks(torch.from_numpy(masks), CORNER))
    again = compose_label_image(on_gpu, np.arange(1, 8), letterbox, (375, 1242))
    assert (again != painted).mean() < 1e-4
    sampled = painted.ravel()[reference["mask_idx_yx_flat_rowmajor"]]
    expected = (reference["mask_after"] * np.arange(1, 8)[:, None]).sum(axis=0)
    assert (expected > 0).mean() > 0.1
    assert (sampled != expected).sum() <= 4
