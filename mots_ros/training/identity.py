"""Who is it? The losses that make embeddings of one object alike and those of others differ.

Trackers compare embeddings by their angles, so these losses see nothing else. [K, dimensions]
embeddings of K objects come with int64 [K] identities.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SHARPNESS = 20.0
"""What cosines are multiplied with before objects of a batch are told apart."""


class IdentityLoss(nn.Module):
    """Cross-entropy of a linear classifier that only training has (DIOR, section 3.3): who is it,
    among all objects of the training set?

    A logit is the scaled cosine between the embedding and the identity's own direction. The scale
    is AdaCos's fixed one, for about as many classes.
    """

    def __init__(self, dimensions: int, identities: int) -> None:
        super().__init__()
        # Of length 1, or so: longer ones would turn more slowly than embeddings learn.
        self.directions = nn.Parameter(torch.randn(identities, dimensions) / math.sqrt(dimensions))
        self.scale = math.sqrt(2) * math.log(max(1, identities))

    def forward(self, embeddings: Tensor, identity: Tensor) -> Tensor:
        """The mean over the objects, if any."""
        cosine = F.linear(F.normalize(embeddings, dim=1), F.normalize(self.directions, dim=1))
        losses = F.cross_entropy(self.scale * cosine, identity, reduction="sum")
        return losses / max(1, len(identity))


def batch_identity_loss(embeddings: Tensor, identity: Tensor) -> Tensor:
    """Cross-entropy of who among the batch's other objects is the same (supervised contrast).

    A batch shows some dozen of the training set's objects, most of them several times. A classifier
    of all learns for long before it helps with those beside each other; this does so at once.

    Returns:
        The mean over the objects that are there more than once, if any.
    """
    unit = F.normalize(embeddings, dim=1)
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    logits = (SHARPNESS * unit @ unit.T).masked_fill(itself, -torch.inf)
    same = (identity[:, None] == identity) & ~itself
    again = same.any(dim=1)
    chosen = logits[again]
    right = chosen.masked_fill(~same[again], -torch.inf).logsumexp(dim=1)
    losses = chosen.logsumexp(dim=1) - right
    return losses.sum() / max(1, len(losses))
