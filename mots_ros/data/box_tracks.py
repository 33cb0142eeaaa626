"""Boxes with identities as text, in the formats of KITTI tracking and MOT Challenge.

Both have one object of one frame a line. KITTI counts frames and pixels from 0 and separates 17
fields by blanks: ``frame id type truncated occluded alpha left top right bottom`` and seven of the
object's place in the world, in results maybe a score, too. MOT Challenge counts both from 1 and
separates by commas: ``frame,id,left,top,width,height,confidence`` and then class and visibility or,
as in its first year, three fields of the place in the world.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mots_ros.data.kitti_mots import AnnotationError

KITTI_FIELDS = 17
MOT15_FIELDS = 10
"""Fields of a line of ground truth in MOT Challenge's first year, which had no classes."""

_KITTI_TYPES = ("Car", "Van", "Truck", "Pedestrian", "Person", "Cyclist", "Tram", "Misc")
_DONT_CARE = "DontCare"
_MOT_CLASSES = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13")
_MOT_RESULT_CLASSES = ("-1", "1")
_MOT_RESULT_FIELDS, _MOT_TRUTH_FIELDS = 7, 8

_NOWHERE = ("-1", "-1", "-1", "-1000", "-1000", "-1000", "-10")
"""What KITTI says of the place in the world where nothing is known."""

Line = tuple[str, ...]
"""The fields of a line, without the frame number."""


@dataclass(frozen=True)
class BoxTracks:
    """The objects of every frame of a sequence that has any, by ascending frame from 0 on."""

    frames: Mapping[int, tuple[Line, ...]]


def read_kitti(path: Path, *, is_truth: bool, length: int | None = None) -> BoxTracks:
    """Read KITTI tracking's text: ``label_02`` or results.

    Args:
        length: frames of the sequence, beyond which there must be no object.

    Raises AnnotationError where the file cannot be read or a line is none of the format.
    """
    most = KITTI_FIELDS if is_truth else KITTI_FIELDS + 1
    count = 0

    def parse(text: str) -> _Parsed:
        nonlocal count
        fields = text.split()
        count = count or len(fields)
        if not KITTI_FIELDS <= len(fields) <= most or len(fields) != count:
            raise _Fault(
                f"expected {KITTI_FIELDS} fields (frame id type truncated occluded alpha left top "
                f"right bottom ...{'' if is_truth else ', maybe a score at last, in all lines'}), "
                f"found {len(fields)}"
            )
        frame, track_id, kind = _whole(fields[0], "frame"), _whole(fields[1], "id"), fields[2]
        # KITTI's description of its format has a longer name than its files.
        kind = "Person" if kind == "Person_sitting" else kind
        if kind not in (*_KITTI_TYPES, _DONT_CARE):
            raise _Fault(
                f"expected one of {', '.join((*_KITTI_TYPES, _DONT_CARE))}, found {kind!r}"
            )
        left, top, right, bottom = [_number(value) for value in fields[3:]][3:7]
        if not (left < right and top < bottom):
            raise _Fault(f"expected left < right and top < bottom, found {' '.join(fields[6:10])}")
        who = None if kind == _DONT_CARE else f"{kind} {track_id}"
        return _Parsed(frame, who, (str(track_id), kind, *fields[3:]))

    return _read(path, parse, 0, length)


