"""From a camera image to tracked, segmented objects; knows nothing of ROS."""

from __future__ import annotations

import gc
from functools import partial
from typing import Any, Protocol

from mots_ros.config import DetectorConfig
from mots_ros.core.masks import compose_label_image
from mots_ros.core.types import Frame, Observation, TrackedFrame
from mots_ros.trackers.base import Tracker


class Detector(Protocol):
    """Finds objects in one frame.

    ``device`` says where it computes; ``runner`` is the network beside which a head is built.
    ``config`` may be replaced between two frames. Between ``sleep`` and ``wake`` it keeps no memory
    of a GPU. What it does for a tracker may need later frames: then it answers that much later,
    ``finish`` brings what still waits at a drive's end, and ``forget`` drops it. ``head`` reads for
    the tracker; another one forgets.
    """

    class_names: tuple[str, ...]
    device: str
    runner: Any
    config: DetectorConfig
    head: Any

    def __call__(self, frame: Frame) -> list[Observation[Any]]: ...

    def finish(self) -> list[Observation[Any]]: ...

    def forget(self) -> None: ...

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

    def step(self, frame: Frame) -> list[TrackedFrame]:
        """Process one frame; frames must come in the order of their stamps.

        Returns what is finished now: this frame or, where the tracker looks ahead, an earlier one,
        none at first.
        """
        finished = []
        if self._last_stamp_ns is not None and frame.stamp_ns < self._last_stamp_ns:
            finished = self.finish()
            self.reset()
        self._last_stamp_ns = frame.stamp_ns
        return finished + [self._tracked(seen) for seen in self.detector(frame)]

    def finish(self) -> list[TrackedFrame]:
        """The frames that still waited for later ones, at the end of a drive."""
        return [self._tracked(seen) for seen in self.detector.finish()]

    def exchange(self, tracker: Tracker, head: Any) -> list[TrackedFrame]:
        """Go on with another tracker, from the next frame on.

        Returns the frames that the one of before still had to finish.
        """
        finished = self.finish()
        self.detector.head, self.tracker = head, tracker
        return finished

    def sleep(self) -> None:
        """Forget all tracks, and keep no memory of a GPU until ``wake``."""
        self.reset()
        self.detector.sleep()
        gc.unfreeze()

    def wake(self) -> None:
        """Be ready for the first frame."""
        self.detector.wake()
        # Python would look through all that torch and ROS consist of for garbage, every few
        # seconds, and a frame would take 50 ms longer.
        gc.collect()
        gc.freeze()

    def reset(self) -> None:
        """Forget all tracks, the time, and the frames that wait for later ones."""
        self.detector.forget()
        self.tracker.reset()
        self._last_stamp_ns = None

    def _tracked(self, observation: Observation[Any]) -> TrackedFrame:
        frame = observation.frame
        tracked = self.tracker.step(observation)
        paint = partial(
            compose_label_image,
            tracked.detections,
            tracked.ids,
            observation.letterbox,
            frame.size,
            tracked.precedence,
        )
        return TrackedFrame(
            frame.stamp_ns,
            frame.frame_id,
            tracked.ids,
            tracked.detections,
            paint,
            tracked.embeddings,
        )
