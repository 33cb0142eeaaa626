"""Training triplets of SiamMOT: what to look for, where, and whether it is there (section 5.2)."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from mots_ros.core.boxes import iou
from mots_ros.nets.siammot import centre_and_size
from mots_ros.training.snippets import SnippetBatch

BOX_NOISE = 0.08
"""Deviation of a template from its object, in the object's size: tracks start from detections."""
START_NOISE = 0.15
"""Deviation of a search's start from where it was meant to be, in the template's size."""
GUIDED = 0.5
"""How often a search starts part of the way to the object, as if a motion filter led it there."""
AT_ANOTHER = 0.5
"""How often a search that starts elsewhere starts around another object, if there is one."""
BACKGROUND_OVERLAP = 0.3
"""What a template that shows no object may overlap one (IoU)."""
_NOBODY = -1


@dataclass(frozen=True)
class Triplets:
    """N templates in earlier frames and where to search for them in later ones.

    before, after: int64 [N] frames of the batch.
    boxes: [N, 4] of the templates. starts: [N, 4] of their size, where the searches start.
    targets: [N, 4] where the objects are. present: bool [N], whether that is in the search region;
        if not, the target does not matter.
    """

    before: Tensor
    after: Tensor
    boxes: Tensor
    starts: Tensor
    targets: Tensor
    present: Tensor

    def __len__(self) -> int:
        return len(self.present)

    def to(self, device: torch.device) -> Triplets:
        """The same on a device."""
        return Triplets(*(getattr(self, field.name).to(device) for field in fields(self)))


def draw_triplets(
    batch: SnippetBatch, kinds: str, search: float, generator: torch.Generator
) -> Triplets:
    """Random triplets of snippets of two frames, on the processor.

    Every object of an earlier frame is searched for near where it was, and elsewhere: around some
    other object of the later frame, or anywhere. Such a triplet is positive (P) where the search
    region, ``search`` times the template, holds the object's centre, and else hard (H). About as
    many templates show background and are searched for alike; they are negative (N).

    Args:
        kinds: which triplets to keep, of "PHN".
    """
    frame, identity, objects = batch.frame.cpu(), batch.identity.cpu(), batch.boxes.cpu()
    earlier, later = frame % batch.length == 0, frame % batch.length == 1
    boxes = _shaken(objects[earlier], BOX_NOISE, BOX_NOISE, generator)
    before, who = frame[earlier], identity[earlier]
    empty, empty_in = _background(batch, objects, boxes, before, generator)
    boxes, before = torch.cat((boxes, empty)), torch.cat((before, empty_in))
    who = torch.cat((who, torch.full_like(empty_in, _NOBODY)))

    together = frame[later] == before[:, None] + 1
    same = identity[later] == who[:, None]
    targets, known = _one_of(objects[later], together & same, generator)
    others, accompanied = _one_of(objects[later], together & ~same, generator)
    way, luck, chance = torch.rand(3, len(boxes), 1, generator=generator)
    way *= known[:, None] & (luck < GUIDED)
    near = torch.lerp(centre_and_size(boxes)[0], centre_and_size(targets)[0], way)
    map_size = torch.tensor(batch.heat.shape[:1:-1])
    anywhere = torch.rand(near.shape, generator=generator) * map_size
    at_another = accompanied[:, None] & (chance < AT_ANOTHER)
    elsewhere = torch.where(at_another, centre_and_size(others)[0], anywhere)

    template = torch.arange(len(boxes)).repeat(2)
    places, half = torch.cat((near, elsewhere)), centre_and_size(boxes)[1][template] / 2
    starts = _shaken(torch.cat((places - half, places + half), dim=1), START_NOISE, 0.0, generator)
    middle, size = centre_and_size(starts)
    away = (centre_and_size(targets[template])[0] - middle).abs() / size
    present = known[template] & (away < search / 2).all(dim=1)

    kept = torch.full_like(present, "H" in kinds)
    kept[present] = "P" in kinds
    kept[who[template] == _NOBODY] = "N" in kinds
    template = template[kept]
    return Triplets(
        before[template],
        before[template] + 1,
        boxes[template],
        starts[kept],
        targets[template],
        present[kept],
    )


def _one_of(boxes: Tensor, allowed: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """For each of N, a random one [N, 4] of the M boxes that ``allowed`` [N, M] allows, and whether
    there is one (bool [N])."""
    # One more, allowed to nobody, so that there is something to choose from.
    boxes = torch.cat((boxes, boxes.new_tensor([[0, 0, 1, 1]])))
    lots = torch.rand(len(allowed), len(boxes), generator=generator)
    lots[:, :-1][~allowed] = -1
    lots[:, -1] = 0
    chosen = lots.argmax(dim=1)
    return boxes[chosen], chosen < len(boxes) - 1


def _shaken(boxes: Tensor, shift: float, scale: float, generator: torch.Generator) -> Tensor:
    """Boxes [N, 4] elsewhere and of other sizes; both deviations are in parts of their size."""
    centre, size = centre_and_size(boxes)
    centre = centre + shift * size * torch.randn(size.shape, generator=generator)
    half = size / 2 * torch.exp(scale * torch.randn(size.shape, generator=generator))
    return torch.cat((centre - half, centre + half), dim=1)


def _background(
    batch: SnippetBatch,
    objects: Tensor,
    sizes_of: Tensor,
    frames: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Boxes [M, 4] anywhere in ``frames`` [N], sized as the boxes ``sizes_of`` [N, 4], and their
    frames [M]: those of N that show no object and nothing that may be one."""
    height, width = batch.heat.shape[2:]
    half = centre_and_size(sizes_of)[1] / 2
    centre = torch.rand(half.shape, generator=generator) * torch.tensor([width, height])
    boxes = torch.cat((centre - half, centre + half), dim=1)
    overlap = torch.from_numpy(iou(boxes.numpy(), objects.numpy()))
    overlap[frames[:, None] != batch.frame.cpu()] = 0
    x, y = centre.long().unbind(1)
    known = batch.heat_weight.cpu()[frames, :, y, x].amin(dim=1) > 0
    free = (overlap <= BACKGROUND_OVERLAP).all(dim=1) & known
    return boxes[free], frames[free]
