"""Times of frames in text files, a line per frame."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

from mots_ros.data.drives import DriveError

_KITTI = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,9}))?")
_SECONDS = re.compile(r"(\d+)\.(\d{1,9})")
_NANOSECONDS = re.compile(r"(\d+)")
_BOTH = re.compile(r"(\d+)[ ,]+(\d{1,9})")


def kitti_time(text: str) -> int:
    """Nanoseconds since 1970 of a time like 2011-09-26 13:02:25.964389445, taken as UTC.

    Raises ValueError.
    """
    match = _KITTI.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    whole = datetime.fromisoformat(match[1]).replace(tzinfo=timezone.utc)
    return int(whole.timestamp()) * 10**9 + int((match[2] or "").ljust(9, "0"))


def read_stamps(path: Path) -> list[int]:
    """The ascending stamps in a file, in nanoseconds.

    A line has KITTI's time, seconds with a decimal point, whole nanoseconds, or seconds and
    nanoseconds as two numbers.

    Raises DriveError where the file cannot be read or a line is none of these.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DriveError(f"{path}: cannot read it: {error.strerror}") from error
    stamps: list[int] = []
    for number, line in enumerate(lines, start=1):
        try:
            stamps.append(_nanoseconds(line.strip()))
        except ValueError:
            raise DriveError(
                f"{path}:{number}: expected a time like 2011-09-26 13:02:25.964389445, "
                "1317042145.964389445 (seconds), 1317042145964389445 (nanoseconds) or 1317042145 "
                f"964389445 (both), found {line[:40]!r}"
            ) from None
        if stamps[-2:] != sorted(set(stamps[-2:])):
            raise DriveError(f"{path}:{number}: expected a later time than in the line before")
    if not stamps:
        raise DriveError(f"{path}: expected a line for every frame, found none")
    return stamps


def _nanoseconds(text: str) -> int:
    if match := _SECONDS.fullmatch(text):
        return int(match[1]) * 10**9 + int(match[2].ljust(9, "0"))
    if match := _NANOSECONDS.fullmatch(text):
        return int(match[1])
    if match := _BOTH.fullmatch(text):
        return int(match[1]) * 10**9 + int(match[2])
    return kitti_time(text)
