"""What training minimises: equation 2 of the paper, term by term, over a batch of pairs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mots_ros.nets.dynamic import dynamic_network
from mots_ros.nets.normalise import normalised
from mots_ros.nets.searchtrack import MASK_CHANNELS, HeadMaps, SearchTrackNet
from mots_ros.training.batch import Batch
from mots_ros.training.losses import heatmap_loss, mask_loss, search_loss, semantic_loss

SIZE_WEIGHT = 0.1


class Objective(nn.Module):
    """A network and its losses; both frames of a pair teach detection and masks.

    ``semantic`` tells the classes from the mask features alone. Only training has it: it makes them
    see arms and legs, where the dynamic networks would be content with round shapes.

    Args:
        bfloat16: compute the shared features in half the width; what follows needs the precision.
    """

    def __init__(self, net: SearchTrackNet, bfloat16: bool = False) -> None:
        super().__init__()
        self.net = net
        self.semantic = nn.Conv2d(MASK_CHANNELS, len(net.spec.class_names), 1)
        self._bfloat16 = bfloat16

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The weighted losses by name; they depend on every parameter, objects or not."""
        images = normalised(batch.images.permute(0, 3, 1, 2))
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self._bfloat16):
            features = self.net.features(images)
        features = features.float()
        maps = self.net.heads(features)
        x, y = batch.place.unbind(1)
        at = (batch.frame, slice(None), y, x)
        losses = {
            "heat": heatmap_loss(maps.heat, batch.heat, batch.heat_weight),
            "size": SIZE_WEIGHT * _mean_l1(maps.size[at], batch.size),
            "search": self._search(features, maps, batch),
        }
        if maps.offset is not None:
            losses["offset"] = _mean_l1(maps.offset[at], batch.centre - batch.place)
        if maps.mask is not None:
            losses["mask"] = self._mask(features, maps.mask, batch)
            cover = semantic_loss(self.semantic(maps.mask), batch.semantic, batch.heat_weight)
            losses["semantic"] = cover
        return losses

    def _mask(self, features: Tensor, mask_maps: Tensor, batch: Batch) -> Tensor:
        """The loss of the masks that every object's own network draws."""
        x, y = batch.place.unbind(1)
        kernels = self.net.mask_kernels(features, batch.frame, y, x).split(batch.counts)
        places = batch.place.float().split(batch.counts)
        logits = [
            dynamic_network(frame_map, weights, centres)
            for frame_map, weights, centres in zip(mask_maps, kernels, places, strict=True)
        ]
        return mask_loss(torch.cat(logits), batch.masks.float())

    def _search(self, features: Tensor, maps: HeadMaps, batch: Batch) -> Tensor:
        """Every object of the earlier frame is searched in the later one, around its prediction."""
        searches, pairs = len(batch.reference), len(batch.counts) // 2
        x, y = batch.place[:searches].unbind(1)
        counts = batch.counts[:pairs]
        kernels = self.net.search_kernels(features, batch.frame[:searches], y, x).split(counts)
        references = (batch.reference - 0.5).split(counts)
        logits = [
            dynamic_network(later, weights, centres)
            for later, weights, centres in zip(
                maps.search[pairs:], kernels, references, strict=True
            )
        ]
        return search_loss(torch.cat(logits), batch.response)


def _mean_l1(value: Tensor, target: Tensor) -> Tensor:
    return F.l1_loss(value, target, reduction="sum") / max(1, len(value))
