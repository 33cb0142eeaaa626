"""Modulated deformable convolution (DCNv2) in plain PyTorch: runs, trains and exports anywhere.

Where the maps are on a GPU and torchvision is installed, its kernel does the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mots_ros.nets.precision import full_precision, widened

try:
    from torchvision.ops import deform_conv2d
except (ImportError, OSError, RuntimeError):  # the latter where it was built for another torch
    deform_conv2d = None


class DeformableConv(nn.Module):
    """A 3x3 convolution whose nine taps move and fade as the input says; stride 1, padding 1.

    ``conv_offset_mask`` gives 27 channels: 18 offsets, interleaved (dy, dx) per tap in row-major
    order, then 9 logits of the taps' weights. What lies outside the map counts 0. Parameter names
    are those of CenterNet's checkpoints.

    Where the taps lie is computed in float32, whatever the precision of ``weight``: half a
    mantissa does not tell a map's pixels apart.
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
        """[B, C_in, H, W] -> [B, C_out, H, W], in the precision of ``weight``."""
        x = widened(x)
        with full_precision(x.device):
            offset, logits = self.conv_offset_mask(x).split((18, 9), dim=1)
        convolution = plain_convolution
        if x.is_cuda and deform_conv2d is not None:
            # On processors it takes twice as long as the plain one.
            convolution = torchvision_convolution
        elif torch.jit.is_tracing() and not torch.onnx.is_in_onnx_export():  # type: ignore[attr-defined]
            convolution = one_operation
        return convolution(x, offset, logits.sigmoid(), self.weight, self.bias)


def plain_convolution(
    x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor
) -> Tensor:
    """Sample nine taps a pixel, then multiply them with the weights.

    Args:
        x: [B, C_in, H, W].
        offset: [B, 18, H, W] in pixels, (dy, dx) of each tap. mask: [B, 9, H, W] in [0, 1].
        weight: [C_out, C_in, 3, 3]. bias: [C_out]. Their precision is the result's.
    """
    b, c, h, w = x.shape
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
    sampled = sampled.reshape(b, c, 9, h * w) * mask.reshape(b, 1, 9, h * w)
    out = weight.reshape(-1, c * 9) @ sampled.reshape(b, c * 9, h * w).to(weight.dtype)
    return (out + bias.view(-1, 1)).view(b, -1, h, w)


one_operation = torch.library.custom_op(
    "mots_ros::deformable_convolution",
    plain_convolution,
    mutates_args=(),
    schema="(Tensor x, Tensor offset, Tensor mask, Tensor weight, Tensor bias) -> Tensor",
)
"""``plain_convolution`` in a traced graph, so that whatever takes the graph may know better."""


def torchvision_convolution(
    x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor
) -> Tensor:
    """``plain_convolution`` by torchvision's kernel."""
    out: Tensor = deform_conv2d(x, offset, widened(weight), widened(bias), padding=1, mask=mask)
    return out.to(weight.dtype)
