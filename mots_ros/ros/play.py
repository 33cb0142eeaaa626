"""Plays the camera of a recording into ROS topics, also on machines without ``ros2 bag``."""

from __future__ import annotations

import argparse
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy
from rclpy.time import Time
from rclpy.utilities import remove_ros_args
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from vision_msgs.msg import Detection2DArray

from mots_ros.data.bag_files import BagMessage, BagReader
from mots_ros.data.bags import BagDrive, header_stamp_ns
from mots_ros.data.drives import DriveError
from mots_ros.progress import progress
from mots_ros.ros.interface import DETECTIONS, QUEUE, camera_info_of
from mots_ros.ros.session import SPIN_S, ros_session, spin_until, until_interrupted

_QUIET_S = 5.0
_DELIVERY_S = 5.0
_PATIENCE_S = 60.0
_LOOK_S = 0.5
"""In which the tracker looks at an image that it cannot answer yet."""


class PlayError(RuntimeError):
    """Nobody answers the images, or can; the message names the topic."""


class Player(Node):
    """Publishes the images of a bag on ``image``, and their camera_info beside it.

    Messages go out as they were recorded, byte for byte, from when ``listener`` listens to the
    images. The node must be in an executor, which is spun while it waits.

    image_topic, image_type: where they go, and as what.
    sent: when each image went out (time.monotonic), by its stamp in ns.
    """

    def __init__(self, bag: Path, topic: str | None = None, listener: str | None = None) -> None:
        """Open ``bag``.

        Args:
            topic: the images; may be left out where the bag has only one topic of them.
            listener: name of a node; any where it is left out.

        Raises:
            DriveError: the bag cannot be read or has no such images, also while playing.
        """
        super().__init__("player")
        drive = BagDrive(bag, topic)
        self.length = len(drive)
        self.sent: dict[int, float] = {}
        self._bag = bag
        self._topic = drive.topic
        self._listener = listener
        with BagReader(bag) as reader:
            self.image_type = reader.topics[drive.topic].type
        self._info_topic = camera_info_of(drive.topic)
        compressed = self.image_type.endswith("/CompressedImage")
        image_type = CompressedImage if compressed else Image
        self._images = self.create_publisher(image_type, "image", QUEUE)
        self.image_topic = self._images.topic_name
        self._infos = self.create_publisher(CameraInfo, camera_info_of(self.image_topic), QUEUE)

    def play(self, rate: float = 1.0, clock_too: bool = False) -> Iterator[int]:
        """Publish at ``rate`` times the recorded speed; yields each image's stamp in ns.

        With ``clock_too``, the time of the recording goes out on /clock beside its messages.

        Raises:
            PlayError: the listener expects images of another type.
        """
        times = self._time_publisher if clock_too else None
        self._wait_for_listener()
        clock: tuple[float, int] | None = None
        with BagReader(self._bag) as bag:
            for message in bag.messages([self._topic, self._info_topic]):
                clock = clock or (time.monotonic(), message.stamp_ns)
                due = clock[0] + (message.stamp_ns - clock[1]) / 1e9 / rate
                self._spin_to(due)
                if times is not None:
                    times.publish(Clock(clock=Time(nanoseconds=message.stamp_ns).to_msg()))
                if message.topic == self._topic:
                    yield self._publish_image(bag, message)
                else:
                    self._publish(self._infos, message)
        # What a process has not sent when it ends is lost.
        at_once = Duration()
        self._spin_until(lambda: self._images.wait_for_all_acked(at_once), _DELIVERY_S)

    def play_in_lockstep(self, ahead: int = 0) -> Iterator[int]:
        """Publish each image when the tracker has answered the one before it.

        A tracker that looks ``ahead`` answers an image only when so many more have come, and the
        last ones when no more come.

        Yields the stamp in ns of each image whose detections have arrived.

        Raises:
            PlayError: the listener expects images of another type, or no detections came for an
                image within a minute.
        """
        answered = self._answers
        answered.clear()
        self._wait_for_listener()
        asked: deque[int] = deque()
        with BagReader(self._bag) as bag:
            for message in bag.messages([self._topic, self._info_topic]):
                if message.topic == self._topic:
                    asked.append(self._publish_image(bag, message))
                    if len(asked) > ahead:
                        yield self._answered(asked.popleft(), answered)
                    else:
                        # A newer image would take the place of one that was not looked at.
                        self._spin_to(time.monotonic() + _LOOK_S)
                else:
                    self._publish(self._infos, message)
        while asked:
            yield self._answered(asked.popleft(), answered)

    def _answered(self, stamp: int, answers: set[int]) -> int:
        """Wait for an image's answer, take it and return its stamp."""
        if not self._spin_until(lambda: stamp in answers, _PATIENCE_S):
            raise PlayError(
                f"no detections on {DETECTIONS} for the image of "
                f"{stamp / 1e9:.3f} s within {_PATIENCE_S:.0f} s"
            )
        answers.remove(stamp)
        return stamp

    @cached_property
    def _time_publisher(self) -> Publisher:
        return self.create_publisher(Clock, "/clock", QUEUE)

    @cached_property
    def _answers(self) -> set[int]:
        """The stamps of all detections that come from now on."""
        stamps: set[int] = set()
        self.create_subscription(
            Detection2DArray,
            DETECTIONS,
            lambda detections: stamps.add(header_stamp_ns(detections)),
            QUEUE,
        )
        return stamps

    def wait_for(self, topic: str) -> None:
        """Spin until somebody listens to a topic of others."""
        name = self.resolve_topic_name(topic)
        self._wait_until(lambda: self.count_subscribers(name) > 0, f"somebody to listen to {name}")

    def _wait_for_listener(self) -> None:
        topic = self.image_topic

        def heard() -> bool:
            # Who is only announced, and not matched yet, would miss the first image.
            matched = self._images.get_subscription_count()
            if self._listener is None:
                return matched > 0
            listeners = self.get_subscriptions_info_by_topic(topic)
            for item in listeners:
                if item.node_name == self._listener and item.topic_type != self.image_type:
                    transport = self.image_type.rpartition("/")[2].removesuffix("Image").lower()
                    raise PlayError(
                        f"{self._listener} listens to {topic} for {item.topic_type}, but the "
                        f"recording has {self.image_type}; give it the parameter "
                        f"node.image_transport:={transport or 'raw'}"
                    )
            # Nobody who wants what was published before will ever be matched.
            announced = [
                item.node_name
                for item in listeners
                if item.topic_type == self.image_type
                and item.qos_profile.durability == DurabilityPolicy.VOLATILE
            ]
            return self._listener in announced and matched >= len(announced)

        self._wait_until(heard, f"{self._listener or 'somebody'} to listen to {topic}")

    def _wait_until(self, done: Callable[[], bool], what: str) -> None:
        while not done():
            self.get_logger().info(f"Waiting for {what}", throttle_duration_sec=_QUIET_S)
            self._spin()

    def _spin(self, timeout_s: float = SPIN_S) -> None:
        assert self.executor is not None, "add the player to an executor first"
        self.executor.spin_once(timeout_sec=timeout_s)

    def _spin_to(self, due: float) -> None:
        self._spin(0.0)  # Answers are taken in also where images are late.
        while (left := due - time.monotonic()) > 0.0:
            self._spin(left)

    def _spin_until(self, done: Callable[[], bool], patience_s: float) -> bool:
        assert self.executor is not None, "add the player to an executor first"
        return spin_until(self.executor, done, patience_s)

    def _publish_image(self, bag: BagReader, message: BagMessage) -> int:
        """Returns the image's stamp in ns."""
        stamp = header_stamp_ns(bag.decode(message))
        self.sent[stamp] = time.monotonic()
        self._publish(self._images, message)
        return stamp

    def _publish(self, publisher: Publisher, message: BagMessage) -> None:
        if not self.context.ok():
            raise ExternalShutdownException
        publisher.publish(bytes(message.data))


