"""The network's view of an image."""

from __future__ import annotations

import torch
from torch import Tensor

# CenterNet's statistics, here in RGB order, on the scale of 0 to 1.
MEAN = (0.47026115, 0.44719302, 0.40789654)
STD = (0.27809835, 0.27408164, 0.28863828)


def normalised(image: Tensor) -> Tensor:
    """uint8 RGB [B, 3, H, W] -> float32, zero mean and unit deviation per channel."""
    mean = torch.tensor(MEAN, device=image.device).view(3, 1, 1) * 255
    std = torch.tensor(STD, device=image.device).view(3, 1, 1) * 255
    return (image - mean) / std
