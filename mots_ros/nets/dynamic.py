"""Dynamic networks: three 1x1 convolutions whose weights the network itself writes, per object.

One function serves both uses: CondInst's masks and SearchTrack's searcher (section 3.3, eq. 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, groupby
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from mots_ros.core.types import FloatArray

Values = TypeVar("Values", FloatArray, Tensor)

COORDINATE_SCALE = 128.0
"""Map pixels by which the relative coordinates are divided."""

_HIDDEN_VALUES = 2**18
"""Values of a hidden layer that stay in a processor's cache until the next layer reads them."""

_PIXELS = 2**14
"""Of masks that are computed together, but for the last one's: one megabyte."""


def parameter_count(channels: int) -> int:
    """Length of the weight vector for C feature channels: 2C² + 5C + 1 (8: 169, 16: 593)."""
    return 2 * channels * channels + 5 * channels + 1


def dynamic_network(features: Tensor, weights: Tensor, centres: Tensor) -> Tensor:
    """Apply every object's own small network to one feature map.

    The first layer sees two coordinate channels before the features: (centre - pixel) / 128, x then
    y, in map pixels with integer pixel positions. They are linear in the position, so the centre's
    share goes into the bias and one shared grid serves all objects: one matrix product per layer,
    on the processor part by part of the map.

    Args:
        features: [C, H, W].
        weights: [N, 2C² + 5C + 1], laid out as w1 [C, C+2], w2 [C, C], w3 [C], b1 [C], b2 [C], b3.
        centres: [N, 2] reference x, y in map pixels (an integer is that pixel's own position).

    Returns:
        Logits [N, H, W].
    """
    c, h, w = features.shape
    n = len(weights)
    pixels = torch.cat((_coordinates(features, (h, w)), features))
    w1, b1, w2, b2, w3, b3 = layers_of(weights, centres, c)
    w1, b1 = w1.reshape(n * c, c + 2), b1.view(n * c, 1)
    at_once = max(_HIDDEN_VALUES // max(n * c, 1), 1) if pixels.device.type == "cpu" else h * w
    logits = []
    for part in pixels.view(c + 2, h * w).split(at_once, dim=1):
        hidden = torch.addmm(b1, w1, part).relu_().view(n, c, part.shape[1])
        hidden = torch.baddbmm(b2, w2, hidden).relu_()
        logits.append(torch.baddbmm(b3, w3, hidden).squeeze(1))
    return torch.cat(logits, dim=1).view(n, h, w)


def dynamic_network_around(
    features: Tensor, weights: Tensor, centres: Tensor, corners: Tensor, size: tuple[int, int]
) -> Tensor:
    """``dynamic_network``, but for every object only in a region of its own, all of one size.

    Args:
        features, weights, centres: as for ``dynamic_network``.
        corners: int64 [N, 2] x, y of each region's first pixel.
        size: height h and width w of the regions, which lie in the map.

    Returns:
        Logits [N, h, w].
    """
    # Regions have coordinates of their own, which begin at their corners.
    layers = layers_of(weights, centres - corners, len(features))
    values = len(features) * size[0] * size[1]
    at_once = max(_HIDDEN_VALUES // values, 1) if features.is_cpu else max(len(weights), 1)
    logits = []
    for part in zip(*(each.split(at_once) for each in (corners, *layers)), strict=True):
        corner, w1, b1, w2, b2, w3, b3 = part
        inside = _regions(features, corner, size).flatten(2)
        hidden = torch.baddbmm(b1, w1, inside).relu_()
        hidden = torch.baddbmm(b2, w2, hidden).relu_()
        logits.append(torch.baddbmm(b3, w3, hidden))
    return torch.cat(logits).view(len(weights), *size)


def masks_inside(
    features: FloatArray, layers: Sequence[FloatArray], windows: NDArray[np.int64]
) -> list[FloatArray]:
    """Every object's own network, but only in its own part of the map, on the processor.

    torch has no part in it: in a thread beside the network, torch's would get in each other's way.

    Args:
        features: [C, H, W]. layers: of ``layers_of``.
        windows: [N, 4] first column and row, and those after the last.

    Returns:
        Each window's probabilities [h, w].
    """
    ends = np.cumsum((windows[:, 2:] - windows[:, :2]).prod(axis=1))
    masks = []
    for _, group in groupby(range(len(windows)), lambda index: ends[index] // _PIXELS):
        some = list(group)
        masks += _side_by_side(features, [layer[some] for layer in layers], windows[some].tolist())
    return masks


def _side_by_side(
    features: FloatArray, layers: Sequence[FloatArray], windows: list[list[int]]
) -> list[FloatArray]:
    """``masks_inside`` with all objects' pixels in one array: what takes a call for each thing, and
    things are small, takes one for all."""
    y, x = (np.arange(side, dtype=np.float32) / -COORDINATE_SCALE for side in features.shape[1:])
    sizes = [(bottom - top, right - left) for left, top, right, bottom in windows]
    ends = list(accumulate(height * width for height, width in sizes))
    objects = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
    # A layer multiplies its bias with the last channel.
    values = np.ones((len(features) + 3, ends[-1]), np.float32)
    for pixels, size, (left, top, right, bottom) in zip(objects, sizes, windows, strict=True):
        inside = values[:-1, pixels].reshape(-1, *size)
        inside[0], inside[1] = x[left:right], y[top:bottom, None]
        inside[2:] = features[:, top:bottom, left:right]
    for depth in range(3):
        weights = np.concatenate(layers[2 * depth : 2 * depth + 2], axis=2)
        given = np.maximum(values, 0, out=values) if depth else values
        values = np.ones((weights.shape[1] + 1, ends[-1]), np.float32)
        for pixels, own in zip(objects, weights, strict=True):
            np.matmul(own, given[:, pixels], out=values[:-1, pixels])
    probability = expit(values[0])
    return [probability[pixels].reshape(size) for pixels, size in zip(objects, sizes, strict=True)]


def _regions(features: Tensor, corners: Tensor, size: tuple[int, int]) -> Tensor:
    """The regions of one size whose first pixels are at x, y [N, 2] of a map, after coordinates
    that begin there: [N, C + 2, h, w]."""
    height, width = size
    found = features.new_empty(len(corners), 2 + len(features), height, width)
    found[:, :2] = _coordinates(features, size)
    if features.is_cpu:
        # To copy rows takes a third of the time of looking every value up.
        for region, (x, y) in zip(found, corners.tolist(), strict=True):
            region[2:] = features[:, y : y + height, x : x + width]
    else:
        windows = features.unfold(1, height, 1).unfold(2, width, 1)
        found[:, 2:] = windows[:, corners[:, 1], corners[:, 0]].transpose(0, 1)
    return found


def _coordinates(like: Tensor, size: tuple[int, int]) -> Tensor:
    """Two channels with every pixel's share of x and y: [2, H, W]."""
    y, x = (
        torch.arange(side, device=like.device, dtype=like.dtype) / -COORDINATE_SCALE
        for side in size
    )
    return torch.stack((x.expand(size), y.unsqueeze(1).expand(size)))


def layers_of(weights: Values, centres: Values, c: int) -> tuple[Values, ...]:
    """Weights [N, out, in] and biases [N, out, 1] of the three layers, one after the other.

    Arguments as for ``dynamic_network``, of either library; the centre's share of the coordinate
    channels is in the first bias.
    """
    n = len(weights)
    lengths = (c * (c + 2), c * c, c, c, c, 1)
    w1, w2, w3, b1, b2, b3 = (
        weights[:, end - length : end]
        for length, end in zip(lengths, accumulate(lengths), strict=True)
    )
    w1 = w1.reshape(n, c, c + 2)
    b1 = b1[..., None] + w1[:, :, :2] @ (centres / COORDINATE_SCALE)[..., None]
    return w1, b1, w2.reshape(n, c, c), b2[..., None], w3[:, None], b3[..., None]
