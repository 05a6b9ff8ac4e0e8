"""Parameters of page 14."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from igsed_core.base.params import StageParams, param
from igsed_core.detection import scored
from igsed_core.main_job.params import MAIN_JOB


@dataclass(frozen=True)
class Audit(StageParams):
    """The open points of the paper, each an experiment."""

    title: ClassVar[str] = "Audit of the paper"
    stage: ClassVar[str] = "audit"
    notebook: ClassVar[str] = "14_audit"
    upstream: ClassVar[tuple[str, ...]] = MAIN_JOB

    audit_clips: int = param(12, "test soundscapes explained again: other target, other window", low=1)
    audit_draws: int = param(100000, "soundscapes planned for each reading of the polyphony filter", low=100)

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        # What is explained again is by the engine of the main job, which that stage names.
        return scored.uses()
