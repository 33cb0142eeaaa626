"""Drives as rosbag2 recordings, with the topic names that kitti2bag made known."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rosbags.typesys.store import Typestore

from mots_ros.core.types import Frame
from mots_ros.data.bag_files import BagReader, BagWriter
from mots_ros.data.calibration import Calibration
from mots_ros.data.drives import DriveError
from mots_ros.data.image_messages import ImageError, rgb_image

IMAGE_TOPIC = "/kitti/camera_color_left/image_raw"
CAMERA_INFO_TOPIC = "/kitti/camera_color_left/camera_info"

_IMAGE = "sensor_msgs/msg/Image"
_COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
_CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
_ENDINGS = (".mcap", ".db3")
_MAX_STAMP_NS = 2**31 * 10**9 - 1


def is_bag(path: Path) -> bool:
    """Whether a path is a recording rather than a folder or file of something else."""
    if path.is_dir():
        return (path / "metadata.yaml").exists() or any(
            file.suffix in _ENDINGS for file in path.iterdir()
        )
    return path.suffix in _ENDINGS


class BagDrive:
    """The images of one topic of a bag.

    Args:
        path: a rosbag2 folder, or a bare .mcap or .db3 file.
        topic: of type Image or CompressedImage; may be left out where there is exactly one.

    Raises:
        DriveError: the bag cannot be read or has no such images, also while iterating.
    """

    def __init__(self, path: Path | str, topic: str | None = None) -> None:
        self.path = Path(path)
        with BagReader(self.path) as bag:
            self.topic = _image_topic(bag, topic)
            self._length = bag.topics[self.topic].count

    @property
    def name(self) -> str:
        """The bag's name without the ending of a file."""
        path = Path(os.path.abspath(self.path))
        return path.name if path.is_dir() else path.stem

    @property
    def stamps_ns(self) -> tuple[int, ...]:
        """When each image was taken, in nanoseconds; they are read, but not decoded."""
        with BagReader(self.path) as bag:
            images = map(bag.decode, bag.messages([self.topic]))
            return tuple(header_stamp_ns(image) for image in images)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Frame]:
        with BagReader(self.path) as bag:
            for message in bag.messages([self.topic]):
                image = bag.decode(message)
                try:
                    rgb = rgb_image(image, self.topic)
                except ImageError as error:
                    raise DriveError(f"{self.path}: {error}") from error
                yield Frame(header_stamp_ns(image), image.header.frame_id, rgb)


def write_drive(
    path: Path | str, frames: Iterable[Frame], calibration: Calibration | None = None
) -> int:
    """Write frames into a new MCAP bag, with a camera_info beside each where they are calibrated.

    An unfinished bag is removed.

    Returns:
        How many frames there were.

    Raises:
        DriveError: the bag exists, the stamp of a frame is none, or there are no frames.
    """
    bag = BagWriter(path)
    try:
        with bag:
            count = _write_frames(bag, frames, calibration)
    except BaseException:
        shutil.rmtree(path)
        raise
    return count


def header_stamp_ns(message: Any) -> int:
    """The time in a decoded message's header, in nanoseconds."""
    return int(message.header.stamp.sec) * 10**9 + int(message.header.stamp.nanosec)


def _image_topic(bag: BagReader, wanted: str | None) -> str:
    """The name of the topic with the images."""
    found = [
        topic.name
        for topic in bag.topics.values()
        if topic.type in (_IMAGE, _COMPRESSED_IMAGE) and topic.count > 0
    ]
    if not found:
        there = ", ".join(f"{topic.name} ({topic.type})" for topic in bag.topics.values())
        raise DriveError(
            f"{bag.path}: expected images, but no topic has any; the bag's topics are: "
            f"{there or 'none'}"
        )
    if wanted is None and len(found) > 1:
        raise DriveError(
            f"{bag.path}: expected one topic with images, found several; name one of: "
            f"{', '.join(sorted(found))}"
        )
    if wanted is not None and wanted not in found:
        raise DriveError(
            f"{bag.path}: expected images on {wanted}, but they are on: {', '.join(sorted(found))}"
        )
    return wanted or found[0]


def _write_frames(bag: BagWriter, frames: Iterable[Frame], calibration: Calibration | None) -> int:
    bag.add_topic(IMAGE_TOPIC, _IMAGE)
    if calibration is not None:
        bag.add_topic(CAMERA_INFO_TOPIC, _CAMERA_INFO)
    count = 0
    for frame in frames:
        if not 0 <= frame.stamp_ns <= _MAX_STAMP_NS:
            raise DriveError(
                f"frame {count}: expected a stamp that ROS can hold, 0 to 2^31 seconds, found "
                f"{frame.stamp_ns} ns"
            )
        bag.write_message(IMAGE_TOPIC, frame.stamp_ns, _image(bag.types, frame))
        if calibration is not None:
            info = _camera_info(bag.types, frame, calibration)
            bag.write_message(CAMERA_INFO_TOPIC, frame.stamp_ns, info)
        count += 1
    if count == 0:
        raise DriveError(f"{bag.path}: expected at least one frame to write, found none")
    return count


def _image(types: Typestore, frame: Frame) -> Any:
    height, width = frame.size
    bgr = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
    return types.types[_IMAGE](
        header=_header(types, frame),
        height=height,
        width=width,
        encoding="bgr8",
        is_bigendian=0,
        step=3 * width,
        data=np.asarray(bgr, np.uint8).reshape(-1),
    )


def _camera_info(types: Typestore, frame: Frame, calibration: Calibration) -> Any:
    height, width = calibration.size
    return types.types[_CAMERA_INFO](
        header=_header(types, frame),
        height=height,
        width=width,
        distortion_model="plumb_bob",
        d=calibration.d,
        k=calibration.k.reshape(-1),
        r=calibration.r.reshape(-1),
        p=calibration.p.reshape(-1),
        binning_x=0,
        binning_y=0,
        roi=types.types["sensor_msgs/msg/RegionOfInterest"](
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        ),
    )


def _header(types: Typestore, frame: Frame) -> Any:
    seconds, nanoseconds = divmod(frame.stamp_ns, 10**9)
    stamp = types.types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
    return types.types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame.frame_id)
