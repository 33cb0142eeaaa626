"""The dynamic searcher: where is each tracked object now? (paper, section 3.3)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mots_ros.nets.decode import boxes_at
from mots_ros.nets.dynamic import dynamic_network, dynamic_network_around
from mots_ros.nets.peaks import top_peaks
from mots_ros.nets.tracker_head import Seen


def search(
    search: Tensor,
    size: Tensor,
    offset: Tensor | None,
    kernels: Tensor,
    centres: Tensor,
    *,
    region: int,
    window: int,
    count: int,
) -> tuple[Tensor, Tensor]:
    """Run every track's kernel over the frame, relative to where its filter expects it.

    Args:
        search, size, offset: see ``SearchFeatures``.
        kernels: [T, 593], read where each track was last detected.
        centres: [T, 2] predicted x, y in continuous map coordinates: the motion map's origin.
        region: side of the square around that in which a track is searched for, moved into the map
            where it would leave it; 0 for the whole map.
        window: side of the peak window on the response.
        count: candidates per track.

    Returns:
        Candidate boxes [T, count, 4] in continuous map coordinates, and their scores [T, count].
    """
    pixels, map_size = centres - 0.5, (search.shape[1], search.shape[2])
    if not region:
        responses = dynamic_network(search, kernels, pixels)
        scores, x, y = top_peaks(responses.sigmoid_(), window, count)
    else:
        inner, inner_size = _regions(pixels, region, map_size)
        # What is next to the region tells whether its edge holds a peak or the slope of one.
        outer, outer_size = _regions(pixels, region + 2 * (window // 2), map_size)
        responses = dynamic_network_around(search, kernels, pixels, outer, outer_size)
        among = _inside(outer, outer_size, inner, inner_size)
        scores, x, y = top_peaks(responses.sigmoid_(), window, count, among)
        x, y = x + outer[:, :1], y + outer[:, 1:]
    return boxes_at(size, offset, x, y), scores


@dataclass(frozen=True)
class SearchFeatures:
    """What SearchTrack needs of one frame beside the detections.

    search [16, h, w], size [2, h, w], offset [2, h, w] or None: head maps at stride 4.
    find: tells the kernels; until somebody asks they may still be in work.
    look: the function ``search``, or what does the same.
    """

    search: Tensor
    size: Tensor
    offset: Tensor | None
    find: Callable[[], Tensor]
    look: Callable[..., tuple[Tensor, Tensor]]

    @cached_property
    def kernels(self) -> Tensor:
        """The search network of every detection [N, 593]."""
        return self.find()


class SearchHead:
    """What SearchTrack reads; its layers are part of the released network, and so of ours."""

    context = None

    def __init__(self, look: Callable[..., tuple[Tensor, Tensor]]) -> None:
        self._look = look

    def read(self, seen: Seen) -> SearchFeatures:
        """See ``TrackerHead.read``."""
        search, size, offset = seen.maps.search[0], seen.maps.size[0], seen.maps.offset
        # Whoever keeps a frame's kernels shall not keep all its features.
        find = seen.find
        return SearchFeatures(
            search,
            size,
            None if offset is None else offset[0],
            lambda: find().search_kernels,
            self._look,
        )


def _regions(
    pixels: Tensor, side: int, map_size: tuple[int, int]
) -> tuple[Tensor, tuple[int, int]]:
    """The first pixels [T, 2] (x, y) of squares around these in a map, moved into it where they
    would leave it, and their height and width, at most the map's."""
    height, width = min(side, map_size[0]), min(side, map_size[1])
    x, y = pixels.round().unbind(1)
    x = (x - width // 2).clamp(0, map_size[1] - width)
    y = (y - height // 2).clamp(0, map_size[0] - height)
    return torch.stack((x, y), dim=1).long(), (height, width)


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
