"""The drives that measuring commands render, none of which a model was trained on."""

from __future__ import annotations

import argparse
from pathlib import Path

from mots_ros.data import kitti_mots
from mots_ros.data.drives import AnnotatedDrive
from mots_ros.data.replica import ReplicaDrive
from mots_ros.data.street import StreetDrive
from mots_ros.parameter import whole_number

STREETS, REPLICAS, ALL = "streets", "replicas", "all drives"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let a command be told which drives."""
    parser.add_argument(
        "--streets", type=whole_number(0), nargs="+", metavar="SEED", help="default: 0 1 2"
    )
    parser.add_argument(
        "--replicas", type=Path, nargs="+", default=[], metavar="TXT", help="KITTI MOTS annotations"
    )
    parser.add_argument(
        "--length", type=whole_number(1), default=200, help="at most so many frames each"
    )


def drives(options: argparse.Namespace) -> list[tuple[str, AnnotatedDrive]]:
    """The drives and their groups; annotations are read now, for what is wrong with them."""
    streets = options.streets or ([] if options.replicas else [0, 1, 2])
    replicas: list[tuple[str, AnnotatedDrive]] = []
    for path in options.replicas:
        annotated = max(kitti_mots.read(path).frames) + 1
        drive = ReplicaDrive(path, seed=0, length=min(options.length, annotated))
        replicas.append((REPLICAS, drive))
    return [(STREETS, StreetDrive(seed, options.length)) for seed in streets] + replicas
