"""A rule without a parameter that knows time: a hidden Markov model with two states of Gaussian scores, for each clip.

Expectation maximisation (Rabiner, Proc. IEEE 77, 1989), scaled frame by frame, of all clips at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from igsed_core.detection.thresholds.partitions import two_means

_FLOOR = 1e-3  # least variance of a state, as a share of the clip's: a state must not close in on one frame
_LEAST_LOG = 600.0  # a state is never less likely than by this, in natural logarithms, in one frame
_STAY = 0.95  # where the probability of staying in a state starts


@dataclass(frozen=True, eq=False)
class Fitted:
    """Models of many clips; state 1 has the higher mean.

    Attributes
    ----------
    active
        Probability of state 1 given the whole clip, ``[shape=(n_instances, n_frames)]``.
    means, variances
        Of the scores in each state, ``[shape=(n_instances, 2)]``.
    transitions
        ``[shape=(n_instances, 2, 2)]``; rows sum to 1.
    log_likelihood
        Of each clip before each step of the fit, ``[shape=(n_steps, n_instances)]``.
    """

    active: NDArray[np.float64]
    means: NDArray[np.float64]
    variances: NDArray[np.float64]
    transitions: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]


def hidden_markov(scores: NDArray[np.floating], *, tied: bool = False) -> NDArray[np.bool_]:
    """Frames that are more likely in the state of higher scores than in the other.

    Parameters
    ----------
    scores
        ``[shape=(n_instances, n_frames)]``; constant ones give an empty mask.
    tied
        The two states have one variance.

    Returns
    -------
    np.ndarray [shape=(n_instances, n_frames), dtype=bool]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.markov import hidden_markov
    >>> scores = np.array([[0.0, 0.1, 0.0, 1.0, 0.9, 1.0, 0.1, 0.0]])
    >>> hidden_markov(scores).astype(int).tolist()
    [[0, 0, 0, 1, 1, 1, 0, 0]]
    """
    active = np.asarray(fit(scores, tied=tied).active > 0.5)
    return active & (np.ptp(scores, axis=1, keepdims=True) > 0)


def fit(scores: NDArray[np.floating], *, tied: bool = False, steps: int = 30, tolerance: float = 1e-4) -> Fitted:
    """Fit one model to each clip, from where two means part its scores.

    Parameters
    ----------
    scores
        ``[shape=(n_instances, n_frames)]``
    tied
        The two states have one variance.
    steps, tolerance
        The fit ends after so many steps, or when no clip's log-likelihood grows by more.
    """
    centre, spread = scores.mean(axis=1, keepdims=True), scores.std(axis=1, keepdims=True)
    spread = np.where(spread > 1e-12 * (1 + np.abs(centre)), spread, 1.0)
    x = (scores - centre) / spread  # (n_instances, n_frames)
    start = two_means(scores).astype(float)
    posterior = np.stack([1 - start, start], axis=-1)  # (n_instances, n_frames, 2)
    initial = np.full((len(x), 2), 0.5)
    transitions = np.broadcast_to([[_STAY, 1 - _STAY], [1 - _STAY, _STAY]], (len(x), 2, 2))
    likelihoods: list[NDArray[np.float64]] = []
    for _ in range(steps):
        means, variances = _emissions(x, posterior, tied=tied)
        used = transitions
        densities = -0.5 * ((x[..., None] - means[:, None]) ** 2 / variances[:, None] + np.log(variances)[:, None])
        posterior, pairs, likelihood = forward_backward(densities, initial, transitions)
        likelihoods.append(likelihood)
        if len(likelihoods) > 1 and np.max(likelihood - likelihoods[-2], initial=0.0) < tolerance:
            break
        initial = posterior[:, 0]
        left = pairs.sum(axis=-1, keepdims=True)
        transitions = np.where(left > 0, pairs / np.where(left > 0, left, 1.0), transitions)
    upper = means.argmax(axis=1)
    order = np.stack([1 - upper, upper], axis=1)  # (n_instances, 2)
    rows = np.arange(len(x))
    return Fitted(
        posterior[rows, :, upper],
        np.take_along_axis(means, order, axis=1) * spread + centre,
        np.take_along_axis(variances, order, axis=1) * spread**2,
        used[rows[:, None, None], order[:, :, None], order[:, None, :]],
        np.array(likelihoods) - x.shape[1] * (0.5 * np.log(2 * np.pi) + np.log(spread[:, 0])),
    )


def _emissions(
    x: NDArray[np.float64], posterior: NDArray[np.float64], *, tied: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return means and variances of the states ``(n_instances, 2)``."""
    weight = posterior.sum(axis=1)
    means = (posterior * x[..., None]).sum(axis=1) / np.maximum(weight, 1e-12)
    squares = (posterior * (x[..., None] - means[:, None]) ** 2).sum(axis=1)
    if tied:
        variances = np.repeat(squares.sum(axis=1, keepdims=True) / x.shape[1], 2, axis=1)
    else:
        variances = squares / np.maximum(weight, 1e-12)
    return means, np.maximum(variances, _FLOOR)


def forward_backward(
    densities: NDArray[np.float64], initial: NDArray[np.float64], transitions: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Say how likely each state is in each frame, given the whole clip.

    Parameters
    ----------
    densities
        Logarithms of the states' densities, ``[shape=(n, frames, 2)]``.
    initial, transitions
        ``[shape=(n, 2)]``, ``[shape=(n, 2, 2)]``; rows sum to 1.

    Returns
    -------
    tuple of np.ndarray
        State probabilities ``(n, frames, 2)``, expected transitions ``(n, 2, 2)``, log-likelihoods ``(n,)``.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.markov import forward_backward
    >>> densities = np.log([[[0.9, 0.1], [0.5, 0.5]]])
    >>> initial, transitions = np.array([[0.5, 0.5]]), np.array([np.eye(2)])
    >>> states, moves, _ = forward_backward(densities, initial, transitions)
    >>> states.round(3).tolist()
    [[[0.9, 0.1], [0.9, 0.1]]]
    >>> moves.round(3).tolist()
    [[[0.9, 0.0], [0.0, 0.1]]]
    """
    n_frames = densities.shape[1]
    highest = densities.max(axis=2)  # (n, frames)
    # No density becomes zero, so that a state that the transitions bar cannot leave a frame without a state.
    seen = np.exp(np.maximum(densities - highest[..., None], -_LEAST_LOG)).transpose(1, 2, 0).copy()  # (frames, 2, n)
    moves = transitions.transpose(1, 2, 0).copy()  # (from, to, n)
    forward, backward = np.empty_like(seen), np.ones_like(seen)
    scale = np.empty((n_frames, len(densities)))
    here = initial.T * seen[0]
    for t in range(n_frames):
        if t:
            here = (forward[t - 1, 0] * moves[0] + forward[t - 1, 1] * moves[1]) * seen[t]
        scale[t] = here[0] + here[1]
        forward[t] = here / scale[t]
    for t in range(n_frames - 2, -1, -1):
        after = seen[t + 1] * backward[t + 1] / scale[t + 1]
        backward[t] = moves[:, 0] * after[0] + moves[:, 1] * after[1]
    posterior = forward * backward
    pairs = np.einsum("tin,ijn,tjn->nij", forward[:-1], moves, seen[1:] * backward[1:] / scale[1:, None], optimize=True)
    return posterior.transpose(2, 0, 1), pairs, (np.log(scale).T + highest).sum(axis=1)
