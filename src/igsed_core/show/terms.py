"""The words of the book in one picture: truth, score, threshold, mask, and what the metrics make of them."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igsed_core.detection.thresholds import levels
from igsed_core.metrics import localisation
from igsed_core.show import style
from igsed_core.show.style import drawing

PLACE, PICTURE = "%%terms%%", "terms.png"  # of the sentence in a page's Markdown; beside the page
FRAME, TAU = 0.5, 65.0  # s; percentile
# Made up for the picture: twenty frames of ten seconds, with one event that the score finds in part.
_SCORE = (
    *(0.08, 0.12, 0.06, 0.55, 0.18, 0.10, 0.22, 0.40, 0.72, 0.93),
    *(0.80, 0.66, 0.36, 0.58, 0.62, 0.20, 0.12, 0.15, 0.09, 0.05),
)
_TRUE = (7, 15)  # first true frame, first that is none any more


@dataclass(frozen=True)
class Example:
    """The example that is drawn.

    Attributes
    ----------
    score, truth, mask
        ``[shape=(n_frames,)]``
    level
        The percentile's value.
    iou, f1, pointing_game
        What the metrics say.
    """

    score: NDArray[np.float64]
    truth: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    level: float
    iou: float
    f1: float
    pointing_game: float

    def sentence(self) -> str:
        """Say in words how the metrics come about."""
        both, either = int((self.mask & self.truth).sum()), int((self.mask | self.truth).sum())
        hit = "hit" if self.pointing_game == 1 else "miss"
        return (
            f"{both} frames are detected and true, {either} are detected or true: IoU is {both}/{either} = "
            f"{self.iou:.2f}. "
            f"F1 is 2 × {both} / ({int(self.mask.sum())} + {int(self.truth.sum())}) = {self.f1:.2f}. "
            f"The highest score lies within the event: a {hit} in the pointing game."
        )


def example() -> Example:
    """Return the example, judged by the metrics of the book.

    Examples
    --------
    >>> from igsed_core.show import terms
    >>> f"{terms.example().iou:.3f}"
    '0.667'
    """
    score = np.array(_SCORE)
    truth = np.zeros(score.size, dtype=bool)
    truth[_TRUE[0] : _TRUE[1]] = True
    mask = levels.percentile(score[None], TAU)[0]
    return Example(
        score,
        truth,
        mask,
        float(np.percentile(score, TAU)),
        float(localisation.iou(mask[None], truth[None])[0]),
        float(localisation.f1(mask[None], truth[None])[0]),
        float(localisation.pointing_game(score[None], truth[None])[0]),
    )


@drawing
def picture() -> Figure:
    """One instance: the score over time, a threshold, the mask that it gives, and the truth it is held to."""
    one = example()
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(style.WIDTH, 4.1), sharex=True, height_ratios=(2.2, 1.3), constrained_layout=True
    )
    _score(top, one)
    _rows(bottom, one)
    return figure


def _score(ax: Axes, one: Example) -> None:
    start = np.arange(one.score.size) * FRAME
    ax.bar(start, one.score, FRAME * 0.94, align="edge", color=style.PALE)
    ax.axhline(one.level, color=style.INK, linestyle="--")
    end = one.score.size * FRAME
    # On two lines, right of the highest bars: on one it lay over them.
    ax.text(end, one.level + 0.02, f"threshold:\n{TAU:.0f}th percentile", ha="right", va="bottom")
    peak = int(one.score.argmax())
    ax.annotate(
        "highest score\n(pointing game)",
        (start[peak] + FRAME / 2, one.score[peak]),
        (start[peak] + 1.6, 0.93),
        va="center",
        arrowprops={"arrowstyle": "->", "color": style.INK},
    )
    ax.annotate(
        "one frame",
        (start[18] + FRAME / 2, 0.1),
        (start[18] + FRAME / 2, 0.33),
        ha="center",
        arrowprops={"arrowstyle": "->", "color": style.INK},
    )
    ax.set(ylim=(0, 1.08), xlim=(0, end), ylabel="score of the class")
    ax.grid(visible=False)


def _rows(ax: Axes, one: Example) -> None:
    names = ("mask (detected)", "truth (event)", "both: counts for IoU")
    colours = (style.INK, style.TRUTH, style.SERIES[1][0])
    for row, (frames, colour) in enumerate(zip((one.mask, one.truth, one.mask & one.truth), colours, strict=True)):
        for k in np.flatnonzero(frames):
            ax.barh(2 - row, FRAME * 0.94, left=k * FRAME, height=0.6, color=colour)
    onset, offset = (edge * FRAME for edge in _TRUE)
    for moment, word, side in ((onset, "onset ", "right"), (offset, " offset", "left")):
        ax.text(moment, 1, word, ha=side, va="center", color=style.TRUTH)
    ax.set_yticks([2, 1, 0], names)
    ax.set(ylim=(-0.5, 2.5), xlabel="time (s)")
    ax.grid(visible=False)
