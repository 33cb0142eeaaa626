"""Track recorded drives, or take what others made of them; score it against ground truth, draw it.

DRIVEs are bags or folders of images. Their results come from the same pipeline that the node runs,
frame by frame in order, so a slow machine changes how long it takes and not the score. With
--results they come from a recording of a live node, in which frames that it dropped count as
missed, or from text that another program wrote. For such text, ground truth is enough:

    evaluate street_0001 street_0002 --gt instances_txt        tracks, scores and draws two bags
    evaluate image_02/0001 --gt instances_txt --set tracker.name=sort
    evaluate street_0001 --gt instances_txt --results recorded
    evaluate --gt instances_txt --results theirs               a folder with 0001.txt, 0002.txt, ...
    evaluate street_0001 --gt instances_txt --config config/dior.yaml --relink

Text may be masks of KITTI MOTS or MOTS Challenge, or boxes of KITTI tracking or MOT Challenge, in
files <sequence>.txt or <sequence>/gt/gt.txt; results must be in the format of the ground truth.
"""

from __future__ import annotations

import argparse
import functools
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mots_ros.commands.evaluation_job import (
    EvaluationJob,
    evaluate,
    open_drive,
    read_inputs,
    repeatable,
)
from mots_ros.commands.side_by_side import run_all
from mots_ros.config import Config, load_config
from mots_ros.data.bags import is_bag
from mots_ros.data.checksum import checksum
from mots_ros.data.drives import DriveError
from mots_ros.data.kitti_mots import AnnotationError
from mots_ros.data.track_text import FORMATS, KITTI_MOTS, TextFormat, file_of, files_in, recognise
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.folder import (
    RELINKED,
    Report,
    make_folder,
    resume_folder,
    write_scores,
)
from mots_ros.evaluation.sequence import is_finished
from mots_ros.parameter import ConfigError, setting, whole_number

RELINK_SIMILARITY = 0.8
"""How alike two tracks must look to be one, unless told (DIOR's theta_1)."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``ros2 run mots_ros evaluate``."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _refuse_contradictions(parser, options)
    try:
        reports = _evaluate(options)
    except (AnnotationError, ConfigError, DriveError, EvaluationError, OSError) as error:
        parser.exit(2, f"evaluate: error: {' '.join(str(error).split())}\n")
    except KeyboardInterrupt:
        parser.exit(130, "evaluate: stopped; the same command with --resume goes on from here\n")
    print("\n\nrelinked:\n".join(report.text() for report in reports))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "drives",
        type=Path,
        nargs="*",
        metavar="DRIVE",
        help="a rosbag2 folder, .mcap or .db3 file, or a folder of images as KITTI or MOT "
        "Challenge has them; none where results and ground truth are text",
    )
    parser.add_argument("--topic", help="the images, where a bag has several topics of them")
    parser.add_argument(
        "--gt",
        type=Path,
        help="ground truth as text, frame i being the i-th image of a bag or the image with that "
        "number in its name; in a folder, the file with the drive's name; without it nothing is "
        "scored",
    )
    parser.add_argument(
        "--gt-stamps",
        type=Path,
        metavar="FILE",
        help="the time of every frame of the ground truth, a line each, as in KITTI's "
        "timestamps.txt; images are then found by their stamps, and frames without an image count "
        "as missed",
    )
    parser.add_argument(
        "--results",
        type=Path,
        help="what there is of results: a bag with what the live node published for the drive, or "
        "text; for several drives, a folder with one by each drive's name",
    )
    parser.add_argument(
        "--format", choices=FORMATS, help="of the text, where its content does not tell"
    )
    parser.add_argument("--config", type=Path, help="ROS parameter file with what differs")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one parameter, such as detector.score_threshold=0.5; may be repeated",
    )
    parser.add_argument(
        "--public-detections",
        type=Path,
        metavar="DET_TXT",
        help="MOT Challenge text: tracks start only beside these boxes, frame 1 being the first; "
        "for several drives, a folder as for ground truth, with det/det.txt",
    )
    parser.add_argument(
        "--relink",
        type=_similarity,
        nargs="?",
        const=RELINK_SIMILARITY,
        metavar="COSINE",
        help="when a drive is over, join tracks of one class where the later begins within a "
        "second after the earlier ended and looks more alike than this, "
        f"{RELINK_SIMILARITY} unless told; OUT/relinked has the same report after that, for "
        "trackers that know looks: dior, cstrack, trackrcnn",
    )
    parser.add_argument(
        "--jobs",
        type=whole_number(1),
        metavar="N",
        help="sequences to work on at once, each on one core unless detector.threads says more; "
        "default: one for every core, and one at a time on a GPU; scores do not depend on it",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="new folder for the report; default: <drive's name>_evaluation, or evaluation",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on in the folder of an evaluation that was stopped: finished sequences remain, "
        "unless their files have changed since",
    )
    return parser


def _refuse_contradictions(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.results is not None and (
        options.config is not None
        or options.set
        or options.public_detections is not None
        or options.relink is not None
    ):
        parser.error(
            "--results are tracked already: --config, --set, --public-detections and --relink "
            "change nothing there"
        )
    if not options.drives and (options.gt is None or options.results is None):
        parser.error("name drives, or --gt and --results to compare")
    if options.gt_stamps is not None and (options.gt is None or len(options.drives) != 1):
        parser.error("--gt-stamps says when the frames of one drive's ground truth were taken")


def _evaluate(options: argparse.Namespace) -> list[Report]:
    """The report, and that of the relinked tracks if they are asked for."""
    jobs = _jobs_of_drives(options) if options.drives else _jobs_of_texts(options)
    if options.drives:
        for job in jobs:
            # Whatever is wrong should be told now, and not when the drives before are done.
            read_inputs(job)
    config = None
    if options.results is None:
        config = _config(options)
    processes = min(options.jobs or _default_jobs(config), len(jobs))
    if config is not None:
        _check_weights(config)
    folder = options.out or _default_folder(jobs)
    settings = _settings(options, jobs[0].form, config)
    if options.resume:
        resume_folder(folder, settings)
    else:
        make_folder(folder, settings)
    left = [job for job in jobs if not is_finished(folder, job.name, job.files)]
    if len(left) < len(jobs):
        print(f"{len(jobs) - len(left)} of {len(jobs)} sequences were finished before")
    steps = sum(job.steps for job in left)
    start = time.monotonic()
    work = functools.partial(
        evaluate, folder=folder, config=config, least_similarity=options.relink
    )
    run_all(work, left, processes, steps, "sequences" if config is None else "images")
    seconds = time.monotonic() - start
    if config is not None and left:
        print(f"tracked {steps} frames in {seconds:.1f} s, {steps / seconds:.1f} a second")
    folders = [folder] if options.relink is None else [folder, folder / RELINKED]
    return [write_scores(path, settings["parameters"], jobs[0].form) for path in folders]


def _jobs_of_drives(options: argparse.Namespace) -> list[EvaluationJob]:
    drives = {open_drive(path, options.topic).name: path for path in options.drives}
    if len(drives) < len(options.drives):
        raise EvaluationError(
            f"expected drives of different names, found {', '.join(map(str, options.drives))}"
        )
    for path in (options.gt, options.results, options.public_detections):
        if path is not None and len(drives) > 1 and _is_one(path):
            raise EvaluationError(f"{path}: expected a folder with one for each of several drives")
    truths = {name: _found(options.gt, name) for name in drives}
    results = {name: _results_of(options.results, name) for name in drives}
    texts = [path for path in (*truths.values(), *results.values()) if path and not is_bag(path)]
    form = _format(options, texts)
    return [
        EvaluationJob(
            name,
            form,
            truths[name],
            path,
            options.topic,
            results[name],
            options.gt_stamps,
            _found(options.public_detections, name, "det"),
        )
        for name, path in drives.items()
    ]


def _jobs_of_texts(options: argparse.Namespace) -> list[EvaluationJob]:
    """Those of the sequences that there are results of."""
    truths, results = files_in(options.gt), files_in(options.results)
    names = truths if options.gt.is_file() else results
    files = {name: (file_of(options.gt, name), file_of(options.results, name)) for name in names}
    missing = [name for name in truths if name not in files]
    if missing:
        print(f"no results, and therefore no scores, of {', '.join(missing)}")
    form = _format(options, [path for pair in files.values() for path in pair])
    return [
        EvaluationJob(name, form, truth, None, None, found, None, None)
        for name, (truth, found) in files.items()
    ]


def _is_one(path: Path) -> bool:
    """Whether a path is a file or recording, not a folder of them."""
    return path.is_file() or (path / "metadata.yaml").exists()


def _found(path: Path | None, name: str, role: str = "gt") -> Path | None:
    return None if path is None else file_of(path, name, role)


def _results_of(path: Path | None, name: str) -> Path | None:
    """A drive's recording or text."""
    if path is None or (_is_one(path) and is_bag(path)):
        return path
    for recording in (path / name, path / f"{name}.mcap", path / f"{name}.db3"):
        if is_bag(recording) and recording.exists():
            return recording
    return path if is_bag(path) else file_of(path, name)


