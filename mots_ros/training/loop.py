"""The training loop: read it top to bottom."""

from __future__ import annotations

import copy
import math
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from mots_ros.nets.dynamic import dynamic_network
from mots_ros.nets.normalise import normalised
from mots_ros.nets.searchtrack import MASK_CHANNELS, HeadMaps, SearchTrackNet
from mots_ros.training.losses import heatmap_loss, mask_loss, search_loss, semantic_loss
from mots_ros.training.pairs import Pair
from mots_ros.training.targets import FrameTargets

SIZE_WEIGHT = 0.1
JITTER = 0.3
"""How often an object is read one pixel beside its centre, as peaks sometimes are."""


@dataclass(frozen=True)
class Schedule:
    """Batches of ``batch`` pairs; the learning rate warms up, then falls along a cosine.

    ``bfloat16`` computes the shared features in half the width, a third faster where the processor
    can; everything after them needs the precision.
    """

    iterations: int
    batch: int
    learning_rate: float
    warmup: int = 200
    weight_decay: float = 1e-4
    clip_norm: float = 20.0
    ema_decay: float = 0.998
    bfloat16: bool = False

    def rate(self, iteration: int) -> float:
        """The learning rate relative to its maximum."""
        if iteration < self.warmup:
            return (iteration + 1) / self.warmup
        done = (iteration - self.warmup) / max(1, self.iterations - self.warmup)
        return 0.5 * (1 + math.cos(math.pi * done))


def train(
    net: SearchTrackNet,
    samples: Iterator[Pair],
    schedule: Schedule,
    save: Callable[[SearchTrackNet, int], None],
    save_every: int,
) -> SearchTrackNet:
    """Train ``net`` in place; returns the average of its weights (EMA), which ``save`` gets too.

    Raises:
        FloatingPointError: a loss is not finite.
    """
    averaged = copy.deepcopy(net).requires_grad_(False)
    semantic = nn.Conv2d(MASK_CHANNELS, len(net.spec.class_names), 1)
    optimiser = torch.optim.AdamW(
        [*net.parameters(), *semantic.parameters()],
        schedule.learning_rate,
        weight_decay=schedule.weight_decay,
    )
    rates = torch.optim.lr_scheduler.LambdaLR(optimiser, schedule.rate)
    batches = _prefetched(samples, schedule.batch)
    smooth: dict[str, float] = {}
    net.train()
    progress = tqdm(range(schedule.iterations), "train", unit="batch")
    for iteration in progress:
        losses = pair_losses(net, semantic, next(batches), schedule.bfloat16)
        loss = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(loss):
            values = {name: value.item() for name, value in losses.items()}
            raise FloatingPointError(f"loss is not finite at iteration {iteration}: {values}")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), schedule.clip_norm)
        optimiser.step()
        rates.step()
        _average(averaged, net, min(schedule.ema_decay, (iteration + 1) / (iteration + 10)))
        for name, value in losses.items():
            smooth[name] = 0.98 * smooth.get(name, value.item()) + 0.02 * value.item()
        progress.set_postfix({name: f"{value:.3f}" for name, value in smooth.items()})
        if (iteration + 1) % save_every == 0:
            save(averaged, iteration + 1)
    return averaged


def pair_losses(
    net: SearchTrackNet, semantic: nn.Module, batch: list[Pair], bfloat16: bool = False
) -> dict[str, Tensor]:
    """Equation 2 term by term, over a batch of pairs; both frames teach detection and masks.

    ``semantic`` tells the classes from the mask features alone. Only training has it: it makes them
    see arms and legs, where the dynamic networks would be content with round shapes.
    """
    earlier, later = [pair.earlier for pair in batch], [pair.later for pair in batch]
    targets = [p.earlier_targets for p in batch] + [p.later_targets for p in batch]
    images = torch.from_numpy(np.stack(earlier + later)).permute(0, 3, 1, 2)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=bfloat16):
        features = net.features(normalised(images))
    features = features.float()
    maps = net.heads(features)
    places = _places(targets, features.shape[2:])
    losses = detection_losses(maps, targets, places)
    losses["search"] = pair_search_loss(net, features, maps, batch, places)
    if maps.mask is not None:
        losses["mask"] = object_mask_loss(net, features, maps.mask, targets, places)
        cover = torch.from_numpy(np.stack([target.semantic for target in targets]))
        weight = torch.from_numpy(np.stack([target.heat_weight for target in targets]))
        losses["semantic"] = semantic_loss(semantic(maps.mask), cover, weight)
    return losses


