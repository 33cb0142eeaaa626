"""KITTI's folders: layout, order, time and calibration, and every fault named."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from mots_ros.data.calibration import Calibration
from mots_ros.data.drives import DriveError
from mots_ros.data.kitti import FRAME_ID, open_folder

SHARED = Path(os.environ.get("MOTS_SHARED", Path(__file__).parents[2] / "shared"))
REAL = SHARED / "data" / "kitti_frames" / "drive_78"

P2 = "7.2153e+02 0 6.0955e+02 4.4857e+01 0 7.2153e+02 1.7285e+02 2.1637e-01 0 0 1 2.7e-03"
TRACKING = f"P0: 1 2 3\nP2: {P2}\nR_rect 1 0 0 0 1 0 0 0 1\n"
RAW = (
    "calib_time: 09-Jan-2012 13:57:47\n"
    "S_02: 8.0e+00 6.0e+00\n"
    "K_02: 9 0 4 0 9 3 0 0 1\n"
    "D_02: -0.3 0.2 0.001 0.002 -0.07\n"
    "S_rect_02: 5.0e+00 3.0e+00\n"
    "R_rect_02: 0 -1 0 1 0 0 0 0 1\n"
    f"P_rect_02: {P2}\n"
)
TIMES = (
    "2011-09-26 13:02:25.964389445\n2011-09-26 13:02:26.074343046\n2011-09-26 13:02:26.177314720\n"
)


def add_images(folder: Path, *names: str, size: tuple[int, int] = (3, 5)) -> Path:
    """Write images whose red says which they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        bgr = np.full((*size, 3), (1, 2, 10 * number), np.uint8)
        assert cv2.imwrite(str(folder / name), bgr)
    return folder


def add_raw(root: Path, size: tuple[int, int] = (3, 5)) -> Path:
    drive = root / "2011_09_26" / "2011_09_26_drive_0001_sync"
    names = [f"{number:010d}.png" for number in range(3)]
    add_images(drive / "image_02" / "data", *names, size=size)
    add_images(drive / "image_03" / "data", *names, size=size)
    (drive / "image_02" / "timestamps.txt").write_text(TIMES)
    (drive.parent / "calib_cam_to_cam.txt").write_text(RAW)
    return drive


def add_tracking(root: Path) -> Path:
    folder = root / "training" / "image_02" / "0004"
    (root / "training" / "calib").mkdir(parents=True)
    (root / "training" / "calib" / "0004.txt").write_text(TRACKING)
    return add_images(folder, "000000.png", "000001.png")


def same(calibration: Calibration | None, expected: Calibration) -> bool:
    assert calibration is not None
    return calibration.size == expected.size and all(
        np.array_equal(getattr(calibration, name), getattr(expected, name)) for name in "kdrp"
    )


def test_a_plain_folder_is_in_numerical_order_with_gaps_in_time(tmp_path: Path) -> None:
    add_images(tmp_path / "walk", "img2.png", "img10.PNG", "img11.png")
    (tmp_path / "walk" / "notes.txt").write_text("x")
    drive = open_folder(tmp_path / "walk")
    assert (drive.name, len(drive), drive.calibration) == ("walk", 3, None)
    assert drive.stamps_ns == (200_000_000, 1_000_000_000, 1_100_000_000)
    images = list(drive)
    assert [frame.stamp_ns for frame in images] == list(drive.stamps_ns)
    assert {frame.frame_id for frame in images} == {FRAME_ID}
    assert [frame.image[0, 0].tolist() for frame in images] == [[0, 2, 1], [10, 2, 1], [20, 2, 1]]
    assert len(list(drive)) == 3


def test_a_tracking_sequence_is_calibrated(tmp_path: Path) -> None:
    drive = open_folder(add_tracking(tmp_path))
    p = np.array([float(word) for word in P2.split()]).reshape(3, 4)
    assert (drive.name, len(drive), drive.stamps_ns) == ("0004", 2, (0, 100_000_000))
    assert same(drive.calibration, Calibration((3, 5), p[:, :3], np.zeros(5), np.eye(3), p))


@pytest.mark.parametrize("inside", [".", "image_02", "image_02/data"])
def test_a_raw_recording_has_times_and_calibration(tmp_path: Path, inside: str) -> None:
    drive = open_folder(add_raw(tmp_path) / inside)
    assert drive.name == "2011_09_26_drive_0001_sync"
    assert drive.stamps_ns == (
        1317042145_964389445,
        1317042146_074343046,
        1317042146_177314720,
    )
    p = np.array([float(word) for word in P2.split()]).reshape(3, 4)
    assert same(drive.calibration, Calibration((3, 5), p[:, :3], np.zeros(5), np.eye(3), p))


def test_unrectified_raw_images_get_the_distortion(tmp_path: Path) -> None:
    calibration = open_folder(add_raw(tmp_path, size=(6, 8))).calibration
    p = np.array([float(word) for word in P2.split()]).reshape(3, 4)
    k = np.array([[9.0, 0, 4], [0, 9, 3], [0, 0, 1]])
    d = np.array([-0.3, 0.2, 0.001, 0.002, -0.07])
    r = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert same(calibration, Calibration((6, 8), k, d, r, p))


