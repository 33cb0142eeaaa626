"""What training samples have in common: frames of a random clip in one view."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from mots_ros.core.types import Image, IntArray
from mots_ros.training.augment import random_light, relight
from mots_ros.training.batch import Batch
from mots_ros.training.clips import Clip
from mots_ros.training.paste import Guest, paste
from mots_ros.training.targets import FrameTargets, frame_targets

JITTER = 0.3
"""How often an object is read one pixel beside its centre, as peaks sometimes are."""
MIN_AREA = 24
"""Visible pixels at network size below which an object is not asked for."""

Sample = TypeVar("Sample", covariant=True)


class RandomSamples(Dataset[Sample]):
    """Endless random samples; the i-th depends on ``seed`` and i alone, whoever makes it and when.

    Args:
        clips: to choose from.
        weights: how often each is chosen, in any unit.
        crop: height and width of the frames, multiples of 32.
    """

    collate: Callable[[Sequence[Any]], Batch]
    """Puts samples together."""

    def __init__(
        self, clips: Sequence[Clip], weights: Sequence[float], crop: tuple[int, int], seed: int
    ) -> None:
        self._clips, self._crop, self._seed = clips, crop, seed
        self._odds = np.array(weights, float) / sum(weights)

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng((self._seed, index))
        return self._sample(self._random_clip(rng), rng)

    @abstractmethod
    def _sample(self, chosen: int, rng: np.random.Generator) -> Sample:
        """A sample of the clip with this number."""

    def _random_clip(self, rng: np.random.Generator) -> int:
        """The number of a clip, by the weights."""
        return int(rng.choice(len(self._clips), p=self._odds))


def frames_in_view(
    clip: Clip,
    frames: Sequence[int],
    view: NDArray[np.float64],
    crop: tuple[int, int],
    rng: np.random.Generator,
    guests: Sequence[Guest] = (),
) -> tuple[list[Image], list[FrameTargets]]:
    """Frames of a clip in one view, under one random light, with their targets.

    Args:
        view: [2, 3] the ``warpAffine`` matrix from stored pixels into the crop.
        guests: are pasted into the frames, of which there must be two.
    """
    light = random_light(rng)
    images, targets = [], []
    for number, frame in enumerate(frames):
        image = cv2.warpAffine(clip.images[frame], view, crop[::-1], flags=cv2.INTER_LINEAR)
        instances = cv2.warpAffine(clip.instances[frame], view, crop[::-1], flags=cv2.INTER_NEAREST)
        for guest in guests:
            paste(image, instances, guest, number)  # type: ignore[arg-type]
        images.append(relight(image, light, rng))
        targets.append(frame_targets(instances, clip.annotated, MIN_AREA))  # type: ignore[arg-type]
    return images, targets


def random_places(targets: FrameTargets, rng: np.random.Generator) -> IntArray:
    """The pixels of the centres, now and then a neighbour; small objects' neighbours are no longer
    theirs."""
    count = len(targets.ids)
    moved = (rng.random((count, 1)) < JITTER) & (targets.sizes.min(axis=1, keepdims=True) > 3)
    places = targets.pixels + moved * rng.integers(-1, 2, (count, 2))
    return np.clip(places, 0, np.array(targets.heat.shape[:0:-1]) - 1)
