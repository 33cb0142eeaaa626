"""Training targets, computed by hand."""

import numpy as np
import pytest

from mots_ros.training.targets import draw_peak, frame_targets


def test_frame_targets_by_hand() -> None:
    instances = np.zeros((32, 64), np.uint16)
    instances[4:20, 8:24] = 1003
    instances[8:24, 40:50] = 2001
    instances[0:4, 60:64] = 2002  # 16 pixels: too small
    instances[26:30, 30:34] = 2003  # as small, on the corner of four cells
    instances[28:32, 0:8] = 10000
    targets = frame_targets(instances, (True, True), min_area=24)
    assert targets.ids.tolist() == [1003, 2001]
    assert targets.labels.tolist() == [0, 1]
    np.testing.assert_array_equal(targets.centres, [[4, 3], [11.25, 4]])
    np.testing.assert_array_equal(targets.sizes, [[4, 4], [2.5, 4]])
    np.testing.assert_array_equal(targets.pixels, [[4, 3], [11, 4]])
    assert targets.heat[0, 3, 4] == 1 and targets.heat[1, 4, 11] == 1
    assert (targets.heat == 1).sum() == 2
    for weight in targets.heat_weight:
        assert weight[7, 0] == 0 and weight[0, 15] == 0
        assert (weight[6:8, 7:9] == 0).all()
        assert weight.sum() == 8 * 16 - 7
    np.testing.assert_array_equal(targets.masks[1], instances == 2001)
    assert targets.semantic.sum(axis=(1, 2)).tolist() == [16, 10]
    assert targets.semantic[1, 4, 12] == 0.5


def test_nothing_is_learnt_of_a_class_that_is_not_annotated() -> None:
    instances = np.zeros((32, 64), np.uint16)
    instances[8:24, 40:50] = 2001
    targets = frame_targets(instances, (False, True), min_area=24)
    assert (targets.heat_weight[0] == 0).all() and (targets.heat_weight[1] == 1).all()


def test_no_objects() -> None:
    targets = frame_targets(np.zeros((32, 64), np.uint16), (True, True), 24)
    assert targets.masks.shape == (0, 32, 64)
    assert targets.pixels.shape == (0, 2)
    assert (targets.heat_weight == 1).all()


def test_a_peak_has_the_proportions_of_its_box() -> None:
    heat = np.zeros((7, 9), np.float32)
    draw_peak(heat, np.array([4, 3]), np.array([12.5, 25]))  # 0.08 of which are 1 and 2
    assert heat[3, 4] == 1
    assert heat[3, 5] == heat[3, 3] == heat[5, 4] == heat[1, 4] == pytest.approx(np.exp(-1 / 2))
    assert heat[5, 5] == pytest.approx(np.exp(-1))


def test_people_side_by_side_keep_their_peaks() -> None:
    heat = np.zeros((7, 9), np.float32)
    for x in (3, 5):
        draw_peak(heat, np.array([x, 3]), np.array([5, 12]))
    assert heat[3, 3] == heat[3, 5] == 1
    assert heat[3, 4] == pytest.approx(np.exp(-1 / (2 * 0.45**2)))


def test_a_peak_at_the_edge() -> None:
    heat = np.zeros((4, 5), np.float32)
    draw_peak(heat, np.array([0, 3]), np.array([1, 1]))
    assert heat[3, 0] == 1
    assert heat[3, 1] == heat[2, 0] == pytest.approx(np.exp(-1 / (2 * 0.45**2)))
    assert heat[3, 3] < 1e-8
