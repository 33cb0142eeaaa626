"""Arrows between the rooms of the package point one way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "mots_ros"

FOUNDATION = {"config", "core", "parameter", "progress", "resources"}
MAY_IMPORT = {
    "config": {"parameter"},
    "parameter": set(),
    "progress": set(),
    "resources": set(),
    "core": {"config"},
    "nets": {"core"},
    "detection": {"config", "core", "nets"},
    "trackers": {"config", "core", "nets"},
    "pipeline": {"config", "core", "trackers"},
    "build": {*FOUNDATION, "detection", "nets", "pipeline", "trackers"},
    "data": FOUNDATION,
    "evaluation": {*FOUNDATION, "data"},
    "training": {*FOUNDATION, "data", "nets"},
    "ros": {*FOUNDATION, "build", "data", "evaluation", "pipeline"},
    "commands": {
        *FOUNDATION,
        *("build", "data", "detection", "evaluation", "nets", "pipeline", "trackers", "training"),
    },
}
"""What each room, a folder or a single file, may import beside itself."""

WITH_TORCH = {"build", "commands", "detection", "nets", "trackers", "training"}


def imported(source: str, module: str) -> Iterator[str]:
    """The full name of every module that a module's source imports, wherever it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(module.split(".")[: -node.level]) if node.level else ""
            base = ".".join(part for part in (base, node.module) if part)
            # What is imported may be a module itself: from mots_ros import core.
            yield from (f"{base}.{alias.name}" for alias in node.names)


def faults(source: str, module: str) -> list[str]:
    """The imports that a module (mots_ros.core.boxes) has but must not have."""
    room = module.split(".")[1]
    found = []
    for name in imported(source, module):
        top, *rest = name.split(".")
        if top == "mots_ros":
            wrong = rest[0] != room and rest[0] not in MAY_IMPORT[room]
        elif top == "torch":
            wrong = room not in WITH_TORCH
        else:
            of_ros = top in ("rclpy", "cv_bridge") or top.endswith(("_msgs", "_interfaces"))
            wrong = of_ros and room != "ros"
        if wrong:
            found.append(f"{module} imports {name}")
    return found


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts != ("mots_ros", "__init__"):
            yield ".".join(parts), path


def test_every_arrow_points_the_right_way() -> None:
    assert [fault for module, path in modules() for fault in faults(path.read_text(), module)] == []


def test_every_room_has_its_rule() -> None:
    assert {module.split(".")[1] for module, _ in modules()} == set(MAY_IMPORT)


def test_no_arrows_go_in_circles() -> None:
    left = dict(MAY_IMPORT)
    while left:
        leaves = [room for room, targets in left.items() if not targets & left.keys()]
        assert leaves, f"circle among {sorted(left)}"
        for room in leaves:
            del left[room]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("mots_ros.core.boxes", "import torch"),
        ("mots_ros.core.boxes", "from torch.nn import functional"),
        ("mots_ros.core.boxes", "from mots_ros.nets.dla import Dla"),
        ("mots_ros.core.boxes", "from mots_ros import trackers"),
        ("mots_ros.core.boxes", "from ..nets import dla"),
        ("mots_ros.core.boxes", "from .. import nets"),
        ("mots_ros.core.boxes", "def late():\n    import mots_ros.pipeline"),
        ("mots_ros.core.boxes", "from sensor_msgs.msg import Image"),
        ("mots_ros.detection.detector", "from mots_ros.trackers.sort import SortTracker"),
        ("mots_ros.trackers.sort", "from mots_ros.detection import detector"),
        ("mots_ros.pipeline", "import rclpy.node"),
        ("mots_ros.data.bags", "import cv_bridge"),
        ("mots_ros.evaluation.scores", "from rcl_interfaces import msg"),
        ("mots_ros.evaluation.scores", "from mots_ros.build import build_pipeline"),
        ("mots_ros.ros.play", "from mots_ros.commands import evaluate"),
        ("mots_ros.ros.play", "from mots_ros.training import loop"),
        ("mots_ros.training.loop", "from mots_ros.commands.train import main"),
        ("mots_ros.commands.train", "from mots_ros.ros import play"),
    ],
)
def test_a_wrong_arrow_is_found(module: str, source: str) -> None:
    assert len(faults(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("mots_ros.core.costs", "import numpy as np\nfrom mots_ros.core import boxes"),
        ("mots_ros.core.costs", "from . import boxes\nfrom .boxes import iou"),
        ("mots_ros.trackers.searchtrack", "import torch\nfrom mots_ros.nets import search"),
        ("mots_ros.ros.play", "import rclpy\nfrom vision_msgs.msg import Detection2DArray"),
        ("mots_ros.commands.train", "from mots_ros.training import loop"),
        ("mots_ros.build", "from .pipeline import Pipeline"),
    ],
)
def test_a_right_arrow_passes(module: str, source: str) -> None:
    assert faults(source, module) == []