def read_mot(path: Path, *, is_truth: bool, length: int | None = None) -> BoxTracks:
    """Read MOT Challenge's text: ``gt.txt`` or results, which must be of pedestrians.

    Arguments and errors are those of ``read_kitti``.
    """
    least = _MOT_TRUTH_FIELDS if is_truth else _MOT_RESULT_FIELDS
    count = 0

    def parse(text: str) -> _Parsed:
        nonlocal count
        fields = [value.strip() for value in text.split(",")]
        count = count or len(fields)
        if len(fields) < least or len(fields) != count:
            raise _Fault(
                f"expected at least {least} fields (frame,id,left,top,width,height,confidence"
                f"{',class' if is_truth else ''},...), in all lines as many, found {len(fields)}"
            )
        frame, track_id = _whole(fields[0], "frame"), _whole(fields[1], "id")
        if track_id < 0:
            raise _Fault(f"expected an id from 0 on, found {track_id}: is this no track at all?")
        width, height = [_number(value) for value in fields[2:]][2:4]
        if min(width, height) <= 0:
            raise _Fault(f"expected a width and height above 0, found {width:g} and {height:g}")
        known = _MOT_CLASSES if is_truth else _MOT_RESULT_CLASSES
        has_class = count > _MOT_RESULT_FIELDS and not (is_truth and count == MOT15_FIELDS)
        if has_class and f"{float(fields[7]):g}" not in known:
            raise _Fault(f"expected a class out of {', '.join(known)}, found {fields[7]}")
        return _Parsed(frame, str(track_id), (str(track_id), *fields[2:]))

    return _read(path, parse, 1, length)


def is_wanted(line: Line, is_kitti: bool) -> bool:
    """Whether a line of ground truth is an object that results should have; others only explain
    what is no false alarm."""
    if is_kitti:
        return line[1] in ("Car", "Pedestrian")
    has_class = len(line) + 1 != MOT15_FIELDS
    return float(line[5]) != 0 and not (has_class and float(line[6]) != 1)


def kitti_from_mot(tracks: Mapping[str, BoxTracks]) -> BoxTracks:
    """MOT Challenge's results of classes, by name, as KITTI's; what it lacks is left out."""
    frames: dict[int, list[Line]] = {}
    for kind in _KITTI_TYPES:
        found = tracks[kind.lower()].frames if kind.lower() in tracks else {}
        for frame, lines in found.items():
            for track_id, *numbers in lines:
                left, top, width, height, score = map(float, numbers[:5])
                corners = (left - 1, top - 1, left - 1 + width, top - 1 + height)
                box = [f"{value:.2f}" for value in corners]
                line = (track_id, kind, "-1", "-1", "-10", *box, *_NOWHERE, f"{score:g}")
                frames.setdefault(frame, []).append(line)
    return BoxTracks({frame: tuple(frames[frame]) for frame in sorted(frames)})


@dataclass(frozen=True)
class _Parsed:
    """A line; ``who`` must be there once a frame, None may be there often."""

    frame: int
    who: str | None
    fields: Line


class _Fault(ValueError):
    """What is wrong with a line."""


def _read(
    path: Path, parse: Callable[[str], _Parsed], first_frame: int, length: int | None
) -> BoxTracks:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise AnnotationError(f"{path}: cannot read it: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path}: expected text: {error}") from error
    frames: dict[int, list[Line]] = {}
    seen: dict[tuple[int, str | None], int] = {}
    for number, line in enumerate(lines, start=1):
        try:
            parsed = parse(line)
            _check_frame(parsed.frame, first_frame, length)
            before = seen.setdefault((parsed.frame, parsed.who), number)
            if parsed.who is not None and before != number:
                raise _Fault(
                    f"expected every id once a frame, found {parsed.who} again, which line "
                    f"{before} has"
                )
        except _Fault as fault:
            raise AnnotationError(f"{path}:{number}: {fault}") from None
        frames.setdefault(parsed.frame - first_frame, []).append(parsed.fields)
    return BoxTracks({frame: tuple(frames[frame]) for frame in sorted(frames)})


def _check_frame(frame: int, first: int, length: int | None) -> None:
    if length is None and frame < first:
        raise _Fault(f"expected frames that count from {first}, found frame {frame}")
    if length is not None and not first <= frame < first + length:
        raise _Fault(
            f"expected frames {first} to {first + length - 1} of the sequence, found frame {frame}"
        )


def _whole(text: str, name: str) -> int:
    if re.fullmatch("[+-]?[0-9]+", text):
        # Ids of 64 bits are no floats.
        return int(text)
    number = _number(text)
    if number % 1:
        raise _Fault(f"expected {name} as a whole number, found {text[:40]!r}")
    return int(number)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _Fault(f"expected a finite number, found {text[:40]!r}")
    return number
