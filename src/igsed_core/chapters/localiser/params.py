"""Parameters of page 10."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from igsed_core.base import plugins
from igsed_core.base.params import param, shown
from igsed_core.detection import scored
from igsed_core.main_job.params import MAIN_JOB, AtShifts, WithEdges, WithGates


@dataclass(frozen=True)
class Localiser(WithGates, WithEdges, AtShifts):
    """When a class sounds, from clip-level labels alone (not in the paper)."""

    title: ClassVar[str] = "A localiser without time labels"
    stage: ClassVar[str] = "localiser"
    notebook: ClassVar[str] = "10_localiser"
    long_steps: ClassVar[int] = 2
    upstream: ClassVar[tuple[str, ...]] = MAIN_JOB
    tables: ClassVar[dict[str, str]] = {
        "localiser": "the localiser without time labels, step by step",
        "localiser_differences": "paired differences between its steps and to the framewise detectors",
        "localiser_differences_two_way": "the same differences, with intervals over clips and source files",
        "localiser_encoders": "IG, CAM, the framewise detectors and the localiser under two encoders",
        "localiser_encoders_differences": "paired differences between them under each encoder, resampled in two ways",
        "localiser_by_instance": "IoU and F1 of IG and the localiser on each test instance",
        "localiser_pooling": "how few frames of an event each method is about",
        "localiser_mean_pooling": "the same with the mean over time for the maximum",
        "localiser_durations": "how long each class lasts, as believed, found and true",
    }

    pooling_clips: int = param(12, "test soundscapes explained with the mean over time for the maximum, too", low=1)
    other_encoder: str = param(
        "embedded",
        "encoder under which all is measured again: pretrained with the head's pooling; empty: none",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        known = tuple(plugins.registry(plugins.ENCODERS))
        self.require(
            self.other_encoder in ("", *known),
            f"parameter 'other_encoder' is {shown(self.other_encoder)}: leave it empty, or choose one of "
            f"{', '.join(known)}",
        )

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        # IG is explained again with the engine of the main job, which that stage names.
        rules = ("percentile", "share_of_maximum", "otsu", "logit_hmm")
        methods = ("ig", "fw_ws", "fw_ss", scored.ORACLE, "cam", "shifted_cam", scored.LOCALISER)
        other = ((plugins.ENCODERS, self.other_encoder),) if self.other_encoder else ()
        return (*scored.uses(methods), *((plugins.RULES, name) for name in rules), *other)
