import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mots_ros.core import boxes

box = st.tuples(
    st.floats(-50, 500), st.floats(-50, 500), st.floats(0.5, 300), st.floats(0.5, 300)
).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
several = st.lists(box, min_size=1, max_size=6).map(np.array)


def test_iou_by_hand():
    a = np.array([[0, 0, 2, 2], [0, 0, 1, 1]], np.float32)
    b = np.array([[1, 1, 3, 3], [0, 0, 2, 2], [5, 5, 6, 6]], np.float32)
    np.testing.assert_allclose(boxes.iou(a, b), [[1 / 7, 1, 0], [0, 1 / 4, 0]], rtol=1e-6)


def test_iom_by_hand():
    a = np.array([[0, 0, 2, 2], [0, 0, 1, 1], [1, 1, 1, 9]], np.float32)
    b = np.array([[1, 1, 3, 3], [0, 0, 2, 2], [1, 0, 9, 9]], np.float32)
    np.testing.assert_allclose(boxes.iom(a, b), [[1 / 4, 1, 1 / 2], [0, 1, 0], [0, 0, 0]])


def test_boxes_that_touch_or_have_no_area_do_not_overlap():
    a = np.array([[0.0, 0, 1, 1], [3, 3, 3, 3], [2, 2, 1, 1]])
    b = np.array([[1.0, 0, 2, 1], [3, 3, 3, 3], [0, 0, 9, 9]])
    expected = np.array([[0, 0, 1 / 81], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(boxes.iou(a, b), expected)


def test_no_boxes():
    none, one = np.zeros((0, 4), np.float32), np.ones((1, 4), np.float32)
    assert boxes.iou(none, one).shape == (0, 1)
    assert boxes.iou(one, none).shape == (1, 0)
    assert boxes.area(none).shape == (0,)


@given(several, st.data(), st.floats(0, 1))
def test_the_strongest_remain_as_one_by_one(a, data, overlap):
    scores, labels = (
        np.array(data.draw(st.lists(values, min_size=len(a), max_size=len(a))))
        for values in (st.sampled_from([0.3, 0.5, 0.9]), st.integers(0, 1))
    )
    remain: list[int] = []
    for index in sorted(range(len(a)), key=lambda index: -scores[index]):
        rivals = [other for other in remain if labels[other] == labels[index]]
        if not (boxes.iou(a[index : index + 1], a[rivals]) > overlap).any():
            remain.append(index)
    assert np.flatnonzero(boxes.strongest(a, scores, labels, overlap)).tolist() == sorted(remain)


@given(several, several)
def test_iou_is_symmetric_and_a_fraction(a, b):
    overlap = boxes.iou(a, b)
    np.testing.assert_array_equal(overlap, boxes.iou(b, a).T)
    assert (overlap >= 0).all() and (overlap <= 1 + 1e-9).all()
    np.testing.assert_allclose(np.diag(boxes.iou(a, a)), 1)


@given(several, st.floats(-100, 100), st.floats(0.1, 10))
def test_iou_ignores_shift_and_scale(a, shift, scale):
    np.testing.assert_allclose(
        boxes.iou((a + shift) * scale, (a + shift) * scale), boxes.iou(a, a), atol=1e-6
    )


@given(several)
def test_clipping_keeps_what_lies_inside(a):
    clipped = boxes.clip(a, (100, 200))
    assert (clipped >= 0).all()
    assert (clipped <= [200, 100, 200, 100]).all()
    np.testing.assert_array_equal(boxes.clip(clipped, (100, 200)), clipped)
    image = np.array([[0.0, 0, 200, 100]])
    common = boxes.area(clipped)
    union = boxes.area(a) + 200 * 100 - common
    np.testing.assert_allclose(boxes.iou(a, image)[:, 0], common / union, atol=1e-9)


def test_centre_area_and_aspect_by_hand():
    np.testing.assert_allclose(boxes.to_cxsr(np.array([10.0, 20, 14, 28])), [12, 24, 32, 0.5])


@given(several.map(lambda b: b + np.array([0, 0, 1, 1])))
def test_centre_area_and_aspect_describe_the_box(a):
    np.testing.assert_allclose(boxes.from_cxsr(boxes.to_cxsr(a)), a, atol=1e-6)


def test_thin_boxes_measure_one_pixel():
    np.testing.assert_allclose(boxes.to_cxsr(np.array([5.0, 5, 5, 9])), [5, 7, 4, 0.25])


def test_an_area_that_is_not_positive_leaves_the_centre():
    states = np.array([[5.0, 7, -4, 2], [5, 7, 4, -2], [5, 7, 0, 0]])
    np.testing.assert_array_equal(boxes.from_cxsr(states), np.tile([5.0, 7, 5, 7], (3, 1)))
