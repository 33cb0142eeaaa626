"""Between ROS messages and the package's own types."""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence

import numpy as np
from rclpy.serialization import serialize_message
from rosbags.image import message_to_cvimage
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose

from mots_ros.core.types import Frame, LabelImage, TrackedFrame
from mots_ros.core.types import Image as ImageArray
from mots_ros.data.bags import header_stamp_ns
from mots_ros.data.image_messages import Convert, rgb_image


def to_frame(
    message: Image | CompressedImage, topic: str, convert: Convert = message_to_cvimage
) -> Frame:
    """A camera message as a frame; see ``rgb_image`` for the arguments.

    Raises:
        ImageError: the message contradicts itself or cannot be read.
    """
    image = rgb_image(message, topic, convert)
    return Frame(header_stamp_ns(message), message.header.frame_id, image)


class DetectionsMessage:
    """The detections of a frame as a message whose parts, a dozen for each, are made once: that
    takes several times as long as to fill them.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self._class_names = class_names
        self._parts: list[Detection2D] = []

    def of(self, tracked: TrackedFrame) -> Detection2DArray:
        """This frame's, with its camera's header; valid until the next is asked for."""
        header = to_header(tracked)
        while len(self._parts) < len(tracked.ids):
            self._parts.append(Detection2D(results=[ObjectHypothesisWithPose()]))
        parts = self._parts[: len(tracked.ids)]
        found = tracked.detections
        for part, track_id, label, score, (x1, y1, x2, y2) in zip(
            parts,
            tracked.ids.tolist(),
            found.labels.tolist(),
            found.scores.tolist(),
            found.boxes.tolist(),
            strict=True,
        ):
            part.header, part.id = header, str(track_id)
            hypothesis, box = part.results[0].hypothesis, part.bbox
            hypothesis.class_id, hypothesis.score = self._class_names[label], score
            box.center.position.x, box.center.position.y = (x1 + x2) / 2, (y1 + y2) / 2
            box.size_x, box.size_y = x2 - x1, y2 - y1
        return Detection2DArray(header=header, detections=parts)


def to_masks_message(tracked: TrackedFrame) -> bytes:
    """The mono16 label image of one frame as a serialised sensor_msgs/Image, with its camera's
    header."""
    return _image(to_header(tracked), "mono16", tracked.label_image)


def to_rgb_message(frame: Frame | TrackedFrame, image: ImageArray) -> bytes:
    """An RGB picture of a frame as a serialised rgb8 message with its camera's header."""
    return _image(to_header(frame), "rgb8", image)


def to_header(frame: Frame | TrackedFrame) -> Header:
    """The header that everything derived from this frame carries: the camera's."""
    header = Header(frame_id=frame.frame_id)
    header.stamp.sec, header.stamp.nanosec = divmod(frame.stamp_ns, 10**9)
    return header


def _image(header: Header, encoding: str, pixels: ImageArray | LabelImage) -> bytes:
    height, width = pixels.shape[:2]
    empty = Image(
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=int(sys.byteorder == "big"),
        step=pixels.nbytes // height,
    )
    # The pixels come last, after their number of bytes. As a field they would be copied four times.
    length, content = struct.pack("=I", pixels.nbytes), np.ascontiguousarray(pixels).data
    return b"".join((serialize_message(empty)[:-4], length, content))
