"""The training loop: it learns, stops, continues exactly, and works in several processes."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from mots_ros.commands import train as command
from mots_ros.commands import training_job
from mots_ros.nets import checkpoint
from mots_ros.parameter import ConfigError
from mots_ros.training.clips import Clip
from mots_ros.training.history import History
from mots_ros.training.loop import Interrupted, TrainingState, train
from mots_ros.training.pairs import PairDataset, collate
from mots_ros.training.plan import Plan, load_plan
from mots_ros.training.searchtrack import SearchTrackObjective
from small_net import SMALL, small_net
from toy_drive import toy_clip

CPU = torch.device("cpu")
PLAN = Plan(
    crop_height=64, crop_width=128, batch=2, iterations=6, warmup=2, workers=0, save_every=3
)
CONFIG = Path(__file__).parents[1] / "config"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """The network is too small for several; sums in another order would end elsewhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return toy_clip(tmp_path_factory.mktemp("cache"))


def samples_of(clip: Clip, plan: Plan = PLAN) -> PairDataset:
    return PairDataset([clip], [1], (plan.crop_height, plan.crop_width), plan.seed)


def run(state: TrainingState, clip: Clip, plan: Plan = PLAN, **calls) -> list[dict[str, float]]:  # type: ignore[no-untyped-def]
    """Train; returns the losses at every checkpoint."""
    seen: list[dict[str, float]] = []

    def save() -> None:
        seen.append(dict(state.losses))

    calls = {"show": lambda *_: None, "checkpoint": save, **calls}
    train(state, samples_of(clip, plan), plan, CPU, **calls)
    return seen


def test_losses_fall_on_what_is_learnt(clip: Clip) -> None:
    plan = dataclasses.replace(PLAN, iterations=90, learning_rate=1e-2)
    state = TrainingState.start(SearchTrackObjective(small_net()), plan, CPU)
    probe = collate([samples_of(clip)[i] for i in range(100, 104)])

    def total() -> float:
        return sum(loss.item() for loss in state.objective(probe).values())

    before = total()
    run(state, clip, plan)
    assert state.iteration == 90
    assert total() < 0.8 * before


def test_every_parameter_gets_a_gradient_also_without_objects(clip: Clip) -> None:
    objective = SearchTrackObjective(small_net())
    batch = collate([samples_of(dataclasses.replace(clip, instances=clip.instances[:] * 0))[0]])
    assert batch.counts == (0, 0)
    losses = objective(batch)
    assert all(torch.isfinite(loss) for loss in losses.values())
    torch.stack(list(losses.values())).sum().backward()
    without = {name for name, p in objective.named_parameters() if p.grad is None}
    assert without == set()


def test_masks_alone_learn_where_the_rest_is_to_stay(clip: Clip) -> None:
    """To the last bit, the statistics of normalisation among it."""
    state = TrainingState.start(SearchTrackObjective(small_net(), masks_only=True), PLAN, CPU)
    before = {name: value.clone() for name, value in state.objective.net.state_dict().items()}
    run(state, clip)
    for trained in (state.objective.net, state.averaged):
        changed = {
            name.split(".")[0]
            for name, value in trained.state_dict().items()
            if not torch.equal(value, before[name])
        }
        assert changed == {"seg", "conv_weight"}


def test_a_loss_that_is_not_finite_stops(clip: Clip) -> None:
    net = small_net()
    torch.nn.init.constant_(net.hm[2].bias, float("nan"))
    with pytest.raises(FloatingPointError, match="a loss of step 0 is not finite: {'heat': nan"):
        run(TrainingState.start(SearchTrackObjective(net), PLAN, CPU), clip)


