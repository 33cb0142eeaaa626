"""Between which values a parameter is searched for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml

from mots_ros.config import parameters
from mots_ros.parameter import ConfigError, alternatives, checked


@dataclass(frozen=True)
class SearchRange:
    """A tracker's numeric parameter, between two values that it may have."""

    name: str
    low: float
    high: float

    @classmethod
    def parse(cls, text: str) -> SearchRange:
        """Read ``NAME=LOW..HIGH``.

        Raises:
            ConfigError: no tracker has such a numeric parameter, or it may not have these values.
        """
        name, _, values = text.partition("=")
        low, between, high = values.partition("..")
        known = [key for key, entry in parameters().items() if _is_searched(key, entry)]
        if name not in known:
            raise ConfigError(
                f"--search {text}: expected a numeric parameter of a tracker; "
                f"{alternatives(name, known)}"
            )
        if not between:
            raise ConfigError(f"--search {text}: expected NAME=LOW..HIGH")
        ends = cls(name, _number(name, low), _number(name, high))
        if ends.low >= ends.high:
            raise ConfigError(f"--search {text}: expected the smaller value first")
        return ends

    def draw(self, rng: np.random.Generator, classes: int) -> Any:
        """A value, all as likely; for a parameter that is a list, one for each of the classes."""
        entry = parameters()[self.name]
        if isinstance(entry.default, int):
            step = entry.metadata["step"]
            return int(rng.choice(np.arange(self.low, self.high + 1, step)))
        if isinstance(entry.default, tuple):
            return tuple(self._draw(rng) for _ in range(classes))
        return self._draw(rng)

    def _draw(self, rng: np.random.Generator) -> float:
        # No more digits than a person would write into a file.
        return min(max(float(f"{rng.uniform(self.low, self.high):.3g}"), self.low), self.high)


def _is_searched(name: str, entry: dataclasses.Field[Any]) -> bool:
    is_number = isinstance(entry.default, (int, float, tuple))
    return name.startswith("tracker.") and is_number and not isinstance(entry.default, bool)


def _number(name: str, text: str) -> float:
    """One end of a range, checked as a value of the parameter."""
    entry = parameters()[name]
    is_list = isinstance(entry.default, tuple)
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    value = checked(name, entry, [value] if is_list else value)
    return value[0] if is_list else value
