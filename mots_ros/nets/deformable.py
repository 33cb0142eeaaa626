"""Modulated deformable convolution (DCNv2) in plain PyTorch: runs, trains and exports anywhere."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DeformableConv(nn.Module):
    """A 3x3 convolution whose nine taps move and fade as the input says; stride 1, padding 1.

    ``conv_offset_mask`` gives 27 channels: 18 offsets, interleaved (dy, dx) per tap in row-major
    order, then 9 logits of the taps' weights. What lies outside the map counts 0. Parameter names
    are those of CenterNet's checkpoints.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        plain = nn.Conv2d(in_channels, out_channels, 3, bias=False)
        self.weight = plain.weight
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.conv_offset_mask = nn.Conv2d(in_channels, 27, 3, padding=1)
        # Starts as an ordinary convolution at half strength.
        nn.init.zeros_(self.conv_offset_mask.weight)
        nn.init.zeros_(self.conv_offset_mask.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C_out, H, W]."""
        b, c, h, w = x.shape
        offset, logits = self.conv_offset_mask(x).split((18, 9), dim=1)
        taps = torch.arange(9, device=x.device)
        dy, dx = offset.reshape(b, 9, 2, h, w).unbind(2)
        rows = torch.arange(h, device=x.device).view(h, 1)
        columns = torch.arange(w, device=x.device)
        y = dy + (rows + (taps // 3 - 1).view(9, 1, 1))
        x_position = dx + (columns + (taps % 3 - 1).view(9, 1, 1))
        # With align_corners=False, -1 and 1 are the outer edges of the first and last pixel.
        grid = torch.stack(((2 * x_position + 1) / w - 1, (2 * y + 1) / h - 1), dim=-1)
        sampled = F.grid_sample(
            x, grid.view(b, 9 * h, w, 2).to(x.dtype), padding_mode="zeros", align_corners=False
        )
        # Reshaped and not viewed: in a channels-last network maps and weights lie otherwise.
        sampled = sampled.reshape(b, c, 9, h * w) * logits.sigmoid().reshape(b, 1, 9, h * w)
        out = self.weight.reshape(-1, c * 9) @ sampled.reshape(b, c * 9, h * w)
        return (out + self.bias.view(-1, 1)).view(b, -1, h, w)
