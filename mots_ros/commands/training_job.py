"""What a plan trains: SearchTrack's network, or another tracker's head beside a network."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mots_ros.build import build_tracker, weights_path
from mots_ros.config import Config, load_config
from mots_ros.detection.detector import CenterNetDetector
from mots_ros.detection.runner import NetworkRunner
from mots_ros.nets import checkpoint, head_file
from mots_ros.nets.search import SearchHead, search
from mots_ros.nets.searchtrack import DLA34, LIGHT, SearchTrackNet
from mots_ros.parameter import ConfigError, alternatives
from mots_ros.pipeline import Pipeline
from mots_ros.resources import share
from mots_ros.training.clips import Clip
from mots_ros.training.cstrack import CSTrackObjective
from mots_ros.training.dior import DIORObjective
from mots_ros.training.objective import Objective
from mots_ros.training.pairs import PairDataset
from mots_ros.training.plan import Plan
from mots_ros.training.samples import RandomSamples
from mots_ros.training.searchtrack import SearchTrackObjective
from mots_ros.training.siammot import SiamMOTObjective
from mots_ros.training.snippets import SnippetDataset
from mots_ros.training.trackrcnn import TrackRCNNObjective

NETWORKS = {"light": LIGHT, "dla34": DLA34}


@dataclass(frozen=True)
class HeadRecipe:
    """How a tracker's head is trained.

    objective: is made of the network, the head, and the number of identities in training.
    widths: the numbers of the head's spec that follow from the channels of the network's ladder.
    """

    objective: type[Any]
    widths: Callable[[tuple[int, ...]], dict[str, Any]]


RECIPES: Mapping[str, HeadRecipe] = {
    "trackrcnn": HeadRecipe(TrackRCNNObjective, lambda ladder: {"channels": ladder[0]}),
    "siammot": HeadRecipe(SiamMOTObjective, lambda ladder: {"features": ladder[0]}),
    "dior": HeadRecipe(DIORObjective, lambda ladder: {"channels": ladder[0]}),
    "cstrack": HeadRecipe(CSTrackObjective, lambda ladder: {"channels": ladder[:3]}),
}


@dataclass(frozen=True)
class TrainingJob:
    """Everything about a run that depends on the tracker.

    save: writes what was trained to a file. pipeline: tracks with what was trained.
    """

    samples: RandomSamples[Any]
    objective: Objective
    save: Callable[[Any, Path], None]
    pipeline: Callable[[Any, torch.device], Pipeline]


def training_job(
    plan: Plan, clips: Sequence[Clip], weights: Sequence[float], resume: bool
) -> TrainingJob:
    """The job of a plan, on these clips.

    Args:
        weights: how often each clip is chosen, in any unit.
        resume: the state of an earlier run will be loaded.

    Raises:
        CheckpointError: the weights to start from cannot be used.
        ConfigError: the plan's head cannot be made.
    """
    crop = (plan.crop_height, plan.crop_width)
    if plan.tracker == "searchtrack":
        samples = PairDataset(clips, weights, crop, plan.seed)
        return _whole_network(plan, samples, resume)
    recipe = RECIPES[plan.tracker]
    frames, max_gap = recipe.objective.FRAMES, recipe.objective.MAX_GAP
    snippets = SnippetDataset(clips, weights, crop, plan.seed, frames, max_gap)
    return _head(plan, snippets, recipe, resume)


def _whole_network(plan: Plan, samples: PairDataset, resume: bool) -> TrainingJob:
    net = SearchTrackNet(NETWORKS[plan.network])
    if plan.start and not resume:
        print(f"{plan.start}: {checkpoint.transfer(Path(plan.start), net)}")

    config = Config().with_values({"detector.input_width": plan.input_width})

    def pipeline(averaged: SearchTrackNet, device: torch.device) -> Pipeline:
        return _pipeline(averaged, SearchHead(search), config, device)

    return TrainingJob(
        samples, SearchTrackObjective(net, plan.masks_only), checkpoint.save, pipeline
    )


def _head(plan: Plan, samples: SnippetDataset, recipe: HeadRecipe, resume: bool) -> TrainingJob:
    net = checkpoint.load(weights_path(plan.start))
    spec_type, head_type = head_file.HEADS[plan.tracker]
    known = [number.name for number in dataclasses.fields(spec_type)]
    for name in plan.head:
        if name not in known:
            raise ConfigError(f"'head': unknown '{name}'; {alternatives(str(name), known)}")
    spec = spec_type(**{**recipe.widths(net.spec.channels[2:]), **plan.head})
    head = head_type(spec)
    if plan.start_head and not resume:
        path = weights_path(plan.start_head)
        head = head_file.load(path, plan.tracker, None).train()
        if head.spec != spec:
            raise ConfigError(f"'start_head': {path} has {head.spec}, the plan asks for {spec}")
    objective = recipe.objective(net, head, samples.identities)

    def save(averaged: nn.Module, path: Path) -> None:
        # Of the network that it learns beside, which a resumed run brings along.
        fingerprint = checkpoint.fingerprint_of(net.state_dict())
        head_file.save(averaged, spec, plan.tracker, fingerprint, path)

    own = load_config(share("config") / f"{plan.tracker}.yaml")
    config = own.with_values({"detector.input_width": plan.input_width})

    def pipeline(averaged: nn.Module, device: torch.device) -> Pipeline:
        return _pipeline(net, averaged, config, device)

    return TrainingJob(samples, objective, save, pipeline)


def _pipeline(net: SearchTrackNet, head: Any, config: Config, device: torch.device) -> Pipeline:
    # A copy: the runner takes its network off a GPU when nobody needs it any more.
    runner = NetworkRunner(copy.deepcopy(net), device)
    detector = CenterNetDetector(runner, config.detector, head)
    return Pipeline(detector, build_tracker(config.tracker, head))
