"""Parameters of page 09."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from igsed_core.attribution import registry as attribution
from igsed_core.base import plugins
from igsed_core.base.params import StageParams, param
from igsed_core.detection import scored
from igsed_core.main_job.params import MAIN_JOB

# Of shuffled classifiers: the same integral with fewer points than the maps of the main job, since many are needed.
QUICK = {"ig": "ig_db"}

# Kinds of igsed_core.attribution.replacement, which this file does not import: that loads PyTorch.
REPLACEMENTS = ("silence", "background", "mean", "quiet")


@dataclass(frozen=True)
class Faithfulness(StageParams):
    """Deletion and insertion, sanity checks, occlusion by loss gradient (not in the paper)."""

    title: ClassVar[str] = "Faithfulness"
    stage: ClassVar[str] = "faithfulness"
    notebook: ClassVar[str] = "09_faithfulness"
    long_steps: ClassVar[int] = 1
    upstream: ClassVar[tuple[str, ...]] = MAIN_JOB
    tables: ClassVar[dict[str, str]] = {
        "faithfulness": "deletion, insertion, sufficiency, necessity of each method and replacement",
        "faithfulness_curves": "deletion and insertion at every share of the frames",
        "faithfulness_sanity": "maps of shuffled classifiers: rank correlation and localisation",
        "faithfulness_occlusion": "macro F1 and loss of the occluded test split",
    }

    faithfulness_methods: str = param(
        "ig,cam,ixg,random,energy",
        "methods that are tested, separated by commas: of the main job, or of the registry igsed_core.attribution",
    )
    replacements: str = param(
        "silence,background,mean",
        "what takes the place of occluded parts, by commas: silence, background (the clip's quietest tenth), mean",
    )
    faithfulness_target: str = param(
        "probability", "height of the deletion and insertion curves", choices=("probability", "logit")
    )
    faithfulness_clips: int = param(12, "test soundscapes with deletion and insertion curves", low=1)
    sanity_clips: int = param(0, "test soundscapes that are explained with shuffled weights, too; 0 means all", low=0)
    sanity_shuffles: int = param(5, "different shuffles of each level, which take turns over these soundscapes", low=1)
    occlusion_clips: int = param(0, "test soundscapes that are occluded by loss gradient; 0 means all", low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        plugins.names_in(self.replacements, "replacements", REPLACEMENTS)

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        known = (*scored.COMPARED, *attribution.REGISTRY)
        chosen = plugins.names_in(self.faithfulness_methods, "faithfulness_methods", known)
        shuffled = tuple(QUICK[name] for name in chosen if name in QUICK)
        explained = [name for name in (*chosen, *shuffled) if name not in scored.COMPARED]
        return (*scored.uses(), *((plugins.METHODS, name) for name in explained))
