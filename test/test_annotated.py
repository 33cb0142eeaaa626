"""Images and masks come together by their frame numbers, and what does not fit is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection
from pathlib import Path

import cv2
import numpy as np
import pytest

from mots_ros.core.types import Frame
from mots_ros.data.annotated import (
    MaskedDrive,
    bag_drive,
    kitti_mots_drives,
    mots_challenge_drives,
)
from mots_ros.data.bags import write_drive
from mots_ros.data.drives import DriveError
from mots_ros.data.kitti_mots import AnnotationError
from mots_ros.data.rle import encode
from shared import data

SIZE = (4, 6)


def map_of(number: int) -> np.ndarray:
    """A car in the row of the frame's number, and an ignore region on the right."""
    instances = np.zeros(SIZE, np.uint16)
    instances[number % 4, :3] = 1007
    instances[:, 5] = 10000
    return instances


def add_images(folder: Path, numbers: Collection[int], size: tuple[int, int] = SIZE) -> None:
    """Images whose red is their number."""
    folder.mkdir(parents=True)
    for number in numbers:
        bgr = np.full((*size, 3), (1, 2, number), np.uint8)
        assert cv2.imwrite(str(folder / f"{number:06d}.png"), bgr)


def add_text(path: Path, numbers: Collection[int], size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f"{size[0]} {size[1]}"
    lines = []
    for number in numbers:
        instances = cv2.resize(map_of(number), size[::-1], interpolation=cv2.INTER_NEAREST)
        for object_id, class_id in ((1007, 1), (10000, 10)):
            rle = encode(instances == object_id).decode()
            lines.append(f"{number} {object_id} {class_id} {head} {rle}\n")
    path.write_text("".join(lines))


def add_maps(folder: Path, numbers: Collection[int], size: tuple[int, int] = SIZE) -> None:
    folder.mkdir(parents=True)
    for number in numbers:
        instances = cv2.resize(map_of(number), size[::-1], interpolation=cv2.INTER_NEAREST)
        assert cv2.imwrite(str(folder / f"{number:06d}.png"), instances)


def kitti(
    root: Path,
    images: Collection[int],
    annotated: Collection[int],
    form: str = "text",
    size: tuple[int, int] = SIZE,
) -> tuple[Path, Path]:
    """Sequence 0002 and its annotation."""
    add_images(root / "image_02" / "0002", images)
    if form == "text":
        add_text(root / "masks" / "0002.txt", annotated, size)
    else:
        add_maps(root / "masks" / "0002", annotated, size)
    return root / "image_02", root / "masks"


def assert_shows(drive: MaskedDrive, numbers: Collection[int]) -> None:
    assert len(drive) == len(numbers)
    for item, number in zip(drive, numbers, strict=True):
        assert (item.frame.image == (number, 2, 1)).all()
        np.testing.assert_array_equal(item.instances, map_of(number))
        assert item.instances.dtype == np.uint16


FORMS = pytest.mark.parametrize("form", ["text", "maps"])


@FORMS
def test_a_whole_recording(tmp_path: Path, form: str) -> None:
    (drive,) = kitti_mots_drives(*kitti(tmp_path, range(3), range(3), form))
    assert_shows(drive, range(3))
    assert_shows(drive, range(3))
    assert drive.class_names == ("car", "pedestrian")
    assert drive.name.startswith("kitti_mots_0002_")


@FORMS
def test_chosen_frames_have_their_own_masks(tmp_path: Path, form: str) -> None:
    (drive,) = kitti_mots_drives(*kitti(tmp_path, (1, 6, 8), range(10), form))
    assert_shows(drive, (1, 6, 8))
    assert [item.frame.stamp_ns for item in drive] == [100_000_000, 600_000_000, 800_000_000]


def test_a_frame_without_a_line_is_background(tmp_path: Path) -> None:
    (drive,) = kitti_mots_drives(*kitti(tmp_path, range(3), (0, 2)))
    assert [bool(item.instances.any()) for item in drive] == [True, False, True]


def test_sequences_that_have_both_are_found(tmp_path: Path) -> None:
    images, masks = kitti(tmp_path, range(2), range(2))
    add_images(images / "0005", range(2))
    add_maps(masks / "0005", range(2))
    add_images(images / "0006", range(2))
    add_text(masks / "0007.txt", range(2))
    (images / "readme.txt").write_text("x")
    assert [drive.name[:15] for drive in kitti_mots_drives(images, masks)] == [
        "kitti_mots_0002",
        "kitti_mots_0005",
    ]
    (chosen,) = kitti_mots_drives(images, masks, ["0005"])
    assert chosen.name.startswith("kitti_mots_0005_")
    with pytest.raises(DriveError, match="masks: expected an annotation of '0006', found none"):
        kitti_mots_drives(images, masks, ["0006"])
    with pytest.raises(DriveError, match="0007: expected the images of '0007', found nothing"):
        kitti_mots_drives(images, masks, ["0007"])


def test_folders_without_a_sequence_are_refused(tmp_path: Path) -> None:
    images, masks = kitti(tmp_path, range(2), range(2))
    (masks / "0002.txt").rename(masks / "0003.txt")
    with pytest.raises(DriveError, match="image_02: expected at least one sequence .*masks, found"):
        kitti_mots_drives(images, masks)
    with pytest.raises(DriveError, match="absent: expected a folder with .*; found nothing"):
        kitti_mots_drives(tmp_path / "absent", masks)
    with pytest.raises(DriveError, match="0003.txt: expected a folder with .*; found a file"):
        kitti_mots_drives(images, masks / "0003.txt")


@FORMS
def test_masks_of_another_size_are_refused(tmp_path: Path, form: str) -> None:
    (drive,) = kitti_mots_drives(*kitti(tmp_path, range(2), range(2), form, size=(8, 6)))
    with pytest.raises(AnnotationError, match="0002.*: expected masks of 6 x 4 .*, found 6 x 8"):
        list(drive)


@FORMS
@pytest.mark.parametrize(
    ("images", "annotated"),
    [
        (range(3), range(4)),  # the last image is missing
        (range(1, 4), range(3)),  # one counts from 1, the other from 0
        ((1, 6, 8), (2, 3)),  # no image has masks
    ],
)
def test_objects_in_frames_that_do_not_exist_are_refused(
    tmp_path: Path, form: str, images: Collection[int], annotated: Collection[int]
) -> None:
    missing = min(set(annotated) - set(images))
    message = rf"0002.*: expected an annotation of the frames .*; found frame {missing} annotated"
    with pytest.raises(AnnotationError, match=message):
        kitti_mots_drives(*kitti(tmp_path, images, annotated, form))


def test_every_image_needs_its_map(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="0002: expected a map for .*000001.png, found none"):
        kitti_mots_drives(*kitti(tmp_path, range(3), (0, 2), "maps"))


@pytest.mark.parametrize(
    ("instances", "text"),
    [
        (np.zeros(SIZE, np.uint8), "expected a grey PNG of 16 bits, found uint8 (4, 6)"),
        (np.zeros((*SIZE, 3), np.uint16), "expected a grey PNG of 16 bits, found uint16 (4, 6, 3)"),
        (np.full(SIZE, 3001, np.uint16), "expected an object id from 1000 to 2999 or 10000"),
        (np.full(SIZE, 17, np.uint16), "found 17"),
    ],
)
def test_a_map_of_another_format_is_named(tmp_path: Path, instances: np.ndarray, text: str) -> None:
    (drive,) = kitti_mots_drives(*kitti(tmp_path, range(2), range(2), "maps"))
    assert cv2.imwrite(str(tmp_path / "masks" / "0002" / "000001.png"), instances)
    with pytest.raises(AnnotationError) as caught:
        list(drive)
    assert "000001.png: expected" in str(caught.value)
    assert text in str(caught.value)


def test_a_malformed_text_is_named(tmp_path: Path) -> None:
    images, masks = kitti(tmp_path, range(2), range(2))
    (masks / "0002.txt").write_text("0 1001 1 4 6\n")
    with pytest.raises(AnnotationError, match="0002.txt:1: expected 6 fields"):
        kitti_mots_drives(images, masks)


def _move_the_car(root: Path) -> None:
    path = root / "masks" / "0002.txt"
    path.write_text(path.read_text().replace(" 1007 ", " 1008 "))


def _repaint_a_map(root: Path) -> None:
    assert cv2.imwrite(str(root / "masks" / "0002" / "000001.png"), map_of(2))


def _lose_an_image(root: Path) -> None:
    (root / "image_02" / "0002" / "000001.png").unlink()


@pytest.mark.parametrize(
    ("form", "change"),
    [("text", _move_the_car), ("text", _lose_an_image), ("maps", _repaint_a_map)],
)
def test_the_name_tells_the_content(
    tmp_path: Path, form: str, change: Callable[[Path], None]
) -> None:
    images, masks = kitti(tmp_path / "here", range(3), range(3), form)
    (drive,) = kitti_mots_drives(images, masks)
    (copy,) = kitti_mots_drives(*kitti(tmp_path / "there", range(3), range(3), form))
    assert drive.name == copy.name
    change(tmp_path / "here")
    (changed,) = kitti_mots_drives(images, masks)
    assert changed.name != drive.name


def test_frames_of_mots_challenge_count_from_one(tmp_path: Path) -> None:
    for name in ("MOTS20-02", "MOTS20-05"):
        add_images(tmp_path / name / "img1", range(1, 4))
        add_text(tmp_path / name / "gt" / "gt.txt", range(1, 4))
    add_images(tmp_path / "MOTS20-01" / "img1", range(1, 3))
    drives = mots_challenge_drives(tmp_path)
    assert [drive.name[:24] for drive in drives] == [
        "mots_challenge_MOTS20-02",
        "mots_challenge_MOTS20-05",
    ]
    assert_shows(drives[1], range(1, 4))
    assert len(mots_challenge_drives(tmp_path, ["MOTS20-05"])) == 1
    with pytest.raises(DriveError, match="expected an annotation of 'MOTS20-01', found none"):
        mots_challenge_drives(tmp_path, ["MOTS20-01"])
    with pytest.raises(DriveError, match="absent: expected a folder"):
        mots_challenge_drives(tmp_path / "absent")


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    frames = (
        Frame(k * 100_000_000, "camera", np.full((*SIZE, 3), (k, 2, 1), np.uint8)) for k in range(3)
    )
    write_drive(tmp_path / "ride", frames)
    return tmp_path / "ride"


def test_a_bag_counts_its_images(bag: Path, tmp_path: Path) -> None:
    add_text(tmp_path / "ride.txt", range(3))
    drive = bag_drive(bag, tmp_path / "ride.txt")
    assert_shows(drive, range(3))
    assert drive.name.startswith("bag_ride_")
    add_text(tmp_path / "ride.txt", range(2))
    assert bag_drive(bag, tmp_path / "ride.txt").name != drive.name


def test_objects_behind_the_end_of_a_bag_are_refused(bag: Path, tmp_path: Path) -> None:
    add_text(tmp_path / "ride.txt", (0, 3))
    with pytest.raises(AnnotationError, match=r"ride.txt: expected objects in the 3 .* in frame 3"):
        bag_drive(bag, tmp_path / "ride.txt")
    with pytest.raises(AnnotationError, match="absent.txt: cannot read it"):
        bag_drive(bag, tmp_path / "absent.txt")
    with pytest.raises(DriveError, match="expected images on /front"):
        bag_drive(bag, tmp_path / "ride.txt", "/front")


def test_drives_travel_light(bag: Path, tmp_path: Path) -> None:
    images, masks = kitti(tmp_path, range(3), range(3))
    add_images(images / "0003", range(3))
    add_maps(masks / "0003", range(3))
    add_text(tmp_path / "ride.txt", range(3))
    drives = [*kitti_mots_drives(images, masks), bag_drive(bag, tmp_path / "ride.txt")]
    for drive in drives:
        sent = pickle.dumps(drive)
        assert len(sent) < 3000
        assert_shows(pickle.loads(sent), range(3))


def test_real_frames_have_their_masks(tmp_path: Path) -> None:
    (tmp_path / "0001").symlink_to(data("kitti_frames/0001"))
    (drive,) = kitti_mots_drives(tmp_path, data("kitti_mots/instances_txt"))
    frames = list(drive)
    assert [item.frame.stamp_ns // 100_000_000 for item in frames] == [10, 15, 20]
    assert [1001 in item.instances for item in frames] == [True, False, False]
    assert [1009 in item.instances for item in frames] == [False, False, True]
