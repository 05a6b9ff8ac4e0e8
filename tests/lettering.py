"""Which words of a figure lie on each other: labels of the horizontal axes' ticks, and titles of panels."""

from __future__ import annotations

import itertools

from matplotlib.figure import Figure
from matplotlib.text import Text


def overprinted(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of labels, or of titles, whose boxes cross."""
    figure.canvas.draw()
    titles = [text for ax in figure.axes for text in (ax.title, ax._left_title, ax._right_title)]
    return [*_crossing(titles), *_crossing([label for ax in figure.axes for label in _labels(ax)])]


def _labels(ax) -> list[Text]:
    low, high = sorted(ax.get_xlim())
    ticks = [*ax.xaxis.get_major_ticks(), *ax.xaxis.get_minor_ticks()]
    return [tick.label1 for tick in ticks if low <= tick.get_loc() <= high and not tick.label1.get_rotation()]


def _crossing(texts: list[Text]) -> list[tuple[str, str]]:
    boxes = [(one.get_text(), one.get_window_extent()) for one in texts if one.get_text().strip() and one.get_visible()]
    return [(one, other) for (one, a), (other, b) in itertools.combinations(boxes, 2) if a.overlaps(b)]
