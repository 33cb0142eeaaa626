"""Train the light SearchTrack model on generated drives."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from mots_ros.data.camvid import camvid_drives
from mots_ros.data.drives import AnnotatedDrive
from mots_ros.data.replica import ReplicaDrive
from mots_ros.data.street import StreetDrive
from mots_ros.nets import checkpoint
from mots_ros.nets.searchtrack import LIGHT, SearchTrackNet
from mots_ros.training.clips import load_clips
from mots_ros.training.loop import Schedule, train
from mots_ros.training.pairs import pairs

FIRST_SEED = 1000
"""Training drives count their seeds from here; held-out drives use smaller ones."""


def main() -> None:
    """Entry point of ``ros2 run mots_ros train``."""
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
    parser.add_argument("--start", type=Path, help="weights file to start from")
    parser.add_argument("--save-every", type=int, default=500, help="iterations between files")
    arguments = parser.parse_args()
    if arguments.out.exists():
        parser.error(f"{arguments.out} exists; it is not overwritten")
    drives: list[AnnotatedDrive] = [
        StreetDrive(FIRST_SEED + i, arguments.length) for i in range(arguments.street)
    ]
    drives += [ReplicaDrive(path, FIRST_SEED) for path in arguments.annotations]
    if arguments.camvid:
        drives += camvid_drives(arguments.camvid)
    if not drives:
        parser.error("nothing to train on: --street is 0, no --annotations, no --camvid")
    clips = load_clips(drives, arguments.cache, arguments.workers)
    torch.manual_seed(arguments.seed)
    net = checkpoint.load(arguments.start) if arguments.start else SearchTrackNet(LIGHT)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    schedule = Schedule(
        arguments.iterations,
        arguments.batch,
        arguments.learning_rate,
        bfloat16=arguments.bfloat16,
    )
    begin = time.monotonic()
    averaged = train(
        net,
        pairs(clips, tuple(arguments.crop), arguments.seed),
        schedule,
        save=lambda state, _: checkpoint.save(state, arguments.out),
        save_every=arguments.save_every,
    )
    checkpoint.save(averaged, arguments.out)
    report = {
        "weights": str(arguments.out),
        "drives": len(drives),
        "frames": sum(len(clip) for clip in clips),
        "minutes": round((time.monotonic() - begin) / 60, 1),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
