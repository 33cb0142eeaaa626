"""Recorded images with the masks that somebody drew on them, as annotated drives.

Images and masks lie in different places: KITTI MOTS and MOTS Challenge each have their folders, and
a bag has its annotation in a text file beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from mots_ros.core.types import LabelImage
from mots_ros.data import kitti_mots
from mots_ros.data.bags import BagDrive
from mots_ros.data.checksum import checksum
from mots_ros.data.drives import AnnotatedFrame, Drive, DriveError
from mots_ros.data.image_files import read_values
from mots_ros.data.kitti import FolderDrive, numbered_images, open_folder
from mots_ros.data.kitti_mots import AnnotationError


class Masks(Protocol):
    """The instance maps of a drive's frames, read anew by every iteration."""

    @property
    def source(self) -> Path:
        """The file or folder that they come from."""

    def __iter__(self) -> Iterator[LabelImage]: ...


@dataclass(frozen=True)
class TextMasks:
    """The maps of the frames with these numbers in a KITTI MOTS text file."""

    source: Path
    numbers: tuple[int, ...]

    def __iter__(self) -> Iterator[LabelImage]:
        """Raises AnnotationError."""
        annotation = kitti_mots.read(self.source)
        return map(annotation.instances, self.numbers)


@dataclass(frozen=True)
class PngMasks:
    """Maps as 16-bit PNG files, pixel = class id * 1000 + instance, 10000 ignore."""

    source: Path
    files: tuple[Path, ...]

    def __iter__(self) -> Iterator[LabelImage]:
        """Raises AnnotationError, DriveError for what is no image at all."""
        return map(_read_instances, self.files)


@dataclass(frozen=True)
class MaskedDrive:
    """The images of a drive, each with its map."""

    name: str
    images: Drive
    masks: Masks

    class_names = kitti_mots.CLASS_NAMES

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[AnnotatedFrame]:
        """Raises AnnotationError for masks of another size than the images."""
        for frame, instances in zip(self.images, self.masks, strict=True):
            if instances.shape != frame.size:
                raise AnnotationError(
                    f"{self.masks.source}: expected masks of {_shown(frame.size)} pixels (width x "
                    f"height) like the images of {self.images.name}, found "
                    f"{_shown(instances.shape)}"
                )
            yield AnnotatedFrame(frame, instances)


def kitti_mots_drives(
    images: Path, annotations: Path, sequences: Sequence[str] | None = None
) -> list[MaskedDrive]:
    """The sequences of KITTI MOTS, which are those of KITTI tracking.

    An annotation belongs to the image whose file name has its frame number. A folder without gaps
    in its numbers is taken for a whole recording, of which every annotated frame must be there; a
    folder with gaps for a choice of frames.

    Args:
        images: such as ``training/image_02``, with ``0002/000000.png`` in it.
        annotations: ``instances_txt``, with ``0002.txt`` in it, or ``instances``, with
            ``0002/000000.png`` in it.
        sequences: names such as ``0002``; all that have images and annotation by default.

    Raises:
        DriveError: a folder, or the images or annotation of a sequence, is missing.
        AnnotationError: an annotation cannot be used, or is of other frames than the images.
    """

    def annotation_of(sequence: str) -> Path | None:
        text, maps = annotations / f"{sequence}.txt", annotations / sequence
        return text if text.is_file() else maps if maps.is_dir() else None

    _require_folder(images, "sequences of images, such as 0002/000000.png")
    _require_folder(annotations, "annotations, such as 0002.txt or 0002/000000.png")
    return [
        _masked(f"kitti_mots_{sequence}", folder, annotation)
        for sequence, folder, annotation in _paired(
            images, annotations, sequences, lambda sequence: images / sequence, annotation_of
        )
    ]


def mots_challenge_drives(
    folder: Path, sequences: Sequence[str] | None = None
) -> list[MaskedDrive]:
    """The sequences of MOTS Challenge, whose frames count from 1.

    Args:
        folder: such as ``train``, with ``MOTS20-02/img1/000001.jpg`` and ``MOTS20-02/gt/gt.txt``.
        sequences: names such as ``MOTS20-02``; all that have images and annotation by default.

    Raises:
        DriveError, AnnotationError: as ``kitti_mots_drives`` does.
    """

    def annotation_of(sequence: str) -> Path | None:
        text = folder / sequence / "gt" / "gt.txt"
        return text if text.is_file() else None

    _require_folder(folder, "sequences, such as MOTS20-02")
    return [
        _masked(f"mots_challenge_{sequence}", images, annotation)
        for sequence, images, annotation in _paired(
            folder, folder, sequences, lambda sequence: folder / sequence / "img1", annotation_of
        )
    ]


