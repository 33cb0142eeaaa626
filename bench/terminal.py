"""What the measuring commands share: how they are asked, how they fail, how they answer."""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mots_ros.config import Config
from mots_ros.data.drives import DriveError
from mots_ros.data.kitti_mots import AnnotationError
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.nets.checkpoint import CheckpointError
from mots_ros.parameter import ConfigError, setting


def command(about: str) -> argparse.ArgumentParser:
    """A parser with the options of every measuring command."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", help="weights file; default: the embedded model")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one parameter, such as detector.input_width=768; may be repeated",
    )
    parser.add_argument("--out", type=Path, help="new JSON file with everything that was measured")
    return parser


def run(
    parser: argparse.ArgumentParser,
    measure: Callable[[argparse.Namespace], tuple[str, Mapping[str, Any]]],
    arguments: Sequence[str] | None,
) -> None:
    """Print the text that ``measure`` returns and write its values to --out.

    Whatever cannot be used ends the program with one line.
    """
    options = parser.parse_args(arguments)
    try:
        check_new(options.out)
        text, values = measure(options)
        print(text)
        if options.out is not None:
            with options.out.open("x") as file:
                json.dump(values, file, indent=1, allow_nan=False)
    except (
        *(AnnotationError, CheckpointError, ConfigError, DriveError, EvaluationError),
        OSError,
    ) as error:
        parser.exit(2, f"{parser.prog}: error: {' '.join(str(error).split())}\n")


def network_of(config: Config) -> str:
    """The weights and their input, for the head of a table."""
    width = config.detector.input_width or "by the image"
    return f"{config.detector.weights}, input width {width}"


def check_new(path: Path | None) -> None:
    """Raise EvaluationError where a file cannot be written, or something is in its way."""
    if path is None:
        return
    if path.exists():
        raise EvaluationError(f"{path} exists; it is not overwritten")
    if not path.parent.is_dir():
        raise EvaluationError(f"{path.parent}: expected a folder for {path.name}")


def values_of(options: argparse.Namespace, unused: tuple[str, ...]) -> dict[str, Any]:
    """The parameters that --weights and --set give, by name.

    Raises ConfigError for those that begin like one of ``unused``: they would change nothing.
    """
    values = dict(map(setting, options.set))
    if options.weights is not None:
        # A name without a folder would be looked for among the package's models.
        values["detector.weights"] = os.path.join(".", options.weights)
    for name in values:
        if name.startswith(unused):
            raise ConfigError(f"'{name}' changes nothing here")
    return values


def config_of(options: argparse.Namespace, unused: tuple[str, ...]) -> Config:
    """The configuration that --weights and --set describe; raises as ``values_of``."""
    return Config().with_values(values_of(options, unused))


def plain(values: Mapping[str, float]) -> dict[str, float | None]:
    """The values as JSON holds them: None for NaN."""
    return {name: None if math.isnan(value) else value for name, value in values.items()}
