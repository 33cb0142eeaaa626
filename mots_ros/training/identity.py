"""Who is it, among all objects of the training set: the loss that makes embeddings differ."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class IdentityLoss(nn.Module):
    """Cross-entropy of a linear classifier that only training has (DIOR, section 3.3).

    Trackers compare embeddings by their angles, so the classifier sees nothing else: a logit is the
    scaled cosine between the embedding and the identity's own direction. The scale is AdaCos's
    fixed one, for about as many classes.
    """

    def __init__(self, dimensions: int, identities: int) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.randn(identities, dimensions))
        self.scale = math.sqrt(2) * math.log(identities)

    def forward(self, embeddings: Tensor, identity: Tensor) -> Tensor:
        """The mean over K objects, if any. [K, dimensions] and int64 [K]."""
        cosine = F.linear(F.normalize(embeddings, dim=1), F.normalize(self.directions, dim=1))
        losses = F.cross_entropy(self.scale * cosine, identity, reduction="sum")
        return losses / max(1, len(identity))