def main() -> int:
    """Play a bag once or for ever."""
    arguments = _parser().parse_args(remove_ros_args(sys.argv)[1:])
    try:
        with ros_session() as executor, until_interrupted():
            player = Player(arguments.bag, arguments.topic, arguments.listener)
            executor.add_node(player)
            for topic in arguments.wait_for:
                player.wait_for(topic)
            while True:
                if arguments.lockstep:
                    stamps = player.play_in_lockstep(arguments.ahead)
                else:
                    stamps = player.play(arguments.rate, arguments.clock)
                for _ in progress(stamps, player.length, arguments.bag.name):
                    pass
                if not arguments.loop:
                    break
    except (DriveError, PlayError) as error:
        print(f"play: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="play",
        description="Play the images of a bag on the topic 'image' (remap it with --ros-args -r "
        "image:=/my/topic), and their camera_info beside them. Starts when somebody listens.",
    )
    parser.add_argument("bag", type=Path, help="rosbag2 folder, .mcap or .db3 file")
    parser.add_argument("--topic", help="recorded images, where the bag has several such topics")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--rate",
        type=positive_number,
        default=1.0,
        help="speed relative to the recording (default 1)",
    )
    pace.add_argument(
        "--lockstep",
        action="store_true",
        help=f"publish each image when {DETECTIONS} has answered the one before it",
    )
    parser.add_argument(
        "--ahead",
        type=int,
        choices=range(3),
        default=0,
        help="with --lockstep, how many images the tracker looks ahead (default 0)",
    )
    parser.add_argument(
        "--listener", metavar="NODE", help="start only when the node of this name listens"
    )
    parser.add_argument(
        "--wait-for",
        action="append",
        default=[],
        metavar="TOPIC",
        help="start only when somebody listens to this topic, too; may be repeated",
    )
    parser.add_argument(
        "--clock", action="store_true", help="publish the recording's time on /clock"
    )
    parser.add_argument("--loop", action="store_true", help="start again at the end")
    return parser


def positive_number(text: str) -> float:
    """For argparse: a number above 0, such as a rate."""
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
