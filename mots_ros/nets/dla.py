"""Deep layer aggregation: the backbone (DLA) and its upsampling neck (DLAUp, IDAUp).

Module names follow CenterNet's DLA, so that its checkpoints load as they are. DLA-34 and the light
model are the same classes with other numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mots_ros.nets.deformable import DeformableConv
from mots_ros.nets.precision import full_precision, widened


def conv_bn_relu(in_channels: int, out_channels: int, size: int, stride: int = 1) -> nn.Sequential:
    """Convolution without bias, BatchNorm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a residual that the tree hands in."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """[B, C_in, H, W] and its residual [B, C_out, H/stride, W/stride]."""
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + residual)


class Root(nn.Module):
    """Joins a tree's branches with a 1x1 convolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, branches: Sequence[Tensor]) -> Tensor:
        """Branches [B, C_i, H, W] -> [B, C_out, H, W]."""
        return self.relu(self.bn(self.conv(torch.cat(list(branches), dim=1))))


class Tree(nn.Module):
    """A binary tree of basic blocks, ``depth`` levels deep, that halves the map.

    ``passes_root``: the pooled input is one more branch of the root (levels 3 to 5).
    """

    def __init__(
        self,
        depth: int,
        in_channels: int,
        out_channels: int,
        stride: int = 2,
        passes_root: bool = False,
        root_channels: int = 0,
    ) -> None:
        super().__init__()
        root_channels = root_channels or 2 * out_channels
        if passes_root:
            root_channels += in_channels
        self.tree1: Tree | BasicBlock
        self.tree2: Tree | BasicBlock
        if depth == 1:
            self.tree1 = BasicBlock(in_channels, out_channels, stride)
            self.tree2 = BasicBlock(out_channels, out_channels, 1)
            self.root = Root(root_channels, out_channels)
        else:
            self.tree1 = Tree(depth - 1, in_channels, out_channels, stride)
            self.tree2 = Tree(
                depth - 1,
                out_channels,
                out_channels,
                stride=1,
                root_channels=root_channels + out_channels,
            )
        self.passes_root = passes_root
        self.downsample = nn.MaxPool2d(stride) if stride > 1 else nn.Identity()
        self.project: nn.Module = nn.Identity()
        if in_channels != out_channels:
            # Above depth 1 no block uses it: CenterNet's checkpoints hold such dead weights.
            self.project = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor, children: tuple[Tensor, ...] = ()) -> Tensor:
        """[B, C_in, H, W] -> [B, C_out, H/stride, W/stride]."""
        bottom = self.downsample(x)
        if self.passes_root:
            children = (*children, bottom)
        if isinstance(self.tree1, BasicBlock) and isinstance(self.tree2, BasicBlock):
            x1 = self.tree1(x, self.project(bottom))
            return self.root((self.tree2(x1, x1), x1, *children))
        x1 = self.tree1(x)
        return self.tree2(x1, (*children, x1))


class DLA(nn.Module):
    """The backbone: six levels at strides 1, 2, 4, 8, 16 and 32.

    depths: tree depth of levels 2 to 5; channels: of levels 0 to 5. DLA-34 is depths (1, 2, 2, 1),
    channels (16, 32, 64, 128, 256, 512).
    """

    def __init__(self, depths: Sequence[int], channels: Sequence[int]) -> None:
        super().__init__()
        self.base_layer = conv_bn_relu(3, channels[0], 7)
        self.level0 = conv_bn_relu(channels[0], channels[0], 3)
        self.level1 = conv_bn_relu(channels[0], channels[1], 3, stride=2)
        self.level2 = Tree(depths[0], channels[1], channels[2])
        self.level3 = Tree(depths[1], channels[2], channels[3], passes_root=True)
        self.level4 = Tree(depths[2], channels[3], channels[4], passes_root=True)
        self.level5 = Tree(depths[3], channels[4], channels[5], passes_root=True)

    def forward(self, image: Tensor) -> list[Tensor]:
        """[B, 3, H, W] -> the maps of levels 1 to 5, strides 2 to 32."""
        x = self.level1(self.level0(self.base_layer(image)))
        maps = [x]
        for level in (self.level2, self.level3, self.level4, self.level5):
            x = level(x)
            maps.append(x)
        return maps


class NeckConv(nn.Module):
    """The neck's 3x3 convolution, deformable or plain, with BatchNorm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, deformable: bool) -> None:
        super().__init__()
        self.conv: nn.Module = (
            DeformableConv(in_channels, out_channels)
            if deformable
            else nn.Conv2d(in_channels, out_channels, 3, padding=1)
        )
        self.actf = nn.Sequential(nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C_out, H, W]."""
        return self.actf(self.conv(x))


class IDAUp(nn.Module):
    """Iterative aggregation: deeper maps join, one by one, the shallowest one's size."""

    def __init__(
        self,
        out_channels: int,
        in_channels: Sequence[int],
        factors: Sequence[int],
        deformable: bool,
    ) -> None:
        super().__init__()
        for i, (channels, factor) in enumerate(zip(in_channels, factors, strict=True), start=1):
            self.add_module(f"proj_{i}", NeckConv(channels, out_channels, deformable))
            self.add_module(f"up_{i}", Upsampling(out_channels, factor))
            self.add_module(f"node_{i}", NeckConv(out_channels, out_channels, deformable))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps from shallow to deep -> the joined maps, all in the shallowest one's size."""
        joined = [maps[0]]
        for i, deep in enumerate(maps[1:], start=1):
            up = self.get_submodule(f"up_{i}")(self.get_submodule(f"proj_{i}")(deep))
            joined.append(self.get_submodule(f"node_{i}")(up + joined[-1]))
        return joined


class DLAUp(nn.Module):
    """The neck's ladder: per stride one map that has seen all deeper ones."""

    def __init__(self, channels: Sequence[int], deformable: bool) -> None:
        super().__init__()
        self.steps = len(channels) - 1
        width = list(channels)
        for i in range(self.steps):
            shallow = self.steps - i - 1
            out = channels[shallow]
            deeper = width[shallow + 1 :]
            self.add_module(f"ida_{i}", IDAUp(out, deeper, [2] * len(deeper), deformable))
            width[shallow + 1 :] = [out] * len(deeper)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps of strides 4 to 32 -> aggregated maps of the same strides and channels."""
        maps = list(maps)
        out = [maps[-1]]
        for i in range(self.steps):
            shallow = self.steps - i - 1
            maps[shallow:] = self.get_submodule(f"ida_{i}")(maps[shallow:])
            out.insert(0, maps[-1])
        return out


class Upsampling(nn.ConvTranspose2d):
    """A depthwise transposed convolution that starts as bilinear interpolation."""

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__(
            channels, channels, 2 * factor, factor, factor // 2, groups=channels, bias=False
        )
        ramp = 1 - (torch.arange(2 * factor) + 0.5 - factor).abs() / factor
        with torch.no_grad():
            self.weight.copy_((ramp.view(-1, 1) * ramp).expand_as(self.weight))

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """[B, C, H, W] -> [B, C, factor * H, factor * W]."""
        if x.is_cuda:
            return super().forward(x, output_size)
        # Processors have a fast one in float32 alone: in bfloat16 it takes eight times as long.
        with full_precision(x.device):
            wide = F.conv_transpose2d(
                widened(x),
                widened(self.weight),
                stride=self.stride,
                padding=self.stride[0] // 2,
                groups=self.groups,
            )
        return wide.to(x.dtype)
