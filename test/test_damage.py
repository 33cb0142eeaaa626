"""Damage is of the stated amount, leaves valid annotations, and repeats itself exactly."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shared
from box_worlds import Rectangles, annotation
from mots_ros.data import kitti_mots
from mots_ros.data.kitti_mots import IGNORE_CLASS, IGNORE_ID, Annotation
from mots_ros.data.rle import box_of, decode
from mots_ros.evaluation.damage import add_false_alarms, jitter, miss

SIZE = (60, 120)
REGION = (100, 0, 120, 30)


@st.composite
def streets(draw: st.DrawFn) -> Annotation:
    """Up to four objects, some of which hide each other or touch the border, and a region."""
    frames: list[Rectangles] = []
    for _ in range(draw(st.integers(1, 3))):
        frame = {IGNORE_ID: REGION}
        for object_id in draw(st.sets(st.sampled_from([1000, 1001, 2000, 2999]))):
            x, y = draw(st.integers(0, 110)), draw(st.integers(0, 50))
            frame[object_id] = (x, y, x + draw(st.integers(1, 40)), y + draw(st.integers(1, 30)))
        frames.append(frame)
    return annotation(SIZE, frames)


def parade(length: int, objects: int = 4) -> Annotation:
    """Cars side by side, in every frame at the same places."""
    cars = {1001 + i: (4 + 30 * i, 20, 24 + 30 * i, 32) for i in range(objects)}
    return annotation(SIZE, [cars] * length)


def check(damaged: Annotation, original: Annotation) -> None:
    """The damaged annotation is one that can be written and read, and its regions are untouched."""
    assert damaged.size == original.size
    for objects in damaged.frames.values():
        covered = np.sum([decode(item.rle, SIZE) for item in objects], axis=0)
        assert covered.max() == 1
        assert all(decode(item.rle, SIZE).any() for item in objects)
        ids = [item.object_id for item in objects]
        assert len(set(ids)) == len(ids)
        assert all(kitti_mots.class_of(item.object_id) == item.class_id for item in objects)
    assert regions(damaged) == regions(original)


def regions(street: Annotation) -> list[tuple[int, bytes]]:
    return [
        (frame, item.rle)
        for frame, objects in street.frames.items()
        for item in objects
        if item.class_id == IGNORE_CLASS
    ]


def count(street: Annotation) -> int:
    return sum(item.class_id != IGNORE_CLASS for found in street.frames.values() for item in found)


@given(street=streets(), seed=st.integers(0, 5))
def test_no_damage_changes_nothing(street: Annotation, seed: int) -> None:
    assert miss(street, 0, seed) == street
    assert miss(street, 0, seed, burst=7) == street
    assert jitter(street, 0, seed) == street
    assert add_false_alarms(street, 0, 3, seed) == street


@given(
    street=streets(),
    seed=st.integers(0, 5),
    rate=st.floats(0, 1),
    fraction=st.floats(0, 0.5),
    alarms=st.floats(0, 5),
)
def test_damage_leaves_valid_annotations_and_repeats_itself(
    street: Annotation, seed: int, rate: float, fraction: float, alarms: float
) -> None:
    for damaged, again in (
        (miss(street, rate, seed, 3), miss(street, rate, seed, 3)),
        (jitter(street, fraction, seed), jitter(street, fraction, seed)),
        (add_false_alarms(street, alarms, 4, seed), add_false_alarms(street, alarms, 4, seed)),
    ):
        check(damaged, street)
        assert damaged == again


@pytest.mark.parametrize("burst", [1, 5])
def test_misses_lose_their_share_and_nothing_but_that(burst: int) -> None:
    street = parade(length=500)
    assert miss(street, 1, 0, burst).frames == {}
    less, more = miss(street, 0.2, 0, burst), miss(street, 0.5, 0, burst)
    deviation = np.sqrt(2000 * 0.2 * 0.8 * burst)
    assert count(less) == pytest.approx(1600, abs=3 * deviation)
    assert count(more) == pytest.approx(1000, abs=3 * deviation)
    for frame, objects in more.frames.items():
        assert set(objects) <= set(less.frames[frame]) <= set(street.frames[frame])
    assert miss(street, 0.2, 1, burst) != less


def test_bursts_lose_an_object_for_whole_stretches() -> None:
    damaged = miss(parade(length=600, objects=1), 0.3, 0, burst=10)
    seen = np.isin(np.arange(600), list(damaged.frames))
    ends = np.flatnonzero(np.diff(seen.astype(int))) + 1
    assert len(ends) > 10
    assert set(np.diff(ends) % 10) == {0}


def test_regions_are_never_lost() -> None:
    street = annotation(SIZE, [{1001: (4, 20, 24, 32), IGNORE_ID: REGION}])
    assert [item.object_id for item in miss(street, 1, 0).frames[0]] == [IGNORE_ID]


def test_jitter_stays_within_its_fraction_and_uses_it() -> None:
    """Cars of 20 x 12 pixels: 10 % shifts by 2 and 1.2, scales by 0.1, moves the outline by 0.3."""
    boxes = np.array(
        [
            box_of(objects[0].rle, SIZE)
            for objects in jitter(parade(400, objects=1), 0.1, 0).frames.values()
        ]
    )
    moves = boxes - (4, 20, 24, 32)
    assert np.abs(moves).max(axis=0) == pytest.approx([3, 2, 3, 2])
    assert np.abs(moves.mean(axis=0)).max() < 0.3
    widths = boxes[:, 2] - boxes[:, 0]
    assert (widths.min(), widths.max()) == (18, 22)


def test_jitter_erodes_and_dilates() -> None:
    """A quarter of the shorter side, 12 pixels, is 3: half of it moves the outline by 1."""
    jittered = jitter(parade(400, objects=1), 0.5, 0)
    areas = {
        int(decode(objects[0].rle, SIZE).sum()) - width * height
        for objects in jittered.frames.values()
        for left, top, right, bottom in [box_of(objects[0].rle, SIZE) or (0, 0, 0, 0)]
        for width, height in [(right - left, bottom - top)]
    }
    assert 0 in areas  # an eroded rectangle is one
    assert min(areas) < 0  # a dilated one has round corners


def test_false_alarms_come_at_their_rate_beside_what_is_there() -> None:
    street = parade(length=100, objects=2)
    damaged = add_false_alarms(street, 0.5, 400, 0)
    added = count(damaged) - count(street)
    assert added == pytest.approx(200, abs=3 * np.sqrt(200))
    heights, ids = set(), []
    for frame, objects in damaged.frames.items():
        alarms = [item for item in objects if item not in street.frames.get(frame, ())]
        for item in alarms:
            left, top, right, bottom = box_of(item.rle, SIZE) or (0, 0, 0, 0)
            assert (right - left, bottom - top) == (20, 12)
            heights.add(top)
            ids.append(item.object_id)
    assert heights == {19, 20, 21}
    assert len(set(ids)) == len(ids) and not {1001, 1002} & set(ids)


def test_without_room_there_are_no_false_alarms() -> None:
    full = annotation(SIZE, [{1001: (0, 0, 120, 60)}])
    assert add_false_alarms(full, 5, 1, 0) == full
    nothing = Annotation(SIZE, {})
    assert add_false_alarms(nothing, 5, 1, 0) == nothing


def test_values_out_of_range_are_refused() -> None:
    street = parade(length=1)
    for rate in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="misses from 0 to 1, found"):
            miss(street, rate, 0)
    with pytest.raises(ValueError, match="bursts of at least 1 frame, found 0"):
        miss(street, 0.1, 0, burst=0)
    for fraction in (-0.1, 0.6, float("nan")):
        with pytest.raises(ValueError, match="jitter from 0 to 0.5, found"):
            jitter(street, fraction, 0)
    for rate in (-1, float("nan")):
        with pytest.raises(ValueError, match="at least 0 false alarms per frame, found"):
            add_false_alarms(street, rate, 1, 0)


def test_a_damaged_recording_can_be_read_again(tmp_path: Path) -> None:
    truth = kitti_mots.read(shared.data("kitti_mots") / "instances_txt" / "0012.txt")
    damaged = add_false_alarms(jitter(miss(truth, 0.2, 0), 0.1, 0), 0.5, 78, 0)
    assert damaged != truth
    kitti_mots.write(tmp_path / "0012.txt", damaged)
    assert kitti_mots.read(tmp_path / "0012.txt") == damaged
