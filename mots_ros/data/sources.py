"""Annotated drives by a description of where they come from, such as a list in YAML holds."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mots_ros.data import kitti_mots
from mots_ros.data.annotated import bag_drive, kitti_mots_drives, mots_challenge_drives
from mots_ros.data.camvid import camvid_drives
from mots_ros.data.drives import AnnotatedDrive, AnnotatedFrame
from mots_ros.data.polygons import coco_drives, polygon_drives
from mots_ros.data.replica import ReplicaDrive
from mots_ros.data.street import StreetDrive
from mots_ros.parameter import alternatives


def annotated_classes(source: Mapping[str, Any]) -> tuple[bool, ...]:
    """Which of the classes an entry of a training plan has annotations of: those in its
    ``classes``, or else all that its kind can have."""
    only_people = source.get("kind") == "mots_challenge"
    names = source.get("classes", ["pedestrian"] if only_people else kitti_mots.CLASS_NAMES)
    return tuple(name in names for name in kitti_mots.CLASS_NAMES)


def open_source(source: Mapping[str, Any]) -> list[AnnotatedDrive]:
    """The drives that an entry of a training plan describes.

    Args:
        source: ``kind`` chooses what else it must, or may, hold. Paths are relative to the working
            directory.

            - ``street``: ``seeds: [first, last]``, both included, and ``length`` in frames.
            - ``replica``: ``annotations``, a list of KITTI MOTS text files and folders of them, of
              which ``only: ["0000", ...]`` chooses some; ``seed`` of the looks.
            - ``camvid``: ``folder`` of photographs and labels.
            - ``polygons``: ``folder`` with ``images`` and ``labels`` in YOLO's format.
            - ``coco``: folder ``images`` and JSON file ``annotations``.
            - ``kitti_mots``: folders ``images`` (such as ``image_02``) and ``annotations`` (such as
              ``instances_txt`` or ``instances``), and maybe ``sequences: ["0002", ...]``.
            - ``mots_challenge``: ``folder`` (such as ``train``), and maybe ``sequences``.
            - ``bag``: ``bag`` and ``annotation``, a KITTI MOTS text file, and maybe ``topic``.

    Raises:
        ValueError: a kind or key is unknown, a key is missing or of the wrong type, or the files
            cannot be used.
    """
    if "kind" not in source:
        raise ValueError(f"'kind' is missing; known: {', '.join(_KINDS)}")
    name = source["kind"]
    if not isinstance(name, str) or name not in _KINDS:
        raise ValueError(f"unknown kind {name!r}; {alternatives(str(name), _KINDS)}")
    kind = _KINDS[name]
    known = {**kind.required, **kind.optional}
    values = {}
    for key, value in source.items():
        if key == "kind":
            continue
        if key not in known:
            raise ValueError(f"kind '{name}': unknown key '{key}'; {alternatives(str(key), known)}")
        try:
            values[key] = known[key](value)
        except _Unfit as expected:
            raise ValueError(f"kind '{name}': '{key}' must be {expected}, not {value!r}") from None
    missing = [key for key in kind.required if key not in values]
    if missing:
        raise ValueError(
            f"kind '{name}': '{missing[0]}' is missing; it needs {', '.join(kind.required)}"
            + (f" and may have {', '.join(kind.optional)}" if kind.optional else "")
        )
    return list(kind.open(**values))


class _Unfit(ValueError):
    """A value is not what the message says."""


def _path(value: object) -> Path:
    if not isinstance(value, str) or not value:
        raise _Unfit("a path")
    return Path(value)


def _paths(value: object) -> list[Path]:
    """One path, or a list of them."""
    values: list[Any] = value if isinstance(value, list) and value else [value]
    if not all(isinstance(item, str) and item for item in values):
        raise _Unfit("a path or a list of paths")
    return [Path(item) for item in values]


def _names(value: object) -> list[str]:
    # YAML takes 0002 for the number 2 where nobody puts it in quotes.
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise _Unfit('a list of names in quotes, such as ["0002", "0006"]')
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Unfit("a text")
    return value


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise _Unfit("a whole number from 0 on")
    return value


def _frames(value: object) -> int:
    if type(value) is not int or value < 1:
        raise _Unfit("a number of frames from 1 on")
    return value


def _seeds(value: object) -> range:
    if isinstance(value, list) and len(value) == 2 and all(type(seed) is int for seed in value):
        first, last = value
        if 0 <= first <= last:
            return range(first, last + 1)
    raise _Unfit("the first and the last seed, such as [1000, 1047]")


@dataclass(frozen=True)
class MadeUpDrive:
    """A drive that is made where it is iterated.

    A street fills 50 MB and takes a second to lay out: too much to keep dozens of them, to send
    them to other processes, or to make those that a cache has.

    name, length: those of the drive.
    make: the drive; it is pickled with this one.
    """

    name: str
    length: int
    make: Callable[[], AnnotatedDrive]

    class_names = kitti_mots.CLASS_NAMES

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[AnnotatedFrame]:
        return iter(self.make())


def _street(seeds: range, length: int) -> list[MadeUpDrive]:
    return [
        MadeUpDrive(f"street_{seed:04d}", length, functools.partial(StreetDrive, seed, length))
        for seed in seeds
    ]


def _replica(
    annotations: Sequence[Path], seed: int, only: Sequence[str] | None = None
) -> list[MadeUpDrive]:
    files: list[Path] = []
    for path in annotations:
        found = sorted(path.glob("*.txt")) if path.is_dir() else [path]
        if not found:
            raise ValueError(f"{path}: expected annotations NNNN.txt, found none")
        files += found
    if only is not None:
        stems = {file.stem for file in files}
        for name in only:
            if name not in stems:
                raise ValueError(
                    f"kind 'replica': 'only' names '{name}', which the annotations lack; "
                    f"{alternatives(name, sorted(stems))}"
                )
        files = [file for file in files if file.stem in only]
    return [_replica_of(file, seed) for file in files]


def _replica_of(file: Path, seed: int) -> MadeUpDrive:
    length = max(kitti_mots.read(file).frames) + 1
    # The name tells the content: annotations get corrected, and others have the same file names.
    name = f"replica_{file.stem}_{seed}_{zlib.crc32(file.read_bytes()):08x}"
    return MadeUpDrive(name, length, functools.partial(ReplicaDrive, file, seed))


def _bag(bag: Path, annotation: Path, topic: str | None = None) -> list[AnnotatedDrive]:
    return [bag_drive(bag, annotation, topic)]


@dataclass(frozen=True)
class _Kind:
    """How to open a kind of source, and what reads each of its keys."""

    open: Callable[..., Sequence[AnnotatedDrive]]
    required: Mapping[str, Callable[[object], Any]]
    optional: Mapping[str, Callable[[object], Any]] = field(default_factory=dict)


_KINDS = {
    "street": _Kind(_street, {"seeds": _seeds, "length": _frames}),
    "replica": _Kind(_replica, {"annotations": _paths, "seed": _whole}, {"only": _names}),
    "camvid": _Kind(camvid_drives, {"folder": _path}),
    "polygons": _Kind(polygon_drives, {"folder": _path}),
    "coco": _Kind(coco_drives, {"images": _path, "annotations": _path}),
    "kitti_mots": _Kind(
        kitti_mots_drives, {"images": _path, "annotations": _path}, {"sequences": _names}
    ),
    "mots_challenge": _Kind(mots_challenge_drives, {"folder": _path}, {"sequences": _names}),
    "bag": _Kind(_bag, {"bag": _path, "annotation": _path}, {"topic": _text}),
}
