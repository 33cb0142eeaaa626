"""From mask probabilities on the network's map to one label image with disjoint objects."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.core.letterbox import MAP_STRIDE, Letterbox
from mots_ros.core.types import Detections, LabelImage

_THRESHOLD = 0.5
_MARGIN = 0.1
"""How far a mask may leave its box on each side, in parts of the box's size."""

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
    order = detections.scores if precedence is None else precedence
    for index in np.argsort(-order, kind="stable"):
        left, top, right, bottom = _surroundings(detections.boxes[index], letterbox, size)
        if left >= right or top >= bottom:
            continue
        probability = _enlarged(masks[index], letterbox, (left, top, right, bottom))
        region = label_image[top:bottom, left:right]
        region[(probability > _THRESHOLD) & (region == 0)] = values[index]
    return label_image


def _surroundings(
    box: NDArray[Any], letterbox: Letterbox, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The pixel columns and rows (left, top, right, bottom) in which an object's mask may lie."""
    cell = MAP_STRIDE / letterbox.scale
    margin = np.maximum(_MARGIN * (box[2:] - box[:2]), cell)
    height, width = size
    left, top = np.clip(np.floor(box[:2] - margin), 0, (width, height)).astype(int).tolist()
    right, bottom = np.clip(np.ceil(box[2:] + margin), 0, (width, height)).astype(int).tolist()
    return left, top, right, bottom


def _enlarged(
    mask: NDArray[np.float32], letterbox: Letterbox, region: tuple[int, int, int, int]
) -> NDArray[Any]:
    """The probabilities at the centres of a region's image pixels, interpolated between cells."""
    left, top, right, bottom = region
    first = letterbox.image_to_map(np.array([left + 0.5, top + 0.5]))
    step = letterbox.scale / MAP_STRIDE
    # warpAffine's coordinates are 0 in the middle of the first cell. Bicubic restores the outlines
    # of annotated objects clearly better than bilinear.
    matrix = np.array([[step, 0, first[0] - 0.5], [0, step, first[1] - 0.5]])
    probability: NDArray[Any] = cv2.warpAffine(
        mask,
        matrix,
        (right - left, bottom - top),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return probability
