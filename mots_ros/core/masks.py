"""From mask probabilities on the network's map to one label image with disjoint objects."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mots_ros.core.letterbox import MAP_STRIDE, Letterbox
from mots_ros.core.types import Detections, LabelImage

THRESHOLD = 0.5
"""A pixel is an object's where its mask is more probable than this."""
_MARGIN = 0.1
"""How far a mask may leave its box on each side, in parts of the box's size."""

_SLOPE = -0.75
"""Of bicubic interpolation's weight, one cell away from its middle: OpenCV's choice."""
_REACH = 2
"""Cells to either side that have a weight."""

_TILE = 96
"""Pixels on a side of what is interpolated at once. More would depend on more cells, though every
pixel still does on sixteen; and in large products NumPy's library uses threads of its own, which
wait for each other where other programs keep the processors busy."""

_LARGEST_PIXEL = np.iinfo(np.uint16).max


def pixel_values(ids: NDArray[np.int64]) -> NDArray[np.uint16]:
    """What stands in a label image for each track id: the id, wrapped into 1 to 65535."""
    return ((ids - 1) % _LARGEST_PIXEL + 1).astype(np.uint16)


def compose_label_image(
    detections: Detections,
    ids: NDArray[np.int64],
    letterbox: Letterbox,
    size: tuple[int, int],
    precedence: NDArray[Any] | None = None,
) -> LabelImage:
    """Paint every detection's mask with its id [N].

    Where masks overlap, the one with the larger ``precedence`` [N] takes the pixel: the higher
    score, unless another is given.

    Returns uint16 [H, W] of ``size``, 0 where no object is. Detections without masks leave it
    empty.

    Raises:
        ValueError: the masks do not have the letterbox's map size.
    """
    label_image: LabelImage = np.zeros(size, np.uint16)
    masks = detections.masks
    if masks is None:
        return label_image
    if masks.shape[1:] != letterbox.map_size:
        raise ValueError(f"expected masks of {letterbox.map_size}, not {masks.shape[1:]}")
    values = pixel_values(ids)
    # From the last to the first, who paints over the others.
    precedence = detections.scores if precedence is None else precedence
    order = np.argsort(-precedence, kind="stable")[::-1]
    surroundings = _surroundings(detections.boxes, letterbox, size)
    if not isinstance(masks, np.ndarray):
        in_order = masks[order]
        return in_order.painted(letterbox, size, surroundings[order], values[order])
    rows, columns = enlargement(letterbox, size)
    tiles = [
        (index, x, y, min(x + _TILE, right), min(y + _TILE, bottom))
        for index, (left, top, right, bottom) in zip(
            order.tolist(), surroundings[order].tolist(), strict=True
        )
        for y in range(top, bottom, _TILE)
        for x in range(left, right, _TILE)
    ]
    places = np.array(tiles, np.int64).reshape(-1, 5)[:, 1:]
    cells = _cells_under(places, letterbox).tolist()
    for (index, left, top, right, bottom), (first_x, first_y, last_x, last_y) in zip(
        tiles, cells, strict=True
    ):
        mask = masks[index, first_y:last_y, first_x:last_x]
        probability = rows[top:bottom, first_y:last_y] @ mask @ columns[first_x:last_x, left:right]
        label_image[top:bottom, left:right][probability > THRESHOLD] = values[index]
    return label_image


def cells_around(boxes: NDArray[Any], letterbox: Letterbox) -> NDArray[np.int64]:
    """The part of the map from which an object's mask is composed; the rest is not looked at.

    Returns first column and row, and those after the last [N, 4], of boxes [N, 4] in image pixels.
    """
    return _cells_under(_surroundings(boxes, letterbox, letterbox.image_size), letterbox)


def _surroundings(
    boxes: NDArray[Any], letterbox: Letterbox, size: tuple[int, int]
) -> NDArray[np.int64]:
    """The pixels in which each object's mask may lie [N, 4]: left, top, right, bottom."""
    margin = np.maximum(_MARGIN * (boxes[:, 2:] - boxes[:, :2]), MAP_STRIDE / letterbox.scale)
    around = np.concatenate([np.floor(boxes[:, :2] - margin), np.ceil(boxes[:, 2:] + margin)], 1)
    return np.clip(around, 0, (size[1], size[0]) * 2).astype(np.int64)


def _cells_under(pixels: NDArray[np.int64], letterbox: Letterbox) -> NDArray[np.int64]:
    """The cells from which these parts of the image are interpolated; never none."""
    on_map = letterbox.image_to_map(pixels.astype(float))
    sides = np.array(letterbox.map_size[::-1])
    first = np.clip(np.floor(on_map[:, :2]) - _REACH, 0, sides - 1)
    last = np.clip(np.ceil(on_map[:, 2:]) + _REACH, first + 1, sides)
    return np.concatenate([first, last], axis=1).astype(np.int64)


@lru_cache(maxsize=8)
def enlargement(
    letterbox: Letterbox, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Two matrices [H, h] and [w, W] that enlarge a map [h, w] from the left and from the right.

    They interpolate between the centres of cells. Bicubic restores the outlines of annotated
    objects clearly better than bilinear.
    """
    height, width = size
    longer = np.arange(max(size)) + 0.5
    on_map = letterbox.image_to_map(np.stack([longer, longer], axis=1))
    map_height, map_width = letterbox.map_size
    return _bicubic(on_map[:height, 1], map_height), _bicubic(on_map[:width, 0], map_width).T


def _bicubic(positions: NDArray[np.float64], cells: int) -> NDArray[np.float32]:
    """The weight [P, cells] of every cell in the value at each of P positions on the map.

    Beyond the border the outermost cell continues.
    """
    from_centre_of_first = np.clip(positions - 0.5, -1, cells)
    distance = np.abs(from_centre_of_first[:, None] - np.arange(-_REACH, cells + _REACH))
    near = ((_SLOPE + 2) * distance - (_SLOPE + 3)) * distance**2 + 1
    far = _SLOPE * (((distance - 5) * distance + 8) * distance - 4)
    weights = np.where(distance < 1, near, np.where(distance < _REACH, far, 0))
    inside = weights[:, _REACH:-_REACH]
    inside[:, 0] += weights[:, :_REACH].sum(axis=1)
    inside[:, -1] += weights[:, -_REACH:].sum(axis=1)
    return inside.astype(np.float32)
