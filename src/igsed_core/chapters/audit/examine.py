"""Every question of the audit asked of one run: the tables from which page and verdicts are made."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from igsed_core.attribution.explainer import Explainer
from igsed_core.chapters.audit import (
    averages,
    chance,
    embedding,
    energy,
    excluded,
    factorial,
    fig3,
    overlap,
    placement,
    sign,
    target,
    window,
)
from igsed_core.chapters.audit.material import Material
from igsed_core.main_job.params import DataSynthesis

PLACED = 1500  # soundscapes a row; an IoU is then known to 0.01
# table -> what it holds; `audit` and `audit_differences` are tidy, with the question before the usual columns
TABLES = {
    "audit": "every reading of every open point, measured on this run",
    "audit_differences": "paired differences between readings",
    "audit_paper_averages": "the paper's Table II, the class means of its Table III, and its best mean over instances",
    "audit_mix": "the class mix that the paper's tables imply",
    "audit_countings": "ways to count missed and false classes that the paper's tables allow",
    "audit_recalls": "the paper's IoU of each class beside its recall",
    "audit_bounds": "the paper's peaks in its Fig. 3 beside what a percentile can reach there",
    "audit_ceilings": "the most that percentiles can give with the paper's mean activity",
    "audit_peaks": "peaks of this run under every reading of the threshold",
    "audit_energy": "readings of energy by their distance from the paper's",
    "audit_placement": "the same without audio, for other onsets and lengths of the events",
    "audit_overlap": "shares of soundscapes that polyphony filters remove",
    "audit_removed": "soundscapes that this run's filter removed",
    "audit_factorial": "IoU, F1, pointing game, AUROC under every target, sign, baseline and quadrature",
    "audit_factorial_effects": "what each of these choices moves: paired differences",
    "audit_random": "percentile at which random scores earn what the paper's earn",
}


def examine(
    material: Material,
    explainer: Explainer,
    synthesis: DataSynthesis,
    retrain: embedding.Retrain,
    out_dir: Path,
    *,
    n_clips: int,
    n_factorial: int,
    draws: int,
    workers: int,
) -> dict[str, pd.DataFrame]:
    """Ask everything.

    Parameters
    ----------
    material
        The run.
    explainer
        As it explained the run's clips.
    synthesis
        How the run's soundscapes were drawn.
    retrain
        Trains the clip-level head with another embedding (:class:`igsed_core.chapters.audit.embedding.OfRun`).
    out_dir
        Maps are kept here, so that an interrupted call goes on.
    n_clips
        Test soundscapes that are explained again: behind the other window, with the other embedding.
    n_factorial
        Test soundscapes that are explained under every target, baseline and quadrature; 0: all.
    draws
        Soundscapes that are planned for each filter and distribution.
    workers
        Processes for attribution.

    Returns
    -------
    dict
        The tables of :data:`TABLES` by name.
    """
    rows, apart = [], []
    for found, between in (
        averages.of_run(material),
        sign.compare(material),
        excluded.compare(material),
        target.compare(material, explainer, out_dir / "maps_target", n_clips=n_factorial, workers=workers),
        window.compare(material, explainer, out_dir / "maps_window", n_clips=n_clips, workers=workers),
        embedding.compare(material, explainer, retrain, out_dir / "embedding", n_clips=n_clips, workers=workers),
        (chance.compare(material), chance.identity(material)),
    ):
        rows.append(found)
        apart.append(between)
    cells, effects = factorial.compare(material, explainer, out_dir, n_clips=n_factorial, workers=workers)
    curves, rankings = fig3.curves(material), energy.compare(material)
    return {
        "audit": pd.concat([*rows, sign.reasons(material), curves, rankings], ignore_index=True),
        "audit_differences": pd.concat(apart, ignore_index=True),
        "audit_paper_averages": averages.paper_averages(),
        "audit_mix": averages.paper_mix(),
        "audit_countings": averages.paper_countings(),
        "audit_recalls": excluded.paper_counts(),
        "audit_bounds": fig3.paper_bounds(),
        "audit_ceilings": fig3.paper_ceilings(),
        "audit_peaks": fig3.peaks(curves),
        "audit_energy": energy.distances(rankings, energy.activity(material)),
        "audit_placement": placement.simulate(material, synthesis, n=min(draws, PLACED), seed=material.seed),
        "audit_overlap": overlap.simulate(material, synthesis, n=draws, seed=material.seed),
        "audit_removed": overlap.of_run(material),
        "audit_factorial": cells,
        "audit_factorial_effects": effects,
        "audit_random": chance.threshold_of(material),
    }
