"""The network's view of an image."""

from __future__ import annotations

import torch
from torch import Tensor

# CenterNet's statistics, here in RGB order, on the scale of 0 to 1.
MEAN = (0.47026115, 0.44719302, 0.40789654)
STD = (0.27809835, 0.27408164, 0.28863828)


def statistics() -> tuple[Tensor, Tensor]:
    """Mean and deviation of the channels [3], on the scale of 0 to 255."""
    return 255 * torch.tensor(MEAN), 255 * torch.tensor(STD)


def normalised(images: Tensor) -> Tensor:
    """uint8 RGB [B, H, W, 3] -> float32 [B, 3, H, W], zero mean and unit deviation per channel.

    The result is a view: it lies in memory as the images do.
    """
    # Row by row, because a loop over three channels takes ten times as long.
    rows = images.flatten(2).float()
    mean, deviation = (
        channels.repeat(images.shape[2]).to(images.device) for channels in statistics()
    )
    return rows.sub_(mean).div_(deviation).view(images.shape).permute(0, 3, 1, 2)
