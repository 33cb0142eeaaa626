"""What a drive is: a named sequence of camera frames, with or without ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from mots_ros.core.types import Frame, LabelImage

FRAME_ID = "camera_color_left"
"""What kitti2bag calls the camera; KITTI's drives and the made-up ones come from it."""


class DriveError(ValueError):
    """A recording or a folder cannot be used; the message names it and what was expected."""


@dataclass(frozen=True)
class AnnotatedFrame:
    """A frame and what can be seen in it.

    instances: uint16 [H, W], pixel = class id * 1000 + instance with the class ids of KITTI MOTS
        (1 car, 2 pedestrian); 0 background, 10000 ignore region.
    """

    frame: Frame
    instances: LabelImage


class Drive(Protocol):
    """Frames of one camera in recorded order; iterating again starts at the first frame."""

    @property
    def name(self) -> str:
        """A short name for tables and file names."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Frame]: ...


class AnnotatedDrive(Protocol):
    """A drive whose objects are known; their class id i is ``class_names[i - 1]``."""

    @property
    def name(self) -> str:
        """A short name for tables and file names."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their ids."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[AnnotatedFrame]: ...
