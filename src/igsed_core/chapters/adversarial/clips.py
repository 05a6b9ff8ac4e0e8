"""Short clips that the attacked classifiers learn and are attacked on: one sound each, or a mixture of two.

A sound lies somewhere in a clip of background noise, so that there is sound and silence, and the truth says where.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.data.soundbank import procedural

SPLITS = ("train", "validation", "test")
_POOLS = {"train": "train", "validation": "train", "test": "eval"}  # the test's sounds are of other makers
LONGEST = 0.6  # of the clip, that a sound lasts at most
_FADE = 0.01  # s, where a sound is cut off
SNR = (15.0, 30.0)  # dB, of the sound above the background, while it sounds
_BACKGROUNDS = 8


@dataclass(frozen=True, eq=False)
class Clips:
    """Clips of one split.

    Attributes
    ----------
    waveforms
        ``[shape=(n, n_samples), dtype=float32]``
    targets
        1 for each class that sounds, ``[shape=(n, n_classes), dtype=float32]``.
    spans
        When each sounds, in s, NaN where it does not or nobody knows, ``[shape=(n, n_classes, 2)]``.
    """

    waveforms: Tensor
    targets: Tensor
    spans: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.waveforms)

    @property
    def labels(self) -> Tensor:
        """The class of each clip of one sound, ``[shape=(n,)]``."""
        return self.targets.argmax(dim=1)

    def of(self, rows: Tensor) -> Clips:
        """Return some of the clips, by their numbers ``(n,)``."""
        return Clips(self.waveforms[rows], self.targets[rows], self.spans[rows.numpy()])


@dataclass(frozen=True, eq=False)
class Bank:
    """Clips to train on, to stop by, and to attack.

    Attributes
    ----------
    splits
        By the names in :data:`SPLITS`.
    classes
        In the order of the targets.
    sample_rate
        In Hz.
    """

    splits: dict[str, Clips]
    classes: tuple[str, ...]
    sample_rate: int


def kinds(number: int) -> tuple[str, ...]:
    """Return the first kinds of sound of the procedural bank: the ten classes of the main job, and others."""
    return procedural.kinds()[:number]


def build(number: int, counts: dict[str, int], *, seconds: float, sample_rate: int, sounds: int, seed: int) -> Bank:
    """Make clips with synthesised sounds; the same for the same arguments.

    Parameters
    ----------
    number
        Kinds of sound.
    counts
        Clips of each kind in each split, by the names in :data:`SPLITS`.
    seconds
        Length of a clip.
    sample_rate
        In Hz.
    sounds
        In a clip, of different kinds: 1, or 2 for mixtures.
    seed
        Of everything.
    """
    names = kinds(number)
    length = round(seconds * sample_rate)
    beds = [
        procedural.synthesize_background(seed=(seed, i), duration=seconds + 4.0, sample_rate=sample_rate)
        for i in range(_BACKGROUNDS)
    ]
    made = {}
    for place, split in enumerate(SPLITS):
        rng = np.random.default_rng([seed, 0xADE5, place, sounds])
        waveforms, targets, spans = [], [], []
        for k in range(number):
            for i in range(counts[split]):
                held = [k, *rng.choice([j for j in range(number) if j != k], sounds - 1, replace=False)]
                bed = beds[rng.integers(len(beds))]
                begin = int(rng.integers(bed.size - length))
                clip = bed[begin : begin + length].astype(np.float64)
                noise = float(np.sqrt(np.mean(clip**2)))
                clip *= 0.003 / noise  # the sound's level is drawn above it
                where = np.full((number, 2), np.nan)
                for one in held:
                    number_of_sound = (seed, 10_000 * sounds + 1000 * place + i, k)
                    sound = procedural.synthesize(
                        names[one], seed=number_of_sound, region=_POOLS[split], sample_rate=sample_rate
                    )
                    where[one] = _put(clip, sound, rng, sample_rate)
                waveforms.append(clip)
                targets.append(np.isin(np.arange(number), held))
                spans.append(where)
        made[split] = Clips(
            torch.from_numpy(np.clip(np.stack(waveforms), -1, 1).astype(np.float32)),
            torch.from_numpy(np.stack(targets).astype(np.float32)),
            np.stack(spans),
        )
    return Bank(made, names, sample_rate)


def _put(
    clip: NDArray[np.float64], sound: NDArray[np.float32], rng: np.random.Generator, sample_rate: int
) -> tuple[float, float]:
    """Mix a sound into a clip, at a place and a level that are drawn; where it is, in s."""
    level = 0.003 * 10 ** (float(rng.uniform(*SNR)) / 20)
    longest = round(LONGEST * clip.size)
    cut = sound[:longest].astype(np.float64)
    if cut.size < sound.size:
        fade = round(_FADE * sample_rate)
        cut[-fade:] *= np.linspace(1, 0, fade)
    begin = int(rng.integers(clip.size - cut.size + 1))
    peak = float(np.abs(cut).max())
    gain = min(level / max(float(np.sqrt(np.mean(cut**2))), 1e-9), 0.9 / max(peak, 1e-9))
    clip[begin : begin + cut.size] += gain * cut
    return begin / sample_rate, (begin + cut.size) / sample_rate
