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
    ``max_misses`` frames, those that never came among them; a TENTATIVE one ends with its first
    miss. What was seen in the last frame has its chance in the next, however late that comes.
    Ids ascend from 1 and are never given twice.
    """

    def __init__(self) -> None:
        self.tracks: tuple[Track, ...] = ()
        self._last_id = 0
        self._stamp_ns: int | None = None
        self._skipped = 0

    def clear(self) -> None:
        """End all tracks and forget the time; later tracks still get new ids."""
        self.tracks = ()
        self._stamp_ns = None
        self._skipped = 0

    def predict(self, stamp_ns: int, config: TrackerConfig) -> tuple[Track, ...]:
        """Bring every live track to the frame of ``stamp_ns`` and return them, oldest first.

        The configured frame rate turns time into the frames that the motion filter counts, and that
        a track may miss. A stamp before the last one counts as the same moment, the same stamp as
        the next frame: there are cameras that set none.
        """
        frames = 0.0
        if self._stamp_ns is not None and stamp_ns >= self._stamp_ns:
            frames = (stamp_ns - self._stamp_ns) * config.frame_rate / 1e9 or 1.0
        dt = min(frames, _LONGEST_STEP)
        self._skipped = max(round(frames) - 1, 0)
        self._stamp_ns = stamp_ns
        self.tracks = tuple(
            track
            for track in self.tracks
            if not track.misses or track.misses + self._skipped <= config.max_misses
        )
        size = kalman.SIZE_MODELS[config.size_model]
        means, covariances = kalman.predict(*states(self.tracks), dt, config.velocity_noise, size)
        self.tracks = tuple(
            replace(track, mean=mean, covariance=covariance)
            for track, mean, covariance in zip(self.tracks, means, covariances, strict=True)
        )
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
        births = matches.unmatched_cols
        if public is not None:
            births = public_detections.beside(public, detections.boxes, births)
        births = births[detections.scores[births] > config.birth_threshold]

        known = [self.tracks[row] for row in matches.pairs[:, 0].tolist()]
        lives = [(track.id, track.hits + 1) for track in known]
        lives += [(self._last_id + number, 1) for number in range(1, len(births) + 1)]
        self._last_id += len(births)
        columns = np.concatenate([matches.pairs[:, 1], births])
        size = kalman.SIZE_MODELS[config.size_model]
        means, covariances = _seen_at(detections.boxes[columns], known, size)
        seen = {}
        for column, (track_id, hits), mean, covariance in zip(
            columns.tolist(), lives, means, covariances, strict=True
        ):
            seen[column] = Track(
                track_id,
                TrackStatus.CONFIRMED if hits >= config.confirm_hits else TrackStatus.TENTATIVE,
                mean,
                covariance,
                box=detections.boxes[column],
                label=int(detections.labels[column]),
                score=float(detections.scores[column]),
                hits=hits,
                misses=0,
                memory=memories[column],
            )
        unseen = [
            replace(track, status=TrackStatus.LOST, misses=track.misses + self._skipped + 1)
            for track in (self.tracks[row] for row in matches.unmatched_rows.tolist())
            if track.status is not TrackStatus.TENTATIVE
            and track.misses + self._skipped < config.max_misses
        ]
        self.tracks = tuple(sorted([*seen.values(), *unseen], key=lambda track: track.id))

        confirmed = [
            column for column in sorted(seen) if seen[column].status is TrackStatus.CONFIRMED
        ]
        ids = np.array([seen[column].id for column in confirmed], np.int64)
        reported = np.array(confirmed, np.int64)
        return TrackedDetections(
            ids,
            # Copies of the masks take as long as all the rest.
            detections if len(reported) == len(detections) else detections.take(reported),
            embeddings=None if embeddings is None else embeddings[reported],
        )


def means_of(tracks: Sequence[Track]) -> kalman.Mean:
    """What the motion filters know of tracks [T, 7], without how well."""
    return np.array([track.mean for track in tracks]).reshape(-1, 7)


def states(tracks: Sequence[Track]) -> tuple[kalman.Mean, kalman.Covariance]:
    """Means [T, 7] and covariances [T, 7, 7]: the filter takes all tracks at once."""
    covariances = np.array([track.covariance for track in tracks]).reshape(-1, 7, 7)
    return means_of(tracks), covariances


def _seen_at(
    boxes: FloatArray, known: Sequence[Track], size: kalman.SizeModel
) -> tuple[kalman.Mean, kalman.Covariance]:
    """The states of objects at ``boxes``: of the tracks that are known, then of new ones."""
    count = len(known)
    means, covariances = kalman.initiate(boxes, size)
    means[:count], covariances[:count] = kalman.update(*states(known), boxes[:count])
    return means, covariances
