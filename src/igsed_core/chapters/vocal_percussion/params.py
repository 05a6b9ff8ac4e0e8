"""Parameters of page 17."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from igsed_core.base.errors import IgsedError
from igsed_core.base.params import StageParams, param
from igsed_core.chapters.vocal_percussion import avp, labels
from igsed_core.data.dataset import TableDataset

BANK = "procedural"
AVP = "avp"
ALL = "all"


@dataclass(frozen=True)
class VocalPercussionStudy(StageParams):
    """Embeddings of amateur vocal percussion, after Delgado et al. 2022 (another system than the paper's)."""

    title: ClassVar[str] = "Vocal percussion"
    stage: ClassVar[str] = "vocal_percussion"
    notebook: ClassVar[str] = "17_vocal_percussion"
    long_steps: ClassVar[int] = 1
    tables: ClassVar[dict[str, str]] = {
        "vocal_percussion": "accuracy of every representation of vocal percussion, with a classifier for each user",
        "vocal_percussion_differences": "paired differences between representations",
        "vocal_percussion_users": "accuracy for each held-out user",
        "vocal_percussion_varied": "accuracy against the number of own examples, and against noise",
        "vocal_percussion_when": "where saliency, IG and occlusion of its networks lie in a sound",
        "vocal_percussion_when_differences": "importance in the sound minus that of energy, chance, shuffled weights",
        "vocal_percussion_networks": "each network: epochs, accuracy, and share of importance in the sound",
        "vocal_percussion_audit": "what the released code's choices change",
        "vocal_percussion_stopping": "lowest validation loss, early stopping on copies or on sounds",
    }

    vocal_bank: str = param(
        BANK, f"{BANK} (embedded), {AVP} (fetched), or the folder of an unpacked AVP", path="folder", names=(BANK, AVP)
    )
    vocal_takes: str = param("Personal", "takes of AVP; only Personal has phonemes", choices=("Personal", "Fixed"))
    vocal_users: int = param(14, "users of the embedded bank", low=4, high=99)
    vocal_held_out: int = param(6, "users of it that are kept out of the training of networks", low=2)
    vocal_sounds: int = param(12, "sounds in each of its takes of one instrument", low=4, high=100)
    vocal_labels: str = param(ALL, f"label sets, by commas ({', '.join(labels.LABEL_SETS)}), or {ALL}")
    vocal_copies: int = param(3, "copies of each sound with other pitch and length", low=1, high=20)
    vocal_splits: int = param(1, "splits of the training sounds for early stopping", low=1, high=20)
    vocal_seeds: int = param(1, "networks for each split", low=1, high=20)
    vocal_epochs: int = param(8, "most epochs; the released code's epochs are longer", low=1)
    vocal_patience: int = param(14, "epochs without a lower validation loss after which training stops", low=1)
    vocal_batch_size: int = param(32, "sounds in a step; released code: 128", low=2)
    vocal_learning_rate: float = param(0.002, "Adam's; 0: the released code's, for each label set its own", low=0.0)
    vocal_embedding: int = param(32, "dimensions of an embedding; released code: 32 for AVP, 16 for LVT", low=2)
    vocal_maps: int = param(8, "improvised sounds of each held-out user that are explained", low=1)
    vocal_steps: int = param(8, "points of Integrated Gradients there", low=2)
    vocal_replicates: int = param(1000, "draws of users for intervals", low=10)
    vocal_workers: int = param(0, "processes that train networks; 0: one per core", low=0, execution=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(
            self.vocal_held_out <= self.vocal_users - 2,
            f"parameter 'vocal_held_out' is {self.vocal_held_out} of {self.vocal_users} users: leave two to train on",
        )
        self.require(
            self.vocal_sounds % 2 == 0,
            f"parameter 'vocal_sounds' is {self.vocal_sounds}: use an even number, since the improvisation has half as "
            "many of each instrument",
        )
        unknown = [name for name in self.label_sets if name not in labels.LABEL_SETS]
        self.require(
            bool(self.label_sets) and not unknown,
            f"parameter 'vocal_labels' names {', '.join(unknown) or 'nothing'}: use {ALL}, or some of "
            f"{', '.join(labels.LABEL_SETS)}",
        )

    @property
    def label_sets(self) -> tuple[str, ...]:
        """The names in ``vocal_labels``."""
        if self.vocal_labels.strip() == ALL:
            return tuple(labels.LABEL_SETS)
        return tuple(name.strip() for name in self.vocal_labels.split(",") if name.strip())

    def look(self) -> None:
        """See :meth:`igsed_core.base.params.StageParams.look`."""
        spoken = [name for name in self.label_sets if name.startswith(("phoneme", "syllable"))]
        if spoken and self.vocal_bank != BANK and self.vocal_takes == "Fixed":
            raise IgsedError(
                f"parameter 'vocal_takes' is 'Fixed', but label set {spoken[0]!r} needs phonemes, which AVP has in its "
                "Personal takes alone: use vocal_takes=Personal, or vocal_labels=instrument,instrument_reduced,boxeme"
            )
        if (place := self.own_folder("vocal_bank")) is not None:
            sounds = avp.load(place, variant=self.vocal_takes).boxemes
            for name in self.label_sets:
                labels.of(name, sounds)

    def outside(self) -> Any:
        """See :meth:`igsed_core.base.params.StageParams.outside`."""
        if self.vocal_bank in (BANK, AVP):
            return None
        takes = avp.load(Path(self.vocal_bank), variant=self.vocal_takes).takes
        return takes.fingerprint() if isinstance(takes, TableDataset) else None
