"""Drives in bags: what is written comes back, and what is missing is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from ruamel.yaml import YAML

from mots_ros.core.types import Frame
from mots_ros.data.bag_files import BagReader, BagWriter
from mots_ros.data.bags import CAMERA_INFO_TOPIC, IMAGE_TOPIC, BagDrive, write_drive
from mots_ros.data.calibration import Calibration
from mots_ros.data.drives import DriveError
from mots_ros.data.message_types import UnknownTypeError, define, standard_types

INTERFACES = Path(__file__).parents[1] / "interfaces"
CALIBRATION = Calibration(
    (3, 5),
    np.array([[7.0, 0, 2.5], [0, 7.5, 1.5], [0, 0, 1]]),
    np.array([0.1, 0.2, 0.3, 0.4, 0.5]),
    np.eye(3),
    np.array([[7.0, 0, 2.5, 44.5], [0, 7, 1.5, 0.25], [0, 0, 1, 0.125]]),
)


def frames(count: int = 3) -> list[Frame]:
    random = np.random.default_rng(0)
    return [
        Frame(
            1_700_000_000_123_456_789 + number * 100_000_000,
            "camera_color_left",
            random.integers(0, 256, (3, 5, 3), np.uint8),
        )
        for number in range(count)
    ]


def assert_same(read: Iterator[Frame], expected: list[Frame]) -> None:
    for ours, theirs in zip(read, expected, strict=True):
        assert (ours.stamp_ns, ours.frame_id) == (theirs.stamp_ns, theirs.frame_id)
        np.testing.assert_array_equal(ours.image, theirs.image)


@pytest.mark.parametrize("file", [".", "drive.mcap"])
def test_a_drive_survives_the_round_trip(tmp_path: Path, file: str) -> None:
    assert write_drive(tmp_path / "drive", frames()) == 3
    drive = BagDrive(tmp_path / "drive" / file)
    assert (drive.name, len(drive), drive.topic) == ("drive", 3, IMAGE_TOPIC)
    assert_same(iter(drive), frames())
    assert_same(iter(drive), frames())


def test_a_bag_holds_what_other_tools_ask_for(tmp_path: Path) -> None:
    write_drive(tmp_path / "drive", frames(), CALIBRATION)
    information = YAML(typ="safe").load(tmp_path / "drive" / "metadata.yaml")
    about = information["rosbag2_bagfile_information"]
    assert (about["version"], about["storage_identifier"]) == (9, "mcap")
    assert about["message_count"] == 6
    assert about["duration"]["nanoseconds"] == 200_000_000
    topics = {
        entry["topic_metadata"]["name"]: entry for entry in about["topics_with_message_count"]
    }
    assert topics.keys() == {IMAGE_TOPIC, CAMERA_INFO_TOPIC}
    assert all(
        entry["topic_metadata"]["type_description_hash"].startswith("RIHS01_")
        for entry in topics.values()
    )
    assert b"uint32 step" in (tmp_path / "drive" / "drive.mcap").read_bytes()


def test_images_and_calibration_are_as_ros_wants_them(tmp_path: Path) -> None:
    written = frames(1)
    write_drive(tmp_path / "drive", written, CALIBRATION)
    with BagReader(tmp_path / "drive") as bag:
        image, info = (bag.decode(message) for message in bag.messages())
    assert (image.encoding, image.step, image.height, image.width) == ("bgr8", 15, 3, 5)
    np.testing.assert_array_equal(image.data, written[0].image[..., ::-1].reshape(-1))
    assert (info.height, info.width, info.distortion_model) == (3, 5, "plumb_bob")
    assert info.header == image.header
    assert (info.header.stamp.sec, info.header.stamp.nanosec) == (1_700_000_000, 123_456_789)
    for field, expected in (("k", CALIBRATION.k), ("r", CALIBRATION.r), ("p", CALIBRATION.p)):
        np.testing.assert_array_equal(getattr(info, field), expected.reshape(-1))
    np.testing.assert_array_equal(info.d, CALIBRATION.d)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "drive").mkdir()
    with pytest.raises(DriveError, match="drive exists; it is not overwritten"):
        write_drive(tmp_path / "drive", frames())
    assert (tmp_path / "drive").is_dir()


def test_an_unfinished_bag_is_removed(tmp_path: Path) -> None:
    def breaks() -> Iterator[Frame]:
        yield from frames()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_drive(tmp_path / "drive", breaks())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ([], "expected at least one frame to write"),
        ([Frame(-1, "", np.zeros((1, 1, 3), np.uint8))], "frame 0: expected a stamp .* found -1"),
        ([Frame(2**31 * 10**9, "", np.zeros((1, 1, 3), np.uint8))], "frame 0: expected a stamp"),
    ],
)
def test_drives_that_are_no_recordings_are_refused(
    tmp_path: Path, what: list[Frame], message: str
) -> None:
    with pytest.raises(DriveError, match=message):
        write_drive(tmp_path / "drive", what)
    assert not (tmp_path / "drive").exists()


Fill = Callable[[BagWriter], None]


def make_bag(path: Path, fill: Fill) -> Path:
    with BagWriter(path) as bag:
        fill(bag)
    return path


def header(bag: BagWriter) -> Any:
    stamp = bag.types.types["builtin_interfaces/msg/Time"](sec=4, nanosec=5)
    return bag.types.types["std_msgs/msg/Header"](stamp=stamp, frame_id="front")


def add_string(bag: BagWriter) -> None:
    bag.add_topic("/chatter", "std_msgs/msg/String")
    bag.write_message("/chatter", 1, bag.types.types["std_msgs/msg/String"](data="hello"))


def add_image(topic: str, **changes: Any) -> Fill:
    def fill(bag: BagWriter) -> None:
        fields = {
            "height": 1,
            "width": 2,
            "encoding": "rgb8",
            "is_bigendian": 0,
            "step": 6,
            "data": np.arange(6, dtype=np.uint8),
        }
        bag.add_topic(topic, "sensor_msgs/msg/Image")
        image = bag.types.types["sensor_msgs/msg/Image"](header=header(bag), **(fields | changes))
        bag.write_message(topic, 9, image)

    return fill


def add_compressed(bag: BagWriter) -> None:
    _, data = cv2.imencode(".png", np.full((2, 3, 3), (1, 2, 3), np.uint8))
    bag.add_topic("/front/compressed", "sensor_msgs/msg/CompressedImage")
    image = bag.types.types["sensor_msgs/msg/CompressedImage"](
        header=header(bag), format="png", data=data.reshape(-1)
    )
    bag.write_message("/front/compressed", 9, image)


def test_a_bag_without_images_is_named_with_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(DriveError) as caught:
        BagDrive(make_bag(tmp_path / "talk", add_string))
    assert str(caught.value).startswith(f"{tmp_path / 'talk'}: expected images")
    assert "/chatter (std_msgs/msg/String)" in str(caught.value)


def test_an_image_topic_without_messages_counts_as_none(tmp_path: Path) -> None:
    def fill(bag: BagWriter) -> None:
        bag.add_topic("/image", "sensor_msgs/msg/Image")

    with pytest.raises(DriveError, match=r"no topic has any; .*: /image \(sensor_msgs/msg/Image\)"):
        BagDrive(make_bag(tmp_path / "silent", fill))


def test_one_of_several_cameras_has_to_be_named(tmp_path: Path) -> None:
    def fill(bag: BagWriter) -> None:
        add_image("/left")(bag)
        add_compressed(bag)

    path = make_bag(tmp_path / "two", fill)
    with pytest.raises(DriveError, match="found several; name one of: /front/compressed, /left"):
        BagDrive(path)
    with pytest.raises(DriveError, match="expected images on /rear, but they are on: /front"):
        BagDrive(path, "/rear")
    (left,) = BagDrive(path, "/left")
    assert (left.stamp_ns, left.frame_id) == (4_000_000_005, "front")
    assert left.image.tolist() == [[[0, 1, 2], [3, 4, 5]]]
    (front,) = BagDrive(path, "/front/compressed")
    np.testing.assert_array_equal(front.image, np.full((2, 3, 3), (3, 2, 1)))


def test_a_bad_image_names_bag_and_topic(tmp_path: Path) -> None:
    path = make_bag(tmp_path / "bad", add_image("/left", encoding="nv99"))
    with pytest.raises(DriveError, match="bad: /left: 2x1 'nv99' image: expected one of"):
        list(BagDrive(path))


def test_a_message_that_is_not_its_type_is_named(tmp_path: Path) -> None:
    def fill(bag: BagWriter) -> None:
        bag.add_topic("/left", "sensor_msgs/msg/Image")
        bag.write("/left", 1, b"\x00\x01\x00\x00garbage")

    with pytest.raises(DriveError, match="a message on /left is no sensor_msgs/msg/Image"):
        list(BagDrive(make_bag(tmp_path / "garbage", fill)))


def test_what_is_no_bag_is_named(tmp_path: Path) -> None:
    with pytest.raises(DriveError, match="absent: expected a bag, found nothing"):
        BagReader(tmp_path / "absent")
    with pytest.raises(DriveError, match=r"expected a rosbag2 folder with a metadata\.yaml"):
        BagReader(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DriveError, match=r"notes\.txt: cannot be read as a rosbag2 recording"):
        BagReader(tmp_path / "notes.txt")


@pytest.mark.parametrize("keep", [0, 1, 20, 0.5, 0.999])
def test_a_truncated_bag_is_named(tmp_path: Path, keep: float) -> None:
    write_drive(tmp_path / "drive", frames())
    data = (tmp_path / "drive" / "drive.mcap").read_bytes()
    size = int(keep * len(data)) if 0 < keep < 1 else int(keep)
    (tmp_path / "cut.mcap").write_bytes(data[:size])
    with pytest.raises(DriveError, match=r"cut\.mcap: cannot be read"):
        list(BagDrive(tmp_path / "cut.mcap"))


def test_a_damaged_bag_is_read_or_named(tmp_path: Path) -> None:
    write_drive(tmp_path / "drive", frames())
    data = (tmp_path / "drive" / "drive.mcap").read_bytes()
    random = np.random.default_rng(1)
    for _ in range(50):
        damaged = bytearray(data)
        damaged[random.integers(len(data))] ^= 1 << random.integers(8)
        (tmp_path / "damaged.mcap").write_bytes(damaged)
        try:
            list(BagDrive(tmp_path / "damaged.mcap"))
        except DriveError as error:
            assert "damaged.mcap" in str(error)


def test_raw_messages_keep_topic_type_and_time(tmp_path: Path) -> None:
    path = make_bag(tmp_path / "talk", add_string)
    with BagReader(path) as bag:
        topic = bag.topics["/chatter"]
        assert (topic.type, topic.count, topic.latched) == ("std_msgs/msg/String", 1, False)
        (message,) = bag.messages(["/chatter"])
        assert (message.topic, message.type, message.stamp_ns) == (
            "/chatter",
            "std_msgs/msg/String",
            1,
        )
        assert bag.decode(message).data == "hello"
        assert list(bag.messages(["/nothing"])) == []

        def copy(other: BagWriter) -> None:
            other.add_topic(message.topic, message.type, latched=True)
            other.write(message.topic, 2, message.data)

    with BagReader(make_bag(tmp_path / "copy", copy)) as bag:
        assert bag.topics["/chatter"].latched
        assert [bag.decode(message).data for message in bag.messages()] == ["hello"]


def test_what_was_recorded_before_an_error_is_kept(tmp_path: Path) -> None:
    def fill(bag: BagWriter) -> None:
        add_string(bag)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_bag(tmp_path / "talk", fill)
    with BagReader(tmp_path / "talk") as bag:
        assert len(list(bag.messages())) == 1


def test_definitions_are_found_in_share_folders() -> None:
    types = standard_types()
    define(types, "vision_msgs/msg/Detection2DArray", [Path("/nowhere"), INTERFACES])
    definition, _ = types.generate_msgdef("vision_msgs/msg/Detection2DArray", ros_version=2)
    assert "MSG: vision_msgs/Point2D" in definition
    assert "MSG: geometry_msgs/PoseWithCovariance" in definition


def test_definitions_come_from_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    with pytest.raises(
        UnknownTypeError, match=r"Point2D\.msg in AMENT_PREFIX_PATH, which is empty"
    ):
        define(standard_types(), "vision_msgs/msg/Point2D")
    with pytest.raises(UnknownTypeError, match=r"expected a type like .* found 'Point2D'"):
        define(standard_types(), "Point2D")
    define(standard_types(), "std_msgs/msg/String")
