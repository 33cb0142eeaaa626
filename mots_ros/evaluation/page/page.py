"""Evaluations as one HTML page that needs nothing else: no file, no network, no script."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from mots_ros.evaluation.page import comparison, pictures, timing
from mots_ros.evaluation.page.curves import curves
from mots_ros.evaluation.page.evaluations import Evaluation, class_names, sequence_names
from mots_ros.evaluation.page.legend import legend, line_styles
from mots_ros.evaluation.page.markup import Markup, join, tag, text
from mots_ros.evaluation.page.score_tables import combined_table, meanings, sequence_tables

# The browser itself sees to it that nothing is loaded.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

_STRIPS = (
    "Pictures of id switches: a white outline surrounds the true object, and the two results "
    "between which it switches are tinted. First comes the switch that breaks most: the frames "
    "with the old id on the object before it or with the new one after it, whichever are fewer."
)


def page(evaluations: Sequence[Evaluation]) -> str:
    """The page of one evaluation, or of several side by side.

    Raises EvaluationError where a picture of theirs cannot be read.
    """
    title = f"Tracking evaluation: {', '.join(evaluation.name for evaluation in evaluations)}"
    sections = {name: content for name, content in _sections(evaluations).items() if content}
    contents = [tag("a", text(name), href=f"#{_anchor(name)}") for name in sections]
    body = tag(
        "body",
        tag("header", tag("h1", text(title)), tag("nav", join(contents), aria_label="Contents")),
        tag(
            "main",
            *(
                tag("section", tag("h2", text(name)), content, id=_anchor(name))
                for name, content in sections.items()
            ),
        ),
        tag("script", Markup(_own("sort.js"))),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", text(title)),
        tag("style", Markup(f"{_own('style.css')}\n{line_styles()}\n")),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _sections(evaluations: Sequence[Evaluation]) -> dict[str, Markup]:
    """The parts of the page by title; those without content have nothing to say."""
    classes = class_names(evaluations)
    return {
        "Overview": join([comparison.overview(evaluations), comparison.doubts(evaluations)]),
        "Scores": _scores(evaluations) if classes else text(""),
        "Scores by sequence": join(
            part
            for name in classes
            for part in (tag("h3", text(name)), sequence_tables(evaluations, name))
        ),
        "HOTA curves": _curves(evaluations),
        "Time": timing.step_times(evaluations),
        "Live runs": timing.live_runs(evaluations),
        "Missing frames": comparison.missing_frames(evaluations),
        "Sequences": _sequences(evaluations),
        "Parameters": comparison.parameters(evaluations),
    }


def _scores(evaluations: Sequence[Evaluation]) -> Markup:
    said = "All sequences as one, computed and combined by TrackEval; accuracies in percent."
    if len(evaluations) > 1:
        said += " The best of every class is marked."
    return join([tag("p", text(said)), combined_table(evaluations), meanings(evaluations)])


def _curves(evaluations: Sequence[Evaluation]) -> Markup:
    charts = [found for name in class_names(evaluations) if (found := curves(evaluations, name))]
    return join([legend(evaluations), *charts]) if charts else text("")


def _sequences(evaluations: Sequence[Evaluation]) -> Markup:
    names = sequence_names(evaluations)
    links = [tag("a", text(name), href=f"#sequence-{place}") for place, name in enumerate(names)]
    switches = [pictures.switches(evaluations, name) for name in names]
    parts = [tag("nav", join(links), aria_label="Sequences")]
    if any(switches):
        parts.append(tag("p", text(_STRIPS)))
    for place, name in enumerate(names):
        parts.append(tag("h3", text(name), id=f"sequence-{place}"))
        parts.append(pictures.tracks(evaluations, name))
        parts.append(switches[place])
        parts.append(pictures.contact_sheets(evaluations, name))
    return join(parts)


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _own(name: str) -> str:
    """A file of this package."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
