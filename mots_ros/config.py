"""The configuration: one frozen dataclass per stage, and the only place where defaults live.

A field's metadata states its meaning and its range; the node declares ROS parameters from it, and
``config/*.yaml`` are ROS parameter files that state what differs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mots_ros.parameter import ConfigError, alternatives, checked, parameter, read_yaml


@dataclass(frozen=True)
class DetectorConfig:
    """CenterNet with CondInst masks."""

    weights: str = parameter(
        "searchtrack_light.safetensors",
        "Weights, .safetensors or a released .pth; a bare name is one of the package's models.",
        restart=True,
    )
    device: str = parameter(
        "auto",
        "Where the network runs; auto takes the GPU when there is one.",
        choices=("auto", "cpu", "cuda"),
        restart=True,
    )
    threads: int = parameter(
        0, "Processor threads for the network; 0 leaves it to torch.", low=0, high=256, restart=True
    )
    precision: str = parameter(
        "auto",
        "In what most of the network computes; auto takes float16 on a GPU with tensor cores; on a "
        "processor with VNNI int8, where openvino is installed and the weights are calibrated; "
        "else bfloat16 where the processor multiplies in it, and float32 on any other, or for a "
        "deformable neck where openvino is installed.",
        choices=("auto", "float32", "bfloat16", "float16", "int8"),
        restart=True,
    )
    input_width: int = parameter(
        0,
        "Network input width in pixels, a multiple of 32; 0 follows the image's shape, so that "
        "every camera takes the time of 1056x320, or less.",
        low=0,
        high=4096,
        step=32,
    )
    input_height: int = parameter(
        0,
        "Network input height in pixels, a multiple of 32; 0 follows the image's shape.",
        low=0,
        high=4096,
        step=32,
    )
    fit: str = parameter(
        "contain",
        "How images meet the input: contain shows them whole; longer_side fits the longer side to "
        "the width; keep_small leaves those at their size that are not higher than the input.",
        choices=("contain", "longer_side", "keep_small"),
    )
    score_threshold: float = parameter(
        0.3, "Detections below this score are dropped.", low=0.0, high=1.0
    )
    peak_window: int = parameter(
        3,
        "Side of the window in which a heat-map peak must be the largest, odd.",
        low=1,
        high=15,
        step=2,
    )
    nms_overlap: float = parameter(
        0.5,
        "Of detections of one class whose boxes overlap by more than this IoU only the best "
        "remains; 1 keeps all, as the released program does.",
        low=0.0,
        high=1.0,
    )
    max_detections: int = parameter(100, "At most so many detections a frame.", low=1, high=1000)


@dataclass(frozen=True)
class TrackRCNNConfig:
    """TrackR-CNN's association (section 5). Lists have a number for each class, or one for all."""

    association: str = parameter(
        "mask_and_head",
        "mask_and_head propagates masks by optical flow, then compares association vectors with "
        "all earlier ones; mask, box (overlap of propagated boxes), head and centre (distance of "
        "the boxes' centres) link neighbouring frames alone. Without masks, boxes take their part.",
        choices=("mask_and_head", "mask", "box", "head", "centre"),
    )
    confidence: tuple[float, ...] = parameter(
        (0.0,),
        "Detections are confident above this and above tracker.birth_threshold; others only go on "
        "with tracks, by their association vectors.",
        low=0.0,
        high=1.0,
    )
    mask_threshold: tuple[float, ...] = parameter(
        (0.1,),
        "Masks, or boxes, must overlap more than this with a propagated one.",
        low=0.0,
        high=1.0,
    )
    distance_threshold: tuple[float, ...] = parameter(
        (2.0,), "Association vectors must be closer together than this.", low=0.0, high=1000.0
    )
    centre_threshold: tuple[float, ...] = parameter(
        (50.0,),
        "Centres of boxes must be closer together than this, in image pixels.",
        low=0.0,
        high=10000.0,
    )
    reach: str = parameter(
        "filter",
        "Where a track is known again by its association vector: anywhere, as in the paper, or "
        "only in detections that overlap the box where its motion filter expects it.",
        choices=("filter", "anywhere"),
    )
    history: int = parameter(
        100,
        "Detections of a track whose association vectors are remembered; the paper keeps all.",
        low=1,
        high=10000,
    )


