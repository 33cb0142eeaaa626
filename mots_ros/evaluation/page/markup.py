"""HTML as text that is escaped once, and only where it is made."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NewType

Markup = NewType("Markup", str)
"""Text that is HTML already."""

_VOID = ("img", "meta")


def text(value: object) -> Markup:
    """A value to be read as it is, whatever characters it has."""
    return Markup(escape(str(value)))


def tag(name: str, /, *content: Markup, **attributes: object) -> Markup:
    """An element; ``class_`` and ``data_value`` become the attributes class and data-value.

    Attributes that are None are left out, those that are True have no value.
    """
    said = [f"<{name}"]
    for key, value in attributes.items():
        if value is not None:
            shown = "" if value is True else f'="{escape(str(value))}"'
            said.append(f" {key.rstrip('_').replace('_', '-')}{shown}")
    said.append(">")
    if name not in _VOID:
        said += [*content, f"</{name}>"]
    return Markup("".join(said))


def join(parts: Iterable[Markup], between: str = "\n") -> Markup:
    """Parts one after the other."""
    return Markup(between.join(parts))


def details(title: str, *content: Markup) -> Markup:
    """What is folded away until somebody wants to see it."""
    return tag("details", tag("summary", text(title)), *content)


def figure(title: str, *content: Markup) -> Markup:
    """Something to look at, under its title."""
    return tag("figure", tag("figcaption", text(title)), *content)


def row(name: Markup, *cells: Markup) -> Markup:
    """A row of a table: what it is about, and what there is to say of it."""
    return tag("tr", tag("th", name, scope="row"), *(tag("td", cell) for cell in cells))


def head_row(titles: Iterable[str]) -> Markup:
    """The titles of a table's columns."""
    return tag("tr", *(tag("th", text(title), scope="col") for title in titles))


def table(
    head: Iterable[Markup],
    body: Iterable[Markup],
    foot: Iterable[Markup] = (),
    **attributes: object,
) -> Markup:
    """A table of rows, which scrolls within the page where it is wider."""
    parts = [("thead", head), ("tbody", body), ("tfoot", foot)]
    filled = [tag(name, rows) for name, part in parts if (rows := join(part))]
    return tag("div", tag("table", *filled, **attributes), class_="wide")
