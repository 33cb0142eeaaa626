"""Scores as text: a table for the terminal, CSV and JSON values for programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping

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
        [name, *(_cell(getattr(entry, attribute)) for attribute in _ON_TERMINAL)]
        for name, entry in scores.items()
    ]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([_line(header, widths), rule, *(_line(row, widths) for row in rows)])


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


def _cell(value: float | int) -> str:
    if isinstance(value, int):
        return str(value)
    return "-" if math.isnan(value) else f"{value:.1f}"


def _line(cells: list[str], widths: list[int]) -> str:
    name, *numbers = cells
    padded = [cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True)]
    return "  ".join([name.ljust(widths[0]), *padded])
