"""The kitti_to_bag command: folders in, bags out, faults in one line."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from mots_ros.commands.kitti_to_bag import main
from mots_ros.data.bag_files import BagReader
from mots_ros.data.bags import CAMERA_INFO_TOPIC, IMAGE_TOPIC, BagDrive
from mots_ros.data.kitti import open_folder

SHARED = Path(os.environ.get("MOTS_SHARED", Path(__file__).parents[2] / "shared"))
REAL = SHARED / "data" / "kitti_frames" / "0001"


def sequence(root: Path) -> Path:
    """A sequence of KITTI tracking with two images."""
    folder = root / "training" / "image_02" / "0007"
    folder.mkdir(parents=True)
    (root / "training" / "calib").mkdir()
    (root / "training" / "calib" / "0007.txt").write_text("P2: 7 0 2 4 0 7 1 0 0 0 1 0\n")
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (4, 6, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number:06d}.png"), pixels)
    return folder


def test_a_sequence_becomes_a_bag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sequence(tmp_path)
    main([str(folder), str(tmp_path / "drive")])
    assert (
        capsys.readouterr().out == f"{tmp_path / 'drive'}: 2 images over 0.1 s, with camera_info\n"
    )
    pairs = zip(BagDrive(tmp_path / "drive"), open_folder(folder), strict=True)
    for recorded, original in pairs:
        assert recorded.stamp_ns == original.stamp_ns
        np.testing.assert_array_equal(recorded.image, original.image)
    with BagReader(tmp_path / "drive") as bag:
        assert {name: topic.count for name, topic in bag.topics.items()} == {
            IMAGE_TOPIC: 2,
            CAMERA_INFO_TOPIC: 2,
        }


def failure(capsys: pytest.CaptureFixture[str], *arguments: Path) -> str:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("kitti_to_bag: error: ")
    assert error.count("\n") == 1
    return error


def test_faults_are_one_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sequence(tmp_path)
    assert "absent: expected a folder" in failure(capsys, tmp_path / "absent", tmp_path / "drive")
    assert "0007 exists; it is not" in failure(capsys, folder, folder)
    (folder / "000001.png").write_bytes(b"broken")
    assert "000001.png: expected a PNG" in failure(capsys, folder, tmp_path / "drive")
    assert not (tmp_path / "drive").exists()


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no KITTI images at {REAL}")
def test_real_images_keep_their_pixels_and_their_distance_in_time(tmp_path: Path) -> None:
    main([str(REAL), str(tmp_path / "0001")])
    drive = BagDrive(tmp_path / "0001")
    frames = list(drive)
    assert [frame.stamp_ns for frame in frames] == [10**9, 15 * 10**8, 2 * 10**9]
    original = cv2.imread(str(REAL / "000015.png"))
    np.testing.assert_array_equal(frames[1].image[..., ::-1], original)
