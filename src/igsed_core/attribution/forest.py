"""A random forest for a surrogate, as in Bolaños et al. 2025, where it explains better than linear ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TREES = 100


def random_forest(masks: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each segment lowers the variance of the score where trees divide by it: impurity importance.

    It has no sign: a segment that speaks against a class counts like one that speaks for it.

    Parameters
    ----------
    masks
        ``[shape=(n_masks, n_segments)]``
    values
        Scores, ``[shape=(n_masks, n_classes)]``.

    Returns
    -------
    np.ndarray [shape=(n_classes, n_segments)]
        Not negative; each row sums to 1, or is 0 where the score does not change.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.attribution.forest import random_forest
    >>> from igsed_core.attribution.surrogate import lime_masks
    >>> masks = lime_masks(3, 60, np.random.default_rng(0))
    >>> found = random_forest(masks, masks[:, :1].astype(float))  # the first segment alone makes the score
    >>> found.round(3).tolist()
    [[1.0, 0.0, 0.0]]
    """
    from sklearn.ensemble import RandomForestRegressor  # here, so that listing methods does not load it

    made = np.zeros((values.shape[1], masks.shape[1]))
    for row, of_class in zip(made, values.T, strict=True):
        row[:] = RandomForestRegressor(TREES, random_state=0, n_jobs=1).fit(masks, of_class).feature_importances_
    return made
