"""Long-term re-identification: tracks that broke become one again (DIOR, section 3.4).

It takes a finished drive, for it must know where a track ends. Two tracks of one class are parts of
one where the later begins within a second after the earlier ended and looks like it did. Of several
such pairs the most similar comes first, and a track goes on in one other at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mots_ros.core.galleries import extended, similarity
from mots_ros.core.types import FloatArray, Frame, TrackedFrame
from mots_ros.evaluation.collect import Steps
from mots_ros.evaluation.errors import EvaluationError

LONGEST_GAP_NS = 1_000_000_000
"""The paper's N2."""


@dataclass(frozen=True)
class Tracklet:
    """One id's life: its class, its first and last stamp, and what it looked like."""

    label: int
    first_ns: int
    last_ns: int
    gallery: FloatArray


class Remembered:
    """A pipeline that remembers what every track looked like.

    Raises EvaluationError, in its steps, where the tracker does not tell.
    """

    def __init__(self, pipeline: Steps) -> None:
        self.tracklets: dict[int, Tracklet] = {}
        self._pipeline = pipeline

    def step(self, frame: Frame) -> list[TrackedFrame]:
        """A step of the pipeline."""
        return self._remember(self._pipeline.step(frame))

    def finish(self) -> list[TrackedFrame]:
        """The end of a drive."""
        return self._remember(self._pipeline.finish())

    def _remember(self, finished: list[TrackedFrame]) -> list[TrackedFrame]:
        for tracked in finished:
            if tracked.embeddings is None:
                raise EvaluationError(
                    "--relink compares what tracks look like; expected a 'tracker.name' that knows "
                    "it: dior, cstrack or trackrcnn"
                )
            lengths = np.linalg.norm(tracked.embeddings, axis=1, keepdims=True)
            looks = tracked.embeddings / np.maximum(lengths, 1e-12)
            labels = tracked.detections.labels.tolist()
            for track_id, label, look in zip(tracked.ids.tolist(), labels, looks, strict=True):
                known = self.tracklets.get(track_id)
                self.tracklets[track_id] = (
                    Tracklet(label, tracked.stamp_ns, tracked.stamp_ns, look[None])
                    if known is None
                    else replace(
                        known, last_ns=tracked.stamp_ns, gallery=extended(known.gallery, look)
                    )
                )
        return finished


def relink(tracklets: Mapping[int, Tracklet], least_similarity: float) -> dict[int, int]:
    """The id of the first part for every track that is the later part of another.

    Args:
        tracklets: by track id.
        least_similarity: what the largest cosine between two galleries must exceed (theta_1).
    """
    pairs = sorted(_candidates(tracklets, least_similarity), key=lambda pair: -pair[0])
    following: set[int] = set()
    before: dict[int, int] = {}
    for _, earlier, later in pairs:
        if earlier not in following and later not in before:
            following.add(earlier)
            before[later] = earlier
    first: dict[int, int] = {}
    for later in sorted(before, key=lambda track_id: tracklets[track_id].first_ns):
        first[later] = first.get(before[later], before[later])
    return first


def _candidates(
    tracklets: Mapping[int, Tracklet], least_similarity: float
) -> list[tuple[float, int, int]]:
    """Similarity, earlier and later id of all pairs that may be one."""
    ids = np.array(list(tracklets), np.int64)
    starts = np.array([tracklet.first_ns for tracklet in tracklets.values()], np.int64)
    labels = np.array([tracklet.label for tracklet in tracklets.values()], np.int64)
    found = []
    for earlier, tracklet in tracklets.items():
        gap = starts - tracklet.last_ns
        later = ids[(gap > 0) & (gap <= LONGEST_GAP_NS) & (labels == tracklet.label)].tolist()
        alike = similarity([tracklets[other].gallery for other in later], tracklet.gallery)
        found += [
            (closest, earlier, other)
            for closest, other in zip(alike.max(axis=1).tolist(), later, strict=True)
            if closest > least_similarity
        ]
    return found
