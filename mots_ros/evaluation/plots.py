"""Tracks over time: a row per true object, coloured by whoever covers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mots_ros.data.kitti_mots import class_of
from mots_ros.evaluation.matching import FrameMatches, IdSwitch, id_switches, object_name
from mots_ros.evaluation.palette import Colour, colour_of, ink_on

# Inches.
_WIDTH = 12.0
_ROW = 0.24
_ALARMS = 0.8
_MARGINS = 1.1

_MISSED = "0.85"
_UNANSWERED: dict[str, Any] = {
    "facecolor": "none",
    "edgecolor": "0.6",
    "hatch": "//////",
    "linewidth": 0,
}
_SWITCH: dict[str, Any] = {"marker": "v", "color": "black", "markersize": 5, "linestyle": "none"}


@dataclass(frozen=True)
class Stretch:
    """Frames ``start`` to ``end - 1``, in which one result (None: nobody) covers an object."""

    start: int
    end: int
    result_id: int | None


def stretches(matches: Sequence[FrameMatches]) -> dict[int, list[Stretch]]:
    """The life of every true object, by object id; frames in which it cannot be seen are left out.

    Classes come one after the other, objects of a class in the order of their first appearance.
    """
    lives: dict[int, list[Stretch]] = {}
    for frame, found in enumerate(matches):
        for object_id in sorted((*found.pairs, *found.missed)):
            result_id = found.pairs.get(object_id)
            life = lives.setdefault(object_id, [])
            if life and life[-1].end == frame and life[-1].result_id == result_id:
                life[-1] = Stretch(life[-1].start, frame + 1, result_id)
            else:
                life.append(Stretch(frame, frame + 1, result_id))
    return dict(sorted(lives.items(), key=lambda item: (class_of(item[0]), item[1][0].start)))


def save_tracks_plot(
    path: Path,
    title: str,
    matches: Sequence[FrameMatches],
    track_ids: Mapping[int, int],
    unanswered: Sequence[int] = (),
) -> None:
    """Draw the matches of a sequence into a PNG file.

    Args:
        track_ids: the tracker's own id behind every result id of the matches.
        unanswered: frames for which the tracker gave no result at all.
    """
    lives = stretches(matches)
    height = _ROW * max(len(lives), 4)
    figure = Figure(figsize=(_WIDTH, height + _ALARMS + _MARGINS), layout="constrained")
    rows, alarms = figure.subplots(2, 1, sharex=True, height_ratios=[height, _ALARMS])
    _draw_lives(rows, lives, track_ids, len(matches))
    _draw_switches(rows, list(lives), id_switches(matches))
    _draw_false_alarms(alarms, matches)
    for axes in (rows, alarms):
        axes.set_xlim(0, max(len(matches), 1))
        axes.spines[["top", "right"]].set_visible(False)
        for frame in unanswered:
            axes.axvspan(frame, frame + 1, **_UNANSWERED)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, parse_math=False)
    legend = [
        Patch(color=_MISSED, label="missed"),
        Line2D([], [], **_SWITCH, label="id switch"),
        *([Patch(**_UNANSWERED, label="frame without result")] if unanswered else []),
    ]
    figure.legend(handles=legend, loc="upper right", ncols=3, fontsize=9, frameon=False)
    figure.savefig(path, dpi=110, format="png")


def _draw_lives(
    axes: Any, lives: Mapping[int, list[Stretch]], track_ids: Mapping[int, int], length: int
) -> None:
    """A bar per stretch, with the track's id where there is room for it."""
    for row, life in enumerate(lives.values()):
        # One collection for each kind of bar of a row: thousands of single ones take seconds.
        missed = [(item.start, item.end - item.start) for item in life if item.result_id is None]
        axes.broken_barh(missed, (row - 0.15, 0.3), color=_MISSED, linewidth=0)
        covered = [(item, track_ids[item.result_id]) for item in life if item.result_id is not None]
        axes.broken_barh(
            [(item.start, item.end - item.start) for item, _ in covered],
            (row - 0.4, 0.8),
            color=[_fractions(colour_of(track_id)) for _, track_id in covered],
            linewidth=0,
        )
        for item, track_id in covered:
            if item.end - item.start > 0.012 * length * len(str(track_id)):
                axes.annotate(
                    str(track_id),
                    (item.start, row),
                    xytext=(3, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8,
                    color=_fractions(ink_on(colour_of(track_id))),
                )
    axes.set_yticks(range(len(lives)), [object_name(object_id) for object_id in lives], fontsize=8)
    axes.set_ylim(max(len(lives), 1) - 0.4, -0.8)
    axes.tick_params(axis="x", labelbottom=False)
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    for row, life in enumerate(lives.values()):
        axes.annotate(
            _summary(life),
            (1, row),
            xytext=(6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color="0.35",
        )


def _draw_switches(axes: Any, object_ids: Sequence[int], switches: Sequence[IdSwitch]) -> None:
    for switch in switches:
        axes.plot(switch.frame, object_ids.index(switch.object_id) - 0.45, **_SWITCH, clip_on=False)


def _draw_false_alarms(axes: Any, matches: Sequence[FrameMatches]) -> None:
    counts = [len(found.false_alarms) for found in matches]
    axes.stairs(counts, range(len(counts) + 1), fill=True, color="0.45")
    axes.set_ylim(0, max([*counts, 1]) * 1.1)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("false\nalarms", fontsize=8)
    axes.set_xlabel("frame")


def _summary(life: Sequence[Stretch]) -> str:
    """The share of frames in which the object is covered, and by how many ids."""
    covered = sum(item.end - item.start for item in life if item.result_id is not None)
    seen = sum(item.end - item.start for item in life)
    ids = len({item.result_id for item in life} - {None})
    return f"{covered / seen:4.0%}, {ids} id{'' if ids == 1 else 's'}"


def _fractions(colour: Colour) -> tuple[float, float, float]:
    red, green, blue = colour
    return red / 255, green / 255, blue / 255
