"""Tracks that any program wrote as text: in which format they are, and where their files lie.

Files of sequences are ``<sequence>.txt`` in one folder, or ``<sequence>/gt/gt.txt`` beside a
``seqinfo.ini`` as in MOT Challenge's and MOTS Challenge's ground truth.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mots_ros.data import box_tracks, kitti_mots
from mots_ros.data.box_tracks import BoxTracks
from mots_ros.data.kitti_mots import Annotation, AnnotationError

Tracks = Annotation | BoxTracks
"""The objects of a sequence: masks or boxes."""


@dataclass(frozen=True)
class TextFormat:
    """A format of tracks.

    has_masks: whether objects are masks; else they are boxes.
    class_names: that its benchmark scores.
    first_frame: the number that its files have for the first frame.
    """

    name: str
    title: str
    has_masks: bool
    class_names: tuple[str, ...]
    first_frame: int

    def read(
        self,
        path: Path,
        *,
        is_truth: bool,
        size: tuple[int, int] | None = None,
        length: int | None = None,
    ) -> Tracks:
        """The tracks in a file; frames count from 0, whatever the file does.

        Args:
            size: height and width of the images, which masks must have.
            length: frames of the sequence, beyond which there must be no object.

        Raises AnnotationError where the file cannot be read or is none of this format.
        """
        if self.has_masks:
            return kitti_mots.read(path, first_frame=self.first_frame, size=size, length=length)
        read = box_tracks.read_mot if self == MOT_CHALLENGE else box_tracks.read_kitti
        return read(path, is_truth=is_truth, length=length)


KITTI_MOTS = TextFormat("kitti_mots", "KITTI MOTS masks", True, ("car", "pedestrian"), 0)
MOTS_CHALLENGE = TextFormat("mots_challenge", "MOTS Challenge masks", True, ("pedestrian",), 1)
KITTI = TextFormat("kitti", "KITTI tracking boxes", False, ("car", "pedestrian"), 0)
MOT_CHALLENGE = TextFormat("mot_challenge", "MOT Challenge boxes", False, ("pedestrian",), 1)

FORMATS = {form.name: form for form in (KITTI_MOTS, MOTS_CHALLENGE, KITTI, MOT_CHALLENGE)}


def recognise(files: Iterable[Path]) -> TextFormat:
    """The one format of several files, by what is in them.

    Masks are of MOTS Challenge where their file is called ``gt/gt.txt``, and of KITTI MOTS where
    one of them is in frame 0 or a car.

    Raises AnnotationError where a file is of none or of another format than the others, or of
    either of two.
    """
    found: dict[TextFormat, Path] = {}
    undecided = []
    for path in files:
        form = _format_of(path)
        if form is None:
            undecided.append(path)
        else:
            found.setdefault(form, path)
    forms = list(found)
    if len(forms) > 1:
        raise AnnotationError(
            f"{found[forms[1]]}: expected {forms[0].title} as in {found[forms[0]]}, found "
            f"{forms[1].title}"
        )
    if not forms:
        raise AnnotationError(
            f"{undecided[0]}: found masks of pedestrians from frame 1 on at most, which may be "
            "KITTI MOTS, whose frames count from 0, or MOTS Challenge, from 1: say --format "
            "kitti_mots or --format mots_challenge"
        )
    return forms[0]


def files_in(path: Path, role: str = "gt") -> dict[str, Path]:
    """The text files at ``path`` by their sequences' names.

    Args:
        path: a file, a folder with ``<sequence>.txt``, a folder of sequences with
            ``<role>/<role>.txt`` in them, or one of those.

    Raises AnnotationError where there are none.
    """
    inner = Path(role, f"{role}.txt")
    whole = Path(os.path.abspath(path))
    if path.is_file():
        return {whole.parents[1].name if whole.parts[-2:] == inner.parts else path.stem: path}
    if (path / inner).is_file():
        return {whole.name: path / inner}
    found = {file.stem: file for file in path.glob("*.txt")}
    found |= {file.parents[1].name: file for file in path.glob(f"*/{inner}")}
    if not found:
        raise AnnotationError(
            f"{path}: expected a text file, or a folder with <sequence>.txt or <sequence>/{inner}, "
            f"found {'neither' if path.exists() else 'nothing'}"
        )
    return dict(sorted(found.items()))


def file_of(path: Path, sequence: str, role: str = "gt") -> Path:
    """The text file of a sequence: ``path`` itself, or the one with its name as in ``files_in``.

    Raises AnnotationError where there is none.
    """
    files = files_in(path, role)
    if path.is_file():
        return path
    if sequence not in files:
        raise AnnotationError(
            f"{path / sequence}.txt: expected this file, or {path / sequence / role / role}.txt, "
            f"found neither; there are: {', '.join(files)}"
        )
    return files[sequence]


def stated_extent(truth: Path, sequence: str) -> tuple[int | None, tuple[int, int] | None]:
    """What lies beside a file of ground truth on its sequence's length and image size (H, W).

    They are in ``seqinfo.ini`` of MOT Challenge. TrackEval's lists of KITTI's sequences,
    ``evaluate_*.seqmap*``, beside the file or its folder, have the length; those for masks have the
    last frame in its place. Test sequences have the numbers of others, and no ground truth.

    Raises AnnotationError where such a file is none.
    """
    truth = truth.absolute()
    ini = truth.parent.parent / "seqinfo.ini"
    if truth.parts[-2:] == ("gt", "gt.txt") and ini.is_file():
        return _sequence_info(ini)
    for folder in (truth.parent, truth.parent.parent):
        for path in sorted(folder.glob("evaluate_*.seqmap*")):
            if path.suffix == ".test":
                continue
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
                fields = line.split()
                if fields[:1] == [sequence]:
                    if len(fields) != 4 or not fields[3].isdecimal():
                        raise AnnotationError(
                            f"{path}:{number}: expected '{sequence} empty <first> <length>'"
                        )
                    return int(fields[3]) + path.name.startswith("evaluate_mots"), None
    return None, None


def _sequence_info(path: Path) -> tuple[int, tuple[int, int]]:
    parser = configparser.ConfigParser()
    try:
        parser.read(path)
        section = parser["Sequence"]
        size = int(section["imHeight"]), int(section["imWidth"])
        return int(section["seqLength"]), size
    except (configparser.Error, KeyError, ValueError) as error:
        raise AnnotationError(
            f"{path}: expected seqLength, imWidth and imHeight in [Sequence]: {error}"
        ) from error


def _format_of(path: Path) -> TextFormat | None:
    """None for masks that may be of either format, and for a file without objects."""
    is_challenge = path.absolute().parts[-2:] == ("gt", "gt.txt")
    for number, line in _lines(path):
        fields = line.split()
        if "," in line:
            return MOT_CHALLENGE
        if len(fields) >= box_tracks.KITTI_FIELDS:
            return KITTI
        if len(fields) != 6:
            titles = ", ".join(form.title for form in FORMATS.values())
            raise AnnotationError(f"{path}:{number}: expected {titles}, found {line[:60]!r}")
        if is_challenge:
            return MOTS_CHALLENGE
        if fields[0] == "0" or fields[2] == "1":
            return KITTI_MOTS
    return None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, numbered from 1."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise AnnotationError(f"{path}: cannot read it: {error.strerror}") from error
