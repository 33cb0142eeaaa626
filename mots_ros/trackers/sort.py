"""SORT: detections linked by the overlap with where each track's filter expects its object."""

from __future__ import annotations

from typing import Any

import numpy as np

from mots_ros.config import TrackerConfig
from mots_ros.core import assignment, boxes, kalman
from mots_ros.core.costs import matching_cost
from mots_ros.core.track_book import TrackBook, means_of
from mots_ros.core.types import Observation, TrackedDetections


class SortTracker:
    """Motion and overlap alone: the baseline, for detectors without search features.

    ``config`` may be replaced between two steps; the tracks stay.
    """

    def __init__(self, config: TrackerConfig) -> None:
        self.config = config
        self._book = TrackBook()

    def step(self, observation: Observation[Any]) -> TrackedDetections:
        """See ``Tracker.step``."""
        tracks = self._book.predict(observation.frame.stamp_ns, self.config)
        detections = observation.detections
        expected = kalman.box_of(means_of(tracks))
        affinity = boxes.iou(expected, detections.boxes)
        labels = np.array([track.label for track in tracks])
        cost = matching_cost(affinity, labels, detections.labels, self.config.min_affinity)
        matches = assignment.METHODS[self.config.assignment](cost)
        return self._book.advance(detections, matches, self.config, public=observation.frame.public)

    def reset(self) -> None:
        """See ``Tracker.reset``."""
        self._book.clear()
