"""Which frame of the ground truth an image is."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mots_ros.core.types import Frame
from mots_ros.data.bags import BagDrive
from mots_ros.data.drives import Drive, DriveError
from mots_ros.data.kitti import FolderDrive

_MAX_DIFFERENCE_NS = 1_000_000
"""Of the stamps of an image and its frame; recorders round."""


@dataclass(frozen=True)
class NumberedDrive:
    """A drive whose images have frame numbers, from 0 on as in KITTI MOTS.

    numbers: of every image, ascending.
    length: frames of the sequence, of which the drive may lack some; at least up to its last.
    """

    drive: Drive
    numbers: Sequence[int]
    length: int

    @property
    def name(self) -> str:
        """The drive's name."""
        return self.drive.name

    @property
    def frames_without_image(self) -> list[int]:
        """The frames that the drive lacks."""
        return sorted(set(range(self.length)).difference(self.numbers))

    def __iter__(self) -> Iterator[tuple[int, Frame]]:
        """Frame numbers and images, in order."""
        return zip(self.numbers, self.drive, strict=True)


def runs(frames: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of every stretch of consecutive numbers; ``frames`` ascend."""
    found: list[tuple[int, int]] = []
    for frame in frames:
        if found and found[-1][1] == frame - 1:
            found[-1] = found[-1][0], frame
        else:
            found.append((frame, frame))
    return found


def by_index(drive: Drive) -> NumberedDrive:
    """Take the i-th image for frame i."""
    return NumberedDrive(drive, range(len(drive)), len(drive))


def by_file_name(drive: FolderDrive, first_frame: int = 0) -> NumberedDrive:
    """Take the number in an image's name for that of its frame.

    Args:
        first_frame: of the text that the images are compared with. They count from 1 like it unless
            there is an image 0.

    Raises DriveError where it is one before the first.
    """
    first = max(drive.first_number, min(first_frame, drive.numbers[0]))
    numbers = [number - first for number in drive.numbers]
    if numbers[0] < 0:
        raise DriveError(
            f"{drive.files[0]}: expected frame numbers from {drive.first_number} on in a folder of "
            "this name"
        )
    return NumberedDrive(drive, numbers, numbers[-1] + 1)


def by_stamp(drive: BagDrive | FolderDrive, stamps_ns: Sequence[int]) -> NumberedDrive:
    """Take images for those frames that were taken at the same time, to a millisecond.

    Args:
        stamps_ns: ascending stamps of all frames of the sequence.

    Raises DriveError where an image has the stamp of no frame, or of that of another image.
    """
    numbers: list[int] = []
    for index, stamp_ns in enumerate(drive.stamps_ns):
        after = bisect.bisect(stamps_ns, stamp_ns)
        nearest = min(
            range(max(after - 1, 0), min(after + 1, len(stamps_ns))),
            key=lambda number: abs(stamps_ns[number] - stamp_ns),
        )
        difference = stamp_ns - stamps_ns[nearest]
        if abs(difference) > _MAX_DIFFERENCE_NS:
            raise DriveError(
                f"{drive.name}: expected the stamp of a frame of the ground truth to a "
                f"millisecond, but image {index} was taken at {stamp_ns} ns, {difference} ns after "
                f"frame {nearest}"
            )
        if numbers and nearest <= numbers[-1]:
            raise DriveError(
                f"{drive.name}: expected a later frame for every image, but images {index - 1} and "
                f"{index} have the stamps of frames {numbers[-1]} and {nearest}"
            )
        numbers.append(nearest)
    return NumberedDrive(drive, numbers, len(stamps_ns))
