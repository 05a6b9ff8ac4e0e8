"""What all systems of the study share: spectra, copies, maps, and which sound is for what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.chapters.vocal_percussion import spectra
from igsed_core.chapters.vocal_percussion.boxemes import OWN, TEST, TRAIN, VocalPercussion
from igsed_core.chapters.vocal_percussion.spectra import HOP, Heard
from igsed_core.data.dataset import Dataset


@dataclass(frozen=True, eq=False)
class Part:
    """The sounds of one split.

    Attributes
    ----------
    boxemes
        Their rows.
    copies
        What is heard of them, then of each copy; not of copies of training sounds, of which networks see maps alone.
    peak
        Magnitude that is one in the maps.
    drawn
        Log-mel maps of the sounds and of each copy, where they are made already.
    """

    boxemes: pd.DataFrame
    copies: list[Heard]
    peak: float
    drawn: Tensor | None = None

    def maps(self) -> Tensor:
        """Log-mel maps, ``[shape=(n_sounds, 1 + copies, 64, 48)]``."""
        if self.drawn is not None:
            return self.drawn
        return torch.stack([spectra.log_mel(one.bands, self.peak) for one in self.copies], dim=1)

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
    """Compute what is heard of all sounds and of their copies.

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
    train: list[Heard] = []
    bands: list[Tensor] = []
    for number, some in enumerate(_by_user(bank, TRAIN)):
        whole = spectra.magnitudes(some, hop=hop)
        train.append(whole.heard())
        # Of copies networks see the maps, and nothing else is asked for.
        every = spectra.copies(whole, copies, seed=1000 * seed + number)
        bands.append(torch.stack([one.bands() for one in every], dim=1))
    drawn = torch.cat(bands)
    peak = float(drawn[:, 0].max())
    own = []
    for number, some in enumerate(_by_user(bank, OWN)):
        every = spectra.copies(spectra.magnitudes(some, hop=hop), copies, seed=1000 * seed + 500 + number)
        own.append([one.heard() for one in every])
    test = [spectra.magnitudes(some, hop=hop).heard() for some in _by_user(bank, TEST)]
    return Material(
        Part(_rows(bank, TRAIN), [spectra.joined(train)], peak, spectra.log_mel(drawn, peak)),
        Part(_rows(bank, OWN), [spectra.joined(copy) for copy in zip(*own, strict=True)], peak),
        Part(_rows(bank, TEST), [spectra.joined(test)], peak),
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
    tests = material.test
    made = [
        spectra.magnitudes(some, hop=tests.copies[0].hop, snr=snr, seed=1000 * seed + number).heard()
        for number, some in enumerate(_by_user(bank, TEST))
    ]
    return Part(tests.boxemes, [spectra.joined(made)], tests.peak)


def _by_user(bank: VocalPercussion, split: str) -> Iterator[VocalPercussion]:
    """One user's sounds of a split after the other's: the spectra of all would fill gigabytes."""
    rows = _rows(bank, split)
    for _, mine in rows.groupby("user", sort=False):
        yield VocalPercussion(_Some(bank.takes, set(mine["clip"])), mine.reset_index(drop=True), bank.users)


def _rows(bank: VocalPercussion, split: str) -> pd.DataFrame:
    """Rows of a split, each user's together."""
    mine = bank.boxemes[bank.boxemes["split"] == split]
    return pd.concat([rows for _, rows in mine.groupby("user", sort=False)], ignore_index=True)


class _Some:
    """A few takes of a data set."""

    def __init__(self, takes: Dataset, names: set[str]) -> None:
        self.clips = takes.clips[takes.clips["clip"].isin(names)].reset_index(drop=True)
        self.events, self.labels = takes.events, takes.labels
        self.classes, self.sample_rate = takes.classes, takes.sample_rate
        self.read = takes.read