def test_it_continues_exactly(clip: Clip, tmp_path: Path) -> None:
    """Six steps at once, and three, a file, three more: the same losses and weights."""
    whole = TrainingState.start(SearchTrackObjective(small_net()), PLAN, CPU)
    first, last = run(whole, clip)

    def stop_after_three(*_: object) -> None:
        halved.save(tmp_path / "state.pt")
        raise KeyboardInterrupt

    halved = TrainingState.start(SearchTrackObjective(small_net()), PLAN, CPU)
    with pytest.raises(KeyboardInterrupt):
        run(halved, clip, checkpoint=stop_after_three)
    resumed = TrainingState.start(SearchTrackObjective(small_net(seed=1)), PLAN, CPU)
    resumed.load(tmp_path / "state.pt", CPU)
    assert resumed.iteration == 3 and resumed.losses == pytest.approx(first, rel=1e-6)
    (after,) = run(resumed, clip)
    assert after == pytest.approx(last, rel=1e-5)
    for name, value in whole.averaged.state_dict().items():
        torch.testing.assert_close(resumed.averaged.state_dict()[name], value, msg=name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_stops(clip: Clip, number: int) -> None:
    state = TrainingState.start(SearchTrackObjective(small_net()), PLAN, CPU)
    saved: list[int] = []
    samples = samples_of(clip)

    class Interrupting(PairDataset):
        def __getitem__(self, index: int):  # type: ignore[no-untyped-def]
            if index == 2 * PLAN.batch:
                os.kill(os.getpid(), number)
            return samples[index]

    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match="stopped after step [23] of 6"):
        train(
            state,
            Interrupting([clip], [1], (64, 128), 0),
            PLAN,
            CPU,
            lambda *_: None,
            lambda: saved.append(state.iteration),
        )
    assert saved == [state.iteration]
    assert signal.getsignal(number) is before


def test_checkpoints_come_where_they_are_due(clip: Clip) -> None:
    plan = dataclasses.replace(PLAN, save_every=3, validate_every=2)
    state, saved = TrainingState.start(SearchTrackObjective(small_net()), plan, CPU), []
    samples = PairDataset([clip], [1], (64, 128), 0)
    train(state, samples, plan, CPU, lambda *_: None, lambda: saved.append(state.iteration))
    assert saved == [2, 3, 4, 6]


def test_two_processes_share_the_batches(tmp_path: Path) -> None:
    toy_clip(tmp_path / "cache")
    here = Path(__file__).parent
    subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
        + [str(here / "two_processes.py"), str(tmp_path)],
        check=True,
        capture_output=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": f"{here.parent}:{here}", "OMP_NUM_THREADS": "1"},
    )
    first, second = (
        list(map(int, (tmp_path / f"samples{rank}.txt").read_text().split())) for rank in (0, 1)
    )
    assert first == [0, 1, 4, 5, 8, 9] and second == [2, 3, 6, 7, 10, 11]
    weights, others = (torch.load(tmp_path / f"weights{r}.pt", weights_only=True) for r in (0, 1))
    for name, value in weights.items():
        if "running" not in name:  # each process normalises with the statistics of its own share
            torch.testing.assert_close(others[name], value, rtol=0, atol=0, msg=name)


@pytest.mark.parametrize(
    ("decay", "rates"),
    [("cosine", {0: 0.5, 1: 1.0, 2: 1.0, 52: 0.5, 101: 0.0}), ("steps", {2: 1, 62: 0.1, 90: 0.01})],
)
def test_the_rate_warms_up_and_falls(decay: str, rates: dict[int, float]) -> None:
    plan = dataclasses.replace(PLAN, iterations=102, warmup=2, decay=decay)
    for iteration, rate in rates.items():
        assert plan.rate(iteration) == pytest.approx(rate, abs=1e-3), iteration


