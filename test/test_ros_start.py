"""What the executables say when they cannot do what they were asked to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mots_ros.data.bag_files import BagWriter
from mots_ros.ros import play, record, tracker_node
from mots_ros.ros.node import TrackerNode

Main = Callable[..., tuple[int, str]]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Main:
    """Runs an executable's main with arguments; returns its exit status and last line."""

    def call(main: Callable[[], int], *arguments: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["program", *map(str, arguments)])
        try:
            status = main()
        except SystemExit as end:
            return 1, str(end.code)
        error = capfd.readouterr().err
        assert "Traceback" not in error
        return status, error.strip().splitlines()[-1]

    return call


def parameters(path: Path, text: str) -> list[str]:
    path.write_text(text)
    return ["--ros-args", "--params-file", str(path)]


def test_a_misspelt_key_is_named_with_node_and_file(start: Main, tmp_path: Path) -> None:
    text = "mots_tracker: {ros__parameters: {tracker: {max_mises: 3}}}"
    status, line = start(tracker_node.main, *parameters(tmp_path / "tracker.yaml", text))
    assert status == 1
    assert "[mots_tracker]: unknown parameter 'tracker.max_mises'" in line
    assert str(tmp_path / "tracker.yaml") in line


def test_a_file_that_is_no_yaml_is_named(start: Main, tmp_path: Path) -> None:
    status, line = start(tracker_node.main, *parameters(tmp_path / "broken.yaml", "a: ]["))
    assert status == 1
    assert str(tmp_path / "broken.yaml") in line


@pytest.mark.parametrize(
    ("content", "complaint"), [(None, "no such weights file"), (b"\x99" * 40, "truncated")]
)
def test_unusable_weights_are_named(
    start: Main, tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    weights = tmp_path / "net.safetensors"
    if content is not None:
        weights.write_bytes(content)
    text = f"/**: {{ros__parameters: {{detector: {{weights: {weights}}}}}}}"
    status, line = start(tracker_node.main, *parameters(tmp_path / "tracker.yaml", text))
    assert status == 1
    assert str(weights) in line
    assert complaint in line


def test_a_bag_without_images_is_not_played(start: Main, tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        bag.add_topic("/imu", "sensor_msgs/msg/Imu")
    status, line = start(play.main, tmp_path / "bag")
    assert status == 1
    assert str(tmp_path / "bag") in line
    assert "/imu" in line


def test_a_recording_is_not_overwritten(start: Main, tmp_path: Path) -> None:
    status, line = start(record.main, tmp_path)
    assert status == 1
    assert line == f"record: {tmp_path} exists; it is not overwritten"


@pytest.mark.parametrize(
    ("names", "topics"),
    [
        (["front", "/left"], ["/robot/front/mots_tracker", "/left/mots_tracker"]),
        ([], ["/robot/mots_tracker"]),
    ],
)
def test_cameras_lie_in_the_namespace_that_a_launch_file_pushes(
    start: Main, monkeypatch: pytest.MonkeyPatch, names: list[str], topics: list[str]
) -> None:
    """rcl alone would give it to every node in the place of its own."""
    begun: list[str] = []

    def begin(node: TrackerNode) -> bool:
        begun.append(node.get_fully_qualified_name())
        node.get_logger().fatal("enough")
        return len(begun) < len(topics)

    monkeypatch.setattr(TrackerNode, "start", begin)
    options = ["--namespaces", *names] if names else []
    status, _ = start(tracker_node.main, *options, "--ros-args", "-r", "__ns:=/robot")
    assert status == 1
    assert begun == topics
