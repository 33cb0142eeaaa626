"""Another tracker takes over while the node runs: between two frames, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rclpy.parameter import Parameter

from mots_ros.data.bags import header_stamp_ns
from mots_ros.data.street import StreetDrive
from mots_ros.ros.convert import to_rgb_message
from mots_ros.ros.node import TrackerNode
from mots_ros.ros.output import Output
from ros_bench import Bench
from test_ros_tracker_node import QUEUE, Image, Neighbour

Ros = Callable[..., None]

NAMES = ("searchtrack", "siammot", "trackrcnn", "dior", "cstrack", "sort", "searchtrack")
EACH = 3
"""Frames for every tracker."""


def test_trackers_are_exchanged_between_two_frames(
    ros: Ros, monkeypatch: pytest.MonkeyPatch
) -> None:
    ros("-p", "detector.input_width:=320")
    forget, forgotten = Output.forget, []
    monkeypatch.setattr(Output, "forget", lambda self: forgotten.append(forget(self)))
    tracker, neighbour = TrackerNode(), Neighbour(Image, QUEUE)
    drive = StreetDrive(seed=6, length=EACH * len(NAMES), size=(188, 620))
    stamps: list[int] = []
    with Bench(tracker, neighbour) as bench:
        assert tracker.start()
        counts = tracker._health._counts
        bench.until(lambda: neighbour.labels and neighbour.images.get_subscription_count())
        for number, item in enumerate(drive):
            name = NAMES[number // EACH]
            (result,) = tracker.set_parameters([Parameter("tracker.name", value=name)])
            assert result.successful, result.reason
            stamps.append(item.frame.stamp_ns)
            neighbour.images.publish(to_rgb_message(item.frame, item.frame.image))
            # TrackR-CNN answers when the next image has come, or none for a second.
            looks_ahead = name == "trackrcnn" and (number + 1) % EACH
            expected = len(stamps) - bool(looks_ahead)
            bench.until(lambda: counts["received"] == len(stamps))
            bench.until(lambda: tracker._worker._mailbox._item is None)
            bench.until(lambda count=expected: len(neighbour.masks) >= count)
        assert (counts["processed"], counts["failed"], counts["dropped"]) == (len(stamps), 0, 0)
        # The same ids are others' from now on: their trails have ended.
        assert len(forgotten) == len(NAMES) - 1
    assert [header_stamp_ns(message) for message in neighbour.masks] == stamps
    ids = [{int(found.id) for found in message.detections} for message in neighbour.detections]
    for start in range(0, len(stamps), EACH):
        seen = set().union(*ids[start : start + EACH])
        # Every tracker counts from 1.
        assert seen == set(range(1, len(seen) + 1)), (NAMES[start // EACH], ids)
        assert ids[start] & ids[start + 1], NAMES[start // EACH]
