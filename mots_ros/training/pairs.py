"""Training samples: two frames of one clip under one random view, with their targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from mots_ros.core import kalman
from mots_ros.core.letterbox import MAP_STRIDE
from mots_ros.core.types import FloatArray, Image, IntArray
from mots_ros.training.augment import boxes_in, points_in, random_light, random_view, relight
from mots_ros.training.clips import Clip
from mots_ros.training.paste import Guest, paste, random_cutout, random_guest
from mots_ros.training.targets import FrameTargets, draw_gaussian, frame_targets, gaussian_radius

GAPS = np.array([0.1, 0.4, 0.15, 0.1, *[0.25 / 9] * 9])
"""How often two frames are 0, 1, 2 ... frames apart: neighbours are what a tracker meets most; what
comes back from behind something looks as it did many frames ago."""
HISTORY = 5
MISS_RATE = 0.15
BOX_NOISE = 0.03
GUESTS, GUEST_RATE = 4, 0.3
"""At most so many objects are pasted into a pair, each with this probability."""
JITTER = 0.3
"""How often an object is read one pixel beside its centre, as peaks sometimes are."""
MIN_AREA = 24
"""Visible pixels at network size below which an object is not asked for."""


@dataclass(frozen=True)
class Pair:
    """An earlier and a later frame, and what the network should say of them.

    images: [H, W, 3]. targets: of both. places: int64 [N, 2] the map pixels (x, y) where the N
        objects of each are read.
    references: [N, 2] where each of the earlier frame's objects is expected in the later one, by
        its Kalman filter, in continuous map coordinates. responses: [N, h, w] the target of its
        search, all zero when it is gone.
    """

    images: tuple[Image, Image]
    targets: tuple[FrameTargets, FrameTargets]
    places: tuple[IntArray, IntArray]
    references: FloatArray
    responses: FloatArray


class PairDataset(Dataset[Pair]):
    """Endless random pairs; the i-th depends on ``seed`` and i alone, whoever makes it and when.

    Args:
        clips: to choose from.
        weights: how often each is chosen, in any unit.
        crop: height and width of the frames, multiples of 32.
    """

    def __init__(
        self, clips: Sequence[Clip], weights: Sequence[float], crop: tuple[int, int], seed: int
    ) -> None:
        self._clips, self._crop, self._seed = clips, crop, seed
        self._odds = np.array(weights, float) / sum(weights)

    def __getitem__(self, index: int) -> Pair:
        rng = np.random.default_rng((self._seed, index))
        clip = self._clips[rng.choice(len(self._clips), p=self._odds)]
        gap = min(int(rng.choice(len(GAPS), p=GAPS)), len(clip) - 1)
        later = int(rng.integers(gap, len(clip)))
        view = random_view(clip, later, self._crop, rng)
        boxes = tuple(boxes_in(view, clip.boxes[frame]) for frame in (later - gap, later))
        guests = []
        for number in range(rng.binomial(GUESTS, GUEST_RATE)):
            cutout = random_cutout(self._clips, rng)
            guest = cutout and random_guest(number, cutout, boxes, gap, rng)
            if guest:
                guests.append(guest)
        return make_pair(clip, (later - gap, later), view, self._crop, rng, guests)


def make_pair(
    clip: Clip,
    frames: tuple[int, int],
    view: NDArray[np.float64],
    crop: tuple[int, int],
    rng: np.random.Generator,
    guests: Sequence[Guest] = (),
) -> Pair:
    """An earlier and a later frame of a clip with their guests, under a random light.

    ``view`` [2, 3] is the ``warpAffine`` matrix from stored pixels into the crop.
    """
    light = random_light(rng)
    images, targets = [], []
    for side, frame in enumerate(frames):
        image = cv2.warpAffine(clip.images[frame], view, crop[::-1], flags=cv2.INTER_LINEAR)
        instances = cv2.warpAffine(clip.instances[frame], view, crop[::-1], flags=cv2.INTER_NEAREST)
        for guest in guests:
            paste(image, instances, guest, side)  # type: ignore[arg-type]
        images.append(relight(image, light, rng))
        targets.append(frame_targets(instances, 2, MIN_AREA))  # type: ignore[arg-type]
    before, after = targets
    expected = {guest.instance: guest.expected for guest in guests}
    for instance in before.ids.tolist():
        if instance not in expected:
            centre = _expected_centre(clip, instance, *frames, rng)
            expected[instance] = points_in(view, centre)
    references = np.array([expected[instance] for instance in before.ids.tolist()])
    references = (references.reshape(-1, 2) / MAP_STRIDE).astype(np.float32)
    responses = np.zeros((len(before.ids), *after.heat.shape[1:]), np.float32)
    for response, instance in zip(responses, before.ids, strict=True):
        for found in np.flatnonzero(after.ids == instance):
            draw_gaussian(response, after.pixels[found], gaussian_radius(after.sizes[found]))
    return Pair(
        (images[0], images[1]),
        (before, after),
        (_random_places(before, rng), _random_places(after, rng)),
        references,
        responses,
    )


def _random_places(targets: FrameTargets, rng: np.random.Generator) -> IntArray:
    """The pixels of the centres, now and then a neighbour; small objects' neighbours are no longer
    theirs."""
    count = len(targets.ids)
    moved = (rng.random((count, 1)) < JITTER) & (targets.sizes.min(axis=1, keepdims=True) > 3)
    places = targets.pixels + moved * rng.integers(-1, 2, (count, 2))
    return np.clip(places, 0, np.array(targets.heat.shape[:0:-1]) - 1)


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
