"""The project's own localiser: when a class sounds, from clip-level labels alone.

A clip without the class says what the classifier's frame logits look like where the class is absent: every frame of
it is. A clip with the class is a sequence of two states, absent and present, of which nothing else is known. So a
hidden Markov model with two states is fitted to the training clips by expectation maximisation, for each class, its
states tied to clip labels where these decide: what a frame looks like in either state, and how long either lasts.
The log-odds of *present*, given the whole clip, are the score; the decision is at 0. Nothing is tuned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from igsed_core.base.errors import IgsedError
from igsed_core.detection.thresholds.markov import forward_backward
from igsed_core.models.features import FeatureFrames, Targets
from igsed_core.models.heads import Head

COMPONENTS = 2  # normal densities a state: background and other sounds; the sound's core and its flanks
STEPS = 20  # of expectation maximisation
_GRID = 1001  # points at which the evidence is tabulated
_LEAST_STD = 0.02  # of a component, as a share of that of all logits: none may close in on one frame
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Mixture:
    """Normal densities: weights, means and standard deviations, ``[shape=(n_components,)]`` each.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.absence_hmm import Mixture
    >>> standard = Mixture(np.array([1.0]), np.array([0.0]), np.array([1.0]))
    >>> float(standard.log_density(0.0).round(3))
    -0.919
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    stds: NDArray[np.float64]

    def log_density(self, values: ArrayLike) -> NDArray[np.float64]:
        """Logarithm of the density at some values, of their shape."""
        return np.logaddexp.reduce(self._of_components(values), axis=-1)

    def refitted(self, values: NDArray[np.float64], weights: NDArray[np.float64], *, least_std: float) -> Mixture:
        """One step of expectation maximisation on weighted values, ``[shape=(n_values,)]``."""
        parts = self._of_components(values)  # (n_values, n_components)
        belongs = np.exp(parts - np.logaddexp.reduce(parts, axis=-1)[:, None]) * weights[:, None]
        mass = belongs.sum(axis=0) + 1e-6
        means = (belongs * values[:, None]).sum(axis=0) / mass
        variances = (belongs * (values[:, None] - means) ** 2).sum(axis=0) / mass
        return Mixture(mass / mass.sum(), means, np.sqrt(variances + least_std**2))

    def _of_components(self, values: ArrayLike) -> NDArray[np.float64]:
        apart = (np.asarray(values, dtype=np.float64)[..., None] - self.means) / self.stds
        return np.log(self.weights / self.stds) - 0.5 * (apart**2 + np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class SoundModel:
    """How one class shows in the frame logits, and how long it lasts.

    Attributes
    ----------
    absent, present
        Densities of the logit of a feature frame in either state.
    initial, transitions
        Of the states (absent, present) from one feature frame to the next, ``[shape=(2,)]``, ``[shape=(2, 2)]``.
    limits
        Lowest and highest logit of the training frames; beyond it the evidence grows no more.
    n_present, n_absent
        Training clips with and without the class.
    """

    absent: Mixture
    present: Mixture
    initial: NDArray[np.float64]
    transitions: NDArray[np.float64]
    limits: tuple[float, float]
    n_present: int
    n_absent: int

    @property
    def mean_frames(self) -> float:
        """Feature frames that the class lasts on average."""
        return float(1 / self.transitions[1, 0])

    def evidence(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Log-likelihood ratio of present to absent, of the shape of ``logits``.

        It never falls as the logit rises: where the fitted ratio does (a wide density overtakes a narrow one far
        out), it is held.
        """
        grid = np.linspace(*self.limits, _GRID)
        ratio = self.present.log_density(grid) - self.absent.log_density(grid)
        lowest = int(ratio.argmin())
        ratio[:lowest] = ratio[lowest]
        return np.interp(np.asarray(logits, dtype=np.float64), grid, np.maximum.accumulate(ratio))

    def log_odds(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Log-odds that the class is present in a feature frame, given the whole clip.

        Parameters
        ----------
        logits
            ``[shape=(n_clips, n_frames)]``
        """
        evidence = self.evidence(logits)
        densities = np.stack([np.zeros_like(evidence), evidence], axis=-1)
        n = len(evidence)
        states = forward_backward(
            densities, np.broadcast_to(self.initial, (n, 2)), np.broadcast_to(self.transitions, (n, 2, 2))
        )[0]
        return np.log(states[..., 1] + _TINY) - np.log(states[..., 0] + _TINY)

    def log_odds_interleaved(self, logits: NDArray[np.floating], shifts: int) -> NDArray[np.float64]:
        """Log-odds of every step of an interleaved sequence, each of its ``shifts`` strands taken as a clip.

        Parameters
        ----------
        logits
            ``[shape=(n_steps,)]``; steps ``i, i + shifts, ...`` are a feature frame apart.
        shifts
            Steps in a feature frame.
        """
        n = len(logits)
        whole = np.pad(np.asarray(logits, dtype=np.float64), (0, -n % shifts), mode="edge")
        return self.log_odds(whole.reshape(-1, shifts).T).T.ravel()[:n]


def fit(
    logits: NDArray[np.floating],
    present: NDArray[np.bool_],
    *,
    components: int = COMPONENTS,
    markov: bool = True,
) -> SoundModel:
    """Fit the model of one class.

    Parameters
    ----------
    logits
        Of the class in every feature frame of every training clip, ``[shape=(n_clips, n_frames)]``.
    present
        Which clips hold the class, ``[shape=(n_clips,)]``.
    components
        Normal densities a state.
    markov
        Whether a frame's state depends on that of the frame before; else frames are independent.

    Raises
    ------
    IgsedError
        If no clip holds the class, or every one does.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.absence_hmm import fit
    >>> quiet, loud = [-2.0, -1.9, -2.1, -2.0], [-2.0, 3.0, 3.1, -1.9]
    >>> model = fit(np.array([quiet, loud, quiet, loud]), np.array([False, True, False, True]))
    >>> (model.log_odds(np.array([loud])) > 0).tolist()
    [[False, True, True, False]]
    """
    every: NDArray[np.float64] = np.asarray(logits, dtype=np.float64)
    held, others = every[present], every[~present].reshape(-1)
    if not len(held) or not len(others):
        raise IgsedError("a class that no training clip holds, or every one, cannot be localised from clip labels")
    least_std = _LEAST_STD * float(every.std()) + 1e-6
    absent = _first(others, np.linspace(0.3, 0.7, components), float(others.std()) + least_std)
    for _ in range(STEPS):
        absent = absent.refitted(others, np.ones_like(others), least_std=least_std)
    # What stands out from clips without the class is a first guess at what the class looks like.
    outstanding = held[held > np.quantile(others, 0.95)]
    outstanding = outstanding if outstanding.size else np.sort(held.ravel())[-len(held) :]
    sound = _first(outstanding, np.linspace(0.25, 0.75, components), float(outstanding.std()) + least_std)
    initial, transitions = np.array([0.8, 0.2]), np.array([[0.95, 0.05], [0.1, 0.9]])
    n = len(held)
    for _ in range(STEPS):
        densities = np.stack([absent.log_density(held), sound.log_density(held)], axis=-1)
        states, pairs, _ = forward_backward(
            densities, np.broadcast_to(initial, (n, 2)), np.broadcast_to(transitions, (n, 2, 2))
        )
        # One more of each, so that nothing is certain.
        if markov:
            counts = pairs.sum(axis=0) + 1
            initial = (states[:, 0].sum(axis=0) + 1) / (n + 2)
            transitions = counts / counts.sum(axis=1, keepdims=True)
        else:
            initial = (states.sum(axis=(0, 1)) + 1) / (held.size + 2)
            transitions = np.stack([initial, initial])
        weights = states.reshape(-1, 2)
        sound = sound.refitted(held.ravel(), weights[:, 1], least_std=least_std)
        absent = absent.refitted(
            np.concatenate([others, held.ravel()]),
            np.concatenate([np.ones_like(others), weights[:, 0]]),
            least_std=least_std,
        )
    return SoundModel(
        *(absent, sound, initial, transitions),
        limits=(float(every.min()), float(every.max())),
        n_present=n,
        n_absent=int((~present).sum()),
    )


def fit_classes(
    head: Head, features: FeatureFrames, targets: Targets, *, components: int = COMPONENTS, markov: bool = True
) -> dict[str, SoundModel]:
    """Fit the model of every class that some training clips hold and some do not.

    Parameters
    ----------
    head
        Whose frame logits are taken.
    features, targets
        Of the training clips; of the targets those of clips alone are read.
    components, markov
        See :func:`fit`.
    """
    with torch.inference_mode():
        logits = head.frame_logits(torch.from_numpy(features.values)).numpy()  # (n_clips, n_frames, n_classes)
    present = targets.clip > 0.5
    return {
        name: fit(logits[..., c], present[:, c], components=components, markov=markov)
        for c, name in enumerate(head.classes)
        if 0 < present[:, c].sum() < len(present)
    }


def probability(log_odds: ArrayLike) -> NDArray[np.float64]:
    """Probability of presence, from its log-odds.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.absence_hmm import probability
    >>> probability([0.0, np.log(3.0)]).round(3).tolist()
    [0.5, 0.75]
    """
    return 1 / (1 + np.exp(-np.clip(log_odds, -500.0, 500.0)))


def _first(values: NDArray[np.float64], quantiles: NDArray[np.float64], std: float) -> Mixture:
    """Return a mixture to begin with: components at quantiles, from narrow to wide."""
    n = len(quantiles)
    return Mixture(np.full(n, 1 / n), np.quantile(values, quantiles), std * np.linspace(0.5, 1.5, n))
