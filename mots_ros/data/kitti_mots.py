"""KITTI MOTS annotations and results as text, one object of one frame a line.

A line holds ``frame id class height width rle``, separated by blanks: id = class * 1000 + instance
with class 1 car or 2 pedestrian and instance 0 to 999; id 10000 with class 10 marks regions where
nothing is scored; rle is COCO's compressed run-length string. All images of a sequence have one
size, masks of one frame are disjoint, and frames ascend. The file does not say how many frames the
sequence has: frame i is the i-th image of the drive, and frames without objects have no line.

The text of MOTS Challenge differs in that its frames count from 1 and all its objects are
pedestrians.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mots_ros.core.types import LabelImage
from mots_ros.data.rle import MAX_PIXELS, RleError, decode, encode, spans

CLASS_NAMES = ("car", "pedestrian")
"""Class id i of the format is ``CLASS_NAMES[i - 1]``."""

IGNORE_ID = 10000
IGNORE_CLASS = 10
MAX_INSTANCES = 1000
"""Ids a class has in the format."""

_FIELDS = ("frame", "id", "class", "height", "width", "RLE")
_INTEGER = re.compile(r"[0-9]{1,9}")


class AnnotationError(ValueError):
    """An annotation file cannot be used; the message names the file, the line and the fault."""


@dataclass(frozen=True)
class MaskObject:
    """An object in one frame.

    object_id: class id * 1000 + instance, or IGNORE_ID.
    class_id: 1 car, 2 pedestrian, 10 ignore region.
    rle: COCO's compressed run-length string.
    """

    object_id: int
    class_id: int
    rle: bytes


@dataclass(frozen=True)
class Annotation:
    """The objects of a sequence.

    size: height and width of its images.
    frames: the objects of every frame that has any, by ascending frame number.
    """

    size: tuple[int, int]
    frames: Mapping[int, tuple[MaskObject, ...]]

    def instances(self, frame: int) -> LabelImage:
        """The instance map of a frame; all zero when it has no objects."""
        return instance_map(self.frames.get(frame, ()), self.size)

    def without_ignored(self) -> Annotation:
        """The objects alone, as results have them, without ignore regions."""
        return self.only(CLASS_NAMES)

    def only(self, class_names: Sequence[str]) -> Annotation:
        """The objects of these classes."""
        class_ids = {CLASS_NAMES.index(name) + 1 for name in class_names}
        frames = {
            frame: tuple(item for item in objects if item.class_id in class_ids)
            for frame, objects in self.frames.items()
        }
        return Annotation(self.size, {frame: found for frame, found in frames.items() if found})


def read(
    path: Path | str,
    *,
    first_frame: int = 0,
    size: tuple[int, int] | None = None,
    length: int | None = None,
) -> Annotation:
    """Read annotations; as ``parse``, and it raises AnnotationError for an unreadable file."""
    path = Path(path)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise AnnotationError(f"{path}: cannot read it: {error.strerror}") from error
    return parse(text, str(path), first_frame=first_frame, size=size, length=length)


def write(path: Path | str, annotation: Annotation, *, first_frame: int = 0) -> None:
    """Write an annotation file; ``read`` returns an equal annotation unless it has no objects."""
    height, width = annotation.size
    lines = [
        f"{first_frame + frame} {item.object_id} {item.class_id} {height} {width} "
        f"{item.rle.decode('ascii')}\n"
        for frame, objects in sorted(annotation.frames.items())
        for item in objects
    ]
    Path(path).write_text("".join(lines), encoding="ascii")


def parse(
    text: bytes,
    name: str,
    *,
    first_frame: int = 0,
    size: tuple[int, int] | None = None,
    length: int | None = None,
) -> Annotation:
    """The annotation in ``text``.

    Args:
        name: what an AnnotationError calls the file.
        first_frame: the number that the file has for frame 0.
        size: height and width that masks must have; only with it a file without objects is one.
        length: frames of the sequence, beyond which there must be no object.

    Raises AnnotationError where a line is none of the format or does not fit those before it.
    """
    origin = "of line 1" if size is None else "of the sequence"
    frames: dict[int, _FrameLines] = {}
    last = first_frame
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            frame, item, line_size = _parse_line(line)
            if line_size != (size or line_size):
                raise _Fault(f"expected the image size {size} {origin}, found {line_size}")
            if frame < last:
                raise _Fault(_misplaced(frame, last, first_frame))
            if length is not None and frame >= first_frame + length:
                raise _Fault(
                    f"expected frames {first_frame} to {first_frame + length - 1} of the "
                    f"sequence, found frame {frame}"
                )
            size, last = line_size, frame
            frames.setdefault(frame, _FrameLines()).add(number, item, size)
        except (_Fault, RleError) as fault:
            raise AnnotationError(f"{name}:{number}: {fault}") from None
    if size is None:
        raise AnnotationError(f"{name}: expected at least one object")
    for frame, found in frames.items():
        overlap = found.first_overlap()
        if overlap is not None:
            first, second = overlap
            raise AnnotationError(
                f"{name}:{second}: expected disjoint masks, found one that overlaps the object of "
                f"line {first} in frame {frame}"
            )
    return Annotation(
        size, {frame - first_frame: tuple(found.objects) for frame, found in frames.items()}
    )


def instance_map(objects: Iterable[MaskObject], size: tuple[int, int]) -> LabelImage:
    """Paint objects with valid, disjoint masks: uint16 [H, W], pixel = object id, 0 background."""
    instances = np.zeros(size, np.uint16)
    for item in objects:
        instances[decode(item.rle, size)] = item.object_id
    return instances


def objects_of(instances: LabelImage) -> tuple[MaskObject, ...]:
    """The objects of an instance map [H, W] by ascending id; the inverse of ``instance_map``.

    Raises ValueError for a value that is no object id of the format.
    """
    return tuple(
        MaskObject(int(value), class_of(int(value)), encode(instances == value))
        for value in np.unique(instances)
        if value != 0
    )


def class_of(object_id: int) -> int:
    """The class id within an object id; raises ValueError for an id that the format lacks."""
    class_id = object_id // MAX_INSTANCES
    if object_id == IGNORE_ID or 1 <= class_id <= len(CLASS_NAMES):
        return class_id
    last = (len(CLASS_NAMES) + 1) * MAX_INSTANCES - 1
    raise ValueError(f"expected an object id from 1000 to {last} or 10000, found {object_id}")


class ObjectIds:
    """Object ids for the tracks of one sequence.

    Track ids grow without end, but the format has three digits for the tracks of a class: each is
    numbered 1, 2, ... in the order of its first appearance.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, dict[int, int]] = {}

    def of(self, class_id: int, track_id: int) -> int:
        """The object id of a track of a class; raises ValueError at the 1000th track of a class."""
        numbers = self._numbers.setdefault(class_id, {})
        number = numbers.setdefault(track_id, len(numbers) + 1)
        if number >= MAX_INSTANCES:
            raise ValueError(
                f"class {class_id} has more than {MAX_INSTANCES - 1} tracks, but KITTI MOTS ids "
                f"hold no more: track {track_id} cannot be written; split the sequence or raise "
                "the score at which tracks are born"
            )
        return class_id * MAX_INSTANCES + number


