"""The lives of tracks: birth, confirmation, misses, death, identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mots_ros.config import TrackerConfig
from mots_ros.core import kalman, public_detections
from mots_ros.core.assignment import Matches
from mots_ros.core.types import Detections, FloatArray, Track, TrackedDetections, TrackStatus

_LONGEST_STEP = 10.0
"""Frames beyond which constant velocity predicts nothing; longer gaps count as this long."""


class TrackBook:
    """The live tracks of one tracker.

    A step is two calls: ``predict`` to the new frame, then ``advance`` with what was seen in it.
    A confirmed track that is not seen is LOST until it is seen again or has missed more than
    ``max_misses`` frames; a TENTATIVE one ends with its first miss. Ids ascend from 1 and are
    never given twice.
    """

    def __init__(self) -> None:
        self.tracks: tuple[Track, ...] = ()
        self._last_id = 0
        self._stamp_ns: int | None = None

    def clear(self) -> None:
        """End all tracks and forget the time; later tracks still get new ids."""
        self.tracks = ()
        self._stamp_ns = None

    def predict(self, stamp_ns: int, frame_rate: float) -> tuple[Track, ...]:
        """Bring every live track to the frame of ``stamp_ns`` and return them, oldest first.

        ``frame_rate`` in Hz turns time into the frames that the motion filter counts. A stamp
        before the last one counts as the same moment.
        """
        elapsed = 0 if self._stamp_ns is None else stamp_ns - self._stamp_ns
        dt = min(max(elapsed * frame_rate / 1e9, 0.0), _LONGEST_STEP)
        self._stamp_ns = stamp_ns
        self.tracks = tuple(_predicted(track, dt) for track in self.tracks)
        return self.tracks

    def advance(
        self,
        detections: Detections,
        matches: Matches,
        config: TrackerConfig,
        memories: Sequence[Any] | None = None,
        public: FloatArray | None = None,
        embeddings: FloatArray | None = None,
    ) -> TrackedDetections:
        """Take in a frame's detections.

        Args:
            matches: rows are the tracks that ``predict`` returned, columns the detections.
            memories: what the tracker wants to remember of each detection, if anything.
            public: boxes beside which alone tracks may start; None for anywhere.
            embeddings: [N, D] of the detections, to report beside them.

        Returns:
            The detections of confirmed tracks, in the order of ``detections``.
        """
        if memories is None:
            memories = [None] * len(detections)
        column_of = dict(matches.pairs.tolist())
        seen: dict[int, Track] = {}
        unseen: list[Track] = []
        for row, track in enumerate(self.tracks):
            if row in column_of:
                column = column_of[row]
                seen[column] = _seen(track, detections, column, memories[column], config)
            elif track.status is not TrackStatus.TENTATIVE and track.misses < config.max_misses:
                unseen.append(replace(track, status=TrackStatus.LOST, misses=track.misses + 1))
        births = matches.unmatched_cols
        if public is not None:
            births = public_detections.beside(public, detections.boxes, births)
        for column in births.tolist():
            if detections.scores[column] > config.birth_threshold:
                self._last_id += 1
                seen[column] = _born(self._last_id, detections, column, memories[column], config)
        self.tracks = tuple(sorted([*seen.values(), *unseen], key=lambda track: track.id))

        confirmed = [
            column for column in sorted(seen) if seen[column].status is TrackStatus.CONFIRMED
        ]
        ids = np.array([seen[column].id for column in confirmed], np.int64)
        reported = np.array(confirmed, np.int64)
        return TrackedDetections(
            ids,
            detections.take(reported),
            embeddings=None if embeddings is None else embeddings[reported],
        )


def _predicted(track: Track, dt: float) -> Track:
    mean, covariance = kalman.predict(track.mean, track.covariance, dt)
    return replace(track, mean=mean, covariance=covariance)


def _born(
    track_id: int, detections: Detections, column: int, memory: Any, config: TrackerConfig
) -> Track:
    mean, covariance = kalman.initiate(detections.boxes[column])
    return Track(
        track_id,
        _status(1, config),
        mean,
        covariance,
        box=detections.boxes[column],
        label=int(detections.labels[column]),
        score=float(detections.scores[column]),
        hits=1,
        misses=0,
        memory=memory,
    )


def _seen(
    track: Track, detections: Detections, column: int, memory: Any, config: TrackerConfig
) -> Track:
    mean, covariance = kalman.update(track.mean, track.covariance, detections.boxes[column])
    return replace(
        track,
        status=_status(track.hits + 1, config),
        mean=mean,
        covariance=covariance,
        box=detections.boxes[column],
        label=int(detections.labels[column]),
        score=float(detections.scores[column]),
        hits=track.hits + 1,
        misses=0,
        memory=memory,
    )


def _status(hits: int, config: TrackerConfig) -> TrackStatus:
    """The status of a track in a frame where it was seen."""
    return TrackStatus.CONFIRMED if hits >= config.confirm_hits else TrackStatus.TENTATIVE
