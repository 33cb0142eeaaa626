"""What a parameter is: default, meaning and range, and how a value for it is read and checked."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import field
from pathlib import Path
from typing import Any

import yaml


class ConfigError(ValueError):
    """A parameter is unknown, of the wrong type or out of range; the message names it."""


def parameter(
    default: Any,
    description: str,
    *,
    low: float | None = None,
    high: float | None = None,
    step: int = 1,
    choices: tuple[str, ...] | None = None,
    restart: bool = False,
) -> Any:
    """A dataclass field with what a user must know of it.

    ``low`` and ``high`` are inclusive; whole numbers lie ``step`` apart from ``low`` on.
    ``restart`` marks what cannot change while a node runs.
    """
    about = {
        "description": description,
        "low": low,
        "high": high,
        "step": step,
        "choices": choices,
        "restart": restart,
    }
    return field(default=default, metadata=about)


def checked(name: str, entry: dataclasses.Field[Any], value: Any) -> Any:
    """``value`` in the type of a field made by ``parameter``, or a ConfigError."""
    kind = type(entry.default)
    if kind is tuple:
        return _checked_floats(name, entry, value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise ConfigError(f"'{name}' must be {kind.__name__}, not {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"'{name}' must be finite, not {value}")
    low, high, step, choices = (entry.metadata[key] for key in ("low", "high", "step", "choices"))
    if (low is not None and value < low) or (high is not None and value > high):
        raise ConfigError(f"'{name}' must be in [{low}, {high}], not {value}")
    if kind is int and (value - low) % step:
        raise ConfigError(f"'{name}' must be {low} plus a multiple of {step}, not {value}")
    if choices is not None and value not in choices:
        raise ConfigError(f"'{name}' must be one of {', '.join(choices)}, not '{value}'")
    return value


def _checked_floats(name: str, entry: dataclasses.Field[Any], values: Any) -> tuple[float, ...]:
    """One number or several, each in the range of the field."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ConfigError(f"'{name}' must be a list of numbers, not {values!r}")
    one: Any = field(default=0.0, metadata=entry.metadata)
    floats = tuple(checked(name, one, value) for value in values)
    if not floats:
        raise ConfigError(f"'{name}' must be a list of at least one number")
    return floats


def alternatives(name: str, known: Collection[str]) -> str:
    """What somebody who wrote ``name`` may have meant."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"


def read_yaml(path: Path) -> Any:
    """The document in a file; raises ConfigError."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {error}") from error


def setting(text: str) -> tuple[str, Any]:
    """Name and value of a command line's ``NAME=VALUE``; the value is read as YAML.

    Raises ConfigError.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set {text}: expected NAME=VALUE")
    try:
        return name.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {text}: cannot read the value: {error}") from error


def whole_number(least: int) -> Callable[[str], int]:
    """For argparse: a whole number that is not below ``least``."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"expected a whole number from {least} on, found '{text}'"
            )
        return int(text)

    return parse
