"""What the reader sees: every function draws one Matplotlib figure and computes nothing but the drawing."""

from __future__ import annotations

from igsed_core.chapters.audit.figures import (
    averages_of_paper,
    countings,
    energy_readings,
    sign_readings,
    threshold_readings,
)
from igsed_core.chapters.conditions.figures import by_condition
from igsed_core.chapters.engine.figures import (
    completeness_by_points,
    localisation_by_points,
    readings,
    score_along_path,
)
from igsed_core.chapters.faithfulness.figures import deletion_and_insertion, occluded_split, shuffled_weights
from igsed_core.chapters.localiser.figures import absence, ladder, parts_on_clip
from igsed_core.chapters.methods.figures import (
    methods_per_class,
    methods_quality,
    quality_against_cost,
    readings_of_methods,
)
from igsed_core.chapters.seeds.figures import seeds
from igsed_core.chapters.threshold_rules.figures import rules_by_group, rules_by_method, rules_on_clip
from igsed_core.main_job.figures import loss_curves, main_result, per_class, threshold_curves
from igsed_core.show.diagram import block_diagram
from igsed_core.show.explanations import attributions, completeness, methods_on_clip, scores_over_time
from igsed_core.show.sounds import contact_sheet, soundscape, soundscape_statistics
from igsed_core.show.style import save

__all__ = [
    "absence",
    "attributions",
    "averages_of_paper",
    "block_diagram",
    "by_condition",
    "completeness",
    "completeness_by_points",
    "contact_sheet",
    "countings",
    "deletion_and_insertion",
    "energy_readings",
    "ladder",
    "localisation_by_points",
    "loss_curves",
    "main_result",
    "methods_on_clip",
    "methods_per_class",
    "methods_quality",
    "occluded_split",
    "parts_on_clip",
    "per_class",
    "quality_against_cost",
    "readings",
    "readings_of_methods",
    "rules_by_group",
    "rules_by_method",
    "rules_on_clip",
    "save",
    "score_along_path",
    "scores_over_time",
    "seeds",
    "shuffled_weights",
    "sign_readings",
    "soundscape",
    "soundscape_statistics",
    "threshold_curves",
    "threshold_readings",
]
