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
    pixels, map_size = centres - 0.5, (features.search.shape[1], features.search.shape[2])
    if not region:
        responses = dynamic_network(features.search, kernels, pixels)
        scores, x, y = top_peaks(responses.sigmoid_(), window, count)
    else:
        inner, inner_size = _regions(pixels, region, map_size)
        # What is next to the region tells whether its edge holds a peak or the slope of one.
        outer, outer_size = _regions(pixels, region + 2 * (window // 2), map_size)
        responses = dynamic_network_around(features.search, kernels, pixels, outer, outer_size)
        among = _inside(outer, outer_size, inner, inner_size)
        scores, x, y = top_peaks(responses.sigmoid_(), window, count, among)
        x, y = x + outer[:, :1], y + outer[:, 1:]
    return boxes_at(features.size, features.offset, x, y), scores


def _regions(
    pixels: Tensor, side: int, map_size: tuple[int, int]
) -> tuple[Tensor, tuple[int, int]]:
    """The first pixels [T, 2] (x, y) of squares around these in a map, moved into it where they
    would leave it, and their height and width, at most the map's."""
    size = min(side, map_size[0]), min(side, map_size[1])
    last = pixels.new_tensor((map_size[1] - size[1], map_size[0] - size[0]))
    corners = (pixels.round() - pixels.new_tensor((size[1] // 2, size[0] // 2))).clamp(min=0)
    return corners.minimum(last).long(), size


def _inside(
    outer: Tensor, outer_size: tuple[int, int], inner: Tensor, inner_size: tuple[int, int]
) -> Tensor:
    """Which pixels [T, H, W] of outer regions lie in the inner ones."""
    x, y = (
        (outer[:, axis, None] + torch.arange(outer_size[1 - axis], device=outer.device))
        - inner[:, axis, None]
        for axis in (0, 1)
    )
    columns, rows = (x >= 0) & (x < inner_size[1]), (y >= 0) & (y < inner_size[0])
    return rows.unsqueeze(2) & columns.unsqueeze(1)
