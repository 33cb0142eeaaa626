"""How the page tells evaluations apart: by a colour and, for who cannot see it, by dashes."""

from __future__ import annotations

from collections.abc import Sequence

from mots_ros.evaluation.page.evaluations import Evaluation
from mots_ros.evaluation.page.markup import Markup, join, tag, text
from mots_ros.evaluation.palette import PALETTE, Colour

# Of the palette's hues those that stand out on white, the strongest first, and how they are dashed.
_HUES = (3, 4, 5, 6, 0, 1)
_DASHES = ("none", "7 3", "2 3", "9 3 2 3", "12 4", "4 2")
_TINTS = 7
"""So many colours on, the palette has a lighter one, which stands out on black."""


def key(evaluation: Evaluation) -> Markup:
    """The name of an evaluation behind a piece of its line."""
    line = tag("path", d="M1 5H23", class_=f"line {style_of(evaluation)}")
    sample = tag("svg", line, viewBox="0 0 24 10", class_="sample", aria_hidden="true")
    return tag("span", sample, text(evaluation.name), class_="key")


def legend(evaluations: Sequence[Evaluation]) -> Markup:
    """The keys of several evaluations; a single one needs none."""
    keys = [key(evaluation) for evaluation in evaluations]
    return tag("p", join(keys), class_="legend") if len(keys) > 1 else text("")


def style_of(evaluation: Evaluation) -> str:
    """The CSS class of everything in its colour and dashes."""
    return f"s{evaluation.place % len(_HUES)}"


def line_styles() -> str:
    """CSS of the classes that ``style_of`` names."""
    rules = [f":root {{ {_colours(0)} }}"]
    rules.append(f"@media (prefers-color-scheme: dark) {{ :root {{ {_colours(_TINTS)} }} }}")
    for place, dashes in enumerate(_DASHES):
        rules.append(
            f".s{place} {{ stroke: var(--s{place}); stroke-width: {_width(place)}; "
            f"stroke-dasharray: {dashes}; }} circle.s{place} {{ fill: var(--s{place}); }}"
        )
    return "\n".join(rules)


def _width(place: int) -> float:
    """Of lines one upon the other the first still shows on both sides of the last."""
    return 2.8 if place == 0 else 1.6


def _colours(tone: int) -> str:
    rows: list[Colour] = [PALETTE[hue + tone].tolist() for hue in _HUES]
    return " ".join(
        f"--s{place}: rgb({red}, {green}, {blue});" for place, (red, green, blue) in enumerate(rows)
    )
