from dataclasses import replace
from math import ceil

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mots_ros.core.letterbox import Letterbox
from shared import parity

KITTI = Letterbox.contain((375, 1242), (384, 1280))

images = st.tuples(st.integers(1, 4000), st.integers(1, 4000))
inputs = st.tuples(st.integers(1, 60), st.integers(1, 60)).map(lambda s: (32 * s[0], 32 * s[1]))


def test_the_tighter_side_sets_the_scale_and_the_rest_is_shared_out():
    assert KITTI.scale == 384 / 375
    assert KITTI.offset_y == 0
    assert KITTI.offset_x == int((1280 - 1242 * 1.024) / 2) == 4
    assert KITTI.map_size == (96, 320)


def test_points_by_hand():
    letterbox = Letterbox.contain((100, 200), (224, 416))
    assert (letterbox.scale, letterbox.offset_x, letterbox.offset_y) == (2.08, 0, 8)
    np.testing.assert_allclose(letterbox.image_to_input(np.array([10.0, 20.0])), [20.8, 49.6])
    np.testing.assert_allclose(letterbox.image_to_map(np.array([10.0, 20.0])), [5.2, 12.4])
    box = np.array([[0.0, 0.0, 200.0, 100.0]])
    np.testing.assert_allclose(letterbox.image_to_map(box), [[0, 2, 104, 54]])


@given(images, inputs, st.tuples(*[st.floats(-100, 5000)] * 4))
def test_there_and_back_again(image_size, input_size, box):
    letterbox = Letterbox.contain(image_size, input_size)
    box = np.array(box)
    close = {"rtol": 1e-9, "atol": 1e-6 / letterbox.scale}
    back = letterbox.input_to_image(letterbox.image_to_input(box))
    np.testing.assert_allclose(back, box, **close)
    back = letterbox.map_to_image(letterbox.image_to_map(box))
    np.testing.assert_allclose(back, box, **close)
    corners = letterbox.image_to_map(box.reshape(2, 2))
    np.testing.assert_allclose(letterbox.image_to_map(box), corners.ravel())


@given(images, inputs)
def test_the_whole_image_fits_and_touches_two_edges(image_size, input_size):
    letterbox = Letterbox.contain(image_size, input_size)
    height, width = image_size
    corners = letterbox.image_to_input(np.array([[0.0, 0.0], [width, height]]))
    limit = np.array(input_size[::-1], float)
    assert (corners > -1e-6).all() and (corners < limit + 1e-6).all()
    np.testing.assert_array_equal(corners[0], corners[0].round())
    more_behind = limit - corners[1] - corners[0]
    assert (more_behind > -1e-6).all() and (more_behind < 2 + 1e-6).all()
    np.testing.assert_allclose((corners[1] - corners[0] - limit).max(), 0, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.integers(1, 200)] * 2), inputs, st.integers(0, 2**16))
def test_what_is_shown_whole_lies_where_the_warp_would_put_it(image_size, input_size, seed):
    letterbox = Letterbox.contain(image_size, input_size)
    image = np.random.default_rng(seed).integers(0, 256, (*image_size, 3), np.uint8)
    image = cv2.blur(image, (5, 5))
    # So far off a whole pixel that it takes the other way, and that nobody sees it.
    moved = replace(letterbox, offset_x=letterbox.offset_x + 1e-9)
    seen, expected = letterbox.warp(image).astype(int), moved.warp(image).astype(int)
    first = letterbox.image_to_input(np.zeros(2))
    last = letterbox.image_to_input(np.array(image_size[::-1], float))
    x, y = (
        slice(int(a) + 1 + ceil(letterbox.scale), int(b) - 1 - ceil(letterbox.scale))
        for a, b in zip(first, last, strict=True)
    )
    assert np.abs(seen[y, x] - expected[y, x]).max(initial=0) <= 2


def test_the_floating_type_is_kept():
    assert KITTI.image_to_map(np.zeros((3, 4), np.float32)).dtype == np.float32
    assert KITTI.map_to_image(np.zeros((3, 2))).dtype == np.float64


