"""What the training of CSTrack's head minimises (section III-D)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from mots_ros.nets.cstrack import CSTrackHead
from mots_ros.nets.searchtrack import SearchTrackNet
from mots_ros.training.identity import IdentityLoss
from mots_ros.training.objective import HeadObjective, detection_losses
from mots_ros.training.snippets import SnippetBatch

IDENTITY_WEIGHT = 0.02
"""Eta of equation 10. It weighs the tasks in the reciprocal network, the only layers that both of
them teach; identity's own learn at the same pace whatever it is, as Adam divides gradients by their
size."""


class CSTrackObjective(HeadObjective):
    """Equation 10: the losses of detection, and of identity equation 9.

    The network's own layers stay, so detection teaches the reciprocal network alone. Every frame
    stands for itself.
    """

    FRAMES: ClassVar[int] = 1
    MAX_GAP: ClassVar[int] = 1
    head: CSTrackHead

    def __init__(self, net: SearchTrackNet, head: CSTrackHead, identities: int) -> None:
        super().__init__(net, head)
        self.identity = IdentityLoss(head.spec.embedding, identities)

    def forward(self, batch: SnippetBatch) -> dict[str, Tensor]:
        """The weighted losses by name."""
        features, ladder = self.look(batch)
        for_detection, _ = self.head.context(features)
        x, y = batch.place.unbind(1)
        embeddings = self.head(features, tuple(ladder[1:]), batch.frame, y, x)
        maps = self.net.heads(for_detection)
        return {
            **detection_losses(self.net, for_detection, maps, batch),
            "identity": IDENTITY_WEIGHT * self.identity(embeddings, batch.identity),
        }
