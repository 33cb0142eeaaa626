"""What the training of CSTrack's head minimises (section III-D)."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from torch import Tensor

from mots_ros.nets.cstrack import CSTrackHead
from mots_ros.nets.searchtrack import SearchTrackNet
from mots_ros.training.identity import IdentityLoss, batch_identity_loss
from mots_ros.training.objective import HeadObjective, detection_losses
from mots_ros.training.snippets import SnippetBatch

IDENTITY_WEIGHT = 0.02
"""Eta of equation 10. It weighs the tasks in the reciprocal network, the only layers that both of
them teach; identity's own learn at the same pace whatever it is, as Adam divides gradients by their
size."""
BATCH_IDENTITY_WEIGHT = 0.2
"""Of telling a batch's objects apart, which helps long before the paper's classifier does."""


class CSTrackObjective(HeadObjective):
    """Equation 10: the losses of detection, and of identity equation 9.

    The network's own layers stay, so detection teaches the reciprocal network alone, and one frame
    of two is enough for that. Objects are the same up to a second apart.
    """

    FRAMES: ClassVar[int] = 2
    MAX_GAP: ClassVar[int] = 10
    head: CSTrackHead

    def __init__(self, net: SearchTrackNet, head: CSTrackHead, identities: int) -> None:
        super().__init__(net, head)
        self.identity = IdentityLoss(head.spec.embedding, identities)

    def forward(self, batch: SnippetBatch) -> dict[str, Tensor]:
        """The weighted losses by name."""
        features = self.features(batch)
        for_detection, _ = self.head.context(features.shared[:: self.FRAMES])
        x, y = batch.place.unbind(1)
        embeddings = self.head(features.shared, features.ladder, batch.frame, y, x)
        shown = features.of(slice(None, None, self.FRAMES))
        maps = self.maps(replace(shown, shared=for_detection))
        alike = batch_identity_loss(embeddings, batch.identity)
        return {
            **detection_losses(self.net, for_detection, maps, batch.step(0)),
            "identity": IDENTITY_WEIGHT * self.identity(embeddings, batch.identity),
            "batch identity": BATCH_IDENTITY_WEIGHT * alike,
        }
