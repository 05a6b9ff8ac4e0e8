"""Target, sign, baseline, quadrature: what each choice moves, all of them crossed, on the whole test split.

The cell that the paper's words describe: each class *score*, a sigmoid, is attributed and positive values increase the
class *probability* (sections II and II-C), absolute values are averaged, the baseline is a zero-valued waveform, and
the integral is Captum's with 50 steps. The decibel quadratures begin at silence by construction, so that the run's own
quadrature is crossed with target and sign alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.attribution import maps
from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.ig.decibel import TARGETS
from igsed_core.chapters.audit import again, both_targets, target
from igsed_core.chapters.audit.material import AT_IG, Material, measured
from igsed_core.metrics import ranking
from igsed_core.metrics.scores import SIGNS, ScoresOverTime
from igsed_core.metrics.summaries import Series

PAPER, RUN = "paper", "run"  # in the column `engine`: the paper's quadrature, this run's
BASELINES = ("silence", "background")
ALONE, AVERAGED, EVERYTHING = "paper", "averaged", "run"  # in the column `others`
ALL_CHOICES = "all"  # in the column `choice`


@dataclass(frozen=True)
class Cell:
    """One reading of Integrated Gradients.

    Attributes
    ----------
    target
        ``logit`` or ``probability``.
    sign
        One of :data:`igsed_core.metrics.scores.SIGNS`.
    baseline
        One of :data:`BASELINES`.
    engine
        ``paper``: Captum's 50 points; ``run``: this run's own quadrature.
    """

    target: str = "probability"
    sign: str = "absolute"
    baseline: str = "silence"
    engine: str = PAPER

    @property
    def name(self) -> str:
        """Its name as a method in tidy tables."""
        return ":".join(("ig", self.target, self.sign, self.baseline, self.engine))


LEVELS = {"target": TARGETS, "sign": SIGNS, "baseline": BASELINES, "engine": (PAPER, RUN)}
THE_PAPERS = Cell()


def compare(
    material: Material, explainer: Explainer, out_dir: Path, *, n_clips: int, workers: int, split: str = "test"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure every cell, and what each choice moves.

    Parameters
    ----------
    material
        The run.
    explainer
        As it explained the run's clips.
    out_dir
        Maps are kept here; ``maps_target`` holds those of :func:`igsed_core.chapters.audit.target.compare`.
    n_clips
        Of the split, from the first on; 0 takes all.
    workers
        See :func:`igsed_core.attribution.runner.run`.
    split
        Which instances.

    Returns
    -------
    cells : pd.DataFrame
        ``target, sign, baseline, engine, split, metric, average, threshold, value, n, std, ci_low, ci_high``. All
        cells are cut at the percentiles that validation chose for the run's own maps.
    effects : pd.DataFrame
        ``choice, from, to, others, split, metric, average, value, n, n_clips, ci_low, ci_high, p, survives``: paired
        differences, ``to`` minus ``from``. ``others`` says what holds for the other choices: ``paper`` (as the paper
        has them), ``averaged`` (the mean over all cells that have both levels), ``run`` (choice ``all``: this run's
        own cell minus the paper's).
    """
    mine, _, pairs = again.first(material, n_clips, split)
    found = _maps(explainer, pairs, material, out_dir, workers=workers)
    series: dict[Cell, list[Series]] = {}
    for (aim, baseline, engine), one in found.items():
        for sign in SIGNS:
            cell = Cell(aim, sign, baseline, engine)
            framed = one.at(mine.index).read_as(sign).to_frames(material.settings.frame_length, material.n_frames)
            series[cell] = measures(cell.name, framed, mine.truth, material.tuned["ig"])
    cells = material.tidy("factorial", mine.index, [one for of_cell in series.values() for one in of_cell])
    columns = ["split", "metric", "average", "threshold", "value", "n", "std", "ci_low", "ci_high"]
    by_name = pd.DataFrame([{"method": cell.name, **vars(cell)} for cell in series])
    cells = by_name.merge(cells, on="method")[[*LEVELS, *columns]]
    own = Cell(str(dict(explainer.options)["target"]), material.settings.sign, "silence", _own(explainer))
    return cells, effects(material, mine.index, series, own)


