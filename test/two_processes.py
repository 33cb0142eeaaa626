"""Run by torchrun in several processes: trains a small network and notes what each one did."""

import sys
from pathlib import Path

import torch
from torch import distributed

from mots_ros.training.loop import TrainingState, rank, start_process, train
from mots_ros.training.pairs import Pair, PairDataset
from mots_ros.training.plan import Plan
from mots_ros.training.searchtrack import SearchTrackObjective
from small_net import small_net
from toy_drive import toy_clip


class Noting(PairDataset):
    def __getitem__(self, index: int) -> Pair:
        with (folder / f"samples{rank()}.txt").open("a") as file:
            file.write(f"{index}\n")
        return super().__getitem__(index)


folder = Path(sys.argv[1])
torch.set_num_threads(1)
device = start_process()
plan = Plan(iterations=3, batch=4, warmup=1, workers=0, save_every=1)
state = TrainingState.start(SearchTrackObjective(small_net()), plan, device)
saved: list[int] = []
samples = Noting([toy_clip(folder / "cache")], [1], (64, 64), plan.seed)
train(state, samples, plan, device, lambda *_: None, lambda: saved.append(state.iteration))
assert saved == ([1, 2, 3] if rank() == 0 else [])
torch.save(state.objective.state_dict(), folder / f"weights{rank()}.pt")
distributed.destroy_process_group()
