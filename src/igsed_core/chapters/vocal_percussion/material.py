"""What all systems of the study share: spectra, copies, maps, and which sound is for what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.chapters.vocal_percussion import spectra
from igsed_core.chapters.vocal_percussion.boxemes import OWN, TEST, TRAIN, VocalPercussion
from igsed_core.chapters.vocal_percussion.spectra import HOP, Spectra


@dataclass(frozen=True, eq=False)
class Part:
    """The sounds of one split.

    Attributes
    ----------
    boxemes
        Their rows.
    copies
        Their spectra, then those of each copy; of training sounds none, since networks see maps alone.
    peak
        Magnitude that is one in the maps.
    drawn
        Log-mel maps of the sounds and of each copy, where they are made already.
    """

    boxemes: pd.DataFrame
    copies: list[Spectra]
    peak: float
    drawn: Tensor | None = None

    def maps(self) -> Tensor:
        """Log-mel maps, ``[shape=(n_sounds, 1 + copies, 64, 48)]``."""
        if self.drawn is not None:
            return self.drawn
        return torch.stack([spectra.log_mel(one, self.peak) for one in self.copies], dim=1)

    def of(self, user: str) -> Tensor:
        """Numbers of a user's sounds, ``[shape=(n_sounds_of_user,)]``."""
        return torch.from_numpy(np.flatnonzero((self.boxemes["user"] == user).to_numpy()))

    @property
    def instruments(self) -> NDArray[np.str_]:
        """Instrument of each sound, ``[shape=(n_sounds,)]``."""
        return self.boxemes["instrument"].to_numpy(dtype=str)


@dataclass(frozen=True, eq=False)
class Material:
    """All splits; the test has no copies.

    Attributes
    ----------
    train, own, test
        Other users' sounds; the held-out users' own examples; their improvisations.
    """

    train: Part
    own: Part
    test: Part

    @property
    def users(self) -> list[str]:
        """Held-out users, in the order of their sounds."""
        return list(dict.fromkeys(self.test.boxemes["user"]))


def prepare(bank: VocalPercussion, *, copies: int, seed: int, hop: int = HOP) -> Material:
    """Compute spectra and copies.

    Parameters
    ----------
    bank
        Takes and sounds.
    copies
        Of each sound but those of the test.
    seed
        Of the copies.
    hop
        Samples from frame to frame.
    """
    every = spectra.magnitudes(bank, hop=hop)
    rows = {name: torch.from_numpy(np.flatnonzero(bank.boxemes["split"] == name)) for name in (TRAIN, OWN, TEST)}
    train, own, test = (every[some] for some in rows.values())
    boxemes = {name: bank.boxemes.iloc[some.numpy()].reset_index(drop=True) for name, some in rows.items()}
    peak = float(train.bands.max())
    # Spectra of all copies of all training sounds would fill gigabytes.
    drawn = torch.stack([spectra.log_mel(one, peak) for one in spectra.copies(train, copies, seed=seed)], dim=1)
    return Material(
        Part(boxemes[TRAIN], [train], peak, drawn),
        Part(boxemes[OWN], list(spectra.copies(own, copies, seed=seed + 1)), peak),
        Part(boxemes[TEST], [test], peak),
    )


def noisy(bank: VocalPercussion, material: Material, snr: float, *, seed: int) -> Part:
    """Return the test sounds with white noise on the takes.

    Parameters
    ----------
    bank, material
        The same without noise.
    snr
        In dB.
    seed
        Of the noise.
    """
    rows = torch.from_numpy(np.flatnonzero(bank.boxemes["split"] == TEST))
    few = VocalPercussion(_Some(bank), bank.boxemes.iloc[rows.numpy()].reset_index(drop=True), bank.users)
    made = spectra.magnitudes(few, hop=material.test.copies[0].hop, snr=snr, seed=seed)
    return Part(material.test.boxemes, [made], material.test.peak)


class _Some:
    """The improvisations of a bank alone."""

    def __init__(self, bank: VocalPercussion) -> None:
        takes = bank.takes
        self.clips = takes.clips[takes.clips["split"] == TEST].reset_index(drop=True)
        self.events, self.labels = takes.events, takes.labels
        self.classes, self.sample_rate = takes.classes, takes.sample_rate
        self.read = takes.read
