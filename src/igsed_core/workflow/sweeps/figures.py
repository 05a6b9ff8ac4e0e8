"""Small multiples along a sweep: a panel for each parameter that varies, or for each value of a second one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from igsed_core.show import style
from igsed_core.show.claims import MARGIN

_HEIGHT = 2.9  # inches a row of panels
_COLUMNS = 3
MOST_PANELS = 12


@style.drawing
def along(rows: pd.DataFrame, varied: list[str]) -> Figure:
    """A metric of each method along what varies, with intervals.

    Parameters
    ----------
    rows
        ``method, value, ci_low, ci_high`` and the columns of ``varied``: one metric.
    varied
        Parameters; the first is the axis, the values of the others make the panels.
    """
    return _panels(rows, varied, "method", style.METRICS["iou"], lambda axes: None)


@style.drawing
def differences(rows: pd.DataFrame, varied: list[str]) -> Figure:
    """Paired differences between methods along what varies; a band marks what counts as level.

    Parameters
    ----------
    rows
        As for :func:`along`, with ``other_method``.
    varied
        See :func:`along`.
    """

    def level(axes: Axes) -> None:
        axes.axhspan(-MARGIN, MARGIN, color="#EEEEEE", zorder=0)
        axes.axhline(0.0, color=style.FAINT, linewidth=0.8)

    return _panels(rows, varied, "other_method", "IG minus the other, IoU", level)


def _panels(rows: pd.DataFrame, varied: list[str], by: str, label: str, before: Callable[[Axes], None]) -> Figure:
    axis, others = (varied[0], varied[1:]) if varied else ("experiment", [])
    panels = list(rows.groupby(others, sort=False)) if others else [((), rows)]
    panels = panels[:MOST_PANELS]
    columns = min(_COLUMNS, len(panels))
    height = -(-len(panels) // columns)
    figure, grid = plt.subplots(
        height, columns, figsize=(style.WIDTH, _HEIGHT * height + 0.6), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, (values, of_panel) in zip(grid.flat, panels, strict=False):
        before(axes)
        _lines(axes, of_panel, axis, by)
        axes.set_title(", ".join(f"{name} {value}" for name, value in zip(others, values, strict=True)), fontsize=10)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel(label)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    return figure


def _lines(axes: Axes, rows: pd.DataFrame, axis: str, by: str) -> None:
    """One line per method; points of different methods are moved apart, so that intervals do not cover one another."""
    places = {value: float(place) for place, value in enumerate(_in_order(rows[axis].unique()))}
    methods = list(dict.fromkeys(rows[by]))
    for number, method in enumerate(methods):
        mine = rows[rows[by] == method]
        x = mine[axis].map(places).to_numpy(dtype=float) + 0.3 * ((number + 0.5) / len(methods) - 0.5)
        order = np.argsort(x)
        value, low, high = (mine[column].to_numpy(dtype=float)[order] for column in ("value", "ci_low", "ci_high"))
        axes.errorbar(
            x[order],
            value,
            np.maximum([value - low, high - value], 0.0),
            color=style.colour(method),
            label=style.plain(style.short(method)),
            marker="o",
            markersize=4,
            linewidth=1.2,
            capsize=2,
        )
    axes.set_xticks(list(places.values()), [style.plain(str(value)) for value in places])
    if len(places) > 4 or max(map(len, map(str, places))) > 8:
        axes.tick_params(axis="x", rotation=45)
    axes.set_xlabel(axis)


def _in_order(values: Any) -> list[Any]:
    """Numbers by size, anything else as it comes."""
    found = list(values)
    return sorted(found) if all(isinstance(one, int | float | np.number) for one in found) else found
