"""Training samples: two frames of one clip under one random view, with their targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mots_ros.config import TrackerConfig
from mots_ros.core import kalman
from mots_ros.core.letterbox import MAP_STRIDE
from mots_ros.core.types import FloatArray, Image, IntArray
from mots_ros.training.augment import boxes_in, random_view
from mots_ros.training.batch import Batch, stacked
from mots_ros.training.clips import Clip
from mots_ros.training.paste import Guest, random_cutout, random_guest
from mots_ros.training.samples import RandomSamples, frames_in_view, random_places
from mots_ros.training.targets import FrameTargets, draw_peak

GAPS = np.array([0.1, 0.4, 0.15, 0.1, *[0.25 / 9] * 9])
"""How often two frames are 0, 1, 2 ... frames apart: neighbours are what a tracker meets most; what
comes back from behind something looks as it did many frames ago."""
HISTORY = 5
MISS_RATE = 0.15
BOX_NOISE = 0.03
FILTER = TrackerConfig()
"""The tracker's motion filter, as it is where nothing else is said."""
SIZE = kalman.SIZE_MODELS[FILTER.size_model]
GUESTS, GUEST_RATE = 4, 0.5
"""At most so many objects are pasted into a pair, each with this probability."""


@dataclass(frozen=True)
class Pair:
    """An earlier and a later frame, and what the network should say of them.

    images: [H, W, 3]. targets: of both. places: int64 [N, 2] the map pixels (x, y) where the N
        objects of each are read.
    references: [N, 2] where what is seen of each of the earlier frame's objects is expected in the
        later one, by its Kalman filter, in continuous map coordinates.
    responses: [N, h, w] the target of its search, all zero when it is gone.
    """

    images: tuple[Image, Image]
    targets: tuple[FrameTargets, FrameTargets]
    places: tuple[IntArray, IntArray]
    references: FloatArray
    responses: FloatArray


@dataclass(frozen=True)
class PairBatch(Batch):
    """P pairs are 2 P frames: first the earlier ones, then the later ones, in the same order.

    semantic: [2 P, classes, h, w].
    reference: [S, 2] and response: [S, h, w] of the searches, one for each of the S objects of
        earlier frames.
    """

    semantic: Tensor
    reference: Tensor
    response: Tensor


def collate(pairs: Sequence[Pair]) -> PairBatch:
    """Put pairs together."""
    targets = [pair.targets[side] for side in (0, 1) for pair in pairs]
    frames = stacked(
        [pair.images[side] for side in (0, 1) for pair in pairs],
        targets,
        [pair.places[side] for side in (0, 1) for pair in pairs],
    )
    return PairBatch(
        **frames,
        semantic=torch.from_numpy(np.stack([target.semantic for target in targets])),
        reference=torch.from_numpy(np.concatenate([pair.references for pair in pairs])),
        response=torch.from_numpy(np.concatenate([pair.responses for pair in pairs])),
    )


class PairDataset(RandomSamples[Pair]):
    """Random pairs, with objects of other clips pasted into them."""

    collate = staticmethod(collate)

    def _sample(self, chosen: int, rng: np.random.Generator) -> Pair:
        clip = self._clips[chosen]
        gap = min(int(rng.choice(len(GAPS), p=GAPS)), len(clip) - 1)
        later = int(rng.integers(gap, len(clip)))
        view = random_view(clip, later, self._crop, rng)
        boxes = tuple(boxes_in(view, clip.boxes[frame]) for frame in (later - gap, later))
        guests = []
        for number in range(rng.binomial(GUESTS, GUEST_RATE)):
            cutout = random_cutout(self._clips[self._random_clip(rng)], rng)
            guest = cutout and random_guest(number, cutout, boxes, gap, self._crop, rng)
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
    """An earlier and a later frame of a clip with their guests; ``frames_in_view`` explains."""
    images, targets = frames_in_view(clip, frames, view, crop, rng, guests)
    before, after = targets
    motions = {guest.instance: guest.expected - guest.centres[0] for guest in guests}
    for instance in before.ids.tolist():
        if instance not in motions:
            motions[instance] = view[:, :2] @ _expected_motion(clip, instance, *frames, rng)
    # Of what the view or a guest cuts, the tracker knows the visible part alone.
    moved = np.array([motions[instance] for instance in before.ids.tolist()]).reshape(-1, 2)
    references = (before.centres + moved / MAP_STRIDE).astype(np.float32)
    responses = np.zeros((len(before.ids), *after.heat.shape[1:]), np.float32)
    for response, instance in zip(responses, before.ids, strict=True):
        for found in np.flatnonzero(after.ids == instance):
            draw_peak(response, after.pixels[found], after.sizes[found])
    return Pair(
        (images[0], images[1]),
        (before, after),
        (random_places(before, rng), random_places(after, rng)),
        references,
        responses,
    )


def _expected_motion(
    clip: Clip, instance: int, earlier: int, later: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """How far (x, y in stored pixels) a filter that ran up to ``earlier``, with noise and misses,
    expects the object's centre from there at ``later``: what the tracker's motion map will be made
    of (section 3.2)."""
    if later == earlier:
        return np.zeros(2)
    state = None
    for frame in range(max(0, earlier - HISTORY), later + 1):
        if state is not None:
            state = kalman.predict(*state, 1.0, FILTER.velocity_noise, SIZE)
        box = clip.boxes[frame].get(instance)
        # The tracker reads the object's kernel in ``earlier``: it was certainly seen there.
        if box is None or frame > earlier or (frame < earlier and rng.random() < MISS_RATE):
            continue
        size = np.tile(box[2:] - box[:2], 2)
        found = (box + rng.normal(0, BOX_NOISE, 4) * size) / clip.scale
        state = kalman.initiate(found, SIZE) if state is None else kalman.update(*state, found)
    assert state is not None
    seen = clip.boxes[earlier][instance].reshape(2, 2).mean(0)
    motion: NDArray[np.float64] = state[0][:2] * clip.scale - seen
    return motion
