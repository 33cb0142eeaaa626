"""A tracked frame drawn on its image: masks, boxes, and who each object is."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.core.types import Image, LabelImage, TrackedFrame
from mots_ros.evaluation.palette import PALETTE, Colour, colour_of, ink_on
from mots_ros.evaluation.trails import Trails

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.4
_PADDING = 3
_SHIFT = 4
"""OpenCV's binary digits after the point."""

_Rectangle = tuple[int, int, int, int]  # x1, y1, x2, y2


def draw(
    image: Image,
    tracked: TrackedFrame,
    class_names: Sequence[str],
    opacity: float = 0.5,
    trails: Trails | None = None,
) -> Image:
    """A copy of ``image`` (RGB) with everything that was tracked in it, and where it came from.

    ``opacity``, in [0, 1], is that of the masks; their contours are always opaque.
    """
    canvas: Image = image.copy()
    draw_masks(canvas, tracked.label_image, opacity)
    for track_id, points in trails.lines().items() if trails else ():
        line = np.rint(points * 2**_SHIFT).astype(np.int32)
        cv2.polylines(canvas, [line], False, colour_of(track_id), 2, cv2.LINE_AA, _SHIFT)
    _draw_boxes(canvas, tracked)
    _draw_captions(canvas, tracked, class_names)
    return canvas


def draw_masks(canvas: Image, label_image: LabelImage, opacity: float) -> None:
    """Tint every object of the label image in its colour and trace its contour, in place."""
    labels = label_image.reshape(-1)
    inside = np.flatnonzero(labels)
    colours = PALETTE.take((labels.take(inside) - 1) % len(PALETTE), axis=0)
    # Blending is two look-ups and an addition, and only where there are objects.
    tint = (np.arange(256) * opacity).astype(np.uint8)
    fade = (np.arange(256) * (1.0 - opacity)).astype(np.uint8)
    pixels = canvas.reshape(-1, 3)
    blend = fade.take(pixels.take(inside, axis=0)) + tint.take(colours)
    edge = contours(label_image).reshape(-1).take(inside)
    blend[edge] = colours[edge]
    pixels[inside] = blend


def contours(label_image: LabelImage) -> NDArray[np.bool_]:
    """bool [H, W]: the objects' outermost pixels."""
    window = np.ones((3, 3), dtype=np.uint8)
    outermost: NDArray[np.bool_] = cv2.erode(label_image, window) != cv2.dilate(label_image, window)
    outermost &= label_image != 0
    return outermost


def put_caption(canvas: Image, text: str, corner: tuple[int, int], background: Colour) -> None:
    """Text on a filled plate whose upper left corner is ``corner`` (x, y), in place."""
    x, y = corner
    width, height = caption_size(text)
    cv2.rectangle(canvas, (x, y), (x + width - 1, y + height - 1), background, cv2.FILLED)
    baseline = (x + _PADDING, y + height - _PADDING - 1)
    cv2.putText(canvas, text, baseline, _FONT, _FONT_SCALE, ink_on(background), 1, cv2.LINE_AA)


def caption_size(text: str) -> tuple[int, int]:
    """Width and height in pixels of the plate that ``put_caption`` draws."""
    (width, height), _ = cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)
    return width + 2 * _PADDING, height + 2 * _PADDING


def _draw_boxes(canvas: Image, tracked: TrackedFrame) -> None:
    corners = np.round(tracked.detections.boxes).astype(int)
    for track_id, (x1, y1, x2, y2) in zip(tracked.ids.tolist(), corners.tolist(), strict=True):
        cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), colour_of(track_id), 1)


def _draw_captions(canvas: Image, tracked: TrackedFrame, class_names: Sequence[str]) -> None:
    """Captions, large objects first, each at the first free place beside its box."""
    detections = tracked.detections
    boxes = np.round(detections.boxes).astype(int)
    plates: list[tuple[str, _Rectangle, Colour]] = []
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    for row in np.argsort(-areas, kind="stable").tolist():
        track_id = int(tracked.ids[row])
        name = class_names[int(detections.labels[row])]
        text = f"{name} {track_id} {detections.scores[row]:.2f}"
        left, top, _, bottom = boxes[row].tolist()
        places = _places(caption_size(text), (left, top, bottom), canvas.shape[:2])
        taken = [plate for _, plate, _ in plates]
        free = (place for place in places if not any(_overlap(place, other) for other in taken))
        place = next(free, places[0])
        plates.append((text, place, colour_of(track_id)))
        if place[3] < top:
            # A caption that had to move up stays tied to its box.
            start, end = (place[0], place[3]), (place[0], top)
            cv2.line(canvas, start, end, colour_of(track_id), 1)
    for text, place, colour in plates:
        put_caption(canvas, text, place[:2], colour)


def _places(
    plate: tuple[int, int], side: tuple[int, int, int], size: tuple[int, int]
) -> list[_Rectangle]:
    """Where a caption may stand inside an image of ``size`` (H, W), best first.

    ``plate`` is its width and height, ``side`` the box's left edge as x, top, bottom.
    """
    (width, height), (left, top, bottom) = plate, side
    x = min(max(left, 0), max(size[1] - width, 0))
    rows = (top - height, top - 2 * height, top - 3 * height, bottom, bottom + height, top)
    inside = [y for y in rows if 0 <= y <= size[0] - height]
    return [(x, y, x + width, y + height) for y in inside or [0]]


def _overlap(a: _Rectangle, b: _Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
