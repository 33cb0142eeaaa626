"""From a camera image to tracked, segmented objects; knows nothing of ROS."""

from __future__ import annotations

from typing import Any, Protocol

from mots_ros.config import DetectorConfig
from mots_ros.core.masks import compose_label_image
from mots_ros.core.types import Frame, Observation, TrackedFrame
from mots_ros.trackers.base import Tracker


class Detector(Protocol):
    """Finds objects in one frame.

    ``device`` says where it computes. ``config`` may be replaced between two frames. Between
    ``sleep`` and ``wake`` it keeps no memory of a GPU.
    """

    class_names: tuple[str, ...]
    device: str
    config: DetectorConfig

    def __call__(self, frame: Frame) -> Observation[Any]: ...

    def sleep(self) -> None: ...

    def wake(self) -> None: ...


class Pipeline:
    """A detector and a tracker, applied frame by frame.

    A stamp that jumps back (a looping bag) resets the tracker, for its filters cannot run
    backwards.
    """

    def __init__(self, detector: Detector, tracker: Tracker) -> None:
        self.detector = detector
        self.tracker = tracker
        self._last_stamp_ns: int | None = None

    def step(self, frame: Frame) -> TrackedFrame:
        """Process one frame; frames must come in the order of their stamps."""
        if self._last_stamp_ns is not None and frame.stamp_ns < self._last_stamp_ns:
            self.reset()
        self._last_stamp_ns = frame.stamp_ns
        observation = self.detector(frame)
        tracked = self.tracker.step(observation)
        label_image = compose_label_image(
            tracked.detections, tracked.ids, observation.letterbox, frame.size
        )
        return TrackedFrame(
            frame.stamp_ns, frame.frame_id, tracked.ids, tracked.detections, label_image
        )

    def sleep(self) -> None:
        """Forget all tracks, and keep no memory of a GPU until ``wake``."""
        self.reset()
        self.detector.sleep()

    def wake(self) -> None:
        """Be ready for the first frame."""
        self.detector.wake()

    def reset(self) -> None:
        """Forget all tracks and the time."""
        self.tracker.reset()
        self._last_stamp_ns = None
