"""A user's own classifier: fitted to its takes of single instruments, tested on its improvisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

NEIGHBOURS = (3, 5, 7, 9, 11)  # over which the accuracy of nearest neighbours is averaged, as in the paper
CLASSIFIERS = {"knn": "nearest neighbours", "logistic": "logistic regression", "forest": "random forest"}
TREES = 50


@dataclass(frozen=True, eq=False)
class Own:
    """What a user's classifier is fitted to and tested on, in one representation.

    Attributes
    ----------
    examples
        Each of the user's own sounds and its copies, ``[shape=(n_own, 1 + copies, dimensions)]``.
    labels
        Their instruments, ``[shape=(n_own,)]``.
    tests
        Sounds of the improvisation, ``[shape=(n_test, dimensions)]``.
    truth
        Their instruments, ``[shape=(n_test,)]``.
    """

    examples: NDArray[np.float64]
    labels: NDArray[np.str_]
    tests: NDArray[np.float64]
    truth: NDArray[np.str_]

    def only(self, rows: NDArray[np.int64]) -> Own:
        """Return the same with some of the user's own sounds alone, by their numbers ``[shape=(n_rows,)]``."""
        return Own(self.examples[rows], self.labels[rows], self.tests, self.truth)


def right(own: Own, classifier: str = "knn", *, seed: int = 0, together: bool = False) -> NDArray[np.float64]:
    """Say of each test sound whether it is told right; for nearest neighbours the share of the numbers K that are.

    Parameters
    ----------
    own
        Examples and tests; dimensions are standardised by the examples.
    classifier
        One of :data:`CLASSIFIERS`.
    seed
        Of the forest.
    together
        Standardise by examples and tests together, as the released code does: the tests' own statistics leak in.

    Returns
    -------
    np.ndarray [shape=(n_test,)]
    """
    flat = own.examples.reshape(-1, own.examples.shape[-1])
    labels = np.repeat(own.labels, own.examples.shape[1])
    scaler = StandardScaler().fit(np.concatenate([flat, own.tests]) if together else flat)
    flat, tests = scaler.transform(flat), scaler.transform(own.tests)
    if classifier == "knn":
        told = _neighbours(flat, labels, tests)
    else:
        linear = classifier == "logistic"
        model = LogisticRegression(max_iter=500) if linear else RandomForestClassifier(TREES, random_state=seed)
        told = [model.fit(flat, labels).predict(tests)]
    return np.asarray(np.mean([one == own.truth for one in told], axis=0))


def few(own: Own, number: int, draws: int, *, seed: int) -> NDArray[np.float64]:
    """Return the mean over draws of whether test sounds are told right from so few examples of each instrument.

    Parameters
    ----------
    own
        All examples and tests.
    number
        Of examples of each instrument; their copies come along.
    draws
        How often they are drawn.
    seed
        Of the draws.

    Returns
    -------
    np.ndarray [shape=(n_test,)]
    """
    rng = np.random.default_rng([seed, 0xFE3])
    found = []
    for _ in range(draws):
        rows = [rng.permutation(np.flatnonzero(own.labels == name))[:number] for name in sorted(set(own.labels))]
        found.append(right(own.only(np.concatenate(rows))))
    return np.asarray(np.mean(found, axis=0))


def _neighbours(
    examples: NDArray[np.float64], labels: NDArray[np.str_], tests: NDArray[np.float64]
) -> list[NDArray[np.str_]]:
    """Labels by each number of neighbours, which are looked for once; of equally many votes the first name wins.

    Of few examples no more neighbours are asked than the smallest class has: the others would outvote it.
    """
    names, numbers, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    most = min(max(NEIGHBOURS), int(sizes.min()))
    near = NearestNeighbors(n_neighbors=most).fit(examples).kneighbors(tests, return_distance=False)
    votes = np.eye(len(names))[numbers[near]].cumsum(axis=1)
    return [names[votes[:, min(k, most) - 1].argmax(axis=1)] for k in NEIGHBOURS]
