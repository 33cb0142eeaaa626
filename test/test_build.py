"""From configuration to a running pipeline, and changes while it runs."""

import dataclasses
import os
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch

from mots_ros.build import build_pipeline, build_tracker, reconfigure, weights_path
from mots_ros.config import Config, parameters
from mots_ros.core.types import Frame
from mots_ros.data.street import StreetDrive
from mots_ros.detection.runner import NetworkRunner
from mots_ros.nets import checkpoint
from mots_ros.nets.checkpoint import CheckpointError
from mots_ros.nets.search import SearchHead
from mots_ros.nets.searchtrack import LIGHT, SearchTrackNet
from mots_ros.parameter import ConfigError
from mots_ros.resources import share
from mots_ros.trackers.searchtrack import SearchTracker
from mots_ros.trackers.sort import SortTracker

SMALL = dataclasses.replace(LIGHT, channels=(2, 2, 4, 4, 4, 4), head_channels=4)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    torch.manual_seed(0)
    checkpoint.save(SearchTrackNet(SMALL), tmp_path / "small.safetensors")
    weights = str(tmp_path / "small.safetensors")
    return Config().with_values({"detector.weights": weights, "detector.device": "cpu"})


@pytest.fixture(scope="module")
def street() -> list[Frame]:
    return [item.frame for item in StreetDrive(seed=6, length=6, size=(188, 620))]


def test_names_choose_trackers() -> None:
    names = parameters()["tracker.name"].metadata["choices"]
    kinds = {
        name: type(build_tracker(dataclasses.replace(Config().tracker, name=name)))
        for name in names
    }
    assert kinds["searchtrack"] is SearchTracker
    assert kinds["sort"] is SortTracker
    assert len(set(kinds.values())) == len(names)


def test_bare_weights_lie_in_the_models_folder(tmp_path: Path) -> None:
    assert weights_path("a.safetensors") == share("models") / "a.safetensors"
    assert weights_path("./a.safetensors") == Path("a.safetensors")
    assert weights_path(str(tmp_path / "a")) == tmp_path / "a"
    assert weights_path("~/a") == Path.home() / "a"


def test_missing_weights_are_named() -> None:
    config = Config().with_values({"detector.weights": "no_such.safetensors"})
    with pytest.raises(CheckpointError, match=r"models/no_such\.safetensors: no such"):
        build_pipeline(config)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there(config: Config) -> None:
    with pytest.raises(ConfigError, match=r"'detector\.device' is cuda"):
        build_pipeline(config.with_values({"detector.device": "cuda"}))


def test_thresholds_change_and_tracks_stay(config: Config) -> None:
    pipeline = build_pipeline(config)
    tracker = pipeline.tracker
    changed = config.with_values({"detector.score_threshold": 0.7, "tracker.max_misses": 3})
    reconfigure(pipeline, changed)
    assert pipeline.tracker is tracker
    assert pipeline.tracker.config == changed.tracker
    assert pipeline.detector.config == changed.detector


@pytest.mark.parametrize("name", parameters()["tracker.name"].metadata["choices"])
def test_the_input_changes_and_ids_stay(name: str, street: list[Frame]) -> None:
    narrow = Config().with_values(
        {"tracker.name": name, "detector.input_width": 320, "detector.threads": 1}
    )
    pipeline = build_pipeline(narrow)
    tracked = []
    passed = NetworkRunner._passed
    with patch.object(NetworkRunner, "_passed", autospec=True, side_effect=passed) as looks:
        for number, frame in enumerate(street):
            if number == 3:
                wide = narrow.with_values({"detector.input_width": 448})
                tracked += reconfigure(pipeline, wide)
            tracked += pipeline.step(frame)
        tracked += pipeline.finish()
    letterboxes = [call.args[3] for call in looks.call_args_list]
    assert [letterbox.input_size[1] for letterbox in letterboxes] == [320] * 3 + [448] * 3
    ids = [set(frame.ids.tolist()) for frame in tracked]
    assert len(ids) == 6
    assert ids[2] & ids[3]


def test_another_tracker_takes_the_seat(config: Config) -> None:
    pipeline = build_pipeline(config)
    reconfigure(pipeline, config.with_values({"tracker.name": "sort"}))
    assert isinstance(pipeline.tracker, SortTracker)
    assert pipeline.detector.head is None
    reconfigure(pipeline, config)
    assert isinstance(pipeline.tracker, SearchTracker)
    assert isinstance(pipeline.detector.head, SearchHead)


def test_torch_has_threads_where_it_works_on_maps() -> None:
    before, config = torch.get_num_threads(), Config().with_values({"detector.threads": 3})
    try:
        pipeline = build_pipeline(config)
        for graph_threads, name, expected in (
            (3, "sort", 1),
            (3, "cstrack", 3),
            (3, "searchtrack", 1),
            (0, "sort", 3),
        ):
            pipeline.detector.runner.graph_threads = graph_threads
            reconfigure(pipeline, config.with_values({"tracker.name": name}))
            assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)


def test_another_tracker_works_beside_the_network_that_runs(config: Config) -> None:
    """Whatever became of its file since: training may have written another."""
    pipeline = build_pipeline(config)
    path = Path(config.detector.weights)
    torch.manual_seed(1)
    checkpoint.save(SearchTrackNet(SMALL), path)
    os.utime(path, (1, 1))
    reconfigure(pipeline, config.with_values({"tracker.name": "sort"}))
    reconfigure(pipeline, config)
    head = pipeline.detector.head
    assert isinstance(head, SearchHead)
    assert head._look == pipeline.detector.runner.search
    path.unlink()
    reconfigure(pipeline, config.with_values({"tracker.name": "sort"}))
    assert isinstance(pipeline.tracker, SortTracker)


def test_a_tracker_that_cannot_be_had_keeps_nothing_else_from_changing(config: Config) -> None:
    pipeline = build_pipeline(config)
    wrong = {"tracker.name": "dior", "tracker.head": "./absent.safetensors"}
    changed = config.with_values({**wrong, "detector.score_threshold": 0.7})
    with pytest.raises(CheckpointError, match=r"absent\.safetensors"):
        reconfigure(pipeline, changed)
    assert isinstance(pipeline.tracker, SearchTracker)
    assert pipeline.detector.config.score_threshold == 0.7


@pytest.mark.parametrize("weights", ["~no_such_user/a", "/" + 300 * "a"])
def test_weights_that_cannot_be_a_file(weights: str) -> None:
    with pytest.raises(CheckpointError, match="no such weights file"):
        weights_path(weights)


def test_detectors_with_the_same_weights_share_a_network(config: Config) -> None:
    """Who is not awake does not count: others would wait for its frames."""
    first, second = build_pipeline(config), build_pipeline(config)
    runner = first.detector.runner
    assert second.detector.runner is runner
    assert runner._users == 0
    first.wake()
    first.wake()
    assert runner._users == 1
    second.wake()
    assert runner._users == 2
    second.sleep()
    second.sleep()
    assert runner._users == 1
    second.step(Frame(0, "camera", np.zeros((32, 64, 3), np.uint8)))
    assert runner._users == 2
    del second
    assert runner._users == 1
    del first, runner
    assert build_pipeline(config).detector.runner._users == 0


def test_weights_that_were_written_anew_are_read_anew(config: Config) -> None:
    first = build_pipeline(config)
    assert build_pipeline(config).detector.runner is first.detector.runner
    path = Path(config.detector.weights)
    torch.manual_seed(1)
    checkpoint.save(SearchTrackNet(SMALL), path)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert build_pipeline(config).detector.runner is not first.detector.runner
