"""From a camera's messages to the tracker's, in a thread of its own."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from contextlib import ExitStack

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mots_ros.build import reconfigure
from mots_ros.core.types import Frame, TrackedFrame
from mots_ros.data.image_messages import Convert, ImageError
from mots_ros.pipeline import Pipeline
from mots_ros.ros import convert
from mots_ros.ros.camera_subscription import CameraSubscription
from mots_ros.ros.diagnostics import Health
from mots_ros.ros.interface import camera_info_of, newest
from mots_ros.ros.mailbox import Mailbox
from mots_ros.ros.output import Output
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
        self._live = live
        self._config = live.current
        self._health = health
        self._to_rgb = to_rgb
        self._mailbox: Mailbox[tuple[float, Image | CompressedImage]] = Mailbox()
        self._reset_wanted = threading.Event()
        self._waiting: deque[tuple[float, Frame]] = deque()
        self._stamp_ns: int | None = None

        with ExitStack() as undo:
            self._output = Output(node, pipeline.detector.class_names, health, self._explain)
            undo.callback(self._output.close)
            self._output.overlay_opacity = self._config.node.overlay_opacity
            compressed = self._config.node.image_transport == "compressed"
            self._camera = CameraSubscription(
                node, CompressedImage if compressed else Image, "image", self._receive
            )
            undo.callback(self._camera.close)
            self._infos = node.create_subscription(
                CameraInfo,
                camera_info_of(self._camera.topic),
                self._output.calibrate,
                # Which hears cameras that offer more, too.
                newest(ReliabilityPolicy.BEST_EFFORT),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
            undo.pop_all()
        node.get_logger().info(
            f"Tracking {', '.join(pipeline.detector.class_names)} in {self._camera.topic} "
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
        if not self._thread.is_alive():
            self._output.close()
        return not self._thread.is_alive()

    def reset(self) -> None:
        """Forget all tracks before the next frame."""
        self._reset_wanted.set()

    def _receive(self, message: Image | CompressedImage) -> None:
        self._health.received()
        if self._mailbox.put((time.monotonic(), message)):
            self._health.dropped()

    def _work(self) -> None:
        """Process messages until the mailbox is closed, and what waits then; nothing in a message
        may end this."""
        last = False
        while not last:
            last = self._mailbox.closed
            mail = self._mailbox.take(_PAUSE_S if self._waiting else None)
            try:
                if mail is not None:
                    arrived, message = mail
                    frame = convert.to_frame(message, self._camera.topic, self._to_rgb)
                    self._waiting.append((arrived, frame))
                self._follow_wishes()
                if mail is not None:
                    self._see_time(frame.stamp_ns)
                    self._publish(self._pipeline.step(frame))
                else:
                    self._publish(self._pipeline.finish())
                    self._waiting.clear()
            except ImageError as error:
                self._health.bad(error.reason, str(error))
                self._node.get_logger().warning(str(error), throttle_duration_sec=_QUIET_S)
            except Exception as error:
                # What waits for later frames may be what fails, and would do so again.
                self._explain(error, frames=max(1, len(self._waiting)))
                self._pipeline.detector.forget()
                self._waiting.clear()

    def _see_time(self, stamp_ns: int) -> None:
        """Without time between them, frames count as neighbours, however long that was."""
        if stamp_ns == self._stamp_ns:
            self._health.repeated_stamp()
            self._node.get_logger().warning(
                f"{self._camera.topic}: images with the same stamp, {stamp_ns / 1e9:.3f} s; "
                "expected the time at which each was taken",
                throttle_duration_sec=_QUIET_S,
            )
        self._stamp_ns = stamp_ns

    def _publish(self, finished: list[TrackedFrame]) -> None:
        """What the pipeline has finished, as messages; a tracker that looks ahead answers later."""
        for tracked in finished:
            arrived, frame = self._waiting.popleft()
            self._output.publish(frame, tracked, arrived)

    def _follow_wishes(self) -> None:
        """Bring what was asked for since the last frame into the pipeline."""
        config = self._live.current
        if config is not self._config:
            self._config = config
            self._output.overlay_opacity = config.node.overlay_opacity
            tracker = self._pipeline.tracker
            self._publish(reconfigure(self._pipeline, config))
            if self._pipeline.tracker is not tracker:
                self._output.forget()  # Ids begin anew.
        if self._reset_wanted.is_set():
            self._publish(self._pipeline.finish())
            self._pipeline.reset()
            self._output.forget()
            self._reset_wanted.clear()

    def _explain(self, error: Exception, frames: int = 1) -> None:
        """Count and log frames that could not be processed; what fails in a new place, with its
        traceback."""
        if self._mailbox.closed or not self._node.context.ok():
            return  # Told to stop while a frame was in work.
        what = f"{type(error).__name__}: {error}"
        where = f"{type(error).__name__} {traceback.extract_tb(error.__traceback__)[-1:]}"
        log = self._node.get_logger()
        if self._health.failed(what, where, frames):
            log.error(f"Frame skipped: {''.join(traceback.format_exception(error))}")
        else:
            log.error(f"Frame skipped: {what}", throttle_duration_sec=_QUIET_S)
