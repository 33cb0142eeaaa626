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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import linkers
import numpy as np
import peers
from association_tables import PERFECT, Scores, save_plot, score_tables, time_table
from given_objects import GivenObjects
from linkers import AT_ONCE, OURS, SEARCHING, Linker
from linking import SCORE, Damage, Observe, Run, link
from terminal import command, config_of, run

from mots_ros.config import Config
from mots_ros.core.types import Detections, Frame, Observation
from mots_ros.data import kitti_mots
from mots_ros.data.kitti_mots import CLASS_NAMES, Annotation
from mots_ros.data.replica import ReplicaDrive
from mots_ros.detection.detector import letterbox_of
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.scores import (
    ClassScores,
    Measures,
    class_scores,
    combine,
    measure,
    score_values,
)
from mots_ros.progress import progress

HELD_OUT, OTHERS, ALL = "held out", "the others", "all sequences"


@dataclass(frozen=True)
class Measured:
    """What was measured on one sequence: by run, scores by class and processor time in seconds."""

    frames: int
    measures: Mapping[Run, Mapping[str, Measures]]
    seconds: Mapping[Run, float]


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
    parser.add_argument("--plot", type=Path, metavar="PNG", help="new file with the curves")
    run(parser, measure_linking, arguments)


def measure_linking(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """What the options ask for, as text and as plain values."""
    unused = ("node.", "tracker.name", "detector.score_threshold", *AT_ONCE)
    config = config_of(options, unused).with_values(AT_ONCE)
    if options.plot is not None and options.plot.exists():
        raise EvaluationError(f"{options.plot} exists; it is not overwritten")
    truths = _read(options.annotations, options.length)
    groups = _groups(list(truths), options.held_out)
    versions = peers.versions(
        options.trackers and [name for name in options.trackers if name in peers.PACKAGES]
    )
    makers = _makers(options.trackers, versions, config)
    damage = Damage(options.burst, options.false_alarms, options.jitter, options.seed)
    look = GivenObjects(config.detector) if SEARCHING in makers else None
    measured = {
        name: _measured(path, truth, options, damage, config, makers, look)
        for path, (name, truth) in zip(options.annotations, truths.items(), strict=True)
    }
    scores = {
        title: {
            run: _combined({name: measured[name].measures[run] for name in names})
            for run in next(iter(measured.values())).measures
        }
        for title, names in groups.items()
    }
    step_ms = _step_ms(list(measured.values()))
    if options.plot is not None:
        save_plot(options.plot, scores[ALL])
    parts = []
    for title, names in groups.items():
        frames = sum(measured[name].frames for name in names)
        parts += [
            f"{title.capitalize()} ({', '.join(names)}; {frames} frames), by the rate of misses",
            score_tables(scores[title]),
        ]
    parts += ["Milliseconds of processor time a frame, network not included", time_table(step_ms)]
    parts.append(_foot(options, damage, versions, config if look else None))
    return "\n\n".join(parts), {
        "parameters": config.values(),
        "damage": asdict(damage),
        "versions": {peers.PACKAGES[name]: version for name, version in versions.items()},
        "sequences": {
            name: {
                "frames": item.frames,
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


def _read(paths: Sequence[Path], length: int | None) -> dict[str, Annotation]:
    """The first ``length`` frames of every annotation, by the name of its sequence."""
    truths: dict[str, Annotation] = {}
    for path in paths:
        if path.stem in truths:
            raise EvaluationError(f"{path}: expected every sequence once, found {path.stem} again")
        truth = kitti_mots.read(path)
        end = max(truth.frames) + 1 if length is None else length
        frames = {frame: found for frame, found in truth.frames.items() if frame < end}
        if not frames:
            raise EvaluationError(f"{path}: expected objects in the first {length} frames")
        truths[path.stem] = replace(truth, frames=frames)
    return truths


def _groups(names: Sequence[str], held_out: Sequence[str]) -> dict[str, Sequence[str]]:
    """The sequences of every group that is shown."""
    for name in held_out:
        if name not in names:
            raise EvaluationError(f"--held-out: expected some of {', '.join(names)}, found {name}")
    apart = [name for name in names if name in held_out]
    others = [name for name in names if name not in held_out]
    return {**({HELD_OUT: apart, OTHERS: others} if apart and others else {}), ALL: names}


def _makers(
    names: Sequence[str] | None, peer_names: Iterable[str], config: Config
) -> dict[str, Callable[[], Linker]]:
    """How to make the trackers, ours first."""
    ours, foreign = linkers.makers(config.tracker), peers.makers(config.tracker.frame_rate)
    makers = {name: make for name, make in ours.items() if names is None or name in names}
    for name in peer_names:
        makers[name] = partial(peers.PerClass, foreign[name], len(CLASS_NAMES))
    return makers


def _measured(
    path: Path,
    truth: Annotation,
    options: argparse.Namespace,
    damage: Damage,
    config: Config,
    makers: Mapping[str, Callable[[], Linker]],
    look: GivenObjects | None,
) -> Measured:
    length, frame_rate = max(truth.frames) + 1, config.tracker.frame_rate
    detected = damage.detections(truth, sorted(set(options.misses)), length)
    frames: Iterable[Frame]
    observe: Observe
    if look is None:
        letterbox = letterbox_of(truth.size, config.detector)
        black = np.zeros((*truth.size, 3), np.uint8)
        frames = (Frame(round(i * 1e9 / frame_rate), "", black) for i in range(length))

        def observe(frame: Frame, sets: list[Detections]) -> list[Observation[Any]]:
            return [Observation(frame, letterbox, detections, None) for detections in sets]
    else:
        drive = ReplicaDrive(path, seed=0, rate=frame_rate, length=length)
        frames, observe = (item.frame for item in drive), look
    answers, seconds = link(progress(frames, length, path.stem), detected, makers, observe)
    answers.update({(rate, PERFECT): found for rate, found in detected.items()})
    return Measured(
        length, {run: measure(truth, found, length) for run, found in answers.items()}, seconds
    )


def _combined(sequences: Mapping[str, Mapping[str, Measures]]) -> dict[str, ClassScores]:
    """The scores of several sequences as one, by class."""
    return {name: class_scores(of) for name, of in combine(sequences).items()}


def _step_ms(measured: Sequence[Measured]) -> dict[Run, float]:
    """Milliseconds a frame."""
    frames = sum(item.frames for item in measured)
    return {
        run: 1000 * sum(item.seconds[run] for item in measured) / frames
        for run in measured[0].seconds
    }


def _values(scores: Scores) -> list[dict[str, Any]]:
    return [
        {"misses": rate, "tracker": tracker, "scores": score_values(by_class)}
        for (rate, tracker), by_class in scores.items()
    ]


def _foot(
    options: argparse.Namespace,
    damage: Damage,
    versions: Mapping[str, str],
    searching: Config | None,
) -> str:
    """What the numbers are made of."""
    lines = [
        f"Detections have score {SCORE}; they are missed {damage.burst} frame(s) at a time, with "
        f"{damage.false_alarms:g} false alarms a frame and jitter {damage.jitter:g}; seed "
        f"{damage.seed}.",
        "Trackers are at their defaults, told the frame rate, and report detections at once.",
    ]
    if searching is not None:
        lines.append(f"searchtrack sees replicas with {searching.detector.weights}.")
    lines += [f"{name}: {peers.PACKAGES[name]} {versions[name]}" for name in versions]
    missing = [name for name in peers.PACKAGES if name not in versions]
    if options.trackers is None and missing:
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
