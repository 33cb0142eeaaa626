"""Which frame of the ground truth an image is: by index, by its name, by its stamp."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mots_ros.core.types import Frame
from mots_ros.data.bags import BagDrive, write_drive
from mots_ros.data.drives import DriveError
from mots_ros.data.kitti import open_folder
from mots_ros.evaluation.numbering import by_file_name, by_index, by_stamp
from test_kitti import add_images

IMAGE = np.zeros((4, 6, 3), np.uint8)
MS = 10**6
TRUTH = [1000 * MS + 100 * MS * frame for frame in range(6)]


def bag(folder: Path, *stamps_ns: int) -> BagDrive:
    write_drive(folder / "drive", [Frame(stamp, "camera", IMAGE) for stamp in stamps_ns])
    return BagDrive(folder / "drive")


def test_by_index(tmp_path):
    drive = by_index(bag(tmp_path, *TRUTH[:3]))
    assert [number for number, _ in drive] == [0, 1, 2]
    assert (drive.length, drive.frames_without_image) == (3, [])


def test_by_the_number_in_the_name(tmp_path):
    add_images(tmp_path / "0007", "000002.png", "000003.png", "000005.png")
    drive = by_file_name(open_folder(tmp_path / "0007"))
    assert (drive.numbers, drive.length) == ([2, 3, 5], 6)
    assert drive.frames_without_image == [0, 1, 4]


def test_mot_challenge_counts_from_one(tmp_path):
    add_images(tmp_path / "MOT17-02" / "img1", "000001.jpg", "000002.jpg")
    for folder in ("MOT17-02", "MOT17-02/img1"):
        drive = by_file_name(open_folder(tmp_path / folder))
        assert (drive.name, drive.numbers) == ("MOT17-02", [0, 1])
    add_images(tmp_path / "MOT17-04" / "img1", "000000.jpg")
    with pytest.raises(DriveError, match=r"000000.jpg: expected frame numbers from 1 on"):
        by_file_name(open_folder(tmp_path / "MOT17-04"))


@pytest.mark.parametrize(
    ("images", "numbers"),
    [
        (("000001.jpg", "000003.jpg"), [0, 2]),
        (("000004.jpg",), [3]),
        (("000000.jpg", "000002.jpg"), [0, 2]),
    ],
)
def test_images_count_as_the_text_that_they_are_compared_with(tmp_path, images, numbers):
    """Whatever the folder's name; an image 0 says that they count from 0."""
    add_images(tmp_path / "frames", *images)
    assert by_file_name(open_folder(tmp_path / "frames"), first_frame=1).numbers == numbers


def test_times_are_no_frame_numbers(tmp_path):
    add_images(tmp_path / "rgb", "1305031102.975304.png", "1305031103.007234.png")
    with pytest.raises(DriveError, match="975304.png: expected a frame number .*, not a time"):
        open_folder(tmp_path / "rgb")


def test_a_drive_has_the_name_of_its_folder_also_from_within(tmp_path, monkeypatch):
    bag(tmp_path, *TRUTH)
    monkeypatch.chdir(tmp_path / "drive")
    assert BagDrive(Path(".")).name == "drive"


def test_by_stamps_that_a_recorder_rounded(tmp_path):
    lost = bag(tmp_path, TRUTH[1] + 999, TRUTH[2] - 999, TRUTH[5])
    assert lost.stamps_ns == (TRUTH[1] + 999, TRUTH[2] - 999, TRUTH[5])
    drive = by_stamp(lost, TRUTH)
    assert (drive.numbers, drive.length) == ([1, 2, 5], 6)
    assert drive.frames_without_image == [0, 3, 4]


@pytest.mark.parametrize("stamp_ns", [TRUTH[0] - 2 * MS, TRUTH[2] + 50 * MS, TRUTH[5] + 100 * MS])
def test_an_image_of_no_frame_is_named(tmp_path, stamp_ns):
    with pytest.raises(DriveError, match=rf"image 0 was taken at {stamp_ns} ns"):
        by_stamp(bag(tmp_path, stamp_ns), TRUTH)


def test_two_images_of_a_frame_are_named(tmp_path):
    with pytest.raises(DriveError, match="images 0 and 1 have the stamps of frames 3 and 3"):
        by_stamp(bag(tmp_path, TRUTH[3], TRUTH[3] + 5), TRUTH)
