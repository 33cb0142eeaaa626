"""Whether the node's memory stays as it is: thousands of frames through the real node, in lockstep.

.venv/bin/python bench/endurance.py [--frames 10000] [--width 128]
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from mots_ros.core.types import TrackedFrame
from mots_ros.data.bags import header_stamp_ns
from mots_ros.data.street import StreetDrive
from mots_ros.progress import progress
from mots_ros.ros.convert import to_rgb_message
from mots_ros.ros.interface import QUEUE, TRACKER
from mots_ros.ros.session import ros_session

WARM_UP = 500
ALLOWED_MB = 20
DRIVE_FRAMES = 40
PERIOD_NS = 10**8
PATIENCE_S = 60


class Camera(Node):
    """Publishes an image and waits until the tracker has answered it."""

    def __init__(self, executor: SingleThreadedExecutor) -> None:
        super().__init__("camera")
        self._images = self.create_publisher(Image, "image", QUEUE)
        self._answered = 0
        self._spin = executor.spin_once
        self.create_subscription(Detection2DArray, f"{TRACKER}/detections", self._note, QUEUE)
        executor.add_node(self)

    def wait_for_tracker(self) -> None:
        self._until(lambda: self._images.get_subscription_count() > 0)

    def show(self, image: Image, stamp_ns: int) -> None:
        image.header.stamp.sec, image.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        self._images.publish(image)
        self._until(lambda: self._answered == stamp_ns)

    def _note(self, detections: Detection2DArray) -> None:
        self._answered = header_stamp_ns(detections)

    def _until(self, condition) -> None:  # type: ignore[no-untyped-def]
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                sys.exit(f"endurance: no answer within {PATIENCE_S} s")
            self._spin(timeout_sec=0.1)


def main() -> int:
    """Print the memory as it grows; 1 where it grew by more than is allowed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=128, help="network input, in pixels")
    options = parser.parse_args()
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    images = []
    for item in StreetDrive(seed=15, length=DRIVE_FRAMES, size=(188, 621)):
        empty = TrackedFrame(0, "camera", None, None, None)  # type: ignore[arg-type]
        images.append(to_rgb_message(empty, item.frame.image))
    command = [sys.executable, "-m", "mots_ros.ros.tracker_node", "--ros-args"]
    node = subprocess.Popen([*command, "-p", f"detector.input_width:={options.width}"])
    memory: dict[int, float] = {}
    try:
        with ros_session() as executor:
            camera = Camera(executor)
            camera.wait_for_tracker()
            for number in progress(range(1, options.frames + 1), options.frames, "frames"):
                camera.show(images[number % DRIVE_FRAMES], number * PERIOD_NS)
                if number % WARM_UP == 0:
                    memory[number] = resident_mb(node.pid)
    finally:
        node.send_signal(signal.SIGINT)
        node.wait()
    for number, megabytes in memory.items():
        print(f"{number:7} frames {megabytes:8.1f} MB")
    growth = max(memory.values()) - memory[WARM_UP]
    print(f"grew by {growth:.1f} MB after the first {WARM_UP}; {ALLOWED_MB} MB are allowed")
    return int(growth > ALLOWED_MB)


def resident_mb(process: int) -> float:
    """Memory of a process that is in use and not swapped out."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    sys.exit(main())
