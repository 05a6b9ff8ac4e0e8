"""What is asked of every figure that a test draws: one colour per method on all pages, and no tiny letters."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
from matplotlib.collections import Collection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from numpy.typing import NDArray

from igsed_core.attribution import registry as methods
from igsed_core.detection import scored
from igsed_core.show import style

# Distances in OKLab, in hundredths: nearer than this, a reader takes one colour for the other.
NEAR = 5.0
# What is no scored method and has a colour of its own, and words that say it.
OTHERS = {
    style.TRUTH: ("truth", "annotat", "event", "sounds", "stem", "perfect"),
    style.IMPORTANCE: ("attribut", "importance", "contribution", "explain"),
}


def oklab(colour: Any) -> NDArray[np.float64]:
    """Colour in Ottosson's OKLab, times 100 (https://bottosson.github.io/posts/oklab)."""
    stored = np.asarray(to_rgba(colour)[:3])
    linear = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    cones = np.cbrt(
        np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        )
        @ linear
    )
    return 100 * (
        np.array(
            [
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ]
        )
        @ cones
    )


def distance(one: Any, other: Any) -> float:
    """How far apart two colours look: 2 can just be seen, 100 is black from white."""
    return float(np.linalg.norm(oklab(one) - oklab(other)))


def owned() -> dict[str, tuple[str, ...]]:
    """Colour -> the names of all methods that have it, and of the annotation and importance."""
    found: dict[str, tuple[str, ...]] = dict(OTHERS)
    for name in dict.fromkeys([*scored.SCORED.own, *methods.REGISTRY.own]):
        family = style.FAMILY_NAMES.get(style.family(name), "")
        title = style.name(name).partition(" (")[0]
        words = (name, style.short(name), title, re.split(r"[ ,]", title)[0], family)
        colour = style.colour(name)
        found[colour] = (*found.get(colour, ()), *(word for word in words if word))
    return found


def drawn(figure: Figure) -> Iterator[tuple[Any, Any]]:
    """Every colour of what stands in a figure's panels for something: lines, marks, areas, words; and its artist."""
    for artist in [a for ax in figure.axes for a in (*ax.lines, *ax.patches, *ax.collections, *ax.texts)]:
        for colour in _colours(artist):
            if to_rgba(colour)[3] > 0:
                yield colour, artist


def _colours(artist: Any) -> Iterator[Any]:
    if isinstance(artist, Line2D):
        if artist.get_linestyle() not in ("None", "", " ") and artist.get_linewidth() > 0:
            yield artist.get_color()
        if artist.get_marker() not in ("None", None, "", " "):
            yield artist.get_markeredgecolor()
            yield artist.get_markerfacecolor()
    elif isinstance(artist, Collection):
        if artist.get_array() is None:  # else a scale of colours
            yield from artist.get_facecolor()
            if np.max(artist.get_linewidth(), initial=0) > 0:
                yield from artist.get_edgecolor()
    elif isinstance(artist, Patch):
        if artist.get_fill():
            yield artist.get_facecolor()
        if artist.get_linewidth() > 0 and artist.get_edgecolor()[3] > 0:
            yield artist.get_edgecolor()
    else:
        yield artist.get_color()


def strangers(figure: Figure, caption: str = "") -> list[str]:
    """Say which colours of methods a figure wears that names no such method.

    Parameters
    ----------
    figure
        As it was drawn.
    caption
        What stands below it.
    """
    labels = (str(artist.get_label()) for _, artist in drawn(figure))  # that a legend may show, or a reader's list
    said = " ".join([caption, *labels, *(text.get_text() for text in figure.findobj(Text))]).lower().replace("\n", " ")
    known = {colour: (oklab(colour), words) for colour, words in owned().items()}
    names = {word.lower() for _, words in known.values() for word in words}
    found = {}
    for colour, artist in drawn(figure):
        if isinstance(artist, Text) and any(word in artist.get_text().lower() for word in names):
            continue  # a name says itself whose it is, and is darkened to be read
        place = oklab(colour)
        for other, (theirs, words) in known.items():
            near = np.linalg.norm(place - theirs) < NEAR
            if near and not any(word.lower() in said for word in words):
                found[other] = (
                    f"{type(artist).__name__} {artist.get_label()!r} has the colour of {', '.join(words[:3])}"
                )
    return list(found.values())


SMALLEST = 9.0  # points: 11 pixels where a page shows a figure at 60 % of its size


def tiny(figure: Figure) -> list[str]:
    """Words that are set too small to be read on a page."""
    words = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    return [
        f"{text.get_text()!r} has {text.get_fontsize():g} points" for text in words if text.get_fontsize() < SMALLEST
    ]


def watch() -> Callable[[], None]:
    """Look at every figure that a test draws from now on; the function returned ends that.

    Nothing is loaded for it: where no test draws, ``igsed_core.show.describe`` is not there.
    """
    describe: ModuleType = sys.modules["igsed_core.show.describe"]
    attach = describe.attach

    def looked(figure: Figure, function: Callable[..., Any], arguments: Any) -> None:
        attach(figure, function, list(arguments))
        of = getattr(figure, describe._OF, ("", None))[0]
        caption = describe.caption(function, (), of)
        if wrong := [*strangers(figure, caption), *tiny(figure)]:
            raise AssertionError(f"{function.__module__}.{function.__name__}: {'; '.join(wrong)}")

    describe.attach = looked
    return lambda: setattr(describe, "attach", attach)
