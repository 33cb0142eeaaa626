"""Which frame of the ground truth an image is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mots_ros.core.types import Frame
from mots_ros.data.drives import Drive


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


def by_index(drive: Drive) -> NumberedDrive:
    """Take the i-th image for frame i."""
    return NumberedDrive(drive, range(len(drive)), len(drive))
