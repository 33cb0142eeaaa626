"""Scores as text: a table for the terminal, CSV and JSON values for programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence

from mots_ros.evaluation.scores import ClassScores, titles

# What a terminal of 80 columns holds; the files have all.
_ON_TERMINAL = (
    *("hota", "det_a", "ass_a", "smotsa", "motsa", "motsp", "idf1", "id_switches"),
    *("true_positives", "false_positives", "false_negatives"),
)


def score_table(scores: Mapping[str, ClassScores]) -> str:
    """A line per class, percentages with one decimal, a dash where nothing can be measured."""
    header = ["class", *(titles()[attribute] for attribute in _ON_TERMINAL)]
    rows = [
        [name, *(cell(getattr(entry, attribute)) for attribute in _ON_TERMINAL)]
        for name, entry in scores.items()
    ]
    return table([header, *rows], names=1)


def table(rows: Sequence[Sequence[str]], names: int) -> str:
    """Aligned rows of cells; the first row holds titles, the first ``names`` columns are text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in (rows[0], ["-" * width for width in widths], *rows[1:]):
        cells = [text.ljust(width) for text, width in zip(row[:names], widths, strict=False)]
        cells += [text.rjust(width) for text, width in zip(row, widths, strict=True)][names:]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def cell(value: float, sign: str = "") -> str:
    """A whole number as it is, others with one decimal, a dash for NaN; ``sign`` may be "+"."""
    if isinstance(value, int):
        return f"{value:{sign}d}"
    return "-" if math.isnan(value) else f"{value:{sign}.1f}"


def score_csv(scores: Mapping[str, ClassScores]) -> str:
    """A line per class in full precision, empty where nothing can be measured."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["class", *titles().values()])
    for name, values in score_values(scores).items():
        writer.writerow([name, *values.values()])
    return text.getvalue()


def score_values(scores: Mapping[str, ClassScores]) -> dict[str, dict[str, float | int | None]]:
    """Plain numbers by class and customary name, None where nothing can be measured."""
    return {
        name: {
            title: None if math.isnan(getattr(entry, attribute)) else getattr(entry, attribute)
            for attribute, title in titles().items()
        }
        for name, entry in scores.items()
    }
