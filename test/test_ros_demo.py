"""The demo on a short drive: another process tracks, and the score comes from its recording."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from mots_ros.data.tracked_bags import TrackedBag
from mots_ros.nets import checkpoint
from mots_ros.nets.searchtrack import LIGHT, SearchTrackNet
from mots_ros.ros.demo import DemoError, run

LENGTH = 4


def parameter_file(path: Path, **detector: object) -> Path:
    path.write_text(yaml.safe_dump({"/**": {"ros__parameters": {"detector": detector}}}))
    return path


def demo(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mots_ros.ros.demo", "--length", str(LENGTH)]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )


def test_every_frame_is_answered_and_scored_and_a_second_demo_replaces_the_first(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    checkpoint.save(SearchTrackNet(LIGHT), tmp_path / "untrained.safetensors")
    weights = str(tmp_path / "untrained.safetensors")
    params = parameter_file(tmp_path / "params.yaml", weights=weights)
    out = tmp_path / "demo"
    done = demo("--out", out, "--params", params)
    assert done.returncode == 0, done.stderr
    assert "HOTA" in done.stdout
    tracked = TrackedBag(out / "tracked")
    assert (len(tracked), tracked.unpaired) == (LENGTH, ())
    assert "HOTA" in (out / "report.html").read_text()
    facts = json.loads((out / "report" / "scores.json").read_text())
    (summary,) = facts["sequences"].values()
    assert (summary["frames"], summary["frames_without_result"]) == (LENGTH, [])

    # The second time, the node does not start.
    wrong = parameter_file(tmp_path / "wrong.yaml", wieghts=weights)
    done = demo("--out", out, "--params", wrong)
    assert done.returncode == 1
    assert "unknown parameter 'detector.wieghts'" in done.stderr
    assert str(wrong) in done.stderr
    assert not (out / "report").exists()


def test_what_the_demo_did_not_make_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DemoError, match="was not made by the demo"):
        run(tmp_path, seed=1, length=1, params=tmp_path / "params.yaml")
    assert (tmp_path / "thesis.txt").read_text() == "mine"
