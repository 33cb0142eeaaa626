"""Sequences in the layouts that TrackEval's readers of the four benchmarks expect.

TrackEval gets the very numbers that were read: only frames, ids and file names are new.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mots_ros.data import kitti_mots
from mots_ros.data.box_tracks import MOT15_FIELDS, BoxTracks
from mots_ros.data.kitti_mots import Annotation
from mots_ros.data.track_text import KITTI, KITTI_MOTS, MOTS_CHALLENGE, TextFormat, Tracks

SEQUENCE = "sequence"
TRACKER = "tracker"

_TRUTH, _RESULTS = "truth", "results"
_CHALLENGE_TRUTH = f"{_TRUTH}/{SEQUENCE}/gt/gt.txt"
_KITTI_TRUTH = f"{_TRUTH}/label_02/{SEQUENCE}.txt"


def lay_out(
    folder: Path, form: TextFormat, name: str, truth: Tracks, results: Tracks, length: int
) -> tuple[str, dict[str, Any]]:
    """Write both into ``folder``, as SEQUENCE and of TRACKER.

    Args:
        name: of the sequence, which tells MOT20 from MOT17.

    Returns the name of the class in ``trackeval.datasets`` and its settings.
    """
    is_kitti = form in (KITTI, KITTI_MOTS)
    _write(folder / (_KITTI_TRUTH if is_kitti else _CHALLENGE_TRUTH), form, truth)
    _write(folder / _RESULTS / TRACKER / "data" / f"{SEQUENCE}.txt", form, results)
    settings = {
        "PRINT_CONFIG": False,
        "GT_FOLDER": str(folder / _TRUTH),
        "TRACKERS_FOLDER": str(folder / _RESULTS),
        "TRACKERS_TO_EVAL": [TRACKER],
        "CLASSES_TO_EVAL": list(form.class_names),
    }
    if form == KITTI:
        # This reader takes lengths from a file only.
        seqmap = folder / _TRUTH / "evaluate_tracking.seqmap.training"
        seqmap.write_text(f"{SEQUENCE} empty 000000 {length:06d}\n")
        return "Kitti2DBox", settings
    settings["SEQ_INFO"] = {SEQUENCE: length}
    if form == KITTI_MOTS:
        return "KittiMOTS", settings
    settings["SKIP_SPLIT_FOL"] = True
    if form == MOTS_CHALLENGE:
        return "MOTSChallenge", settings
    return "MotChallenge2DBox", {**settings, "BENCHMARK": _challenge(name, truth)}


def _challenge(name: str, truth: Tracks) -> str:
    """The year, whose rules differ in what is no pedestrian.

    MOT15 has no classes. MOT20 has one more class whose boxes are neither right nor wrong.
    """
    frames: Mapping[int, Any] = truth.frames
    first = next(iter(frames.values()), ((),))[0]
    if len(first) + 1 == MOT15_FIELDS:
        return "MOT15"
    return "MOT20" if name.startswith("MOT20") else "MOT17"


def _write(path: Path, form: TextFormat, tracks: Tracks) -> None:
    path.parent.mkdir(parents=True)
    if isinstance(tracks, Annotation):
        kitti_mots.write(path, tracks, first_frame=form.first_frame)
    else:
        path.write_text(_text(form, tracks), encoding="utf-8")


def _text(form: TextFormat, tracks: BoxTracks) -> str:
    separator = " " if form == KITTI else ","
    # TrackEval reads ids as floats and counts up to the largest: of 64 bits they are too much.
    ids: dict[str, int] = {}
    return "".join(
        separator.join((str(form.first_frame + frame), _small(ids, track_id), *values)) + "\n"
        for frame, lines in tracks.frames.items()
        for track_id, *values in lines
    )


def _small(ids: dict[str, int], track_id: str) -> str:
    """The number of an id; KITTI's negative ones, which say that there is none, stay."""
    return track_id if int(track_id) < 0 else str(ids.setdefault(track_id, len(ids) + 1))
