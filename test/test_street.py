"""The made-up street: the same bytes for the same seed, and instance maps that are exact."""

from __future__ import annotations

import numpy as np
import pytest

from mots_ros.data.kitti_mots import CLASS_NAMES, IGNORE_ID
from mots_ros.data.street import StreetDrive
from mots_ros.data.street.camera import Camera, clip_near
from mots_ros.data.street.drive import LARGE, SMALLEST
from mots_ros.data.street.ordering import back_to_front
from mots_ros.data.street.pose import Pose
from mots_ros.data.street.scenery import Scenery

SIZE = (188, 621)
DEMO_SEED = 17


@pytest.fixture(scope="module")
def drive() -> StreetDrive:
    return StreetDrive(DEMO_SEED, 160, SIZE)


def test_frames_have_the_contract_s_shapes_and_stamps(drive: StreetDrive) -> None:
    first, second = drive.frame(0), drive.frame(1)
    assert len(drive) == 160
    assert drive.class_names == ("car", "pedestrian")
    assert first.frame.image.shape == (*SIZE, 3) and first.frame.image.dtype == np.uint8
    assert first.instances.shape == SIZE and first.instances.dtype == np.uint16
    assert second.frame.stamp_ns - first.frame.stamp_ns == 100_000_000


def test_iterates_again_from_the_first_frame() -> None:
    drive = StreetDrive(11, 2, SIZE)
    once, again = list(drive), list(drive)
    assert len(once) == len(again) == 2
    for a, b in zip(once, again, strict=True):
        assert np.array_equal(a.frame.image, b.frame.image)
        assert np.array_equal(a.instances, b.instances)


def test_same_seed_same_bytes_and_other_seed_another_street() -> None:
    first, same, other = (StreetDrive(seed, 4, SIZE).frame(3) for seed in (21, 21, 22))
    assert np.array_equal(first.frame.image, same.frame.image)
    assert np.array_equal(first.instances, same.instances)
    assert not np.array_equal(first.frame.image, other.frame.image)


def test_values_are_cars_pedestrians_or_ignore(drive: StreetDrive) -> None:
    values = np.unique(drive.frame(100).instances)
    values = values[(values > 0) & (values != IGNORE_ID)]
    assert set((values // 1000).tolist()) == {1, 2}
    assert (values % 1000 > 0).all()


def test_every_actor_has_a_value_of_its_own(drive: StreetDrive) -> None:
    values = [actor.value for actor in drive._actors]
    assert len(set(values)) == len(values)


def test_instance_map_is_where_the_paint_shows(drive: StreetDrive) -> None:
    """Taking away somebody whom nothing hides changes the picture inside of the mask only."""
    index = 90
    shown = drive.paint(index)
    areas = np.bincount(shown.instances.ravel(), minlength=3000)
    whole = [value for value, painted in shown.painted.items() if areas[value] == painted]
    value = max(whole, key=lambda value: areas[value])
    changed = StreetDrive(DEMO_SEED, 160, SIZE)
    for actor in changed._actors:
        if actor.value == value:
            # Its shadow stays, only the paint is taken away.
            actor.body.paint = lambda *args: None  # type: ignore[method-assign,union-attr]
    without = changed.paint(index)
    differs = (shown.image != without.image).any(axis=2)
    mask = shown.instances == value
    assert differs[mask].mean() > 0.97
    assert not (without.instances == value).any()
    # A soft edge reaches less than one pixel beyond the mask.
    grown = np.zeros_like(mask)
    padded = np.pad(mask, 1)
    for dy in range(3):
        for dx in range(3):
            grown |= padded[dy : dy + SIZE[0], dx : dx + SIZE[1]]
    assert not (differs & ~grown).any()


def test_both_classes_get_fully_hidden_and_come_back(drive: StreetDrive) -> None:
    hidden_in_a_row: dict[int, int] = {}
    returned: set[int] = set()
    for index in range(46, 120, 2):
        canvas = drive.paint(index)
        areas = np.bincount(canvas.instances.ravel(), minlength=3000)
        for value, painted in canvas.painted.items():
            if painted < 60:
                continue
            if areas[value] == 0:
                hidden_in_a_row[value] = hidden_in_a_row.get(value, 0) + 1
            elif areas[value] > 0.5 * painted and value in hidden_in_a_row:
                if hidden_in_a_row[value] >= 2:
                    returned.add(value)
                del hidden_in_a_row[value]
    assert {value // 1000 for value in returned} == {1, 2}


def test_small_things_are_ignored_and_large_things_are_not(drive: StreetDrive) -> None:
    instances = drive.frame(60).instances
    for value in np.unique(instances):
        if 0 < value < IGNORE_ID:
            visible = instances == value
            area, rows = SMALLEST[CLASS_NAMES[value // 1000 - 1]]
            assert visible.sum() >= area
            assert visible.any(axis=1).sum() >= rows or visible.sum() > LARGE
    assert (instances == IGNORE_ID).any()


def test_too_long_a_drive_says_what_runs_out() -> None:
    with pytest.raises(ValueError, match="length >= 1"):
        StreetDrive(1, 0, SIZE)


def test_who_stands_beside_a_bonnet_is_behind_the_car() -> None:
    """The pedestrian's distance is less than the car's middle's, and yet the car hides him."""
    car = np.array([[1.0, 5], [3, 5], [3, 15], [1, 15]])
    person = np.array([[3.2, 8], [3.5, 8], [3.5, 8.3], [3.2, 8.3]])
    eye = np.array([0.0, 0.0])
    assert back_to_front(np.stack([car, person]), eye) == [1, 0]
    assert back_to_front(np.stack([car, person - (3.0, 0)]), eye) == [0, 1]


def test_camera_projects_like_kitti() -> None:
    camera = Camera((375, 1242), np.array([0.0, 1.65, 0.0]))
    assert camera.project(np.array([0.0, 1.65, 10.0])) == pytest.approx((609.6, 172.9))
    assert camera.project(np.array([1.0, 0.65, 10.0])) == pytest.approx((681.75, 245.05))


def test_a_heading_turns_to_the_right() -> None:
    pose = Pose(np.array([10.0, 0, 5]), heading=np.pi / 2, walked=0.0, speed=0.0)
    ahead_and_right_of_it = np.array([[0.0, 1, 2], [3, 0, 0]])
    np.testing.assert_allclose(pose.to_street(ahead_and_right_of_it), [[12, 1, 5], [10, 0, 2]])


def test_clipping_keeps_what_is_in_front() -> None:
    square = np.array([[-1.0, 0, -1], [1, 0, -1], [1, 0, 3], [-1, 0, 3]])
    clipped = clip_near(square, 0.5)
    assert clipped[:, 2].min() == pytest.approx(0.5)
    assert clipped[:, 2].max() == pytest.approx(3.0)


def test_scenery_alone_has_no_instances_and_follows_the_camera() -> None:
    scenery = Scenery(np.random.default_rng(5), SIZE)
    near, far = (Camera(SIZE, np.array([1.8, 1.65, z])) for z in (0.0, 3.0))
    image = scenery.paint(near)
    assert image.shape == (*SIZE, 3) and image.dtype == np.uint8
    assert np.array_equal(image, scenery.paint(near))
    assert not np.array_equal(image, scenery.paint(far))
    assert not scenery.backdrop(near).instances.any()
