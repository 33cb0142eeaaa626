"""Local maxima of probability maps: CenterNet's way to find points."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def top_peaks(probability: Tensor, window: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The ``count`` highest local maxima of each map.

    Args:
        probability: [N, H, W] in [0, 1].
        window: odd side of the neighbourhood in which a peak must be the largest; equals survive.

    Returns:
        scores, x, y: each [N, count], falling; where a map has fewer peaks the rest scores 0.
    """
    n, _, width = probability.shape
    largest = F.max_pool2d(probability.unsqueeze(1), window, 1, window // 2).squeeze(1)
    kept = probability * (probability == largest)
    flat = kept.view(n, -1)
    scores, index = flat.topk(min(count, flat.shape[1]), dim=1)
    return scores, index % width, index.div(width, rounding_mode="floor")
