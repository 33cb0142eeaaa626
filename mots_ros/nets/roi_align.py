"""Features of regions in a fixed size (ROIAlign of Mask R-CNN), in plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def roi_align(
    features: Tensor, boxes: Tensor, frame: Tensor, size: tuple[int, int], samples: int = 2
) -> Tensor:
    """Cut every box into a grid and average ``samples`` x ``samples`` points in each of its bins.

    Points between pixels are interpolated bilinearly; outside the map everything is 0. Pixel i
    covers [i, i + 1), so this is what other libraries call aligned.

    Args:
        features: [B, C, H, W].
        boxes: [N, 4] xyxy in map coordinates.
        frame: int64 [N], the map that each box lies in.
        size: rows and columns of the grid.
        samples: one is enough where bins are about as small as the map's pixels.

    Returns:
        [N, C, rows, columns]; gradients reach the features.
    """
    rows, columns = size
    height, width = features.shape[2:]
    # grid_sample's -1 and 1 are the map's edges.
    x = _points(boxes[:, 0], boxes[:, 2], columns * samples) * (2 / width) - 1
    y = _points(boxes[:, 1], boxes[:, 3], rows * samples) * (2 / height) - 1
    shape = (len(boxes), rows * samples, columns * samples)
    points = torch.stack((x[:, None, :].expand(shape), y[:, :, None].expand(shape)), dim=-1)
    if len(features) == 1:
        # Asking whose box is whose would wait for a GPU.
        return _sampled(features, points, samples)
    regions = features.new_zeros(len(boxes), features.shape[1], rows, columns)
    for number in frame.unique().tolist():
        chosen = frame == number
        regions[chosen] = _sampled(features[number : number + 1], points[chosen], samples)
    return regions


def _sampled(features: Tensor, points: Tensor, samples: int) -> Tensor:
    """The grids [N, C, rows, columns] of one map's boxes, of points [N, rows, columns, 2] in it."""
    sampled = F.grid_sample(features, points.flatten(0, 1)[None], align_corners=False)
    grids = sampled[0].unflatten(1, points.shape[:2]).transpose(0, 1)
    return F.avg_pool2d(grids, samples)


def _points(low: Tensor, high: Tensor, count: int) -> Tensor:
    """The middles [N, count] of so many equal parts between the two ends [N] of every box."""
    steps = (torch.arange(count, device=low.device, dtype=low.dtype) + 0.5) / count
    return low[:, None] + (high - low)[:, None] * steps
