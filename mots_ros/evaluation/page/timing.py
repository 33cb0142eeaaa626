"""How long images take, and what a live node leaves out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mots_ros.evaluation.page.charts import Axis, Line, line_chart
from mots_ros.evaluation.page.evaluations import (
    Evaluation,
    class_names,
    live_of,
    sequence_names,
    values_of,
)
from mots_ros.evaluation.page.legend import key, legend, style_of
from mots_ros.evaluation.page.markup import Markup, figure, head_row, join, row, table, tag, text
from mots_ros.evaluation.summary import Summary
from mots_ros.evaluation.table import cell

_PERCENTILES = (50, 90, 99, 100)
_TITLES = ("images", "median", "90 %", "99 %", "longest")
_HEADROOM = 1.25

Times = Mapping[str, Sequence[float]]
"""Milliseconds of the images of every sequence that has any."""
Pooled = Sequence[tuple[Evaluation, NDArray[np.float64]]]
"""Milliseconds of the images of all sequences."""


def step_times(evaluations: Sequence[Evaluation]) -> Markup:
    """The tracker's own time per image; nothing where it was not measured."""
    return _report(evaluations, "Time per image", lambda summary: summary["step_ms"] or ())


def live_runs(evaluations: Sequence[Evaluation]) -> Markup:
    """What live nodes dropped, beside their scores, and their latency; nothing without any."""
    classes = class_names(evaluations)
    rows = []
    for evaluation in evaluations:
        for name, summary in evaluation.document["sequences"].items():
            live = live_of(summary)
            if live is not None:
                dropped = f"{live['dropped']} ({live['dropped'] / max(live['images_sent'], 1):.1%})"
                counts = (f"× {live['rate']:g}", live["images_sent"], live["answered"], dropped)
                answered = live.get("scores_of_answered", {})
                found = ((values_of(evaluation, name, of), answered.get(of, {})) for of in classes)
                hota = (cell(values.get("HOTA")) for pair in found for values in pair)
                rows.append(row(key(evaluation), *map(text, (name, *counts, *hota))))
    if not rows:
        return text("")
    titles = ("evaluation", "sequence", "speed", "sent", "answered", "dropped")
    hota_titles = (f"HOTA {name}{of}" for name in classes for of in ("", ", answered alone"))
    head = head_row([*titles, *hota_titles])
    return join([table([head], rows), _report(evaluations, "Latency", _latency)])


def _latency(summary: Summary) -> Sequence[float]:
    live = live_of(summary)
    return () if live is None else live["latency_ms"]


def _report(
    evaluations: Sequence[Evaluation], what: str, times: Callable[[Summary], Sequence[float]]
) -> Markup:
    """A table, the distribution, and the course of every sequence."""
    measured: list[tuple[Evaluation, Times]] = []
    for evaluation in evaluations:
        sequences = evaluation.document["sequences"].items()
        found = {name: of for name, summary in sequences if (of := times(summary))}
        if found:
            measured.append((evaluation, found))
    if not measured:
        return text("")
    pooled = [(of, np.concatenate([*found.values()])) for of, found in measured]
    # One hiccup must not flatten everything else.
    longest = _HEADROOM * max(float(np.percentile(found, 99)) for _, found in pooled)
    scale = Axis.upto("ms", longest)
    courses = [
        figure(f"{what}: {name}", _course(what, name, measured, scale))
        for name in sequence_names(evaluations)
        if any(name in found for _, found in measured)
    ]
    distribution = figure(
        f"{what}: share of images done within", _distribution(what, pooled, scale)
    )
    return join(
        [
            _statistics(what, pooled),
            legend([of for of, _ in measured]),
            tag("div", distribution, *courses, class_="charts"),
        ]
    )


def _statistics(what: str, pooled: Pooled) -> Markup:
    rows = []
    for evaluation, found in pooled:
        numbers = map(cell, np.percentile(found, _PERCENTILES).tolist())
        rows.append(row(key(evaluation), *map(text, (len(found), *numbers))))
    return table([head_row([f"{what} in ms", *_TITLES])], rows)


def _distribution(what: str, pooled: Pooled, scale: Axis) -> Markup:
    shares = range(101)
    lines = []
    for evaluation, found in pooled:
        reached = np.percentile(found, shares).clip(max=scale.high).tolist()
        lines.append(Line(style_of(evaluation), list(zip(reached, shares, strict=True))))
    share = Axis("% of images", 0, 100, range(0, 101, 25))
    return line_chart(f"{what}: distribution", lines, scale, share)


def _course(
    what: str, sequence: str, measured: Sequence[tuple[Evaluation, Times]], scale: Axis
) -> Markup:
    """Every image of a sequence; what is above the scale is at its edge."""
    lines = []
    for evaluation, found in measured:
        if sequence in found:
            shown = np.clip(found[sequence], 0, scale.high).tolist()
            lines.append(Line(style_of(evaluation), list(enumerate(shown))))
    last = max(len(line.points) for line in lines) - 1
    return line_chart(f"{what} in {sequence}", lines, Axis.upto("image", max(last, 1)), scale)
