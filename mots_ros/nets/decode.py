"""From maps to objects: CenterNet's peaks, and what the network says at each (section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor

from mots_ros.nets.peaks import top_peaks
from mots_ros.nets.searchtrack import SearchTrackNet


def decode(
    net: SearchTrackNet,
    shared: Tensor,
    heat: Tensor,
    size: Tensor,
    offset: Tensor | None,
    amodal: Tensor | None,
    window: int,
    count: int,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The highest peaks of one frame over all classes, falling.

    Args:
        shared: the frame's features [1, C, h, w].
        heat, size, offset, amodal: see ``HeadMaps``; a batch of one.
        window: see ``top_peaks``.
        count: peaks K, at most; as many come back whether they are objects or not.

    Returns:
        [K, 8] box (xyxy in continuous map coordinates), score, label, and the pixel x, y; the
        search kernels [K, 593]; the mask kernels [K, 169], None for a network without masks.
    """
    scores, x, y = top_peaks(heat[0].sigmoid(), window, count)
    labels = torch.arange(len(scores), device=x.device).unsqueeze(1).expand_as(x)
    index = scores.flatten().topk(min(count, scores.numel())).indices
    scores, labels, x, y = (values.flatten()[index] for values in (scores, labels, x, y))
    if amodal is None:
        boxes = boxes_at(size[0], None if offset is None else offset[0], x, y)
    else:
        boxes = torch.stack((x, y, x, y), dim=1) + at_pixels(amodal[0], x, y)
    first = torch.zeros_like(x)
    search = net.search_kernels(shared, first, y, x)
    masks = net.mask_kernels(shared, first, y, x) if net.spec.mask_head else None
    found = torch.cat((boxes, torch.stack((scores, labels, x, y), dim=1)), dim=1)
    return found, search, masks


def boxes_at(size: Tensor, offset: Tensor | None, x: Tensor, y: Tensor) -> Tensor:
    """Boxes [..., 4] (xyxy in continuous map coordinates) of objects centred in pixels x, y.

    Args:
        size: width and height [2, h, w]; below 0 they count as 0.
        offset: from the pixel's corner to the centre [2, h, w]; None for the pixel's middle.
    """
    centre = torch.stack((x, y), dim=-1) + (0.5 if offset is None else at_pixels(offset, x, y))
    half = at_pixels(size, x, y).clamp(min=0) / 2
    return torch.cat((centre - half, centre + half), dim=-1)


def at_pixels(map_: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """What a map [C, h, w] holds in pixels x, y (int64 [...]): [..., C]."""
    pixels = (x + map_.shape[2] * y).flatten().expand(len(map_), -1)
    return map_.flatten(1).gather(1, pixels).T.view(*x.shape, len(map_))
