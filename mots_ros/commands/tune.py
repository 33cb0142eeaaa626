"""Search a tracker's parameters at random for those with the highest HOTA on annotated drives.

    tune street_0001 street_0002 --gt instances_txt --config trackrcnn.yaml \\
        --search tracker.trackrcnn.mask_threshold=0.1..0.9 \\
        --search tracker.max_misses=1..30 --out tuned.yaml

The detector sees every drive once; each trial tracks anew what it saw. Every frame stays in memory
meanwhile, with its image: 2 to 3 MB for each of KITTI's. What is maximised is HOTA on masks, the
mean over the classes. Ctrl-C ends the search with the best so far.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from tqdm import tqdm

from mots_ros.build import build_detector, build_head, build_tracker
from mots_ros.commands.evaluation_job import (
    EvaluationJob,
    open_drive,
    read_inputs,
    repeatable,
)
from mots_ros.commands.recorded_drive import RecordedDrive
from mots_ros.commands.search_range import SearchRange
from mots_ros.config import Config, load_config
from mots_ros.data.drives import DriveError
from mots_ros.data.kitti_mots import AnnotationError
from mots_ros.data.track_text import FORMATS, file_of, recognise
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.scores import Measures, class_scores, combine
from mots_ros.nets.checkpoint import CheckpointError
from mots_ros.parameter import ConfigError, setting, whole_number


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``ros2 run mots_ros tune``."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        _tune(options)
    except (
        AnnotationError,
        CheckpointError,
        ConfigError,
        DriveError,
        EvaluationError,
        OSError,
    ) as error:
        parser.exit(2, f"tune: error: {' '.join(str(error).split())}\n")
    except KeyboardInterrupt:
        parser.exit(130, "tune: stopped before the first trial\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "drives", type=Path, nargs="+", metavar="DRIVE", help="bags or folders of images"
    )
    parser.add_argument(
        "--gt", type=Path, required=True, help="masks as text, as `evaluate` takes them"
    )
    parser.add_argument("--topic", help="the images, where a bag has several topics of them")
    parser.add_argument("--config", type=Path, help="ROS parameter file with what differs")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one parameter that stays, such as tracker.name=sort; may be repeated",
    )
    parser.add_argument(
        "--search",
        action="append",
        default=[],
        required=True,
        metavar="NAME=LOW..HIGH",
        help="a number of the tracker's to search for; of a list, one for each class; may be "
        "repeated",
    )
    parser.add_argument(
        "--format", choices=FORMATS, help="of the ground truth, where its content does not tell"
    )
    parser.add_argument(
        "--trials", type=whole_number(1), default=250, help="(default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=whole_number(0), default=0, help="another seed, other trials"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="ROS parameter file to write; must not exist"
    )
    return parser


def _tune(options: argparse.Namespace) -> None:
    if options.out.exists():
        raise ConfigError(f"{options.out} exists; it is not overwritten")
    if not options.out.absolute().parent.is_dir():
        raise ConfigError(f"{options.out.absolute().parent} is no folder to write into")
    ranges = [SearchRange.parse(text) for text in options.search]
    config = load_config(options.config) if options.config else Config()
    config = config.with_values(dict(map(setting, options.set)))
    jobs = _jobs(options)
    for job in jobs:
        # Whatever is wrong should be told before the detector has seen all the others.
        read_inputs(job)
    detector = build_detector(repeatable(config).detector)
    detector.head = head = build_head(config.tracker, detector.runner)
    with tqdm(desc="images", total=sum(job.steps for job in jobs), disable=None) as bar:
        drives = [RecordedDrive.of(job, detector, bar.update) for job in jobs]

    def hota(values: Mapping[str, Any]) -> float:
        tracker = config.with_values(values).tracker
        scores = {
            drive.name: drive.scored(build_tracker(tracker, head), detector.class_names)
            for drive in drives
        }
        return mean_hota(combine(scores))

    rng = np.random.default_rng(options.seed)
    best: dict[str, Any] = {}
    start = highest = hota(best)
    finished = 0
    with tqdm(desc="trials", total=options.trials, disable=None) as bar:
        bar.write(f"HOTA {start:.2f} to begin with")
        try:
            for finished in range(1, options.trials + 1):
                values = {one.name: one.draw(rng, len(detector.class_names)) for one in ranges}
                try:
                    reached = hota(values)
                except EvaluationError:
                    # More tracks than there are numbers for.
                    reached = 0.0
                if reached > highest:
                    best, highest = values, reached
                    said = ", ".join(f"{name}={value}" for name, value in values.items())
                    bar.write(f"HOTA {highest:.2f} in trial {finished}: {said}")
                bar.update()
        except KeyboardInterrupt:
            finished -= 1
    summary = (
        f"HOTA {highest:.2f} on {', '.join(drive.name for drive in drives)}, {start:.2f} before: "
        f"the best of {finished} trials, seed {options.seed}"
    )
    write_parameters(options.out, config.with_values(best), summary)
    print(f"{options.out}: {summary}")


def mean_hota(measures: Mapping[str, Measures]) -> float:
    """The mean over the classes that there are in the ground truth.

    Raises EvaluationError where there are none.
    """
    scores = [class_scores(of_class) for of_class in measures.values()]
    present = [of_class.hota for of_class in scores if of_class.truth_masks]
    if not present:
        raise EvaluationError("expected ground truth with objects in it, found none")
    return float(np.mean(present))


def write_parameters(path: Path, config: Config, summary: str) -> None:
    """A ROS parameter file with what differs from the defaults."""
    defaults = Config().values()
    tree: dict[str, Any] = {}
    for name, value in config.values().items():
        if value != defaults[name]:
            *groups, key = name.split(".")
            branch = tree
            for group in groups:
                branch = branch.setdefault(group, {})
            branch[key] = list(value) if isinstance(value, tuple) else value
    document = yaml.safe_dump({"/**": {"ros__parameters": tree}}, sort_keys=False)
    path.write_text(f"# {summary}\n\n{document}")


def _jobs(options: argparse.Namespace) -> list[EvaluationJob]:
    drives = {open_drive(path, options.topic).name: path for path in options.drives}
    if len(drives) < len(options.drives):
        raise EvaluationError("expected drives of different names")
    truths = {name: file_of(options.gt, name) for name in drives}
    form = FORMATS[options.format] if options.format else recognise(truths.values())
    return [
        EvaluationJob(name, form, truths[name], path, options.topic, None, None, None)
        for name, path in drives.items()
    ]


if __name__ == "__main__":
    main()
