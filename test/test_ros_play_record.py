"""A bag goes into topics and comes out of them again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from vision_msgs.msg import LabelInfo

from mots_ros.core.types import Frame
from mots_ros.data.bag_files import BagReader, BagWriter
from mots_ros.data.bags import CAMERA_INFO_TOPIC, IMAGE_TOPIC, header_stamp_ns, write_drive
from mots_ros.data.calibration import Calibration
from mots_ros.data.tracked_bags import TrackedBag
from mots_ros.ros.interface import DETECTIONS, LATCHED, QUEUE
from mots_ros.ros.node import TrackerNode
from mots_ros.ros.play import Player, PlayError
from mots_ros.ros.record import Recorder
from ros_bench import DOMAIN, SIZE, Bench, LookingAhead, StubPipeline

Ros = Callable[..., Any]
STAMPS = [1_000_000_000 + 20_000_000 * index for index in range(5)]


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A bag of five calibrated frames, 20 ms apart."""
    frames = [Frame(stamp, "camera", np.full((*SIZE, 3), 50, np.uint8)) for stamp in STAMPS]
    projection = np.array([[30.0, 0, 20, 0], [0, 30, 12, 0], [0, 0, 1, 0]])
    write_drive(tmp_path / "drive", frames, Calibration.rectified(SIZE, projection))
    return tmp_path / "drive"


def test_what_is_played_is_recorded_byte_for_byte(ros: Ros, drive: Path, tmp_path: Path) -> None:
    ros()
    player = Player(drive)
    with BagWriter(tmp_path / "copy") as bag:
        recorder = Recorder(bag, ["image", "camera_info"])
        with Bench(player, recorder) as bench:
            bench.until(lambda: recorder.ready)
            assert list(player.play(rate=10)) == STAMPS
            bench.until(lambda: recorder.has(len(STAMPS)))
    with BagReader(drive) as original, BagReader(tmp_path / "copy") as copy:
        for topic, copied in ((IMAGE_TOPIC, "/image"), (CAMERA_INFO_TOPIC, "/camera_info")):
            sent = [bytes(message.data) for message in original.messages([topic])]
            came = [bytes(message.data) for message in copy.messages([copied])]
            assert sent == came


def test_a_latched_topic_alone_is_recorded_once_it_came(ros: Ros, tmp_path: Path) -> None:
    ros()
    talker = Node("talker")
    with BagWriter(tmp_path / "copy") as bag:
        recorder = Recorder(bag, ["labels"])
        with Bench(talker, recorder) as bench:
            publisher = talker.create_publisher(LabelInfo, "labels", LATCHED)
            bench.until(lambda: recorder._started)
            assert not recorder.has(1)
            publisher.publish(LabelInfo())
            bench.until(lambda: recorder.has(1))


def test_lockstep_through_the_tracker_answers_every_frame(
    ros: Ros, drive: Path, tmp_path: Path
) -> None:
    ros()
    player, tracker = Player(drive), TrackerNode(StubPipeline)  # type: ignore[arg-type]
    assert tracker.start()
    with BagWriter(tmp_path / "tracked") as bag:
        recorder = Recorder(bag)
        with Bench(player, recorder, tracker) as bench:
            bench.until(lambda: recorder.ready)
            assert list(player.play_in_lockstep()) == STAMPS
            bench.until(lambda: recorder.has(len(STAMPS)))
    tracked = TrackedBag(tmp_path / "tracked")
    assert [frame.stamp_ns for frame in tracked] == STAMPS
    assert tracked.unpaired == ()
    assert tracked.class_names == ("car", "pedestrian")
    assert all(frame.ids.tolist() == [7] for frame in tracked)


def test_a_tracker_that_looks_ahead_answers_every_frame_in_the_end(ros: Ros, drive: Path) -> None:
    ros()
    player, tracker = Player(drive), TrackerNode(LookingAhead)  # type: ignore[arg-type]
    assert tracker.start()
    asked: list[list[int]] = []
    with Bench(player, tracker):
        for _ in player.play_in_lockstep(ahead=1):
            asked.append(list(player.sent))
    # One more than what is answered is on its way, until the recording ends.
    assert asked == [STAMPS[: number + 2] for number in range(len(STAMPS))]


