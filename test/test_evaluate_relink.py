"""evaluate --relink on a drive whose track breaks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from box_worlds import annotation, tracked_frame
from mots_ros.commands import evaluate
from mots_ros.core.types import Frame, TrackedFrame
from mots_ros.data import kitti_mots
from mots_ros.data.bags import write_drive
from step_pipeline import StepPipeline
from test_evaluate import LENGTH, SIZE, START_S, car, frames, refusal, run


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A bag and its truth; the car is track 8, from frame 3 on track 9: a cosine of 0.96 apart."""

    def step(frame: Frame) -> TrackedFrame:
        number = frame.stamp_ns // 10**9 - START_S
        track_id, looks = (8, (3, 4)) if number < 3 else (9, (4, 3))
        tracked = tracked_frame(SIZE, {track_id: car(number)}, frame.stamp_ns)
        return replace(tracked, embeddings=np.array([looks], np.float32))

    monkeypatch.setattr("mots_ros.build.build_pipeline", lambda config: StepPipeline(step))
    monkeypatch.setattr("mots_ros.build.build_detector", lambda config: None)
    write_drive(tmp_path / "drive", frames())
    truth = tmp_path / "drive.txt"
    kitti_mots.write(truth, annotation(SIZE, [{1004: car(i)} for i in range(LENGTH)]))
    return tmp_path / "drive", truth


def switches(folder: Path) -> int:
    document = json.loads((folder / "scores.json").read_text())
    return document["sequences"]["drive"]["scores"]["car"]["IDSW"]


def test_there_is_a_report_of_the_tracks_before_and_one_after(drive, tmp_path, capsys):
    bag, truth = drive
    out = tmp_path / "out"
    run(bag, "--gt", truth, "--out", out, "--relink")
    assert switches(out) == 1
    assert switches(out / "relinked") == 0
    results = kitti_mots.read(out / "relinked" / "results" / "drive.txt")
    assert {item.object_id for found in results.frames.values() for item in found} == {1001}
    assert (results.instances(4) != 0).sum() == 30 * 20
    before, after = capsys.readouterr().out.split("\nrelinked:\n")
    assert "IDSW" in before and "IDSW" in after


def test_tracks_must_be_more_alike_than_the_limit(drive, tmp_path):
    bag, truth = drive
    run(bag, "--gt", truth, "--out", tmp_path / "out", "--relink", "0.97")
    assert switches(tmp_path / "out" / "relinked") == 1


def test_one_cannot_go_on_with_another_limit(drive, tmp_path, capsys):
    run(drive[0], "--out", tmp_path / "out", "--relink", "0.7")
    said = refusal(capsys, drive[0], "--out", tmp_path / "out", "--resume")
    assert "--relink was 0.7 and is null now" in said


def test_a_tracker_that_knows_no_looks(drive, tmp_path, monkeypatch, capsys):
    blind = StepPipeline(lambda frame: tracked_frame(SIZE, {}, frame.stamp_ns))
    monkeypatch.setattr("mots_ros.build.build_pipeline", lambda config: blind)
    said = refusal(capsys, drive[0], "--out", tmp_path / "out", "--relink")
    assert "dior, cstrack or trackrcnn" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--relink", "2"], "expected a cosine from -1 to 1, found '2'"),
        (["--relink", "--results", "there"], "--relink change nothing there"),
    ],
)
def test_contradictions(arguments, message, capsys):
    with pytest.raises(SystemExit):
        evaluate.main(["drive", *arguments])
    assert message in capsys.readouterr().err
