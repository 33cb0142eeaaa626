"""A ROS of its own for each test, and a pipeline that needs no network."""

from __future__ import annotations

import os
import threading
import time
from array import array
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image

from mots_ros.config import Config, DetectorConfig
from mots_ros.core.types import Detections, Frame, LabelImage, TrackedFrame
from mots_ros.detection.runner import NetworkRunner
from small_net import small_net

# Domains above 101 would use ports that Linux hands out to anybody.
DOMAIN = 1 + os.getpid() % 101

SIZE = (24, 40)


class StubDetector:
    """What the node asks of a detector."""

    class_names = ("car", "pedestrian")
    device = "cpu"
    runner = NetworkRunner(small_net(), torch.device("cpu"))

    def __init__(self, config: DetectorConfig) -> None:
        self.config = config

    def forget(self) -> None:
        """Nothing waits."""


class StubPipeline:
    """Finds one pedestrian, track 7, in the left half of every frame.

    A frame whose pixels are all 13 fails, as a bug would make it. Holding ``gate`` holds it up.
    """

    def __init__(self, config: Config) -> None:
        self.detector = StubDetector(config.detector)
        self.tracker = SimpleNamespace(config=config.tracker)
        self.frames: list[Frame] = []
        self.painted = 0
        self.calls: list[str] = []
        self.gate = threading.Lock()

    def wake(self) -> None:
        self.calls.append("wake")

    def sleep(self) -> None:
        self.calls.append("sleep")

    def reset(self) -> None:
        self.calls.append("reset")

    def finish(self) -> list[TrackedFrame]:
        return []

    def step(self, frame: Frame) -> list[TrackedFrame]:
        if (frame.image == 13).all():
            raise RuntimeError("unlucky frame")
        with self.gate:
            self.frames.append(frame)
        height, width = frame.size

        def paint() -> LabelImage:
            self.painted += 1
            label_image = np.zeros(frame.size, np.uint16)
            label_image[:, : width // 2] = 7
            return label_image

        detections = Detections(
            np.array([[0, 0, width / 2, height]], np.float32),
            np.array([0.75], np.float32),
            np.array([1], np.int64),
        )
        ids = np.array([7], np.int64)
        return [TrackedFrame(frame.stamp_ns, frame.frame_id, ids, detections, paint)]


class LookingAhead(StubPipeline):
    """Answers an image when the next one has come."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.waiting: list[TrackedFrame] = []
        self.detector.forget = self.finish  # type: ignore[method-assign,assignment]

    def step(self, frame: Frame) -> list[TrackedFrame]:
        answer, self.waiting = self.waiting, super().step(frame)
        return answer

    def finish(self) -> list[TrackedFrame]:
        answer, self.waiting = self.waiting, []
        return answer


def image_message(stamp_ns: int, value: int = 100, size: tuple[int, int] = SIZE) -> Image:
    """A bgr8 image of one grey value."""
    height, width = size
    message = Image(height=height, width=width, encoding="bgr8", step=3 * width)
    message.data = array("B", bytes([value]) * (3 * height * width))
    message.header.frame_id = "camera"
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
    return message


class Bench:
    """Nodes that the test itself spins; ``close`` destroys them."""

    def __init__(self, *nodes: Node) -> None:
        self._executor = SingleThreadedExecutor()
        for node in nodes:
            self._executor.add_node(node)

    def until(self, condition: Callable[[], Any], seconds: float = 10.0) -> None:
        """Spin until the condition holds; fails with AssertionError when it never does."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not so within {seconds:g} s"
            self._executor.spin_once(timeout_sec=0.02)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        for node in self._executor.get_nodes():
            node.destroy_node()
        self._executor.shutdown()
