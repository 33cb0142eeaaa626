"""Camera images out of ROS messages: every encoding, and every contradiction named."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from mots_ros.data.image_messages import ENCODINGS, ImageError, label_image, rgb_image

RED_GREEN = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)


def message(encoding: str, pixels: np.ndarray, /, **changes: Any) -> SimpleNamespace:
    """An Image of the given array [H, W, ...], with fields replaced by ``changes``."""
    data = np.ascontiguousarray(pixels).tobytes()
    fields = {
        "header": None,
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "encoding": encoding,
        "is_bigendian": 0,
        "step": len(data) // pixels.shape[0],
        "data": data,
    }
    return SimpleNamespace(**(fields | changes))


def with_alpha(pixels: np.ndarray) -> np.ndarray:
    return np.concatenate([pixels, np.full((2, 2, 1), 7, np.uint8)], axis=2)


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", RED_GREEN),
        ("bgr8", RED_GREEN[..., ::-1]),
        ("rgba8", with_alpha(RED_GREEN)),
        ("bgra8", with_alpha(RED_GREEN[..., ::-1])),
        ("rgb16", RED_GREEN.astype(np.uint16) * 257),
        ("bgr16", RED_GREEN[..., ::-1].astype(np.uint16) * 257),
    ],
)
def test_colours_arrive_as_rgb(encoding: str, pixels: np.ndarray) -> None:
    image = rgb_image(message(encoding, pixels), "/image")
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, RED_GREEN)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_listed_encoding_is_read(encoding: str) -> None:
    grey = np.full((4, 4, ENCODINGS[encoding]), 128, np.uint8)
    image = rgb_image(message(encoding, grey), "/image")
    assert image.shape == (4, 4, 3)
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - 128).max() <= 4


def test_a_bayer_mosaic_has_its_red_where_the_name_says() -> None:
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[::2, ::2] = 200
    image = rgb_image(message("bayer_rggb8", mosaic), "/image")
    assert image[3:5, 3:5, 0].min() > 0
    assert not image[..., 2].any()


def test_padded_rows_are_cut() -> None:
    padded = np.concatenate([RED_GREEN.reshape(2, 6), np.full((2, 5), 9, np.uint8)], axis=1)
    padded_message = message("rgb8", padded, width=2)
    assert padded_message.step == 11
    np.testing.assert_array_equal(rgb_image(padded_message, "/image"), RED_GREEN)


def test_an_rgb8_image_is_not_copied() -> None:
    buffer = np.ascontiguousarray(RED_GREEN).reshape(-1)
    image = rgb_image(message("rgb8", RED_GREEN, data=buffer), "/image")
    assert np.shares_memory(image, buffer)


@pytest.mark.parametrize(
    ("changes", "reason", "text"),
    [
        ({"encoding": "rgb9"}, "unknown encoding", "'rgb9' image: expected one of rgb8, bgr8"),
        ({"encoding": ""}, "unknown encoding", "'' image"),
        ({"width": 0}, "empty image", "0x2 'rgb8' image: has no pixels"),
        ({"height": 0}, "empty image", "2x0 'rgb8' image: has no pixels"),
        ({"step": 5}, "wrong step", "step is 5 bytes, a row needs at least 6"),
        (
            {"data": bytes(11)},
            "wrong data size",
            "11 bytes of data, but step 6 times height 2 is 12",
        ),
        ({"data": b""}, "wrong data size", "0 bytes of data"),
    ],
)
def test_contradictions_are_named(changes: dict[str, Any], reason: str, text: str) -> None:
    with pytest.raises(ImageError) as caught:
        rgb_image(message("rgb8", RED_GREEN, **changes), "/front/image")
    assert caught.value.reason == reason
    assert str(caught.value).startswith("/front/image: ")
    assert text in str(caught.value)


def test_what_the_converter_cannot_read_is_named() -> None:
    odd = np.zeros((2, 3, 2), np.uint8)
    with pytest.raises(ImageError, match="/image: 3x2 'yuv422' image: ") as caught:
        rgb_image(message("yuv422", odd), "/image", convert=_fails)
    assert caught.value.reason == "unreadable image"


def _fails(message: Any, encoding: str) -> np.ndarray:
    raise RuntimeError("no luck")


def test_compressed_images_are_decoded() -> None:
    _, data = cv2.imencode(".png", RED_GREEN[..., ::-1])
    compressed = SimpleNamespace(format="png", data=data.tobytes())
    np.testing.assert_array_equal(rgb_image(compressed, "/image"), RED_GREEN)


def with_orientation(jpeg: bytes, value: int) -> bytes:
    """A JPEG file with an EXIF block that says how the camera was held."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, value, 0)
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


def test_a_compressed_image_stays_as_its_camera_info_describes_it() -> None:
    _, data = cv2.imencode(".jpg", np.zeros((8, 16, 3), np.uint8))
    turned = with_orientation(data.tobytes(), 6)
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (16, 8, 3)
    compressed = SimpleNamespace(format="jpeg", data=turned)
    assert rgb_image(compressed, "/image").shape == (8, 16, 3)


@pytest.mark.parametrize("data", [b"", b"not an image"])
def test_undecodable_compressed_images_are_named(data: bytes) -> None:
    with pytest.raises(
        ImageError, match=f"/image: {len(data)} bytes of compressed image"
    ) as caught:
        rgb_image(SimpleNamespace(format="jpeg", data=data), "/image")
    assert caught.value.reason == "unreadable image"


@pytest.mark.parametrize(("order", "is_bigendian"), [("<u2", 0), (">u2", 1)])
def test_labels_survive_in_both_byte_orders(order: str, is_bigendian: int) -> None:
    labels = np.array([[0, 1, 65535], [258, 7, 0]], np.uint16)
    read = label_image(message("mono16", labels.astype(order), is_bigendian=is_bigendian), "/m")
    np.testing.assert_array_equal(read, labels)
    assert read.dtype == np.uint16


def test_labels_in_another_encoding_are_refused() -> None:
    with pytest.raises(ImageError, match="/m: 2x2 'rgb8' image: expected labels as 'mono16'"):
        label_image(message("rgb8", RED_GREEN), "/m")
