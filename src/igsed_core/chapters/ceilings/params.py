"""Parameters of page 15."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from igsed_core.base import plugins
from igsed_core.base.params import param
from igsed_core.chapters.ceilings.choices import names_of
from igsed_core.detection import scored
from igsed_core.main_job.params import MAIN_JOB, Calibrating


@dataclass(frozen=True)
class Ceilings(Calibrating):
    """What detectors with time labels reach at the localiser's resolution (not in the paper)."""

    title: ClassVar[str] = "Fair ceilings"
    stage: ClassVar[str] = "ceilings"
    notebook: ClassVar[str] = "15_ceilings"
    upstream: ClassVar[tuple[str, ...]] = MAIN_JOB
    long_steps: ClassVar[int] = 1
    tables: ClassVar[dict[str, str]] = {
        "ceilings": "detectors at the localiser's resolution, with and without time labels, and the perfect one",
        "ceilings_differences": "paired differences of the localiser, before and after its edges, to each detector, "
        "with intervals over clips, and over clips and source files",
        "ceilings_training": "how long each detector was trained, and whether it converged",
        "pooling": "heads that pool in other ways: Integrated Gradients, class activation map and localiser of each",
    }

    detectors: str = param("linear, tcn", "detectors to train at this resolution, separated by commas; or all")
    detector_seeds: int = param(1, "seeds with which each is trained", low=1, high=100)
    detector_epochs: int = param(300, "most epochs of a detector", low=1)
    poolings: str = param(
        "max_features, mean_features, attention",
        "poolings over time of heads that are compared, separated by commas; or all",
    )
    pooled_clips: int = param(12, "test soundscapes explained for each pooling", low=1)

    def __post_init__(self) -> None:
        """Check the lists of names."""
        super().__post_init__()
        names_of("detectors", self.detectors)
        names_of("poolings", self.poolings)

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return (*scored.uses(("ig", "fw_ws", "fw_ss", "cam", "shifted_cam", scored.LOCALISER)), (plugins.RULES, "otsu"))