def _format(options: argparse.Namespace, texts: Sequence[Path]) -> TextFormat:
    if options.format is not None:
        return FORMATS[options.format]
    return recognise(texts) if texts else KITTI_MOTS


def _default_folder(jobs: Sequence[EvaluationJob]) -> Path:
    return Path(f"{jobs[0].name}_evaluation" if len(jobs) == 1 else "evaluation")


def _settings(
    options: argparse.Namespace, form: TextFormat, config: Config | None
) -> dict[str, Any]:
    """What the scores of every sequence depend on."""
    paths = {
        "--gt": options.gt,
        "--gt-stamps": options.gt_stamps,
        "--results": options.results,
        "--public-detections": options.public_detections,
    }
    return {
        **{name: None if path is None else str(path.absolute()) for name, path in paths.items()},
        "--topic": options.topic,
        "--format": form.name,
        "--relink": options.relink,
        "weights' checksum": None if config is None else _checksum(config),
        "parameters": None if config is None else config.values(),
    }


def _checksum(config: Config) -> str:
    """Of the weights: training may have replaced them."""
    from mots_ros.build import head_path, weights_path

    files = [weights_path(config.detector.weights), head_path(config.tracker)]
    return checksum([path.read_bytes() for path in files if path], [])


def _config(options: argparse.Namespace) -> Config:
    """The parameters of our tracker."""
    config = load_config(options.config) if options.config is not None else Config()
    return repeatable(config.with_values(dict(map(setting, options.set))))


def _check_weights(config: Config) -> None:
    # Imported late: torch takes seconds to load, and results as text need none.
    from mots_ros.build import build_head, build_runner
    from mots_ros.nets.checkpoint import CheckpointError

    try:
        build_head(config.tracker, build_runner(config.detector))
    except CheckpointError as error:
        raise EvaluationError(str(error)) from error


def _default_jobs(config: Config | None) -> int:
    if config is not None and config.detector.device != "cpu":
        import torch

        if torch.cuda.is_available():
            return 1
    return len(os.sched_getaffinity(0))


def _similarity(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not -1 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a cosine from -1 to 1, found '{text}'")
    return value


if __name__ == "__main__":
    main()
