"""Annotations damaged by a stated amount, as a detector that makes mistakes would have seen them.

Every mask draws its own random numbers from the seed, its frame and its object, so what happens to
one does not depend on the others: a higher rate loses whatever a lower one loses, and more. Ignore
regions stay as they are. The results are valid annotations: masks are disjoint and inside the
image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from itertools import cycle

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.data.kitti_mots import (
    IGNORE_CLASS,
    MAX_INSTANCES,
    Annotation,
    MaskObject,
    class_of,
    instance_map,
)
from mots_ros.data.rle import box_of, decode, encode

_BURSTS, _MISSES, _JITTER, _FALSE_ALARMS = range(4)
"""Independent random streams of a seed."""

_TRIES = 20
"""Places at which room for a false alarm is looked for."""

_Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels, ends excluded
_Mask = NDArray[np.bool_]


def miss(annotation: Annotation, rate: float, seed: int, burst: int = 1) -> Annotation:
    """Lose masks.

    Args:
        rate: the share of masks that is lost, in [0, 1].
        burst: frames, at least 1, in which an object is lost or seen as one: its time is divided
            into stretches of this length, beginning anywhere, and each is lost with probability
            ``rate``. At 1, every mask is lost for itself.

    Raises ValueError for values out of range.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"expected a rate of misses from 0 to 1, found {rate}")
    if burst < 1:
        raise ValueError(f"expected bursts of at least 1 frame, found {burst}")

    def is_lost(frame: int, object_id: int) -> bool:
        stretch = (frame + int(_random(seed, _BURSTS, object_id).integers(burst))) // burst
        return bool(_random(seed, _MISSES, object_id, stretch).random() < rate)

    return _with_frames(
        annotation,
        {
            frame: [
                item
                for item in objects
                if item.class_id == IGNORE_CLASS or not is_lost(frame, item.object_id)
            ]
            for frame, objects in annotation.frames.items()
        },
    )


def jitter(annotation: Annotation, fraction: float, seed: int) -> Annotation:
    """Shift, scale and erode or dilate every mask, each by a random amount.

    A mask is shifted by up to ``fraction`` of its box's width and height, scaled about its box's
    centre by 1 ± ``fraction``, and its outline moves in or out by up to ``fraction`` of a quarter
    of its box's shorter side, all uniformly distributed. Where masks meet, the one that reached
    further down before keeps the pixels. One of which nothing is left is dropped.

    Raises ValueError for a ``fraction`` that is not in [0, 0.5].
    """
    if not 0 <= fraction <= 0.5:
        raise ValueError(f"expected a jitter from 0 to 0.5, found {fraction}")
    if fraction == 0:
        return annotation
    return _with_frames(
        annotation,
        {
            frame: _jittered(objects, annotation.size, fraction, (seed, _JITTER, frame))
            for frame, objects in annotation.frames.items()
        },
    )


def add_false_alarms(
    annotation: Annotation, per_frame: float, length: int, seed: int
) -> Annotation:
    """Add masks where no object is, in frames 0 to ``length`` - 1.

    Each is the mask of a random object in a random frame, at a random place across the image and
    within a tenth of its height of where it stood, so that far objects stay small. It shares no
    pixel with other masks; in a crowd without room it is left out. Its id belongs to no object of
    the annotation and comes again only when all such ids were used.

    Args:
        per_frame: the mean number of false alarms in a frame, at least 0; Poisson distributed.

    Raises ValueError for a ``per_frame`` below 0.
    """
    if not per_frame >= 0:
        raise ValueError(f"expected at least 0 false alarms per frame, found {per_frame}")
    models = [
        item
        for objects in annotation.frames.values()
        for item in objects
        if item.class_id != IGNORE_CLASS
    ]
    if not models:
        return annotation
    used = {item.object_id for item in models}
    ids = {class_of(object_id): _free_ids(used, class_of(object_id)) for object_id in used}
    frames = {frame: list(objects) for frame, objects in annotation.frames.items()}
    for frame in range(length):
        random = _random(seed, _FALSE_ALARMS, frame)
        count = int(random.poisson(per_frame))
        if count == 0:
            continue
        objects = frames.setdefault(frame, [])
        taken = instance_map(objects, annotation.size) != 0
        for _ in range(count):
            model = models[random.integers(len(models))]
            mask = _moved_to_free(model, taken, random)
            object_id = next(ids[model.class_id])
            if mask is not None and all(item.object_id != object_id for item in objects):
                taken |= mask
                objects.append(MaskObject(object_id, model.class_id, encode(mask)))
    return _with_frames(annotation, frames)


