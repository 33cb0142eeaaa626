"""A batch of pairs as tensors: what goes to the device, at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mots_ros.training.pairs import Pair


@dataclass(frozen=True)
class Batch:
    """P pairs are 2 P frames: first the earlier ones, then the later ones, in the same order.

    images: uint8 [2 P, H, W, 3]. heat, semantic: [2 P, classes, h, w]; heat_weight: [2 P, h, w].
    counts: objects of every frame; the rest lists the K objects of all frames in their order.
    frame: int64 [K]. place: int64 [K, 2] the map pixel (x, y) where it is read.
    centre, size: [K, 2] in map coordinates. masks: bool [K, H, W].
    reference: [S, 2] and response: [S, h, w] of the searches, one for each of the S objects of
        earlier frames.
    """

    images: Tensor
    heat: Tensor
    heat_weight: Tensor
    semantic: Tensor
    counts: tuple[int, ...]
    frame: Tensor
    place: Tensor
    centre: Tensor
    size: Tensor
    masks: Tensor
    reference: Tensor
    response: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        """The same in memory that a GPU can fetch by itself."""
        return self._mapped(Tensor.pin_memory)

    def _mapped(self, function: Callable[[Tensor], Tensor]) -> Batch:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        counts = values.pop("counts")
        return Batch(counts=counts, **{name: function(value) for name, value in values.items()})


def collate(pairs: Sequence[Pair]) -> Batch:
    """Put pairs together."""
    targets = [pair.targets[side] for side in (0, 1) for pair in pairs]
    counts = tuple(len(target.ids) for target in targets)
    stacked = {
        "images": np.stack([pair.images[side] for side in (0, 1) for pair in pairs]),
        "heat": np.stack([target.heat for target in targets]),
        "heat_weight": np.stack([target.heat_weight for target in targets]),
        "semantic": np.stack([target.semantic for target in targets]),
        "frame": np.repeat(np.arange(len(targets)), counts),
        "place": np.concatenate([pair.places[side] for side in (0, 1) for pair in pairs]),
        "centre": np.concatenate([target.centres for target in targets]),
        "size": np.concatenate([target.sizes for target in targets]),
        "masks": np.concatenate([target.masks for target in targets]),
        "reference": np.concatenate([pair.references for pair in pairs]),
        "response": np.concatenate([pair.responses for pair in pairs]),
    }
    return Batch(counts=counts, **{name: torch.from_numpy(a) for name, a in stacked.items()})