def bag_drive(bag: Path, annotation: Path, topic: str | None = None) -> MaskedDrive:
    """A recording with its annotation as KITTI MOTS text, whose frame i is the i-th image.

    Args:
        bag: a rosbag2 folder, or a bare .mcap or .db3 file.
        topic: with the images; may be left out where there is exactly one.

    Raises:
        DriveError: the bag cannot be read or has no such images.
        AnnotationError: the annotation cannot be used or goes beyond the images.
    """
    drive = BagDrive(bag, topic)
    text, frames = _read_text(annotation)
    if max(frames) >= len(drive):
        raise AnnotationError(
            f"{annotation}: expected objects in the {len(drive)} frames of {bag} only, the last of "
            f"which is {len(drive) - 1}; found some in frame {max(frames)}"
        )
    files = sorted(bag.iterdir()) if bag.is_dir() else [bag]
    digits = checksum([text, drive.topic.encode()], files)
    masks = TextMasks(annotation, tuple(range(len(drive))))
    return MaskedDrive(f"bag_{drive.name}_{digits}", drive, masks)


def _paired(
    images: Path,
    annotations: Path,
    wanted: Sequence[str] | None,
    images_of: Callable[[str], Path],
    annotation_of: Callable[[str], Path | None],
) -> Iterator[tuple[str, Path, Path]]:
    """Name, image folder and annotation of the wanted sequences, or of all that have both."""
    if wanted is None:
        found = sorted(path.name for path in images.iterdir())
        wanted = [name for name in found if images_of(name).is_dir() and annotation_of(name)]
        if not wanted:
            raise DriveError(
                f"{images}: expected at least one sequence with images and an annotation in "
                f"{annotations}, found none"
            )
    for name in wanted:
        annotation = annotation_of(name)
        if not images_of(name).is_dir():
            raise DriveError(f"{images_of(name)}: expected the images of '{name}', found nothing")
        if annotation is None:
            raise DriveError(f"{annotations}: expected an annotation of '{name}', found none")
        yield name, images_of(name), annotation


def _masked(name: str, images: Path, annotation: Path) -> MaskedDrive:
    """The drive of a folder of images and its annotation, a text file or a folder of maps."""
    drive = open_folder(images)
    if annotation.is_file():
        text, frames = _read_text(annotation)
        _check_numbers(drive, images, annotation, frames)
        digits = checksum([text], drive.files)
        return MaskedDrive(f"{name}_{digits}", drive, TextMasks(annotation, drive.numbers))
    maps = numbered_images(annotation)
    _check_numbers(drive, images, annotation, maps)
    for number, path in zip(drive.numbers, drive.files, strict=True):
        if number not in maps:
            raise AnnotationError(f"{annotation}: expected a map for {path}, found none")
    files = tuple(maps[number] for number in drive.numbers)
    digits = checksum((path.read_bytes() for path in files), drive.files)
    return MaskedDrive(f"{name}_{digits}", drive, PngMasks(annotation, files))


def _check_numbers(
    drive: FolderDrive, images: Path, annotation: Path, annotated: Collection[int]
) -> None:
    """Refuse an annotation that belongs to other images, or counts them from another number."""
    numbers = drive.numbers
    without_gaps = numbers[-1] - numbers[0] + 1 == len(numbers)
    missing = set(annotated).difference(numbers)
    if missing and (without_gaps or len(missing) == len(annotated)):
        raise AnnotationError(
            f"{annotation}: expected an annotation of the frames in {images}, {numbers[0]} to "
            f"{numbers[-1]}; found frame {min(missing)} annotated"
        )


def _read_text(path: Path) -> tuple[bytes, Collection[int]]:
    """What is in a text annotation, and the frames that have objects."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise AnnotationError(f"{path}: cannot read it: {error.strerror}") from error
    return text, kitti_mots.parse(text, str(path)).frames.keys()


def _read_instances(path: Path) -> LabelImage:
    instances = read_values(path, cv2.IMREAD_UNCHANGED)
    if instances.dtype != np.uint16 or instances.ndim != 2:
        raise AnnotationError(
            f"{path}: expected a grey PNG of 16 bits, found {instances.dtype} {instances.shape}"
        )
    for value in np.unique(instances[instances != 0]):
        try:
            kitti_mots.class_of(int(value))
        except ValueError as error:
            raise AnnotationError(f"{path}: {error}") from None
    return instances


def _require_folder(folder: Path, content: str) -> None:
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise DriveError(f"{folder}: expected a folder with {content}; found {found}")


def _shown(size: tuple[int, ...]) -> str:
    return f"{size[1]} x {size[0]}"
