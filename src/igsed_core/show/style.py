"""One look for all figures: a fixed colour and name for each method, sizes legible on a page 800 px wide."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from igsed_core.attribution import registry as methods
from igsed_core.base import files

P = ParamSpec("P")

WIDTH = 8.2  # inches; at 150 dpi wider than the page's column, so always sharp

# Okabe and Ito's colours, which people with colour-blindness tell apart; the two framewise detectors are kin.
COLOURS = {
    "ig": "#D55E00",
    "fw_ws": "#56B4E9",
    "fw_ss": "#0072B2",
    "random": "#7F7F7F",
    "energy": "#CC79A7",
    "oracle": "#444444",
}
# Of the methods of the registry, by family.
FAMILIES = {
    "gradient": "#E69F00",
    "path": "#D55E00",
    "propagation": "#8C510A",
    "activation": "#009E73",
    "perturbation": "#7B3294",
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
IMPORTANCE = "#C1272D"
INK = "#222222"
FAINT = "#888888"

METHODS = {
    "ig": "Integrated Gradients (IG)",
    "fw_ws": "FW-WS",
    "fw_ss": "FW-SS",
    "random": "Random",
    "energy": "Energy",
    "oracle": "Perfect ranking",
}
HEADS = {
    "clip_level": "Clip-level classifier",
    "fw_ws": "Framewise, weak labels (FW-WS)",
    "fw_ss": "Framewise, strong labels (FW-SS)",
}
METRICS = {
    "iou": "IoU",
    "f1": "F1",
    "pointing_game": "Pointing game",
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
SPLITS = {"train": "#0072B2", "validation": "#E69F00", "test": "#009E73"}

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
    """Draw in the house style and close the figure, so that a notebook shows it once, as a cell's value."""

    @functools.wraps(function)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with plt.style.context("seaborn-v0_8-whitegrid"), mpl.rc_context(_RC):
            figure = function(*args, **kwargs)
        plt.close(figure)
        return figure

    return styled


def name(method: str) -> str:
    """Readable name of a method: of those that every page shows, or of the registry."""
    entry = None if method in METHODS else methods.REGISTRY.get(method)
    return entry.title if entry else METHODS.get(method, method)


def family(method: str) -> str:
    """Family of a method of the registry; none for a reference."""
    return methods.REGISTRY[method].family if method in methods.REGISTRY else ""


def colour(method: str) -> str:
    """Colour of a method: its own, or its family's."""
    return COLOURS.get(method) or FAMILIES.get(family(method), FAINT)


def class_name(label: str) -> str:
    """Readable name of a class: ``Alarm_bell_ringing`` -> ``Alarm bell ringing``."""
    return label.replace("_", " ")


def class_colours(labels: list[str]) -> dict[str, tuple[float, float, float]]:
    """A colour for each class, in the order given."""
    import seaborn as sns  # here, since it takes two seconds and few pages need it

    palette = sns.color_palette("colorblind", max(len(labels), 1))
    return dict(zip(labels, palette, strict=False))


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


_TITLES = {"truth": "Annotation", "localiser": "Localiser"}


def look(method: str) -> tuple[str, str]:
    """Colour and line of a method, the annotation and the localiser among them."""
    if method == "truth":
        return INK, ":"
    return FAMILIES["own"] if method == "localiser" else colour(method), "-"


def title(method: str) -> str:
    """Name of a method, the annotation and the localiser among them."""
    return _TITLES.get(method) or name(method)
