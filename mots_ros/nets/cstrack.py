"""CSTrack's networks: features for two tasks from one map, and embeddings that have seen every
scale (paper, sections III-B and III-C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mots_ros.core.types import FloatArray
from mots_ros.nets.precision import widened
from mots_ros.nets.searchtrack import neighbourhoods
from mots_ros.nets.tracker_head import Seen

GRID = (6, 10)
"""Rows and columns of the pooled map on which channels are compared (section IV-A)."""


@dataclass(frozen=True)
class CSTrackSpec:
    """The numbers that make a ``CSTrackHead``; stored beside its weights.

    channels: of the maps at strides 4, 8 and 16. width: what each of them brings to the embedding,
        in channels. embedding: its length.
    """

    channels: tuple[int, int, int]
    width: int = 32
    embedding: int = 512


def relation(rows: Tensor, columns: Tensor) -> Tensor:
    """How much every channel has to do with every other (equations 2 and 3).

    Args:
        rows, columns: M_k and M_h [B, C, N']; one and the same for the self-relation.

    Returns:
        [B, C, C] whose rows sum to one.
    """
    return (rows @ columns.transpose(1, 2)).softmax(dim=2)


class ReciprocalNetwork(nn.Module):
    """REN: from the shared map one for detection and one for identity (section III-B).

    Each task mixes the channels by how they relate to each other and to the other task's, and adds
    that to the map. Detection's heads are those of a network that has no REN: its sum starts with
    weight 0, so that they see at first what they always saw. A ``Context`` of one frame.
    """

    past = 0
    future = 0
    signed = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.tasks = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.value = nn.Conv2d(channels, channels, 1)
        self.mixing = nn.Parameter(torch.full((2,), 0.5))
        self.detection_weight = nn.Parameter(torch.zeros(()))

    def forward(self, window: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        """See ``Context.__call__``: F^T1, which detection sees; any batch of frames will do."""
        return window + self.detection_weight * self._enhanced(window, task=0), memory

    def identity(self, features: Tensor) -> Tensor:
        """F^T2, from which identities are read. [B, C, H, W] as the features before ``forward``."""
        return features + self._enhanced(features, task=1)

    def weights(self, features: Tensor, task: int) -> Tensor:
        """W_1 or W_2 [B, C, C] (equation 4); ``task`` is 0 for detection, 1 for identity."""
        pooled = F.adaptive_avg_pool2d(features, GRID)
        maps = [layer(pooled).flatten(2) for layer in self.tasks]
        own, other = maps[task], maps[1 - task]
        share = self.mixing[task]
        return share * relation(own, own) + (1 - share) * relation(own, other)

    def _enhanced(self, features: Tensor, task: int) -> Tensor:
        mixed = self.weights(features, task) @ self.value(features).flatten(2)
        return mixed.view_as(features)


class SpatialAttention(nn.Module):
    """SAM: where to look, from the mean and the maximum over the channels (section III-C)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same shape, each pixel once to twice as large."""
        seen = torch.cat((x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)), dim=1)
        return x + x * self.conv(seen).sigmoid()


class ChannelAttention(nn.Module):
    """CAM: what to look at, from the mean and the maximum over the map (section III-C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shared = nn.Sequential(
            nn.Conv1d(1, 1, 3, padding=1), nn.ReLU(), nn.Linear(channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same shape, each channel once to twice as large."""
        mean, maximum = x.mean(dim=(2, 3)), x.amax(dim=(2, 3))
        weight = (self.shared(mean[:, None]) + self.shared(maximum[:, None])).sigmoid()
        return x + x * weight.view(*mean.shape, 1, 1)


class ScaleAwareAttention(nn.Module):
    """SAAN: embeddings of the same make for objects of every size (section III-C).

    The map at stride 4 stands for the paper's finest; layers come before the enlargement, which
    costs less. The last layer, the widest, is evaluated at the objects' pixels alone.
    """

    def __init__(self, spec: CSTrackSpec) -> None:
        super().__init__()
        self.encode = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, spec.width, 3, padding=1), nn.ReLU())
            for channels in spec.channels
        )
        self.where = nn.ModuleList(SpatialAttention() for _ in spec.channels)
        width = spec.width * len(spec.channels)
        self.what = ChannelAttention(width)
        self.embed = nn.Conv2d(width, spec.embedding, 3, padding=1)

    def fused(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Maps [B, C_i, H_i, W_i] from fine to coarse -> [B, 3 * width, H_1, W_1]."""
        size = maps[0].shape[2:]
        levels = []
        for x, encode, where in zip(maps, self.encode, self.where, strict=True):
            levels.append(where(F.interpolate(encode(x), size, mode="bilinear")))
        return self.what(torch.cat(levels, dim=1))

    def forward(self, maps: tuple[Tensor, ...], batch: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Embeddings [N, D] of the objects at batch, y, x (int64 [N]) on the finest map."""
        around = neighbourhoods(self.fused(maps), batch, y, x)
        return F.conv2d(around, self.embed.weight, self.embed.bias).flatten(1)


class CSTrackHead(nn.Module):
    """What CSTrack adds to the network: the context is its REN, what it reads are embeddings."""

    def __init__(self, spec: CSTrackSpec) -> None:
        super().__init__()
        self.spec = spec
        self.context = ReciprocalNetwork(spec.channels[0])
        self.attention = ScaleAwareAttention(spec)

    def forward(
        self, features: Tensor, ladder: tuple[Tensor, ...], batch: Tensor, y: Tensor, x: Tensor
    ) -> Tensor:
        """Embeddings [N, D] of length one.

        Args:
            features: [B, C, h, w] the shared map, as it is without the context.
            ladder: the neck's maps from stride 8 on.
            batch, y, x: int64 [N] the frame and the shared map's pixel of every object.
        """
        maps = (self.context.identity(features), *map(widened, ladder[:2]))
        return F.normalize(self.attention(maps, batch, y, x))

    def read(self, seen: Seen) -> FloatArray:
        """See ``TrackerHead.read``: embeddings [N, D] of length one."""
        objects = seen.find()
        first = torch.zeros_like(objects.x)
        found: Tensor = self(seen.raw, seen.ladder, first, objects.y, objects.x)
        embeddings: FloatArray = found.cpu().numpy()
        return embeddings
