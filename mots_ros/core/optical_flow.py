"""Dense optical flow between frames, and what it makes of masks and boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.core.letterbox import Letterbox
from mots_ros.core.masks import THRESHOLD
from mots_ros.core.types import FloatArray, Frame

STRIDE = 2
"""Input pixels per pixel of a view. Flow on half the network's input takes a fifth of the time that
it takes on the whole, and carries masks nearly as well."""

Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class View:
    """A frame as flow sees it: grey, uint8 [h, w], at ``STRIDE``."""

    grey: NDArray[np.uint8]
    letterbox: Letterbox

    @classmethod
    def of(cls, frame: Frame, letterbox: Letterbox) -> View:
        """The frame in the letterbox of its detections."""
        reduced = letterbox.reduced(STRIDE)
        return cls(reduced.warp(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)), reduced)


def masks_in_view(probabilities: FloatArray, view: View) -> Masks:
    """Masks [N, h, w] in a view from their probabilities on a map of the network's input."""
    masks = np.empty((len(probabilities), *view.grey.shape), bool)
    for mask, probability in zip(masks, probabilities, strict=True):
        mask[:] = cv2.resize(probability, mask.shape[::-1]) > THRESHOLD
    return masks


def optical_flow(source: View, target: View) -> FloatArray:
    """How far to the right and down each pixel of one view is in another of its size, [h, w, 2].

    By OpenCV's dense inverse search.
    """
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]
    flow: FloatArray = search.calc(source.grey, target.grey, None)
    return flow


def warped_masks(masks: Masks, back: FloatArray) -> Masks:
    """Masks [N, h, w] of the frame before as they should look now.

    ``back`` [h, w, 2] is the flow from now to the frame before: so every pixel of now has an
    origin, and no hole remains where an object grows.
    """
    height, width = back.shape[:2]
    origin = back + np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    x, y = cv2.convertMaps(origin.astype(np.float32), None, cv2.CV_16SC2, nninterpolation=True)
    warped = np.empty(masks.shape, np.uint8)
    for before, now in zip(masks.view(np.uint8), warped, strict=True):
        cv2.remap(before, x, y, cv2.INTER_NEAREST, now, cv2.BORDER_CONSTANT)
    return warped.view(np.bool_)


def shifted_boxes(boxes: NDArray[Any], forth: FloatArray) -> NDArray[Any]:
    """Boxes [N, 4] of the frame before, each moved by the median of the flow inside it.

    ``forth`` [h, w, 2] is the flow from the frame before, in whose view the boxes are. A box
    outside of it stays.
    """
    height, width = forth.shape[:2]
    first = np.clip(np.floor(boxes[:, :2]), 0, (width, height)).astype(int)
    end = np.clip(np.ceil(boxes[:, 2:]), 0, (width, height)).astype(int)
    moved = boxes.copy()
    for box, (left, top), (right, bottom) in zip(moved, first, end, strict=True):
        inside = forth[top:bottom, left:right]
        if inside.size:
            box += np.tile(np.median(inside, axis=(0, 1)), 2)
    return moved
