"""CSTrack: first who looks the same where the filter allows it, then who overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mots_ros.config import TrackerConfig
from mots_ros.core import assignment, boxes, kalman
from mots_ros.core.assignment import Matches
from mots_ros.core.costs import cosine_distance, gating_distance, matching_cost
from mots_ros.core.track_book import TrackBook, states
from mots_ros.core.types import Detections, FloatArray, Observation, Track, TrackedDetections

GATE = 9.4877
"""The 0.95 quantile of the chi-square distribution with four degrees of freedom."""


class CSTracker:
    """The cascade of JDE (paper, section III-E, figure 5).

    A track's memory is its template, an embedding. ``config`` may be replaced between two steps;
    the tracks stay.
    """

    def __init__(self, config: TrackerConfig) -> None:
        self.config = config
        self._book = TrackBook()

    def step(self, observation: Observation[FloatArray]) -> TrackedDetections:
        """See ``Tracker.step``."""
        detections, embeddings = observation.detections, observation.features
        tracks = self._book.predict(observation.frame.stamp_ns, self.config)
        by_looks, by_overlap = self._costs(tracks, detections, embeddings)
        matches = assignment.hungarian(by_looks)
        matches = assignment.continued(matches, by_overlap, assignment.hungarian)
        return self._book.advance(
            detections,
            matches,
            self.config,
            self._templates(tracks, matches, embeddings),
            observation.frame.public,
            embeddings,
        )

    def reset(self) -> None:
        """See ``Tracker.reset``."""
        self._book.clear()

    def _costs(
        self, tracks: Sequence[Track], detections: Detections, embeddings: FloatArray
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """The costs [T, N] of the two stages.

        As in the released programs, where the filter expects a track counts a little in the first,
        too: it decides between objects that look alike.
        """
        settings = self.config.cstrack
        means, covariances = states(tracks)
        templates = np.array([track.memory for track in tracks]).reshape(-1, embeddings.shape[1])
        labels = np.array([track.label for track in tracks])
        distance = cosine_distance(templates, embeddings)
        motion = gating_distance(means, covariances, detections.boxes, settings.gate_deviation)
        allowed = (
            (labels[:, None] == detections.labels)
            & (distance <= settings.max_distance)
            & (motion <= GATE)
        )
        share = settings.motion_share
        looks = np.where(allowed, (1 - share) * distance + share * motion, np.inf)
        overlap = boxes.iou(kalman.box_of(means), detections.boxes)
        return looks, matching_cost(overlap, labels, detections.labels, self.config.min_affinity)

    def _templates(
        self, tracks: Sequence[Track], matches: Matches, embeddings: FloatArray
    ) -> list[FloatArray]:
        """What to remember of every detection: its embedding [D], or equation 11."""
        decay = self.config.cstrack.template_decay
        templates = list(embeddings)
        for row, column in matches.pairs.tolist():
            templates[column] = decay * tracks[row].memory + (1 - decay) * embeddings[column]
        return templates
