"""The dynamic searcher: where is each tracked object now? (paper, section 3.3)"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mots_ros.nets.dynamic import dynamic_network, dynamic_network_around
from mots_ros.nets.peaks import top_peaks
from mots_ros.nets.searchtrack import SearchTrackNet
from mots_ros.nets.tracker_head import Seen


@dataclass(frozen=True)
class SearchFeatures:
    """What SearchTrack needs of one frame beside the detections.

    search [16, h, w], size [2, h, w], offset [2, h, w] or None: head maps at stride 4.
    kernels: [N, 593] the search network of every detection.
    """

    search: Tensor
    size: Tensor
    offset: Tensor | None
    kernels: Tensor


class SearchHead:
    """What SearchTrack reads; its layers are part of the released network, and so of ours."""

    context = None

    def __init__(self, net: SearchTrackNet) -> None:
        self._net = net

    def read(self, seen: Seen) -> SearchFeatures:
        """See ``TrackerHead.read``."""
        offset = None if seen.maps.offset is None else seen.maps.offset[0]
        first = torch.zeros_like(seen.x)
        kernels = self._net.search_kernels(seen.shared, first, seen.y, seen.x)
        return SearchFeatures(seen.maps.search[0], seen.maps.size[0], offset, kernels)


def boxes_at(size: Tensor, offset: Tensor | None, x: Tensor, y: Tensor) -> Tensor:
    """Boxes [..., 4] (xyxy in continuous map coordinates) of objects centred in pixels x, y.

    Without an offset map the centre is the pixel's middle; sizes below 0 count as 0.
    """
    pixel = torch.stack((x, y), dim=-1)
    centre = pixel + (0.5 if offset is None else offset[:, y, x].movedim(0, -1))
    half = size[:, y, x].movedim(0, -1).clamp(min=0) / 2
    return torch.cat((centre - half, centre + half), dim=-1)


def search(
    features: SearchFeatures,
    kernels: Tensor,
    centres: Tensor,
    region: int,
    window: int,
    count: int,
) -> tuple[Tensor, Tensor]:
    """Run every track's kernel over the frame, relative to where its filter expects it.

    Args:
        kernels: [T, 593], read where each track was last detected.
        centres: [T, 2] predicted x, y in continuous map coordinates: the motion map's origin.
        region: side of the square around that in which a track is searched for, moved into the map
            where it would leave it; 0 for the whole map.
        window: side of the peak window on the response.
        count: candidates per track.

    Returns:
        Candidate boxes [T, count, 4] in continuous map coordinates, and their scores [T, count].
    """
    pixels = centres - 0.5
    corners = torch.zeros_like(pixels, dtype=torch.int64)
    if not region:
        responses = dynamic_network(features.search, kernels, pixels)
    else:
        height, width = features.search.shape[1:]
        size = min(region, height), min(region, width)
        last = pixels.new_tensor((width - size[1], height - size[0]))
        corners = (pixels.round() - pixels.new_tensor((size[1] // 2, size[0] // 2))).clamp(min=0)
        corners = corners.minimum(last).long()
        responses = dynamic_network_around(features.search, kernels, pixels, corners, size)
    scores, x, y = top_peaks(responses.sigmoid_(), window, count)
    x, y = x + corners[:, :1], y + corners[:, 1:]
    return boxes_at(features.size, features.offset, x, y), scores
