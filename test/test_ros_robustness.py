"""The node under load, under nonsense, and when it is told to stop."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from mots_ros.config import Config, parameters
from mots_ros.data.bags import header_stamp_ns
from mots_ros.data.image_messages import ENCODINGS
from ros_bench import DOMAIN, image_message
from test_ros_tracker_node import World

Ros = Callable[..., Any]
ENDS = ("processed", "bad", "failed")


def nonsense(rng: random.Random, stamp: int) -> Image:
    """An image message whose numbers need not agree."""
    height, width = (rng.choice((0, 1, 2, 5, 24, 40, 10**6, 2**32 - 1)) for _ in range(2))
    encoding = rng.choice([*ENCODINGS, "", "RGB8", "32FC1", "\0", "bayer_grbg8" * 50])
    message = Image(height=height, width=width, encoding=encoding)
    message.step = rng.choice((0, 1, width, 3 * width, 3 * width + 7, 2**32 - 1)) % 2**32
    message.is_bigendian = rng.randrange(2)
    length = rng.choice((0, 1, 7, message.step * height, width * height * 3)) % 50_000
    message.data = array("B", rng.randbytes(length))
    message.header.frame_id = rng.choice(("", "camera", "x" * 300))
    message.header.stamp.sec, message.header.stamp.nanosec = 1, stamp
    return message


def test_nonsense_is_counted_and_survived(ros: Ros) -> None:
    ros()
    rng = random.Random(0)
    with World() as world:
        counts = world.tracker._health._counts
        for number in range(200):
            world.neighbour.images.publish(nonsense(rng, number))
            world.until(lambda seen=number + 1: sum(counts[kind] for kind in ENDS) == seen)
        assert counts["bad"] > 150
        assert counts["failed"] == 0, world.health("last_error")
        answered = counts["processed"]
        world.neighbour.images.publish(image_message(10**10))
        world.until(lambda: header_stamp_ns(world.neighbour.detections[-1]) == 10**10)
        # Its masks come after its detections, and count with them.
        world.until(lambda: counts["processed"] > answered)
        assert counts["processed"] == answered + 1


VALUES = (
    *(float("nan"), float("inf"), -1, -0.5, 10**9, 2**62, "", "nonsense", "nan", True, False),
    *(0.5, 3, 4, [1, 2], [0.5], ["a"]),
)


def test_nonsense_as_parameters_changes_nothing(ros: Ros) -> None:
    """What is refused says why; what is accepted is in its range; several together are one."""
    ros()
    rng = random.Random(1)
    known = parameters()
    with World() as world:
        refused = 0
        for _ in range(200):
            names = rng.sample([*known], rng.choice((1, 1, 2)))
            changes = [Parameter(name, value=rng.choice(VALUES)) for name in names]
            before = world.tracker._live.current
            result = world.tracker.set_parameters_atomically(changes)
            if not result.successful:
                refused += 1
                assert result.reason
                assert world.tracker._live.current is before
                continue
            for name in names:
                value, about = world.value(name), known[name].metadata
                assert type(value) is type(Config().values()[name])
                numbers = value if isinstance(value, list) else [value]
                for number in numbers:
                    assert about["low"] is None or about["low"] <= number <= about["high"]
        assert 100 < refused < 200
        world.track(image_message(1))


def test_too_fast_a_camera_does_not_add_up(ros: Ros) -> None:
    """A hundred images a second, each of which takes a tenth: nine of ten are dropped, and what
    is answered is never older than two frames' time."""
    ros()
    with World() as world:
        step, answered_after = world.pipeline.step, []

        def slow(frame: Any) -> Any:
            time.sleep(0.1)
            return step(frame)

        world.pipeline.step = slow  # type: ignore[method-assign]
        for _ in range(100):
            world.neighbour.images.publish(image_message(time.monotonic_ns()))
            deadline = time.monotonic() + 0.01
            world.until(lambda until=deadline: time.monotonic() > until)
            for detections in world.neighbour.detections:
                answered_after.append((time.monotonic_ns() - header_stamp_ns(detections)) / 1e9)
            world.neighbour.detections.clear()
        counts = world.tracker._health._counts
        assert counts["dropped"] > 50
        # One may wait and one be in work.
        assert counts["received"] - counts["dropped"] - counts["processed"] in (0, 1, 2)
        assert sorted(answered_after)[len(answered_after) // 2] < 0.25


def test_it_does_not_wait_for_a_frame_that_takes_long(ros: Ros) -> None:
    ros()
    with World() as world:
        counts = world.tracker._health._counts
        world.pipeline.gate.acquire()
        world.neighbour.images.publish(image_message(1))
        world.until(lambda: counts["received"])
        world.until(lambda: world.tracker._worker._mailbox._item is None)
        begin = time.monotonic()
        world.tracker.destroy_node()
        assert time.monotonic() - begin < 2
        assert world.tracker.abandoned
        world.pipeline.gate.release()
        world.tracker._worker = None


@pytest.mark.parametrize("wait_for", ["", "Tracking"])
def test_an_interruption_ends_it_at_once_and_quietly(wait_for: str) -> None:
    """While it loads, and while it tracks."""
    environment = os.environ | {"ROS_DOMAIN_ID": str(DOMAIN)}
    process = subprocess.Popen(
        [sys.executable, "-m", "mots_ros.ros.tracker_node"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    said = ""
    if wait_for:
        while wait_for not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
    else:
        time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    said += process.communicate(timeout=2)[0]
    assert "Traceback" not in said
    assert process.returncode in (0, -signal.SIGINT)
