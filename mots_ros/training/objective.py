"""What training minimises: losses by name, over a batch."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mots_ros.nets.dynamic import dynamic_network
from mots_ros.nets.normalise import normalised, statistics
from mots_ros.nets.searchtrack import Features, HeadMaps, SearchTrackNet
from mots_ros.training.batch import Batch
from mots_ros.training.losses import heatmap_loss, mask_loss, near_boxes, outline_loss

SIZE_WEIGHT = 0.1
OUTLINE_WEIGHT = 2.0


class Objective(nn.Module):
    """A network, or a part of one, and its losses.

    ``forward`` gets a batch and returns the weighted losses by name. ``half_width``: compute the
    shared features and the heads' wide layers in bfloat16; what follows needs the precision.
    """

    half_width: bool = False

    def __init__(self, net: SearchTrackNet) -> None:
        super().__init__()
        self.net: SearchTrackNet = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def trained(self) -> nn.Module:
        """What a run is for; the objective's other layers serve training alone."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> Objective:
        """As of any module; normalisation that does not learn keeps its statistics, too."""
        super().train(mode)
        for module in self.net.modules():
            if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
                module.eval()
        return self

    def features(self, batch: Batch) -> Features:
        """What comes before all heads, of all frames."""
        images = normalised(batch.images, statistics(batch.images.device))
        with self._precision(images):
            return self.net.features(images)

    def maps(self, features: Features) -> HeadMaps:
        """What the dense heads make of features."""
        with self._precision(features.shared):
            return self.net.heads(features)

    def _precision(self, tensor: Tensor) -> torch.autocast:
        return torch.autocast(tensor.device.type, torch.bfloat16, enabled=self.half_width)


class HeadObjective(Objective):
    """The head of a tracker on a network that stays as it is.

    FRAMES: of every snippet in a batch. MAX_GAP: how far its neighbours may be apart.
    """

    FRAMES: ClassVar[int]
    MAX_GAP: ClassVar[int]

    def __init__(self, net: SearchTrackNet, head: nn.Module) -> None:
        super().__init__(net.requires_grad_(False).eval())
        self.head = head

    @property
    def trained(self) -> nn.Module:
        return self.head


def detection_losses(
    net: SearchTrackNet, shared: Tensor, maps: HeadMaps, batch: Batch
) -> dict[str, Tensor]:
    """The weighted losses of boxes and masks.

    Args:
        shared: [F, C, h, w] the features of the batch's frames; maps: what the network's heads make
            of them.
    """
    x, y = batch.place.unbind(1)
    at = (batch.frame, slice(None), y, x)
    losses = {
        "heat": heatmap_loss(maps.heat, batch.heat, batch.heat_weight),
        "size": SIZE_WEIGHT * _mean_l1(maps.size[at], batch.size),
    }
    if maps.offset is not None:
        losses["offset"] = _mean_l1(maps.offset[at], batch.centre - batch.place)
    if maps.mask is not None:
        losses["mask"] = drawn_masks_loss(net, shared, maps.mask, batch)
    return losses


def drawn_masks_loss(
    net: SearchTrackNet, shared: Tensor, mask_maps: Tensor, batch: Batch
) -> Tensor:
    """The weighted loss of the masks that every object's own network draws; see
    ``detection_losses``."""
    x, y = batch.place.unbind(1)
    kernels = net.mask_kernels(shared, batch.frame, y, x).split(batch.counts)
    places = net.mask_centres(batch.place.float()).split(batch.counts)
    logits = torch.cat(
        [
            dynamic_network(frame_map, weights, centres)
            for frame_map, weights, centres in zip(mask_maps, kernels, places, strict=True)
        ]
    )
    masks, size = batch.masks.float(), (logits.shape[1], logits.shape[2])
    covered = F.adaptive_avg_pool2d(masks, size)
    near = near_boxes(batch.boxes * (size[0] / batch.heat.shape[2]), size)
    return mask_loss(logits, masks) + OUTLINE_WEIGHT * outline_loss(logits, covered, near)


def _mean_l1(value: Tensor, target: Tensor) -> Tensor:
    return F.l1_loss(value, target, reduction="sum") / max(1, len(value))
