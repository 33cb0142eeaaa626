"""TrackR-CNN: optical flow carries masks along; what it loses is known again by its looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mots_ros.config import TrackerConfig
from mots_ros.core import assignment, boxes, kalman, mask_overlap
from mots_ros.core.optical_flow import (
    Masks,
    View,
    masks_in_view,
    optical_flow,
    shifted_boxes,
    warped_masks,
)
from mots_ros.core.track_book import TrackBook, means_of
from mots_ros.core.types import FloatArray, IntArray, Observation, Track, TrackedDetections


@dataclass(frozen=True)
class Memory:
    """What a track is known by.

    mask: bool [h, w] of its last detection in the view, None for detections without masks.
    vectors: [K, D] the association vectors of its detections, the last one's at the end.
    """

    mask: Masks | None
    vectors: FloatArray


class TrackRCNNTracker:
    """Algorithm 1 of the paper, within each class.

    Confident detections go on with the tracks of the frame before, by mask propagation. What is
    left, also of little confidence, goes on with the live track that ever looked most like it.
    Confident detections that are left start tracks. Where masks overlap, the object nearest the
    image's bottom is in front.

    The paper knows a track again wherever it comes back; by default, that must be where its motion
    filter expects it. Detections without masks are propagated as boxes.

    A track's memory is a ``Memory``. ``config`` may be replaced between two steps; the tracks stay.
    """

    def __init__(self, config: TrackerConfig) -> None:
        self.config = config
        self._book = TrackBook()
        self._before: View | None = None

    def step(self, observation: Observation[FloatArray]) -> TrackedDetections:
        """See ``Tracker.step``; the features are association vectors [N, D]."""
        detections, settings = observation.detections, self.config.trackrcnn
        tracks = self._book.predict(observation.frame.stamp_ns, self.config)
        view = View.of(observation.frame, observation.letterbox)
        memories = _memories(observation, view)
        least = _of_class(settings.confidence, detections.labels)
        confident = detections.scores > np.maximum(least, self.config.birth_threshold)

        cost = self._cost_of_neighbours(tracks, observation, memories, view)
        matches = assignment.hungarian(np.where(confident, cost, np.inf))
        if settings.association == "mask_and_head":
            distance = nearest([track.memory.vectors for track in tracks], observation.features)
            if settings.reach == "filter":
                distance[boxes.iou(_expected(tracks), detections.boxes) == 0] = np.inf
            cost = _cost(distance, settings.distance_threshold, tracks, detections.labels)
            matches = assignment.continued(matches, cost, assignment.greedy)
        births = matches.unmatched_cols[confident[matches.unmatched_cols]]

        for row, column in matches.pairs.tolist():
            vectors = np.concatenate([tracks[row].memory.vectors, memories[column].vectors])
            memories[column] = replace(memories[column], vectors=vectors[-settings.history :])
        self._before = view
        tracked = self._book.advance(
            detections,
            replace(matches, unmatched_cols=births),
            self.config,
            memories,
            observation.frame.public,
            observation.features,
        )
        return replace(tracked, precedence=tracked.detections.boxes[:, 3])

    def reset(self) -> None:
        """See ``Tracker.reset``."""
        self._book.clear()
        self._before = None

    def _cost_of_neighbours(
        self,
        tracks: tuple[Track, ...],
        observation: Observation[FloatArray],
        memories: Sequence[Memory],
        now: View,
    ) -> NDArray[Any]:
        """What it costs [T, N] to go on with a track of the frame before (paper, table 5)."""
        settings, detections, before = self.config.trackrcnn, observation.detections, self._before
        cost = np.full((len(tracks), len(detections)), np.inf)
        rows = [row for row, track in enumerate(tracks) if track.misses == 0]
        if not rows or not len(detections) or before is None:
            return cost
        seen = tuple(tracks[row] for row in rows)
        last = np.array([track.box for track in seen])
        limits = tuple(1 - threshold for threshold in settings.mask_threshold)
        if settings.association == "head":
            limits = settings.distance_threshold
            distance = nearest([track.memory.vectors[-1:] for track in seen], observation.features)
        elif settings.association == "centre":
            limits = settings.centre_threshold
            step = boxes.centres(last)[:, None] - boxes.centres(detections.boxes)
            distance = np.linalg.norm(step, axis=2)
        elif before.letterbox != now.letterbox:
            # Nothing flows from one view into another.
            distance = 1 - boxes.iou(last, detections.boxes)
        elif settings.association == "box" or detections.masks is None:
            distance = 1 - box_propagation(last, detections.boxes, before, now)
        else:
            earlier = np.array([track.memory.mask for track in seen])
            later = np.array([memory.mask for memory in memories])
            distance = 1 - mask_propagation(earlier, later, before, now)
        cost[rows] = _cost(distance, limits, seen, detections.labels)
        return cost


def mask_propagation(earlier: Masks, later: Masks, before: View, now: View) -> NDArray[Any]:
    """Equation 5: the overlap [T, N] of masks [T, h, w], warped by flow, with masks [N, h, w]."""
    return mask_overlap.iou(warped_masks(earlier, optical_flow(now, before)), later)


def box_propagation(
    earlier: NDArray[Any], later: NDArray[Any], before: View, now: View
) -> NDArray[Any]:
    """The same for boxes [T, 4] and [N, 4] in image pixels, moved by the median flow inside."""
    in_view = before.letterbox.image_to_input(earlier)
    moved = shifted_boxes(in_view, optical_flow(before, now))
    return boxes.iou(now.letterbox.input_to_image(moved), later)


def nearest(galleries: Sequence[FloatArray], vectors: FloatArray) -> NDArray[Any]:
    """How far each gallery's [K, D] nearest vector is from each of ``vectors`` [N, D]: [T, N]."""
    if not galleries:
        return np.zeros((0, len(vectors)), np.float32)
    known = np.concatenate(galleries)
    squared = (known**2).sum(1)[:, None] + (vectors**2).sum(1) - 2 * known @ vectors.T
    starts = np.cumsum([0, *(len(gallery) for gallery in galleries[:-1])])
    return np.sqrt(np.maximum(np.minimum.reduceat(squared, starts, axis=0), 0))


def _memories(observation: Observation[FloatArray], view: View) -> list[Memory]:
    """What each detection alone is known by."""
    masks: Any = observation.detections.masks
    if masks is None:
        masks = [None] * len(observation.detections)
    else:
        masks = masks_in_view(np.asarray(masks), view)
    vectors = observation.features[:, None]
    return [Memory(mask, vector) for mask, vector in zip(masks, vectors, strict=True)]


def _cost(
    distance: NDArray[Any], limits: Sequence[float], tracks: tuple[Track, ...], labels: IntArray
) -> NDArray[Any]:
    """``distance`` [T, N], infinite from its class's limit on and between two classes."""
    same_class = np.equal.outer(np.array([track.label for track in tracks]), labels)
    return np.where(same_class & (distance < _of_class(limits, labels)), distance, np.inf)


def _of_class(values: Sequence[float], labels: IntArray) -> NDArray[Any]:
    """The value of every label; the last one holds for all further classes."""
    return np.array(values)[np.minimum(labels, len(values) - 1)]


def _expected(tracks: tuple[Track, ...]) -> NDArray[Any]:
    """The boxes [T, 4] where motion filters expect tracks."""
    return kalman.box_of(means_of(tracks))
