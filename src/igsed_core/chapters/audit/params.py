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
    tables: ClassVar[dict[str, str]] = {
        "audit_verdicts": "each open point of the paper and what was found",
        "audit": "every reading of every open point, measured on this run",
        "audit_differences": "paired differences between readings",
        "audit_paper_averages": "the paper's Table II beside both means of its Table III",
        "audit_mix": "the class mix that the paper's tables imply",
        "audit_countings": "ways to count missed and false classes that the paper's tables allow",
        "audit_recalls": "the paper's IoU of each class beside its recall",
        "audit_bounds": "the paper's peaks in its Fig. 3 beside what a percentile can reach",
        "audit_ceilings": "the most that percentiles can give with the paper's mean activity",
        "audit_peaks": "peaks of this run under every reading of the threshold",
        "audit_energy": "readings of energy by their distance from the paper's",
        "audit_placement": "readings of energy without audio, for other onsets and lengths",
        "audit_overlap": "shares of soundscapes that polyphony filters remove",
        "audit_removed": "soundscapes that this run's filter removed",
        "audit_factorial": "IoU, F1, pointing game, AUROC under every target, sign, baseline and quadrature",
        "audit_factorial_effects": "what each of these choices moves: paired differences",
        "audit_random": "percentile at which random scores earn what the paper's earn",
    }

    audit_clips: int = param(12, "test soundscapes explained again: other window, other pooled embedding", low=1)
    factorial_clips: int = param(
        0, "test soundscapes explained under every target, sign, baseline and quadrature; 0: all", low=0
    )
    audit_draws: int = param(100000, "soundscapes planned for each reading of the polyphony filter", low=100)

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        # What is explained again is by the engine of the main job, which that stage names.
        return scored.uses()
