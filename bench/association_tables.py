"""Association against the rate of misses, as tables and as curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from linkers import OURS
from linking import PERFECT, Run
from matplotlib.figure import Figure

from mots_ros.data.kitti_mots import CLASS_NAMES
from mots_ros.evaluation.scores import ClassScores, titles
from mots_ros.evaluation.table import cell, table

_TABLES = (("ass_a", "idf1"), ("hota", "id_switches"))
_CURVES = ("ass_a", "idf1")

Scores = Mapping[Run, Mapping[str, ClassScores]]
"""By run and class."""


def score_tables(scores: Scores) -> str:
    """A row a class and tracker, a column a measure and rate of misses."""
    rates, trackers = _axes(scores)
    tables = []
    for shown in _TABLES:
        heads = [
            f"{titles()[name]} {rate:.0%}" if rate == rates[0] else f"{rate:.0%}"
            for name in shown
            for rate in rates
        ]
        rows = [["class", "tracker", *heads]]
        for class_name in CLASS_NAMES:
            for tracker in trackers:
                entries = [scores[rate, tracker][class_name] for rate in rates]
                numbers = [cell(getattr(entry, name)) for name in shown for entry in entries]
                rows.append([class_name, tracker, *numbers])
        tables.append(table(rows, names=2))
    return "\n\n".join(tables)


def time_table(step_ms: Mapping[Run, float]) -> str:
    """A row a tracker, a column a rate of misses."""
    rates, trackers = _axes(step_ms)
    rows = [["tracker", *(f"{rate:.0%}" for rate in rates)]]
    rows += [[name, *(f"{step_ms[rate, name]:.2f}" for rate in rates)] for name in trackers]
    return table(rows, names=1)


def save_plot(path: Path, scores: Scores) -> None:
    """Draw AssA and IDF1 of both classes, a curve a tracker, into a PNG file.

    Foreign trackers are dashed.
    """
    rates, trackers = _axes(scores)
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    panels = figure.subplots(len(_CURVES), len(CLASS_NAMES), sharex=True, sharey="row")
    for row, measure in zip(panels, _CURVES, strict=True):
        for axes, class_name in zip(row, CLASS_NAMES, strict=True):
            for tracker in trackers:
                axes.plot(
                    [100 * rate for rate in rates],
                    [getattr(scores[rate, tracker][class_name], measure) for rate in rates],
                    **_style(tracker),
                    label=tracker,
                )
            axes.grid(color="0.92")
            axes.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel(titles()[measure])
    for axes, class_name in zip(panels[0], CLASS_NAMES, strict=True):
        axes.set_title(class_name, fontsize=11)
    for axes in panels[-1]:
        axes.set_xlabel("masks missed (%)")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.savefig(path, dpi=100, format="png")


def _style(tracker: str) -> dict[str, Any]:
    if tracker == PERFECT:
        return {"color": "0.6", "linestyle": ":"}
    if tracker in OURS:
        return {"marker": "o", "markersize": 4, "linewidth": 2.2}
    return {"marker": "o", "markersize": 3, "linewidth": 1.2, "linestyle": "--"}


def _axes(runs: Mapping[Run, object]) -> tuple[list[float], list[str]]:
    """The rates of misses and the trackers."""
    return sorted({rate for rate, _ in runs}), list(dict.fromkeys(name for _, name in runs))
