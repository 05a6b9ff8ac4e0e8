"""What a drawn figure is called and what it shows, in words: computed from what was drawn."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_OF = "_igsed_of"  # attribute of a figure: what this one shows among those of its kind
MIME = "application/vnd.igsed.figure+json"  # of caption and alternative text, beside the picture in a notebook
MOST = 1200  # characters of an alternative text
MOST_AXES, MOST_SERIES = 9, 8


def attach(figure: Figure, function: Callable[..., Any], arguments: Iterable[Any]) -> None:
    """Let a figure carry caption and alternative text into the notebook that shows it.

    Parameters
    ----------
    figure
        As it was drawn.
    function
        What drew it: the first sentence of its docstring is the caption.
    arguments
        What it was given: the tidy tables among them say over how many values means are.
    """
    of, rows = getattr(figure, _OF, ("", None))
    words = {
        "caption": caption(function, arguments if rows is None else [rows], of),
        "alt": f"{of}: {alternative(figure, function)}" if of else alternative(figure, function),
    }
    figure._repr_mimebundle_ = lambda **_: {MIME: words}  # type: ignore[attr-defined]


def about(figure: Figure, of: str, rows: pd.DataFrame | None = None) -> None:
    """Let a figure say what it shows among those that the same function draws, such as the split or the class.

    Parameters
    ----------
    figure
        As it is being drawn.
    of
        Words that its caption and its alternative text begin with.
    rows
        Of a tidy table, those that it shows: they say over how many values means are.
    """
    setattr(figure, _OF, (of, rows))


def caption(function: Callable[..., Any], arguments: Iterable[Any] = (), of: str = "") -> str:
    """Return a figure's caption.

    >>> caption(alternative)
    'Return the alternative text of a figure.'
    """
    drawn = [_instances(table) for table in arguments if _counts(table)]
    counts = [round(n) for rows in drawn for n in rows[rows["value"].notna()]["n"].dropna()]
    n = "" if not counts else f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    said = f"{of}. {_first_sentence(function)}" if of else _first_sentence(function)
    return said + (f" Each value is from n = {n}." if n else "")


def alternative(figure: Figure, function: Callable[..., Any]) -> str:
    """Return the alternative text of a figure.

    Parameters
    ----------
    figure
        As it was drawn.
    function
        What drew it.

    Returns
    -------
    str
        What it is, then each panel: its title, its axes with their ranges, its series with their ranges.
    """
    panels = [ax for ax in figure.axes if ax.get_visible() and ax.get_label() != "<colorbar>"]
    parts = [_first_sentence(function)]
    if len(panels) > 1:
        parts.append(f"{len(panels)} panels.")
    # Panels that say nothing (no title, no axis label, no series) are left out.
    said = [text for text in map(_panel, panels) if text]
    parts += said[:MOST_AXES]
    text = " ".join(parts).replace("$", "")
    return text if len(text) <= MOST else text[: MOST - 1].rsplit(" ", 1)[0] + "\N{HORIZONTAL ELLIPSIS}"


def _first_sentence(function: Callable[..., Any]) -> str:
    words = " ".join(inspect.cleandoc(function.__doc__ or "").split("\n\n")[0].split())
    return words if words.endswith(".") or not words else words + "."


def _counts(table: Any) -> bool:
    return isinstance(table, pd.DataFrame) and "n" in table and "value" in table


def _instances(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of means over instances of the test split, where the table tells them apart."""
    for column, value in (("average", "instance"), ("split", "test")):
        if column in table and (table[column] == value).any():
            table = table[table[column] == value]
    return table


def _panel(ax: Axes) -> str:
    title = ax.get_title(loc="left") or ax.get_title()
    sides = [f"{_line(label)} {_span(limits)}" for label, limits in _sides(ax) if label]
    series = list(_series(ax))[:MOST_SERIES]
    said = "; ".join([*sides, *series])
    if not (title or said):
        return ""
    return f"{_line(title)}: {said}." if title and said else f"{_line(title) or said}."


def _sides(ax: Axes) -> Iterator[tuple[str, tuple[float, float]]]:
    yield ax.get_xlabel(), ax.get_xlim()
    yield ax.get_ylabel(), ax.get_ylim()


def _series(ax: Axes) -> Iterator[str]:
    """Named lines with their lowest and highest value, and named rows of bars or points."""
    named = set()
    for line in ax.get_lines():
        label, values = str(line.get_label()), np.asarray(line.get_ydata(), dtype=float)
        values = values[np.isfinite(values)]
        if label.startswith("_") or label in named or not values.size:
            continue
        named.add(label)
        yield f"{_line(label)} {_span((values.min(), values.max()))}"
    rows = [_line(text.get_text()) for text in ax.get_yticklabels() if _words(text.get_text())]
    if rows and not named:
        yield "rows " + ", ".join(rows)


def _words(text: str) -> bool:
    """Say whether a tick is named by words, not by a number."""
    return any(c.isalpha() for c in text) and "mathdefault" not in text


def _span(limits: tuple[float, float]) -> str:
    low, high = sorted(float(x) for x in limits)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


def _line(text: str) -> str:
    return " ".join(text.split())