class _Fault(ValueError):
    """What is wrong with a line."""


class _FrameLines:
    """The objects of one frame and where their masks lie."""

    def __init__(self) -> None:
        self.objects: list[MaskObject] = []
        self._lines: list[int] = []
        self._starts: list[NDArray[np.int64]] = []
        self._ends: list[NDArray[np.int64]] = []

    def add(self, line: int, item: MaskObject, size: tuple[int, int]) -> None:
        for other, other_line in zip(self.objects, self._lines, strict=True):
            if other.object_id == item.object_id:
                raise _Fault(
                    f"expected every id once a frame, found {item.object_id} again, which line "
                    f"{other_line} has"
                )
        starts, ends = spans(item.rle, size[0] * size[1])
        self.objects.append(item)
        self._lines.append(line)
        self._starts.append(starts)
        self._ends.append(ends)

    def first_overlap(self) -> tuple[int, int] | None:
        """Lines of two objects whose masks overlap, in ascending order."""
        starts, ends = np.concatenate(self._starts), np.concatenate(self._ends)
        lines = np.repeat(self._lines, [len(part) for part in self._starts])
        order = np.argsort(starts, kind="stable")
        overlaps = np.flatnonzero(starts[order][1:] < ends[order][:-1])
        if len(overlaps) == 0:
            return None
        first, second = sorted(lines[order][overlaps[0] : overlaps[0] + 2].tolist())
        return first, second


def _misplaced(frame: int, last: int, first_frame: int) -> str:
    if frame < first_frame:
        return f"expected frames that count from {first_frame}, found frame {frame}"
    return f"expected frames in ascending order, found frame {frame} after frame {last}"


def _parse_line(line: bytes) -> tuple[int, MaskObject, tuple[int, int]]:
    fields = line.split()
    if len(fields) != len(_FIELDS):
        raise _Fault(f"expected {len(_FIELDS)} fields ({', '.join(_FIELDS)}), found {len(fields)}")
    frame, object_id, class_id, height, width = (
        _integer(field, name) for field, name in zip(fields[:5], _FIELDS[:5], strict=True)
    )
    if class_id == IGNORE_CLASS:
        first_id = last_id = IGNORE_ID
    elif 1 <= class_id <= len(CLASS_NAMES):
        first_id = class_id * MAX_INSTANCES
        last_id = first_id + MAX_INSTANCES - 1
    else:
        raise _Fault(f"expected class 1 (car), 2 (pedestrian) or 10 (ignored), found {class_id}")
    if not first_id <= object_id <= last_id:
        raise _Fault(
            f"expected an id from {first_id} to {last_id} for class {class_id}, which is class * "
            f"1000 + instance, found {object_id}"
        )
    if not 1 <= height * width <= MAX_PIXELS:
        raise _Fault(f"expected an image of 1 to {MAX_PIXELS} pixels, found {height} x {width}")
    return frame, MaskObject(object_id, class_id, fields[5]), (height, width)


def _integer(field: bytes, name: str) -> int:
    text = field.decode("ascii", "backslashreplace")
    if _INTEGER.fullmatch(text) is None:
        raise _Fault(f"expected {name} as an integer of at most nine digits, found {text[:40]!r}")
    return int(text)
