"""Where tracked objects came from."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from mots_ros.core.types import TrackedFrame

LENGTH = 30
"""Frames that a trail reaches back; one that is not seen for so long is forgotten."""


class Trails:
    """The last foot points of every object: the middle of its box's lower edge."""

    def __init__(self) -> None:
        self._frame = self._stamp_ns = 0
        self._points: dict[int, deque[tuple[int, float, float]]] = {}

    def add(self, tracked: TrackedFrame) -> None:
        """Take in the next frame; one from before the last begins anew."""
        if tracked.stamp_ns < self._stamp_ns:
            self.clear()
        self._stamp_ns = tracked.stamp_ns
        self._frame += 1
        boxes = tracked.detections.boxes.tolist()
        for track_id, (x1, _, x2, y2) in zip(tracked.ids.tolist(), boxes, strict=True):
            self._points.setdefault(track_id, deque()).append((self._frame, (x1 + x2) / 2, y2))
        for track_id, points in list(self._points.items()):
            while points and points[0][0] <= self._frame - LENGTH:
                points.popleft()
            if not points:
                del self._points[track_id]

    def clear(self) -> None:
        """Forget everything."""
        self._points.clear()

    def lines(self) -> dict[int, NDArray[np.float64]]:
        """Points [N, 2] (x, y in image pixels) by track id, the oldest first, N at least 2."""
        return {
            track_id: np.array(points)[:, 1:]
            for track_id, points in self._points.items()
            if len(points) > 1
        }