def measures(
    name: str, scores: NDArray[np.float64], truth: NDArray[np.bool_], percentiles: dict[str, float]
) -> list[Series]:
    """IoU, F1, pointing game and AUROC of every instance.

    Parameters
    ----------
    name
        Of the cell.
    scores, truth
        ``[shape=(n_instances, n_frames)]``
    percentiles
        Metric -> percentile.
    """
    auroc = Series(name, AT_IG, "auroc", ranking.auroc(scores, truth))
    return [*measured(name, AT_IG, scores, truth, percentiles), auroc]


def effects(material: Material, index: pd.DataFrame, series: dict[Cell, list[Series]], own: Cell) -> pd.DataFrame:
    """Paired differences that each choice makes.

    Parameters
    ----------
    material
        Gives replicates and seed.
    index
        ``split, clip, label``
    series
        What was measured in each cell, the same metrics in all.
    own
        The run's own cell.

    Returns
    -------
    pd.DataFrame
        See :func:`compare`.
    """
    made: list[Series] = []
    pairs: list[tuple[tuple[str, str], tuple[str, str]]] = []
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for choice, level, others, matched in _contrasts(series, own):
        names = (f"{choice}={level}|{others}", f"{choice}|{others}|{level}")
        for name, cells in zip(names, zip(*matched, strict=True), strict=True):
            made += _mean(name, [series[cell] for cell in cells])
        pairs.append(((names[0], AT_IG), (names[1], AT_IG)))
        known = {"from": getattr(THE_PAPERS, choice, PAPER), "to": level}
        rows[names] = {"choice": choice, **known, "others": others}
    table = material.apart("factorial", index, made, pairs)
    keys = pd.DataFrame([rows[pair] for pair in zip(table["method"], table["other_method"], strict=True)])
    columns = ["split", "metric", "average", "value", "n", "n_clips", "ci_low", "ci_high", "p", "survives"]
    return pd.concat([keys, table[columns]], axis=1)


def _contrasts(series: dict[Cell, list[Series]], own: Cell) -> Iterator[tuple[str, str, str, list[tuple[Cell, Cell]]]]:
    """Choice, level, what holds for the others, and pairs of cells that differ in that choice alone."""
    for choice, levels in LEVELS.items():
        reference = getattr(THE_PAPERS, choice)
        for level in levels:
            pairs = [
                (cell, before)
                for cell in series
                if getattr(cell, choice) == level != reference
                and (before := replace(cell, **{choice: reference})) in series
            ]
            alone = [(cell, before) for cell, before in pairs if before == THE_PAPERS]
            if pairs:
                yield choice, level, ALONE, alone
                yield choice, level, AVERAGED, pairs
    if own != THE_PAPERS and own in series:
        yield ALL_CHOICES, RUN, EVERYTHING, [(own, THE_PAPERS)]


def _mean(name: str, cells: list[list[Series]]) -> list[Series]:
    """Mean of several cells, instance by instance."""
    return [
        Series(name, AT_IG, of_metric[0].metric, np.mean([one.values for one in of_metric], axis=0))
        for of_metric in zip(*cells, strict=True)
    ]


def _own(explainer: Explainer) -> str:
    """Which engine's level the run's own maps are: the paper's where it has its very points."""
    options = dict(explainer.options)
    same = (options.get("quadrature"), options.get("n_steps")) == (both_targets.RULE, both_targets.N_STEPS)
    return PAPER if same else RUN


def _maps(
    explainer: Explainer, pairs: pd.DataFrame, material: Material, out_dir: Path, *, workers: int
) -> dict[tuple[str, str, str], ScoresOverTime]:
    """(Target, baseline, engine) -> maps."""
    mine, changed, explain = target.other(explainer)
    made = both_targets.compute(
        explainer, pairs, out_dir / "maps_factorial", baselines=BASELINES, seed=material.seed, workers=workers
    )
    found = {(aim, baseline, PAPER): made[baseline, aim] for aim, baseline in itertools.product(TARGETS, BASELINES)}
    if _own(explainer) == RUN:
        found[mine, "silence", RUN] = material.maps
        found[changed, "silence", RUN] = maps.compute(explain, pairs, out_dir / "maps_target", workers=workers)
    return found
