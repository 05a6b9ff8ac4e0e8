"""Figures of the integral: the score along the path, and what rules and points cost and give."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igsed_core.attribution.maps import STEP
from igsed_core.chapters.engine.one_clip import Readings
from igsed_core.show import style
from igsed_core.show.style import drawing

_RULES = {
    "gausslegendre": ("Gauss-Legendre, straight path", *style.SERIES[0]),
    "db_midpoint": ("midpoints, decibels", *style.SERIES[1]),
    "db_gauss": ("Gauss-Legendre, decibels", *style.SERIES[2]),
    "db_adaptive": ("adaptive, decibels", *style.SERIES[3]),
}
_MEASURES = {"cosine": "cosine to the reference", "iou": "IoU", "pointing_game": "Pointing game"}
_SMALLEST = 1e-4  # relative error below which a logarithmic axis shows rounding


@drawing
def score_along_path(path: pd.DataFrame, points: Mapping[str, NDArray[np.floating]]) -> Figure:
    """The class score from silence to the clip, over the gain and over the level, and where rules look at it.

    Parameters
    ----------
    path
        ``level`` (dB re the clip), ``gain``, ``score``; the first row is silence.
    points
        Rule -> the gains at which it evaluates the score, none of them 0.
    """
    fig, axes = _columns(2, sharey=True)
    silence = path["score"].iloc[0]
    heard = path[path["gain"] > 0]
    for ax, x, lowest in ((axes[0], "gain", 0.0), (axes[1], "level", heard["level"].min())):
        rows = path if x == "gain" else heard
        ax.plot(rows[x], rows["score"], color=style.INK, lw=1.8, zorder=2)
        ax.axhline(silence, color=style.FAINT, lw=1, ls=":", zorder=1)
        for quadrature, gains in points.items():
            title, colour, marker = _RULES[quadrature]
            at = gains if x == "gain" else 20 * np.log10(gains)
            scores = np.interp(gains, path["gain"], path["score"])
            seen = at >= lowest
            label = f"{title}: {len(gains)} points"
            ax.plot(at[seen], scores[seen], marker, color=colour, ms=5, alpha=0.75, zorder=3, label=label)
    axes[0].set(xlabel="gain $\\alpha$", ylabel="class score")
    axes[1].set(xlabel="level $20\\,\\log_{10}\\alpha$ (dB)")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


@drawing
def completeness_by_points(study: pd.DataFrame) -> Figure:
    """Completeness error against points on the path: median over clips, and the band between the quartiles.

    Parameters
    ----------
    study
        ``engine, quadrature, n_steps, points, completeness_error``, a row a map.
    """
    fig, axes = _columns(1, height=4.2)
    _curves(axes[0], study, "completeness_error", middle="median", band=True)
    axes[0].set(xscale="log", yscale="log", xlabel="points on the path", ylabel="relative completeness error")
    _plain_ticks(axes[0], study)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


@drawing
def localisation_by_points(study: pd.DataFrame) -> Figure:
    """What a reader of the maps sees of it: cosine to the reference, IoU and pointing game against points.

    Parameters
    ----------
    study
        ``engine, quadrature, n_steps, points, cosine, iou, pointing_game``, a row a map; the dashed line is the
        map of quadrature ``reference``.
    """
    fig, axes = _columns(len(_MEASURES))
    maps = int((study["quadrature"] == "reference").sum())
    for ax, (measure, title) in zip(axes, _MEASURES.items(), strict=True):
        _curves(ax, study, measure, middle="mean", band=False)
        exact = study.loc[study["quadrature"] == "reference", measure].mean()
        ax.axhline(exact, color=style.INK, ls="--", lw=1.2, zorder=1, label="reference")
        ax.set(title=title, xscale="log", xlabel=f"points on the path (n = {maps} maps)")
        if measure != "cosine":
            ax.set_ylim(0, 1.03)
        _plain_ticks(ax, study)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


@drawing
def readings(found: Readings) -> Figure:
    """One attribution over time and frequency, over frames and over samples, on one time axis."""
    fig, axes = plt.subplots(2, 1, figsize=(style.WIDTH, 5.2), sharex=True, layout="constrained", height_ratios=(3, 2))
    image, times = found.time_frequency.T, STEP * np.arange(len(found.frames))
    most = float(np.quantile(np.abs(image), 0.999)) or 1.0
    extent = (0.0, STEP * image.shape[1], 0.0, float(image.shape[0]))
    shown = axes[0].imshow(
        image, origin="lower", aspect="auto", extent=extent, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="none"
    )
    fig.colorbar(shown, ax=axes[0], label="contribution to the score")
    axes[0].set(ylabel="mel band")
    axes[0].grid(False)
    axes[1].plot(times, found.frames, color=style.IMPORTANCE, lw=1.4, label="frames")
    axes[1].plot(STEP * np.arange(len(found.samples)), found.samples, color=style.INK, lw=0.8, label="samples, 10 ms")
    axes[1].axhline(0, color=style.FAINT, lw=0.8)
    axes[1].set(xlabel="time (s)", ylabel="contribution", xlim=(0, extent[1]))
    axes[1].legend(loc="upper right")
    return fig


def _columns(n: int, *, height: float = 3.6, sharey: bool = False) -> tuple[Figure, list[Axes]]:
    """Open a figure of ``n`` axes side by side."""
    fig, axes = plt.subplots(1, n, figsize=(style.WIDTH, height), sharey=sharey, layout="constrained", squeeze=False)
    return fig, list(axes[0])


def _curves(ax: Axes, study: pd.DataFrame, measure: str, *, middle: str, band: bool) -> None:
    """One curve a rule over the points that its maps took on average."""
    mine = study[study["engine"] == "mel_path"]
    for quadrature, (title, colour, marker) in _RULES.items():
        groups = mine[mine["quadrature"] == quadrature].groupby("n_steps", sort=True)
        x = groups["points"].mean()
        values = groups[measure].agg(middle)
        if measure == "completeness_error":
            values = values.clip(lower=_SMALLEST)
        ax.plot(x, values, marker=marker, color=colour, ms=6, lw=1.8, label=title, zorder=3)
        if band:
            low, high = (groups[measure].quantile(q).clip(lower=_SMALLEST) for q in (0.25, 0.75))
            ax.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
            if len(x) == 1:
                ax.plot([x.iloc[0]] * 2, [low.iloc[0], high.iloc[0]], color=colour, lw=4, alpha=0.3, zorder=2)


def _plain_ticks(ax: Axes, study: pd.DataFrame) -> None:
    ticks = [t for t in (4, 8, 16, 32, 50, 100) if t in set(study["n_steps"])]
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.minorticks_off()
