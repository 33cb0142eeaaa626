"""Thousands of images to the real node: how its memory grows, and how it stands a camera that is
too fast. Without --rate, each image waits for the answer to the one before it.

.venv/bin/python bench/endurance.py [--frames 10000] [--width 128]
.venv/bin/python bench/endurance.py --rate 100 --frames 6000 --width 640
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from mots_ros.data.bags import header_stamp_ns
from mots_ros.data.street import StreetDrive
from mots_ros.progress import progress
from mots_ros.resources import share
from mots_ros.ros.convert import to_rgb_message
from mots_ros.ros.interface import QUEUE, TRACKER
from mots_ros.ros.session import ros_session

WARM_UP = 500
ALLOWED_MB = 20
DRIVE_FRAMES = 40
PERIOD_NS = 10**8
PATIENCE_S = 60
SETTLE_S = 3.0
"""A last image is answered and a last diagnosis given within this."""


class Camera(Node):
    """Publishes images, and notes when the tracker answers them.

    latencies: seconds from an image's publication to its detections' arrival, by stamp (ns).
    diagnosis: what the tracker last said of itself.
    """

    def __init__(self, executor: SingleThreadedExecutor, images: list[Image]) -> None:
        super().__init__("camera")
        self.latencies: dict[int, float] = {}
        self.diagnosis: dict[str, str] = {}
        self._publisher = self.create_publisher(Image, "image", QUEUE)
        self._images = images
        self._sent: dict[int, float] = {}
        self._spin = executor.spin_once
        self.create_subscription(Detection2DArray, f"{TRACKER}/detections", self._answered, 10)
        # Masks to which nobody listens would not be made.
        self.create_subscription(Image, f"{TRACKER}/masks", lambda _: None, 10)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._diagnosed, 10)
        executor.add_node(self)
        self._until(lambda: self._publisher.get_subscription_count() > 0)

    def in_step(self, frames: int) -> Iterator[int]:
        """Yields the number of every image when it has been answered."""
        for number in range(1, frames + 1):
            stamp_ns = self._publish(number)
            self._until(lambda stamp_ns=stamp_ns: stamp_ns in self.latencies)
            yield number

    def by_the_clock(self, frames: int, rate: float) -> Iterator[int]:
        """Yields the number of every image when it has been published."""
        start = time.monotonic()
        for number in range(1, frames + 1):
            self._spin_until(start + number / rate)
            self._publish(number)
            yield number
        self._spin_until(time.monotonic() + SETTLE_S)

    def _publish(self, number: int) -> int:
        image, stamp_ns = self._images[number % len(self._images)], number * PERIOD_NS
        image.header.stamp.sec, image.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        self._sent[stamp_ns] = time.monotonic()
        self._publisher.publish(image)
        return stamp_ns

    def _answered(self, detections: Detection2DArray) -> None:
        stamp_ns = header_stamp_ns(detections)
        self.latencies[stamp_ns] = time.monotonic() - self._sent[stamp_ns]

    def _diagnosed(self, array: DiagnosticArray) -> None:
        self.diagnosis = {item.key: item.value for item in array.status[0].values}

    def _spin_until(self, due: float) -> None:
        while (left := due - time.monotonic()) > 0:
            self._spin(timeout_sec=left)

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                sys.exit(f"endurance: no answer within {PATIENCE_S} s")
            self._spin(timeout_sec=0.1)


def main() -> int:
    """Print the memory as it grows; 1 where it grew by more than is allowed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=128, help="network input, in pixels")
    parser.add_argument("--rate", type=float, help="images a second, whatever the node manages")
    options = parser.parse_args()
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["FASTDDS_DEFAULT_PROFILES_FILE"] = str(share("config") / "fast_dds.xml")
    size = (188, 621) if options.rate is None else (375, 1242)
    drive = StreetDrive(seed=15, length=DRIVE_FRAMES, size=size)
    pictures = (to_rgb_message(item.frame, item.frame.image) for item in drive)
    images = [deserialize_message(picture, Image) for picture in pictures]
    command = [sys.executable, "-m", "mots_ros.ros.tracker_node", "--ros-args"]
    node = subprocess.Popen([*command, "-p", f"detector.input_width:={options.width}"])
    memory: dict[int, float] = {}
    try:
        with ros_session() as executor:
            camera = Camera(executor, images)
            if options.rate is None:
                numbers = camera.in_step(options.frames)
            else:
                numbers = camera.by_the_clock(options.frames, options.rate)
            start = time.monotonic()
            for _ in progress(numbers, options.frames, "images"):
                answered = len(camera.latencies) // WARM_UP * WARM_UP
                if answered not in memory:
                    memory[answered] = resident_mb(node.pid)
            seconds = time.monotonic() - start
    finally:
        node.send_signal(signal.SIGINT)
        node.wait()
    for answered, megabytes in memory.items():
        print(f"{answered:7} answers {megabytes:8.1f} MB")
    print(answers(camera, options.frames, seconds))
    if WARM_UP not in memory:
        sys.exit(f"endurance: memory says nothing before {WARM_UP} answers; raise --frames")
    growth = max(megabytes for answered, megabytes in memory.items() if answered) - memory[WARM_UP]
    print(f"grew by {growth:.1f} MB after the first {WARM_UP}; {ALLOWED_MB} MB are allowed")
    return int(growth > ALLOWED_MB)


def answers(camera: Camera, frames: int, seconds: float) -> str:
    """How many images were answered, and how late."""
    latencies = list(camera.latencies.values())
    if not latencies:
        return f"none of {frames} images was answered"
    frame_ms = 1000 * seconds / len(latencies)
    p50, p99 = 1000 * np.percentile(latencies, (50, 99))
    said = defaultdict(lambda: "?", camera.diagnosis)
    return (
        f"{frames} images at {frames / seconds:.1f} a second, {len(latencies)} answered, one in "
        f"{frame_ms:.1f} ms\n"
        f"latency {p50:.1f} ms (p99 {p99:.1f} ms), {p50 / frame_ms:.2f} ({p99 / frame_ms:.2f}) "
        "times that\n"
        f"the node says: received {said['received']}, processed {said['processed']}, dropped "
        f"{said['dropped']}"
    )


def resident_mb(process: int) -> float:
    """Memory of a process that is in use and not swapped out."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    sys.exit(main())
