"""What flow makes of masks and boxes; that it finds what moves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mots_ros.core.letterbox import Letterbox
from mots_ros.core.optical_flow import (
    View,
    masks_in_view,
    optical_flow,
    shifted_boxes,
    warped_masks,
)
from mots_ros.core.types import Frame

SIZE = (128, 256)
LETTERBOX = Letterbox.contain(SIZE, (128, 256))


def _texture(size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, 1, (*size, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 6)
    texture: NDArray[np.uint8] = np.clip(128 + 50 * smooth / smooth.std(), 0, 255).astype(np.uint8)
    return texture


def scene(left: int, shift: int = 0) -> View:
    """A textured plate of 60 x 40 pixels at ``left`` and row 40 before a textured wall."""
    picture = np.roll(_texture((128, 256), seed=0), shift, axis=1)
    picture[40:80, left : left + 60] = _texture((40, 60), seed=1)
    return View.of(Frame(0, "camera", picture), LETTERBOX)


def test_views_are_grey_and_half_the_input() -> None:
    image = np.zeros((*SIZE, 3), np.uint8)
    image[:, 128:] = (255, 0, 0)
    view = View.of(Frame(0, "camera", image), LETTERBOX)
    assert view.grey.shape == (64, 128)
    assert view.grey[:, :64].max() == 0
    assert set(np.unique(view.grey[:, 65:])) == {76}
    np.testing.assert_allclose(view.letterbox.image_to_input(np.array([10.0, 20.0])), [5, 10])


def test_reduced_letterbox_shows_the_same() -> None:
    letterbox = Letterbox.contain((375, 1242), (192, 640))
    point = np.array([100.0, 200.0])
    half = letterbox.reduced(2)
    assert half.input_size == (96, 320)
    np.testing.assert_allclose(2 * half.image_to_input(point), letterbox.image_to_input(point))
    np.testing.assert_allclose(half.input_to_image(half.image_to_input(point)), point)


def test_masks_grow_to_the_view() -> None:
    probabilities = np.zeros((2, 32, 64), np.float32)
    probabilities[0, 10:20, 30:50] = 0.9
    view = View(np.zeros((64, 128), np.uint8), Letterbox.contain((64, 128), (64, 128)))
    masks = masks_in_view(probabilities, view)
    expected = np.zeros((2, 64, 128), bool)
    expected[0, 20:40, 60:100] = True
    assert masks.dtype == bool and masks.shape == expected.shape
    # Corners are cut off where one probability of four is high.
    assert (masks != expected).sum() <= 4


def test_flow_finds_the_motion_of_the_plate_and_of_the_wall() -> None:
    flow = optical_flow(scene(100), scene(112, shift=-4))
    np.testing.assert_allclose(np.median(flow[24:36, 54:76], axis=(0, 1)), [6, 0], atol=1)
    np.testing.assert_allclose(np.median(flow[48:60, 20:100], axis=(0, 1)), [-2, 0], atol=0.2)


def test_masks_are_warped_by_hand() -> None:
    """Everything came from two pixels further left and one further down."""
    masks = np.zeros((2, 6, 8), bool)
    masks[0, 2, 3] = masks[1, 0, 0] = masks[1, 5, 7] = True
    warped = warped_masks(masks, np.tile(np.float32([-2, 1]), (6, 8, 1)))
    expected = np.zeros_like(masks)
    expected[0, 1, 5] = True
    assert warped.dtype == bool
    np.testing.assert_array_equal(warped, expected)


def test_a_growing_mask_has_no_holes() -> None:
    masks = np.zeros((1, 20, 20), bool)
    masks[0, 8:12, 8:12] = True
    y, x = np.mgrid[:20, :20].astype(np.float32)
    back = np.stack([9.5 + (x - 9.5) / 2 - x, 9.5 + (y - 9.5) / 2 - y], axis=-1)
    expected = np.zeros_like(masks)
    expected[0, 6:14, 6:14] = True
    np.testing.assert_array_equal(warped_masks(masks, back), expected)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([1, 1, 4, 3], [3, 0, 6, 2]),
        ([2.2, 1.1, 2.6, 1.4], [4.2, 0.1, 4.6, 0.4]),
        ([5, 1, 9, 3], [5, 1, 9, 3]),
        ([30, 1, 40, 3], [30, 1, 40, 3]),
    ],
)
def test_boxes_move_by_the_median_inside(box: list[float], expected: list[float]) -> None:
    """The left half moves by (2, -1), but for one pixel; the right half and all beyond stays."""
    forth = np.zeros((4, 10, 2), np.float32)
    forth[:, :5] = (2, -1)
    forth[1, 1] = 100
    boxes = np.array([box], np.float32)
    np.testing.assert_allclose(shifted_boxes(boxes, forth), [expected], rtol=1e-5)
    np.testing.assert_array_equal(boxes, np.array([box], np.float32))
