"""A network that is trained on ten frames finds and follows everything in them."""

import dataclasses
from pathlib import Path

import numpy as np
import torch

from mots_ros.commands.train import validate
from mots_ros.config import Config
from mots_ros.detection.detector import CenterNetDetector
from mots_ros.detection.runner import NetworkRunner
from mots_ros.nets.search import SearchHead
from mots_ros.nets.searchtrack import LIGHT, SearchTrackNet
from mots_ros.pipeline import Pipeline
from mots_ros.trackers.searchtrack import SearchTracker
from mots_ros.training.clips import Clip
from mots_ros.training.loop import TrainingState, train
from mots_ros.training.pairs import Pair, PairDataset, make_pair
from mots_ros.training.plan import Plan
from mots_ros.training.searchtrack import SearchTrackObjective
from toy_drive import toy_clip

FRAMES, WIDTH, SCALE = 10, 416, 0.5
# Narrower heads, or a hasty start, may leave one dead.
SMALL = dataclasses.replace(LIGHT, channels=(8, 8, 16, 16, 16, 16), head_channels=32)
WHOLE = np.array([[SCALE, 0, SCALE / 2 - 0.5], [0, SCALE, SCALE / 2 - 0.5]])


class Neighbours(PairDataset):
    """Always whole frames, one after the other."""

    def __getitem__(self, index: int) -> Pair:
        (clip,) = self._clips
        first = index % (FRAMES - 1)
        rng = np.random.default_rng(index)
        return make_pair(clip, (first, first + 1), WHOLE, self._crop, rng)


def test_ten_frames_are_learnt_by_heart(tmp_path: Path) -> None:
    clip = toy_clip(tmp_path)
    ten = Clip(clip.images[:FRAMES], clip.instances[:FRAMES], clip.boxes[:FRAMES], clip.scale)
    plan = Plan(
        **{
            "iterations": 160,
            "batch": 2,
            "clip_norm": 5.0,
            "learning_rate": 3e-3,
            "warmup": 40,
            "average": 0.9,
        },
        **{"workers": 0, "save_every": 160},
    )
    torch.manual_seed(0)
    device = torch.device("cpu")
    state = TrainingState.start(SearchTrackObjective(SearchTrackNet(SMALL)), plan, device)
    samples = Neighbours([ten], [1], (128, WIDTH), plan.seed)
    shown: list[dict[str, float]] = []
    train(state, samples, plan, device, lambda _, scalars: shown.append(scalars), lambda: None)
    losses = {name: value for name, value in shown[-1].items() if name.startswith("loss/")}
    assert sum(losses.values()) < 0.3, losses

    config = Config().with_values({"detector.input_width": WIDTH})
    runner = NetworkRunner(state.averaged, device)
    detector = CenterNetDetector(runner, config.detector, SearchHead(runner.search))
    scores, picture = validate(Pipeline(detector, SearchTracker(config.tracker)), [ten])
    assert picture.shape == (256, 832, 3)
    assert min(scores.values()) > 95, scores
