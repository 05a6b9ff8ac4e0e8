"""Parameters of page 08."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from igsed_core.attribution import registry as attribution
from igsed_core.base import plugins
from igsed_core.base.params import StageParams, param
from igsed_core.detection import scored
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.main_job.params import MAIN_JOB


@dataclass(frozen=True)
class Methods(StageParams):
    """Every method that tells when, on the same clips (not in the paper)."""

    title: ClassVar[str] = "Which explanation tells when?"
    stage: ClassVar[str] = "methods"
    notebook: ClassVar[str] = "08_methods"
    long_steps: ClassVar[int] = 1
    upstream: ClassVar[tuple[str, ...]] = MAIN_JOB
    tables: ClassVar[dict[str, str]] = {
        "methods": "every method of the registry under threshold rules, beside the references",
        "methods_per_class": "the same, per class",
        "methods_differences": "each method minus IG, resampled over clips, and over clips and source files",
        "methods_cost": "seconds per map of each method",
        "methods_readings": "each method under each reading of the sign",
    }

    methods: str = param("all", "methods of the registry igsed_core.attribution, separated by commas; or 'all'")
    methods_validation_clips: int = param(
        16, "validation soundscapes on which thresholds are chosen for each method (0: all)", low=0
    )
    methods_test_clips: int = param(30, "test soundscapes on which methods are compared (0: all)", low=0)

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        rules = ("percentile", "share_of_maximum", *thresholds.parameter_free())
        chosen = attribution.named(self.methods, "methods")
        return (
            *scored.uses(),
            *((plugins.METHODS, name) for name in chosen),
            *((plugins.RULES, name) for name in rules),
        )
