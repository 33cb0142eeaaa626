"""How well trackers link detections, the detections being given.

Every tracker gets the masks of the annotations, or what damage leaves of them, as its detections:
the same boxes, all with one score. Its answer is a name for each of them, so scores differ by the
linking alone; "perfect" is what the annotations' own ids score, the ceiling for all.
searchtrack needs images, too: it gets replicas, in which exactly the annotated objects are to be
seen, and reads its search kernels where the detections are.

.venv/bin/python bench/association.py instances_txt/*.txt --misses 0 0.1 0.3 --plot curves.png
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import peers
from association_tables import Scores, save_plot, score_tables, time_table
from linkers import AT_ONCE, OURS, SEARCHING
from linking import SCORE, Damage, Recorded, Setup, measure_sequence
from terminal import check_new, command, config_of, run

from mots_ros.commands.side_by_side import run_all
from mots_ros.data import kitti_mots
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.scores import (
    ClassScores,
    Measures,
    class_scores,
    combine,
    score_values,
)

HELD_OUT, OTHERS, ALL = "held out", "the others", "all sequences"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = command(__doc__ or "")
    parser.add_argument(
        "annotations", type=Path, nargs="+", metavar="TXT", help="KITTI MOTS annotations"
    )
    parser.add_argument(
        "--misses",
        type=_number(float, 0, 1, "a share from 0 to 1"),
        nargs="+",
        default=[0.0, 0.1, 0.2, 0.3, 0.5],
        metavar="RATE",
        help="shares of masks that are missed; default: 0 0.1 0.2 0.3 0.5",
    )
    whole = _number(int, 1, 2**31, "a whole number from 1 on")
    parser.add_argument(
        "--burst", type=whole, default=1, metavar="FRAMES", help="missed together; default: 1"
    )
    parser.add_argument(
        "--false-alarms",
        type=_number(float, 0, 1000, "a number from 0 to 1000"),
        default=0.0,
        metavar="MEAN",
        help="masks a frame where nothing is; default: 0",
    )
    parser.add_argument(
        "--jitter",
        type=_number(float, 0, 0.5, "a fraction from 0 to 0.5"),
        default=0.0,
        metavar="FRACTION",
        help="of their size by which masks move and change; default: 0",
    )
    parser.add_argument(
        "--seed", type=_number(int, 0, 2**31, "a whole number from 0 on"), default=0
    )
    parser.add_argument(
        "--trackers",
        nargs="+",
        choices=(*OURS, *peers.PACKAGES),
        metavar="NAME",
        help=f"of {', '.join((*OURS, *peers.PACKAGES))}; default: all that are installed",
    )
    parser.add_argument("--length", type=whole, help="at most so many frames each")
    parser.add_argument(
        "--held-out", nargs="+", default=[], metavar="NAME", help="sequences to show apart"
    )
    parser.add_argument(
        "--jobs", type=whole, default=1, metavar="N", help="sequences at a time; default: 1"
    )
    parser.add_argument("--plot", type=Path, metavar="PNG", help="new file with the curves")
    run(parser, measure_linking, arguments)


def measure_linking(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """What the options ask for, as text and as plain values."""
    unused = ("node.", "tracker.name", "detector.score_threshold", *AT_ONCE)
    config = config_of(options, unused).with_values(AT_ONCE)
    if config.detector.threads == 0:
        config = config.with_values({"detector.threads": 1})  # for the same digits with any --jobs
    check_new(options.plot)
    recorded = _read(options.annotations, options.length)
    groups = _groups(list(recorded), options.held_out)
    versions = peers.versions(
        options.trackers and [name for name in options.trackers if name in peers.PACKAGES]
    )
    ours = [name for name in OURS if options.trackers is None or name in options.trackers]
    setup = Setup(
        sorted(set(options.misses)),
        Damage(options.burst, options.false_alarms, options.jitter, options.seed),
        [*ours, *versions],
        config,
    )
    frames = sum(item.length for item in recorded.values())
    found = run_all(
        partial(measure_sequence, setup=setup),
        list(recorded.values()),
        min(options.jobs, len(recorded)),
        frames,
        "frames",
    )
    measured = dict(zip(recorded, found, strict=True))
    scores = {
        title: {
            run: _combined({name: measured[name].measures[run] for name in names})
            for run in found[0].measures
        }
        for title, names in groups.items()
    }
    step_ms = {
        run: 1000 * sum(item.seconds[run] for item in found) / frames for run in found[0].seconds
    }
    if options.plot is not None:
        save_plot(options.plot, scores[ALL])
    parts = []
    for title, names in groups.items():
        count = sum(recorded[name].length for name in names)
        parts += [
            f"{title.capitalize()} ({', '.join(names)}; {count} frames), by the rate of misses",
            score_tables(scores[title]),
        ]
    parts += ["Milliseconds of processor time a frame, network not included", time_table(step_ms)]
    parts.append(_foot(setup, versions, missing_too=options.trackers is None))
    return "\n\n".join(parts), {
        "parameters": config.values(),
        "damage": asdict(setup.damage),
        "versions": {peers.PACKAGES[name]: version for name, version in versions.items()},
        "sequences": {
            name: {
                "frames": recorded[name].length,
                "runs": _values({run: _combined({name: of}) for run, of in item.measures.items()}),
            }
            for name, item in measured.items()
        },
        "combined": {title: _values(group) for title, group in scores.items()},
        "step_ms": [
            {"misses": rate, "tracker": tracker, "mean": value}
            for (rate, tracker), value in step_ms.items()
        ],
    }


def _read(paths: Sequence[Path], length: int | None) -> dict[str, Recorded]:
    """The first ``length`` frames of every annotation, by the name of its sequence."""
    recorded: dict[str, Recorded] = {}
    for path in paths:
        if path.stem in recorded:
            raise EvaluationError(f"{path}: expected every sequence once, found {path.stem} again")
        truth = kitti_mots.read(path)
        end = max(truth.frames) + 1 if length is None else length
        frames = {frame: found for frame, found in truth.frames.items() if frame < end}
        if not frames:
            raise EvaluationError(f"{path}: expected objects in the first {length} frames")
        recorded[path.stem] = Recorded(path, replace(truth, frames=frames))
    return recorded


def _groups(names: Sequence[str], held_out: Sequence[str]) -> dict[str, Sequence[str]]:
    """The sequences of every group that is shown."""
    for name in held_out:
        if name not in names:
            raise EvaluationError(f"--held-out: expected some of {', '.join(names)}, found {name}")
    apart = [name for name in names if name in held_out]
    others = [name for name in names if name not in held_out]
    return {**({HELD_OUT: apart, OTHERS: others} if apart and others else {}), ALL: names}


def _combined(sequences: Mapping[str, Mapping[str, Measures]]) -> dict[str, ClassScores]:
    """The scores of several sequences as one, by class."""
    return {name: class_scores(of) for name, of in combine(sequences).items()}


def _values(scores: Scores) -> list[dict[str, Any]]:
    return [
        {"misses": rate, "tracker": tracker, "scores": score_values(by_class)}
        for (rate, tracker), by_class in scores.items()
    ]


def _foot(setup: Setup, versions: Mapping[str, str], missing_too: bool) -> str:
    """What the numbers are made of."""
    damage = setup.damage
    lines = [
        f"Detections have score {SCORE}; they are missed {damage.burst} frame(s) at a time, with "
        f"{damage.false_alarms:g} false alarms a frame and jitter {damage.jitter:g}; seed "
        f"{damage.seed}.",
        "Trackers are at their defaults, told the frame rate, and report detections at once.",
    ]
    if SEARCHING in setup.trackers:
        lines.append(f"searchtrack sees replicas with {setup.config.detector.weights}.")
    lines += [f"{name}: {peers.PACKAGES[name]} {versions[name]}" for name in versions]
    missing = [name for name in peers.PACKAGES if name not in versions]
    if missing_too and missing:
        lines.append(f"Not installed: {', '.join(missing)}; {peers.INSTALL}")
    return "\n".join(lines)


def _number(kind: Callable[[str], Any], low: float, high: float, expected: str) -> Any:
    """What argparse makes of a text."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"expected {expected}, found '{text}'")
        return value

    return parse


if __name__ == "__main__":
    main()
