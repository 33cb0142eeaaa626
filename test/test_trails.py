"""Trails: the last foot points of what is tracked."""

import numpy as np

from box_worlds import tracked_frame
from mots_ros.evaluation.overlay import draw
from mots_ros.evaluation.palette import colour_of
from mots_ros.evaluation.trails import LENGTH, Trails

SIZE = (60, 200)


def moving(trails: Trails, frames: range) -> None:
    for t in frames:
        trails.add(tracked_frame(SIZE, {4: (t, 10, t + 10, 30)}))


def test_a_trail_is_the_middle_of_the_lower_edge() -> None:
    trails = Trails()
    moving(trails, range(1))
    assert trails.lines() == {}
    moving(trails, range(1, 3))
    np.testing.assert_array_equal(trails.lines()[4], [[5, 30], [6, 30], [7, 30]])


def test_trails_are_short_and_forget_who_left() -> None:
    trails = Trails()
    moving(trails, range(100))
    assert len(trails.lines()[4]) == LENGTH
    for _ in range(LENGTH - 2):
        trails.add(tracked_frame(SIZE, {}))
    assert len(trails.lines()[4]) == 2
    for _ in range(2):
        trails.add(tracked_frame(SIZE, {}))
    assert trails.lines() == {} and not trails._points
    moving(trails, range(2))
    trails.clear()
    assert trails.lines() == {}


def test_the_overlay_shows_them() -> None:
    trails = Trails()
    moving(trails, range(20))
    grey = np.full((*SIZE, 3), 120, np.uint8)
    tracked = tracked_frame(SIZE, {4: (150, 10, 160, 30)})
    drawn = draw(grey, tracked, ("car",), trails=trails)
    assert tuple(drawn[30, 15]) == colour_of(4)
    assert (draw(grey, tracked, ("car",))[30, 15] == 120).all()
