"""Parameters of page 20."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from igsed_core.base.params import StageParams, param

BANK, URBANSOUND8K = "bank", "urbansound8k"
RECIPES = ("modern", "paper")


@dataclass(frozen=True)
class RepresentationStudy(StageParams):
    """Waveform or spectrogram, after Frommholz et al. 2023 (another system than the paper's)."""

    title: ClassVar[str] = "Waveform or spectrogram"
    stage: ClassVar[str] = "representations"
    notebook: ClassVar[str] = "20_representations"
    upstream: ClassVar[tuple[str, ...]] = ("data_synthesis",)
    long_steps: ClassVar[int] = 1
    tables: ClassVar[dict[str, str]] = {
        "representations": "accuracy of either network, by recording and at random, clean and disturbed",
        "representations_differences": "paired differences between the networks, and what a random split flatters",
        "representations_maps": "octaves, centroid and concentration of every explanation of either network",
        "representations_alike": "how alike explanations are: between networks, and between methods",
        "representations_bands": "what happens when bands are removed that explanations call important",
    }

    repr_data: str = param(
        BANK,
        f"{BANK} (this experiment's sounds), {URBANSOUND8K} (fetched), or the folder of an unpacked UrbanSound8K",
        path="folder",
        names=(BANK, URBANSOUND8K),
    )
    repr_files: int = param(12, "recordings of each class and fold that are used (0: all)", low=0)
    repr_folds: int = param(1, "folds that are tested, one after the other; the bank has one, UrbanSound8K ten", low=1)
    repr_width: int = param(8, "channels of the first layer of the waveform network (published: 16)", low=2, high=64)
    repr_recipes: str = param(
        "modern,paper", f"ways of training, by commas ({', '.join(RECIPES)}); networks of the first are explained"
    )
    repr_epochs: int = param(8, "epochs of training", low=1)
    repr_batch_size: int = param(32, "excerpts in a step", low=2)
    repr_seeds: int = param(1, "networks of each kind", low=1, high=20)
    repr_maps: int = param(32, "test excerpts that are explained", low=2)
    repr_steps: int = param(8, "points of Integrated Gradients there", low=2)
    repr_replicates: int = param(1000, "draws of recordings for intervals", low=10)
    repr_workers: int = param(0, "processes that train networks; 0: one per core", low=0, execution=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = [name for name in self.recipes if name not in RECIPES]
        self.require(
            bool(self.recipes) and not unknown,
            f"parameter 'repr_recipes' names {', '.join(unknown) or 'nothing'}: use some of {', '.join(RECIPES)}",
        )

    @property
    def recipes(self) -> tuple[str, ...]:
        """The names in ``repr_recipes``."""
        return tuple(name.strip() for name in self.repr_recipes.split(",") if name.strip())

    def look(self) -> None:
        """See :meth:`igsed_core.base.params.StageParams.look`."""
        if (place := self.own_folder("repr_data")) is not None:
            from igsed_core.chapters.representations import urbansound8k  # for who has such a folder alone

            urbansound8k.files(place)

    def outside(self) -> Any:
        """See :meth:`igsed_core.base.params.StageParams.outside`."""
        if self.repr_data in (BANK, URBANSOUND8K):
            return None
        from igsed_core.chapters.representations import urbansound8k

        return urbansound8k.fingerprint(Path(self.repr_data))
