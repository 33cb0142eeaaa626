"""All trackers beside each other: how well they track, and how long a frame takes them.

Every tracker is at the values of its file in config/ and has the same network; what --set says
holds for all. Each goes through each drive by itself, as a node would. The scores of several drives
are those of all as one, as TrackEval combines them; ms is the median of a frame's time, from the
image to the masks.

.venv/bin/python bench/trackers.py --streets 0 1 2 --replicas instances_txt/0004.txt
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import held_out
from terminal import command, run, values_of

from mots_ros.build import build_pipeline
from mots_ros.commands.evaluate import RELINK_SIMILARITY
from mots_ros.config import Config, load_config
from mots_ros.core.types import Frame
from mots_ros.data.drives import AnnotatedDrive
from mots_ros.data.kitti_mots import CLASS_NAMES, Annotation, objects_of
from mots_ros.evaluation.collect import Timed, track
from mots_ros.evaluation.relink import Remembered, relink
from mots_ros.evaluation.results import Results
from mots_ros.evaluation.scores import (
    ClassScores,
    Measures,
    class_scores,
    combine,
    measure,
    score_values,
    titles,
)
from mots_ros.evaluation.table import cell, table
from mots_ros.nets.checkpoint import read_tensors
from mots_ros.parameter import ConfigError
from mots_ros.pipeline import Pipeline
from mots_ros.progress import progress
from mots_ros.resources import share

SHOWN = ("hota", "ass_a", "idf1", "id_switches")


@dataclass(frozen=True)
class Variant:
    """A tracker, and what differs from its file in config/.

    relinked: what ``evaluate --relink`` makes of its tracks when a drive is over.
    """

    tracker: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    relinked: bool = False

    def config(self, values: Mapping[str, Any]) -> Config:
        """The configuration, with ``values`` for all variants; raises ConfigError."""
        path = share("config") / f"{self.tracker}.yaml"
        config = load_config(path) if path.is_file() else Config()
        return config.with_values({"tracker.name": self.tracker, **self.changes, **values})


VARIANTS = {
    "sort": Variant("sort"),
    "searchtrack": Variant("searchtrack"),
    "trackrcnn": Variant("trackrcnn"),
    **{
        f"trackrcnn, {what} alone": Variant("trackrcnn", {"tracker.trackrcnn.association": what})
        for what in ("mask", "box", "head", "centre")
    },
    "siammot": Variant("siammot"),
    "siammot, implicit": Variant("siammot", {"tracker.siammot.motion": "implicit"}),
    "dior": Variant("dior"),
    "dior, relinked": Variant("dior", relinked=True),
    "dior, masks unmoved": Variant("dior", {"tracker.dior.overlap": "masks"}),
    "dior, boxes": Variant("dior", {"tracker.dior.overlap": "boxes"}),
    "cstrack": Variant("cstrack"),
}
"""What can be compared with the embedded heads."""


@dataclass(frozen=True)
class Measured:
    """One variant on one drive: all measures by class, and the time of each frame."""

    measures: Mapping[str, Measures]
    step_ms: Sequence[float]


@dataclass(frozen=True)
class DriveMeasured:
    """What was measured on one drive, by variant."""

    group: str
    drive: str
    frames: int
    variants: Mapping[str, Measured]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = command(__doc__ or "")
    held_out.add_options(parser)
    parser.add_argument(
        "--trackers",
        nargs="+",
        choices=VARIANTS,
        metavar="NAME",
        help=f"default: all of {'; '.join(VARIANTS)}",
    )
    parser.add_argument(
        "--heads",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="further heads, such as of another temporal context; rows get the files' names",
    )
    run(parser, compare, arguments)


def compare(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """What the options ask for, as text and as plain values."""
    values = values_of(options, unused=("node.", "tracker.name", "tracker.head"))
    variants = {name: VARIANTS[name] for name in options.trackers or VARIANTS}
    variants |= further(options.heads)
    configs = {name: variant.config(values) for name, variant in variants.items()}
    pipelines = {name: build_pipeline(config) for name, config in configs.items()}
    relinked = {name for name, variant in variants.items() if variant.relinked}
    drives = held_out.drives(options)
    measured = [
        DriveMeasured(group, drive.name, len(drive), measure_drive(drive, pipelines, relinked))
        for group, drive in drives
    ]
    detector = next(iter(pipelines.values())).detector
    weights = next(iter(configs.values())).detector.weights
    frames = sum(item.frames for item in measured)
    names = ", ".join(item.drive for item in measured)
    text = f"{weights} on {detector.device}: {frames} frames of {names}"
    return f"{text}\n\n{table(_rows(measured), names=3)}", {
        "parameters": {name: config.values() for name, config in configs.items()},
        "drives": [
            {
                "group": item.group,
                "drive": item.drive,
                "frames": item.frames,
                "trackers": _values({name: [one] for name, one in item.variants.items()}),
            }
            for item in measured
        ],
        "combined": {
            title: _values({name: [item.variants[name] for item in group] for name in variants})
            for title, group in _groups(measured).items()
        },
    }


def further(heads: Iterable[Path]) -> dict[str, Variant]:
    """A variant for each of these head files, whose headers say whose they are.

    Raises CheckpointError, and ConfigError where two would have one name.
    """
    variants = {}
    for path in heads:
        header, _ = read_tensors(path)
        tracker = header.get("tracker")
        if tracker not in VARIANTS:
            raise ConfigError(f"{path}: expected the head of a tracker, found {tracker or 'none'}")
        if path.stem in {*VARIANTS, *variants}:
            raise ConfigError(f"{path}: there is a row named {path.stem} already")
        variants[path.stem] = Variant(tracker, {"tracker.head": str(path.absolute())})
    return variants


def measure_drive(
    drive: AnnotatedDrive, pipelines: Mapping[str, Pipeline], relinked: Collection[str]
) -> dict[str, Measured]:
    """Render a drive once and send it through every pipeline."""
    frames: list[Frame] = []
    truth = {}
    for number, item in enumerate(progress(drive, len(drive), drive.name)):
        frames.append(item.frame)
        objects = objects_of(item.instances)
        if objects:
            truth[number] = objects
    annotation = Annotation(frames[0].size, truth)
    measured = {}
    for name, pipeline in pipelines.items():
        shown = progress(frames, len(frames), f"{drive.name} {name}")
        results, step_ms = _tracked(shown, pipeline, name in relinked)
        found, _ = results.annotation()
        measured[name] = Measured(measure(annotation, found, len(frames)), step_ms)
    return measured


def _tracked(
    frames: Iterable[Frame], pipeline: Pipeline, relinked: bool
) -> tuple[Results, list[float]]:
    """What a pipeline makes of a drive, and how long each frame took it."""
    pipeline.reset()
    pipeline.wake()
    timed, class_names = Timed(pipeline), pipeline.detector.class_names
    if not relinked:
        return track(enumerate(frames), timed, class_names), timed.step_ms
    remembered = Remembered(timed)
    results = track(enumerate(frames), remembered, class_names)
    return results.renumbered(relink(remembered.tracklets, RELINK_SIMILARITY)), timed.step_ms


def _groups(measured: Sequence[DriveMeasured]) -> dict[str, list[DriveMeasured]]:
    groups: dict[str, list[DriveMeasured]] = {}
    for item in measured:
        groups.setdefault(item.group, []).append(item)
    return {**groups, held_out.ALL: list(measured)} if len(groups) > 1 else groups


def _combined(drives: Sequence[Measured]) -> dict[str, ClassScores]:
    """The scores of several drives as one, by class."""
    measures = {f"{number:04d}": one.measures for number, one in enumerate(drives)}
    return {name: class_scores(of) for name, of in combine(measures).items()}


def _median_ms(drives: Sequence[Measured]) -> float:
    return median(ms for one in drives for ms in one.step_ms)


def _rows(measured: Sequence[DriveMeasured]) -> list[list[str]]:
    rows = [["drives", "class", "tracker", *(titles()[name] for name in SHOWN), "ms"]]
    for title, group in _groups(measured).items():
        drives = {name: [item.variants[name] for item in group] for name in group[0].variants}
        scores = {name: _combined(of) for name, of in drives.items()}
        for class_name in CLASS_NAMES:
            for name, of in drives.items():
                entry = scores[name][class_name]
                numbers = [cell(getattr(entry, shown)) for shown in SHOWN]
                rows.append([title, class_name, name, *numbers, cell(_median_ms(of))])
    return rows


def _values(trackers: Mapping[str, Sequence[Measured]]) -> dict[str, Any]:
    """Scores and times as plain values, by tracker."""
    return {
        name: {"scores": score_values(_combined(drives)), "median_ms": _median_ms(drives)}
        for name, drives in trackers.items()
    }


if __name__ == "__main__":
    main()
