"""From configuration to pipeline: the only file that knows every detector and tracker."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakValueDictionary

import torch

from mots_ros.config import Config, ConfigError, DetectorConfig, TrackerConfig
from mots_ros.detection.detector import CenterNetDetector
from mots_ros.detection.runner import NetworkRunner
from mots_ros.nets import checkpoint
from mots_ros.nets.folding import fold_normalisation
from mots_ros.pipeline import Pipeline
from mots_ros.resources import share
from mots_ros.trackers.base import Tracker
from mots_ros.trackers.searchtrack import SearchTracker
from mots_ros.trackers.sort import SortTracker

_RUNNERS: WeakValueDictionary[tuple[Path, torch.device], NetworkRunner] = WeakValueDictionary()
"""The networks that are in use."""


def build_pipeline(config: Config) -> Pipeline:
    """Load the weights and put the stages together.

    Raises:
        ConfigError: values that do not fit together or this machine.
        CheckpointError: the weights file is missing, damaged or of another network.
    """
    return Pipeline(build_detector(config.detector), build_tracker(config.tracker))


def build_detector(config: DetectorConfig) -> CenterNetDetector:
    """A detector; those with the same weights on the same device share one network."""
    return CenterNetDetector(build_runner(config), config)


def build_runner(config: DetectorConfig) -> NetworkRunner:
    """The network of these weights on this device, loaded where nobody uses it yet."""
    if config.threads:
        torch.set_num_threads(config.threads)
    weights, device = weights_path(config.weights), _device(config.device)
    runner = _RUNNERS.get((weights, device))
    if runner is None:
        net = checkpoint.load(weights)
        fold_normalisation(net)
        runner = _RUNNERS[weights, device] = NetworkRunner(net, device)
    return runner


def build_tracker(config: TrackerConfig) -> Tracker:
    """A tracker without tracks."""
    return SearchTracker(config) if config.name == "searchtrack" else SortTracker(config)


def reconfigure(pipeline: Pipeline, config: Config) -> None:
    """Bring changed values into a running pipeline, between two frames.

    Another tracker starts without tracks; everything else continues. What is marked ``restart`` has
    no effect here.
    """
    if config.tracker.name != pipeline.tracker.config.name:
        pipeline.tracker = build_tracker(config.tracker)
    pipeline.tracker.config = config.tracker
    pipeline.detector.config = config.detector


def weights_path(weights: str) -> Path:
    """A bare name lies in the package's models folder; anything else is a path."""
    path = Path(weights).expanduser()
    return path if "/" in weights else share("models") / path


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("'detector.device' is cuda, but torch finds no GPU on this machine")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
