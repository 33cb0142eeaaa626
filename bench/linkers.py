"""This package's trackers in the seat of the association benchmark."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

import numpy as np

from mots_ros.config import TrackerConfig
from mots_ros.core import assignment, boxes
from mots_ros.core.costs import matching_cost
from mots_ros.core.types import Observation
from mots_ros.trackers.base import Tracker
from mots_ros.trackers.searchtrack import SearchTracker
from mots_ros.trackers.sort import SortTracker

SEARCHING = "searchtrack"
OURS = (SEARCHING, "sort", "iou")

AT_ONCE = {"tracker.confirm_hits": 1, "tracker.birth_threshold": 0.0}
"""Every detection is reported: what is withheld could not be linked."""


class Linker(Protocol):
    """Says which detections are of one object."""

    def step(self, observation: Observation[Any]) -> Sequence[Hashable]:
        """A name for every detection, the same for those of one object; frames come in order."""


def makers(config: TrackerConfig) -> dict[str, Callable[[], Linker]]:
    """How to make each of OURS; ``config`` holds AT_ONCE."""
    return {
        SEARCHING: lambda: OfTracker(SearchTracker(config)),
        "sort": lambda: OfTracker(SortTracker(config)),
        "iou": lambda: PlainIou(config),
    }


class OfTracker:
    """A tracker that reports all its detections."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def step(self, observation: Observation[Any]) -> Sequence[Hashable]:
        """See ``Linker.step``."""
        ids: list[int] = self._tracker.step(observation).ids.tolist()
        return ids


class PlainIou:
    """What overlaps enough with where an object was last seen is that object; nothing moves.

    ``config`` says how much overlap that is, how pairs are chosen and how long an object may go
    unseen, as for the other trackers.
    """

    def __init__(self, config: TrackerConfig) -> None:
        self._config = config
        self._boxes = np.zeros((0, 4), np.float32)
        self._labels, self._ids, self._misses = (np.zeros(0, np.int64) for _ in range(3))
        self._last_id = 0

    def step(self, observation: Observation[Any]) -> Sequence[Hashable]:
        """See ``Linker.step``."""
        seen, config = observation.detections, self._config
        affinity = boxes.iou(self._boxes, seen.boxes)
        cost = matching_cost(affinity, self._labels, seen.labels, config.min_affinity)
        matches = assignment.METHODS[config.assignment](cost)
        ids = self._last_id + 1 + np.arange(len(seen))
        self._last_id += len(seen)
        ids[matches.pairs[:, 1]] = self._ids[matches.pairs[:, 0]]
        unseen = matches.unmatched_rows[self._misses[matches.unmatched_rows] < config.max_misses]
        self._boxes = np.concatenate([self._boxes[unseen], seen.boxes])
        self._labels = np.concatenate([self._labels[unseen], seen.labels])
        self._ids = np.concatenate([self._ids[unseen], ids])
        self._misses = np.concatenate([self._misses[unseen] + 1, np.zeros(len(seen), np.int64)])
        names: list[int] = ids.tolist()
        return names
