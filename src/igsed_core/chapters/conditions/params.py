"""Parameters of page 11."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from igsed_core.base import plugins
from igsed_core.base.params import StageParams, param
from igsed_core.detection import scored
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.main_job.params import MAIN_JOB


@dataclass(frozen=True)
class Conditions(StageParams):
    """The trained heads under other conditions: level, events, overlap, background, recordings (not in the paper)."""

    title: ClassVar[str] = "Other conditions"
    stage: ClassVar[str] = "conditions"
    notebook: ClassVar[str] = "11_conditions"
    long_steps: ClassVar[int] = 4
    upstream: ClassVar[tuple[str, ...]] = (*MAIN_JOB, "localiser")  # its shifts and components
    tables: ClassVar[dict[str, str]] = {
        "conditions_clips": "every soundscape of every condition",
        "conditions": "every method and the classifier under other conditions",
    }

    conditions_clips: int = param(16, "soundscapes generated for each condition", low=1)
    conditions_snr_min: float = param(-5.0, "lowest event-to-background ratio", unit="dB", low=-60.0, high=60.0)
    conditions_snr_max: float = param(25.0, "highest event-to-background ratio", unit="dB", low=-60.0, high=60.0)
    conditions_snr_step: float = param(5.0, "step between ratios", unit="dB", low=0.1)
    recordings: str = param("", "folder of annotated recordings that were not mixed; empty for none", path="folder")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(
            self.conditions_snr_min <= self.conditions_snr_max,
            f"parameter 'conditions_snr_min' ({self.conditions_snr_min}) exceeds "
            f"'conditions_snr_max' ({self.conditions_snr_max}): swap them",
        )

    def outside(self) -> Any:
        """Fingerprint of the reader's own recordings, where there are any."""
        from igsed_core.data import recordings

        return recordings.fingerprint(self.recordings) if self.recordings else None

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        rules = ("percentile", *thresholds.parameter_free())
        return (
            *scored.uses((*scored.RANKED, "cam", scored.LOCALISER)),
            (plugins.ENGINES, "mel_path"),
            *((plugins.RULES, name) for name in rules),
        )
