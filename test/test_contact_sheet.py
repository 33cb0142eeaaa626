"""The contact sheet: which frames it shows and what it paints."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from box_worlds import annotation, paint, tracked_frame
from mots_ros.evaluation.contact_sheet import Tile, choose_frames, compose, missed_objects
from mots_ros.evaluation.matching import FrameMatches
from mots_ros.evaluation.palette import colour_of

NONE = FrameMatches({}, (), ())


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(4, 20))
def test_as_many_frames_as_there_is_room_for(counts, tiles):
    chosen = choose_frames(counts, tiles=tiles)
    assert list(chosen) == sorted(set(chosen))
    assert set(chosen) <= set(range(len(counts)))
    assert {0, len(counts) - 1} <= set(chosen)
    assert len(chosen) == min(tiles, len(counts))


def test_quiet_drives_are_shown_evenly():
    steps = np.diff(list(choose_frames([0] * 150)))
    assert len(steps) == 11
    assert steps.max() - steps.min() <= 1


def test_the_fullest_frame_is_shown():
    counts = [1] * 100
    counts[37] = 5
    assert choose_frames(counts)[37] == "most objects (5)"


def test_misses_and_switches_are_shown():
    matches = [NONE] * 100
    matches[11] = FrameMatches({}, (1001, 2001), ())
    matches[20] = FrameMatches({2003: 2001}, (), ())
    matches[53] = FrameMatches({2003: 2002}, (), ())
    chosen = choose_frames([0] * 100, matches, {2001: 40, 2002: 41})
    assert chosen[11] == "most misses (2)"
    assert chosen[53] == "id switch pedestrian 3: 40 -> 41"


def test_events_leave_half_of_the_sheet():
    flicker = [FrameMatches({1001: 1001 + frame % 2}, (), ()) for frame in range(200)]
    chosen = choose_frames([1] * 200, flicker, {1001: 1, 1002: 2}, tiles=12)
    assert len(chosen) == 12
    assert sum(remark != "" for remark in chosen.values()) <= 6


def test_many_switches_in_a_frame_are_cut_short():
    before = FrameMatches({1000 + i: 1000 + i for i in range(5)}, (), ())
    after = FrameMatches({1000 + i: 1100 + i for i in range(5)}, (), ())
    ids = {**{1000 + i: i for i in range(5)}, **{1100 + i: 10 + i for i in range(5)}}
    assert choose_frames([0, 0], [before, after], ids)[1] == (
        "id switch car 0: 0 -> 10, car 1: 1 -> 11, car 2: 2 -> 12 and 2 more"
    )


def test_only_missed_objects_are_outlined():
    truth = annotation((10, 20), [{1001: (0, 0, 5, 5), 2001: (8, 2, 12, 8), 10000: (15, 0, 20, 5)}])
    missed = missed_objects(truth, FrameMatches({1001: 1001}, (2001,), ()), 0)
    assert np.array_equal(missed, paint((10, 20), {2001: (8, 2, 12, 8)}))


@pytest.mark.parametrize("size", [(375, 1242), (360, 480), (1080, 1920), (30, 50)])
def test_tiles_stand_side_by_side_at_a_readable_size(size):
    image = np.full((*size, 3), 90, np.uint8)
    box = (size[1] // 4, size[0] // 4, size[1] // 2, size[0] // 2)
    tiles = [Tile(f"frame {i}", image, tracked_frame(size, {i + 1: box})) for i in range(3)]
    sheet = compose("a drive", tiles, ("car",))
    assert sheet.shape[1] <= 1700
    assert sheet.shape[1] > 2 * min(size[1], 600)
    for row, column, track_id in ((0, 0, 1), (0, 1, 2), (1, 0, 3)):
        quarter = sheet[row * sheet.shape[0] // 2 :, column * sheet.shape[1] // 2 :]
        quarter = quarter[: sheet.shape[0] // 2, : sheet.shape[1] // 2]
        assert (quarter == colour_of(track_id)).all(axis=2).any()


def test_missed_objects_are_outlined_in_white():
    image = np.zeros((100, 200, 3), np.uint8)
    tracked = tracked_frame((100, 200), {})
    missed = paint((100, 200), {2001: (80, 20, 120, 60)})
    plain = compose("a drive", [Tile("frame 0", image, tracked)], ("car",))
    marked = compose("a drive", [Tile("frame 0", image, tracked, missed)], ("car",))
    changed = (plain != marked).any(axis=2)
    assert changed.sum() == 4 * 39
    assert (marked[changed] == 255).all()
