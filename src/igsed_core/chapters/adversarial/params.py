"""Parameters of page 19."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from igsed_core.base import plugins
from igsed_core.base.params import StageParams, param
from igsed_core.chapters.adversarial.names import LICENCES, MOST_KINDS, NETWORKS

BANK, FSDKAGGLE, ALL = "procedural", "fsdkaggle2018", "all"


@dataclass(frozen=True)
class AdversarialStudy(StageParams):
    """Attacks on sound classifiers and on their explanations, after Subramanian et al. 2019 (another system)."""

    title: ClassVar[str] = "Adversarial attacks"
    stage: ClassVar[str] = "adversarial"
    notebook: ClassVar[str] = "19_adversarial"
    upstream: ClassVar[tuple[str, ...]] = ("data_synthesis", "training")
    long_steps: ClassVar[int] = 2
    tables: ClassVar[dict[str, str]] = {
        "adversarial": "attacks on five small classifiers and on the main job's: success, ratio, confidence, cost",
        "adversarial_classifiers": "accuracy of the attacked classifiers",
        "transfer": "attacks made for one classifier, played to another, at one ratio",
        "adversarial_survival": "what files, resampling, a shift and a room leave of attacks",
        "adversarial_explanations": "maps of attacked soundscapes beside those of clean ones",
        "adversarial_placement": "where in time perturbations lie",
        "adversarial_detection": "whether maps give an attack away, beside trivial detectors",
        "adversarial_audit": "what choices of the released code change",
    }

    attack_bank: str = param(
        BANK,
        f"{BANK} (embedded), {FSDKAGGLE} (fetched), or the folder of an unpacked FSDKaggle2018",
        path="folder",
        names=(BANK, FSDKAGGLE),
    )
    attack_licences: str = param(
        "all", f"licences of its clips, by commas ({', '.join(LICENCES)}), or all: some forbid commerce"
    )
    attack_verified: bool = param(True, "only its training clips whose label a person checked")
    attack_kinds: int = param(20, "kinds of sound of the embedded clips", low=4, high=MOST_KINDS)
    attack_train: int = param(14, "training clips of each kind", low=2)
    attack_validation: int = param(3, "validation clips of each kind", low=1)
    attack_test: int = param(4, "test clips of each kind, some of which are attacked", low=1)
    attack_seconds: float = param(1.5, "length of a clip", unit="s", low=0.5, high=30.0)
    attack_rate: int = param(16_000, "sample rate of the clips", unit="Hz", low=8000, high=48_000)
    attack_networks: str = param(ALL, f"classifiers, by commas ({', '.join(NETWORKS)}), or {ALL}")
    attack_mixtures: str = param("none", "those trained on mixtures of two sounds as well, by commas, or none")
    attack_width: int = param(12, "channels of their first layers", low=2, high=128)
    attack_mels: int = param(40, "mel bands that they hear", low=8, high=256)
    attack_epochs: int = param(8, "epochs of their training", low=1)
    attack_batch_size: int = param(16, "clips in a step of it", low=2)
    attack_learning_rate: float = param(0.003, "Adam's", low=1e-6)
    attack_clips: int = param(15, "test clips that are attacked, all known to all classifiers", low=1)
    attack_targeted: int = param(6, "of them, with a class that is wanted; a third of these by L-BFGS, too", low=1)
    attack_snr: float = param(30.0, "signal-to-noise ratio of attacks of a given size", unit="dB", low=0.0, high=100.0)
    attack_steps: int = param(10, "steps of PGD, and half of the most of DeepFool", low=1)
    attack_iterations: int = param(30, "of Carlini and Wagner's attack; released code: 1000", low=1)
    attack_searches: int = param(2, "searches for its price; released code: 5", low=1)
    attack_soundscapes: int = param(8, "test soundscapes of the main job that are attacked and explained", low=1)
    attack_soundscape_snr: float = param(40.0, "ratio of attacks on them", unit="dB", low=0.0, high=100.0)
    attack_points: int = param(8, "points of Integrated Gradients there", low=2)
    attack_shifts: int = param(4, "shifts at which the localiser looks there", low=1)
    attack_replicates: int = param(1000, "draws of clips for intervals", low=10)
    attack_workers: int = param(0, "processes that train and attack; 0: one per core", low=0, execution=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("attack_networks", "attack_mixtures"):
            text = getattr(self, name).strip()
            named, none = _names(text), " none," if name == "attack_mixtures" else ""
            unknown = [one for one in named if one not in NETWORKS]
            self.require(
                not unknown and (bool(named) or bool(none)),
                f"parameter {name!r} names {', '.join(unknown) or 'nothing'}: use {ALL},{none} or some of "
                f"{', '.join(NETWORKS)}",
            )
            self.require(len(set(named)) == len(named), f"parameter {name!r} is {text!r}: name each classifier once")
        unknown = [one for one in self.licences if one not in LICENCES]
        self.require(
            bool(self.licences) and not unknown,
            f"parameter 'attack_licences' names {', '.join(unknown) or 'nothing'}: use {ALL}, or some of "
            f"{', '.join(LICENCES)}",
        )

    @property
    def networks(self) -> tuple[str, ...]:
        """Classifiers of clips of one sound."""
        return _names(self.attack_networks)

    @property
    def mixtures(self) -> tuple[str, ...]:
        """Classifiers of mixtures."""
        return () if self.attack_mixtures.strip() == "none" else _names(self.attack_mixtures)

    @property
    def licences(self) -> tuple[str, ...]:
        """Licences of clips that are taken."""
        text = self.attack_licences.strip()
        return LICENCES if text == ALL else tuple(one.strip() for one in text.split(",") if one.strip())

    def look(self) -> None:
        """See :meth:`igsed_core.base.params.StageParams.look`."""
        if (place := self.own_folder("attack_bank")) is not None:
            from igsed_core.chapters.adversarial import fsdkaggle  # for who has such a folder alone

            fsdkaggle.load(place, licences=self.licences, verified=self.attack_verified)

    def outside(self) -> Any:
        """See :meth:`igsed_core.base.params.StageParams.outside`."""
        if self.attack_bank in (BANK, FSDKAGGLE):
            return None
        root = Path(self.attack_bank)
        self.require(
            root.is_dir(), f"parameter 'attack_bank' is {root}, which is no folder: give that of FSDKaggle2018"
        )
        digest = hashlib.sha256()
        for path in sorted(one for one in root.rglob("*") if one.is_file()):
            known = path.stat()
            digest.update(repr((path.relative_to(root).as_posix(), known.st_size, known.st_mtime_ns)).encode())
        return digest.hexdigest()

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return ((plugins.ENGINES, "mel_path"), (plugins.RULES, "otsu"), (plugins.METHODS, "lrp_composite"))


def _names(text: str) -> tuple[str, ...]:
    if text.strip() == ALL:
        return tuple(NETWORKS)
    if text.strip() == "none":
        return ()
    return tuple(name.strip() for name in text.split(",") if name.strip())
