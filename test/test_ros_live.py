"""Live mode with a real node: what it is too slow for is dropped, counted, and missed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import Image

from box_worlds import annotation
from mots_ros.config import Config
from mots_ros.core.types import Frame, TrackedFrame
from mots_ros.data import kitti_mots
from mots_ros.data.bags import BagDrive, write_drive
from mots_ros.data.tracked_bags import TrackedBag
from mots_ros.evaluation.collect import track
from mots_ros.evaluation.folder import write_sequence
from mots_ros.evaluation.numbering import by_index
from mots_ros.ros import live
from mots_ros.ros.interface import QUEUE
from mots_ros.ros.node import TrackerNode
from ros_bench import DOMAIN, SIZE, Bench, StubPipeline

Ros = Callable[..., Any]
Main = Callable[..., tuple[int, str, str]]

LENGTH = 6
STAMPS = [10**9 + 10**8 * number for number in range(LENGTH)]
HEIGHT, WIDTH = SIZE


def make_drive(path: Path, grey: int = 100, stamps: list[int] = STAMPS) -> Path:
    """Ten images a second."""
    write_drive(
        path, [Frame(stamp, "camera", np.full((*SIZE, 3), grey, np.uint8)) for stamp in stamps]
    )
    return path


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    return make_drive(tmp_path / "drive")


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """A pedestrian a little larger than what the tracker sees."""
    path = tmp_path / "drive.txt"
    person = {2001: (0, 0, WIDTH // 2 + 4, HEIGHT)}
    kitti_mots.write(path, annotation(SIZE, [person] * LENGTH))
    return path


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Main:
    """Runs live among some nodes; returns its exit status and what it said."""

    def call(nodes: list[Any], *arguments: object) -> tuple[int, str, str]:
        @contextmanager
        def session() -> Iterator[Any]:
            with Bench(*nodes) as bench:
                yield bench._executor

        monkeypatch.setattr(live, "ros_session", session)
        monkeypatch.setattr("sys.argv", ["live", *map(str, arguments)])
        status = live.main()
        said = capfd.readouterr()
        return status, said.out, said.err

    return call


def tracker(pipeline: type[StubPipeline] = StubPipeline) -> TrackerNode:
    node = TrackerNode(pipeline)  # type: ignore[arg-type]
    assert node.start()
    return node


class Switching(StubPipeline):
    """Has another id for the pedestrian in the second half of the drive."""

    def step(self, frame: Frame) -> list[TrackedFrame]:
        (tracked,) = super().step(frame)
        if frame.stamp_ns >= STAMPS[LENGTH // 2]:
            tracked.ids[:] = 8
            tracked.label_image[tracked.label_image == 7] = 8
        return [tracked]


def test_a_fast_tracker_scores_live_what_it_scores_offline(
    ros: Ros, main: Main, drive: Path, truth: Path, tmp_path: Path
) -> None:
    pipeline = Switching(Config())
    images = by_index(BagDrive(drive))
    results = track(images, pipeline, pipeline.detector.class_names)
    offline = tmp_path / "offline"
    write_sequence(offline, "drive", LENGTH, results, kitti_mots.read(truth), images)
    expected = json.loads((offline / "sequences" / "drive" / "summary.json").read_text())
    assert expected["scores"]["pedestrian"]["IDSW"] == 1

    ros()
    out = tmp_path / "live"
    status, said, _ = main([tracker(Switching)], drive, "--gt", truth, "--out", out)
    assert status == 0
    summary = json.loads((out / "report" / "scores.json").read_text())["sequences"]["drive"]
    measured, summary["live"] = summary["live"], None
    assert summary == expected
    assert measured.pop("scores_of_answered") == expected["scores"]
    for written in ("results/drive.txt", "boxes/pedestrian/drive.txt"):
        assert (out / "report" / written).read_text() == (offline / written).read_text()
    assert measured.pop("seconds") > 0.4
    assert all(0 < latency < 5000 for latency in measured.pop("latency_ms"))
    assert measured == {"rate": 1, "images_sent": LENGTH, "answered": LENGTH, "dropped": 0}
    assert "6 answered, 0 dropped (0.0%)" in said
    assert "latency" in said


def test_what_a_slow_tracker_drops_is_counted_and_missed(
    ros: Ros, main: Main, drive: Path, truth: Path, tmp_path: Path
) -> None:
    ros()
    node = tracker()

    def slow(frame: Frame, step: Any = node._pipeline.step) -> TrackedFrame:
        while node._health._counts["received"] < LENGTH:
            time.sleep(0.01)
        return step(frame)

    node._pipeline.step = slow  # type: ignore[method-assign, union-attr]
    out = tmp_path / "live"
    status, said, _ = main([node], drive, "--gt", truth, "--out", out, "--rate", 2)
    assert status == 0
    summary = json.loads((out / "report" / "scores.json").read_text())["sequences"]["drive"]
    assert summary["frames_without_result"] == [1, 2, 3, 4]
    assert summary["scores"]["pedestrian"]["TP"] == 2
    assert summary["scores"]["pedestrian"]["FN"] == 4
    measured = summary["live"]
    assert [measured[key] for key in ("images_sent", "answered", "dropped")] == [LENGTH, 2, 4]
    of_answered = measured["scores_of_answered"]["pedestrian"]
    assert (of_answered["TP"], of_answered["FN"], of_answered["IDSW"]) == (2, 0, 0)
    first, last = measured["latency_ms"]
    assert first > 200 > last  # All images took 250 ms.
    assert "2 answered, 4 dropped (66.7%)" in said
    assert "the answered frames alone:" in said


def test_a_tracker_that_ends_leaves_what_it_answered(
    ros: Ros, main: Main, drive: Path, tmp_path: Path
) -> None:
    ros()
    node = tracker()
    pipeline: Any = node._pipeline
    node.create_timer(0.02, lambda: len(pipeline.frames) == 3 and node.trigger_deactivate())
    status, _, said = main([node], drive, "--out", tmp_path / "live")
    assert status == 1
    assert "live: the tracker ended after" in said
    assert (
        f"--results {tmp_path / 'live' / 'tracked'}" in said
        and f"evaluate {drive} --topic /" in said
    )
    # A busy machine may drop an image between those that it answers.
    answered = [frame.stamp_ns for frame in pipeline.frames]
    assert len(answered) >= 3 and set(answered) <= set(STAMPS)
    assert [frame.stamp_ns for frame in TrackedBag(tmp_path / "live" / "tracked")] == answered
    assert not (tmp_path / "live" / "report").exists()


def test_answers_that_never_come_are_not_waited_for(
    ros: Ros, main: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ros()
    monkeypatch.setattr(live, "_FINISH_S", 0.3)
    drive = make_drive(tmp_path / "unlucky", grey=13)
    status, _, said = main([tracker()], drive, "--out", tmp_path / "live")
    assert status == 1
    assert "live: the tracker answered none of 6 images" in said


def refusal(main: Main, tmp_path: Path, nodes: list[Any], *arguments: object) -> str:
    """Why nothing was played."""
    out = tmp_path / "live"
    status, _, said = main(nodes, "--out", out, *arguments)
    assert status == 1
    assert not out.exists()
    return said.splitlines()[-1]


def test_without_a_tracker_it_says_how_to_start_one(
    ros: Ros, main: Main, drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ros()
    monkeypatch.setattr(live, "_START_S", 0.2)
    said = refusal(main, tmp_path, [], drive)
    assert said.startswith("live: no tracker publishes on /mots_tracker/detections; ")
    assert "'ros2 launch mots_ros tracker.launch.py image:=/image'" in said


def test_a_tracker_that_listens_elsewhere_is_named(
    ros: Ros, main: Main, drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ros("-r", "mots_tracker:image:=/camera/image_raw")
    monkeypatch.setattr(live, "_START_S", 1.0)
    said = refusal(main, tmp_path, [tracker()], drive)
    assert "/mots_tracker does not listen to /image (sensor_msgs/msg/Image)" in said
    assert "but to /camera/image_raw (sensor_msgs/msg/Image)" in said


def test_images_of_others_would_disturb(
    ros: Ros, main: Main, drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ros()
    monkeypatch.setattr(live, "_START_S", 1.0)
    node = tracker()
    node.create_publisher(Image, "image", QUEUE)
    said = refusal(main, tmp_path, [node], drive)
    assert "found publishers /mots_tracker, /player" in said


def test_images_that_cannot_be_told_apart_are_not_played(main: Main, tmp_path: Path) -> None:
    drive = make_drive(tmp_path / "drive", stamps=[STAMPS[0], *STAMPS[:3]])
    said = refusal(main, tmp_path, [], drive)
    assert "but frames 0 and 1 both have 1.000000000 s" in said


def test_ground_truth_of_another_drive_is_refused_first(
    main: Main, drive: Path, tmp_path: Path
) -> None:
    kitti_mots.write(tmp_path / "other.txt", annotation((10, 10), [{2001: (0, 0, 4, 4)}]))
    said = refusal(main, tmp_path, [], drive, "--gt", tmp_path / "other.txt")
    assert "expected the image size (24, 40) of the sequence" in said


def test_nothing_is_overwritten(main: Main, drive: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    status, _, said = main([], drive, "--out", tmp_path / "thesis")
    assert status == 1
    assert said == f"live: {tmp_path / 'thesis'} exists; it is not overwritten\n"


def test_an_interruption_leaves_a_recording_that_can_be_read(
    ros: Ros, drive: Path, tmp_path: Path
) -> None:
    ros()
    node = tracker()
    pipeline: Any = node._pipeline
    out = tmp_path / "live"
    with Bench(node) as bench:
        process = subprocess.Popen(
            [sys.executable, "-m", "mots_ros.ros.live", drive, "--out", out, "--rate", "0.2"],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"ROS_DOMAIN_ID": str(DOMAIN)},
        )
        bench.until(lambda: len(pipeline.frames) == 2, seconds=30)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=2)[1]
    assert process.returncode == 1
    assert "Traceback" not in said
    assert "live: stopped after" in said
    assert f"--results {out / 'tracked'}" in said and f"evaluate {drive} --topic /" in said
    assert [frame.stamp_ns for frame in TrackedBag(out / "tracked")][:1] == STAMPS[:1]
