"""How well a model tracks on drives that it was not trained on.

Every drive is rendered frame by frame. The detector looks at each frame once, and all trackers get
what it saw: their scores differ by association alone. With --ablations there are more of them,
each without one of SearchTrack's ideas (ablations.py). DetA and MOTSP speak of the detector.

.venv/bin/python bench/accuracy.py --weights W.safetensors --streets 0 1 2 --replicas 0004.txt
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

import held_out
from ablations import FULL, NO_SEARCH, trackers
from terminal import command, config_of, network_of, plain, run

from mots_ros.build import build_detector, build_head
from mots_ros.core.types import Frame, Observation
from mots_ros.data.drives import AnnotatedDrive
from mots_ros.data.kitti_mots import CLASS_NAMES, Annotation, objects_of
from mots_ros.evaluation.results import Results
from mots_ros.evaluation.scores import ClassScores, score, score_values, titles
from mots_ros.evaluation.table import cell, table
from mots_ros.pipeline import Detector, Pipeline
from mots_ros.progress import progress
from mots_ros.trackers.base import Tracker

SHOWN = ("hota", "det_a", "ass_a", "id_switches", "motsp")
OF_ASSOCIATION = ("hota", "ass_a", "id_switches")

Scores = Mapping[str, Mapping[str, ClassScores]]
"""By tracker and class."""


@dataclass(frozen=True)
class Measured:
    """What was measured on one drive."""

    group: str
    drive: str
    frames: int
    scores: Scores


class Once:
    """A detector that looks at each frame once, however many pipelines ask."""

    def __init__(self, detector: Detector) -> None:
        self.class_names, self.device = detector.class_names, detector.device
        self.config = detector.config
        self.head = detector.head
        self._detector = detector
        self._last: tuple[Frame, list[Observation[Any]]] | None = None

    def __call__(self, frame: Frame) -> list[Observation[Any]]:
        if self._last is None or self._last[0] is not frame:
            self._last = frame, self._detector(frame)
        return self._last[1]

    def finish(self) -> list[Observation[Any]]:
        return []

    def forget(self) -> None:
        """Nothing waits."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = command(__doc__ or "")
    held_out.add_options(parser)
    parser.add_argument("--ablations", action="store_true")
    run(parser, measure_drives, arguments)


def measure_drives(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """What the options ask for, as text and as plain values."""
    config = config_of(options, unused=("node.", "tracker.name"))
    detector = build_detector(config.detector)
    detector.head = build_head(config.tracker, detector.runner)
    drives = held_out.drives(options)
    measured = [
        Measured(
            group,
            drive.name,
            len(drive),
            measure(drive, detector, trackers(config.tracker, options.ablations)),
        )
        for group, drive in drives
    ]
    head = network_of(config)
    parts = [
        f"{head}, on {detector.device}",
        table(_drive_rows(measured), names=3),
        "Means over the drives that have the class",
        table(_mean_rows(measured), names=3),
    ]
    if options.ablations:
        parts += ["What each idea is worth", table(_ablation_rows(measured), names=2)]
    return "\n\n".join(parts), {"parameters": config.values(), **_values(measured)}


def measure(drive: AnnotatedDrive, detector: Detector, trackers: Mapping[str, Tracker]) -> Scores:
    """Put every frame through the detector, what it saw through all trackers, and score them."""
    once = Once(detector)
    pipelines = {name: Pipeline(once, tracker) for name, tracker in trackers.items()}
    truth, results, size = {}, {}, (0, 0)
    for number, item in enumerate(progress(drive, len(drive), drive.name)):
        size = item.frame.size
        objects = objects_of(item.instances)
        if objects:
            truth[number] = objects
        for name, pipeline in pipelines.items():
            if number == 0:
                results[name] = Results(detector.class_names, size)
            (tracked,) = pipeline.step(item.frame)
            results[name].add(number, tracked)
    annotation = Annotation(size, truth)
    return {
        name: score(annotation, result.annotation()[0], len(drive))
        for name, result in results.items()
    }


def means(scores: Iterable[ClassScores]) -> dict[str, float]:
    """The mean of each of SHOWN over the drives that have the class; NaN where none has."""
    present = [entry for entry in scores if entry.truth_masks > 0]
    return {
        name: mean(float(getattr(entry, name)) for entry in present) if present else math.nan
        for name in SHOWN
    }


def _groups(measured: Sequence[Measured]) -> dict[str, list[Scores]]:
    groups: dict[str, list[Scores]] = {}
    for item in measured:
        groups.setdefault(item.group, []).append(item.scores)
    if len(groups) > 1:
        groups[held_out.ALL] = [item.scores for item in measured]
    return groups


def _means_of(group: Sequence[Scores], tracker: str) -> dict[str, dict[str, float]]:
    """By class."""
    return {name: means(scores[tracker][name] for scores in group) for name in CLASS_NAMES}


def _drive_rows(measured: Sequence[Measured]) -> list[list[str]]:
    rows = [["drive", "class", "tracker", *(titles()[name] for name in SHOWN)]]
    for item in measured:
        for class_name in CLASS_NAMES:
            for tracker in (FULL, NO_SEARCH):
                entry = item.scores[tracker][class_name]
                numbers = [cell(getattr(entry, name)) for name in SHOWN]
                rows.append([item.drive, class_name, tracker, *numbers])
    return rows


def _mean_rows(measured: Sequence[Measured]) -> list[list[str]]:
    rows = [["drives", "class", "tracker", *(titles()[name] for name in SHOWN)]]
    for title, group in _groups(measured).items():
        full, without = (_means_of(group, tracker) for tracker in (FULL, NO_SEARCH))
        for class_name in CLASS_NAMES:
            ours, theirs = full[class_name], without[class_name]
            gain = [cell(ours[name] - theirs[name], "+") for name in SHOWN]
            rows.append([title, class_name, FULL, *map(cell, ours.values())])
            rows.append([title, class_name, NO_SEARCH, *map(cell, theirs.values())])
            rows.append([title, class_name, "difference", *gain])
    return rows


def _ablation_rows(measured: Sequence[Measured]) -> list[list[str]]:
    columns = [(class_name, name) for class_name in CLASS_NAMES for name in OF_ASSOCIATION]
    rows = [["drives", "variant", *(f"{where} {titles()[name]}" for where, name in columns)]]
    for title, group in _groups(measured).items():
        for tracker in group[0]:
            of_class = _means_of(group, tracker)
            shown = "without search" if tracker == NO_SEARCH else tracker
            rows.append([title, shown, *(cell(of_class[where][name]) for where, name in columns)])
    return rows


def _values(measured: Sequence[Measured]) -> dict[str, Any]:
    named = titles()
    return {
        "drives": [
            {
                "group": item.group,
                "drive": item.drive,
                "frames": item.frames,
                "scores": {name: score_values(scores) for name, scores in item.scores.items()},
            }
            for item in measured
        ],
        "means": {
            title: {
                tracker: {
                    class_name: plain({named[name]: value for name, value in values.items()})
                    for class_name, values in _means_of(group, tracker).items()
                }
                for tracker in group[0]
            }
            for title, group in _groups(measured).items()
        },
    }


if __name__ == "__main__":
    main()
