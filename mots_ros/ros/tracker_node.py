"""The node: camera images in, tracked detections and masks out."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.logging import get_logger
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from vision_msgs.msg import Detection2DArray, LabelInfo, VisionClass

from mots_ros.build import build_pipeline, reconfigure
from mots_ros.config import Config, ConfigError
from mots_ros.core.types import Frame, TrackedFrame
from mots_ros.data.image_messages import ImageError
from mots_ros.evaluation.overlay import draw
from mots_ros.pipeline import Pipeline
from mots_ros.ros import convert, parameters
from mots_ros.ros.camera_subscription import CameraSubscription
from mots_ros.ros.diagnostics import Health
from mots_ros.ros.image_converter import image_converter
from mots_ros.ros.interface import LATCHED, QUEUE, TRACKER
from mots_ros.ros.mailbox import Mailbox
from mots_ros.ros.session import ros_session, until_interrupted

_QUIET_S = 5.0


class TrackerNode(Node):
    """Tracks the objects in the images of one camera.

    The subscription only leaves its message in a mailbox; one worker thread takes the newest and
    processes it, so parameters, diagnostics and shutdown never wait for a frame, and a slow
    machine drops frames instead of falling behind.
    """

    def __init__(self, build: Callable[[Config], Pipeline] = build_pipeline) -> None:
        """Declare the parameters and make the pipeline with ``build``.

        Raises:
            ValueError: a parameter or the weights file is wrong; the message says which and why.
        """
        super().__init__(TRACKER, automatically_declare_parameters_from_overrides=True)
        self._config = parameters.declare(self)
        self._pipeline = build(self._config)
        self._class_names = self._pipeline.detector.class_names
        self._warm_up()
        self._to_rgb = image_converter(self.get_logger())
        self._health = Health(self._pipeline.detector.device)
        self._mailbox: Mailbox[tuple[float, Image | CompressedImage]] = Mailbox()

        self._detections = self.create_publisher(Detection2DArray, "~/detections", QUEUE)
        self._masks = self.create_publisher(Image, "~/masks", QUEUE)
        self._overlay = self.create_publisher(Image, "~/overlay", QUEUE)
        self._label_info = self.create_publisher(LabelInfo, "~/label_info", LATCHED)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", QUEUE)
        self._publish_label_info(self._config)
        self._live = parameters.LiveConfig(self, self._config, self._publish_label_info)

        compressed = self._config.node.image_transport == "compressed"
        self._camera = CameraSubscription(
            self, CompressedImage if compressed else Image, "image", self._receive
        )
        # Diagnostics keep coming while simulated time stands still.
        self.create_timer(1.0, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(
            f"Tracking {', '.join(self._class_names)} in {self._camera.topic} "
            f"on {self._pipeline.detector.device}"
        )
        self._worker = threading.Thread(target=self._work, name="pipeline")
        self._worker.start()

    def destroy_node(self) -> None:
        """Let the frame in work finish, then end."""
        self._mailbox.close()
        self._worker.join()
        super().destroy_node()

    def _warm_up(self) -> None:
        """Send a black image through the network: its first pass takes several times as long as
        any later one, and a camera would not wait.
        """
        width = self._config.detector.input_width
        height = self._config.detector.input_height or width // 3
        self._pipeline.detector(Frame(0, "", np.zeros((height, width, 3), np.uint8)))

    def _receive(self, message: Image | CompressedImage) -> None:
        self._health.received()
        if self._mailbox.put((time.monotonic(), message)):
            self._health.dropped()

    def _work(self) -> None:
        """Process messages until the mailbox is closed; nothing in a message may end this."""
        while (mail := self._mailbox.take()) is not None:
            arrived, message = mail
            self._follow_parameters()
            try:
                tracks = self._process(message)
            except ImageError as error:
                self._health.bad(error.reason, str(error))
                self.get_logger().warning(str(error), throttle_duration_sec=_QUIET_S)
            except Exception as error:
                if not self.context.ok():
                    return  # Told to stop while a frame was in work.
                self._explain(error)
            else:
                self._health.processed(time.monotonic() - arrived, tracks)

    def _process(self, message: Image | CompressedImage) -> int:
        """One frame, from message to messages; returns how many objects are tracked in it."""
        frame = convert.to_frame(message, self._camera.topic, self._to_rgb)
        tracked = self._pipeline.step(frame)
        detections, masks = convert.to_messages(tracked, self._class_names)
        self._detections.publish(detections)
        self._masks.publish(masks)
        self._show(frame, tracked)
        return len(tracked.ids)

    def _show(self, frame: Frame, tracked: TrackedFrame) -> None:
        if self._overlay.get_subscription_count() > 0:
            opacity = self._config.node.overlay_opacity
            picture = draw(frame.image, tracked, self._class_names, opacity)
            self._overlay.publish(convert.to_rgb_message(tracked, picture))

    def _follow_parameters(self) -> None:
        """Bring parameters that were set since the last frame into the pipeline."""
        config = self._live.current
        if config is not self._config:
            reconfigure(self._pipeline, config)
            self._config = config

    def _explain(self, error: Exception) -> None:
        """Count and log a frame that could not be processed, the first time with its traceback."""
        what = f"{type(error).__name__}: {error}"
        if self._health.failed(what):
            what = "".join(traceback.format_exception(error))
        self.get_logger().error(f"Frame skipped: {what}", throttle_duration_sec=_QUIET_S)

    def _publish_label_info(self, config: Config) -> None:
        classes = [
            VisionClass(class_id=index, class_name=name)
            for index, name in enumerate(self._class_names)
        ]
        message = LabelInfo(class_map=classes, threshold=config.detector.score_threshold)
        message.header.stamp = self.get_clock().now().to_msg()
        self._label_info.publish(message)

    def _report(self) -> None:
        message = DiagnosticArray(status=[self._health.report(self.get_fully_qualified_name())])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def main() -> int:
    """Run the node until it is told to stop."""
    with ros_session() as executor, until_interrupted():
        try:
            node = TrackerNode()
        except ValueError as error:
            get_logger(TRACKER).fatal(f"{error}{_origin(error)}")
            return 1
        try:
            executor.add_node(node)
            with until_interrupted():
                executor.spin()
        finally:
            node.destroy_node()
    return 0


def _origin(error: ValueError) -> str:
    """Where a wrong parameter came from, as far as the command line tells."""
    files = [file for flag, file in pairwise(sys.argv) if flag == "--params-file"]
    return f" (from {', '.join(files)})" if files and isinstance(error, ConfigError) else ""


if __name__ == "__main__":
    sys.exit(main())