@pytest.mark.parametrize("image_size", [(375, 1242), (96, 160), (1001, 1999), (37, 123)])
def test_pixels_go_where_points_go(image_size):
    """The image shows its own coordinates, so that each input pixel must show where it is from."""
    letterbox = Letterbox.contain(image_size, (192, 320))
    height, width = image_size
    y, x = np.indices(image_size)
    image = np.zeros((*image_size, 3), np.uint8)
    image[..., 0] = (x + 0.5) * 255 / width
    image[..., 1] = (y + 0.5) * 255 / height
    image[..., 2] = 255
    seen = letterbox.warp(image)
    assert seen.shape == (192, 320, 3) and seen.dtype == np.uint8

    y, x = np.indices((192, 320))
    from_x, from_y = np.moveaxis(letterbox.input_to_image(np.stack([x + 0.5, y + 0.5], -1)), -1, 0)
    margin = 1 + 1 / letterbox.scale
    inside = (np.abs(from_x - width / 2) < width / 2 - margin) & (
        np.abs(from_y - height / 2) < height / 2 - margin
    )
    assert inside.mean() > 0.4
    assert (seen[inside][:, 2] == 255).all()
    # A grey level is cut off in the image and rounded in the warp.
    np.testing.assert_allclose(seen[inside][:, 0], from_x[inside] * 255 / width - 0.5, atol=1.2)
    np.testing.assert_allclose(seen[inside][:, 1], from_y[inside] * 255 / height - 0.5, atol=1.2)
    outside = (np.abs(from_x - width / 2) > width / 2 + margin) | (
        np.abs(from_y - height / 2) > height / 2 + margin
    )
    assert (seen[outside] == 0).all()


def test_fine_detail_is_averaged_not_skipped():
    image = np.zeros((512, 1024, 3), np.uint8)
    image[:, ::8] = 255
    seen = Letterbox.contain((512, 1024), (64, 128)).warp(image)
    np.testing.assert_allclose(seen, 255 / 8, atol=2)


def test_the_longer_side_fits_as_in_the_reference():
    """The reference maps pixel indices, not centres: half a pixel grows by the scale."""
    matrix = np.load(parity("preprocess.npz"))["trans_input"]
    letterbox = Letterbox.longer_side((375, 1242), (384, 1280))
    indices = np.array([[0.0, 0.0], [1241.0, 0.0], [600.0, 374.0]])
    expected = indices @ matrix[:, :2].T + matrix[:, 2]
    off = letterbox.image_to_input(indices + 0.5) - 0.5 - expected
    np.testing.assert_allclose(off, (1280 / 1242 - 1) / 2, atol=1e-4)


def test_the_warp_equals_the_reference():
    """The reference fits the width and cuts a pixel; it maps pixel indices, not centres."""
    reference = np.load(parity("preprocess.npz"))
    matrix = reference["trans_input"]
    scale, half_pixel = matrix[0, 0], 0.5 * matrix[0, 0] - 0.5
    letterbox = Letterbox(
        (375, 1242), (384, 1280), scale, matrix[0, 2] - half_pixel, matrix[1, 2] - half_pixel
    )
    image = np.random.Generator(np.random.PCG64(375)).integers(0, 256, (375, 1242, 3), np.uint8)
    seen = letterbox.warp(image).transpose(2, 0, 1)
    mean = np.array([0.40789654, 0.44719302, 0.47026115]).reshape(3, 1, 1)
    std = np.array([0.28863828, 0.27408164, 0.27809835]).reshape(3, 1, 1)
    version = "cv500" if int(cv2.__version__.split(".")[0]) >= 5 else "cv412"
    tensor = ((seen / 255 - mean) / std).ravel()[reference["noise.idx"]]
    np.testing.assert_allclose(tensor, reference[f"{version}.noise.val"], atol=0.03)


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="positive"):
        Letterbox.contain((0, 10), (32, 32))
    with pytest.raises(ValueError, match="multiple of 4"):
        Letterbox.contain((10, 10), (32, 30))
    with pytest.raises(ValueError, match=r"expected an image of \(375, 1242\), not \(374, 1242\)"):
        KITTI.warp(np.zeros((374, 1242, 3), np.uint8))
