"""HOTA and its parts over the localisation threshold."""

from __future__ import annotations

from collections.abc import Sequence

from mots_ros.evaluation.page.charts import Axis, Line, line_chart
from mots_ros.evaluation.page.evaluations import Evaluation
from mots_ros.evaluation.page.legend import style_of
from mots_ros.evaluation.page.markup import Markup, figure, tag, text

_NAMES = ("HOTA", "DetA", "AssA")
_THRESHOLD = Axis("localisation threshold α", 0.0, 1.0, (0, 0.2, 0.4, 0.6, 0.8, 1.0))
_PERCENT = Axis("%", 0.0, 100.0, (0, 25, 50, 75, 100))


def curves(evaluations: Sequence[Evaluation], class_name: str) -> Markup:
    """A chart for each of HOTA, DetA and AssA of a class; nothing where nobody has any.

    Every evaluation has a line.
    """
    found = [
        (evaluation, evaluation.document["combined"]["curves"][class_name])
        for evaluation in evaluations
        if class_name in evaluation.document["combined"]["curves"]
    ]
    if not found:
        return text("")
    charts = []
    for name in _NAMES:
        title = f"{name} of {class_name}"
        lines = [
            Line(
                style_of(evaluation), list(zip(of["alpha"], of[name], strict=True)), evaluation.name
            )
            for evaluation, of in found
        ]
        charts.append(figure(title, line_chart(title, lines, _THRESHOLD, _PERCENT)))
    return tag("div", *charts, class_="charts")
