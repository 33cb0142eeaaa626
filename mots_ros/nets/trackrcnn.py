"""TrackR-CNN's part of the network: temporal context and association vectors (paper, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mots_ros.core.types import FloatArray
from mots_ros.nets.roi_align import roi_align
from mots_ros.nets.tracker_head import Context, Seen

CONTEXTS = ("conv3d", "convlstm", "none")
LOSSES = ("batch_hard", "batch_all", "contrastive")
GRID = 7
"""Rows and columns that every region is cut into."""
SKIP_WEIGHT = 0.05
"""What the recurrent layers count for beside the features that skip them, before training."""


@dataclass(frozen=True)
class TrackRCNNSpec:
    """The numbers that make a head; stored beside its weights.

    channels: of the shared features.
    context, layers: what they pass through, and how often (table 4 of the paper).
    dimensions: of an association vector.
    loss: what the vectors are trained with (table 7).

    Raises ValueError where there is no such context or loss.
    """

    channels: int
    context: str = "conv3d"
    layers: int = 1
    dimensions: int = 128
    loss: str = "batch_hard"

    def __post_init__(self) -> None:
        for name, choices in (("context", CONTEXTS), ("loss", LOSSES)):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"'{name}' must be one of {', '.join(choices)}, not '{getattr(self, name)}'"
                )


class FrameConvolution(nn.Conv3d):
    """A 3x3x3 convolution of frames [T, C, h, w] to [T - 2, C, h, w], at first the identity.

    Taken as one in the plane, over the channels of three frames, it needs a third of the time.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3)
        nn.init.dirac_(self.weight)
        nn.init.zeros_(self.bias)  # type: ignore[arg-type]

    def forward(self, frames: Tensor) -> Tensor:
        around = frames.unfold(0, 3, 1).movedim(-1, 2).flatten(1, 2)
        return F.conv2d(around, self.weight.flatten(1, 2), self.bias, padding=1)


class Conv3DContext(nn.Module):
    """Convolutions over the frames around, which change nothing before they are trained.

    Every layer looks one frame further in both directions.
    """

    signed = False

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.past = self.future = layers
        self.layers = nn.Sequential()
        for _ in range(layers):
            self.layers.extend((FrameConvolution(channels), nn.ReLU()))

    def forward(self, window: Tensor, memory: None) -> tuple[Tensor, None]:
        """See ``Context``."""
        return self.layers(window), None


class ConvLSTM(nn.Module):
    """A recurrent layer that keeps the map's shape (Shi et al., 2015), without peepholes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(2 * channels, 4 * channels, 3, padding=1)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        """Output and cell, [1, C, h, w] each, from the input and those of the frame before."""
        output, cell = state or (torch.zeros_like(x), torch.zeros_like(x))
        enter, forget, leave, value = self.gates(torch.cat((x, output), dim=1)).chunk(4, dim=1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * value.tanh()
        return leave.sigmoid() * cell.tanh(), cell


class ConvLSTMContext(nn.Module):
    """Recurrent layers over all frames so far; what they say is added to the features, at first
    with little weight."""

    past = future = 0
    signed = False

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ConvLSTM(channels) for _ in range(layers))
        self.project = nn.Conv2d(channels, channels, 3, padding=1)
        self.weight = nn.Parameter(torch.tensor(SKIP_WEIGHT))

    def forward(self, window: Tensor, memory: Any) -> tuple[Tensor, Any]:
        """See ``Context``; the memory is every layer's output and cell."""
        states, x = [], window
        for layer, state in zip(self.layers, memory or [None] * len(self.layers), strict=True):
            x, cell = layer(x, state)
            states.append((x, cell))
        return window + self.weight * self.project(x).relu(), states


class TrackRCNNHead(nn.Module):
    """Association vectors: of one object they lie close together, of two far apart (Euclidean)."""

    def __init__(self, spec: TrackRCNNSpec) -> None:
        super().__init__()
        self.spec = spec
        self.context = _context(spec)
        self.association = nn.Linear(spec.channels * GRID**2, spec.dimensions)

    def vectors(self, shared: Tensor, boxes: Tensor, frame: Tensor) -> Tensor:
        """Association vectors [N, dimensions].

        Args:
            shared: [B, C, h, w], after the context.
            boxes: [N, 4] xyxy in continuous map coordinates.
            frame: int64 [N], the frame that each box lies in.
        """
        return self.association(roi_align(shared, boxes, frame, (GRID, GRID)).flatten(1))

    def read(self, seen: Seen) -> FloatArray:
        """The association vector of every detection, [N, dimensions]."""
        objects = seen.find()
        vectors = self.vectors(seen.shared, objects.boxes, torch.zeros_like(objects.x))
        return vectors.cpu().numpy()


def _context(spec: TrackRCNNSpec) -> Context | None:
    if spec.context == "conv3d":
        return Conv3DContext(spec.channels, spec.layers)
    if spec.context == "convlstm":
        return ConvLSTMContext(spec.channels, spec.layers)
    return None
