"""The seat that every tracker takes."""

from __future__ import annotations

from typing import Any, Protocol

from mots_ros.config import TrackerConfig
from mots_ros.core.types import Observation, TrackedDetections


class Tracker(Protocol):
    """Gives detections identities over time.

    Ids are positive, ascending and never reused within one tracker, also not after ``reset``.
    ``config`` may be replaced between two frames.
    """

    config: TrackerConfig

    def step(self, observation: Observation[Any]) -> TrackedDetections:
        """Advance to the observation's frame, also when nothing was detected in it.

        Returns the tracks to report. Time is taken from the frame's stamp.
        """

    def reset(self) -> None:
        """Forget all tracks."""
