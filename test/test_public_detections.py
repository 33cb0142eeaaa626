"""Which detections may start tracks where only a public detector's objects count."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mots_ros.core.public_detections import beside

SQUARES = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [24, 0, 34, 10]], np.float32)


def test_the_closest_that_is_left_is_chosen() -> None:
    public = np.array([[22, 0, 32, 10], [22, 0, 32, 10], [23, 0, 33, 10]], np.float32)
    # Both right squares are 2 away; then 2 and 1; the left one is farther than its side.
    assert beside(public[:1], SQUARES, np.arange(3)).tolist() == [1]
    assert beside(public, SQUARES, np.arange(3)).tolist() == [1, 2]
    assert beside(public, SQUARES, np.array([0, 2])).tolist() == [2]


def test_the_distance_is_compared_with_the_detection_s_area() -> None:
    def chosen(shift: float) -> list[int]:
        public = np.array([[shift, 0, shift + 99, 10]], np.float32) - (44.5, 0, 44.5, 0)
        return beside(public, SQUARES[:1], np.arange(1)).tolist()

    assert chosen(9.9) == [0]
    assert chosen(10.0) == []


@given(st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(0, 6))
def test_each_public_detection_starts_one_track_at_most(seed: int, count: int, found: int) -> None:
    rng = np.random.default_rng(seed)

    def some(n: int) -> np.ndarray:
        corners = rng.uniform(0, 50, (n, 2))
        return np.concatenate([corners, corners + rng.uniform(1, 30, (n, 2))], axis=1)

    unmatched = np.flatnonzero(rng.random(found) < 0.7)
    chosen = beside(some(count), some(found), unmatched).tolist()
    assert len(chosen) <= count
    assert set(chosen) <= set(unmatched.tolist())
    assert chosen == sorted(set(chosen))
