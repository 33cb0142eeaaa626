"""Training samples of the trackers' heads: some frames of one clip under one random view."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mots_ros.core.types import Image, IntArray
from mots_ros.training.augment import random_view
from mots_ros.training.batch import Batch, stacked
from mots_ros.training.clips import Clip
from mots_ros.training.samples import RandomSamples, frames_in_view, random_places
from mots_ros.training.targets import FrameTargets


@dataclass(frozen=True)
class Snippet:
    """Frames in the order of time, and who is in them.

    images: [H, W, 3] each. targets: of each. places: int64 [N, 2] the map pixels (x, y) where the
        N objects of each are read. identities: int64 [N] of each, their numbers among all objects
        of the training set.
    """

    images: tuple[Image, ...]
    targets: tuple[FrameTargets, ...]
    places: tuple[IntArray, ...]
    identities: tuple[IntArray, ...]


@dataclass(frozen=True)
class SnippetBatch(Batch):
    """B snippets of T frames are B T frames, snippet by snippet.

    label, identity: int64 [K]; an object has the same identity wherever it is met in training.
    length: T.
    """

    label: Tensor
    identity: Tensor
    length: int

    def step(self, time: int) -> SnippetBatch:
        """A frame of every snippet, the first being 0: snippets of one frame."""
        chosen = self.frame % self.length == time
        of_objects = ("frame", "place", "centre", "size", "masks", "label", "identity")
        of_frames = ("images", "heat", "heat_weight", "counts")
        values = {name: getattr(self, name)[chosen] for name in of_objects}
        values |= {name: getattr(self, name)[time :: self.length] for name in of_frames}
        values["frame"] = values["frame"] // self.length
        return dataclasses.replace(self, **values, length=1)


def collate(snippets: Sequence[Snippet]) -> SnippetBatch:
    """Put snippets of one length together."""
    targets = [target for snippet in snippets for target in snippet.targets]
    identities = [numbers for snippet in snippets for numbers in snippet.identities]
    frames = stacked(
        [image for snippet in snippets for image in snippet.images],
        targets,
        [places for snippet in snippets for places in snippet.places],
    )
    return SnippetBatch(
        **frames,
        label=torch.from_numpy(np.concatenate([target.labels for target in targets])),
        identity=torch.from_numpy(np.concatenate(identities)),
        length=len(snippets[0].images),
    )


class SnippetDataset(RandomSamples[Snippet]):
    """Random snippets of ``length`` frames, neighbours 1 to ``max_gap`` frames of the clip apart.

    The last frame of a clip that is too short comes again. ``identities`` is the number of objects
    in all clips.
    """

    collate = staticmethod(collate)

    def __init__(
        self,
        clips: Sequence[Clip],
        weights: Sequence[float],
        crop: tuple[int, int],
        seed: int,
        length: int,
        max_gap: int,
    ) -> None:
        super().__init__(clips, weights, crop, seed)
        self._length, self._max_gap = length, max_gap
        self._numbers: list[dict[int, int]] = []
        self.identities = 0
        for clip in clips:
            instances = sorted({instance for boxes in clip.boxes for instance in boxes})
            self._numbers.append({one: self.identities + i for i, one in enumerate(instances)})
            self.identities += len(instances)

    def _sample(self, chosen: int, rng: np.random.Generator) -> Snippet:
        clip = self._clips[chosen]
        last = len(clip) - 1
        steps = np.cumsum([0, *rng.integers(1, self._max_gap + 1, self._length - 1)])
        first = int(rng.integers(max(0, last - steps[-1]) + 1))
        frames = np.minimum(first + steps, last).tolist()
        view = random_view(clip, frames[self._length // 2], self._crop, rng)
        return make_snippet(clip, frames, view, self._crop, rng, self._numbers[chosen])


def make_snippet(
    clip: Clip,
    frames: Sequence[int],
    view: NDArray[np.float64],
    crop: tuple[int, int],
    rng: np.random.Generator,
    numbers: Mapping[int, int],
) -> Snippet:
    """Frames of a clip, whose objects have these ``numbers``; ``frames_in_view`` explains."""
    images, targets = frames_in_view(clip, frames, view, crop, rng)
    return Snippet(
        tuple(images),
        tuple(targets),
        tuple(random_places(target, rng) for target in targets),
        tuple(
            np.array([numbers[instance] for instance in target.ids.tolist()], np.int64)
            for target in targets
        ),
    )
