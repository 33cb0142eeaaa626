"""Camera images out of ROS image messages, from a topic or a bag alike."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.image import message_to_cvimage

from mots_ros.core.types import Image, LabelImage
from mots_ros.data.image_files import AS_STORED

Convert = Callable[[Any, str], NDArray[Any]]

# Bytes per pixel of the encodings that can become rgb8.
ENCODINGS = {
    "rgb8": 3,
    "bgr8": 3,
    "rgba8": 4,
    "bgra8": 4,
    "mono8": 1,
    "rgb16": 6,
    "bgr16": 6,
    "rgba16": 8,
    "bgra16": 8,
    "mono16": 2,
    "yuv422": 2,
    "uyvy": 2,
    "yuyv": 2,
    "yuv422_yuy2": 2,
    "bayer_rggb8": 1,
    "bayer_bggr8": 1,
    "bayer_gbrg8": 1,
    "bayer_grbg8": 1,
    "bayer_rggb16": 2,
    "bayer_bggr16": 2,
    "bayer_gbrg16": 2,
    "bayer_grbg16": 2,
}


class ImageError(ValueError):
    """An image message contradicts itself or cannot be read.

    ``reason`` is the kind of fault in two or three words, for counting.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def rgb_image(message: Any, topic: str, convert: Convert = message_to_cvimage) -> Image:
    """The RGB uint8 image [H, W, 3] in a sensor_msgs Image or CompressedImage.

    An rgb8 message is viewed, not copied.

    Args:
        message: of rclpy or of rosbags.
        topic: where it came from, for the error's text.
        convert: turns an Image message without row padding into an array of the named encoding.

    Raises:
        ImageError: naming the topic, the encoding and the numbers that disagree.
    """
    if hasattr(message, "format"):
        return _decompressed(message, topic)
    what = _described(message, topic)
    if message.encoding not in ENCODINGS:
        raise ImageError("unknown encoding", f"{what}: expected one of {', '.join(ENCODINGS)}")
    message = _without_padding(message, what)
    try:
        image = convert(message, "rgb8")
    except Exception as error:  # Whatever the converter's libraries raise on what they cannot read.
        raise ImageError("unreadable image", f"{what}: {error}") from error
    return np.ascontiguousarray(image)


def label_image(message: Any, topic: str) -> LabelImage:
    """The uint16 labels [H, W] in a mono16 Image message.

    Raises:
        ImageError: naming the topic, the encoding and the numbers that disagree.
    """
    what = _described(message, topic)
    if message.encoding != "mono16":
        raise ImageError("unknown encoding", f"{what}: expected labels as 'mono16'")
    data = _without_padding(message, what).data
    order = ">u2" if message.is_bigendian else "<u2"
    labels = np.frombuffer(data, order).reshape(message.height, message.width)
    return np.ascontiguousarray(labels, np.uint16)


def _described(message: Any, topic: str) -> str:
    return f"{topic}: {message.width}x{message.height} '{message.encoding}' image"


def _decompressed(message: Any, topic: str) -> Image:
    try:
        image = cv2.imdecode(np.frombuffer(message.data, np.uint8), AS_STORED)
    except cv2.error:
        image = None
    if image is None:
        raise ImageError(
            "unreadable image",
            f"{topic}: {len(message.data)} bytes of compressed image, format '{message.format}', "
            "cannot be decoded",
        )
    rgb: Image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)
    return rgb


def _without_padding(message: Any, what: str) -> Any:
    """The same image with nothing between its rows; ``what`` names it in an ImageError."""
    if message.width == 0 or message.height == 0:
        raise ImageError("empty image", f"{what}: has no pixels")
    row = message.width * ENCODINGS[message.encoding]
    if message.step < row:
        raise ImageError(
            "wrong step", f"{what}: step is {message.step} bytes, a row needs at least {row}"
        )
    if len(message.data) != message.step * message.height:
        raise ImageError(
            "wrong data size",
            f"{what}: {len(message.data)} bytes of data, but step {message.step} times height "
            f"{message.height} is {message.step * message.height}",
        )
    if message.step == row:
        return message
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    return SimpleNamespace(
        header=message.header,
        height=message.height,
        width=message.width,
        encoding=message.encoding,
        is_bigendian=message.is_bigendian,
        step=row,
        data=rows[:, :row].tobytes(),
    )
