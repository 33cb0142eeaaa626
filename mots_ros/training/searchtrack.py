"""What SearchTrack's training minimises: equation 2 of the paper, over a batch of pairs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mots_ros.nets.dynamic import dynamic_network
from mots_ros.nets.searchtrack import MASK_CHANNELS, HeadMaps, SearchTrackNet
from mots_ros.training.losses import search_loss, semantic_loss
from mots_ros.training.objective import Objective, detection_losses, drawn_masks_loss
from mots_ros.training.pairs import PairBatch


class SearchTrackObjective(Objective):
    """A network and its losses; both frames of a pair teach detection and masks.

    ``semantic`` tells the classes from the mask features alone. Only training has it: it makes them
    see arms and legs, where the dynamic networks would be content with round shapes.

    ``masks_only``: what draws masks learns, everything else stays as it is, and the heads of other
    trackers stay of use.
    """

    def __init__(self, net: SearchTrackNet, masks_only: bool = False) -> None:
        super().__init__(net)
        self.semantic = nn.Conv2d(MASK_CHANNELS, len(net.spec.class_names), 1)
        # No opinion at first: a random one upsets the mask features of a trained network.
        nn.init.zeros_(self.semantic.weight)
        self._masks_only = masks_only
        if masks_only:
            net.requires_grad_(False)
            for part in (net.seg, net.conv_weight):
                assert part is not None, "this network has no masks"
                part.requires_grad_(True)

    @property
    def trained(self) -> SearchTrackNet:
        return self.net

    def forward(self, batch: PairBatch) -> dict[str, Tensor]:
        """The weighted losses by name; they depend on every parameter, objects or not."""
        features = self.features(batch)
        maps, shared = self.maps(features), features.shared
        if self._masks_only and maps.mask is not None:
            losses = {"mask": drawn_masks_loss(self.net, shared, maps.mask, batch)}
        else:
            losses = detection_losses(self.net, shared, maps, batch)
            losses["search"] = self._search(shared, maps, batch)
        if maps.mask is not None:
            # Of fine masks, the mean of each cell's four quarters.
            height, width = batch.semantic.shape[2:]
            cells = F.adaptive_avg_pool2d(maps.mask, (height, width))
            cover = semantic_loss(self.semantic(cells), batch.semantic, batch.heat_weight)
            losses["semantic"] = cover
        return losses

    def _search(self, shared: Tensor, maps: HeadMaps, batch: PairBatch) -> Tensor:
        """Every object of the earlier frame is searched in the later one, around its prediction."""
        searches, pairs = len(batch.reference), len(batch.counts) // 2
        x, y = batch.place[:searches].unbind(1)
        counts = batch.counts[:pairs]
        kernels = self.net.search_kernels(shared, batch.frame[:searches], y, x).split(counts)
        references = (batch.reference - 0.5).split(counts)
        logits = [
            dynamic_network(later, weights, centres)
            for later, weights, centres in zip(
                maps.search[pairs:], kernels, references, strict=True
            )
        ]
        return search_loss(torch.cat(logits), batch.response)
