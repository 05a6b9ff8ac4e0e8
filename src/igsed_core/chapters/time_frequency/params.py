"""Parameters of page 21."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from igsed_core.attribution import registry as attribution
from igsed_core.base import plugins
from igsed_core.base.params import StageParams, param
from igsed_core.main_job.params import MAIN_JOB


@dataclass(frozen=True)
class TimeFrequency(StageParams):
    """Maps of time and frequency against what each sound is in every bin, known from its stem (not in the paper)."""

    title: ClassVar[str] = "Right time, or right sound?"
    stage: ClassVar[str] = "time_frequency"
    notebook: ClassVar[str] = "21_time_frequency"
    long_steps: ClassVar[int] = 2
    upstream: ClassVar[tuple[str, ...]] = MAIN_JOB
    tables: ClassVar[dict[str, str]] = {
        "time_frequency": "how much of each method's map lies on the class's own stem, with and without overlap",
        "time_frequency_differences": "each map minus itself without frequency, exact times, and no map at all",
    }

    tf_methods: str = param("all", "methods of the registry igsed_core.attribution, separated by commas; or 'all'")
    tf_without: str = param("ig_captum", "methods among them that are left out, by commas: slow ones; may be empty")
    tf_clips: int = param(16, "test soundscapes whose stems are mixed and whose maps are judged (0: all)", low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        known = attribution.named(self.tf_methods, "tf_methods")
        left = self.chosen
        unknown = [name for name in self._without if name not in attribution.REGISTRY]
        self.require(
            not unknown,
            f"parameter 'tf_without' names {', '.join(unknown)}, which is no method: use some of {', '.join(known)}",
        )
        self.require(bool(left), "parameter 'tf_without' leaves no method: name fewer")

    @property
    def _without(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.tf_without.split(",") if name.strip())

    @property
    def chosen(self) -> tuple[str, ...]:
        """The methods that are judged."""
        return tuple(name for name in attribution.named(self.tf_methods, "tf_methods") if name not in self._without)

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return tuple((plugins.METHODS, name) for name in self.chosen)
