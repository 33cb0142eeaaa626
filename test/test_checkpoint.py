"""Weights files: what is written comes back; what is wrong is named and never runs."""

import dataclasses
import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mots_ros.nets import checkpoint
from mots_ros.nets.checkpoint import CheckpointError
from mots_ros.nets.searchtrack import LIGHT, SearchTrackNet

SMALL = dataclasses.replace(LIGHT, channels=(2, 2, 4, 4, 4, 4), head_channels=4)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    path = tmp_path / "small.safetensors"
    checkpoint.save(SearchTrackNet(SMALL), path)
    return path


def _rewrite(path: Path, change) -> None:  # type: ignore[no-untyped-def]
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"spec": json.dumps(dataclasses.asdict(SMALL))})


def test_round_trip(weights: Path) -> None:
    torch.manual_seed(1)
    expected = SearchTrackNet(SMALL).state_dict()
    net = checkpoint.load(weights)
    assert net.spec == SMALL
    assert not net.training
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=0)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nothing\.safetensors: no such weights file"):
        checkpoint.load(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("kept", [0, 5, 1000])
def test_truncated_file(weights: Path, kept: int) -> None:
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"small\.safetensors: damaged, truncated"):
        checkpoint.load(weights)


def test_pickled_code_does_not_run(weights: Path, tmp_path: Path) -> None:
    witness = tmp_path / "it_ran"

    class Bomb:
        def __reduce__(self):  # type: ignore[no-untyped-def]
            return (Path.touch, (witness,))

    weights.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match="no safetensors file"):
        checkpoint.load(weights)
    assert not witness.exists()


def test_missing_unexpected_and_reshaped_tensors_are_listed(weights: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors["extra"] = tensors.pop("hm.2.bias")
        tensors["wh.2.bias"] = torch.zeros(5)

    _rewrite(weights, change)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(weights)
    message = str(caught.value)
    assert "missing: hm.2.bias" in message
    assert "unexpected: extra" in message
    assert "wh.2.bias is (5,), not (2,)" in message


def test_file_without_a_spec(weights: Path) -> None:
    save_file(load_file(weights), weights)
    with pytest.raises(CheckpointError, match="no 'spec'"):
        checkpoint.load(weights)


@pytest.mark.parametrize("spec", ["[]", "{}", "not json", '{"class_names": 1}'])
def test_file_with_a_strange_spec(weights: Path, spec: str) -> None:
    save_file(load_file(weights), weights, metadata={"spec": spec})
    with pytest.raises(CheckpointError, match="'spec' cannot be understood"):
        checkpoint.load(weights)
