"""The SearchTrack network: DLA, its neck, a head for each map (paper, section 3, figure 1)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mots_ros.nets.deformable import DeformableConv
from mots_ros.nets.dla import DLA, DLAUp, IDAUp
from mots_ros.nets.dynamic import Values, parameter_count
from mots_ros.nets.precision import full_precision, widened

MASK_CHANNELS = 8
SEARCH_CHANNELS = 16


@dataclass(frozen=True)
class NetworkSpec:
    """The numbers that make a network of the classes below; stored beside the weights.

    depths, channels: of ``DLA``. head_channels: width of every head. deformable: the neck's
    convolutions. offset_head: whether a ``reg`` head refines centres below the map's pixel.
    mask_head: whether objects have masks; without, they are boxes only. amodal_head: whether an
    ``ltrb_amodal`` head gives boxes of whole objects, also where they leave the image.
    fine_masks: whether masks are drawn at stride 2 instead of 4, with what the backbone sees there.
    corner_masks: whether a mask's cell speaks of the first of its pixels, not of their middle.
    """

    class_names: tuple[str, ...]
    depths: tuple[int, int, int, int]
    channels: tuple[int, int, int, int, int, int]
    head_channels: int
    deformable: bool
    offset_head: bool
    mask_head: bool = True
    amodal_head: bool = False
    fine_masks: bool = False
    corner_masks: bool = False


DLA34 = NetworkSpec(
    class_names=("car", "pedestrian"),
    depths=(1, 2, 2, 1),
    channels=(16, 32, 64, 128, 256, 512),
    head_channels=256,
    deformable=True,
    offset_head=False,
)
"""The released KITTI MOTS model: 20,300,470 parameters."""

DLA34_MOT = replace(
    DLA34, class_names=("pedestrian",), offset_head=True, mask_head=False, amodal_head=True
)
"""The released MOT17 model, which has boxes but no masks: 20,256,266 parameters."""

LIGHT = NetworkSpec(
    class_names=("car", "pedestrian"),
    depths=(1, 1, 2, 1),
    channels=(8, 16, 32, 64, 96, 128),
    head_channels=48,
    deformable=False,
    offset_head=True,
    fine_masks=True,
)
"""Ten images a second and more at 320x1056 on two processor cores."""


@dataclass(frozen=True)
class Features:
    """What comes before all heads, of a batch.

    shared: [B, C, H, W] at stride 4, what every head sees.
    detail: [B, D, H, W] what the mask head sees beside it; None without fine masks.
    ladder: the neck's maps at strides 8, 16 and 32, in the network's precision.
    """

    shared: Tensor
    detail: Tensor | None
    ladder: tuple[Tensor, ...]

    def of(self, images: slice) -> Features:
        """Those of some images."""
        detail = None if self.detail is None else self.detail[images]
        return Features(self.shared[images], detail, tuple(rung[images] for rung in self.ladder))


@dataclass(frozen=True)
class HeadMaps:
    """The dense heads on the stride-4 map, for a batch.

    heat: logits [B, classes, H, W].
    size: width and height in map pixels [B, 2, H, W].
    offset: from the pixel's corner to the centre [B, 2, H, W], or None.
    amodal: from the pixel's corner to the whole object's left, top, right and bottom edge
        [B, 4, H, W], or None.
    search: [B, 16, H, W]. mask: [B, 8, H, W], of fine masks [B, 8, 2 H, 2 W], or None.
    """

    heat: Tensor
    size: Tensor
    offset: Tensor | None
    amodal: Tensor | None
    search: Tensor
    mask: Tensor | None


class Head(nn.Sequential):
    """A 3x3 convolution, ReLU, and a 1x1 convolution that computes in float32, whatever the first
    one does: what it gives are positions and logits.
    """

    def __init__(self, in_channels: int, hidden: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, hidden, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, out_channels, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, out, H, W]."""
        wide, relu, last = self._layers
        hidden = relu(wide(features.to(wide.weight.dtype)))
        with full_precision(features.device):
            return last(widened(hidden))

    def at(self, features: Tensor, batch: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """The same at single pixels [N, out] (int64 [N] each), from their 3x3 neighbourhoods."""
        wide, relu, last = self._layers
        patches = neighbourhoods(features, batch, y, x).flatten(1)
        hidden = F.linear(patches, wide.weight.flatten(1), wide.bias)
        return F.linear(relu(hidden), last.weight.flatten(1), last.bias)

    def narrow_parts(self) -> tuple[nn.Module, ...]:
        """See ``SearchTrackNet.narrow_parts``."""
        return (self[0],)

    @property
    def _layers(self) -> tuple[nn.Conv2d, nn.ReLU, nn.Conv2d]:
        return tuple(self)  # type: ignore[return-value]


class FineMaskHead(nn.Module):
    """Mask features at stride 2: every cell of the stride-4 map gives those of its four quarters.

    What tells a person from those beside them is in the shared features, where their outline runs
    in the backbone's map at stride 2.
    """

    def __init__(self, in_channels: int, half_channels: int, hidden: int) -> None:
        super().__init__()
        self.detail = nn.Sequential(
            nn.Conv2d(half_channels, in_channels, 2, stride=2), nn.ReLU(inplace=True)
        )
        self.wide = nn.Sequential(
            nn.Conv2d(2 * in_channels, hidden, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.last = nn.Conv2d(hidden, 4 * MASK_CHANNELS, 1)

    def forward(self, shared: Tensor, detail: Tensor) -> Tensor:
        """The shared features [B, C, H, W] and what ``detail`` makes of the map at stride 2, of the
        same shape -> [B, 8, 2 H, 2 W], in float32 as ``Head``.
        """
        hidden = widened(self.wide(torch.cat((shared.to(detail.dtype), detail), dim=1)))
        with full_precision(shared.device):
            return F.pixel_shuffle(self.last(hidden), 2)

    def narrow_parts(self) -> tuple[nn.Module, ...]:
        """See ``SearchTrackNet.narrow_parts``."""
        return self.detail, self.wide


class SearchTrackNet(nn.Module):
    """Shared features, dense heads, and two controllers read only where an object is.

    The controllers (``sch_weight``, ``conv_weight``) have hundreds of channels but are needed at a
    handful of pixels, so they are evaluated there alone; the numbers are the same.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        neck = spec.channels[2:]
        self.base = DLA(spec.depths, spec.channels)
        self.dla_up = DLAUp(neck, spec.deformable)
        self.ida_up = IDAUp(neck[0], neck[1:3], (2, 4), spec.deformable)

        def head(channels: int) -> Head:
            return Head(neck[0], spec.head_channels, channels)

        self.hm = head(len(spec.class_names))
        self.wh = head(2)
        self.reg = head(2) if spec.offset_head else None
        self.sch = head(SEARCH_CHANNELS)
        self.sch_weight = head(parameter_count(SEARCH_CHANNELS))
        self.seg: Head | FineMaskHead | None = None
        if spec.mask_head and spec.fine_masks:
            self.seg = FineMaskHead(neck[0], spec.channels[1], spec.head_channels)
        elif spec.mask_head:
            self.seg = head(MASK_CHANNELS)
        self.conv_weight = head(parameter_count(MASK_CHANNELS)) if spec.mask_head else None
        self.ltrb_amodal = head(4) if spec.amodal_head else None
        # Nearly every pixel is background: heat map and search responses start at 10 %.
        nn.init.constant_(self.hm[2].bias, -2.19)  # type: ignore[arg-type]
        nn.init.constant_(self.sch_weight[2].bias[-1:], -2.19)  # type: ignore[index]

    @property
    def precision(self) -> torch.dtype:
        """In what backbone and neck compute."""
        return next(self.base.parameters()).dtype

    def narrow_parts(self) -> tuple[nn.Module, ...]:
        """What need not compute in float32: backbone, neck and the dense heads' wide layers.

        What the heads give in the end does, and the two controllers, which are read at single
        pixels.
        """
        heads = (self.hm, self.wh, self.reg, self.sch, self.seg, self.ltrb_amodal)
        wide = (part for head in heads if head is not None for part in head.narrow_parts())
        return self.base, self.dla_up, self.ida_up, *wide

    def tap_layers(self) -> list[nn.Conv2d]:
        """What says where deformable taps lie: in float32, whatever the rest of its part does."""
        return [m.conv_offset_mask for m in self.modules() if isinstance(m, DeformableConv)]

    def compute_in(self, precision: torch.dtype) -> None:
        """Let the narrow parts compute in another precision, but for the ``tap_layers``."""
        for part in self.narrow_parts():
            part.to(precision)
        for layer in self.tap_layers():
            layer.float()

    def features(self, image: Tensor) -> Features:
        """Of normalised RGB [B, 3, H, W]; the shared ones are in float32."""
        half, *maps = self.base(image.to(self.precision))
        detail = self.seg.detail(half) if isinstance(self.seg, FineMaskHead) else None
        # It is large, and the neck needs the room.
        del half
        ladder = self.dla_up(maps)
        shared = widened(self.ida_up(ladder[:3])[-1])
        return Features(shared, detail, ladder=tuple(ladder[1:]))

    def heads(self, features: Features) -> HeadMaps:
        """The dense heads."""
        shared = features.shared
        return HeadMaps(
            heat=self.hm(shared),
            size=self.wh(shared),
            offset=self.reg(shared) if self.reg else None,
            amodal=self.ltrb_amodal(shared) if self.ltrb_amodal else None,
            search=self.sch(shared),
            mask=self._mask_map(features),
        )

    def _mask_map(self, features: Features) -> Tensor | None:
        if isinstance(self.seg, FineMaskHead):
            assert features.detail is not None
            mask_map: Tensor = self.seg(features.shared, features.detail)
            return mask_map
        return self.seg(features.shared) if self.seg else None

    def search_kernels(self, shared: Tensor, batch: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Weights of the search networks [N, 593] of the objects at batch, y, x (int64 [N])."""
        return self.sch_weight.at(shared, batch, y, x)

    def mask_kernels(self, shared: Tensor, batch: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Weights of the mask networks [N, 169] of the objects at batch, y, x (int64 [N])."""
        assert self.conv_weight is not None, "this network has no masks"
        return self.conv_weight.at(shared, batch, y, x)

    def mask_centres(self, pixels: Values) -> Values:
        """Where on the mask map are the objects [N, 2] (x, y) in these pixels of the others."""
        return 2 * pixels + 0.5 if self.spec.fine_masks else pixels


def neighbourhoods(features: Tensor, batch: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """The 3x3 pixels [N, C, 3, 3] around batch, y, x (int64 [N]) of maps [B, C, H, W]; beyond the
    edge they are 0.

    A 3x3 convolution without padding makes of them what a padded one has at these pixels.
    """
    height, width = features.shape[2:]
    around = torch.arange(-1, 2, device=features.device)
    rows, columns = y.view(-1, 1, 1) + around.view(1, 3, 1), x.view(-1, 1, 1) + around
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    rows = rows.clamp(0, height - 1) + height * batch.view(-1, 1, 1)
    pixels = (columns.clamp(0, width - 1) + width * rows).flatten()
    found = features.movedim(1, 0).flatten(1).gather(1, pixels.expand(features.shape[1], -1))
    return found.view(len(found), *inside.shape).movedim(0, 1).masked_fill(~inside.unsqueeze(1), 0)
