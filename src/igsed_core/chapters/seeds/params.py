"""Parameters of page 13."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from igsed_core.base import plugins
from igsed_core.base.params import LARGEST_SEED, StageParams, param, shown
from igsed_core.detection import scored
from igsed_core.main_job.params import MAIN_JOB


@dataclass(frozen=True)
class SeedStudy(StageParams):
    """The main job under other seeds of training and of data (not in the paper)."""

    title: ClassVar[str] = "Seeds"
    stage: ClassVar[str] = "seeds"
    notebook: ClassVar[str] = "13_seeds"
    long_steps: ClassVar[int] = 1
    upstream: ClassVar[tuple[str, ...]] = MAIN_JOB
    tables: ClassVar[dict[str, str]] = {
        "seeds": "each method under other seeds of training and of data, at its own thresholds",
        "seeds_spread": "mean and standard deviation over seeds",
        "seeds_redraws": "means and differences over whole repetitions with other sounds; empty without any",
    }

    seeds: str = param("2027, 2028", "further seeds, by commas; a single one in a parameter file is quoted")
    seeds_training_data: bool = param(
        False, "draw the training soundscapes anew, too: a whole run more for each of the seeds"
    )
    redraws: int = param(
        0, "whole repetitions with other sounds, soundscapes and training, minutes each; 0: none", low=0, high=100
    )
    seeds_points: int = param(
        4, "points of quadrature db_midpoint in this study; 0: quadrature and points of the main job", low=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        numbers = [text.strip() for text in self.seeds.split(",")]
        self.require(
            all(re.fullmatch(r"[0-9]+", text) for text in numbers),
            f"parameter 'seeds' is {shown(self.seeds)}: write whole numbers, by commas, for instance '2027, 2028'",
        )
        self.require(
            all(len(text) <= 20 and int(text) <= LARGEST_SEED for text in numbers),
            f"parameter 'seeds' is {shown(self.seeds)}: each must be at most {LARGEST_SEED}",
        )
        self.require(
            len({self.seed, *self.further_seeds}) == 1 + len(numbers),
            f"parameter 'seeds' is {self.seeds!r}: each must differ from the others and from 'seed' ({self.seed})",
        )

    @property
    def further_seeds(self) -> tuple[int, ...]:
        """The numbers in ``seeds``."""
        return tuple(int(text) for text in self.seeds.split(","))

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        # With points of its own the study has a cheap engine; without, that of the main job, which that stage names.
        return (*scored.uses(), *(((plugins.ENGINES, "mel_path"),) if self.seeds_points else ()))
