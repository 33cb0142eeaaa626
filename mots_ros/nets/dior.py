"""DIOR's feature distiller: attention over time, then over each object's pixels (section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mots_ros.core.types import FloatArray
from mots_ros.nets.roi_align import roi_align
from mots_ros.nets.tracker_head import Seen


@dataclass(frozen=True)
class DIORSpec:
    """The numbers that make a ``DIORHead``; stored beside its weights.

    channels: of the shared features. past, future: frames before and after the present one that
        attention looks at; the paper's own form is 1 and 1, this one needs no look-ahead.
    side: of the grid that is cut out of an object's box, even. hidden: width of the convolutions on
        it. dimensions: of the embedding.
    """

    channels: int
    past: int = 2
    future: int = 0
    side: int = 8
    hidden: int = 32
    dimensions: int = 1024


class TemporalDistiller(nn.Module):
    """Features of one frame, completed by its neighbours' (equations 1 and 2).

    It starts as one that changes nothing, so that the heads trained without it go on working.
    """

    signed = True

    def __init__(self, spec: DIORSpec) -> None:
        super().__init__()
        self.past, self.future = spec.past, spec.future
        frames = spec.past + 1 + spec.future
        # 3D convolutions as deep as what they are given, which has its frames as channels.
        self.attention = nn.Conv2d(frames * spec.channels, frames, 3, padding=1)
        self.fusion = nn.Conv2d(2 * spec.channels, spec.channels, 3, padding=1)
        nn.init.dirac_(self.fusion.weight)
        nn.init.zeros_(self.fusion.bias)  # type: ignore[arg-type]

    def forward(self, window: Tensor, memory: Any) -> tuple[Tensor, Any]:
        """See ``Context``; it needs no memory."""
        return self.fuse(window[None]), memory

    def fuse(self, windows: Tensor) -> Tensor:
        """The features [B, C, h, w] of the frames that B windows [B, past + 1 + future, C, h, w]
        are around."""
        attended = (self.weights(windows) * windows).sum(dim=1)
        return self.fusion(torch.cat((windows[:, self.past], attended), dim=1))

    def weights(self, windows: Tensor) -> Tensor:
        """How much every frame counts in every pixel [B, frames, 1, h, w] (equation 1).

        A frame that there is not, all zero, counts nothing.
        """
        logits = self.attention(windows.flatten(1, 2))
        missing = ~windows.flatten(2).any(dim=2)
        missing[:, self.past] = False
        logits = logits.masked_fill(missing[:, :, None, None], -torch.inf)
        return logits.softmax(dim=1).unsqueeze(2)


class SpatialDistiller(nn.Module):
    """An embedding of each object, in which its own pixels count most (equations 3 and 4)."""

    def __init__(self, spec: DIORSpec) -> None:
        super().__init__()
        self.side = spec.side
        self.attention = nn.Sequential(
            nn.Conv2d(spec.channels, spec.hidden, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(spec.hidden, 1, 3, padding=1),
        )
        self.appearance = nn.Sequential(
            nn.Conv2d(spec.channels, spec.hidden, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(spec.hidden, spec.hidden, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        # Four times fewer weights than with every pixel by itself.
        self.pool = nn.AvgPool2d(2)
        self.embedding = nn.Linear(2 * spec.hidden * (spec.side // 2) ** 2, spec.dimensions)

    def forward(self, features: Tensor, boxes: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings [N, dimensions] and the logits of the attention [N, side, side].

        Args:
            features: [B, C, h, w].
            boxes: [N, 4] xyxy in map coordinates. frame: int64 [N], the map that each lies in.
        """
        regions = roi_align(features, boxes, frame, (self.side, self.side))
        logits = self.attention(regions)
        distilled = self.distil(self.appearance(regions), logits)
        return self.embedding(self.pool(distilled).flatten(1)), logits[:, 0]

    @staticmethod
    def distil(appearance: Tensor, logits: Tensor) -> Tensor:
        """[N, C, side, side] and [N, 1, side, side] to [N, 2 C, side, side] (equation 4)."""
        return torch.cat((appearance, logits.sigmoid() * appearance), dim=1)


class DIORHead(nn.Module):
    """What DIOR adds to the network."""

    def __init__(self, spec: DIORSpec) -> None:
        super().__init__()
        self.spec = spec
        self.context = TemporalDistiller(spec)
        self.distiller = SpatialDistiller(spec)

    def read(self, seen: Seen) -> FloatArray:
        """An embedding of length 1 for every detection, [N, dimensions]."""
        objects = seen.find()
        frame = torch.zeros_like(objects.x)
        embeddings, _ = self.distiller(seen.shared, objects.boxes, frame)
        unit: FloatArray = F.normalize(embeddings, dim=1).cpu().numpy()
        return unit
