"""Between ROS messages and the package's own types."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence

import numpy as np
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


def to_messages(
    tracked: TrackedFrame, class_names: Sequence[str]
) -> tuple[Detection2DArray, Image]:
    """The detections and the mono16 label image of one frame, both with its camera's header."""
    header = to_header(tracked)
    detections = Detection2DArray(header=header)
    rows = zip(
        tracked.ids.tolist(),
        tracked.detections.labels.tolist(),
        tracked.detections.scores.tolist(),
        tracked.detections.boxes.tolist(),
        strict=True,
    )
    for track_id, label, score, box in rows:
        detections.detections.append(_detection(header, track_id, class_names[label], score, box))
    return detections, _image(header, "mono16", tracked.label_image)


def to_rgb_message(frame: Frame | TrackedFrame, image: ImageArray) -> Image:
    """An RGB picture of a frame as an rgb8 message with its camera's header."""
    return _image(to_header(frame), "rgb8", image)


def to_header(frame: Frame | TrackedFrame) -> Header:
    """The header that everything derived from this frame carries: the camera's."""
    header = Header(frame_id=frame.frame_id)
    header.stamp.sec, header.stamp.nanosec = divmod(frame.stamp_ns, 10**9)
    return header


def _detection(
    header: Header, track_id: int, class_name: str, score: float, box: Sequence[float]
) -> Detection2D:
    x1, y1, x2, y2 = box
    result = ObjectHypothesisWithPose()
    result.hypothesis.class_id = class_name
    result.hypothesis.score = score
    detection = Detection2D(header=header, results=[result], id=str(track_id))
    detection.bbox.center.position.x = (x1 + x2) / 2
    detection.bbox.center.position.y = (y1 + y2) / 2
    detection.bbox.size_x = x2 - x1
    detection.bbox.size_y = y2 - y1
    return detection


def _image(header: Header, encoding: str, pixels: ImageArray | LabelImage) -> Image:
    height, width = pixels.shape[:2]
    # rclpy takes an array('B') as it is and checks anything else byte by byte.
    data = array("B")
    data.frombytes(np.ascontiguousarray(pixels).data.cast("B"))
    return Image(
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=int(sys.byteorder == "big"),
        step=len(data) // height,
        data=data,
    )
