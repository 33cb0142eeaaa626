"""DIOR: masks that overlap, looks that are alike; what was lost a moment ago is retrieved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mots_ros.config import TrackerConfig
from mots_ros.core import assignment, boxes, mask_overlap
from mots_ros.core.galleries import extended, similarity
from mots_ros.core.letterbox import MAP_STRIDE, Letterbox
from mots_ros.core.track_book import TrackBook
from mots_ros.core.types import Detections, FloatArray, Observation, Track, TrackedDetections


@dataclass(frozen=True)
class DIORMemory:
    """What a track looked like.

    gallery: [K, D], see ``core.galleries``.
    mask: bool [h, w] on the network's map where it was last detected; None without masks.
    stamp_ns: when that was.
    """

    gallery: FloatArray
    mask: NDArray[np.bool_] | None
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
        detections, embeddings = observation.detections, observation.features
        stamp_ns = observation.frame.stamp_ns
        tracks = self._book.predict(stamp_ns, self.config.frame_rate)
        masks = None if detections.masks is None else detections.masks > 0.5
        overlap = _overlap(tracks, self._moves(tracks), detections, masks, observation.letterbox)
        cost = self._cost(tracks, detections, overlap, embeddings)
        seen = np.array([track.misses == 0 for track in tracks], bool)
        matches = assignment.hungarian(_only(seen, cost))
        retrievable = ~seen & self._lost_just_now(tracks, stamp_ns)
        matches = assignment.continued(matches, _only(retrievable, cost), assignment.hungarian)
        track_of = {column: tracks[row] for row, column in matches.pairs.tolist()}
        memories = [
            DIORMemory(
                extended(track_of[column].memory.gallery, embeddings[column])
                if column in track_of
                else embeddings[column : column + 1],
                None if masks is None else masks[column],
                stamp_ns,
            )
            for column in range(len(detections))
        ]
        return self._book.advance(
            detections, matches, self.config, memories, observation.frame.public, embeddings
        )

    def reset(self) -> None:
        """See ``Tracker.reset``."""
        self._book.clear()

    def _cost(
        self,
        tracks: Sequence[Track],
        detections: Detections,
        overlap: NDArray[np.floating],
        embeddings: FloatArray,
    ) -> NDArray[np.float64]:
        """Equation 6, [T, N]; infinite for two classes and for what is too unlike."""
        alike = similarity([track.memory.gallery for track in tracks], embeddings)
        cost = 2 - overlap - alike
        labels = np.array([track.label for track in tracks])
        allowed = (labels[:, None] == detections.labels) & (cost <= self.config.dior.max_cost)
        return np.where(allowed, cost, np.inf)

    def _moves(self, tracks: Sequence[Track]) -> NDArray[np.float64]:
        """How far objects [T, 2] went in image pixels since they were last detected."""
        if not self.config.dior.mask_motion:
            return np.zeros((len(tracks), 2))
        expected = np.array([track.mean[:2] for track in tracks]).reshape(-1, 2)
        boxes_then = np.array([track.box for track in tracks]).reshape(-1, 4)
        return expected - (boxes_then[:, :2] + boxes_then[:, 2:]) / 2

    def _lost_just_now(self, tracks: Sequence[Track], stamp_ns: int) -> NDArray[np.bool_]:
        """Which tracks [T] were detected within the time of retrieval, to half a frame."""
        seconds = self.config.dior.retrieval_s + 0.5 / self.config.frame_rate
        stamps = np.array([track.memory.stamp_ns for track in tracks], np.int64)
        return stamp_ns - stamps <= seconds * 1e9


def _overlap(
    tracks: Sequence[Track],
    moves: NDArray[np.float64],
    detections: Detections,
    masks: NDArray[np.bool_] | None,
    letterbox: Letterbox,
) -> NDArray[np.floating]:
    """Equation 7, [T, N]: of the masks, or of boxes where there are none in the same map.

    ``moves`` [T, 2] are applied to the tracks first.
    """
    before = [track.memory.mask for track in tracks]
    if masks is None or any(mask is None or mask.shape != masks.shape[1:] for mask in before):
        boxes_then = np.array([track.box for track in tracks]).reshape(-1, 4)
        return boxes.iom(boxes_then + np.tile(moves, 2), detections.boxes)
    steps = np.rint(moves * letterbox.scale / MAP_STRIDE).astype(np.int64)
    then = np.array(before, bool).reshape(-1, *masks.shape[1:])
    return mask_overlap.iom(mask_overlap.moved(then, steps), masks)


def _only(rows: NDArray[np.bool_], cost: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(rows[:, None], cost, np.inf)
