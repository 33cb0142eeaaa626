"""The generate command: a bag and the annotation that belongs to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mots_ros.commands.generate import generate, main
from mots_ros.core.types import Frame
from mots_ros.data import kitti_mots
from mots_ros.data.bag_files import BagReader
from mots_ros.data.bags import CAMERA_INFO_TOPIC, BagDrive
from mots_ros.data.drives import AnnotatedFrame, DriveError
from mots_ros.data.kitti_mots import Annotation


class Blinking:
    """A car that is there in every other frame."""

    name = "blinking"
    class_names = kitti_mots.CLASS_NAMES

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[AnnotatedFrame]:
        for number in range(3):
            image = np.full((4, 6, 3), (number, 50, 100), np.uint8)
            instances = np.zeros((4, 6), np.uint16)
            instances[1:3, 2:5] = 1004 * (number % 2)
            instances[0, 0] = 10000
            yield AnnotatedFrame(Frame(number * 10**8, "front", image), instances)


def test_bag_and_annotation_lie_side_by_side(tmp_path: Path) -> None:
    assert generate(Blinking(), tmp_path / "one") == tmp_path / "instances_txt" / "one.txt"
    assert generate(Blinking(), tmp_path / "two") == tmp_path / "instances_txt" / "two.txt"
    annotation = kitti_mots.read(tmp_path / "instances_txt" / "two.txt")
    for number, (frame, item) in enumerate(
        zip(BagDrive(tmp_path / "two"), Blinking(), strict=True)
    ):
        assert frame.stamp_ns == item.frame.stamp_ns
        np.testing.assert_array_equal(frame.image, item.frame.image)
        np.testing.assert_array_equal(annotation.instances(number), item.instances)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "instances_txt").mkdir()
    (tmp_path / "instances_txt" / "drive.txt").write_text("precious")
    with pytest.raises(DriveError, match="drive.txt exists; it is not overwritten"):
        generate(Blinking(), tmp_path / "drive")
    assert not (tmp_path / "drive").exists()
    assert (tmp_path / "instances_txt" / "drive.txt").read_text() == "precious"


def test_a_street_is_generated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tmp_path / "street"), "--seed", "3", "--length", "1"])
    assert "street: 1 images of street_0003" in capsys.readouterr().out
    with BagReader(tmp_path / "street") as bag:
        (info,) = (bag.decode(message) for message in bag.messages([CAMERA_INFO_TOPIC]))
    assert (info.width, info.height) == (1242, 375)
    np.testing.assert_allclose(info.p, [721.5, 0, 609.6, 0, 0, 721.5, 172.9, 0, 0, 0, 1, 0])
    (frame,) = BagDrive(tmp_path / "street")
    assert frame.size == (375, 1242)
    assert (tmp_path / "instances_txt" / "street.txt").exists()


def test_a_replica_is_generated(tmp_path: Path) -> None:
    instances = np.zeros((120, 400), np.uint16)
    instances[50:90, 100:160] = 1001
    car = kitti_mots.objects_of(instances)
    source = tmp_path / "source.txt"
    kitti_mots.write(source, Annotation((120, 400), {0: car, 1: car}))
    main([str(tmp_path / "replica"), "--replica", str(source)])
    assert [frame.size for frame in BagDrive(tmp_path / "replica")] == [(120, 400)] * 2
    written = kitti_mots.read(tmp_path / "instances_txt" / "replica.txt")
    assert written == Annotation((120, 400), {0: car, 1: car})


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--length", "0"], "length"),
        (["--seed", "-1", "--length", "1"], "non-negative"),
        (["--replica", "absent.txt"], "absent.txt: cannot read it: No such file"),
        (["--replica", "bad.txt"], "bad.txt:1: expected 6 fields"),
    ],
)
def test_faults_are_one_line_each(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.txt").write_text("one two three\n")
    with pytest.raises(SystemExit) as caught:
        main(["drive", *arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("generate: error: ")
    assert error.count("\n") == 1
    assert text in error
    assert not Path("drive").exists()
