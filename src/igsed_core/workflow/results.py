"""The tidy tables of an experiment, gathered from its stages (interfaces that others rely on)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from igsed_core.base import files

# table -> (stage that makes it and keeps it as <table>.csv, what it holds); the book offers each for download
TABLES = {
    "classification": ("training", "precision, recall, F1 of each head and class (Table I)"),
    "instances": ("training", "pairs present, evaluated, missed and false"),
    "detection": ("threshold_sensitivity", "each method at its own thresholds (Table II)"),
    "per_class": ("threshold_sensitivity", "the same, a class (Table III)"),
    "differences": ("threshold_sensitivity", "paired differences between methods at their own thresholds"),
    "further": ("threshold_sensitivity", "AUROC, average precision, event-based F1, onset and offset error, PSDS"),
    "curves": ("threshold_sensitivity", "IoU and F1 at every threshold (Fig. 3)"),
    "detection_at_ig_threshold": (
        "threshold_sensitivity",
        "every method at the thresholds chosen for Integrated Gradients",
    ),
    "rules": ("threshold_rules", "every method under every threshold rule"),
    "rules_gain": ("threshold_rules", "paired gain of every rule over the percentile of the clip"),
    "rules_perfect_order": ("threshold_rules", "every rule with each method's values in perfect order"),
    "rules_best_level": ("threshold_rules", "each method with the best level of each clip, which the truth tells"),
    "rules_smoothing": ("threshold_rules", "the smoothed hidden Markov rule with other lengths of smoothing"),
    "rules_by_duration": ("threshold_rules", "IoU under every rule by the time that the class is active"),
    "rules_by_polyphony": ("threshold_rules", "IoU under every rule by polyphony and by number of events"),
    "rules_postprocessing": ("threshold_rules", "median filter and minimum duration on top of rules"),
    "methods": ("methods", "every method of the registry under threshold rules, beside the references"),
    "methods_per_class": ("methods", "the same, a class"),
    "methods_cost": ("methods", "seconds a map of each method"),
    "methods_readings": ("methods", "each method under each reading of the sign"),
    "faithfulness": ("faithfulness", "deletion, insertion, sufficiency, necessity of each method and replacement"),
    "faithfulness_curves": ("faithfulness", "deletion and insertion at every share of the frames"),
    "faithfulness_sanity": ("faithfulness", "maps of shuffled classifiers: rank correlation and localisation"),
    "conditions": ("conditions", "every method and the classifier under other conditions"),
    "faithfulness_occlusion": ("faithfulness", "macro F1 and loss of the occluded test split"),
    "audit_verdicts": ("audit", "each open point of the paper and what was found"),
    "audit": ("audit", "every reading of every open point, measured on this run"),
    "audit_differences": ("audit", "paired differences between readings"),
    "audit_paper_averages": ("audit", "the paper's Table II beside both means of its Table III"),
    "audit_mix": ("audit", "the class mix that the paper's tables imply"),
    "audit_countings": ("audit", "ways to count missed and false classes that the paper's tables allow"),
    "audit_recalls": ("audit", "the paper's IoU of each class beside its recall"),
    "audit_bounds": ("audit", "the paper's peaks in its Fig. 3 beside what a percentile can reach"),
    "audit_ceilings": ("audit", "the most that percentiles can give with the paper's mean activity"),
    "audit_peaks": ("audit", "peaks of this run under every reading of the threshold"),
    "audit_energy": ("audit", "readings of energy by their distance from the paper's"),
    "audit_placement": ("audit", "readings of energy without audio, for other onsets and lengths"),
    "audit_overlap": ("audit", "shares of soundscapes that polyphony filters remove"),
    "audit_removed": ("audit", "soundscapes that this run's filter removed"),
    "audit_random": ("audit", "percentile at which random scores earn what the paper's earn"),
    "localiser": ("localiser", "the localiser without time labels, step by step"),
    "localiser_differences": ("localiser", "paired differences between its steps and to the framewise detectors"),
    "localiser_pooling": ("localiser", "how few frames of an event each method is about"),
    "localiser_mean_pooling": ("localiser", "the same with the mean over time for the maximum"),
    "localiser_durations": ("localiser", "how long each class lasts, as believed, found and true"),
    "seeds": ("seeds", "each method under other seeds of training and of data, at its own thresholds"),
    "seeds_spread": ("seeds", "mean and standard deviation over seeds"),
}


def label(table: pd.DataFrame, *, experiment: str, seed: int) -> pd.DataFrame:
    """Put the columns ``experiment`` and ``seed`` before a tidy table; one of several seeds keeps its own."""
    labelled = (
        table.assign(experiment=experiment) if "seed" in table else table.assign(experiment=experiment, seed=seed)
    )
    first = ["experiment", "seed"]
    return labelled[[*first, *(column for column in labelled.columns if column not in first)]]


def gather(stage_dirs: dict[str, Path], out_dir: Path) -> dict[str, pd.DataFrame]:
    """Copy the tidy tables of some stages to ``out_dir`` and read them.

    Parameters
    ----------
    stage_dirs
        Stage name -> folder of its artefacts.
    out_dir
        ``runs/<experiment>/results``
    """
    tables = {}
    for name, (stage, _) in TABLES.items():
        if stage not in stage_dirs:
            continue
        with files.atomic(out_dir / f"{name}.csv") as temporary:
            shutil.copyfile(stage_dirs[stage] / f"{name}.csv", temporary)
        tables[name] = files.read_table(out_dir / f"{name}.csv")
    return tables
