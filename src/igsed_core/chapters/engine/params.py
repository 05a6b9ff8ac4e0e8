"""Parameters of page 12."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from igsed_core.base import plugins
from igsed_core.base.params import StageParams, param
from igsed_core.detection import scored
from igsed_core.main_job.params import MAIN_JOB


@dataclass(frozen=True)
class EngineStudy(StageParams):
    """Rules, points and engines of the integral compared (not in the paper)."""

    title: ClassVar[str] = "How the integral is computed"
    stage: ClassVar[str] = "engine"
    notebook: ClassVar[str] = "12_engine"
    long_steps: ClassVar[int] = 1
    upstream: ClassVar[tuple[str, ...]] = MAIN_JOB
    tables: ClassVar[dict[str, str]] = {
        "engine_study": "each rule, number of points, engine, target and precision, by clip and class",
        "engine_path": "a class score along the path from silence to the clip",
    }

    engine_clips: int = param(20, "test soundscapes on which rules are compared", low=1)
    captum_clips: int = param(4, "those of them that Captum explains, too", low=1)
    reference_points: int = param(200, "points of the reference, evenly spread over decibels", low=2)

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return (*scored.uses((scored.IG, scored.ORACLE)), (plugins.ENGINES, "captum"), (plugins.ENGINES, "mel_path"))
