"""The table of all trackers: its rows, its numbers, what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from box_worlds import paint
from mots_ros.build import weights_path
from mots_ros.core.types import Detections, Frame, TrackedFrame
from mots_ros.data.drives import AnnotatedFrame
from mots_ros.nets import checkpoint, head_file
from mots_ros.nets.cstrack import CSTrackHead, CSTrackSpec

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

import trackers

SIZE = (64, 128)
SHORT = ["--streets", "0", "--length", "2", "--set", "detector.input_width=128"]


class Pace:
    """A drive of four frames in which one car moves, or a pipeline that knows all of it and keeps
    its id or not."""

    name = "pace"
    class_names = ("car", "pedestrian")

    def __init__(self, faithful: bool = True) -> None:
        self.detector = self
        self._faithful = faithful

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Any:
        for number in range(len(self)):
            frame = Frame(number * 10**8, "camera", np.zeros((*SIZE, 3), np.uint8))
            yield AnnotatedFrame(frame, self._painted(number, 1001))

    def step(self, frame: Frame) -> list[TrackedFrame]:
        number = frame.stamp_ns // 10**8
        ids = np.array([1 if self._faithful else number + 1])
        box = np.array([[8 + 4 * number, 16, 32 + 4 * number, 32]], np.float32)
        detections = Detections(box, np.ones(1, np.float32), np.zeros(1, np.int64))
        image = self._painted(number, int(ids[0])).astype(np.uint16)
        look = np.array([[1, 0]], np.float32)
        return [TrackedFrame(frame.stamp_ns, frame.frame_id, ids, detections, lambda: image, look)]

    def finish(self) -> list[TrackedFrame]:
        return []

    def reset(self) -> None:
        pass

    def wake(self) -> None:
        pass

    def _painted(self, number: int, value: int) -> Any:
        return paint(SIZE, {value: (8 + 4 * number, 16, 32 + 4 * number, 32)})


def test_each_pipeline_is_scored_and_timed_by_itself() -> None:
    pipelines = {"good": Pace(), "bad": Pace(False), "mended": Pace(False)}
    measured = trackers.measure_drive(Pace(), pipelines, relinked={"mended"})
    scores = {name: trackers._combined([one])["car"] for name, one in measured.items()}
    assert {name: of.id_switches for name, of in scores.items()} == {
        "good": 0,
        "bad": 3,
        "mended": 0,
    }
    assert scores["good"].hota == pytest.approx(100)
    assert scores["bad"].ass_a == pytest.approx(25)
    assert all(len(one.step_ms) == 4 for one in measured.values())


def test_several_drives_count_as_one() -> None:
    """Of two drives, in one of which the ids are lost; its switches are all switches."""
    both = [
        trackers.DriveMeasured("streets", "a", 4, trackers.measure_drive(Pace(), {"x": one}, set()))
        for one in (Pace(), Pace(False))
    ]
    head, *rows = trackers._rows(both)
    found, nobody = (dict(zip(head, row, strict=True)) for row in rows)
    assert (found["class"], found["tracker"], found["IDSW"]) == ("car", "x", "3")
    assert (nobody["class"], nobody["HOTA"]) == ("pedestrian", "-")
    # Eight detections, of which four share their id with all of four others' frames.
    assert float(found["AssA"]) == pytest.approx((4 * 100 + 4 * 25) / 8, abs=0.1)


@pytest.fixture
def head(tmp_path: Path) -> Path:
    """A head of CSTrack's that has learnt nothing, for the embedded network."""
    torch.manual_seed(0)
    spec = CSTrackSpec((32, 64, 96), width=4, embedding=8)
    network = checkpoint.read(weights_path("searchtrack_light.safetensors"))
    path = tmp_path / "untrained.safetensors"
    head_file.save(CSTrackHead(spec), spec, "cstrack", network.fingerprint(), path)
    return path


def test_the_command_prints_and_writes_what_it_measured(
    head: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.json"
    arguments = [*SHORT, "--trackers", "sort", "searchtrack", "--heads", str(head)]
    trackers.main([*arguments, "--out", str(out)])
    lines = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    assert lines[-6:] == [
        ["streets", class_name, tracker]
        for class_name in ("car", "pedestrian")
        for tracker in ("sort", "searchtrack", "untrained")
    ]
    values = json.loads(out.read_text())
    assert values["parameters"]["untrained"]["tracker.head"] == str(head)
    assert values["parameters"]["untrained"]["tracker.max_misses"] == 30
    assert values["parameters"]["sort"]["detector.input_width"] == 128
    assert [drive["drive"] for drive in values["drives"]] == ["street_0000"]
    combined = values["combined"]["streets"]
    assert combined.keys() == {"sort", "searchtrack", "untrained"}
    assert combined["sort"]["median_ms"] > 0

    with pytest.raises(SystemExit):
        trackers.main([*arguments, "--out", str(out)])
    assert "not overwritten" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--weights=missing.safetensors"], "missing.safetensors"),
        (["--set=tracker.name=sort"], "changes nothing"),
        (["--replicas=missing.txt"], "missing.txt"),
        (["--heads=missing.safetensors"], "missing.safetensors"),
        ([f"--heads={weights_path('searchtrack_light.safetensors')}"], "the head of a tracker"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        trackers.main(["--trackers", "sort", *arguments])
    printed = capsys.readouterr().err
    assert exit_.value.code == 2
    assert said in printed and printed.count("\n") == 1
