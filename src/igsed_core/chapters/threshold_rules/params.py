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
    """Rules compared (not in the paper); frames, reading and replicates are those of the threshold sensitivity."""

    title: ClassVar[str] = "Threshold rules"
    stage: ClassVar[str] = "threshold_rules"
    notebook: ClassVar[str] = "07_threshold_rules"
    upstream: ClassVar[tuple[str, ...]] = MAIN_JOB
    light: ClassVar[bool] = True

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return (*scored.uses(), *((plugins.RULES, name) for name in thresholds.RULES))
