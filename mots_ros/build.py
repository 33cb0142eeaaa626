"""From configuration to pipeline: the only file that knows every detector and tracker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import nn

from mots_ros.config import Config, DetectorConfig, TrackerConfig
from mots_ros.core.types import TrackedFrame
from mots_ros.detection.detector import CenterNetDetector
from mots_ros.detection.runner import NetworkRunner
from mots_ros.nets import checkpoint, head_file
from mots_ros.nets.checkpoint import Checkpoint
from mots_ros.nets.folding import fold_normalisation
from mots_ros.nets.precision import PRECISIONS, best_precision, makes_graphs, why_not_int8
from mots_ros.nets.quantised import quantise
from mots_ros.nets.search import SearchHead
from mots_ros.parameter import ConfigError
from mots_ros.pipeline import Detector, Pipeline
from mots_ros.resources import share
from mots_ros.trackers.base import Tracker
from mots_ros.trackers.cstrack import CSTracker
from mots_ros.trackers.dior import DIORTracker
from mots_ros.trackers.searchtrack import SearchTracker
from mots_ros.trackers.siammot import SiamMOTTracker
from mots_ros.trackers.sort import SortTracker
from mots_ros.trackers.trackrcnn import TrackRCNNTracker

_TRACKERS: Mapping[str, Callable[[TrackerConfig], Tracker]] = {
    "searchtrack": SearchTracker,
    "trackrcnn": TrackRCNNTracker,
    "dior": DIORTracker,
    "cstrack": CSTracker,
    "sort": SortTracker,
}
"""Those that need their head for reading alone."""

THREADS = torch.get_num_threads()
"""Of a network on a processor that asks for no number: as many as torch found."""

_Version = tuple[Path, int]

_RUNNERS: WeakValueDictionary[tuple[_Version, torch.device, str], NetworkRunner] = (
    WeakValueDictionary()
)
"""The networks that are in use."""


def build_pipeline(config: Config) -> Pipeline:
    """Load the weights and put the stages together.

    Raises:
        ConfigError: values that do not fit together or this machine.
        CheckpointError: a weights file is missing, damaged or of another network.
    """
    detector = build_detector(config.detector)
    detector.head = build_head(config.tracker, detector.runner)
    _share_threads(config.detector, detector)
    return Pipeline(detector, build_tracker(config.tracker, detector.head))


def build_detector(config: DetectorConfig) -> CenterNetDetector:
    """A detector; those with the same weights, device and precision share one network."""
    return CenterNetDetector(build_runner(config), config)


def build_runner(config: DetectorConfig) -> NetworkRunner:
    """The network of these weights, device and precision, loaded where nobody uses it yet."""
    threads = config.threads or THREADS
    torch.set_num_threads(threads)
    weights, device = weights_path(config.weights), _device(config.device)
    key = _version(weights), device, config.precision
    runner = _RUNNERS.get(key)
    if runner is None:
        loaded = checkpoint.read(weights)
        precision = _precision(config.precision, device, loaded)
        net = loaded.network().requires_grad_(False)
        fold_normalisation(net)
        if precision is torch.int8:
            quantise(net, loaded.ranges)
        else:
            net.compute_in(precision)
        graphs = device.type == "cpu" and (
            precision is torch.int8 or (precision is torch.float32 and makes_graphs())
        )
        runner = NetworkRunner(
            net, device, loaded.fingerprint(), precision, threads if graphs else 0
        )
        _RUNNERS[key] = runner
    return runner


def build_head(tracker: TrackerConfig, runner: NetworkRunner) -> Any:
    """The tracker's own part of the network, if it has one; it works beside the runner's network.

    Raises:
        CheckpointError: its weights file is missing, damaged or of another network or tracker.
    """
    if tracker.name == "searchtrack":
        return SearchHead(runner.search)
    path = head_path(tracker)
    if path is None:
        return None
    return runner.tracker_head(
        _version(path), lambda: head_file.load(path, tracker.name, runner.fingerprint)
    )


def head_path(tracker: TrackerConfig) -> Path | None:
    """The file with the weights of a tracker's head; None for those without such a file."""
    if tracker.name in ("searchtrack", "sort"):
        return None
    return weights_path(tracker.head or f"{tracker.name}_light.safetensors")


def build_tracker(config: TrackerConfig, head: Any = None) -> Tracker:
    """A tracker without tracks; ``head`` is what ``build_head`` gives for it."""
    if config.name == "siammot":
        return SiamMOTTracker(config, head)
    return _TRACKERS[config.name](config)


def reconfigure(pipeline: Pipeline, config: Config) -> list[TrackedFrame]:
    """Bring changed values into a running pipeline, between two frames.

    Another tracker starts without tracks; everything else continues. What is marked ``restart`` has
    no effect here.

    Returns the frames that the tracker of before still had to finish.

    Raises CheckpointError where another tracker's head cannot be used; then the tracker stays as it
    is.
    """
    finished: list[TrackedFrame] = []
    pipeline.detector.config = config.detector
    now = pipeline.tracker.config
    if config.tracker.name != now.name or head_path(config.tracker) != head_path(now):
        head = build_head(config.tracker, pipeline.detector.runner)
        finished = pipeline.exchange(build_tracker(config.tracker, head), head)
        _share_threads(config.detector, pipeline.detector)
    pipeline.tracker.config = config.tracker
    return finished


def _share_threads(config: DetectorConfig, detector: Detector) -> None:
    """Give torch the processor's threads where it works on maps.

    Beside a graph, and a head without layers of its own, only small things are left to do, for
    which threads would wait for each other many times as long as they take where other programs
    keep the cores busy.
    """
    works_on_maps = isinstance(detector.head, nn.Module) or not detector.runner.graph_threads
    torch.set_num_threads((config.threads or THREADS) if works_on_maps else 1)


def weights_path(weights: str) -> Path:
    """A bare name lies in the package's models folder; anything else is a path.

    Raises CheckpointError where there cannot be such a file.
    """
    try:
        path = Path(weights).expanduser()
        path.exists()
    except (OSError, RuntimeError) as error:
        raise checkpoint.CheckpointError(f"{weights}: no such weights file ({error})") from error
    return path if "/" in weights else share("models") / path


def _version(path: Path) -> _Version:
    """A file as it is now: training may write another in its place."""
    return path, path.stat().st_mtime_ns if path.exists() else 0


def _precision(name: str, device: torch.device, loaded: Checkpoint) -> torch.dtype:
    """Raises ConfigError where it is int8 and cannot be."""
    if name == "auto":
        return best_precision(device, bool(loaded.ranges), loaded.spec.deformable)
    if name == "int8":
        lacking = why_not_int8() if device.type == "cpu" else "the processor for detector.device"
        if not loaded.ranges:
            lacking = f"weights with ranges, which 'checkpoint calibrate {loaded.path}' finds"
        if lacking:
            raise ConfigError(f"'detector.precision' is int8, which needs {lacking}")
    return PRECISIONS[name]


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("'detector.device' is cuda, but torch finds no GPU on this machine")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
