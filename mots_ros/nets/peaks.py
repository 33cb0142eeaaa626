"""Local maxima of probability maps: CenterNet's way to find points."""

from __future__ import annotations

import torch
from torch import Tensor


def top_peaks(
    probability: Tensor, window: int, count: int, among: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The ``count`` highest local maxima of each map.

    Args:
        probability: [N, H, W] in [0, 1].
        window: odd side of the neighbourhood in which a peak must be the largest; equals survive.
        among: bool [N, H, W] the pixels that may be peaks, where not all may.

    Returns:
        scores, x, y: each [N, count], falling; where a map has fewer peaks the rest scores 0.
    """
    below = _largest_around(probability, window // 2).sub_(probability)
    # A peak stays as it is and all else falls below 0. To compare takes four times as long.
    lowered = torch.sub(probability, below, alpha=torch.finfo(probability.dtype).max, out=below)
    if among is not None:
        lowered.masked_fill_(~among, 0)
    scores, x, y = _highest(lowered, count)
    return scores.clamp_(min=0), x, y


def _highest(maps: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The ``count`` largest values of each map [N, H, W] with their x and y, falling.

    They lie in the ``count`` rows with the largest maxima: few, where few are asked for.
    """
    n, height, width = maps.shape
    rows = maps.amax(dim=2).topk(min(count, height), dim=1).indices
    values = maps.gather(1, rows.unsqueeze(2).expand(-1, -1, width)).view(n, -1)
    largest, index = values.topk(min(count, values.shape[1]), dim=1)
    return largest, index % width, rows.gather(1, index.div(width, rounding_mode="floor"))


def _largest_around(maps: Tensor, reach: int) -> Tensor:
    """The largest value at most ``reach`` rows and columns away from every pixel [N, H, W].

    Shifted maps against each other take a tenth of the time of pooling, which the processor does
    pixel by pixel.
    """
    for axis in (1, 2):
        largest, length = maps.clone(), maps.shape[axis]
        for shift in range(1, min(reach, length - 1) + 1):
            for start, other in ((0, shift), (shift, 0)):
                part = largest.narrow(axis, start, length - shift)
                torch.maximum(part, maps.narrow(axis, other, length - shift), out=part)
        maps = largest
    return maps
