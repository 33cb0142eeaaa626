"""SearchTrack: every object is looked for by a network of its own, where its motion leads."""

from __future__ import annotations

import numpy as np
import torch

from mots_ros.config import TrackerConfig
from mots_ros.core import assignment, kalman
from mots_ros.core.costs import matching_cost, search_affinity
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.track_book import TrackBook, means_of
from mots_ros.core.types import FloatArray, Observation, Track, TrackedDetections
from mots_ros.nets.search import SearchFeatures


class SearchTracker:
    """The dynamic search tracker (paper, section 3.3).

    A track's memory is its search kernel, read where it was last detected. ``config`` may be
    replaced between two steps; the tracks stay.
    """

    def __init__(self, config: TrackerConfig) -> None:
        self.config = config
        self._book = TrackBook()

    def step(self, observation: Observation[SearchFeatures]) -> TrackedDetections:
        """See ``Tracker.step``."""
        features = observation.features
        tracks = self._book.predict(observation.frame.stamp_ns, self.config)
        candidates, scores = self._propose(tracks, features, observation.letterbox)
        # The search does not wait until they are read from the maps.
        detections = observation.detections
        affinity = search_affinity(candidates, scores, detections.boxes)
        labels = np.array([track.label for track in tracks])
        cost = matching_cost(affinity, labels, detections.labels, self.config.min_affinity)
        matches = assignment.METHODS[self.config.assignment](cost)
        return self._book.advance(
            detections, matches, self.config, features.kernels.unbind(), observation.frame.public
        )

    def reset(self) -> None:
        """See ``Tracker.reset``."""
        self._book.clear()

    def _propose(
        self, tracks: tuple[Track, ...], features: SearchFeatures, letterbox: Letterbox
    ) -> tuple[FloatArray, FloatArray]:
        """Boxes [T, K + 1, 4] in image pixels and their scores [T, K + 1] for every track.

        The search says where an object is; in a crowd, the size map at that very pixel may speak of
        the neighbour, so the filter says how large it is. The last box is where the track should
        be. The released program asks for it only when the search found nothing; then a track whose
        search errs never takes the detection that lies under it.
        """
        if not tracks:
            return np.zeros((0, 1, 4), np.float32), np.zeros((0, 1), np.float32)
        by_filter = self.config.candidate_boxes == "filter"
        means = means_of(tracks)
        predicted = kalman.box_of(means)
        if by_filter:
            stand, centres = predicted, letterbox.image_to_map(means[:, :2])
        else:
            # Released boxes end at the map's edges.
            last = np.array(features.search.shape[:0:-1]) - 1
            corners = letterbox.image_to_map(predicted).reshape(-1, 2, 2)
            stand = np.array([track.box for track in tracks])
            centres = corners.clip(0, last).mean(axis=1)
        expected = stand.astype(np.float32)[:, None]
        with torch.inference_mode():
            kernels = torch.stack([track.memory for track in tracks])
            boxes, scores = features.look(
                features.search,
                features.size,
                features.offset,
                kernels,
                torch.from_numpy(centres).to(kernels, non_blocking=True),
                region=self.config.search_region,
                window=self.config.search_peak_window,
                count=self.config.search_candidates,
            )
            # In one piece, for the sake of a GPU.
            proposed = torch.cat((boxes, scores.unsqueeze(2)), dim=2).cpu().numpy()
        found, trusted = letterbox.map_to_image(proposed[..., :4]), proposed[..., 4]
        if by_filter:
            centre = (found[..., :2] + found[..., 2:]) / 2
            half = (expected[..., 2:] - expected[..., :2]) / 2
            found = np.concatenate([centre - half, centre + half], axis=-1)
        trusted[trusted <= self.config.search_threshold] = 0
        trusted[[track.score < self.config.kernel_threshold for track in tracks]] = 0
        standing = np.full((len(tracks), 1), self.config.standing_score, np.float32)
        if not by_filter:
            standing[trusted.any(axis=1)] = 0
        return (
            np.concatenate([found, expected], axis=1),
            np.concatenate([trusted, standing], axis=1),
        )
