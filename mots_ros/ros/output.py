"""What the tracker publishes, while the next frame is already in the network."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, Image
from vision_msgs.msg import Detection2DArray
from visualization_msgs.msg import MarkerArray

from mots_ros.core.types import Frame, TrackedFrame
from mots_ros.evaluation.overlay import draw
from mots_ros.evaluation.trails import Trails
from mots_ros.ros import convert
from mots_ros.ros.diagnostics import Health
from mots_ros.ros.interface import QUEUE, publisher
from mots_ros.ros.markers import is_calibrated, to_markers


class Output:
    """The topics of one camera's tracker.

    ``overlay_opacity`` is that of the masks in the overlay.
    """

    def __init__(
        self,
        node: LifecycleNode,
        class_names: tuple[str, ...],
        health: Health,
        failed: Callable[[Exception], None],
    ) -> None:
        """``failed`` is told why a frame could not be published, in the thread that does it."""
        self._node = node
        self._class_names = class_names
        self._health = health
        self._failed = failed
        self.overlay_opacity = 1.0
        self._detections = publisher(node, Detection2DArray, "~/detections", QUEUE)
        self._masks = publisher(node, Image, "~/masks", QUEUE)
        self._overlay = publisher(node, Image, "~/overlay", QUEUE)
        self._markers = publisher(node, MarkerArray, "~/markers", QUEUE)
        self._message = convert.DetectionsMessage(class_names)
        self._trails = Trails()
        self._calibration: CameraInfo | None = None
        self._thread = ThreadPoolExecutor(1, "publish")
        self._last: Future[None] | None = None

    def publish(self, frame: Frame, tracked: TrackedFrame, arrived: float) -> None:
        """Let a frame's messages go out, when those of the one before are out.

        ``arrived`` is when its image came (time.monotonic).
        """
        self._do(lambda: self._publish(frame, tracked, arrived))

    def forget(self) -> None:
        """Tracks that come later have nothing to do with those before."""
        self._do(self._trails.clear)

    def calibrate(self, info: CameraInfo) -> None:
        """Take in how the camera sees, where the message says it."""
        if is_calibrated(info):
            self._calibration = info

    def close(self) -> None:
        """Stop publishing when what was asked for is out."""
        self._thread.shutdown()
        for each in (self._detections, self._masks, self._overlay, self._markers):
            self._node.destroy_publisher(each)

    def _do(self, work: Callable[[], None]) -> None:
        if self._last is not None:
            self._last.result()
        self._last = self._thread.submit(work)

    def _publish(self, frame: Frame, tracked: TrackedFrame, arrived: float) -> None:
        try:
            if self._detections.get_subscription_count():
                self._detections.publish(self._message.of(tracked))
            # They are composed only now, and only if somebody listens.
            if self._masks.get_subscription_count():
                self._masks.publish(convert.to_masks_message(tracked))
            self._show(frame, tracked)
        except Exception as error:
            self._failed(error)
        else:
            self._health.processed(time.monotonic() - arrived, len(tracked.ids))

    def _show(self, frame: Frame, tracked: TrackedFrame) -> None:
        """What people look at; made only while somebody does."""
        overlay, markers = (p.get_subscription_count() for p in (self._overlay, self._markers))
        if not (overlay or markers):
            self._trails.clear()
            return
        self._trails.add(tracked)
        names = self._class_names
        if overlay:
            picture = draw(frame.image, tracked, names, self.overlay_opacity, self._trails)
            self._overlay.publish(convert.to_rgb_message(tracked, picture))
        if markers and self._calibration is not None:
            self._markers.publish(to_markers(tracked, names, self._trails, self._calibration))
