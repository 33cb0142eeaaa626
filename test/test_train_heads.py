"""Training a tracker's head: it learns beside a network that stays as it is."""

import copy
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional as F

from mots_ros.commands import train as command
from mots_ros.commands import training_job
from mots_ros.nets import checkpoint, head_file
from mots_ros.nets.checkpoint import CheckpointError
from mots_ros.nets.searchtrack import SearchTrackNet
from mots_ros.parameter import ConfigError
from mots_ros.training.loop import TrainingState, train
from mots_ros.training.objective import HeadObjective, detection_losses
from mots_ros.training.plan import Plan
from mots_ros.training.snippets import SnippetBatch, SnippetDataset, collate
from small_net import SMALL, small_net
from toy_drive import toy_clip

CPU = torch.device("cpu")
PLAN = Plan(
    crop_height=64, crop_width=128, batch=2, iterations=6, warmup=2, workers=0, save_every=3
)


class Telling(HeadObjective):
    """The head tells objects apart by the features at their centres."""

    FRAMES: ClassVar[int] = 2
    MAX_GAP: ClassVar[int] = 3

    def __init__(self, net: SearchTrackNet, identities: int) -> None:
        super().__init__(net, nn.Linear(SMALL.channels[2], 4))
        self.classifier = nn.Linear(4, identities)

    def forward(self, batch: SnippetBatch) -> dict[str, Tensor]:
        x, y = batch.place.unbind(1)
        at_centres = self.features(batch).shared[batch.frame, :, y, x]
        logits = self.classifier(self.head(at_centres))
        return {"identity": F.cross_entropy(logits, batch.identity, reduction="sum")}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums in another order would end elsewhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def samples(cache: Path) -> SnippetDataset:
    clip = toy_clip(cache)
    return SnippetDataset([clip], [1], (64, 128), 0, Telling.FRAMES, Telling.MAX_GAP)


def start(plan: Plan = PLAN, seed: int = 0) -> TrainingState:
    torch.manual_seed(seed)
    return TrainingState.start(Telling(small_net(), identities=2), plan, CPU)


def run(state: TrainingState, samples: SnippetDataset, plan: Plan = PLAN, checkpoint=None) -> None:  # type: ignore[no-untyped-def]
    train(state, samples, plan, CPU, lambda *_: None, checkpoint or (lambda: None))


def test_the_head_learns_and_the_network_stays_bit_for_bit(samples: SnippetDataset) -> None:
    plan = dataclasses.replace(PLAN, iterations=30, learning_rate=0.03, average=0.8)
    state = start(plan)
    network = copy.deepcopy(state.objective.net.state_dict())
    head = copy.deepcopy(state.objective.trained.state_dict())
    probe = collate([samples[i] for i in range(100, 110)])
    before = state.objective(probe)["identity"].item()
    run(state, samples, plan)
    assert state.objective(probe)["identity"].item() < 0.8 * before
    assert state.averaged.state_dict().keys() == head.keys()
    assert not any(torch.equal(state.averaged.state_dict()[name], head[name]) for name in head)
    for name, value in state.objective.net.state_dict().items():
        assert torch.equal(value, network[name]), name


def test_a_head_continues_exactly(samples: SnippetDataset, tmp_path: Path) -> None:
    """The layers that only training has continue, too."""
    whole = start()
    run(whole, samples)

    def stop_after_three() -> None:
        halved.save(tmp_path / "state.pt")
        raise KeyboardInterrupt

    halved = start()
    with pytest.raises(KeyboardInterrupt):
        run(halved, samples, checkpoint=stop_after_three)
    resumed = start(seed=1)
    resumed.load(tmp_path / "state.pt", CPU)
    assert resumed.iteration == 3
    run(resumed, samples)
    for one, other in (
        (whole.averaged, resumed.averaged),
        (whole.objective, resumed.objective),
    ):
        for name, value in one.state_dict().items():
            torch.testing.assert_close(other.state_dict()[name], value, msg=name)