def test_raw_images_without_times_and_calibration_come_at_ten_hertz(tmp_path: Path) -> None:
    root = add_raw(tmp_path)
    (root / "image_02" / "timestamps.txt").unlink()
    (root.parent / "calib_cam_to_cam.txt").unlink()
    drive = open_folder(root)
    assert (drive.stamps_ns, drive.calibration) == ((0, 100_000_000, 200_000_000), None)


def test_times_belong_to_numbers(tmp_path: Path) -> None:
    root = add_raw(tmp_path)
    (root / "image_02" / "data" / "0000000001.png").unlink()
    assert open_folder(root).stamps_ns == (1317042145_964389445, 1317042146_177314720)


def assert_refused(source: Path, text: str) -> None:
    with pytest.raises(DriveError) as caught:
        list(open_folder(source))
    assert text in str(caught.value)


def test_what_is_no_folder_of_images_is_named(tmp_path: Path) -> None:
    assert_refused(tmp_path / "absent", f"{tmp_path / 'absent'}: expected a folder with image fil")
    assert_refused(tmp_path / "absent", "found nothing")
    (tmp_path / "file").write_text("x")
    assert_refused(tmp_path / "file", "found a file")
    add_tracking(tmp_path)
    assert_refused(tmp_path / "training", "training: expected image files, a KITTI raw recording")
    assert_refused(tmp_path / "training", "found no image files")


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (("0.png", "front.png"), "front.png: expected a frame number in the image's name"),
        (("7.jpg", "007.png"), "7.jpg: expected every frame number once, but 007.png has it, too"),
        (("1317042145964389445.png",), "5.png: expected a frame number of at most"),
    ],
)
def test_names_that_give_no_order_are_refused(
    tmp_path: Path, names: tuple[str, ...], text: str
) -> None:
    assert_refused(add_images(tmp_path / "walk", *names), text)


def test_an_unreadable_image_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = add_images(tmp_path / "walk", "0.png", "1.png", "2.png")
    (folder / "1.png").write_bytes(b"not an image")
    assert_refused(folder, "1.png: expected a PNG or JPEG image, found what cannot be read")
    (folder / "1.png").write_bytes(b"")
    assert_refused(folder, "1.png: expected a PNG or JPEG image")
    assert capfd.readouterr().err == ""


def test_an_image_of_another_size_is_named(tmp_path: Path) -> None:
    folder = add_images(tmp_path / "walk", "0.png", "1.png")
    add_images(folder, "2.png", size=(4, 5))
    assert_refused(folder, "2.png: expected 5 x 3 pixels (width x height) like 0.png, found 5 x 4")


@pytest.mark.parametrize(
    ("times", "text"),
    [
        (
            TIMES[:60] + "yesterday\n",
            "timestamps.txt:3: expected a time like 2011-09-26 13:02:25.964389445",
        ),
        (TIMES.replace("-26 ", "-46 "), "timestamps.txt:1: expected a time"),
        (TIMES.splitlines()[0], "expected a line for every frame, found 1 lines and an image with"),
        ("", "found 0 lines and an image with number 0"),
    ],
)
def test_malformed_times_are_named(tmp_path: Path, times: str, text: str) -> None:
    root = add_raw(tmp_path)
    (root / "image_02" / "timestamps.txt").write_text(times)
    assert_refused(root, text)


@pytest.mark.parametrize(
    ("calibration", "text"),
    [
        (RAW.replace("P_rect_02", "P_rect_03"), "expected a line that begins with 'P_rect_02:'"),
        (
            RAW.replace("7.2153e+02", "fx"),
            ":7: expected 12 numbers after 'P_rect_02:', found 'fx",
        ),
        (RAW.replace("5.0e+00", "nan"), ":5: expected 2 numbers after 'S_rect_02:', found 'nan 3"),
        (
            RAW.replace("5.0e+00", "6"),
            "expected images of 6 x 3 (rectified) or 8 x 6 pixels (width",
        ),
    ],
)
def test_a_malformed_calibration_is_named(tmp_path: Path, calibration: str, text: str) -> None:
    root = add_raw(tmp_path)
    (root.parent / "calib_cam_to_cam.txt").write_text(calibration)
    assert_refused(root, text)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no KITTI images at {REAL}")
def test_a_real_drive() -> None:
    drive = open_folder(REAL)
    assert len(drive) == 78
    assert drive.stamps_ns[-1] - drive.stamps_ns[0] == 7_700_000_000
    first = next(iter(drive))
    assert first.size == (375, 1242)


def test_a_folder_named_by_dots_has_its_own_name(tmp_path: Path) -> None:
    add_images(tmp_path / "0007" / "inner", "000000.png")
    add_images(tmp_path / "0007", "000000.png")
    assert open_folder(tmp_path / "0007" / "inner" / "..").name == "0007"
