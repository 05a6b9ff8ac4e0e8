"""The speech recogniser of the comparison: hidden Markov models with mixtures of normal densities, one per instrument.

The paper adapts Kaldi, trained on phonemes of all users. Here each user has a model of three states for each of its
instruments, fitted by hmmlearn to the MFCC of its own sounds and copies: the same family, not the same engine.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from igsed_core.chapters.vocal_percussion import engineered
from igsed_core.chapters.vocal_percussion.spectra import Heard

STATES, MIXTURES, ITERATIONS = 3, 2, 8
COEFFICIENTS = 13
_FEWEST = 4  # frames of a sequence


def available() -> bool:
    """Whether hmmlearn is installed (it has no packages for Python 3.14)."""
    return importlib.util.find_spec("hmmlearn") is not None


def sequences(sounds: Heard, peak: float) -> list[NDArray[np.float64]]:
    """MFCC of each sound, from its onset to its last audible frame, ``(n_frames, 13)`` each."""
    values = engineered.mfcc(sounds, COEFFICIENTS, peak).double().numpy()
    there = engineered.heard(sounds).numpy()
    lengths = np.maximum(there.shape[1] - there[:, ::-1].argmax(axis=1), _FEWEST)
    return [one[:, :n].T for one, n in zip(values, lengths, strict=True)]


def told(
    examples: list[NDArray[np.float64]], labels: NDArray[np.str_], tests: list[NDArray[np.float64]], *, seed: int
) -> NDArray[np.str_]:
    """Fit a model to each instrument and say which one is likeliest for each test.

    Parameters
    ----------
    examples, tests
        From :func:`sequences`.
    labels
        Instrument of each example, ``[shape=(n_examples,)]``.
    seed
        Of the first guess.

    Returns
    -------
    np.ndarray [shape=(n_tests,)]
    """
    every = np.concatenate(examples)
    centre, spread = every.mean(axis=0), every.std(axis=0) + 1e-9
    names = sorted(set(labels.tolist()))
    scores = []
    for name in names:
        mine = [(one - centre) / spread for one, label in zip(examples, labels, strict=True) if label == name]
        model = _fit(mine, seed)
        scores.append([model.score((one - centre) / spread) for one in tests])
    return np.array(names)[np.argmax(scores, axis=0)]


def _fit(mine: list[NDArray[np.float64]], seed: int) -> Any:
    from hmmlearn import hmm

    logging.getLogger("hmmlearn").setLevel(logging.ERROR)  # it tells of every step back of the likelihood
    model = hmm.GMMHMM(
        STATES,
        MIXTURES,
        covariance_type="diag",
        min_covar=0.05,
        n_iter=ITERATIONS,
        random_state=seed,
        init_params="",
        params="mcw",  # transitions stay: of few frames a state may be left empty, and its row without a sum
    )
    # From left to right; what is zero stays zero. States begin as the thirds of each sound.
    model.startprob_ = np.array([1.0, *[0.0] * (STATES - 1)])
    stay = np.diag(np.full(STATES, 0.7)) + np.diag(np.full(STATES - 1, 0.3), 1)
    stay[-1, -1] = 1.0
    model.transmat_ = stay
    thirds = [np.concatenate([np.array_split(one, STATES)[i] for one in mine]) for i in range(STATES)]
    spread = np.stack([third.std(axis=0) + 0.1 for third in thirds])
    sides = np.linspace(-0.5, 0.5, MIXTURES)[:, None]
    model.means_ = np.stack([third.mean(axis=0) + sides * s for third, s in zip(thirds, spread, strict=True)])
    model.covars_ = np.repeat(spread[:, None] ** 2, MIXTURES, axis=1)
    model.weights_ = np.full((STATES, MIXTURES), 1 / MIXTURES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few frames for so many means
        return model.fit(np.concatenate(mine), [len(one) for one in mine])
