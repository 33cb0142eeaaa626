"""SiamMOT: a motion model says where every object went and whether it is still to be seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mots_ros.config import TrackerConfig
from mots_ros.core import assignment, boxes
from mots_ros.core.assignment import Matches
from mots_ros.core.costs import matching_cost
from mots_ros.core.track_book import TrackBook
from mots_ros.core.types import (
    Detections,
    FloatArray,
    IntArray,
    Observation,
    Track,
    TrackedDetections,
)
from mots_ros.nets.siammot import SiamMOTFeatures, SiamMOTHead, Templates


class SiamMOTTracker:
    """The online solver (paper, section 3.4).

    A track goes on while it is visible: the mean of what its motion model and the detector think of
    the model's box, as in the paper's program. It takes the detection that this box overlaps, which
    stands for the program's refinement by the detection network; where there is none, the box goes
    on as a detection of its own. What is not seen stays in memory with its
    last template and box and is searched for until it has missed more than ``max_misses`` (tau).
    Detections that overlap a visible track start no other.

    A track's memory is its ``Templates``. ``config`` may be replaced between two steps; the tracks
    stay.
    """

    def __init__(self, config: TrackerConfig, head: SiamMOTHead) -> None:
        self.config = config
        self._head = head
        self._book = TrackBook()

    def step(self, observation: Observation[SiamMOTFeatures]) -> TrackedDetections:
        """See ``Tracker.step``."""
        detections, settings = observation.detections, self.config.siammot
        tracks = self._book.predict(observation.frame.stamp_ns, self.config)
        labels = np.array([track.label for track in tracks], np.int64)
        found, visibility = self._follow(tracks, observation)
        strongest = boxes.strongest(
            detections.boxes, detections.scores, detections.labels, settings.nms_overlap
        )
        affinity = boxes.iou(found, detections.boxes) * strongest
        cost = matching_cost(affinity, labels, detections.labels, settings.overlap)
        detected = (np.isfinite(cost) * detections.scores).max(axis=1, initial=0)
        confidence = np.maximum(detected, _heat_at(found, labels, observation))
        visibility = (visibility + confidence) / 2
        visible = self._visible(found, visibility, labels, observation)
        cost[~visible] = np.inf
        matches = assignment.METHODS[self.config.assignment](cost)
        undetected = matches.unmatched_rows[visible[matches.unmatched_rows]]
        may_start = strongest & ~np.isfinite(cost).any(axis=0)
        own = self._detected_by_motion(
            found[undetected], visibility[undetected], labels[undetected], observation
        )
        return self._book.advance(
            _joined(detections, own),
            _extended(matches, undetected, may_start),
            self.config,
            [*observation.features.templates.unbind(), *self._templates(own, observation)],
            observation.frame.public,
        )

    def reset(self) -> None:
        """See ``Tracker.reset``."""
        self._book.clear()

    def _follow(
        self, tracks: tuple[Track, ...], observation: Observation[SiamMOTFeatures]
    ) -> tuple[FloatArray, FloatArray]:
        """The motion model's box [T, 4] in image pixels and visibility [T] of every track."""
        if not tracks:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        settings, shared = self.config.siammot, observation.features.shared
        starts = np.array([track.box for track in tracks], np.float32)
        if settings.search_centre == "filter":
            centres = np.array([track.mean[:2] for track in tracks], np.float32)
            starts += np.tile(centres - boxes.centres(starts), 2)
        with torch.inference_mode():
            found, visibility = self._head.follow(
                shared,
                Templates.cat([track.memory for track in tracks]),
                torch.from_numpy(observation.letterbox.image_to_map(starts)).to(shared),
                settings.motion,
                settings.window_weight,
            )
        return observation.letterbox.map_to_image(found.cpu().numpy()), visibility.cpu().numpy()

    def _visible(
        self,
        found: FloatArray,
        visibility: FloatArray,
        labels: IntArray,
        observation: Observation[SiamMOTFeatures],
    ) -> NDArray[np.bool_]:
        """Which tracks [T] go on: seen, centred in the image and in the part of it that the network
        sees, and no better one is there."""
        centres, letterbox = boxes.centres(found), observation.letterbox
        visible = (
            (visibility > self.config.siammot.alpha)
            & _within(centres, letterbox.image_size)
            & _within(letterbox.image_to_map(centres), letterbox.map_size)
        )
        visible[visible] = boxes.strongest(
            found[visible],
            visibility[visible],
            labels[visible],
            self.config.siammot.nms_overlap,
        )
        return visible

    def _detected_by_motion(
        self,
        found: FloatArray,
        visibility: FloatArray,
        labels: IntArray,
        observation: Observation[SiamMOTFeatures],
    ) -> Detections:
        """What the motion model alone sees, with the masks of whatever is centred there."""
        masks_at, masks = observation.features.masks_at, None
        if masks_at is not None:
            centres = observation.letterbox.image_to_map(boxes.centres(found))
            masks = masks_at(centres.astype(np.int64), found)
        return Detections(found, visibility, labels, masks)

    def _templates(
        self, detections: Detections, observation: Observation[SiamMOTFeatures]
    ) -> list[Templates]:
        shared = observation.features.shared
        in_map = torch.from_numpy(observation.letterbox.image_to_map(detections.boxes))
        with torch.inference_mode():
            return self._head.templates(shared, in_map.to(shared)).unbind()


def _within(points: NDArray[Any], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which points [N, 2] (x, y) lie in an image or map of this height and width."""
    x, y = points.T
    inside: NDArray[np.bool_] = (x >= 0) & (y >= 0) & (x < size[1]) & (y < size[0])
    return inside


def _heat_at(
    found: FloatArray, labels: IntArray, observation: Observation[SiamMOTFeatures]
) -> FloatArray:
    """How sure the detector is [T] of objects of these classes in the middle of these boxes."""
    heat = observation.features.heat.cpu().numpy()
    centres = observation.letterbox.image_to_map(boxes.centres(found))
    x, y = np.clip(centres, 0, np.array(heat.shape[:0:-1]) - 1).astype(np.int64).T
    there: FloatArray = heat[labels, y, x]
    return there


def _joined(detections: Detections, others: Detections) -> Detections:
    """First the detections, then the others."""
    if not len(others):
        # Masks may stay on a GPU.
        return detections
    masks, more = detections.masks, others.masks
    if masks is None or more is None:
        masks = None
    elif isinstance(masks, np.ndarray):
        masks = np.concatenate([masks, np.asarray(more)])
    else:
        masks = masks.joined(more)
    return Detections(
        np.concatenate([detections.boxes, others.boxes]),
        np.concatenate([detections.scores, others.scores]),
        np.concatenate([detections.labels, others.labels]),
        masks,
    )


def _extended(matches: Matches, undetected: IntArray, may_start: NDArray[np.bool_]) -> Matches:
    """``undetected`` tracks take what follows the N detections, of which only those that
    ``may_start`` [N] tracks are left over."""
    own = len(may_start) + np.arange(len(undetected))
    return Matches(
        np.concatenate([matches.pairs, np.stack([undetected, own], axis=1)]),
        np.setdiff1d(matches.unmatched_rows, undetected),
        matches.unmatched_cols[may_start[matches.unmatched_cols]],
    )
