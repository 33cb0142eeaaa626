"""Frames with their targets as tensors: what goes to the device, at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from mots_ros.core.types import Image, IntArray
from mots_ros.training.targets import FrameTargets

Self = TypeVar("Self", bound="Batch")


@dataclass(frozen=True)
class Batch:
    """F frames and what a detector should find in them.

    images: uint8 [F, H, W, 3]. heat, heat_weight: [F, classes, h, w].
    counts: objects of every frame; the rest lists the K objects of all frames in their order.
    frame: int64 [K]. place: int64 [K, 2] the map pixel (x, y) where it is read.
    centre, size: [K, 2] in map coordinates. masks: bool [K, H, W].
    """

    images: Tensor
    heat: Tensor
    heat_weight: Tensor
    counts: tuple[int, ...]
    frame: Tensor
    place: Tensor
    centre: Tensor
    size: Tensor
    masks: Tensor

    @property
    def boxes(self) -> Tensor:
        """Of all objects [K, 4], xyxy in map coordinates."""
        return torch.cat((self.centre - self.size / 2, self.centre + self.size / 2), dim=1)

    def to(self: Self, device: torch.device) -> Self:
        """The same on a device."""
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self: Self) -> Self:
        """The same in memory that a GPU can fetch by itself."""
        return self._mapped(Tensor.pin_memory)

    def _mapped(self: Self, function: Callable[[Tensor], Tensor]) -> Self:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        tensors: dict[str, Any] = {
            name: function(value) for name, value in values.items() if isinstance(value, Tensor)
        }
        return dataclasses.replace(self, **tensors)


def stacked(
    images: Sequence[Image], targets: Sequence[FrameTargets], places: Sequence[IntArray]
) -> dict[str, Any]:
    """The fields of a ``Batch`` of these frames."""
    counts = tuple(len(target.ids) for target in targets)
    arrays = {
        "images": np.stack(images),
        "heat": np.stack([target.heat for target in targets]),
        "heat_weight": np.stack([target.heat_weight for target in targets]),
        "frame": np.repeat(np.arange(len(targets)), counts),
        "place": np.concatenate(places),
        "centre": np.concatenate([target.centres for target in targets]),
        "size": np.concatenate([target.sizes for target in targets]),
        "masks": np.concatenate([target.masks for target in targets]),
    }
    return {"counts": counts, **{name: torch.from_numpy(a) for name, a in arrays.items()}}
