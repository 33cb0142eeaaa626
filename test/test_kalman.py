import numpy as np
import pytest
from filterpy import kalman as filterpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mots_ros.core import kalman
from shared import parity

BOX = np.array([100.0, 50.0, 140.0, 70.0])


@pytest.fixture(scope="module")
def reference():
    return np.load(parity("kalman.npz"))


@pytest.mark.parametrize("sequence", ["A", "B"])
def test_every_step_equals_the_reference(reference, sequence):
    """A has gaps; B shrinks, so that its area velocity is zeroed twice."""
    boxes, observed = reference[f"{sequence}.boxes"], reference[f"{sequence}.observed"]
    mean, covariance = kalman.initiate(boxes[0])
    close = {"rtol": 1e-6, "atol": 1e-6}
    np.testing.assert_allclose(mean, reference[f"{sequence}.x0"], **close)
    np.testing.assert_array_equal(covariance, reference[f"{sequence}.P0"])
    for step in range(30):
        mean, covariance = kalman.predict(mean, covariance, 1.0)
        np.testing.assert_allclose(mean, reference[f"{sequence}.x_pred"][step], **close)
        np.testing.assert_allclose(covariance, reference[f"{sequence}.P_pred"][step], **close)
        box = kalman.box_of(mean)
        np.testing.assert_allclose(box, reference[f"{sequence}.bbox_pred"][step], atol=1e-4)
        if observed[step + 1]:
            mean, covariance = kalman.update(mean, covariance, boxes[step + 1])
        np.testing.assert_allclose(mean, reference[f"{sequence}.x_post"][step], **close)
        np.testing.assert_allclose(covariance, reference[f"{sequence}.P_post"][step], **close)


def test_updates_and_predictions_in_any_order_equal_the_reference(reference):
    boxes = reference["A.boxes"]
    mean, covariance = kalman.initiate(boxes[0])
    for step, operation in enumerate(reference["C.ops"]):
        if operation == "u":
            mean, covariance = kalman.update(mean, covariance, boxes[step + 1])
        else:
            mean, covariance = kalman.predict(mean, covariance, 1.0)
        np.testing.assert_allclose(mean, reference["C.x"][step], rtol=1e-6, atol=1e-6)


def test_a_first_box_is_its_own_state_at_rest():
    mean, _ = kalman.initiate(BOX)
    np.testing.assert_allclose(mean, [120, 60, 800, 2, 0, 0, 0])
    np.testing.assert_allclose(kalman.box_of(mean), BOX)


def test_the_inputs_are_left_alone():
    mean, covariance = kalman.initiate(BOX)
    mean[6] = -1e6
    before = mean.copy(), covariance.copy()
    kalman.predict(mean, covariance, 1.0)
    kalman.update(mean, covariance, BOX)
    np.testing.assert_array_equal(mean, before[0])
    np.testing.assert_array_equal(covariance, before[1])


def test_a_vanishing_area_keeps_still():
    mean, covariance = kalman.initiate(BOX)
    mean[6] = -300.0
    np.testing.assert_allclose(kalman.predict(mean, covariance, 2.0)[0][[2, 6]], [200, -300])
    np.testing.assert_allclose(kalman.predict(mean, covariance, 3.0)[0][[2, 6]], [800, 0])


@given(st.floats(0, 10), st.floats(0, 10))
def test_two_predictions_go_as_far_as_one(first, second):
    mean, covariance = kalman.initiate(BOX)
    mean[4:] = 3.0, -2.0, 5.0
    in_two = kalman.predict(*kalman.predict(mean, covariance, first), second)
    in_one = kalman.predict(mean, covariance, first + second)
    np.testing.assert_allclose(in_two[0], in_one[0])
    np.testing.assert_allclose(in_two[0], mean + (first + second) * np.array([3, -2, 5] + 4 * [0]))


def test_no_time_changes_nothing():
    mean, covariance = kalman.initiate(BOX)
    same = kalman.predict(mean, covariance, 0.0)
    np.testing.assert_array_equal(same[0], mean)
    np.testing.assert_array_equal(same[1], covariance)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=20))
