"""From a camera's messages to the tracker's, in a thread of its own."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque

from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from vision_msgs.msg import Detection2DArray
from visualization_msgs.msg import MarkerArray

from mots_ros.build import reconfigure
from mots_ros.core.types import Frame, TrackedFrame
from mots_ros.data.image_messages import Convert, ImageError
from mots_ros.evaluation.overlay import draw
from mots_ros.evaluation.trails import Trails
from mots_ros.pipeline import Pipeline
from mots_ros.ros import convert
from mots_ros.ros.camera_subscription import CameraSubscription
from mots_ros.ros.diagnostics import Health
from mots_ros.ros.interface import QUEUE
from mots_ros.ros.mailbox import Mailbox
from mots_ros.ros.markers import is_calibrated, to_markers
from mots_ros.ros.parameters import LiveConfig

_QUIET_S = 5.0
_PAUSE_S = 1.0
"""After so long without an image, those that wait for later ones wait no longer."""


class Worker:
    """Tracks the objects in the images of one camera, from its making until ``close``.

    The subscription only leaves its message in a mailbox; one thread takes the newest and processes
    it, so parameters, diagnostics and shutdown never wait for a frame, and a slow machine drops
    frames instead of falling behind.
    """

    def __init__(
        self,
        node: LifecycleNode,
        pipeline: Pipeline,
        to_rgb: Convert,
        live: LiveConfig,
        health: Health,
    ) -> None:
        self._node = node
        self._pipeline = pipeline
        self._class_names = pipeline.detector.class_names
        self._live = live
        self._config = live.current
        self._health = health
        self._to_rgb = to_rgb
        self._mailbox: Mailbox[tuple[float, Image | CompressedImage]] = Mailbox()
        self._reset_wanted = threading.Event()
        self._waiting: deque[tuple[float, Frame]] = deque()

        self._detections = self._publisher(Detection2DArray, "~/detections")
        self._masks = self._publisher(Image, "~/masks")
        self._overlay = self._publisher(Image, "~/overlay")
        self._markers = self._publisher(MarkerArray, "~/markers")
        self._trails = Trails()
        self._calibration: CameraInfo | None = None
        compressed = self._config.node.image_transport == "compressed"
        self._camera = CameraSubscription(
            node, CompressedImage if compressed else Image, "image", self._receive
        )
        self._infos = node.create_subscription(
            CameraInfo, f"{self._camera.topic.rpartition('/')[0]}/camera_info", self._calibrate, 1
        )
        node.get_logger().info(
            f"Tracking {', '.join(self._class_names)} in {self._camera.topic} "
            f"on {pipeline.detector.device}"
        )
        self._thread = threading.Thread(target=self._work, name="pipeline", daemon=True)
        self._thread.start()

    def close(self, patience_s: float | None = None) -> bool:
        """Stop listening and publishing when the frame in work is finished.

        After ``patience_s`` seconds it is abandoned. Returns whether it was finished.
        """
        self._mailbox.close()
        self._thread.join(patience_s)
        self._camera.close()
        self._node.destroy_subscription(self._infos)
        for publisher in (self._detections, self._masks, self._overlay, self._markers):
            self._node.destroy_publisher(publisher)
        return not self._thread.is_alive()

    def reset(self) -> None:
        """Forget all tracks before the next frame."""
        self._reset_wanted.set()

    def _publisher(self, message_type: type, topic: str) -> Publisher:
        overriding = QoSOverridingOptions.with_default_policies()
        return self._node.create_publisher(
            message_type, topic, QUEUE, qos_overriding_options=overriding
        )

    def _receive(self, message: Image | CompressedImage) -> None:
        self._health.received()
        if self._mailbox.put((time.monotonic(), message)):
            self._health.dropped()

    def _work(self) -> None:
        """Process messages until the mailbox is closed; nothing in a message may end this."""
        while not self._mailbox.closed:
            mail = self._mailbox.take(_PAUSE_S if self._waiting else None)
            try:
                self._publish(self._follow_wishes())
                if mail is None:
                    self._publish(self._pipeline.finish())
                    self._waiting.clear()
                else:
                    arrived, message = mail
                    frame = convert.to_frame(message, self._camera.topic, self._to_rgb)
                    self._waiting.append((arrived, frame))
                    self._publish(self._pipeline.step(frame))
            except ImageError as error:
                self._health.bad(error.reason, str(error))
                self._node.get_logger().warning(str(error), throttle_duration_sec=_QUIET_S)
            except Exception as error:
                if self._mailbox.closed or not self._node.context.ok():
                    return  # Told to stop while a frame was in work.
                self._explain(error)

    def _publish(self, finished: list[TrackedFrame]) -> None:
        """What the pipeline has finished, as messages; a tracker that looks ahead answers later."""
        for tracked in finished:
            arrived, frame = self._waiting.popleft()
            while frame.stamp_ns != tracked.stamp_ns:  # Those before it have failed.
                arrived, frame = self._waiting.popleft()
            detections, masks = convert.to_messages(tracked, self._class_names)
            self._detections.publish(detections)
            self._masks.publish(masks)
            self._show(frame, tracked)
            self._health.processed(time.monotonic() - arrived, len(tracked.ids))

    def _calibrate(self, info: CameraInfo) -> None:
        if is_calibrated(info):
            self._calibration = info

    def _show(self, frame: Frame, tracked: TrackedFrame) -> None:
        """What people look at; made only while somebody does."""
        overlay, markers = (p.get_subscription_count() for p in (self._overlay, self._markers))
        if not (overlay or markers):
            self._trails.clear()
            return
        self._trails.add(tracked)
        if overlay:
            opacity = self._config.node.overlay_opacity
            picture = draw(frame.image, tracked, self._class_names, opacity, self._trails)
            self._overlay.publish(convert.to_rgb_message(tracked, picture))
        if markers and self._calibration is not None:
            names, info = self._class_names, self._calibration
            self._markers.publish(to_markers(tracked, names, self._trails, info))

    def _follow_wishes(self) -> list[TrackedFrame]:
        """Bring what was asked for since the last frame into the pipeline.

        Returns the frames that are finished by it.
        """
        finished = []
        config = self._live.current
        if config is not self._config:
            self._config = config
            finished = reconfigure(self._pipeline, config)
        if self._reset_wanted.is_set():
            self._reset_wanted.clear()
            finished += self._pipeline.finish()
            self._trails.clear()
            self._pipeline.reset()
        return finished

    def _explain(self, error: Exception) -> None:
        """Count and log a frame that could not be processed, the first time with its traceback."""
        what = f"{type(error).__name__}: {error}"
        if self._health.failed(what):
            what = "".join(traceback.format_exception(error))
        self._node.get_logger().error(f"Frame skipped: {what}", throttle_duration_sec=_QUIET_S)