def test_detection_teaches_what_changes_the_features(samples: SnippetDataset) -> None:
    """Gradients pass the network's heads, and leave them as they are."""
    net = small_net().requires_grad_(False).eval()
    channels = SMALL.channels[2]
    context = nn.Conv2d(channels, channels, 3, padding=1)
    batch = collate([samples[i] for i in range(4)])
    before = net.features(torch.rand(len(batch.counts), 3, 64, 128))
    features = dataclasses.replace(before, shared=context(before.shared))
    losses = detection_losses(net, features.shared, net.heads(features), batch)
    assert losses.keys() == {"heat", "size", "offset", "mask"}
    for name, loss in losses.items():
        context.zero_grad()
        loss.backward(retain_graph=True)
        assert context.weight.grad.abs().max() > 0, name
    assert all(weights.grad is None for weights in net.parameters())


@pytest.mark.parametrize("tracker", training_job.RECIPES)
def test_the_command_trains_the_head_of_every_tracker(
    tracker: str, cache: Path, tmp_path: Path
) -> None:
    """It is validated by its own tracker, and of use only beside the network of its training."""
    network, out = tmp_path / "net.safetensors", tmp_path / "run"
    checkpoint.save(small_net(), network)
    street = {"kind": "street", "seeds": [1000, 1000], "length": 2}
    values = {
        **{"tracker": tracker, "start": str(network), "crop_height": 64, "crop_width": 64},
        **{"batch": 1, "iterations": 2, "warmup": 1, "workers": 0, "validate_every": 2},
        **{"data": [street], "validation": [street]},
    }
    plan = tmp_path / "plan.yaml"
    plan.write_text(yaml.safe_dump(values))
    command.main([str(out), "--config", str(plan), "--cache", str(cache)])
    (row,) = map(json.loads, (out / "history.jsonl").read_text().splitlines())
    assert row["iteration"] == 2 and "HOTA/car" in row
    fingerprint = checkpoint.read(network).fingerprint()
    head = head_file.load(out / "last.safetensors", tracker, fingerprint)
    assert head.spec


def test_a_number_that_the_head_does_not_have(tmp_path: Path) -> None:
    checkpoint.save(small_net(), tmp_path / "net.safetensors")
    plan = Plan(tracker="dior", start=str(tmp_path / "net.safetensors"), head={"sides": 4})
    with pytest.raises(ConfigError, match="'head': unknown 'sides'; did you mean 'side'?"):
        training_job.training_job(plan, [], [], resume=False)


def test_a_head_follows_its_network(samples: SnippetDataset, tmp_path: Path) -> None:
    """What was learnt beside one network is where training beside another begins."""
    first, later = small_net(), small_net()
    with torch.no_grad():
        later.hm[2].bias += 1  # type: ignore[operator]
    for name, net in (("first", first), ("later", later)):
        checkpoint.save(net, tmp_path / f"{name}.safetensors")
    started = training_job.training_job(
        plan := Plan(tracker="cstrack", start=str(tmp_path / "first.safetensors")),
        samples._clips,
        [1],
        resume=False,
    )
    started.save(started.objective.trained, tmp_path / "head.safetensors")
    changes = {
        "start": str(tmp_path / "later.safetensors"),
        "start_head": str(tmp_path / "head.safetensors"),
    }
    torch.manual_seed(1)
    plan = dataclasses.replace(plan, **changes)
    following = training_job.training_job(plan, samples._clips, [1], resume=False)
    learnt = started.objective.trained.state_dict()
    for name, values in following.objective.trained.state_dict().items():
        torch.testing.assert_close(values, learnt[name])
    other = dataclasses.replace(plan, head={"embedding": 8})
    with pytest.raises(ConfigError, match=r"'start_head': .*embedding=512.*embedding=8"):
        training_job.training_job(other, samples._clips, [1], resume=False)
    wrong = dataclasses.replace(plan, tracker="dior")
    with pytest.raises(CheckpointError, match="expected the head of dior, found that of cstrack"):
        training_job.training_job(wrong, samples._clips, [1], resume=False)
