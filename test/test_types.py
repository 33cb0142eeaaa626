from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mots_ros.core.types import Detections, Frame


def detections(count, masks=True):
    numbers = np.arange(count, dtype=np.float32)
    return Detections(
        np.repeat(numbers[:, None], 4, axis=1),
        numbers / 100,
        np.arange(count),
        np.tile(numbers[:, None, None], (1, 2, 3)) if masks else None,
    )


@given(st.integers(0, 8).flatmap(lambda n: st.tuples(st.just(n), st.permutations(range(n)))))
def test_taking_keeps_what_belongs_together(drawn):
    count, order = drawn
    index = np.array(order[: count // 2 + 1], np.int64)
    taken = detections(count).take(index)
    assert len(taken) == len(index)
    np.testing.assert_array_equal(taken.labels, index)
    np.testing.assert_array_equal(taken.boxes[:, 3], index)
    np.testing.assert_allclose(taken.scores * 100, index, rtol=1e-6)
    np.testing.assert_array_equal(taken.masks[:, 1, 2], index)


def test_taking_by_a_condition():
    found = detections(5)
    taken = found.take(found.scores > 0.025)
    assert taken.labels.tolist() == [3, 4]
    assert taken.boxes.dtype == taken.scores.dtype == taken.masks.dtype == np.float32


def test_taking_nothing_keeps_the_shapes():
    taken = detections(3).take(np.zeros(0, np.int64))
    assert len(taken) == 0
    assert taken.boxes.shape == (0, 4) and taken.masks.shape == (0, 2, 3)


def test_detections_without_masks_stay_without():
    assert detections(3, masks=False).take(np.array([1])).masks is None


def test_a_frame_knows_its_height_and_width():
    frame = Frame(0, "camera", np.zeros((375, 1242, 3), np.uint8))
    assert frame.size == (375, 1242)
    with pytest.raises(FrozenInstanceError):
        frame.stamp_ns = 1
