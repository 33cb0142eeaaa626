"""Training samples: two frames of one clip under one random view, with their targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mots_ros.core import kalman
from mots_ros.core.letterbox import MAP_STRIDE
from mots_ros.core.types import FloatArray, Image
from mots_ros.training.clips import Clip
from mots_ros.training.targets import FrameTargets, draw_gaussian, frame_targets, gaussian_radius

MAX_GAP = 3
HISTORY = 5
MISS_RATE = 0.15
BOX_NOISE = 0.03
SCALES = (0.55, 1.25)
"""Network pixels per stored pixel: at a stored width of 832, inputs 460 to 1040 pixels wide."""
FOCUS = 0.5
MIN_AREA = 24
"""Visible pixels at network size below which an object is not asked for."""


@dataclass(frozen=True)
class Pair:
    """An earlier and a later frame [H, W, 3] and what the network should say of them.

    references: [N, 2] where each of the earlier frame's N objects is expected in the later one, by
        its Kalman filter, in continuous map coordinates. responses: [N, h, w] the target of its
        search, all zero when it is gone.
    """

    earlier: Image
    later: Image
    earlier_targets: FrameTargets
    later_targets: FrameTargets
    references: FloatArray
    responses: FloatArray


def pairs(clips: Sequence[Clip], crop: tuple[int, int], seed: int) -> Iterator[Pair]:
    """Endless random pairs; ``crop`` is height and width, multiples of 32."""
    rng = np.random.default_rng(seed)
    odds = np.array([len(clip) for clip in clips], float)
    odds /= odds.sum()
    while True:
        clip = clips[rng.choice(len(clips), p=odds)]
        later = int(rng.integers(MAX_GAP, len(clip)))
        # Neighbours are what the tracker meets most; the same frame twice, now and then.
        gap = int(rng.choice(MAX_GAP + 1, p=(0.1, 0.5, 0.2, 0.2)))
        yield make_pair(clip, later - gap, later, crop, rng)


def make_pair(
    clip: Clip, earlier: int, later: int, crop: tuple[int, int], rng: np.random.Generator
) -> Pair:
    """Frames ``earlier`` and ``later`` of a clip under one random view and two random lights."""
    view = _random_view(clip, later, crop, rng)
    light = _random_light(rng)
    images, targets = [], []
    for frame in (earlier, later):
        image = cv2.warpAffine(clip.images[frame], view, crop[::-1], flags=cv2.INTER_LINEAR)
        instances = cv2.warpAffine(clip.instances[frame], view, crop[::-1], flags=cv2.INTER_NEAREST)
        images.append(_relight(image, light, rng))
        targets.append(frame_targets(instances, 2, MIN_AREA))  # type: ignore[arg-type]
    before, after = targets
    references = np.array(
        [_expected_centre(clip, int(i), earlier, later, rng) for i in before.ids], np.float32
    ).reshape(-1, 2)
    # Continuous coordinates: warpAffine's matrix speaks of pixel centres.
    references = ((references - 0.5) @ view[:, :2].T + view[:, 2] + 0.5) / MAP_STRIDE
    responses = np.zeros((len(before.ids), *after.heat.shape[1:]), np.float32)
    for response, instance in zip(responses, before.ids, strict=True):
        for found in np.flatnonzero(after.ids == instance):
            draw_gaussian(response, after.pixels[found], gaussian_radius(after.sizes[found]))
    return Pair(images[0], images[1], before, after, references.astype(np.float32), responses)


def _expected_centre(
    clip: Clip, instance: int, earlier: int, later: int, rng: np.random.Generator
) -> FloatArray:
    """Where a filter that ran up to ``earlier``, with noise and misses, expects the object (x, y in
    stored pixels) at ``later``: what the tracker's motion map will be made of (section 3.2)."""
    state = None
    for frame in range(max(0, earlier - HISTORY), later + 1):
        if state is not None:
            state = kalman.predict(*state, 1.0)
        box = clip.boxes[frame].get(instance)
        # The tracker reads the object's kernel in ``earlier``: it was certainly seen there.
        if box is None or frame > earlier or (frame < earlier and rng.random() < MISS_RATE):
            continue
        size = np.tile(box[2:] - box[:2], 2)
        seen = (box + rng.normal(0, BOX_NOISE, 4) * size) / clip.scale
        state = kalman.initiate(seen) if state is None else kalman.update(*state, seen)
    assert state is not None
    if later == earlier:
        return clip.boxes[earlier][instance].reshape(2, 2).mean(0)
    return (state[0][:2] * clip.scale).astype(np.float32)


def _random_view(
    clip: Clip, frame: int, crop: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """A random crop, scale and flip as a 2x3 matrix for ``warpAffine``.

    Half of the crops look at an object, of either class alike: streets have more empty road, and
    more cars, than there is to learn from them.
    """
    (h, w), (crop_h, crop_w) = clip.images.shape[1:3], crop
    scale = np.exp(rng.uniform(*np.log(SCALES)))
    boxes = clip.boxes[frame]
    if boxes and rng.random() < FOCUS:
        label = rng.choice(list({instance // 1000 for instance in boxes}))
        box = boxes[rng.choice([instance for instance in boxes if instance // 1000 == label])]
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


def _random_light(rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Gain and offset per colour channel, common to both frames."""
    gain = rng.uniform(0.6, 1.4) * rng.uniform(0.9, 1.1, 3)
    contrast = rng.uniform(0.7, 1.3)
    return (gain * contrast).astype(np.float32), np.float32(128 * (1 - contrast)) * np.ones(
        3, np.float32
    )


def _relight(
    image: np.ndarray, light: tuple[FloatArray, FloatArray], rng: np.random.Generator
) -> Image:
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