@dataclass(frozen=True)
class SiamMOTConfig:
    """SiamMOT's solver (section 3.4)."""

    motion: str = parameter(
        "explicit",
        "The motion model: explicit correlates a template with the search region, implicit guesses "
        "the motion from both regions.",
        choices=("explicit", "implicit"),
    )
    alpha: float = parameter(
        0.4,
        "A track goes on while the mean of its visibility to the motion model and of the "
        "detector's confidence is above this.",
        low=0.0,
        high=1.0,
    )
    overlap: float = parameter(
        0.5,
        "A detection that overlaps a visible track by more than this IoU continues it, or is "
        "dropped where another does.",
        low=0.0,
        high=1.0,
    )
    nms_overlap: float = parameter(
        0.5,
        "Of detections of one class that overlap by more than this IoU only the best remains; so "
        "of tracks.",
        low=0.0,
        high=1.0,
    )
    window_weight: float = parameter(
        0.4,
        "Share of nearness among what the explicit model prefers; the rest is an unchanged size.",
        low=0.0,
        high=1.0,
    )
    search_centre: str = parameter(
        "filter",
        "Where a track is searched for: around its last box, as in the paper, or around that box "
        "moved to where its motion filter expects it.",
        choices=("last", "filter"),
    )


@dataclass(frozen=True)
class DIORConfig:
    """DIOR's association (section 3.4)."""

    max_cost: float = parameter(
        1.0,
        "Pairs must cost no more than this: two minus the overlap minus the cosine of the "
        "embeddings.",
        low=0.0,
        high=3.0,
    )
    overlap: str = parameter(
        "moved_masks",
        "masks is the paper's intersection of masks over the smaller one; moved_masks moves a "
        "track's mask with the motion filter first; boxes is the intersection over union with the "
        "filter's box.",
        choices=("moved_masks", "masks", "boxes"),
    )
    retrieval_s: float = parameter(
        1.5,
        "Seconds after its last detection for which a lost track can be retrieved, while "
        "tracker.max_misses lets it live.",
        low=0.0,
        high=60.0,
    )


@dataclass(frozen=True)
class CSTrackConfig:
    """CSTrack's cascade (section III-E)."""

    template_decay: float = parameter(
        0.9, "What remains of a track's template when it is seen again.", low=0.0, high=1.0
    )
    max_distance: float = parameter(
        0.4, "Looks that are further apart (1 - cosine) are no match.", low=0.0, high=2.0
    )
    gate_deviation: float = parameter(
        0.2,
        "How far off a box may be beside what its motion filter allows, as a standard deviation in "
        "parts of its height. JDE has 0.05, for 30 images a second.",
        low=0.0,
        high=10.0,
    )
    motion_share: float = parameter(
        0.02,
        "How much the Mahalanobis distance, beside its gate, counts in the cost of looks.",
        low=0.0,
        high=1.0,
    )


@dataclass(frozen=True)
class TrackerConfig:
    """Association and the life of a track.

    What only one of the sibling trackers reads is in a group of its own.
    """

    name: str = parameter(
        "searchtrack",
        "Which tracker. sort links the same detections by box overlap alone.",
        choices=("searchtrack", "trackrcnn", "siammot", "dior", "cstrack", "sort"),
    )
    head: str = parameter(
        "",
        "Weights of what trackrcnn, siammot, dior and cstrack add to the network, as "
        "detector.weights; empty takes <name>_light.safetensors.",
    )
    assignment: str = parameter(
        "greedy", "How pairs are chosen from the costs.", choices=("greedy", "hungarian")
    )
    min_affinity: float = parameter(
        0.05,
        "Pairs must exceed this affinity (overlap times search score).",
        low=0.0,
        high=1.0,
    )
    search_threshold: float = parameter(
        0.4, "Search responses below this score are no candidates.", low=0.0, high=1.0
    )
    kernel_threshold: float = parameter(
        0.0,
        "Tracks are searched for only if their last detection, which wrote the search kernel, "
        "scored at least this.",
        low=0.0,
        high=1.0,
    )
    search_candidates: int = parameter(
        3, "Candidates that each track's search may propose.", low=1, high=20
    )
    candidate_boxes: str = parameter(
        "filter",
        "filter gives candidates the motion filter's size and its box always counts beside them; "
        "released takes sizes from the size map, and the last box where the search finds nothing.",
        choices=("filter", "released"),
    )
    standing_score: float = parameter(
        0.7,
        "What the box where a track should be counts for, among candidates that count for their "
        "search score; the released program has 0.5.",
        low=0.0,
        high=1.0,
    )
    search_region: int = parameter(
        21,
        "Side of the square around its prediction in which each object is searched for, in pixels "
        "of the map, four of the network's input each; 0 searches the whole image.",
        low=0,
        high=1000,
    )
    search_peak_window: int = parameter(
        5, "Side of the peak window on the search response, odd.", low=1, high=15, step=2
    )
    birth_threshold: float = parameter(
        0.45, "Only detections above this score start tracks.", low=0.0, high=1.0
    )
    confirm_hits: int = parameter(
        1, "Detections until a track is reported; 1 reports it at once.", low=1, high=100
    )
    max_misses: int = parameter(
        15, "Frames that a track may go unseen before it ends.", low=0, high=1000
    )
    frame_rate: float = parameter(
        10.0,
        "The camera's nominal rate in Hz; motion and its noise are counted in frames of it.",
        low=0.1,
        high=1000.0,
        restart=True,
    )
    velocity_noise: float = parameter(
        0.1,
        "What each frame adds to the variance of an object's velocity in the image, in (pixels a "
        "frame)²: with more, the motion filter follows turns sooner, and jitter too. SORT and the "
        "released program have 0.01.",
        low=0.0,
        high=1e4,
    )
    size_model: str = parameter(
        "still",
        "How the motion filter expects boxes to change their size: still, not at all, as what "
        "hides an object cuts its box; growing, as they did before, as in SORT and the released "
        "program.",
        choices=("still", "growing"),
    )
    trackrcnn: TrackRCNNConfig = field(default_factory=TrackRCNNConfig)
    siammot: SiamMOTConfig = field(default_factory=SiamMOTConfig)
    dior: DIORConfig = field(default_factory=DIORConfig)
    cstrack: CSTrackConfig = field(default_factory=CSTrackConfig)


