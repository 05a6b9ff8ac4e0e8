"""One look for all figures: a fixed colour and name for each method, sizes legible on a page 800 px wide."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from igsed_core.base import files
from igsed_core.detection import scored
from igsed_core.show import describe

P = ParamSpec("P")

WIDTH = 8.2  # inches; at 150 dpi wider than the page's column, so always sharp

# Of scored methods, by name: Okabe and Ito's colours, which people with colour-blindness tell apart; the two
# framewise detectors are kin.
COLOURS = {
    "ig": "#D55E00",
    "fw_ws": "#56B4E9",
    "fw_ss": "#0072B2",
    "random": "#7F7F7F",
    "energy": "#882255",
    "oracle": "#444444",
}
# Of the methods that have none of their own.
FAMILIES = {
    "gradient": "#E69F00",
    "path": "#D55E00",
    "propagation": "#8C510A",
    "activation": "#332288",
    "perturbation": "#7A7A1F",
    "own": "#000000",
}
FAMILY_NAMES = {
    "gradient": "gradient",
    "path": "integrated along a path",
    "propagation": "propagated layer by layer",
    "activation": "activation map",
    "perturbation": "perturbation",
    "own": "this project's",
}
TRUTH = "#009E73"
TRUE = "truth"  # the annotation, where it stands among methods
IMPORTANCE = "#C1272D"
INK = "#222222"
FAINT = "#A0A0A0"  # lines that guide the eye, and what is no series; lighter than the grey of the method Random
PALE = "#B9C4CC"  # bars of one score that no method gave, or that any might

HEADS = {
    "clip_level": "Clip-level classifier",
    "fw_ws": "Framewise, weak labels (FW-WS)",
    "fw_ss": "Framewise, strong labels (FW-SS)",
}
METRICS = {
    "iou": "IoU",
    "f1": "F1",
    "pointing_game": "Pointing game",
    "chance": "Pointing game by chance",
    "iou_std": "Std IoU",
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "event_f1": "Event-based F1",
    "events_found": "Events found",
    "onset_error": "Onset error (s)",
    "offset_error": "Offset error (s)",
    "psds": "PSDS",
}
THRESHOLDS = {
    "clip_percentile": "percentile of the clip's frames",
    "pooled_percentile": "percentile of all frames",
    "value": "value of the score",
    "share_of_maximum": "share of the clip's maximum",
}
# Colour and mark of each of several series that are no methods: hues that nobody takes for a method's, and that are
# told apart by their marks where hues are not seen.
SERIES = (
    ("#117733", "o"),
    ("#AA44CC", "s"),
    ("#88AA44", "^"),
    ("#660022", "D"),
    ("#006666", "v"),
    ("#6688CC", "P"),
    ("#EE4488", "X"),
)
CLASSES = (*(colour for colour, _ in SERIES), "#CC8866", "#000066", "#88CCAA")  # of no method either
SPLITS = {"train": "#01665E", "validation": "#5FA3AD", "test": "#B7D7DB"}  # of no method

_RC: dict[Any, Any] = {
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "axes.edgecolor": "#BBBBBB",
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": "#E4E4E4",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "image.interpolation": "nearest",
}


def drawing(function: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in the house style, with caption and alternative text, and close the figure: a notebook shows it once."""

    @functools.wraps(function)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with plt.style.context("seaborn-v0_8-whitegrid"), mpl.rc_context(_RC):
            figure = function(*args, **kwargs)
        describe.attach(figure, function, [*args, *kwargs.values()])
        plt.close(figure)
        return figure

    return styled


def name(method: str) -> str:
    """Readable name of a scored method; what no registry knows is its own name."""
    return scored.of(method).title if scored.known(method) else method


def short(method: str) -> str:
    """Name of a scored method where there is little room."""
    return (scored.of(method).short if scored.known(method) else "") or name(method)


def family(method: str) -> str:
    """Family of a scored method; none for a reference."""
    return scored.of(method).family if scored.known(method) else ""


def colour(method: str) -> str:
    """Colour of a method, the same on all pages: its own, or its family's."""
    own = scored.of(method).colour if scored.known(method) else ""
    return COLOURS.get(method) or own or FAMILIES.get(family(method), FAINT)


def counted(rows: pd.DataFrame) -> str:
    """How many values the rows of a tidy table are means of: "179", or "12 to 179"."""
    n = rows["n"].dropna() if "n" in rows else pd.Series(dtype=float)
    if n.empty:
        return "\N{EN DASH}"
    low, high = round(n.min()), round(n.max())
    return str(low) if low == high else f"{low} to {high}"


def class_name(label: str) -> str:
    """Readable name of a class: ``Alarm_bell_ringing`` -> ``Alarm bell ringing``."""
    return label.replace("_", " ")


def class_title(label: str) -> str:
    """Readable name of a class for a figure, in which a dollar sign would begin a formula."""
    return plain(class_name(label))


def plain(words: str) -> str:
    """Return a user's words so that Matplotlib draws them as they are, not as a formula."""
    return words.replace("$", r"\$")


def class_names(labels: Iterable[str]) -> dict[str, str]:
    """Readable names of some classes; where two would read alike (``a_b``, ``a b``) each keeps its own spelling."""
    unique = list(dict.fromkeys(labels))
    counts = Counter(class_name(label) for label in unique)
    return {label: class_name(label) if counts[class_name(label)] == 1 else label for label in unique}


def class_colours(labels: list[str]) -> dict[str, str]:
    """A colour for each class, in the order given; none is a method's, and after ten they begin again."""
    return dict(zip(labels, itertools.cycle(CLASSES), strict=False))


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all.

    Parameters
    ----------
    figure
        From one of this package's functions.
    path
        File to write, ``*.png``.
    """
    with files.atomic(path) as temporary:
        figure.savefig(temporary, bbox_inches="tight", pad_inches=0.05)
    return path


def look(method: str) -> tuple[str, str]:
    """Colour and line of a method, or of the annotation."""
    return (INK, ":") if method == TRUE else (colour(method), "-")


def title(method: str) -> str:
    """Name of a method, or of the annotation."""
    return "Annotation" if method == TRUE else name(method)