def test_the_covariance_stays_symmetric_and_positive(steps):
    mean, covariance = kalman.initiate(BOX)
    for seen, dt in steps:
        mean, covariance = kalman.predict(mean, covariance, dt)
        if seen:
            mean, covariance = kalman.update(mean, covariance, BOX + dt)
    np.testing.assert_allclose(covariance, covariance.T, rtol=1e-6, atol=1e-6)
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_a_moving_object_is_expected_ahead_of_where_it_was():
    mean, covariance = kalman.initiate(BOX)
    for step in range(1, 10):
        mean, covariance = kalman.predict(mean, covariance, 1.0)
        mean, covariance = kalman.update(mean, covariance, BOX + step * np.array([4, 0, 4, 0]))
    ahead, _ = kalman.predict(mean, covariance, 1.0)
    assert ahead[0] == pytest.approx(120 + 4 * 10, abs=0.5)


def by_filterpy(state, dt, box):
    """One state by the library's filter: predicted, then updated where a box was seen."""
    mean, covariance = state
    if mean[2] + dt * mean[6] <= 0:
        mean[6] = 0
    noise = np.diag([1, 1, 1, 1, 1e-2, 1e-2, 1e-4])
    state = filterpy.predict(mean, covariance, np.eye(7) + dt * np.eye(7, k=4), dt * noise)
    if box is None:
        return state
    width, height = box[2:] - box[:2]
    measured = np.array([box[0] + width / 2, box[1] + height / 2, width * height, width / height])
    return filterpy.update(*state, measured, np.diag([1.0, 1.0, 10.0, 10.0]), np.eye(4, 7))


@given(
    arrays.arrays(np.float64, (3, 4), elements=st.floats(0, 500)),
    st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=10),
)
def test_many_states_at_once_equal_filterpy_one_by_one(corners, steps):
    boxes = np.concatenate([corners[:, :2], corners[:, :2] + 1 + corners[:, 2:]], axis=1)
    together = kalman.initiate(boxes)
    alone = [kalman.initiate(box) for box in boxes]
    for seen, dt in steps:
        moved = boxes + dt * np.array([1, 2, 1, 3])
        together = kalman.predict(*together, dt)
        if seen:
            together = kalman.update(*together, moved)
        alone = [
            by_filterpy(state, dt, box if seen else None)
            for state, box in zip(alone, moved, strict=True)
        ]
    for found, expected in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_more_noise_follows_a_turn_sooner():
    """An object that stood begins to drive: how far behind is each filter three frames later?"""
    behind = []
    for noise in (0.01, 0.1, 10.0):
        mean, covariance = kalman.initiate(BOX)
        for step in range(20):
            mean, covariance = kalman.predict(mean, covariance, 1.0, noise)
            shift = 6.0 * max(0, step - 16)
            mean, covariance = kalman.update(mean, covariance, BOX + np.array([shift, 0, shift, 0]))
        behind.append(120 + 18 - mean[0])
    assert behind[0] > 1.2 * behind[1] > 2 * behind[2] > 0


def test_a_still_size_follows_what_is_seen_and_goes_nowhere():
    """Something hides a half: the area is 800 and then measured as 400, the aspect 2 and then 1."""
    state = kalman.initiate(BOX, kalman.STILL)
    for _ in range(30):
        state = kalman.update(*kalman.predict(*state, 1.0, size=kalman.STILL), BOX)
    seen = kalman.update(*kalman.predict(*state, 1.0, size=kalman.STILL), BOX - [0, 0, 20, 0])
    np.testing.assert_allclose(seen[0][2:4], [800 - 0.6 * 400, 2 - 0.6], rtol=1e-3)
    ahead = kalman.predict(*seen, 5.0, size=kalman.STILL)
    np.testing.assert_allclose(ahead[0][[2, 3, 6]], [*seen[0][2:4], 0])
    back = kalman.update(*ahead, BOX)
    assert back[0][2] > 560 + 0.8 * 240


def test_a_size_that_is_still_from_now_on_has_no_velocity_left():
    mean, covariance = kalman.initiate(BOX)
    mean[6] = 50.0
    mean, covariance = kalman.predict(mean, covariance, 2.0, size=kalman.STILL)
    assert mean[2] == 800 and mean[6] == 0
    assert not covariance[6].any() and not covariance[:, 6].any()


def test_a_growing_size_goes_on():
    state = kalman.initiate(BOX)
    for step in range(10):
        state = kalman.update(*kalman.predict(*state, 1.0), BOX + step * np.array([0, 0, 4, 0]))
    assert kalman.predict(*state, 2.0)[0][2] == pytest.approx((40 + 4 * 11) * 20, rel=0.05)
