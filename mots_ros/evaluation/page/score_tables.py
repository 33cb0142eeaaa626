"""Scores as tables: all sequences as one, and each by itself, several evaluations side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mots_ros.evaluation.page.evaluations import (
    Evaluation,
    class_names,
    sequence_names,
    values_of,
)
from mots_ros.evaluation.page.legend import key
from mots_ros.evaluation.page.markup import Markup, details, join, table, tag, text
from mots_ros.evaluation.scores import Values
from mots_ros.evaluation.table import COMBINED, cell


class Column(NamedTuple):
    """What a score means; ``better`` is 1 where more is better, -1 where less is, else 0."""

    better: int
    meaning: str


COLUMNS = {
    "HOTA": Column(1, "higher order tracking accuracy: mean of sqrt(DetA · AssA) over thresholds"),
    "DetA": Column(1, "detection accuracy: are the objects found, image by image?"),
    "AssA": Column(1, "association accuracy: does an object keep one id all its life?"),
    "LocA": Column(1, "localisation accuracy: mean overlap of the matches"),
    "sMOTSA": Column(1, "MOTSA where every match counts as much as its masks overlap"),
    "MOTSA": Column(1, "1 − (misses + false alarms + id switches) / true masks"),
    "MOTSP": Column(1, "mean mask overlap of the matches"),
    "sMOTA": Column(1, "MOTA where every match counts as much as its boxes overlap"),
    "MOTA": Column(1, "1 − (misses + false alarms + id switches) / true boxes"),
    "MOTP": Column(1, "mean box overlap of the matches"),
    "IDF1": Column(1, "F1 score of the matches if every object has one id for the whole sequence"),
    "IDSW": Column(-1, "id switches: an object has another id than when it was last matched"),
    "Frag": Column(-1, "fragmentations: an object is matched again after it was missed"),
    "MT": Column(1, "objects mostly tracked: matched in more than 80 % of their frames"),
    "PT": Column(0, "objects partly tracked: matched in 20 % to 80 % of their frames"),
    "ML": Column(-1, "objects mostly lost: matched in less than 20 % of their frames"),
    "TP": Column(1, "true positives: results that match an object"),
    "FP": Column(-1, "false positives: results that match none"),
    "FN": Column(-1, "false negatives: objects that are missed"),
    "GT_Dets": Column(0, "true objects, counted in every frame"),
    "GT_IDs": Column(0, "true objects, counted once"),
    "Dets": Column(0, "results, counted in every frame"),
    "IDs": Column(0, "different ids in the results"),
}
"""In their order on the page."""

_NOTHING = cell(None)
_SIDE_BY_SIDE = ("HOTA", "DetA", "AssA", "sMOTSA", "MOTSA", "MOTA", "IDF1", "IDSW")


def combined_table(evaluations: Sequence[Evaluation]) -> Markup:
    """A row per class and evaluation; the best evaluation of every class is marked."""
    classes = class_names(evaluations)
    of_classes = [[values_of(of, None, name) for of in evaluations] for name in classes]
    titles = _titles([values for entries in of_classes for values in entries])
    rows = [
        tag(
            "tr",
            tag("th", text(name), scope="row"),
            tag("td", key(evaluation), class_="name"),
            *(_cell(title, entries, place) for title in titles),
        )
        for name, entries in zip(classes, of_classes, strict=True)
        for place, evaluation in enumerate(evaluations)
    ]
    whose = tag("th", text("evaluation"), scope="col", class_="name")
    return table([tag("tr", _title("class"), whose, *map(_title, titles))], rows)


def meanings(evaluations: Sequence[Evaluation]) -> Markup:
    """What the columns say."""
    classes = class_names(evaluations)
    titles = _titles([values_of(of, None, name) for of in evaluations for name in classes])
    entries = (
        join([tag("dt", text(title)), tag("dd", text(COLUMNS[title].meaning))], "")
        for title in titles
    )
    return details("What the columns say", tag("dl", join(entries)))


def sequence_tables(evaluations: Sequence[Evaluation], class_name: str) -> Markup:
    """A row per sequence; several evaluations side by side, and below each with all its scores."""
    if len(evaluations) == 1:
        return _full_table(evaluations[0], class_name)
    folded = (
        details(f"All scores of {of.name}: {class_name}", _full_table(of, class_name))
        for of in evaluations
        if values_of(of, None, class_name)
    )
    return join([_side_by_side(evaluations, class_name), *folded])


def _full_table(evaluation: Evaluation, class_name: str) -> Markup:
    titles = _titles([values_of(evaluation, None, class_name)])
    head = tag("tr", *map(_title, ["sequence", *titles]))
    return _sequence_table([head], [evaluation], class_name, titles)


def _side_by_side(evaluations: Sequence[Evaluation], class_name: str) -> Markup:
    found = _titles([values_of(evaluation, None, class_name) for evaluation in evaluations])
    titles = [title for title in found if title in _SIDE_BY_SIDE]
    groups = [_title(title, colspan=len(evaluations), scope="colgroup") for title in titles]
    keys = [tag("th", key(evaluation), scope="col") for evaluation in evaluations]
    head = [tag("tr", tag("td"), *groups), tag("tr", _title("sequence"), *(keys * len(titles)))]
    return _sequence_table(head, evaluations, class_name, titles)


def _sequence_table(
    head: Sequence[Markup],
    evaluations: Sequence[Evaluation],
    class_name: str,
    titles: Sequence[str],
) -> Markup:
    """A row per sequence, and below them one of all, with the evaluations next to each other."""

    def line(sequence: str | None) -> Markup:
        entries = [values_of(evaluation, sequence, class_name) for evaluation in evaluations]
        cells = (_cell(title, entries, place) for title in titles for place in range(len(entries)))
        return tag("tr", tag("th", text(sequence or COMBINED), scope="row"), *cells)

    names = sequence_names(evaluations)
    body = [line(name) for name in names]
    foot = [line(None)] if len(names) > 1 else []
    return table(head, body, foot, class_="sortable groups" if len(evaluations) > 1 else "sortable")


def _titles(entries: Sequence[Values]) -> list[str]:
    """The titles that any of the entries has, in the order of the page."""
    return [title for title in COLUMNS if any(title in values for values in entries)]


def _title(name: str, scope: str = "col", colspan: int | None = None) -> Markup:
    meaning = COLUMNS[name].meaning if name in COLUMNS else None
    return tag("th", text(name), scope=scope, colspan=colspan, title=meaning)


def _cell(title: str, entries: Sequence[Values], place: int) -> Markup:
    """A score of one of the entries, marked where it reads better than that of another."""
    shown = [cell(values.get(title)) for values in entries]
    ranks = [COLUMNS[title].better * float(of) for of in shown if of != _NOTHING]
    value = shown[place]
    best = value != _NOTHING and COLUMNS[title].better * float(value) == max(ranks) > min(ranks)
    classes = [name for name, applies in (("first", place == 0), ("best", best)) if applies]
    return tag("td", text(value), class_=" ".join(classes) or None)
