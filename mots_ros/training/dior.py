"""What the training of DIOR's head minimises (section 3.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from mots_ros.core.letterbox import MAP_STRIDE
from mots_ros.nets.dior import DIORHead
from mots_ros.nets.roi_align import roi_align
from mots_ros.nets.searchtrack import SearchTrackNet
from mots_ros.training.identity import IdentityLoss, batch_identity_loss
from mots_ros.training.objective import HeadObjective, detection_losses
from mots_ros.training.snippets import SnippetBatch
from mots_ros.training.windows import windows

IDENTITY_WEIGHT = 0.1
"""Of the paper's classifier, which in a short training helps less than the objects of a batch."""


class DIORObjective(HeadObjective):
    """Equation 5. What the paper's mask head learns, the attention to pixels learns here: they
    would share their layers, but our masks are not drawn from boxes.
    """

    FRAMES: ClassVar[int] = 3
    MAX_GAP: ClassVar[int] = 2
    head: DIORHead

    def __init__(self, net: SearchTrackNet, head: DIORHead, identities: int) -> None:
        super().__init__(net, head)
        self.identity = IdentityLoss(head.spec.dimensions, identities)

    def forward(self, batch: SnippetBatch) -> dict[str, Tensor]:
        """The weighted losses by name.

        Every frame is the present one once. Detection is trained where the window is complete: that
        costs most, and of the first frames of a drive there are few.
        """
        context, distiller = self.head.context, self.head.distiller
        features = self.features(batch)
        around = windows(features.shared, batch.length, context.past, context.future)
        features = replace(features, shared=context.fuse(around))
        complete = batch.length - 1 - context.future
        shown = features.of(slice(complete, None, batch.length))
        losses = detection_losses(self.net, shown.shared, self.maps(shown), batch.step(complete))
        embeddings, logits = distiller(features.shared, batch.boxes, batch.frame)
        covered = cover(batch.masks, batch.boxes, distiller.side)
        losses["attention"] = attention_loss(logits, covered)
        losses["identity"] = IDENTITY_WEIGHT * self.identity(embeddings, batch.identity)
        losses["batch identity"] = batch_identity_loss(embeddings, batch.identity)
        return losses


def cover(masks: Tensor, boxes: Tensor, side: int) -> Tensor:
    """The share [K, side, side] of every cell of its own box's grid that an object covers.

    Args:
        masks: bool [K, H, W] in the pixels of the network's input.
        boxes: [K, 4] xyxy in map coordinates.
    """
    on_map = F.avg_pool2d(masks.float().unsqueeze(1), MAP_STRIDE)
    own = torch.arange(len(boxes), device=boxes.device)
    return roi_align(on_map, boxes, own, (side, side)).squeeze(1)


def attention_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of every cell, the mean, if there is any. [K, side, side] each."""
    total = F.binary_cross_entropy_with_logits(logits, target, reduction="sum")
    return total / max(1, target.numel())
