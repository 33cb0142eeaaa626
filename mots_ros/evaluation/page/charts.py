"""Line charts as SVG that takes its colours and its font from the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mots_ros.evaluation.page.markup import Markup, join, tag, text

_WIDTH, _HEIGHT = 360.0, 220.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 14.0, 10.0, 40.0
_TICK_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    style: a CSS class that gives it colour and dashes.
    points: x and y, at least one.
    name: what its points say when they are pointed at; without one they are not marked.
    """

    style: str
    points: Sequence[tuple[float, float]]
    name: str = ""


@dataclass(frozen=True)
class Axis:
    """The values from ``low`` to ``high``, of which ``ticks`` are written."""

    label: str
    low: float
    high: float
    ticks: Sequence[float]

    @classmethod
    def upto(cls, label: str, high: float) -> Axis:
        """An axis from 0 to ``high`` or a little above, with about five round ticks."""
        rough = max(high, 1e-9) / 5
        magnitude = 10.0 ** math.floor(math.log10(rough))
        step = next(step for step in _TICK_STEPS if step * magnitude >= rough * 0.999) * magnitude
        count = math.ceil(high / step - 1e-9) or 1
        marks = [step * place for place in range(count + 1)]
        return cls(label, 0.0, marks[-1], marks)


def line_chart(title: str, lines: Iterable[Line], x: Axis, y: Axis) -> Markup:
    """A chart; its title is for who cannot see it."""
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def across(value: float) -> float:
        return _LEFT + (value - x.low) / (x.high - x.low) * (right - _LEFT)

    def up(value: float) -> float:
        return bottom - (value - y.low) / (y.high - y.low) * (bottom - _TOP)

    parts = []
    for value in y.ticks:
        row = _number(up(value))
        parts.append(tag("line", x1=_LEFT, x2=right, y1=row, y2=row, class_="grid"))
        parts.append(_words(f"{value:g}", _LEFT - 6, up(value) + 4, "end"))
    for value in x.ticks:
        parts.append(_words(f"{value:g}", across(value), bottom + 16, "middle"))
    parts.append(tag("line", x1=_LEFT, x2=right, y1=bottom, y2=bottom, class_="axis"))
    parts.append(_words(x.label, (_LEFT + right) / 2, _HEIGHT - 6, "middle"))
    turned = f"translate(11 {_number((_TOP + bottom) / 2)}) rotate(-90)"
    parts.append(tag("text", text(y.label), transform=turned, text_anchor="middle"))
    for line in lines:
        places = [(_number(across(at)), _number(up(value))) for at, value in line.points]
        path = "M" + "L".join(f"{column} {row}" for column, row in places)
        parts.append(tag("path", d=path, class_=f"line {line.style}"))
        if not line.name:
            continue
        for (at, value), (column, row) in zip(line.points, places, strict=True):
            said = tag("title", text(f"{line.name}: {value:.1f} at {x.label} {at:g}"))
            parts.append(tag("circle", said, class_=line.style, cx=column, cy=row, r=4))
    return tag(
        "svg",
        tag("title", text(title)),
        join(parts),
        viewBox=f"0 0 {_number(_WIDTH)} {_number(_HEIGHT)}",
        role="img",
    )


def _words(said: str, x: float, y: float, anchor: str) -> Markup:
    return tag("text", text(said), x=_number(x), y=_number(y), text_anchor=anchor)


def _number(value: float) -> str:
    return f"{value:.1f}"
