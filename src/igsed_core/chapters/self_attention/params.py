"""Parameters of page 18."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from igsed_core.base.params import StageParams, param
from igsed_core.data import listing, urban_sed
from igsed_core.detection import scored
from igsed_core.main_job.params import MAIN_JOB

RECIPE, URBAN_SED = "recipe", "urban_sed"
NAME = "self_attention"


@dataclass(frozen=True)
class SelfAttentionStudy(StageParams):
    """Memory-controlled self-attention, after Pankajakshan et al. 2020 (another system than the paper's)."""

    title: ClassVar[str] = "How far must a detector remember?"
    stage: ClassVar[str] = NAME
    notebook: ClassVar[str] = "18_self_attention"
    upstream: ClassVar[tuple[str, ...]] = MAIN_JOB
    long_steps: ClassVar[int] = 3
    tables: ClassVar[dict[str, str]] = {
        "self_attention": "detectors with self-attention of controlled width: events, segments, PSDS and IoU",
        "self_attention_differences": "paired differences between them",
        "self_attention_events": "events found, by their length and by how many sound at once",
        "self_attention_mass": "how much attention falls on the frames of the same event, beside energy and uniform",
        "self_attention_audit": "what choices of the released code change",
        "self_attention_training": "each network: epochs, validation loss, seconds",
        "self_attention_main": "FW-CRNN, strong and weak, beside FW-SS and FW-WS on the main experiment's instances",
        "self_attention_main_differences": "paired differences between these",
    }

    attention_data: str = param(
        RECIPE,
        f"{RECIPE} (URBAN-SED's, on the main job's sounds), {URBAN_SED} (fetched), or the folder of an "
        "unpacked URBAN-SED, or of UrbanSound8K for the recipe",
        path="folder",
        names=(RECIPE, URBAN_SED),
    )
    attention_train: int = param(80, "soundscapes to train on; 0: all of URBAN-SED", low=0)
    attention_validation: int = param(20, "soundscapes to validate on; 0: all", low=0)
    attention_test: int = param(30, "soundscapes to test on; 0: all", low=0)
    attention_hop: float = param(0.1, "frame", unit="s", low=0.005, high=0.5)
    attention_channels: int = param(16, "channels of a convolution; released code: 64", low=1)
    attention_units: int = param(16, "units of GRU and attention; released code: 64", low=1)
    attention_dropout: float = param(0.1, "after each block; released code: 0.3", low=0.0, high=0.9)
    attention_widths: str = param("0.3, 1, 10", "windows in s, a network each, by commas; the longest is the clip's")
    attention_heads: str = param("0.3, 1", "windows in s of the heads of one network, by commas; or none")
    attention_seeds: int = param(1, "networks of each kind", low=1, high=20)
    attention_epochs: int = param(10, "most epochs; released code: 200", low=1)
    attention_patience: int = param(50, "epochs without a lower validation loss after which training stops", low=1)
    attention_batch_size: int = param(8, "soundscapes in a step; released code: 32", low=2)
    attention_learning_rate: float = param(0.004, "Adam's; released code: 0.001", low=0.0)
    attention_main_clips: int = param(200, "training soundscapes of the main job for FW-CRNN; 0: all", low=0)
    attention_main_epochs: int = param(4, "most epochs of FW-CRNN", low=1)
    attention_main_width: float = param(1.0, "window of FW-CRNN's attention; 0: none", unit="s", low=0.0)
    attention_replicates: int = param(500, "draws of clips for intervals", low=10)
    attention_device: str = param(
        "cpu", "device that trains; on CUDA in mixed precision", choices=("auto", "cpu", "cuda"), execution=True
    )
    attention_workers: int = param(0, "processes that mix and train; 0: one per core", low=0, execution=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("attention_widths", "attention_heads"):
            self._seconds(name)
        self.require(len(self.widths) > 0, "parameter 'attention_widths' names no window: give one, such as 1")
        self.require(
            len(self.heads) != 1,
            f"parameter 'attention_heads' is {self.attention_heads!r}: one head is an entry of 'attention_widths'; "
            "give two windows or more, or none",
        )
        self.require(
            self.attention_data != RECIPE or self._sizes(),
            "the recipe needs 'attention_train', 'attention_validation' and 'attention_test' of at least 1: raise them",
        )

    def _sizes(self) -> bool:
        return min(self.attention_train, self.attention_validation, self.attention_test) > 0

    def _seconds(self, name: str) -> tuple[float, ...]:
        written = str(getattr(self, name))
        try:
            found = tuple(float(one) for one in written.split(",") if one.strip() and one.strip() != "none")
        except ValueError:
            found = (-1.0,)
        self.require(
            all(0 < one < 1e4 for one in found) and len(set(found)) == len(found),
            f"parameter {name!r} is {written!r}: use different numbers of seconds above 0, separated by commas",
        )
        return found

    @property
    def widths(self) -> tuple[float, ...]:
        """Windows in s, a network each."""
        return self._seconds("attention_widths")

    @property
    def heads(self) -> tuple[float, ...]:
        """Windows in s of one network's heads."""
        return self._seconds("attention_heads")

    @property
    def middle(self) -> float:
        """Of the windows the one nearest to the released code's, 1 s: the audit's."""
        return min(self.widths, key=lambda one: (abs(one - 1.0), one))

    def look(self) -> None:
        """See :meth:`igsed_core.base.params.StageParams.look`."""
        if (place := self.own_folder("attention_data")) is not None:
            (urban_sed.sources if urban_sed.is_urbansound8k(place) else urban_sed.load)(place)

    def outside(self) -> Any:
        """See :meth:`igsed_core.base.params.StageParams.outside`."""
        if self.attention_data in (RECIPE, URBAN_SED):
            return None
        place = Path(self.attention_data)
        self.require(
            place.is_dir(),
            f"parameter 'attention_data' is {place}, which is no folder: give that of URBAN-SED or of UrbanSound8K",
        )
        seen = listing.scan(place)  # annotations and tables are part of it as sounds are
        digest = hashlib.sha256(b"".join(listing.stamp(file.path, place) for file in seen.files))
        return {"urbansound8k": urban_sed.is_urbansound8k(place), "files": digest.hexdigest()}

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return scored.uses(("fw_ws", "fw_ss", "fw_crnn_ws", "fw_crnn_ss"))
