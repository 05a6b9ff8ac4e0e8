"""Engineered features of a sound: the timbre set, and a larger set from which a random forest chooses.

All are computed from the magnitude spectra that the networks hear, copies included.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor

from igsed_core.base._torchaudio import torchaudio
from igsed_core.chapters.vocal_percussion.spectra import FLOOR, FRAMES, MELS, Heard

TIMBRE_MFCC, MFCC = 13, 20
TREES = 200  # of the forest that ranks features, as in the released code
_AUDIBLE = 0.1  # of the envelope's maximum: what counts as part of the sound
# Two representations and three parts of the study ask for the same features of the same sounds.
_known: WeakKeyDictionary[Heard, dict[float, NDArray[np.float64]]] = WeakKeyDictionary()


def mfcc(sounds: Heard, number: int, peak: float) -> Tensor:
    """Mel-frequency cepstral coefficients of each frame, the first (loudness) included.

    Parameters
    ----------
    sounds
        Some sounds.
    number
        Of coefficients.
    peak
        Magnitude that counts as one.

    Returns
    -------
    Tensor [shape=(n_sounds, number, 48)]
    """
    logs = (sounds.bands / peak + FLOOR).log()
    return torch.einsum("nmt,mc->nct", logs, torchaudio.functional.create_dct(number, MELS, norm="ortho"))


def heard(sounds: Heard) -> Tensor:
    """Whether a frame is part of the sound and not padding or a pause, ``[shape=(n_sounds, 48), bool]``."""
    envelope = sounds.power.sqrt()
    return envelope > _AUDIBLE * envelope.amax(1, keepdim=True).clamp(min=1e-9)


def timbre(sounds: Heard, peak: float) -> NDArray[np.float64]:
    """Mean and deviation of 13 MFCC over the sound, and six numbers of its envelope.

    Parameters
    ----------
    sounds
        Some sounds.
    peak
        Magnitude that counts as one.

    Returns
    -------
    np.ndarray [shape=(n_sounds, 32)]
    """
    parts = [*_moments(mfcc(sounds, TIMBRE_MFCC, peak), heard(sounds)), _envelope(sounds)]
    return torch.cat(parts, dim=1).double().numpy()


def engineered(sounds: Heard, peak: float) -> NDArray[np.float64]:
    """The larger set: MFCC and their changes, shape of the spectrum over time and in the first frames, envelope.

    Parameters
    ----------
    sounds
        Some sounds.
    peak
        Magnitude that counts as one.

    Returns
    -------
    np.ndarray [shape=(n_sounds, n_features)]
    """
    known = _known.setdefault(sounds, {})
    if peak not in known:
        known[peak] = _all(sounds, peak)
    return known[peak]


def _all(sounds: Heard, peak: float) -> NDArray[np.float64]:
    coefficients, shapes, there = mfcc(sounds, MFCC, peak), sounds.shapes, heard(sounds)
    bands = (sounds.bands / peak + FLOOR).log().unflatten(1, (16, 4)).mean(2)  # (n, 16, frames)
    parts = [
        *(
            *_moments(coefficients, there),
            *_moments(coefficients.diff(dim=2, append=coefficients[..., -1:]).abs(), there),
        ),
        *(*_moments(shapes, there), *_moments(bands, there)),
        *(shapes[..., 0:3].flatten(1), bands[..., 0:3].flatten(1), _envelope(sounds)),
    ]
    return torch.cat(parts, dim=1).double().numpy()


def ranked(features: NDArray[np.float64], instruments: NDArray[np.str_], *, seed: int) -> NDArray[np.int64]:
    """Rank features by what a forest makes of them for instruments of other users.

    Parameters
    ----------
    features
        ``[shape=(n_sounds, n_features)]``
    instruments
        ``[shape=(n_sounds,)]``
    seed
        Of the forest.

    Returns
    -------
    np.ndarray [shape=(n_features,)]
        Numbers of the features, the most important first.
    """
    forest = RandomForestClassifier(TREES, random_state=seed).fit(features, instruments)
    return np.argsort(-forest.feature_importances_, kind="stable")


def _moments(values: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation over the frames of the sound, ``(n, features)`` both."""
    weight = there[:, None].float()
    count = weight.sum(2).clamp(min=1.0)
    mean = (values * weight).sum(2) / count
    return mean, (((values - mean[..., None]).square() * weight).sum(2) / count).sqrt()


def _envelope(sounds: Heard) -> Tensor:
    """Time of the maximum, length, centre of gravity, spread in time, crest, slope of the fall, ``(n, 6)``."""
    power = sounds.power + 1e-9
    time = torch.arange(FRAMES) * sounds.step
    weight = power / power.sum(1, keepdim=True)
    centre = (weight * time).sum(1)
    spread = (weight * (time - centre[:, None]).square()).sum(1).sqrt()
    there = heard(sounds).float()
    level, count = power.log(), there.sum(1).clamp(min=1.0)
    middle = (there * time).sum(1, keepdim=True) / count[:, None]
    slope = (there * (time - middle) * level).sum(1) / (there * (time - middle).square()).sum(1).clamp(min=1e-6)
    crest = (power.amax(1) / power.mean(1)).log()
    return torch.stack([power.argmax(1) * sounds.step, count * sounds.step, centre, spread, crest, slope], dim=1)
