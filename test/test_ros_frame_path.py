"""The benchmark of the frame path: what it measures, and how it compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

import frame_path


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bench") / "run.json"
    options = ["--set", "detector.input_width=128", "--images", "414x125", "--frames", "2"]
    frame_path.main([*options, "--tracks", "1", "3", "--out", str(out)])
    return out


def test_the_tick_is_compared_with_the_bare_network(capsys: pytest.CaptureFixture[str]) -> None:
    ticks, passes = iter([9.0] * 5 + [30.0, 20.0, 60.0]), iter([1.0] * 5 + [20.0, 10.0, 30.0])
    small = ["--set", "detector.input_width=128", "--images", "414x125", "--frames", "3"]
    tick, periods = frame_path._tick, [99.0] * 5 + [25.0, 15.0, 45.0]
    with (
        patch.object(frame_path, "_tick", lambda *given: next(ticks, tick(*given))),
        patch.object(frame_path, "_periods", lambda *_: periods),
        patch.object(frame_path, "_bare_network", lambda *_: lambda: next(passes)),
    ):
        frame_path.main([*small, "--tracks", "1"])
    lines = [line for line in capsys.readouterr().out.splitlines() if " / " in line]
    assert [" ".join(line.split()) for line in lines] == [
        "whole tick / bare network 2.00",
        "frame to frame / bare network 1.50",
    ]


def test_every_stage_is_timed_in_every_frame(measured: Path) -> None:
    runs = json.loads(measured.read_text())["runs"]
    assert [run["name"] for run in runs] == ["light, 414x125, 1 tracks", "light, 414x125, 3 tracks"]
    for run in runs:
        whole = "outside the network", "whole tick", "frame to frame", "bare network"
        for stage in (*frame_path.STAGES, *whole):
            assert len(run["ms"][stage]) == 2 and min(run["ms"][stage]) > 0, stage
        parts = ("preprocess", "network", "decode", "associate", "search")
        steps = run["ms"]["detector"][0] + run["ms"]["tracker"][0]
        assert steps == pytest.approx(sum(run["ms"][stage][0] for stage in parts))


def test_a_frame_holds_a_few_megabytes(tmp_path: Path) -> None:
    """Arrays and tensors: 2 and 9 for 20 tracks, 2 and 11 for 100."""
    out = tmp_path / "run.json"
    frame_path.main(["--tracks", "20", "100", "--frames", "1", "--out", str(out)])
    twenty, hundred = (run["mb"] for run in json.loads(out.read_text())["runs"])
    assert 1 < twenty["arrays"] < 4 and 4 < twenty["tensors"] < 12
    assert 1 < hundred["arrays"] < 4 and 4 < hundred["tensors"] < 12


def test_runs_compare_as_ratios(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slower = json.loads(measured.read_text())
    for run in slower["runs"]:
        run["ms"]["search"] = [2 * value for value in run["ms"]["search"]]
    (tmp_path / "new.json").write_text(json.dumps(slower))
    frame_path.main(["--compare", str(measured), str(tmp_path / "new.json")])
    lines = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert lines["search"] == ["2.00", "2.00"]
    assert lines["network"] == ["1.00", "1.00"]


def test_something_else_is_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(SystemExit):
        frame_path.main(["--compare", *[str(tmp_path / "other.json")] * 2])
    assert "other.json: expected what this command writes" in capsys.readouterr().err
