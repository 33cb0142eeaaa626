"""Heads on disk: what is written comes back, beside the right network and for the right tracker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mots_ros.nets import checkpoint, head_file
from mots_ros.nets.checkpoint import CheckpointError
from small_net import small_net


@dataclass(frozen=True)
class Spec:
    widths: tuple[int, ...]
    bias: bool


class Head(nn.Linear):
    def __init__(self, spec: Spec) -> None:
        super().__init__(*spec.widths, bias=spec.bias)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_file, "HEADS", {"linear": (Spec, Head), "other": (Spec, Head)})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    spec = Spec((3, 5), True)
    head_file.save(Head(spec), spec, "linear", "abc", tmp_path / "head.safetensors")
    return tmp_path / "head.safetensors"


def test_round_trip(path: Path) -> None:
    head = head_file.load(path, "linear", "abc")
    assert not head.training
    torch.manual_seed(1)
    torch.testing.assert_close(head.weight, Head(Spec((3, 5), True)).weight, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("tracker", "network", "message"),
    [
        ("other", "abc", r"head\.safetensors: expected the head of other, found that of linear"),
        ("linear", "abd", "trained beside other weights than 'detector.weights' names"),
    ],
)
def test_a_head_of_something_else_is_refused(
    path: Path, tracker: str, network: str, message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        head_file.load(path, tracker, network)


def test_a_network_is_no_head(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    checkpoint.save(small_net(), path)
    with pytest.raises(CheckpointError, match=r"net\.safetensors: .*found no tracker's head"):
        head_file.load(path, "linear", "abc")


def test_a_head_is_no_network(path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"expected a network, found a head of linear"):
        checkpoint.load(path)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ('{"widths": [3, 5]}', "its 'spec' cannot be understood"),
        ("[", "its 'spec' cannot be understood"),
        ('{"widths": [3, 5], "bias": false}', "unexpected: bias"),
    ],
)
def test_wrong_numbers(path: Path, spec: str, message: str) -> None:
    weights = {"weight": torch.zeros(5, 3), "bias": torch.zeros(5)}
    save_file(weights, path, {"tracker": "linear", "network": "abc", "spec": spec})
    with pytest.raises(CheckpointError, match=message):
        head_file.load(path, "linear", "abc")


def test_a_fingerprint_tells_networks_apart_but_not_formats(tmp_path: Path) -> None:
    ours, released = tmp_path / "net.safetensors", tmp_path / "net.pth"
    prints = []
    for seed in (0, 1):
        checkpoint.save(small_net(seed), ours)
        prints.append(checkpoint.read(ours).fingerprint())
    state = small_net(1).state_dict()
    # A released network's first layer meets blue first.
    state["base.base_layer.0.weight"] = state["base.base_layer.0.weight"].flip(1)
    torch.save({"state_dict": state}, released)
    assert prints[0] != prints[1] == checkpoint.read(released).fingerprint()
