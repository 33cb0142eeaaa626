"""Make a drive with exact ground truth: a street, or with --replica a recorded drive repainted.

The images go into a new rosbag2 folder OUT, the annotation in the KITTI MOTS text format beside it,
into instances_txt/<OUT's name>.txt. The same arguments give the same drive.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mots_ros.core.types import Frame
from mots_ros.data.bags import write_drive
from mots_ros.data.calibration import Calibration
from mots_ros.data.drives import AnnotatedDrive, AnnotatedFrame, DriveError
from mots_ros.data.kitti_mots import Annotation, MaskObject, objects_of, write
from mots_ros.data.replica import ReplicaDrive
from mots_ros.data.street import StreetDrive
from mots_ros.progress import progress

_STREET_LENGTH = 150


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``ros2 run mots_ros generate``."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        drive = _drive(options)
    except ValueError as error:
        parser.exit(2, f"generate: error: {error}\n")
    try:
        calibration = drive.calibration if isinstance(drive, StreetDrive) else None
        annotation = generate(drive, options.out, calibration)
    except (DriveError, OSError) as error:
        parser.exit(2, f"generate: error: {error}\n")
    print(f"{options.out}: {len(drive)} images of {drive.name}")
    print(f"{annotation}: ground truth")


def generate(drive: AnnotatedDrive, out: Path, calibration: Calibration | None = None) -> Path:
    """Render ``drive`` into the new bag ``out``; returns the annotation file beside it.

    The bag has a camera_info beside every image where a ``calibration`` is given.

    Raises DriveError where one of the two exists.
    """
    annotation = out.parent / "instances_txt" / f"{out.name}.txt"
    if annotation.exists():
        raise DriveError(f"{annotation} exists; it is not overwritten")
    annotation.parent.mkdir(exist_ok=True)
    objects = _Objects()
    frames = objects.seen_in(progress(drive, len(drive), "Rendering"))
    write_drive(out, frames, calibration)
    write(annotation, Annotation(objects.size, objects.frames))
    return annotation


class _Objects:
    """What is seen in a drive whose images go on to somewhere else."""

    def __init__(self) -> None:
        self.size = 0, 0
        self.frames: dict[int, tuple[MaskObject, ...]] = {}

    def seen_in(self, drive: Iterable[AnnotatedFrame]) -> Iterator[Frame]:
        for number, item in enumerate(drive):
            self.size = item.frame.size
            objects = objects_of(item.instances)
            if objects:
                self.frames[number] = objects
            yield item.frame


def _drive(options: argparse.Namespace) -> AnnotatedDrive:
    if options.replica is not None:
        return ReplicaDrive(options.replica, options.seed, length=options.length)
    length = _STREET_LENGTH if options.length is None else options.length
    return StreetDrive(options.seed, length)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="generate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="rosbag2 folder to make")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another drive")
    parser.add_argument(
        "--length",
        type=int,
        help=f"images, 10 a second (default: {_STREET_LENGTH}, or all of a replica's)",
    )
    parser.add_argument(
        "--replica",
        type=Path,
        metavar="ANNOTATION",
        help="KITTI MOTS annotation file whose objects are painted anew",
    )
    return parser


if __name__ == "__main__":
    main()
