"""Train a SearchTrack network on generated drives, replicas of recorded ones, and photographs."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from mots_ros.data.camvid import camvid_drives
from mots_ros.data.drives import AnnotatedDrive
from mots_ros.data.replica import ReplicaDrive
from mots_ros.data.street import StreetDrive
from mots_ros.nets import checkpoint
from mots_ros.nets.searchtrack import DLA34, LIGHT, SearchTrackNet
from mots_ros.training.clips import load_clips
from mots_ros.training.loop import Schedule, train
from mots_ros.training.pairs import pairs

NETWORKS = {"light": LIGHT, "dla34": DLA34}
FIRST_SEED = 1000
"""Training drives count their seeds from here; held-out drives use smaller ones."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``ros2 run mots_ros train``."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        print(json.dumps(_train(options)))
    except (FloatingPointError, OSError, ValueError) as error:
        parser.exit(2, f"train: error: {error}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train", description=__doc__)
    parser.add_argument("out", type=Path, help="weights file to write (.safetensors)")
    parser.add_argument("--cache", type=Path, required=True, help="folder for rendered drives")
    parser.add_argument("--street", type=int, default=40, help="generated street drives")
    parser.add_argument("--length", type=int, default=100, help="frames per street drive")
    parser.add_argument(
        "--annotations",
        type=Path,
        nargs="*",
        default=[],
        help="KITTI MOTS annotation files to make replica drives from",
    )
    parser.add_argument("--camvid", type=Path, help="folder of CamVid photographs and labels")
    parser.add_argument("--iterations", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=4, help="pairs of frames per step")
    parser.add_argument("--crop", type=int, nargs=2, default=(192, 384), metavar=("H", "W"))
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--bfloat16", action="store_true", help="narrow features: faster")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="processes that render drives")
    parser.add_argument("--network", choices=NETWORKS, default="light")
    parser.add_argument(
        "--start",
        type=Path,
        help="weights to start from, .safetensors or a released .pth, also CenterNet's: what fits "
        "the network is taken, and said",
    )
    parser.add_argument("--save-every", type=int, default=500, help="iterations between files")
    return parser


def _train(options: argparse.Namespace) -> dict[str, Any]:
    """Train as the options say; returns what came of it.

    Raises:
        ValueError: there is nothing to train on, the file to write exists, or one to read is wrong.
    """
    if options.out.exists():
        raise ValueError(f"{options.out} exists; it is not overwritten")
    drives: list[AnnotatedDrive] = [
        StreetDrive(FIRST_SEED + i, options.length) for i in range(options.street)
    ]
    drives += [ReplicaDrive(path, FIRST_SEED) for path in options.annotations]
    if options.camvid:
        drives += camvid_drives(options.camvid)
    if not drives:
        raise ValueError("nothing to train on: --street is 0, no --annotations, no --camvid")
    torch.manual_seed(options.seed)
    net = SearchTrackNet(NETWORKS[options.network])
    if options.start:
        print(f"{options.start}: {checkpoint.transfer(options.start, net)}")
    clips = load_clips(drives, options.cache, options.workers)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    schedule = Schedule(
        options.iterations,
        options.batch,
        options.learning_rate,
        bfloat16=options.bfloat16,
    )
    begin = time.monotonic()
    averaged = train(
        net,
        pairs(clips, tuple(options.crop), options.seed),
        schedule,
        save=lambda state, _: checkpoint.save(state, options.out),
        save_every=options.save_every,
    )
    checkpoint.save(averaged, options.out)
    return {
        "weights": str(options.out),
        "drives": len(drives),
        "frames": sum(len(clip) for clip in clips),
        "minutes": round((time.monotonic() - begin) / 60, 1),
    }


if __name__ == "__main__":
    main()
