"""A drive through the tracker node: played to it, and what it publishes of it recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from rclpy.executors import Executor
from rclpy.serialization import deserialize_message
from rclpy.time import Time
from std_msgs.msg import Header

from mots_ros.data.bag_files import BagWriter
from mots_ros.progress import progress
from mots_ros.ros.interface import DETECTIONS, MASKS
from mots_ros.ros.play import Player
from mots_ros.ros.record import Recorder
from mots_ros.ros.session import spin_until

_CHECK_S = 0.5


class Replay:
    """Plays a drive to the tracker node and records what that publishes into a bag."""

    def __init__(
        self, executor: Executor, player: Player, bag: BagWriter, check: Callable[[], None]
    ) -> None:
        """``check`` is called twice a second while this waits, and ends it by raising."""
        self._executor = executor
        self._player = player
        self._recorder = Recorder(bag, heard=self._hear)
        self._recorder.create_timer(_CHECK_S, check)
        self._arrivals: dict[str, dict[int, float]] = {
            self._recorder.resolve_topic_name(topic): {} for topic in (DETECTIONS, MASKS)
        }
        self._last = 0
        executor.add_node(player)
        executor.add_node(self._recorder)

    def wait_until_recording(self, patience_s: float) -> bool:
        """Wait until nothing that the tracker publishes will be missed; returns whether it was."""
        return spin_until(self._executor, lambda: self._recorder.ready, patience_s)

    def play(self, images: Iterator[int]) -> float:
        """Let the player play ``images``, at its pace; returns how many seconds that took."""
        start = time.monotonic()
        for stamp in progress(images, self._player.length, "images"):
            self._last = stamp
        return time.monotonic() - start

    def wait_for_last_answer(self, patience_s: float) -> bool:
        """Wait for detections and masks of the last image; returns whether they came in time.

        Images are answered in order, and only a newer one makes the tracker drop one: after these
        nothing comes.
        """
        arrivals = self._arrivals.values()
        return spin_until(
            self._executor, lambda: all(self._last in stamps for stamps in arrivals), patience_s
        )

    def latencies_s(self) -> dict[int, float]:
        """How long after each image its detections arrived, by its stamp in ns.

        Only of images whose masks arrived, too.
        """
        detections, masks = self._arrivals.values()
        return {
            stamp: detections[stamp] - sent
            for stamp, sent in self._player.sent.items()
            if stamp in detections and stamp in masks
        }

    def _hear(self, topic: str, data: bytes) -> None:
        if topic in self._arrivals:
            header = deserialize_message(data, Header)  # The message begins with it.
            self._arrivals[topic][Time.from_msg(header.stamp).nanoseconds] = time.monotonic()
