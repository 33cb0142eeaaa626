"""Trackers of other packages (requirements/peers.txt), each at its documented defaults.

Three things are set: the frame rate; the overlap where a package has no default for it; and the
number of detections until a track is reported, which is as small as the package allows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from importlib import metadata
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mots_ros.core.types import Observation
from mots_ros.evaluation.errors import EvaluationError

INSTALL = ".venv/bin/python -m pip install --no-deps -r requirements/peers.txt"

PACKAGES = {
    "trackers-sort": "trackers",
    "trackers-bytetrack": "trackers",
    "trackers-ocsort": "trackers",
    "norfair": "norfair-enough",
}
"""The distribution that each comes from."""

_NORFAIR_DISTANCE = 0.7
"""What norfair's own programs use for boxes: an overlap of more than 0.3."""


class Peer(Protocol):
    """A foreign tracker, which knows no classes."""

    def step(self, boxes: NDArray[Any], scores: NDArray[Any]) -> Sequence[Hashable]:
        """A name for each of the boxes [N, 4] (x1, y1, x2, y2 in image pixels) with scores [N]."""


def makers(frame_rate: float) -> dict[str, Callable[[], Peer]]:
    """How to make each of PACKAGES; ``frame_rate`` in Hz."""
    return {
        "trackers-sort": lambda: OfTrackers("SORTTracker", frame_rate),
        "trackers-bytetrack": lambda: OfTrackers("ByteTrackTracker", frame_rate),
        "trackers-ocsort": lambda: OfTrackers("OCSORTTracker", frame_rate),
        "norfair": Norfair,
    }


def versions(names: Sequence[str] | None) -> dict[str, str]:
    """The versions of the peers that are asked for, by name; of all that are there for None.

    Raises EvaluationError where one that is asked for is not installed.
    """
    found = {}
    for name in PACKAGES if names is None else names:
        try:
            found[name] = metadata.version(PACKAGES[name])
        except metadata.PackageNotFoundError:
            if names is not None:
                raise EvaluationError(
                    f"{name} needs {PACKAGES[name]}, which is not installed: {INSTALL}"
                ) from None
    return found


class PerClass:
    """A linker: one foreign tracker for each class, so that no car is taken for a pedestrian."""

    def __init__(self, make: Callable[[], Peer], classes: int) -> None:
        self._peers = [make() for _ in range(classes)]

    def step(self, observation: Observation[Any]) -> Sequence[Hashable]:
        """A name for every detection."""
        seen = observation.detections
        names: dict[int, Hashable] = {}
        for label, peer in enumerate(self._peers):
            index = np.flatnonzero(seen.labels == label)
            given = peer.step(seen.boxes[index], seen.scores[index])
            names.update(zip(index.tolist(), [(label, name) for name in given], strict=True))
        return [names[index] for index in range(len(seen))]


class OfTrackers:
    """A tracker of Roboflow's ``trackers``.

    However short the confirmation, it withholds a track's id from the first detection. The track
    itself is there from then on, so it is the name.
    """

    def __init__(self, kind: str, frame_rate: float) -> None:
        import supervision
        import trackers

        self._detections = supervision.Detections
        self._tracker = getattr(trackers, kind)(frame_rate=frame_rate, minimum_consecutive_frames=1)

    def step(self, boxes: NDArray[Any], scores: NDArray[Any]) -> Sequence[Hashable]:
        """See ``Peer.step``."""
        places = np.arange(len(boxes))
        before = set(self._tracker.tracks)
        answer = self._tracker.update(
            self._detections(xyxy=boxes, confidence=scores, data={"place": places})
        )
        places, ids = answer.data.get("place", places[:0]), answer.tracker_id
        by_id = {track.tracker_id: track for track in self._tracker.tracks}
        names = {place: by_id[of] for place, of in zip(places, ids, strict=True) if of != -1}
        # Tracks are born in the order in which the detections that nobody took are answered.
        born = [track for track in self._tracker.tracks if track not in before]
        names.update(zip(places[ids == -1], born, strict=True))
        return [names[place] for place in range(len(boxes))]


class Norfair:
    """norfair, in its maintained continuation norfair-enough."""

    def __init__(self) -> None:
        import norfair

        # It warns whenever one of its own predictions is inside out.
        logging.getLogger("norfair").setLevel(logging.ERROR)
        self._detection = norfair.Detection
        self._tracker = norfair.Tracker(
            distance_function="iou", distance_threshold=_NORFAIR_DISTANCE, initialization_delay=0
        )
        self._frame = 0

    def step(self, boxes: NDArray[Any], scores: NDArray[Any]) -> Sequence[Hashable]:
        """See ``Peer.step``."""
        self._frame += 1
        objects = self._tracker.update(
            [
                self._detection(box.reshape(2, 2), float(score), data=(self._frame, place))
                for place, (box, score) in enumerate(zip(boxes, scores, strict=True))
            ]
        )
        last = [(*item.last_detection.data, item.id) for item in objects]
        names = {place: name for frame, place, name in last if frame == self._frame}
        return [names[place] for place in range(len(boxes))]
