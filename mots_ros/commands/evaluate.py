"""Track every frame of a recorded drive, score it against ground truth and draw it.

Results come from the same pipeline that the node runs, frame by frame in order, so a slow machine
changes how long it takes and not the score. With --results they come from a recording of a live
node instead, and frames that it dropped count as missed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mots_ros.config import Config, ConfigError, load_config, setting
from mots_ros.core.types import FloatArray, Frame
from mots_ros.data import kitti_mots
from mots_ros.data.bags import BagDrive
from mots_ros.data.drives import DriveError
from mots_ros.data.kitti_mots import Annotation, AnnotationError
from mots_ros.data.mot_challenge import read_boxes
from mots_ros.evaluation.collect import Timed, track
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.folder import (
    Report,
    make_folder,
    report_recording,
    write_scores,
    write_sequence,
)
from mots_ros.evaluation.numbering import by_index
from mots_ros.evaluation.scores import check_fits
from mots_ros.progress import progress

NO_BOXES = np.zeros((0, 4), np.float32)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``ros2 run mots_ros evaluate``."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.results is not None and (
        options.config is not None or options.set or options.public_detections is not None
    ):
        parser.error(
            "--results are tracked already: --config, --set and --public-detections change "
            "nothing there"
        )
    try:
        report = _evaluate(options)
    except (AnnotationError, ConfigError, DriveError, EvaluationError) as error:
        parser.exit(2, f"evaluate: error: {' '.join(str(error).split())}\n")
    print(report.text())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bag", type=Path, help="the drive: a rosbag2 folder, .mcap or .db3 file")
    parser.add_argument("--topic", help="the images, where the bag has several topics of them")
    parser.add_argument(
        "--gt",
        type=Path,
        help="ground truth as KITTI MOTS text, frame i being the i-th image of the bag; in a "
        "folder, the file with the bag's name and .txt; without it nothing is scored",
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
        help="MOT Challenge text: tracks start only beside these boxes, frame 1 being the first "
        "image of the bag",
    )
    parser.add_argument(
        "--results", type=Path, help="bag with what the live node published for this drive"
    )
    parser.add_argument(
        "--out", type=Path, help="new folder for the report; default: <bag's name>_evaluation"
    )
    return parser


def _evaluate(options: argparse.Namespace) -> Report:
    drive = BagDrive(options.bag, options.topic)
    folder = options.out or Path(f"{drive.name}_evaluation")
    truth = _truth_of(drive, options.gt) if options.gt is not None else None
    if options.results is not None:
        return report_recording(folder, drive, options.results, truth)
    config = load_config(options.config) if options.config is not None else Config()
    config = config.with_values(dict(map(setting, options.set)))
    public = read_boxes(options.public_detections) if options.public_detections else None
    return _track_and_report(folder, drive, config, truth, public)


def _truth_of(drive: BagDrive, path: Path) -> Annotation:
    """The drive's annotation, checked before anything takes long."""
    truth = kitti_mots.read(path / f"{drive.name}.txt" if path.is_dir() else path)
    first = next(iter(drive))
    check_fits(str(path), truth, first.size, len(drive))
    return truth


def _track_and_report(
    folder: Path,
    drive: BagDrive,
    config: Config,
    truth: Annotation | None,
    public: Mapping[int, FloatArray] | None,
) -> Report:
    # Imported late: torch takes seconds to load, and bad inputs should be told at once.
    from mots_ros.build import build_pipeline
    from mots_ros.nets.checkpoint import CheckpointError

    try:
        pipeline = build_pipeline(config)
    except CheckpointError as error:
        raise EvaluationError(str(error)) from error
    make_folder(folder)
    start = time.monotonic()
    images = by_index(drive)
    frames: Iterable[tuple[int, Frame]] = progress(images, len(drive), "tracking")
    if public is not None:
        frames = ((i, replace(f, public=public.get(i, NO_BOXES))) for i, f in frames)
    step = Timed(pipeline.step)
    results = track(frames, step, pipeline.detector.class_names)
    seconds = time.monotonic() - start
    print(
        f"tracked {len(results)} frames in {seconds:.1f} s, {len(results) / seconds:.1f} a second"
    )
    write_sequence(folder, images, results, truth, step.step_ms)
    return write_scores(folder, config.values())


if __name__ == "__main__":
    main()
