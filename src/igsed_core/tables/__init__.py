"""Tidy results -> the tables that the reader sees, with the paper's value beside ours; nothing is measured here."""

from __future__ import annotations

from igsed_core.chapters.audit.tables import (
    averages_table,
    bounds_table,
    energy_table,
    mix_table,
    overlap_table,
    placement_table,
    thresholds_of_table_2,
    what_if_table,
)
from igsed_core.chapters.audit.verdicts.registry import verdict, verdicts, verdicts_table
from igsed_core.chapters.conditions.tables import conditions_table
from igsed_core.chapters.engine.tables import engines_table, rules_table, variants_table
from igsed_core.chapters.faithfulness.tables import faithfulness_table, occlusion_table
from igsed_core.chapters.localiser.tables import concentration_table, durations_table, gains_table, ladder_table
from igsed_core.chapters.methods.tables import methods_table
from igsed_core.chapters.seeds.tables import seeds_table, varied_table
from igsed_core.chapters.threshold_rules.tables import by_rule, ceilings, postprocessing, rule_overview
from igsed_core.main_job.overview import bank_table, completeness_table, encoder_table, soundscapes_table
from igsed_core.main_job.tables import (
    differences_table,
    further_table,
    instances_table,
    table_1,
    table_2,
    table_3,
    thresholds_table,
    values_table,
)
from igsed_core.show.display import show
from igsed_core.show.prose import glue_localiser, glue_results

__all__ = [
    "averages_table",
    "bank_table",
    "bounds_table",
    "by_rule",
    "ceilings",
    "completeness_table",
    "concentration_table",
    "conditions_table",
    "differences_table",
    "durations_table",
    "encoder_table",
    "energy_table",
    "engines_table",
    "faithfulness_table",
    "further_table",
    "gains_table",
    "glue_localiser",
    "glue_results",
    "instances_table",
    "ladder_table",
    "methods_table",
    "mix_table",
    "occlusion_table",
    "overlap_table",
    "placement_table",
    "postprocessing",
    "rule_overview",
    "rules_table",
    "seeds_table",
    "show",
    "soundscapes_table",
    "table_1",
    "table_2",
    "table_3",
    "thresholds_of_table_2",
    "thresholds_table",
    "values_table",
    "variants_table",
    "varied_table",
    "verdict",
    "verdicts",
    "verdicts_table",
    "what_if_table",
]
