"""What tells one version of a drive's files from another in the drive's name."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path

from mots_ros.data.drives import DriveError


def checksum(annotations: Iterable[bytes], images: Iterable[Path]) -> str:
    """Eight digits that change with the annotations and with the images' names and sizes in bytes.

    The images are not read, since there are many of them and nobody edits them.

    Raises:
        DriveError: an image does not exist.
    """
    crc = 0
    for annotation in annotations:
        crc = zlib.crc32(annotation, crc)
    for path in images:
        try:
            size = path.stat().st_size
        except OSError as error:
            raise DriveError(f"{path}: cannot read it: {error.strerror}") from error
        crc = zlib.crc32(f"{path.name} {size}\n".encode(), crc)
    return f"{crc:08x}"
