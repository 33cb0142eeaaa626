"""DIOR: masks that overlap, looks that are alike; what was lost a moment ago is retrieved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mots_ros.config import TrackerConfig
from mots_ros.core import assignment, boxes, kalman, mask_overlap
from mots_ros.core.assignment import Matches
from mots_ros.core.galleries import extended, similarity
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.masks import THRESHOLD, view_of
from mots_ros.core.track_book import TrackBook, means_of
from mots_ros.core.types import FloatArray, Observation, Track, TrackedDetections


@dataclass(frozen=True)
class DIORMemory:
    """What a track looked like.

    gallery: [K, D], see ``core.galleries``.
    mask: bool [h, w] on the masks' map where it was last detected; None without masks.
    letterbox: of the frame in which that was; stamp_ns: when.
    """

    gallery: FloatArray
    mask: NDArray[np.bool_] | None
    letterbox: Letterbox
    stamp_ns: int


class DIORTracker:
    """Hungarian matching, then short-term retrieval (paper, section 3.4).

    A track's memory is its ``DIORMemory``. ``config`` may be replaced between two steps; the tracks
    stay.
    """

    def __init__(self, config: TrackerConfig) -> None:
        self.config = config
        self._book = TrackBook()

    def step(self, observation: Observation[FloatArray]) -> TrackedDetections:
        """See ``Tracker.step``."""
        frame, detections = observation.frame, observation.detections
        tracks = self._book.predict(frame.stamp_ns, self.config)
        masks = None if detections.masks is None else np.asarray(detections.masks) > THRESHOLD
        cost = self._cost(tracks, observation, masks)
        matches = self._match(tracks, cost, frame.stamp_ns)
        memories = _memories(tracks, matches, observation, masks)
        return self._book.advance(
            detections, matches, self.config, memories, frame.public, observation.features
        )

    def reset(self) -> None:
        """See ``Tracker.reset``."""
        self._book.clear()

    def _cost(
        self,
        tracks: Sequence[Track],
        observation: Observation[FloatArray],
        masks: NDArray[np.bool_] | None,
    ) -> NDArray[np.float64]:
        """Equation 6, [T, N]; infinite for two classes and for what costs too much."""
        detections = observation.detections
        overlap = self._overlap(tracks, observation, masks)
        galleries = [track.memory.gallery for track in tracks]
        cost = 2 - overlap - similarity(galleries, observation.features)
        labels = np.array([track.label for track in tracks])
        allowed = (labels[:, None] == detections.labels) & (cost <= self.config.dior.max_cost)
        return np.where(allowed, cost, np.inf)

    def _match(self, tracks: Sequence[Track], cost: NDArray[np.float64], stamp_ns: int) -> Matches:
        """The tracks that were seen a frame ago choose first, then those that were lost lately."""
        seen = np.array([track.misses == 0 for track in tracks], bool)
        stamps = np.array([track.memory.stamp_ns for track in tracks], np.int64)
        # To half a frame, for no two frames are exactly as far apart.
        seconds = self.config.dior.retrieval_s + 0.5 / self.config.frame_rate
        lately = stamp_ns - stamps <= seconds * 1e9
        matches = assignment.hungarian(_only(seen, cost))
        return assignment.continued(matches, _only(~seen & lately, cost), assignment.hungarian)

    def _overlap(
        self,
        tracks: Sequence[Track],
        observation: Observation[FloatArray],
        masks: NDArray[np.bool_] | None,
    ) -> NDArray[np.floating]:
        """Equation 7, [T, N]: of the masks, or of boxes where there are none in the same map."""
        detected, kind = observation.detections.boxes, self.config.dior.overlap
        means = means_of(tracks)
        if kind == "boxes":
            return boxes.iou(kalman.box_of(means), detected)
        boxes_then = np.array([track.box for track in tracks]).reshape(-1, 4)
        moves = np.zeros((len(tracks), 2))
        if kind == "moved_masks":
            moves = means[:, :2] - boxes.centres(boxes_then)
        if masks is None or not all(
            memory.mask is not None and memory.letterbox == observation.letterbox
            for memory in (track.memory for track in tracks)
        ):
            return boxes.iom(boxes_then + np.tile(moves, 2), detected)
        scale = view_of(masks.shape[1:], observation.letterbox).scale
        steps = np.rint(moves * scale).astype(np.int64)
        then = np.array([track.memory.mask for track in tracks], bool).reshape(-1, *masks.shape[1:])
        return mask_overlap.iom(mask_overlap.moved(then, steps), masks)


def _memories(
    tracks: Sequence[Track],
    matches: Matches,
    observation: Observation[FloatArray],
    masks: NDArray[np.bool_] | None,
) -> list[DIORMemory]:
    """What to remember of every detection."""
    embeddings = observation.features
    galleries = [embedding[None] for embedding in embeddings]
    for row, column in matches.pairs.tolist():
        galleries[column] = extended(tracks[row].memory.gallery, embeddings[column])
    return [
        DIORMemory(
            gallery,
            None if masks is None else masks[column],
            observation.letterbox,
            observation.frame.stamp_ns,
        )
        for column, gallery in enumerate(galleries)
    ]


def _only(rows: NDArray[np.bool_], cost: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(rows[:, None], cost, np.inf)
