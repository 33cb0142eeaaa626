"""What the tracker node published, read back from a recording."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mots_ros.core.types import Detections, TrackedDetections, TrackedFrame
from mots_ros.data.bag_files import BagReader
from mots_ros.data.bags import header_stamp_ns
from mots_ros.data.drives import DriveError
from mots_ros.data.image_messages import ImageError, label_image

_DETECTIONS = "vision_msgs/msg/Detection2DArray"
_MASKS = "sensor_msgs/msg/Image"
_LABEL_INFO = "vision_msgs/msg/LabelInfo"


class TrackedBag:
    """The tracked frames of one node in a recording of its topics.

    The node is the one with a topic ``.../detections``; its ``masks`` and ``label_info`` lie
    beside that. Detections and masks of a frame find each other by their stamps.

    class_names: what the labels of the detections stand for.
    unpaired: stamps (ns) of frames of which only the detections or only the masks were recorded;
        such a frame is not in the recording.

    Raises:
        DriveError: the bag cannot be read, a topic is missing or a message is no result of the
            node; also while iterating.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        with BagReader(self.path) as bag:
            detections_topic = _detections_topic(bag)
            node = detections_topic.removesuffix("detections")
            self._masks_topic = _beside(bag, f"{node}masks", _MASKS)
            self.class_names = _class_names(bag, _beside(bag, f"{node}label_info", _LABEL_INFO))
            self._detections = {
                stamp_ns: self._detections_of(message, detections_topic)
                for stamp_ns, message in _by_stamp(bag, detections_topic)
            }
            masks = {stamp_ns for stamp_ns, _ in _by_stamp(bag, self._masks_topic)}
        self.unpaired = tuple(sorted(masks ^ self._detections.keys()))
        self._length = len(masks & self._detections.keys())

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[TrackedFrame]:
        with BagReader(self.path) as bag:
            for stamp_ns, message in _by_stamp(bag, self._masks_topic):
                tracked = self._detections.get(stamp_ns)
                if tracked is None:
                    continue
                try:
                    labels = label_image(message, self._masks_topic)
                except ImageError as error:
                    raise DriveError(f"{self.path}: {error}") from error
                yield TrackedFrame(
                    stamp_ns,
                    message.header.frame_id,
                    tracked.ids,
                    tracked.detections,
                    partial(np.asarray, labels),
                )

    def _detections_of(self, message: Any, topic: str) -> TrackedDetections:
        found = message.detections
        try:
            ids = np.array([int(item.id) for item in found], np.int64)
            labels = [self.class_names.index(_best(item).class_id) for item in found]
        except (ValueError, IndexError, OverflowError):
            raise DriveError(
                f"{self.path}: a message on {topic} is no result of the tracker: expected a whole "
                f"number as id and one of {', '.join(self.class_names)} as class of every detection"
            ) from None
        boxes = [
            (
                item.bbox.center.position.x - item.bbox.size_x / 2,
                item.bbox.center.position.y - item.bbox.size_y / 2,
                item.bbox.center.position.x + item.bbox.size_x / 2,
                item.bbox.center.position.y + item.bbox.size_y / 2,
            )
            for item in found
        ]
        detections = Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array([_best(item).score for item in found], np.float32),
            np.array(labels, np.int64),
        )
        return TrackedDetections(ids, detections)


def _best(detection: Any) -> Any:
    """The hypothesis that the node publishes: its only one."""
    return detection.results[0].hypothesis


def _by_stamp(bag: BagReader, topic: str) -> Iterator[tuple[int, Any]]:
    """The decoded messages of a topic with their header stamps, each of which occurs once."""
    seen: set[int] = set()
    for recorded in bag.messages([topic]):
        message = bag.decode(recorded)
        stamp_ns = header_stamp_ns(message)
        if stamp_ns in seen:
            raise DriveError(
                f"{bag.path}: expected one message a frame on {topic}, found two with the stamp "
                f"{stamp_ns} ns; was the drive played in a loop?"
            )
        seen.add(stamp_ns)
        yield stamp_ns, message


def _detections_topic(bag: BagReader) -> str:
    found = [
        topic.name
        for topic in bag.topics.values()
        if topic.type == _DETECTIONS and topic.name.endswith("/detections")
    ]
    if len(found) != 1:
        raise DriveError(
            f"{bag.path}: expected one topic .../detections of type {_DETECTIONS}, found "
            f"{', '.join(sorted(found)) or 'none'}; the bag's topics are: {_listed(bag)}"
        )
    return found[0]


def _beside(bag: BagReader, name: str, message_type: str) -> str:
    """The name, once it is certain that the bag has such messages."""
    topic = bag.topics.get(name)
    if topic is None or topic.type != message_type or topic.count == 0:
        raise DriveError(
            f"{bag.path}: expected messages of type {message_type} on {name}; the bag's topics "
            f"are: {_listed(bag)}"
        )
    return name


def _class_names(bag: BagReader, topic: str) -> tuple[str, ...]:
    """The class names by ascending class id, as the node said last."""
    names: dict[int, str] = {}
    for recorded in bag.messages([topic]):
        names = {item.class_id: item.class_name for item in bag.decode(recorded).class_map}
    return tuple(names[class_id] for class_id in sorted(names))


def _listed(bag: BagReader) -> str:
    topics = (f"{topic.name} ({topic.type}, {topic.count})" for topic in bag.topics.values())
    return ", ".join(sorted(topics)) or "none"
