"""The network's view of an image."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from mots_ros.core.letterbox import Letterbox

# CenterNet's statistics, here in RGB order, on the scale of 0 to 1.
MEAN = (0.47026115, 0.44719302, 0.40789654)
STD = (0.27809835, 0.27408164, 0.28863828)


Statistics = tuple[Tensor, Tensor]
"""Mean and deviation of the channels [3], on the scale of 0 to 255."""


def statistics(device: torch.device | None = None) -> Statistics:
    """CenterNet's, on a device."""
    return 255 * torch.tensor(MEAN, device=device), 255 * torch.tensor(STD, device=device)


def letterboxed(images: Tensor, letterbox: Letterbox) -> Tensor:
    """``Letterbox.warp`` on the device where the images are: uint8 [B, H, W, 3] -> float32
    [B, h, w, 3] from 0 to 255, not rounded.
    """
    maps = images.permute(0, 3, 1, 2).float()
    height, width = letterbox.image_size
    if letterbox.scale < 0.5:
        factor = math.ceil(0.5 / letterbox.scale)
        # A last pixel that reaches beyond the image is the mean of what there is.
        maps = F.avg_pool2d(maps, factor, ceil_mode=True)
        height, width = factor * maps.shape[2], factor * maps.shape[3]
    input_height, input_width = letterbox.input_size
    # Both grids reach from -1 to 1 between the outer edges of their first and last pixels.
    shown_x, shown_y = letterbox.scale * width, letterbox.scale * height
    shift_x = (input_width - 2 * letterbox.offset_x) / shown_x - 1
    shift_y = (input_height - 2 * letterbox.offset_y) / shown_y - 1
    to_image = maps.new_tensor(
        [[[input_width / shown_x, 0, shift_x], [0, input_height / shown_y, shift_y]]]
    )
    size = [len(maps), 3, input_height, input_width]
    grid = F.affine_grid(to_image.expand(len(maps), -1, -1), size, align_corners=False)
    return F.grid_sample(maps, grid, align_corners=False).permute(0, 2, 3, 1)


def normalised(images: Tensor, channels: Statistics) -> Tensor:
    """RGB [B, H, W, 3] from 0 to 255 -> float32 [B, 3, H, W], zero mean and unit deviation per
    channel.

    The result is a view: it lies in memory channels last, as the images do.
    """
    # Row by row, because a loop over three channels takes ten times as long.
    mean, deviation = (each.repeat(images.shape[2]) for each in channels)
    rows = (images.flatten(2) - mean).div_(deviation)
    return rows.view(images.shape).permute(0, 3, 1, 2)
