"""How a frame may look: where the crop lies, its scale and flip, light, blur and noise."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.core.types import FloatArray, Image
from mots_ros.training.clips import Clip, random_instance

SCALES = (0.65, 1.35)
"""How large objects are, relative to images that fill the network's input. Small photographs are
shown in their own size, too: objects are as large there as a camera's, and as sharp here."""
FOCUS = 0.75
"""The share of crops that look at an object."""


def random_view(
    clip: Clip, frame: int, crop: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64]:
    """A random crop, scale and flip as a 2x3 matrix for ``warpAffine``.

    Most crops look at an object, of either class alike: streets have more empty road, and
    more cars, than there is to learn from them.
    """
    (h, w), (crop_h, crop_w) = clip.images.shape[1:3], crop
    smallest, largest = SCALES[0] * min(1.0, clip.shown), SCALES[1] * clip.shown
    scale = np.exp(rng.uniform(np.log(smallest), np.log(largest)))
    boxes = clip.boxes[frame]
    if boxes and rng.random() < FOCUS:
        box = boxes[random_instance(boxes, rng)]
        x, y = box.reshape(2, 2).mean(axis=0) + rng.uniform(-0.3, 0.3, 2) * (crop_w, crop_h) / scale
    else:
        x, y = rng.uniform(0, w), rng.uniform(0, h)
    # The crop stays inside the image where the image is large enough.
    margin_x, margin_y = min(w / 2, crop_w / scale / 2), min(h / 2, crop_h / scale / 2)
    x, y = np.clip((x, y), (margin_x, margin_y), (w - margin_x, h - margin_y))
    flip = -1.0 if rng.random() < 0.5 else 1.0
    return np.array(
        [[flip * scale, 0, crop_w / 2 - flip * scale * x], [0, scale, crop_h / 2 - scale * y]]
    )


def points_in(view: NDArray[np.float64], points: FloatArray) -> FloatArray:
    """Where points [..., 2] of the clip lie in the view; its matrix speaks of pixels' middles."""
    return (points - 0.5) @ view[:, :2].T + view[:, 2] + 0.5


def boxes_in(view: NDArray[np.float64], boxes: dict[int, FloatArray]) -> dict[int, FloatArray]:
    """Boxes (xyxy) of objects by id, in the view."""
    corners = {i: points_in(view, box.reshape(2, 2)) for i, box in boxes.items()}
    # A flip exchanges left and right.
    return {i: np.concatenate([c.min(axis=0), c.max(axis=0)]) for i, c in corners.items()}


def random_light(rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Gain and offset per colour channel, common to both frames."""
    gain = rng.uniform(0.6, 1.4) * rng.uniform(0.9, 1.1, 3)
    contrast = rng.uniform(0.7, 1.3)
    return (gain * contrast).astype(np.float32), np.float32(128 * (1 - contrast)) * np.ones(
        3, np.float32
    )


def relight(image: Image, light: tuple[FloatArray, FloatArray], rng: np.random.Generator) -> Image:
    """An image under a light of ``random_light``, with a blur and a noise of its own."""
    gain, offset = light
    levels = np.arange(256, dtype=np.float32)[:, None]
    table = np.clip(levels * gain + offset + rng.uniform(-6, 6), 0, 255).astype(np.uint8)
    image = cv2.LUT(image, table[None])
    if rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.2))
    if rng.random() < 0.3:
        noise = rng.integers(-8, 9, image.shape, dtype=np.int16)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image