def _random(*key: int) -> np.random.Generator:
    return np.random.default_rng(key)


def _with_frames(annotation: Annotation, frames: dict[int, list[MaskObject]]) -> Annotation:
    kept = {frame: tuple(frames[frame]) for frame in sorted(frames) if frames[frame]}
    return replace(annotation, frames=kept)


def _jittered(
    objects: Sequence[MaskObject], size: tuple[int, int], fraction: float, key: tuple[int, ...]
) -> list[MaskObject]:
    """The objects of one frame, in their order."""
    regions = [item for item in objects if item.class_id == IGNORE_CLASS]
    taken = instance_map(regions, size) != 0
    found = [(box_of(item.rle, size), item) for item in objects if item.class_id != IGNORE_CLASS]
    placed = [(box, item) for box, item in found if box is not None]
    masks = {item.object_id: item.rle for item in regions}
    for box, item in sorted(placed, key=lambda entry: -entry[0][3]):
        random = _random(*key, item.object_id)
        (left, top, right, bottom), moved = _warped(
            decode(item.rle, size), box, *(fraction * random.uniform(-1, 1, 4))
        )
        mask = np.zeros(size, bool)
        mask[top:bottom, left:right] = moved
        mask &= ~taken
        taken |= mask
        if mask.any():
            masks[item.object_id] = encode(mask)
    return [replace(item, rle=masks[item.object_id]) for item in objects if item.object_id in masks]


def _warped(
    mask: _Mask, box: _Box, across: float, down: float, growth: float, outline: float
) -> tuple[_Box, _Mask]:
    """Where a mask lies after all that jitter does to it, and the mask there.

    The amounts are fractions of the box's width, height, size and of a quarter of its shorter side.
    """
    height, width = mask.shape
    corners = np.array(box, float).reshape(2, 2)
    centre, extent = corners.mean(axis=0), corners[1] - corners[0]
    radius = round(outline * extent.min() / 4)
    shift = extent * (across, down)
    reach = extent / 2 * (1 + growth) + abs(radius) + 1
    low = np.floor(np.clip(centre + shift - reach, 0, (width, height))).astype(int)
    high = np.ceil(np.clip(centre + shift + reach, 0, (width, height))).astype(int)
    # From a pixel's index in the result to one in the mask; centres lie at index + 0.5.
    first = (low + 0.5 - shift - centre) / (1 + growth) + centre - 0.5
    step = 1 / (1 + growth)
    moved = cv2.warpAffine(
        mask.astype(np.uint8),
        np.array([[step, 0, first[0]], [0, step, first[1]]]),
        tuple((high - low).tolist()),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
    )
    if radius != 0:
        side = 2 * abs(radius) + 1
        ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        moved = (cv2.dilate if radius > 0 else cv2.erode)(moved, ball)
    return (*low.tolist(), *high.tolist()), moved.astype(bool)


def _moved_to_free(model: MaskObject, taken: _Mask, random: np.random.Generator) -> _Mask | None:
    """The model's mask somewhere in the image where nothing is ``taken``; None without room."""
    height, width = taken.shape
    box = box_of(model.rle, taken.shape)
    if box is None:
        return None
    left, top, right, bottom = box
    shape = decode(model.rle, taken.shape)[top:bottom, left:right]
    leeway = (bottom - top) // 10
    for _ in range(_TRIES):
        x = int(random.integers(width - (right - left) + 1))
        y = int(np.clip(top + random.integers(-leeway, leeway + 1), 0, height - (bottom - top)))
        if not (taken[y : y + bottom - top, x : x + right - left] & shape).any():
            mask = np.zeros(taken.shape, bool)
            mask[y : y + bottom - top, x : x + right - left] = shape
            return mask
    return None


def _free_ids(used: Set[int], class_id: int) -> Iterator[int]:
    """The ids of a class that are not used, from the highest down, again and again."""
    first = class_id * MAX_INSTANCES
    return cycle(sorted(set(range(first, first + MAX_INSTANCES)) - used, reverse=True))
