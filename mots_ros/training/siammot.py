"""What the training of SiamMOT's head minimises (section 3.4)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from mots_ros.nets.searchtrack import SearchTrackNet
from mots_ros.nets.siammot import SiamMOTHead, centre_and_size, motion_between
from mots_ros.training.objective import HeadObjective
from mots_ros.training.siammot_losses import explicit_loss, implicit_loss
from mots_ros.training.siammot_triplets import draw_triplets
from mots_ros.training.snippets import SnippetBatch


class SiamMOTObjective(HeadObjective):
    """The loss of motion, of both models on the same triplets.

    ``batches`` counts those that were drawn, so that a run that is continued draws the same.
    """

    FRAMES: ClassVar[int] = 2
    MAX_GAP: ClassVar[int] = 10
    head: SiamMOTHead
    batches: Tensor

    def __init__(self, net: SearchTrackNet, head: SiamMOTHead, identities: int) -> None:
        super().__init__(net, head)
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def forward(self, batch: SnippetBatch) -> dict[str, Tensor]:
        """The losses by name; the later frame is at most a second after the earlier one."""
        head = self.head
        shared = head.embed(self.features(batch).shared)
        generator = torch.Generator().manual_seed(int(self.batches))
        self.batches += 1
        drawn = draw_triplets(batch, head.spec.triplets, head.spec.search, generator)
        drawn = drawn.to(shared.device)
        templates = head.templates(shared, drawn.boxes, drawn.before)
        visible, boxes = head.explicit_maps(shared, templates.targets, drawn.starts, drawn.after)
        centre, size = centre_and_size(drawn.starts)
        target = (drawn.targets - centre.tile(2)) / size.tile(2)
        places = head.explicit.places
        found, box = explicit_loss(visible, boxes, places, drawn.present, target)
        visible, motions = head.implicit_motions(
            shared, templates.regions, drawn.starts, drawn.after
        )
        target = motion_between(drawn.starts, drawn.targets)
        guessed, motion = implicit_loss(visible, motions, drawn.present, target)
        return {
            "explicit visibility": found,
            "explicit box": box,
            "implicit visibility": guessed,
            "implicit motion": motion,
        }
