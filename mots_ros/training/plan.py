"""The plan of a training run: a YAML file."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mots_ros.core.letterbox import INPUT_SIZE
from mots_ros.data.kitti_mots import CLASS_NAMES
from mots_ros.parameter import ConfigError, alternatives, checked, parameter, read_yaml

LISTS = ("data", "validation")


@dataclass(frozen=True)
class Plan:
    """What to train on, and how.

    data, validation: sources of annotated drives (``data.sources``). An entry of ``data`` may have
        a ``weight``: the share of its samples among those of all entries, in any unit; and
        ``classes``, where not all are annotated: objects of others are then no background.
    head: numbers of the tracker's head that differ from its spec's defaults.
    """

    tracker: str = parameter(
        "searchtrack",
        "Whose network is trained: SearchTrack's is all of it, that of any other tracker its head, "
        "beside the network of 'start', which stays as it is.",
        choices=("searchtrack", "trackrcnn", "siammot", "dior", "cstrack"),
    )
    network: str = parameter("light", "Which network SearchTrack's is.", choices=("light", "dla34"))
    start: str = parameter(
        "",
        "Weights to start from, .safetensors or a released .pth, also CenterNet's: what fits the "
        "network is taken, and said. For a head, the network that it is for, named as in "
        "detector.weights.",
    )
    start_head: str = parameter(
        "",
        "A head's file to start from, which may be that of another network: so heads follow a "
        "network that was trained further. Named as in tracker.head.",
    )
    masks_only: bool = parameter(
        False,
        "Of SearchTrack's network only what draws masks learns; boxes, scores and searches stay as "
        "they are, and the heads of other trackers stay of use.",
    )
    seed: int = parameter(0, "Another seed, other samples.", low=0, high=2**31)
    input_width: int = parameter(
        0,
        "Width of the network's input that the training is for, in the shape of KITTI's images; 0 "
        "for the detector's own choice. Objects are shown up to a third smaller or larger than "
        "there, and validation has it, too.",
        low=0,
        high=4096,
        step=32,
    )
    crop_height: int = parameter(192, "Pixels, a multiple of 32.", low=64, high=2048, step=32)
    crop_width: int = parameter(384, "Pixels, a multiple of 32.", low=64, high=2048, step=32)
    batch: int = parameter(4, "Samples a step, over all processes.", low=1, high=1024)
    iterations: int = parameter(7000, "Steps.", low=1, high=10**7)
    optimiser: str = parameter("adamw", "Which optimiser.", choices=("adamw", "adam"))
    learning_rate: float = parameter(1e-3, "At its largest.", low=0.0, high=1.0)
    warmup: int = parameter(200, "Steps in which the rate rises.", low=0, high=10**6)
    decay: str = parameter(
        "cosine",
        "How the rate falls: along a cosine to nothing, or in steps by 10 after 4/7 and 11/14, as "
        "the released training did.",
        choices=("cosine", "steps"),
    )
    weight_decay: float = parameter(1e-4, "Of the optimiser.", low=0.0, high=1.0)
    clip_norm: float = parameter(20.0, "Largest norm of the gradient.", low=1e-3, high=1e6)
    average: float = parameter(
        0.998, "Decay of the moving average of the weights, which is saved.", low=0.0, high=1.0
    )
    bfloat16: bool = parameter(
        False, "Compute the shared features in half the width, where the processor or GPU can."
    )
    save_every: int = parameter(500, "Steps between checkpoints.", low=1, high=10**6)
    validate_every: int = parameter(1000, "Steps between validations.", low=1, high=10**7)
    workers: int = parameter(1, "Processes that make samples and render drives.", low=0, high=256)
    data: tuple[Mapping[str, Any], ...] = ()
    validation: tuple[Mapping[str, Any], ...] = ()
    head: Mapping[str, Any] = field(default_factory=dict)

    @property
    def input_pixels(self) -> int:
        """Of the input that the training is for."""
        height, width = INPUT_SIZE
        return round(height * width * ((self.input_width or width) / width) ** 2)

    def rate(self, iteration: int) -> float:
        """The learning rate of a step, relative to its largest."""
        if iteration < self.warmup:
            return (iteration + 1) / self.warmup
        done = (iteration - self.warmup) / max(1, self.iterations - self.warmup)
        if self.decay == "steps":
            return 0.1 ** ((done >= 4 / 7) + (done >= 11 / 14))
        return 0.5 * (1 + math.cos(math.pi * done))

    def write(self, path: Path) -> None:
        """As a file that ``load_plan`` reads."""
        values = dataclasses.asdict(self)
        path.write_text(yaml.safe_dump(values | {key: list(values[key]) for key in LISTS}))


def load_plan(path: Path, changes: Mapping[str, Any] | None = None) -> Plan:
    """Read a plan; ``changes`` go over what it says.

    Raises:
        ConfigError: it cannot be read, or a key or value in it is wrong; the message names it.
    """
    document = read_yaml(path)
    if not isinstance(document, Mapping):
        raise ConfigError(f"{path}: expected keys with values, such as 'network: light'")
    fields = {field.name: field for field in dataclasses.fields(Plan)}
    values: dict[str, Any] = {}
    for key, value in {**document, **(changes or {})}.items():
        try:
            if key not in fields:
                raise ConfigError(f"unknown key '{key}'; {alternatives(str(key), fields)}")
            values[key] = _value(fields[key], value)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
    if not values.get("data"):
        raise ConfigError(f"{path}: expected 'data' to train on: a list of sources")
    tracker = values.get("tracker", "searchtrack")
    if tracker != "searchtrack" and not values.get("start"):
        raise ConfigError(f"{path}: expected 'start': the network that {tracker}'s head is for")
    for key in ("head", "start_head"):
        if tracker == "searchtrack" and values.get(key):
            raise ConfigError(f"{path}: '{key}' has no meaning for searchtrack, which has none")
    if tracker == "searchtrack" and values.get("masks_only") and not values.get("start"):
        raise ConfigError(
            f"{path}: 'masks_only' needs 'start': the network whose masks are trained"
        )
    if tracker != "searchtrack" and values.get("masks_only"):
        raise ConfigError(f"{path}: 'masks_only' has no meaning for {tracker}'s head")
    return Plan(**values)


def _value(entry: dataclasses.Field[Any], value: Any) -> Any:
    if entry.name in LISTS:
        return _entries(entry.name, value)
    if entry.name != "head":
        return checked(entry.name, entry, value)
    if not isinstance(value, Mapping):
        raise ConfigError(f"'head' must be names with values, not {value!r}")
    return dict(value)


def _entries(key: str, value: Any) -> tuple[Mapping[str, Any], ...]:
    entries = value or []
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise ConfigError(f"'{key}' must be a list of sources, each with a 'kind'")
    for entry in entries:
        weight = entry.get("weight", 1.0)
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not weight > 0:
            raise ConfigError(f"'{key}': expected a weight above 0, found {weight!r}")
        classes = entry.get("classes", [*CLASS_NAMES])
        known = isinstance(classes, list) and all(name in CLASS_NAMES for name in classes)
        if not known or not classes:
            raise ConfigError(
                f"'{key}': expected classes among {', '.join(CLASS_NAMES)}, found {classes!r}"
            )
    return tuple(entries)
