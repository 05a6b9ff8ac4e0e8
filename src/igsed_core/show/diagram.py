"""Fig. 1: the classifier, its explanation and the framewise detectors, drawn with patches."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from igsed_core.show import style
from igsed_core.show.style import drawing

_WIDTH, _FULL_HEIGHT = 9.0, 4.75
_BOX, _GAP = 1.02, 0.26  # inches: width of a box, room for an arrow
_HEIGHT = 0.78
_TOP, _MIDDLE, _BOTTOM = 3.95, 2.5, 1.0  # centres of the three rows
_EVENTS = ((0.18, 0.42), (0.60, 0.80))  # of the drawn sound, as shares of its length
_CLASSIFIER, _FRAMEWISE = ("#E6F2F0", style.SPLITS["train"]), ("#EEF7FC", style.colour("fw_ss"))
_EXPLAINED = ("#FDEEE4", style.colour("ig"))


@drawing
def block_diagram() -> Figure:
    """Clip-level classifier (middle), its explanation (below), framewise detectors (above, dashed)."""
    fig = plt.figure(figsize=(_WIDTH, _FULL_HEIGHT))
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, _WIDTH), ylim=(0, _FULL_HEIGHT))
    ax.axis("off")
    _classifier(ax)
    _explanation(ax)
    _framewise(ax)
    return fig


def _x(column: int) -> float:
    """Centre of a column."""
    return 0.62 + column * (_BOX + _GAP)


def _classifier(ax: Axes) -> None:
    _waveform(ax, _x(0), _MIDDLE)
    _log_mel(ax, _x(1), _MIDDLE)
    for column, text in ((2, "frozen\nencoder\n(CNN)"), (3, "mean over\nfrequency"), (4, "max over\ntime")):
        _box(ax, _x(column), _MIDDLE, text, _CLASSIFIER)
    _box(ax, _x(5), _MIDDLE, "linear,\nsigmoid", ("#CCE4E0", _CLASSIFIER[1]))
    _scores(ax, _x(6), _MIDDLE)
    for column in range(6):
        _arrow(ax, (_right(column), _MIDDLE), (_left(column + 1), _MIDDLE), _CLASSIFIER[1])


def _explanation(ax: Axes) -> None:
    colour = _EXPLAINED[1]
    _detections(ax, _x(0), _BOTTOM, colour)
    for column, text in ((1, "percentile\nthreshold"), (2, "mean over\n100 ms"), (3, "magnitude\n| · |")):
        _box(ax, _x(column), _BOTTOM, text, _EXPLAINED)
    _importance(ax, _x(4), _BOTTOM)
    _box(
        ax,
        (_x(5) + _x(6)) / 2,
        _BOTTOM,
        "Integrated Gradients\nof a class score,\nsilence → clip",
        _EXPLAINED,
        width=2.3,
    )
    _arrow(ax, (_x(6), _MIDDLE - _HEIGHT / 2 - 0.2), (_x(6), _BOTTOM + _HEIGHT / 2), colour)
    for column in range(5, 0, -1):
        _arrow(ax, (_left(column), _BOTTOM), (_right(column - 1), _BOTTOM), colour)
    text = "explanation after training: no time stamp was ever seen"
    ax.text(_left(0), _BOTTOM - 0.82, text, color=colour, fontsize=11, style="italic")


def _framewise(ax: Axes) -> None:
    colour = _FRAMEWISE[1]
    _detections(ax, _x(0), _TOP, colour)
    for column, text in (
        (1, "percentile\nthreshold"),
        (2, "mean over\n100 ms"),
        (3, "linear,\nsigmoid at\neach frame"),
    ):
        _box(ax, _x(column), _TOP, text, _FRAMEWISE, dashed=True)
    middle, width = (_left(4) + _right(6)) / 2 + 0.42, 2.74
    _box(ax, middle, _TOP + 0.26, "clip labels, max over time: FW-WS", _FRAMEWISE, dashed=True, width=width, height=0.4)
    _box(ax, middle, _TOP - 0.26, "frame labels: FW-SS", _FRAMEWISE, dashed=True, width=width, height=0.4)
    _arrow(ax, (_x(3), _MIDDLE + _HEIGHT / 2), (_x(3), _TOP - _HEIGHT / 2), colour, dashed=True)
    for end in (_TOP + 0.26, _TOP - 0.26):
        _arrow(ax, (_right(3), _TOP), (middle - width / 2, end), colour, dashed=True)
    ax.text(
        (_right(3) + middle - width / 2) / 2,
        _TOP + 0.42,
        "trained with",
        color=colour,
        fontsize=10,
        ha="center",
        va="bottom",
    )
    for column in (3, 2, 1):
        _arrow(ax, (_left(column), _TOP), (_right(column - 1), _TOP), colour, dashed=True)
    ax.text(
        _x(0) - _BOX / 2, _TOP + 0.62, "framewise detectors, for comparison", color=colour, fontsize=11, style="italic"
    )


def _left(column: int) -> float:
    return _x(column) - _BOX / 2


def _right(column: int) -> float:
    return _x(column) + _BOX / 2


def _box(
    ax: Axes,
    x: float,
    y: float,
    text: str,
    colours: tuple[str, str],
    *,
    width: float = _BOX,
    height: float = _HEIGHT,
    dashed: bool = False,
) -> None:
    face, edge = colours
    pad = 0.05
    patch = FancyBboxPatch(
        (x - width / 2 + pad, y - height / 2 + pad),
        width - 2 * pad,
        height - 2 * pad,
        boxstyle=f"round,pad={pad},rounding_size=0.09",
        facecolor=face,
        edgecolor=edge,
        lw=1.4,
        ls=(0, (4, 2)) if dashed else "-",
    )
    ax.add_patch(patch)
    ax.text(x, y, text, ha="center", va="center", fontsize=11, linespacing=1.25)


def _arrow(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, *, dashed: bool = False
) -> None:
    style_ = (0, (4, 2)) if dashed else "-"
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-", lw=1.5, color=colour, ls=style_, shrinkA=1, shrinkB=6))
    ax.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=13, lw=0, color=colour, shrinkA=1, shrinkB=1)
    )


def _picture(ax: Axes, x: float, y: float, caption: str) -> Axes:
    """Add a small set of axes for a drawn picture, its caption underneath."""
    inner = ax.inset_axes((x - _BOX / 2, y - _HEIGHT / 2, _BOX, _HEIGHT), transform=ax.transData)
    inner.set(xticks=[], yticks=[], xlim=(0, 1))
    inner.grid(False)
    for spine in inner.spines.values():
        spine.set(visible=True, color="#BBBBBB")
    ax.text(x, y - _HEIGHT / 2 - 0.04, caption, ha="center", va="top", fontsize=10)
    return inner


def _envelope(time: np.ndarray) -> np.ndarray:
    """Loudness of the drawn sound: two events over a quiet background."""
    rise = 0.012
    return sum(
        (height / (1 + np.exp(-(time - on) / rise)) / (1 + np.exp((time - off) / rise)))
        for (on, off), height in zip(_EVENTS, (1.0, 0.8), strict=True)
    )


def _waveform(ax: Axes, x: float, y: float) -> None:
    inner = _picture(ax, x, y, "waveform")
    time = np.linspace(0, 1, 400)
    noise = np.random.default_rng(0).uniform(0.35, 1.0, time.size)
    height = (0.06 + 0.85 * _envelope(time)) * noise
    inner.fill_between(time, -height, height, color=style.INK, lw=0)
    inner.set_ylim(-1.05, 1.05)


def _log_mel(ax: Axes, x: float, y: float) -> None:
    inner = _picture(ax, x, y, "log-mel")
    time, band = np.meshgrid(np.linspace(0, 1, 64), np.linspace(0, 1, 24))
    harmonics = np.cos(2 * np.pi * (band * 4.5 - 0.4 * np.sin(5 * time))) ** 2 * (1 - 0.6 * band)
    image = _envelope(time) * (0.35 + 0.65 * harmonics) + 0.18 * np.random.default_rng(1).random(time.shape)
    inner.imshow(image, origin="lower", aspect="auto", extent=(0, 1, 0, 1), cmap="magma")


def _scores(ax: Axes, x: float, y: float) -> None:
    inner = _picture(ax, x, y, "class scores")
    inner.barh(
        range(5), [0.12, 0.92, 0.06, 0.2, 0.1], color=[style.PALE, _CLASSIFIER[1], *[style.PALE] * 3], height=0.6
    )
    inner.set_ylim(-0.6, 4.6)


def _importance(ax: Axes, x: float, y: float) -> None:
    inner = _picture(ax, x, y, "attribution")
    time = np.linspace(0, 1, 300)
    signed = np.random.default_rng(2).normal(size=time.size) * (
        0.03 + _envelope(time) * np.exp(-((time - 0.27) ** 2) / 0.1)
    )
    inner.plot(time, signed, color=style.IMPORTANCE, lw=0.8)
    inner.axhline(0, color=style.FAINT, lw=0.6)


def _detections(ax: Axes, x: float, y: float, colour: str) -> None:
    inner = _picture(ax, x, y, "detections")
    inner.broken_barh([(on, off - on) for on, off in _EVENTS], (0.56, 0.28), color=style.TRUTH, alpha=0.45, lw=0)
    found = [(on + 0.02, off - on - 0.05) for on, off in _EVENTS]
    inner.broken_barh(found, (0.16, 0.28), color=colour, lw=0)
    inner.set_ylim(0, 1)
