"""What the training of TrackR-CNN's head minimises (paper, sections 5 and 6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from mots_ros.nets.searchtrack import SearchTrackNet
from mots_ros.nets.tracker_head import Context
from mots_ros.nets.trackrcnn import TrackRCNNHead
from mots_ros.training.objective import HeadObjective, detection_losses
from mots_ros.training.snippets import SnippetBatch
from mots_ros.training.trackrcnn_losses import BY_NAME
from mots_ros.training.windows import windows


class TrackRCNNObjective(HeadObjective):
    """The context learns with the detector, the association vectors within each snippet.

    Vectors are compared within a class, as they are in tracking.
    """

    FRAMES: ClassVar[int] = 8
    MAX_GAP: ClassVar[int] = 1
    head: TrackRCNNHead

    def __init__(self, net: SearchTrackNet, head: TrackRCNNHead, identities: int) -> None:
        super().__init__(net, head)
        self._loss = BY_NAME[head.spec.loss]

    def forward(self, batch: SnippetBatch) -> dict[str, Tensor]:
        """The weighted losses by name."""
        features, losses = self.features(batch), {}
        if self.head.context is not None:
            shared = in_context(self.head.context, features.shared, batch.length)
            features = replace(features, shared=shared)
            losses = detection_losses(self.net, shared, self.maps(features), batch)
        vectors = self.head.vectors(features.shared, batch.boxes, batch.frame)
        losses["association"] = self._association(vectors, batch)
        return losses

    def _association(self, vectors: Tensor, batch: SnippetBatch) -> Tensor:
        """The mean over all objects, each among those of its class in its snippet."""
        video = torch.stack((batch.frame // batch.length, batch.label), dim=1)
        total = 0 * vectors.sum()
        for one in video.unique(dim=0):
            chosen = (video == one).all(dim=1)
            total = total + chosen.sum() * self._loss(vectors[chosen], batch.identity[chosen])
        return total / max(1, len(vectors))


def in_context(context: Context, features: Tensor, length: int) -> Tensor:
    """What a context makes of snippets of ``length`` frames [F, C, h, w], each as if a drive."""
    fused, memory = [], None
    for index, window in enumerate(windows(features, length, context.past, context.future)):
        of_before: Any = memory if index % length else None
        shared, memory = context(window, of_before)
        fused.append(shared)
    return torch.cat(fused)
