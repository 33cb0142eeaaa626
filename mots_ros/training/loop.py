"""The training loop: read it top to bottom.

It runs in one process, or under torchrun in several, each with its share of every batch.
"""

from __future__ import annotations

import copy
import math
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import cv2
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from tqdm import tqdm

from mots_ros.training.batch import Batch
from mots_ros.training.objective import Objective
from mots_ros.training.plan import Plan
from mots_ros.training.samples import RandomSamples

SHOW_EVERY = 20


class Interrupted(Exception):
    """A signal stopped the run after the iteration it names; its state is saved."""


@dataclass
class TrainingState:
    """All that changes while training: with it and the plan, a run continues exactly.

    averaged: the moving average of what is trained. losses: a moving average of each.
    best: the best validation score so far; below all of them at first.
    """

    objective: Objective
    averaged: nn.Module
    optimiser: torch.optim.Optimizer
    losses: dict[str, float]
    iteration: int = 0
    best: float = -1.0

    @classmethod
    def start(cls, objective: Objective, plan: Plan, device: torch.device) -> TrainingState:
        """The state before the first step."""
        objective.to(device)
        objective.half_width = plan.bfloat16
        kind = torch.optim.AdamW if plan.optimiser == "adamw" else torch.optim.Adam
        learning = [weights for weights in objective.parameters() if weights.requires_grad]
        optimiser = kind(learning, weight_decay=plan.weight_decay)
        averaged = copy.deepcopy(objective.trained).eval().requires_grad_(False)
        return cls(objective, averaged, optimiser, {})

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        partial = path.with_suffix(".partial")
        torch.save(
            {
                "objective": self.objective.state_dict(),
                "averaged": self.averaged.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "losses": self.losses,
                "iteration": self.iteration,
                "best": self.best,
            },
            partial,
        )
        partial.replace(path)

    def load(self, path: Path, device: torch.device) -> None:
        """Continue from a file that ``save`` wrote."""
        document = torch.load(path, map_location=device, weights_only=True)
        self.objective.load_state_dict(document["objective"])
        self.averaged.load_state_dict(document["averaged"])
        self.optimiser.load_state_dict(document["optimiser"])
        self.losses = document["losses"]
        self.iteration = document["iteration"]
        self.best = document["best"]


def train(
    state: TrainingState,
    samples: RandomSamples[Any],
    plan: Plan,
    device: torch.device,
    show: Callable[[int, dict[str, float]], None],
    checkpoint: Callable[[], None],
) -> None:
    """Train until the plan is fulfilled.

    Args:
        show: gets the iteration and its scalars now and then.
        checkpoint: is called every ``plan.save_every`` and ``plan.validate_every`` iterations, at
            the end, and at a SIGINT or SIGTERM, in the first process only.

    Raises:
        FloatingPointError: a loss is not finite.
        Interrupted: a signal came.
    """
    model: nn.Module = state.objective
    if distributed.is_initialized():
        devices = [device.index] if device.type == "cuda" else None
        # DLA-34 has dead weights.
        model = DistributedDataParallel(model, devices, find_unused_parameters=True)
    model.train()
    state.averaged.eval()
    with (
        _Interruption() as interruption,
        tqdm(
            _batches(samples, plan, state.iteration, pinned=device.type == "cuda"),
            "train",
            plan.iterations,
            initial=state.iteration,
            unit="batch",
            disable=rank() > 0 or None,
        ) as batches,
    ):
        for batch in batches:
            for group in state.optimiser.param_groups:
                group["lr"] = plan.learning_rate * plan.rate(state.iteration)
            losses = model(batch.to(device))
            terms = torch.stack(list(losses.values()))
            values = dict(zip(losses, terms.tolist(), strict=True))
            if not all(map(math.isfinite, values.values())):
                raise FloatingPointError(
                    f"a loss of step {state.iteration} is not finite: {values}"
                )
            state.optimiser.zero_grad(set_to_none=True)
            terms.sum().backward()
            nn.utils.clip_grad_norm_(model.parameters(), plan.clip_norm)
            state.optimiser.step()
            state.iteration += 1
            # At first the average follows closely: it begins with untrained weights.
            _average(state, min(plan.average, state.iteration / (state.iteration + 9)))
            for name, value in values.items():
                state.losses[name] = 0.98 * state.losses.setdefault(name, value) + 0.02 * value
            if rank() == 0 and state.iteration % SHOW_EVERY == 0:
                batches.set_postfix({n: f"{v:.3f}" for n, v in state.losses.items()})
                rate = state.optimiser.param_groups[0]["lr"]
                show(state.iteration, {**loss_scalars(values), "rate/learning rate": rate})
            stop = interruption.seen_by_any(device)
            due = state.iteration == plan.iterations or not (
                state.iteration % plan.save_every and state.iteration % plan.validate_every
            )
            if rank() == 0 and (stop or due):
                checkpoint()
            if stop:
                raise Interrupted(f"stopped after step {state.iteration} of {plan.iterations}")


def start_process() -> torch.device:
    """Join the other processes where torchrun started several; returns this one's device."""
    cuda = torch.cuda.is_available()
    if "WORLD_SIZE" in os.environ:
        # The first one may have to render drives for hours.
        distributed.init_process_group("nccl" if cuda else "gloo", timeout=timedelta(days=1))
    if not cuda:
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    torch.cuda.set_device(device)
    return device


def rank() -> int:
    """The number of this process among those that train together."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def loss_scalars(losses: dict[str, float]) -> dict[str, float]:
    """Losses under the names of a history."""
    return {f"loss/{name}": value for name, value in losses.items()}


def _batches(samples: RandomSamples[Any], plan: Plan, first: int, pinned: bool) -> Iterable[Batch]:
    """The batches from iteration ``first`` on: this process's share of each."""
    world = distributed.get_world_size() if distributed.is_initialized() else 1
    if plan.batch % world:
        raise ValueError(f"'batch' must be a multiple of the {world} processes, not {plan.batch}")
    share = plan.batch // world
    starts = (i * plan.batch + rank() * share for i in range(first, plan.iterations))
    loader: DataLoader[Any] = DataLoader(
        samples,
        batch_sampler=([start + i for i in range(share)] for start in starts),
        collate_fn=samples.collate,
        num_workers=plan.workers,
        pin_memory=pinned,
        worker_init_fn=_prepare_worker,
    )
    return loader


def _prepare_worker(_: int) -> None:
    cv2.setNumThreads(0)
    # The first process decides what an interruption means; a whole group may get the signal.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


class _Interruption:
    """While it is entered, SIGINT and SIGTERM are only noted."""

    def __init__(self) -> None:
        self._seen = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Interruption:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._seen = True

    def seen_by_any(self, device: torch.device) -> bool:
        """Whether a signal came to any of the processes; all get the same answer."""
        if not distributed.is_initialized():
            return self._seen
        seen = torch.tensor(float(self._seen), device=device)
        distributed.all_reduce(seen)
        return bool(seen > 0)


@torch.no_grad()
def _average(state: TrainingState, decay: float) -> None:
    means, values = state.averaged.state_dict(), state.objective.trained.state_dict()
    for mean, value in zip(means.values(), values.values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)
