"""Drives painted over annotations, on small annotations made here and on a real one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mots_ros.core.types import LabelImage
from mots_ros.data import kitti_mots
from mots_ros.data.drives import AnnotatedFrame
from mots_ros.data.kitti_mots import IGNORE_ID, Annotation, AnnotationError
from mots_ros.data.replica import ReplicaDrive
from mots_ros.data.replica.trajectory import trajectories

SIZE = (120, 320)
CAR, OTHER_CAR, PERSON = 1001, 1002, 2001
LAST_ANNOTATED = 9
EMPTY_FRAME = 4
SHARED = Path(os.environ.get("MOTS_SHARED", Path(__file__).parents[1].parent / "shared"))


def scene(frame: int) -> LabelImage:
    """Two cars, one of them leaving to the left, a person between them and an ignore region."""
    instances = np.zeros(SIZE, np.uint16)
    if frame == EMPTY_FRAME:
        return instances
    instances[50:70, 150:190] = IGNORE_ID
    instances[60:100, 200 + frame : 260 + frame] = OTHER_CAR
    instances[58:112, max(40 - 10 * frame, 0) : 130 - 10 * frame] = CAR
    instances[45:95, 140 + 4 * frame : 155 + 4 * frame] = PERSON
    return instances


def annotation_of(maps: list[LabelImage]) -> Annotation:
    frames = {k: kitti_mots.objects_of(instances) for k, instances in enumerate(maps)}
    return Annotation(maps[0].shape, {k: objects for k, objects in frames.items() if objects})


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("instances_txt") / "0042.txt"
    kitti_mots.write(path, annotation_of([scene(k) for k in range(LAST_ANNOTATED + 1)]))
    return path


@pytest.fixture(scope="module")
def drive(path: Path) -> ReplicaDrive:
    return ReplicaDrive(path, seed=3)


@pytest.fixture(scope="module")
def longer(path: Path) -> ReplicaDrive:
    return ReplicaDrive(path, seed=4, rate=5.0, length=LAST_ANNOTATED + 3)


@pytest.fixture(scope="module")
def frames(drive: ReplicaDrive) -> list[AnnotatedFrame]:
    return list(drive)


def test_frames_are_as_many_as_large_and_as_far_apart_as_said(
    drive: ReplicaDrive, frames: list[AnnotatedFrame]
) -> None:
    assert len(drive) == len(frames) == LAST_ANNOTATED + 1
    assert drive.class_names == ("car", "pedestrian")
    assert "0042" in drive.name
    assert all(item.frame.image.shape == (*SIZE, 3) for item in frames)
    assert all(item.frame.image.dtype == np.uint8 for item in frames)
    assert [item.frame.stamp_ns for item in frames] == [k * 100_000_000 for k in range(10)]


def test_instances_are_exactly_those_of_the_annotation(frames: list[AnnotatedFrame]) -> None:
    for k, item in enumerate(frames):
        np.testing.assert_array_equal(item.instances, scene(k))


def test_same_seed_repeats_and_another_seed_does_not(
    path: Path, drive: ReplicaDrive, frames: list[AnnotatedFrame], longer: ReplicaDrive
) -> None:
    again = ReplicaDrive(path, seed=3)
    for k in (7, 2):
        np.testing.assert_array_equal(again.frame(k).frame.image, frames[k].frame.image)
    np.testing.assert_array_equal(drive.frame(5).frame.image, frames[5].frame.image)
    other = longer.frame(0).frame.image.astype(int)
    assert np.abs(other - frames[0].frame.image).mean() > 5


def test_objects_keep_their_colours_and_differ_from_each_other(
    frames: list[AnnotatedFrame],
) -> None:
    def mean_colours(object_id: int) -> np.ndarray:
        # Until the first car begins to leave; colours change as less of it is seen.
        return np.array(
            [
                item.frame.image[item.instances == object_id].mean(axis=0)
                for item in frames[:EMPTY_FRAME]
            ]
        )

    colours = {object_id: mean_colours(object_id) for object_id in (CAR, OTHER_CAR, PERSON)}
    for object_id, own in colours.items():
        change = np.linalg.norm(own - own.mean(axis=0), axis=1).max()
        assert change < 6
        for other_id, other in colours.items():
            if other_id != object_id:
                assert np.linalg.norm(own.mean(axis=0) - other.mean(axis=0)) > 2 * change


def test_appearances_move_with_their_object(frames: list[AnnotatedFrame]) -> None:
    """The person's picture repeats 4 pixels further right, much better than in place."""
    before, after = (frames[k].frame.image.astype(float) for k in (1, 2))
    rows = slice(50, 90)
    picture = before[rows, 146:157]
    moved = np.abs(after[rows, 150:161] - picture).mean()
    still = np.abs(after[rows, 146:157] - picture).mean()
    assert moved < 0.6 * still