@dataclass(frozen=True)
class NodeConfig:
    """What only the ROS node needs."""

    autostart: bool = parameter(
        True,
        "Whether the node configures and activates itself; if not, a lifecycle manager does.",
        restart=True,
    )
    image_transport: str = parameter(
        "raw",
        "raw subscribes to sensor_msgs/Image, compressed to sensor_msgs/CompressedImage.",
        choices=("raw", "compressed"),
        restart=True,
    )
    overlay_opacity: float = parameter(
        0.5, "Opacity of the masks in the overlay picture.", low=0.0, high=1.0
    )


@dataclass(frozen=True)
class Config:
    """Everything that can be set. Parameter names are ``stage.field`` or ``stage.group.field``."""

    detector: DetectorConfig = field(default_factory=DetectorConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
    node: NodeConfig = field(default_factory=NodeConfig)

    def with_values(self, values: Mapping[str, Any]) -> Config:
        """This configuration with ``{"stage.field": value}`` put in its place, checked.

        Raises:
            ConfigError: a name is unknown, a value has the wrong type or range, or two do not fit
                together.
        """
        config = self
        known = parameters()
        for name, value in values.items():
            if name not in known:
                raise ConfigError(f"unknown parameter '{name}'; {alternatives(name, known)}")
            config = _replaced(config, name.split("."), checked(name, known[name], value))
        if config.detector.fit == "keep_small" and config.detector.input_height == 0:
            raise ConfigError("'detector.fit' keep_small needs a 'detector.input_height' above 0")
        return config

    def values(self) -> dict[str, Any]:
        """All values by parameter name, as YAML and ROS know them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in _flattened(dataclasses.asdict(self)).items()
        }


def parameters() -> dict[str, dataclasses.Field[Any]]:
    """Every parameter's dataclass field (default, metadata) by its name."""
    return _fields_of(Config, "")


def _fields_of(group: Any, prefix: str) -> dict[str, dataclasses.Field[Any]]:
    found: dict[str, dataclasses.Field[Any]] = {}
    for entry in dataclasses.fields(group):
        name = f"{prefix}{entry.name}"
        if dataclasses.is_dataclass(entry.default_factory):
            found.update(_fields_of(entry.default_factory, f"{name}."))
        else:
            found[name] = entry
    return found


def _replaced(group: Any, path: list[str], value: Any) -> Any:
    """A configuration, or a part of it, with one value put in its place."""
    name, *rest = path
    return dataclasses.replace(
        group, **{name: _replaced(getattr(group, name), rest, value) if rest else value}
    )


def load_config(path: Path) -> Config:
    """Read a ROS parameter file (``<node>: ros__parameters: ...``), nested or dotted keys.

    Parameters that ROS itself owns (``use_sim_time``, ``qos_overrides``) pass unread.

    Raises:
        ConfigError: the file is no parameter file, or a key or value in it is wrong; the message
            names the file.
    """
    document = read_yaml(path)
    if not isinstance(document, dict) or not document:
        raise ConfigError(f"{path}: expected '<node>: ros__parameters: ...'")
    config = Config()
    for node, body in document.items():
        if not isinstance(body, dict) or set(body) != {"ros__parameters"}:
            raise ConfigError(f"{path}: '{node}' must hold 'ros__parameters' and nothing else")
        values = _flattened(body["ros__parameters"] or {})
        try:
            config = config.with_values(
                {name: value for name, value in values.items() if not owned_by_ros(name)}
            )
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
    return config


def owned_by_ros(name: str) -> bool:
    """Whether rclpy itself declares this parameter."""
    return name in ("use_sim_time", "start_type_description_service") or name.startswith(
        "qos_overrides."
    )


def _flattened(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(_flattened(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