def test_a_recording_that_is_repeated_leaves_nothing_behind(ros: Ros, drive: Path) -> None:
    ros()
    player, tracker = Player(drive), TrackerNode(StubPipeline)  # type: ignore[arg-type]
    assert tracker.start()
    with Bench(player, tracker):
        for _ in range(2):
            assert list(player.play_in_lockstep()) == STAMPS
            list(player.play(rate=100, clock_too=True))
        assert player.count_publishers("/clock") == 1
        assert player.count_subscribers(DETECTIONS) == 1


def test_the_recording_s_time_goes_out_before_its_images(ros: Ros, drive: Path) -> None:
    ros()
    player, listener = Player(drive), Node("listener")
    heard: list[int] = []
    listener.create_subscription(Clock, "/clock", lambda m: heard.append(m.clock.nanosec), QUEUE)
    listener.create_subscription(Image, "image", lambda _: heard.append(-1), QUEUE)
    with Bench(player, listener) as bench:
        player.create_publisher(Clock, "/clock", QUEUE)
        bench.until(lambda: player.count_subscribers("/clock"))
        assert list(player.play(rate=1, clock_too=True)) == STAMPS
        bench.until(lambda: heard.count(-1) == len(STAMPS))
    assert set(heard) - {-1} <= {stamp - 10**9 for stamp in STAMPS}
    assert len(set(heard)) > 3


def test_playing_waits_for_a_listener_of_another_topic(ros: Ros, drive: Path) -> None:
    ros("-r", "results:=/other/results")
    player, listener = Player(drive), Node("listener")
    with Bench(player, listener) as bench:
        listener.create_timer(
            0.2, lambda: listener.create_subscription(Image, "/other/results", lambda _: None, 1)
        )
        player.wait_for("results")
        assert player.count_subscribers("/other/results") > 0
        bench.until(lambda: True)


def test_playing_waits_for_a_certain_listener(ros: Ros, drive: Path) -> None:
    ros()
    player, early, late = Player(drive, listener="late"), Node("early"), Node("late")
    heard: list[int] = []

    def listen() -> None:
        timer.cancel()
        late.create_subscription(Image, "image", lambda m: heard.append(header_stamp_ns(m)), QUEUE)

    with Bench(player, early, late) as bench:
        early.create_subscription(Image, "image", lambda _: None, QUEUE)
        # Wants what cameras do not offer, and will never be matched.
        early.create_subscription(Image, "image", lambda _: None, LATCHED)
        timer = late.create_timer(0.3, listen)
        assert list(player.play(rate=10)) == STAMPS
        bench.until(lambda: heard == STAMPS)


LISTENER = """
import rclpy
from sensor_msgs.msg import CompressedImage
rclpy.init()
node = rclpy.create_node("late")
node.create_subscription(CompressedImage, "image", lambda _: None, 10)
rclpy.spin(node)
"""


def test_a_listener_of_compressed_images_is_told_from_one_of_raw_ones(
    ros: Ros, drive: Path
) -> None:
    """It is another process: in one, a topic has one type."""
    ros()
    player = Player(drive, listener="late")
    environment = os.environ | {"ROS_DOMAIN_ID": str(DOMAIN)}
    with Bench(player), subprocess.Popen([sys.executable, "-c", LISTENER], env=environment) as late:
        try:
            with pytest.raises(PlayError, match="late listens to /image for .*_transport:=raw"):
                list(player.play(rate=10))
        finally:
            late.kill()


def test_lockstep_ends_when_nobody_answers(
    ros: Ros, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ros()
    monkeypatch.setattr("mots_ros.ros.play._PATIENCE_S", 0.2)
    player, listener = Player(drive), Node("listener")
    listener.create_subscription(Image, "image", lambda _: None, 1)
    with Bench(player, listener), pytest.raises(PlayError, match="mots_tracker/detections"):
        list(player.play_in_lockstep())
