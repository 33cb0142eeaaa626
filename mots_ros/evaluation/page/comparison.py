"""What was evaluated, and whether several evaluations may be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mots_ros.evaluation.numbering import runs
from mots_ros.evaluation.page.evaluations import (
    Evaluation,
    class_names,
    sequence_names,
    values_of,
)
from mots_ros.evaluation.page.legend import key
from mots_ros.evaluation.page.markup import Markup, details, head_row, join, row, table, tag, text


def overview(evaluations: Sequence[Evaluation]) -> Markup:
    """A row per evaluation: what it compared, and of how many frames."""
    rows = []
    for evaluation in evaluations:
        document = evaluation.document
        summaries = document["sequences"].values()
        scored = sum(summary["scores"] is not None for summary in summaries)
        frames = sum(summary["frames"] for summary in summaries)
        facts = (document["kind"], len(document["sequences"]), scored, frames)
        rows.append(row(key(evaluation), *map(text, facts)))
    titles = ("evaluation", "compared", "sequences", "of them scored", "frames")
    return table([head_row(titles)], rows)


def doubts(evaluations: Sequence[Evaluation]) -> Markup:
    """Why the scores of several evaluations are not comparable; nothing where they are."""
    found = [tag("li", text(doubt)) for doubt in _doubts(evaluations)]
    return tag("ul", *found, class_="doubts") if found else text("")


def parameters(evaluations: Sequence[Evaluation]) -> Markup:
    """The parameters that differ between the evaluations, and all of them folded away.

    Results of another program have none.
    """
    ours = [item for item in evaluations if item.document["parameters"] is not None]
    given = [item.document["parameters"] or {} for item in ours]
    values = {
        name: [found.get(name) for found in given]
        for name in dict.fromkeys(name for found in given for name in found)
    }
    head = tag(
        "tr",
        tag("th", text("parameter"), scope="col"),
        *(tag("th", key(evaluation), scope="col") for evaluation in ours),
    )
    differing = {name: of for name, of in values.items() if any(x != of[0] for x in of)}
    parts = []
    if differing:
        parts.append(table([head], _parameter_rows(differing), class_="texts"))
    elif len(ours) > 1:
        parts.append(tag("p", text("No parameter differs.")))
    if values:
        parts.append(
            details("All parameters", table([head], _parameter_rows(values), class_="texts"))
        )
    return join(parts)


def missing_frames(evaluations: Sequence[Evaluation]) -> Markup:
    """Frames that nobody could see, and frames that the tracker did not answer."""
    rows = []
    for evaluation in evaluations:
        for name, summary in evaluation.document["sequences"].items():
            lists = (summary["frames_without_image"], summary["frames_without_result"])
            if any(lists):
                shown = (f"{len(frames)}: {ranges(frames)}" if frames else "-" for frames in lists)
                rows.append(row(key(evaluation), *map(text, (name, summary["frames"], *shown))))
    if not rows:
        return tag("p", text("No frame is missing."))
    titles = ("evaluation", "sequence", "frames", "without an image", "without a result")
    return table([head_row(titles)], rows, class_="texts")


def ranges(frames: Sequence[int]) -> str:
    """Ascending numbers, those that follow each other as one: 2, 4-7."""
    return ", ".join(
        f"{first}-{last}" if first < last else f"{first}" for first, last in runs(frames)
    )


def _parameter_rows(values: dict[str, list[Any]]) -> Iterator[Markup]:
    for name, found in values.items():
        yield row(text(name), *(text("-" if value is None else value) for value in found))


def _doubts(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    if len({evaluation.document["kind"] for evaluation in evaluations}) > 1:
        yield "Some evaluations compare masks and others boxes: their scores say different things."
    for evaluation in evaluations:
        scored = [name for name, of in evaluation.document["sequences"].items() if of["scores"]]
        lacking = [name for name in sequence_names(evaluations) if name not in scored]
        if lacking:
            yield f"{evaluation.name} has no scores of {', '.join(lacking)}."
    for name in sequence_names(evaluations):
        for of in class_names(evaluations):
            counts = {
                values.get("GT_Dets")
                for evaluation in evaluations
                if (values := values_of(evaluation, name, of))
            }
            if len(counts) > 1:
                yield f"{name}, {of}: the evaluations do not have the same ground truth."
