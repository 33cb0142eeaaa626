"""The losses of the paper, each one its equation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

ALPHA = 2
BETA = 4
SHARPNESS = 12.0
"""How steeply a mask is cut at one half."""


def focal_map(logits: Tensor, target: Tensor) -> Tensor:
    """The penalty-reduced focal loss of every pixel (the summands of equations 3 and 5).

    ``target`` in [0, 1] is 1 exactly at the objects' centres.
    """
    probability = logits.sigmoid()
    at_centre = (1 - probability) ** ALPHA * F.logsigmoid(logits)
    elsewhere = (1 - target) ** BETA * probability**ALPHA * F.logsigmoid(-logits)
    return -torch.where(target == 1, at_centre, elsewhere)


def heatmap_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Equation 3, over the number of objects. [B, C, H, W] each."""
    objects = (target == 1).sum().clamp(min=1)
    return (focal_map(logits, target) * weight).sum() / objects


def search_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Equations 4 and 5, over the number of searches. [N, H, W] each; an object that is gone has an
    all-zero target: its searcher must find nobody else."""
    return focal_map(logits, target).sum() / max(1, len(logits))


def mask_loss(logits: Tensor, target: Tensor) -> Tensor:
    """CondInst's Dice loss in the pixels of the network's input, of the masks as they are and as
    they will be published.

    Args:
        logits: [N, h, w] on the network's map.
        target: [N, H, W] in [0, 1], in the pixels of the network's input.

    ``core.masks`` enlarges the probabilities and cuts them at one half. Cut softly here, a person
    who covers no cell of the map wholly is still asked for as thin as they are; uncut, the loss
    reaches cells that are wrong and sure of it.
    """
    probability = F.interpolate(logits.sigmoid()[:, None], target.shape[1:], mode="bilinear")[:, 0]
    cut = (SHARPNESS * (probability - 0.5)).sigmoid()
    return dice_loss(probability, target) + dice_loss(cut, target)


def outline_loss(logits: Tensor, target: Tensor, near: Tensor) -> Tensor:
    """Cross-entropy of the cells near each object above that of perfect answers, the mean over
    objects, if any.

    A round shape of the right size costs the Dice loss little; here every cell that is on the wrong
    side of the outline counts alike.

    Args:
        logits: [N, h, w]. target: [N, h, w] the share of each cell that the object covers.
        near: bool [N, h, w] the cells that count.
    """
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    entropy = entropy - F.binary_cross_entropy(target, target, reduction="none")
    per_object = (entropy * near).sum((1, 2)) / near.sum((1, 2)).clamp(min=1)
    return per_object.sum() / max(1, len(target))


def near_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Which cells [N, h, w] of a map of this ``size`` have their middle in boxes [N, 4] (xyxy, in
    cells), or up to a fifth of a box's sides and two cells beside it."""
    margin = 0.2 * (boxes[:, 2:] - boxes[:, :2]) + 2
    first, last = boxes[:, :2] - margin, boxes[:, 2:] + margin
    y, x = (torch.arange(side, device=boxes.device) + 0.5 for side in size)
    columns = (x >= first[:, :1]) & (x < last[:, :1])
    rows = (y >= first[:, 1:]) & (y < last[:, 1:])
    return rows.unsqueeze(2) & columns.unsqueeze(1)


def dice_loss(probability: Tensor, target: Tensor) -> Tensor:
    """One minus the Dice coefficient, the mean over objects, if any. [N, H, W] each, in [0, 1]."""
    probability, target = probability.flatten(1), target.flatten(1)
    shared = (probability * target).sum(1)
    total = (probability**2).sum(1) + (target**2).sum(1)
    return (1 - (2 * shared + 1e-4) / (total + 1e-4)).sum() / max(1, len(target))


def semantic_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """CondInst's auxiliary loss: which class covers a cell, over the number of covered cells.

    ``logits``, ``target`` in [0, 1] and ``weight`` are [B, C, H, W]; easy cells count little, as in
    the focal loss.
    """
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    hard = (logits.sigmoid() - target) ** 2
    return (entropy * hard * weight).sum() / target.sum().clamp(min=1)
