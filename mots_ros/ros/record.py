"""Records topics into an MCAP bag, also on machines without ``ros2 bag``."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo
from rclpy.utilities import remove_ros_args

from mots_ros.data.bag_files import BagWriter
from mots_ros.data.drives import DriveError
from mots_ros.data.message_types import UnknownTypeError, define
from mots_ros.ros.interface import DETECTIONS, LABEL_INFO, LATCHED, MASKS
from mots_ros.ros.session import ros_session, until_interrupted

RESULTS = (DETECTIONS, MASKS, LABEL_INFO)

_DEPTH = 100
_LOOK_S = 0.1
_QUIET_S = 5.0


class Recorder(Node):
    """Writes every message of some topics into a bag, as it came, byte for byte.

    Recording starts when all topics are there; ``counts`` are the messages of each since then.
    """

    def __init__(
        self,
        bag: BagWriter,
        topics: Sequence[str] = RESULTS,
        heard: Callable[[str, bytes], None] | None = None,
    ) -> None:
        """Record ``topics``, which are completed and remapped like any name of this node.

        ``heard`` is told the topic's full name and the bytes of every message.
        """
        super().__init__("recorder")
        self._heard = heard
        self.counts: Counter[str] = Counter()
        self._bag = bag
        self._topics = [self.resolve_topic_name(topic) for topic in topics]
        self._started = False
        self._latched: list[str] = []
        self._search = self.create_timer(_LOOK_S, self._start_when_all_there)

    @property
    def ready(self) -> bool:
        """Whether nothing that is published from now on will be missed.

        Latched topics are subscribed last: a publisher that has sent its latched message knows
        the subscriptions before that one, too.
        """
        return self._started and all(self.counts[topic] for topic in self._latched)

    def has(self, messages: int) -> bool:
        """Whether every topic has: so many messages, of a latched one any."""
        return self.ready and all(
            self.counts[topic] >= messages for topic in self._topics if topic not in self._latched
        )

    def _start_when_all_there(self) -> None:
        publishers = {topic: self.get_publishers_info_by_topic(topic) for topic in self._topics}
        missing = [topic for topic, found in publishers.items() if not found]
        if missing:
            self.get_logger().info(
                f"Waiting for {', '.join(missing)}", throttle_duration_sec=_QUIET_S
            )
            return
        self._search.cancel()
        self._latched = [topic for topic, found in publishers.items() if _is_latched(found)]
        for topic in sorted(self._topics, key=self._latched.__contains__):
            self._subscribe(topic, publishers[topic])
        self._started = True
        self.get_logger().info(f"Recording {', '.join(self._topics)} into {self._bag.path}")

    def _subscribe(self, topic: str, publishers: Sequence[TopicEndpointInfo]) -> None:
        message_type = publishers[0].topic_type
        define(self._bag.types, message_type)
        latched = topic in self._latched
        self._bag.add_topic(topic, message_type, latched)

        def write(data: bytes) -> None:
            if self._heard is not None:
                self._heard(topic, data)
            self._bag.write(topic, self.get_clock().now().nanoseconds, data)
            self.counts[topic] += 1

        profile = LATCHED if latched else _as_reliable_as(publishers)
        self.create_subscription(_message_class(message_type), topic, write, profile, raw=True)


def main() -> int:
    """Record until told to stop, or until there is enough."""
    arguments = _parser().parse_args(remove_ros_args(sys.argv)[1:])
    try:
        with ros_session() as executor, BagWriter(arguments.bag) as bag:
            recorder = Recorder(bag, arguments.topics or RESULTS)
            executor.add_node(recorder)
            with until_interrupted():
                while arguments.messages is None or not recorder.has(arguments.messages):
                    executor.spin_once(timeout_sec=_LOOK_S)
    except (DriveError, UnknownTypeError) as error:
        print(f"record: {error}", file=sys.stderr)
        return 1
    for topic, count in recorder.counts.items():
        print(f"{topic}: {count} messages")
    return 0


def _is_latched(publishers: Sequence[TopicEndpointInfo]) -> bool:
    return all(
        publisher.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
        for publisher in publishers
    )


def _as_reliable_as(publishers: Sequence[TopicEndpointInfo]) -> QoSProfile:
    """Reliable where all publishers are, for else those that are not would not be heard."""
    reliable = all(
        publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE for publisher in publishers
    )
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=_DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
    )


def _message_class(message_type: str) -> Any:
    package, folder, name = message_type.split("/")
    return getattr(import_module(f"{package}.{folder}"), name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="record",
        description="Record topics into a new MCAP bag. Starts when all of them are there; "
        "stop it with Ctrl-C.",
    )
    parser.add_argument("bag", type=Path, help="folder to make; nothing is overwritten")
    parser.add_argument("topics", nargs="*", help=f"what to record (default: {' '.join(RESULTS)})")
    parser.add_argument(
        "--messages",
        type=int,
        metavar="N",
        help="stop when every topic that is not latched has carried N messages",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
