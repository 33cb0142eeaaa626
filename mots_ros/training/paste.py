"""Copy-and-paste: objects of other clips walk and drive beside those that are there.

They hide one another as people in groups and cars in queues do, and are what a search must not take
for its own object: others of the same class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mots_ros.core.types import FloatArray, Image, LabelImage
from mots_ros.training.clips import Clip, random_instance

MIN_SIDE = 10
"""Stored pixels of an object's smaller side below which it is of no use elsewhere."""
MAX_ENLARGEMENT = 1.5
"""How much larger an object may be pasted than it was: beyond, its blur would give it away."""
FIRST_GUEST = 900
"""Instance numbers from which on pasted objects count."""


@dataclass(frozen=True)
class Cutout:
    """An object without its surroundings: image [h, w, 3], mask bool [h, w], class id."""

    image: Image
    mask: NDArray[np.bool_]
    class_id: int


@dataclass(frozen=True)
class Guest:
    """A pasted object in an earlier and a later frame.

    instance: its value in instance maps. centres (x, y), heights: in both frames, in pixels.
    expected: where a motion filter expects it in the later one.
    """

    cutout: Cutout
    instance: int
    centres: tuple[NDArray[Any], NDArray[Any]]
    heights: tuple[float, float]
    expected: NDArray[Any]


def random_cutout(clip: Clip, rng: np.random.Generator) -> Cutout | None:
    """A random object of a random frame, classes alike; None where that has none large enough."""
    frame = int(rng.integers(len(clip)))
    large = {
        instance: box
        for instance, box in clip.boxes[frame].items()
        if (box[2:] - box[:2]).min() >= MIN_SIDE
    }
    if not large:
        return None
    instance = random_instance(large, rng)
    x1, y1, x2, y2 = large[instance].astype(int)
    window = np.s_[frame, y1:y2, x1:x2]
    side = -1 if rng.random() < 0.5 else 1
    return Cutout(
        np.ascontiguousarray(clip.images[window][:, ::side]),
        clip.instances[window][:, ::side] == instance,
        instance // 1000,
    )


def random_guest(
    number: int,
    cutout: Cutout,
    boxes: tuple[dict[int, FloatArray], ...],
    frames: int,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> Guest | None:
    """Let a cutout keep close to one of its class in the view; None where nobody is, or where it
    would be much larger than it was.

    Args:
        boxes: of the objects in the earlier and the later frame, in pixels of the view.
        frames: between the two.
        size: of the view, height and width.
    """
    earlier, later = boxes
    hosts = [
        instance
        for instance, box in earlier.items()
        if instance // 1000 == cutout.class_id
        and 0 <= box[0] + box[2] <= 2 * size[1]
        and 0 <= box[1] + box[3] <= 2 * size[0]
    ]
    if not hosts:
        return None
    host = rng.choice(hosts)
    box, box_later = earlier[host], later.get(host, earlier[host])
    side, side_later = box[2:] - box[:2], box_later[2:] - box_later[:2]
    centre, centre_later = ((b[:2] + b[2:]) / 2 for b in (box, box_later))
    start = centre + rng.normal(0, (0.8, 0.1)) * side
    height = float(side[1]) * rng.uniform(0.8, 1.25)
    if height > MAX_ENLARGEMENT * len(cutout.mask):
        return None
    end = start + centre_later - centre + rng.normal(0, (0.05, 0.005)) * frames * height
    growth = float(np.clip(side_later[1] / side[1], 0.5, 2))
    return Guest(
        _not_larger(cutout, height),
        cutout.class_id * 1000 + FIRST_GUEST + number,
        (start, end),
        (height, height * growth),
        end + rng.normal(0, 0.04 * min(frames, 4) * height, 2),
    )


def _not_larger(cutout: Cutout, height: float) -> Cutout:
    """A cutout of at most this height: bilinear sampling would leave out most of its pixels."""
    factor = height / len(cutout.mask)
    if factor >= 1:
        return cutout
    size = tuple(max(1, round(factor * side)) for side in cutout.mask.shape[::-1])
    image, cover = (
        cv2.resize(array, size, interpolation=cv2.INTER_AREA)
        for array in (cutout.image, cutout.mask.astype(np.float32))
    )
    return Cutout(image, cover > 0.5, cutout.class_id)  # type: ignore[arg-type]


def paste(image: Image, instances: LabelImage, guest: Guest, side: int) -> None:
    """Draw a guest into the earlier (side 0) or later frame (1); both arrays change in place."""
    cutout, centre = guest.cutout, guest.centres[side]
    scale = guest.heights[side] / len(cutout.mask)
    half = scale * np.array(cutout.mask.shape[::-1]) / 2
    bounds = np.array(image.shape[1::-1])
    x1, y1 = np.clip(np.floor(centre - half), 0, bounds).astype(int)
    x2, y2 = np.clip(np.ceil(centre + half), 0, bounds).astype(int)
    if x1 >= x2 or y1 >= y2:
        return
    # Pixels are areas: warpAffine's matrix speaks of their middles.
    shift = centre - half - (x1, y1) + scale / 2 - 0.5
    view = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    size = (int(x2 - x1), int(y2 - y1))
    looks = cv2.warpAffine(cutout.image, view, size, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.warpAffine(cutout.mask.astype(np.float32), view, size)
    window = image[y1:y2, x1:x2]
    window[:] = np.rint(window + cover[:, :, None] * (looks.astype(np.float32) - window))
    instances[y1:y2, x1:x2][cover > 0.5] = guest.instance