def test_frames_beyond_the_annotation_show_the_empty_street(longer: ReplicaDrive) -> None:
    last = longer.frame(LAST_ANNOTATED + 2)
    assert len(longer) == LAST_ANNOTATED + 3
    assert not last.instances.any()
    assert last.frame.image.std() > 5
    assert last.frame.stamp_ns == 11 * 200_000_000
    with pytest.raises(IndexError, match="from 0 to 11"):
        longer.frame(LAST_ANNOTATED + 3)


def test_whole_extent_is_known_beyond_the_border() -> None:
    """A car of 90 pixels leaves to the left by 10 pixels a frame."""
    annotation = annotation_of([scene(k) for k in range(LAST_ANNOTATED + 1)])
    boxes = trajectories(annotation, LAST_ANNOTATED + 1)[CAR].boxes
    assert boxes[:, 2] - boxes[:, 0] == pytest.approx(90, abs=12)
    assert boxes[-1, 0] < -35


def test_whole_extent_is_known_behind_a_nearer_object() -> None:
    """A standing car's box stays while a nearer one hides more and more of its right half."""

    def hidden(frame: int) -> LabelImage:
        instances = np.zeros(SIZE, np.uint16)
        instances[40:80, 100:180] = CAR
        instances[50:110, 220 - 12 * frame : 300 - 12 * frame] = OTHER_CAR
        return instances

    annotation = annotation_of([hidden(k) for k in range(9)])
    boxes = trajectories(annotation, 9)[CAR].boxes
    np.testing.assert_allclose(boxes, np.tile([100, 40, 180, 80], (9, 1)), atol=2)


def test_trajectory_spans_frames_in_which_the_object_is_not_seen() -> None:
    annotation = annotation_of([scene(k) for k in range(LAST_ANNOTATED + 1)])
    person = trajectories(annotation, LAST_ANNOTATED + 1)[PERSON]
    expected = [140 + 4 * EMPTY_FRAME, 45, 155 + 4 * EMPTY_FRAME, 95]
    np.testing.assert_allclose(person.box(EMPTY_FRAME), expected, atol=2)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_single_sighting_is_its_tight_box(data: st.DataObject) -> None:
    x1, x2 = sorted(data.draw(st.lists(st.integers(0, 40), min_size=2, max_size=2, unique=True)))
    y1, y2 = sorted(data.draw(st.lists(st.integers(0, 30), min_size=2, max_size=2, unique=True)))
    instances = np.zeros((30, 40), np.uint16)
    instances[y1:y2, x1:x2] = CAR
    box = trajectories(annotation_of([instances]), 1)[CAR].boxes[0]
    middle, extent = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    np.testing.assert_allclose(middle, [(x1 + x2) / 2, (y1 + y2) / 2])
    np.testing.assert_allclose(extent, [max(x2 - x1, 3), max(y2 - y1, 3)])


def test_unusable_arguments_are_refused(path: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.txt"
    broken.write_text("0 1001 1 10 10 not/an/rle\n")
    with pytest.raises(AnnotationError, match=r"broken\.txt:1"):
        ReplicaDrive(broken)
    with pytest.raises(AnnotationError, match="cannot read"):
        ReplicaDrive(tmp_path / "missing.txt")
    with pytest.raises(ValueError, match="rate above 0"):
        ReplicaDrive(path, rate=0.0)
    with pytest.raises(ValueError, match="length of at least 1"):
        ReplicaDrive(path, length=0)


def test_a_recorded_annotation_is_painted_over() -> None:
    recorded = SHARED / "data" / "kitti_mots" / "instances_txt" / "0012.txt"
    if not recorded.exists():
        pytest.skip(f"{recorded} is missing; set MOTS_SHARED to the folder that has data/")
    drive = ReplicaDrive(recorded, seed=1)
    annotation = kitti_mots.read(recorded)
    assert len(drive) == max(annotation.frames) + 1
    for k in (0, len(drive) // 2, len(drive) - 1):
        item = drive.frame(k)
        assert item.frame.size == annotation.size
        np.testing.assert_array_equal(item.instances, annotation.instances(k))
