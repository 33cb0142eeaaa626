"""SiamMOT's losses, each one its equation (sections 3.2 and 3.3).

Boxes are in units of the box that the search starts from, with its centre as origin.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from mots_ros.nets.siammot import boxes_of
from mots_ros.training.losses import focal_map


def implicit_loss(
    visible: Tensor, motions: Tensor, present: Tensor, target: Tensor
) -> tuple[Tensor, Tensor]:
    """Equation 3: the focal loss over all triplets, smooth L1 over those whose object is present.

    Args:
        visible: logits [N]. motions: [N, 4] of equation 2.
        present: bool [N], whether the object is in the search region.
        target: [N, 4] the true motions; they do not matter where the object is absent.

    Returns:
        Both terms, each the mean over its triplets, if any.
    """
    focal = focal_map(visible, present.float()).sum() / max(1, len(visible))
    error = F.smooth_l1_loss(motions[present], target[present], reduction="sum")
    return focal, error / present.sum().clamp(min=1)


def explicit_loss(
    visible: Tensor, boxes: Tensor, places: Tensor, present: Tensor, target: Tensor
) -> tuple[Tensor, Tensor]:
    """Equation 6: what each place says of whether the object covers it, and if so, of its box.

    Args:
        visible: logits [N, R, R]. boxes: [N, 4, R, R] xyxy.
        places: [R] along either axis.
        present: bool [N], whether the object is in the search region.
        target: [N, 4] the object's true box; it does not matter where the object is absent.

    Returns:
        The focal loss over the number of covered places, and the IoU loss as the mean over these,
        weighted by centreness.
    """
    corners = target[:, :, None, None]
    zero_sides = target.new_zeros(1, 4, len(places), len(places))
    at = boxes_of(zero_sides, places)[:, :2]
    sides = torch.cat((at - corners[:, :2], corners[:, 2:] - at), dim=1)
    covered = (sides.amin(dim=1) > 0) & present[:, None, None]
    focal = focal_map(visible, covered.float()).sum() / covered.sum().clamp(min=1)
    weight = centreness(sides.movedim(1, -1)[covered])
    true_boxes = corners.expand_as(boxes).movedim(1, -1)[covered]
    apart = iou_loss(boxes.movedim(1, -1)[covered], true_boxes)
    return focal, (weight * apart).sum() / weight.sum().clamp(min=1e-6)


def centreness(sides: Tensor) -> Tensor:
    """How near the middle of its box a place lies, [M] in [0, 1]; w of equation 6.

    ``sides`` [M, 4] are its distances from the left, top, right and bottom edge.
    """
    (x_low, x_high), (y_low, y_high) = (sides[:, axis::2].aminmax(dim=1) for axis in (0, 1))
    return (x_low / x_high * (y_low / y_high)).clamp(min=0).sqrt()


def iou_loss(boxes: Tensor, target: Tensor) -> Tensor:
    """The negative logarithm of the intersection over union [M] of boxes [M, 4] (UnitBox)."""
    size = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    true_size = (target[:, 2:] - target[:, :2]).prod(dim=1)
    low = torch.maximum(boxes[:, :2], target[:, :2])
    high = torch.minimum(boxes[:, 2:], target[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=1)
    return -(shared / (size + true_size - shared)).clamp(min=1e-6).log()
