"""Parameters of page 07."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from igsed_core.base import plugins
from igsed_core.base.params import StageParams
from igsed_core.detection import scored
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.main_job.params import MAIN_JOB


@dataclass(frozen=True)
class ThresholdRules(StageParams):
    """Rules compared (not in the paper); frames, sign and replicates are those of the threshold sensitivity."""

    title: ClassVar[str] = "Threshold rules"
    stage: ClassVar[str] = "threshold_rules"
    notebook: ClassVar[str] = "07_threshold_rules"
    upstream: ClassVar[tuple[str, ...]] = MAIN_JOB
    light: ClassVar[bool] = True
    tables: ClassVar[dict[str, str]] = {
        "rules": "every method under every threshold rule",
        "rules_gain": "paired gain of every rule over the percentile of the clip",
        "rules_gain_two_way": "the same gains, with intervals over clips and source files",
        "rules_perfect_order": "every rule with each method's values in perfect order",
        "rules_best_level": "each method with the best level of each clip, which the truth tells",
        "rules_smoothing": "the smoothed hidden Markov rule with other lengths of smoothing",
        "rules_by_duration": "IoU under every rule by the time that the class is active",
        "rules_by_polyphony": "IoU under every rule by polyphony and by number of events",
        "rules_postprocessing": "median filter and minimum duration on top of rules",
    }

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return (*scored.uses(), *((plugins.RULES, name) for name in thresholds.RULES))
