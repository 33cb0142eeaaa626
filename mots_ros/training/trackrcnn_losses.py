"""TrackR-CNN's losses of association vectors (paper, supplement B).

Each takes the detections of one video: vectors [N, D] and the identity int64 [N] of each.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

MARGIN = 0.2


def batch_hard(vectors: Tensor, identity: Tensor) -> Tensor:
    """Equation 6: every detection's farthest like against its nearest other."""
    distance, same = _compared(vectors, identity)
    hard_positive = distance.masked_fill(~same, 0).amax(1)
    hard_negative = distance.masked_fill(same, torch.inf).amin(1)
    return (hard_positive - hard_negative + MARGIN).clamp(min=0).mean()


def batch_all(vectors: Tensor, identity: Tensor) -> Tensor:
    """Equation 7, of Hermans et al.: every detection's every like against its every other.

    The mean over these triplets; divided by the number of pairs, as it is printed, the loss would
    grow with the number of objects.
    """
    distance, same = _compared(vectors, identity)
    like = same.clone().fill_diagonal_(False)
    anchor, like, other = (like[:, :, None] & ~same[:, None, :]).nonzero().unbind(1)
    losses = (distance[anchor, like] - distance[anchor, other] + MARGIN).clamp(min=0)
    return losses.sum() / max(1, len(losses))


def contrastive(vectors: Tensor, identity: Tensor) -> Tensor:
    """Equation 8: likes at one place, others at least the margin away from it."""
    distance, same = _compared(vectors, identity)
    return torch.where(same, distance, (MARGIN - distance).clamp(min=0)).square().mean()


BY_NAME: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "batch_hard": batch_hard,
    "batch_all": batch_all,
    "contrastive": contrastive,
}
"""``nets.trackrcnn.LOSSES``."""


def _compared(vectors: Tensor, identity: Tensor) -> tuple[Tensor, Tensor]:
    """The Euclidean distances [N, N] of all pairs, and which of them are of one object."""
    # By matrix products, the distance of equal vectors would not be 0.
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cdist(vectors, vectors, compute_mode=exact), identity[:, None] == identity