def test_history_continues_and_draws(tmp_path: Path) -> None:
    history = History(tmp_path)
    for iteration in (1, 2, 3):
        history.record(iteration, {"loss/heat": 1 / iteration, "HOTA/car": 10.0 * iteration})
    history.picture(3, "validation", np.zeros((8, 8, 3), np.uint8))
    history.close()
    again = History(tmp_path)
    again.record(3, {"loss/heat": 0.3})
    again.close()
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [row["iteration"] for row in rows] == [1, 2, 3]
    assert rows[-1] == {"iteration": 3, "loss/heat": 0.3}
    assert (tmp_path / "curve.png").stat().st_size > 0
    assert list(tmp_path.glob("events.out.tfevents.*"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1", "expected keys with values"),
        ("network: light", "expected 'data' to train on"),
        ("iteration: 5", "unknown key 'iteration'; did you mean 'iterations'?"),
        ("crop_width: 100", "'crop_width' must be 64 plus a multiple of 32"),
        ("{masks_only: true, data: [{kind: street}]}", "'masks_only' needs 'start'"),
        ("data: [{kind: bag, classes: [van]}]", "expected classes among car, pedestrian, found"),
        ("data: [{kind: bag, classes: [{}]}]", "expected classes among car, pedestrian, found"),
        ("learning_rate: fast", "'learning_rate' must be float"),
        ("data: street", "'data' must be a list of sources"),
        ("data: [{kind: street, weight: 0}]", "expected a weight above 0, found 0"),
        ("tracker: deepsort", "'tracker' must be one of searchtrack, trackrcnn, siammot"),
        ("{tracker: dior, data: [{kind: street}]}", "expected 'start': the network that dior's"),
        ("head: 3", "'head' must be names with values, not 3"),
        ("{head: {side: 4}, data: [{kind: street}]}", "'head' has no meaning for searchtrack"),
        ("{start_head: a.pth, data: [{kind: street}]}", "'start_head' has no meaning for searchtr"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_wrong_plan_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_plan(path)
    assert str(caught.value).startswith(f"{path}: ") and said in str(caught.value)


@pytest.mark.parametrize("path", sorted(CONFIG.glob("train_*.yaml")), ids=lambda path: path.name)
def test_the_package_s_plans_can_be_read(path: Path, tmp_path: Path) -> None:
    plan = load_plan(path, {"seed": 3})
    assert plan.seed == 3
    plan.write(tmp_path / "plan.yaml")
    assert load_plan(tmp_path / "plan.yaml") == plan


@pytest.fixture
def plan_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plan that takes seconds."""
    monkeypatch.setitem(training_job.NETWORKS, "light", SMALL)
    street = {"kind": "street", "seeds": [1000, 1000], "length": 2}
    values = {
        **{"crop_height": 64, "crop_width": 64, "batch": 1, "iterations": 4, "warmup": 1},
        **{"save_every": 2, "validate_every": 2, "workers": 0},
        **{"data": [street], "validation": [street]},
    }
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_the_command_trains_validates_and_resumes(
    plan_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, cache = tmp_path / "run", tmp_path / "cache"
    command.main([str(out), "--config", str(plan_file), "--cache", str(cache)])
    assert "HOTA 0.0 on the validation drives" in capsys.readouterr().out
    assert (out / "best.safetensors").exists()
    net = checkpoint.load(out / "last.safetensors")
    assert net.spec == SMALL
    rows = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    assert [row["iteration"] for row in rows] == [2, 4]
    assert {"loss/heat", "loss/search", "HOTA/car", "AssA/car"} <= set(rows[1])

    with pytest.raises(SystemExit):
        command.main([str(out), "--config", str(plan_file), "--cache", str(cache)])
    assert "expected a new or empty folder, or --resume" in capsys.readouterr().err

    # What is finished stays as it is.
    command.main([str(out), "--resume", "--cache", str(cache)])
    again = checkpoint.load(out / "last.safetensors").state_dict()
    for name, value in net.state_dict().items():
        torch.testing.assert_close(again[name], value, rtol=0, atol=0, msg=name)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config", "nothing.yaml"], "nothing.yaml: cannot be read"),
        (["--resume"], "plan.yaml: cannot be read"),
        ([], "expected --config PLAN, or --resume"),
        (["--resume", "--set", "batch=2"], "no --config, no --set"),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit):
        command.main([str(tmp_path / "run"), *arguments])
    assert said in capsys.readouterr().err