def detection_losses(
    maps: HeadMaps, targets: list[FrameTargets], places: list[Tensor]
) -> dict[str, Tensor]:
    """Focal loss of the heat map, L1 of size and offset at ``places``, where objects are read."""
    heat = torch.from_numpy(np.stack([target.heat for target in targets]))
    weight = torch.from_numpy(np.stack([target.heat_weight for target in targets]))
    image = np.repeat(np.arange(len(targets)), [len(target.ids) for target in targets])
    centre = torch.from_numpy(np.concatenate([target.centres for target in targets]))
    size = torch.from_numpy(np.concatenate([target.sizes for target in targets]))
    place = torch.cat(places)
    at = (torch.from_numpy(image), slice(None), place[:, 1], place[:, 0])
    losses = {
        "heat": heatmap_loss(maps.heat, heat, weight),
        "size": SIZE_WEIGHT * _mean_l1(maps.size[at], size),
    }
    if maps.offset is not None:
        losses["offset"] = _mean_l1(maps.offset[at], centre - place)
    return losses


def object_mask_loss(
    net: SearchTrackNet,
    features: Tensor,
    mask_maps: Tensor,
    targets: list[FrameTargets],
    places: list[Tensor],
) -> Tensor:
    """The loss of the masks that every object's own network draws."""
    logits = []
    for image, place in enumerate(places):
        if len(place):
            x, y = place.T
            kernels = net.mask_kernels(features, torch.full_like(x, image), y, x)
            logits.append(dynamic_network(mask_maps[image], kernels, place.float()))
    if not logits:
        return mask_maps.sum() * 0
    masks = torch.from_numpy(np.concatenate([target.masks for target in targets]))
    return mask_loss(torch.cat(logits), masks.float())


def pair_search_loss(
    net: SearchTrackNet,
    features: Tensor,
    maps: HeadMaps,
    batch: list[Pair],
    places: list[Tensor],
) -> Tensor:
    """Every object of the earlier frame is searched in the later one, around its prediction."""
    logits, responses = [], []
    for image, pair in enumerate(batch):
        if len(places[image]):
            x, y = places[image].T
            kernels = net.search_kernels(features, torch.full_like(x, image), y, x)
            references = torch.from_numpy(pair.references) - 0.5
            later = maps.search[len(batch) + image]
            logits.append(dynamic_network(later, kernels, references))
            responses.append(torch.from_numpy(pair.responses))
    if not logits:
        return maps.search.sum() * 0
    return search_loss(torch.cat(logits), torch.cat(responses))


def _places(targets: list[FrameTargets], size: torch.Size) -> list[Tensor]:
    """Per frame the map pixels (x, y) where its objects are read."""
    places = []
    for target in targets:
        pixel = torch.from_numpy(target.pixels)
        shift = torch.randint(-1, 2, pixel.shape) * (torch.rand(len(pixel), 1) < JITTER)
        # Small objects have no neighbour pixel that is still theirs.
        roomy = torch.from_numpy(target.sizes).min(dim=1, keepdim=True).values > 3
        limit = torch.tensor((size[1] - 1, size[0] - 1))
        places.append((pixel + shift * roomy).clamp(min=0).minimum(limit))
    return places


def _mean_l1(value: Tensor, target: Tensor) -> Tensor:
    return F.l1_loss(value, target, reduction="sum") / max(1, len(value))


@torch.no_grad()
def _average(averaged: SearchTrackNet, net: SearchTrackNet, decay: float) -> None:
    for mean, value in zip(averaged.state_dict().values(), net.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def _prefetched(samples: Iterator[Pair], batch: int) -> Iterator[list[Pair]]:
    """Batches made by a thread of their own; OpenCV and NumPy leave Python's lock meanwhile."""
    ready: queue.Queue[list[Pair]] = queue.Queue(maxsize=4)

    def fill() -> None:
        while True:
            ready.put([next(samples) for _ in range(batch)])

    threading.Thread(target=fill, daemon=True).start()
    while True:
        yield ready.get()
