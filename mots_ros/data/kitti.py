"""KITTI's image folders as drives, tracking and raw recordings, and others like them.

KITTI numbers its frames from 0 at 10 Hz, MOT Challenge from 1. A frame's stamp comes from the
recording's timestamps where it has some and else from its number, as if at 10 Hz, so that a gap in
the numbers is a gap in time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mots_ros.core.types import Frame
from mots_ros.data import kitti_calibration
from mots_ros.data.calibration import Calibration
from mots_ros.data.drives import FRAME_ID, DriveError
from mots_ros.data.image_files import read_rgb
from mots_ros.data.stamps import kitti_time

FRAME_PERIOD_NS = 100_000_000

# What ROS's 32-bit seconds hold.
_MAX_NUMBER = 2**31 * 10**9 // FRAME_PERIOD_NS - 1
_ENDINGS = (".png", ".jpg", ".jpeg")
_LAYOUTS = (
    "image files, a KITTI raw recording (with image_02/data in it), a sequence of KITTI tracking "
    "(such as training/image_02/0000) or of MOT Challenge (with img1 in it)"
)
_MOT_IMAGES = "img1"


@dataclass(frozen=True)
class FolderDrive:
    """Numbered image files of one size, as the left colour camera saw them.

    files: the images, in order.
    stamps_ns: when each was taken, in nanoseconds.
    calibration: of the camera, where it is known.
    first_number: the number of a recording's first frame.
    """

    name: str
    files: tuple[Path, ...]
    stamps_ns: tuple[int, ...]
    calibration: Calibration | None = None
    first_number: int = 0

    @property
    def numbers(self) -> tuple[int, ...]:
        """The frame numbers of the images, ascending; a folder may hold but some of a recording."""
        return tuple(_number_of(path) for path in self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[Frame]:
        """Read the images; raises DriveError for one that is unreadable or of another size."""
        size = None
        for path, stamp_ns in zip(self.files, self.stamps_ns, strict=True):
            frame = Frame(stamp_ns, FRAME_ID, read_rgb(path))
            size = size or frame.size
            if frame.size != size:
                raise DriveError(
                    f"{path}: expected {_shown(size)} pixels (width x height) like "
                    f"{self.files[0].name}, found {_shown(frame.size)}"
                )
            yield frame


def open_folder(source: Path | str) -> FolderDrive:
    """The drive in a folder, by what lies in it and around it.

    Args:
        source: a folder with numbered images; a sequence of KITTI tracking, whose calibration is
            in ``calib`` beside ``image_02``; a KITTI raw recording, with its
            ``image_02/timestamps.txt`` and the day's ``calib_cam_to_cam.txt`` in the folder above;
            or a sequence of MOT Challenge or its ``img1``, in which frames count from 1.

    Raises:
        DriveError: naming the path, what was expected and what was found.
    """
    source = Path(source)
    if not source.is_dir():
        found = "a file" if source.exists() else "nothing"
        raise DriveError(f"{source}: expected a folder with {_LAYOUTS}, found {found}")
    # Names come from paths, which may end with "..".
    source = Path(os.path.abspath(source))
    # A raw recording may be named by itself or by a folder on the way to its images.
    for root in (source, *source.parents[:2]):
        images = root / "image_02" / "data"
        if images.is_dir() and source in (root, images.parent, images):
            return _raw(root)
    if (source / _MOT_IMAGES).is_dir():
        source = source / _MOT_IMAGES
    return _mot_sequence(source) if source.name == _MOT_IMAGES else _sequence(source)


def _raw(root: Path) -> FolderDrive:
    """A KITTI raw recording."""
    files = numbered_images(root / "image_02" / "data")
    timestamps = root / "image_02" / "timestamps.txt"
    stamps = _stamps_in(timestamps, files) if timestamps.exists() else _stamps_by_number(files)
    calibration = root.parent / "calib_cam_to_cam.txt"
    return FolderDrive(
        root.name,
        tuple(files.values()),
        stamps,
        kitti_calibration.read_raw(calibration, _first_size(files))
        if calibration.exists()
        else None,
    )


def _sequence(folder: Path) -> FolderDrive:
    """A sequence of KITTI tracking, or just images."""
    files = numbered_images(folder)
    camera, name = folder.parent, folder.name
    calibration = camera.parent / "calib" / f"{name}.txt"
    return FolderDrive(
        name,
        tuple(files.values()),
        _stamps_by_number(files),
        kitti_calibration.read_tracking(calibration, _first_size(files))
        if camera.name == "image_02" and calibration.exists()
        else None,
    )


def _mot_sequence(images: Path) -> FolderDrive:
    """A sequence of MOT Challenge."""
    files = numbered_images(images)
    return FolderDrive(
        images.parent.name,
        tuple(files.values()),
        _stamps_by_number(files),
        first_number=1,
    )


def numbered_images(folder: Path) -> dict[int, Path]:
    """The image files of a folder by ascending frame number, the last number in their names.

    Raises DriveError where there are none, or a name gives no number or one that another has.
    """
    files: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in _ENDINGS:
            continue
        number = _number_of(path)
        if number > _MAX_NUMBER:
            raise DriveError(
                f"{path}: expected a frame number of at most {_MAX_NUMBER} in the image's name"
            )
        if number in files:
            raise DriveError(
                f"{path}: expected every frame number once, but {files[number].name} has it, too"
            )
        files[number] = path
    if not files:
        raise DriveError(f"{folder}: expected {_LAYOUTS}, found no image files")
    return dict(sorted(files.items()))


def _number_of(path: Path) -> int:
    numbers = re.findall("[0-9]+", path.stem)
    if re.search(r"[0-9]\.[0-9]", path.stem):
        raise DriveError(
            f"{path}: expected a frame number in the image's name, not a time; make a bag of it"
        )
    if not numbers:
        raise DriveError(f"{path}: expected a frame number in the image's name, found none")
    return int(numbers[-1])


def _stamps_by_number(numbers: Iterable[int]) -> tuple[int, ...]:
    return tuple(number * FRAME_PERIOD_NS for number in numbers)


def _stamps_in(path: Path, numbers: Iterable[int]) -> tuple[int, ...]:
    """The stamps of frames by their numbers; line i + 1 of the file belongs to frame i."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DriveError(f"{path}: cannot read it: {error.strerror}") from error
    stamps = []
    for number in numbers:
        if number >= len(lines):
            raise DriveError(
                f"{path}: expected a line for every frame, found {len(lines)} lines and an image "
                f"with number {number}"
            )
        try:
            stamps.append(kitti_time(lines[number]))
        except ValueError:
            raise DriveError(
                f"{path}:{number + 1}: expected a time like 2011-09-26 13:02:25.964389445, found "
                f"{lines[number][:40]!r}"
            ) from None
    return tuple(stamps)


def _first_size(files: Mapping[int, Path]) -> tuple[int, int]:
    """Height and width of the first image."""
    image = read_rgb(next(iter(files.values())))
    return image.shape[0], image.shape[1]


def _shown(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]}"
