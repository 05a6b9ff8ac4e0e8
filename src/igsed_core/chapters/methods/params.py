"""Parameters of page 08."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from igsed_core.base.params import StageParams, param
from igsed_core.main_job.params import MAIN_JOB


@dataclass(frozen=True)
class Methods(StageParams):
    """Every method that tells when, on the same clips (not in the paper)."""

    title: ClassVar[str] = "Which explanation tells when?"
    stage: ClassVar[str] = "methods"
    notebook: ClassVar[str] = "08_methods"
    upstream: ClassVar[tuple[str, ...]] = MAIN_JOB
    tables: ClassVar[dict[str, str]] = {
        "methods": "every method of the registry under threshold rules, beside the references",
        "methods_per_class": "the same, per class",
        "methods_cost": "seconds per map of each method",
        "methods_readings": "each method under each reading of the sign",
    }

    methods: str = param("all", "methods of the registry igsed_core.attribution, separated by commas; or 'all'")
    methods_validation_clips: int = param(
        16, "validation soundscapes on which thresholds are chosen for each method (0: all)", low=0
    )
    methods_test_clips: int = param(30, "test soundscapes on which methods are compared (0: all)", low=0)
