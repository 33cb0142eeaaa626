"""Scores as text: a table for the terminal and CSV for programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence

from mots_ros.evaluation.scores import Values
from mots_ros.evaluation.summary import Document

COMBINED = "combined"
"""What tables call all sequences as one."""

# What a terminal of 80 columns holds, those of masks and of boxes; the files have all.
_OF_ONE = (
    *("HOTA", "DetA", "AssA", "sMOTSA", "MOTSA", "MOTSP", "MOTA", "MOTP", "IDF1", "IDSW"),
    *("TP", "FP", "FN"),
)
_OF_MANY = ("HOTA", "DetA", "AssA", "sMOTSA", "MOTSA", "MOTA", "MOTP", "IDF1", "IDSW")


def score_table(scores: Mapping[str, Values]) -> str:
    """A line per class, percentages with one decimal, a dash where nothing can be measured."""
    return _score_table(["class"], [((name,), values) for name, values in scores.items()], _OF_ONE)


def document_table(document: Document) -> str:
    """A line per class of the sequence, or of each of several sequences and of all as one."""
    sequences = [*_scored_sequences(document)]
    if len(sequences) == 1:
        return score_table(sequences[0][1])
    rows = [
        ((sequence, name), values)
        for sequence, scores in [*sequences, (COMBINED, document["combined"]["scores"])]
        for name, values in scores.items()
    ]
    return _score_table(["sequence", "class"], rows, _OF_MANY)


def table(rows: Sequence[Sequence[str]], names: int) -> str:
    """Aligned rows of cells; the first row holds titles, the first ``names`` columns are text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in (rows[0], ["-" * width for width in widths], *rows[1:]):
        cells = [text.ljust(width) for text, width in zip(row[:names], widths, strict=False)]
        cells += [text.rjust(width) for text, width in zip(row, widths, strict=True)][names:]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def cell(value: float | None, sign: str = "") -> str:
    """A whole number as it is, others with one decimal, a dash for nothing or NaN.

    ``sign`` may be "+".
    """
    if isinstance(value, int):
        return f"{value:{sign}d}"
    return "-" if value is None or math.isnan(value) else f"{value:{sign}.1f}"


def score_csv(document: Document) -> str:
    """A line per sequence and class, then the combined ones, in full precision.

    Cells are empty where nothing can be measured.
    """
    combined = document["combined"]["scores"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sequence", "class", *next(iter(combined.values()), {})])
    for sequence, scores in [*_scored_sequences(document), (COMBINED, combined)]:
        for name, values in scores.items():
            writer.writerow([sequence, name, *values.values()])
    return text.getvalue()


def _scored_sequences(document: Document) -> Iterable[tuple[str, Mapping[str, Values]]]:
    for name, summary in document["sequences"].items():
        if summary["scores"] is not None:
            yield name, summary["scores"]


def _score_table(
    names: Sequence[str], rows: Sequence[tuple[Sequence[str], Values]], titles: Sequence[str]
) -> str:
    """A line per row, with those of the ``titles`` that it has."""
    shown = [title for title in titles if title in rows[0][1]]
    cells = [[*named, *(cell(values[title]) for title in shown)] for named, values in rows]
    return table([[*names, *shown], *cells], names=len(names))
