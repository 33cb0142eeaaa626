"""What the node published comes back from its recording, frame by frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mots_ros.core.types import TrackedFrame
from mots_ros.data.bag_files import BagWriter
from mots_ros.data.drives import DriveError
from mots_ros.data.message_types import define, standard_types
from mots_ros.data.tracked_bags import TrackedBag

INTERFACES = Path(__file__).parents[1] / "interfaces"
TOPICS = {
    "/mots_tracker/detections": "vision_msgs/msg/Detection2DArray",
    "/mots_tracker/masks": "sensor_msgs/msg/Image",
    "/mots_tracker/label_info": "vision_msgs/msg/LabelInfo",
}


class Recording:
    """Writes what a node would publish."""

    def __init__(self, path: Path, topics: dict[str, str] = TOPICS) -> None:
        types = standard_types()
        for message_type in TOPICS.values():
            define(types, message_type, [INTERFACES])
        self.bag = BagWriter(path, types)
        for name, message_type in topics.items():
            self.bag.add_topic(name, message_type)

    def make(self, name: str, **fields: Any) -> Any:
        return self.bag.types.types[name](**fields)

    def header(self, stamp: int) -> Any:
        time = self.make("builtin_interfaces/msg/Time", sec=stamp, nanosec=7)
        return self.make("std_msgs/msg/Header", stamp=time, frame_id="front")

    def label_info(self, *names: str) -> None:
        classes = [
            self.make("vision_msgs/msg/VisionClass", class_id=number, class_name=name)
            for number, name in reversed(list(enumerate(names)))
        ]
        info = self.make(
            "vision_msgs/msg/LabelInfo", header=self.header(0), class_map=classes, threshold=0.4
        )
        self.bag.write_message("/mots_tracker/label_info", 0, info)

    def masks(self, stamp: int, labels: np.ndarray, encoding: str = "mono16") -> None:
        image = self.make(
            "sensor_msgs/msg/Image",
            header=self.header(stamp),
            height=labels.shape[0],
            width=labels.shape[1],
            encoding=encoding,
            is_bigendian=0,
            step=2 * labels.shape[1],
            data=labels.astype("<u2").view(np.uint8).reshape(-1),
        )
        self.bag.write_message("/mots_tracker/masks", stamp, image)

    def detections(self, stamp: int, *objects: tuple[str, str, float, tuple]) -> None:
        """``objects``: id, class, score, box x1, y1, x2, y2."""
        message = self.make(
            "vision_msgs/msg/Detection2DArray",
            header=self.header(stamp),
            detections=[self.detection(stamp, *item) for item in objects],
        )
        self.bag.write_message("/mots_tracker/detections", stamp, message)

    def detection(self, stamp: int, track: str, name: str, score: float, box: tuple) -> Any:
        x1, y1, x2, y2 = box
        point = self.make("geometry_msgs/msg/Point", x=0.0, y=0.0, z=0.0)
        turn = self.make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0)
        pose = self.make(
            "geometry_msgs/msg/PoseWithCovariance",
            pose=self.make("geometry_msgs/msg/Pose", position=point, orientation=turn),
            covariance=np.zeros(36),
        )
        hypothesis = self.make("vision_msgs/msg/ObjectHypothesis", class_id=name, score=score)
        centre = self.make("vision_msgs/msg/Point2D", x=(x1 + x2) / 2, y=(y1 + y2) / 2)
        return self.make(
            "vision_msgs/msg/Detection2D",
            header=self.header(stamp),
            results=[
                self.make(
                    "vision_msgs/msg/ObjectHypothesisWithPose", hypothesis=hypothesis, pose=pose
                )
            ],
            bbox=self.make(
                "vision_msgs/msg/BoundingBox2D",
                center=self.make("vision_msgs/msg/Pose2D", position=centre, theta=0.0),
                size_x=float(x2 - x1),
                size_y=float(y2 - y1),
            ),
            id=track,
        )


CAR = ("70001", "car", 0.75, (1.0, 2.0, 4.5, 6.0))
PERSON = ("3", "pedestrian", 0.5, (0.0, 0.0, 2.0, 1.0))
LABELS = np.arange(6, dtype=np.uint16).reshape(2, 3) * 10_000


def ns(seconds: int) -> int:
    return seconds * 10**9 + 7


def test_tracked_frames_come_back(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "out")
    with recording.bag:
        recording.detections(1, CAR, PERSON)
        recording.masks(1, LABELS)
        recording.label_info("car", "pedestrian")
        recording.masks(2, LABELS[::-1])
        recording.detections(2)
    bag = TrackedBag(tmp_path / "out")
    assert bag.class_names == ("car", "pedestrian")
    assert bag.unpaired == ()
    assert len(bag) == 2
    first, second = bag
    assert isinstance(first, TrackedFrame)
    assert (first.stamp_ns, first.frame_id) == (ns(1), "front")
    assert first.ids.tolist() == [70001, 3]
    assert first.detections.labels.tolist() == [0, 1]
    assert first.detections.scores.tolist() == [0.75, 0.5]
    assert first.detections.boxes.tolist() == [[1.0, 2.0, 4.5, 6.0], [0.0, 0.0, 2.0, 1.0]]
    assert first.detections.masks is None
    np.testing.assert_array_equal(first.label_image, LABELS)
    np.testing.assert_array_equal(second.label_image, LABELS[::-1])
    assert (len(second.ids), second.detections.boxes.shape) == (0, (0, 4))


def test_halves_of_frames_are_left_out_and_told(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "out")
    with recording.bag:
        recording.label_info("car")
        recording.masks(1, LABELS)
        recording.detections(2, CAR)
        recording.masks(2, LABELS)
        recording.detections(3, CAR)
    bag = TrackedBag(tmp_path / "out")
    assert [frame.stamp_ns for frame in bag] == [ns(2)]
    assert len(bag) == 1
    assert bag.unpaired == (ns(1), ns(3))


@pytest.mark.parametrize("missing", TOPICS)
def test_a_missing_topic_is_named_with_what_there_is(tmp_path: Path, missing: str) -> None:
    topics = {name: kind for name, kind in TOPICS.items() if name != missing}
    recording = Recording(tmp_path / "out", topics)
    with recording.bag:
        if "/mots_tracker/label_info" in topics:
            recording.label_info("car")
        if "/mots_tracker/masks" in topics:
            recording.masks(1, LABELS)
    with pytest.raises(DriveError) as caught:
        TrackedBag(tmp_path / "out")
    assert str(tmp_path / "out") in str(caught.value)
    assert TOPICS[missing] in str(caught.value)
    if missing.endswith("detections"):
        assert "found none; the bag's topics are: /mots_tracker/label_info (" in str(caught.value)


def test_a_topic_without_messages_is_missing(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "out")
    with recording.bag:
        recording.label_info("car")
        recording.detections(1)
    with pytest.raises(DriveError, match="expected messages of type sensor_msgs/msg/Image on /mot"):
        TrackedBag(tmp_path / "out")


@pytest.mark.parametrize(
    "item", [("7", "lorry", 1.0, CAR[3]), ("", "car", 1.0, CAR[3]), ("x1", "car", 1.0, CAR[3])]
)
def test_detections_that_are_not_the_nodes_are_named(tmp_path: Path, item: tuple) -> None:
    recording = Recording(tmp_path / "out")
    with recording.bag:
        recording.label_info("car")
        recording.masks(1, LABELS)
        recording.detections(1, item)
    with pytest.raises(DriveError, match="on /mots_tracker/detections is no result of the tracker"):
        TrackedBag(tmp_path / "out")


def test_a_looped_drive_is_refused(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "out")
    with recording.bag:
        recording.label_info("car")
        for _ in range(2):
            recording.masks(1, LABELS)
            recording.detections(1, CAR)
    with pytest.raises(DriveError, match="found two with the stamp 1000000007 ns"):
        TrackedBag(tmp_path / "out")


def test_masks_in_another_encoding_are_named(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "out")
    with recording.bag:
        recording.label_info("car")
        recording.masks(1, LABELS, encoding="mono8")
        recording.detections(1, CAR)
    with pytest.raises(DriveError, match="/mots_tracker/masks: 3x2 'mono8' image: expected labels"):
        list(TrackedBag(tmp_path / "out"))
