"""Does a map of time and frequency fall on a sound? Metrics against stems: what the sound is in every bin.

A map is read as weights that are not negative. The truth of a bin is the share that the sound's own stem has of the
power there (the ideal ratio mask); where it is above one half the sound dominates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from igsed_core.metrics import localisation

HALF = 0.5  # share from which a sound dominates a bin
LEAST = -30.0  # dB of SI-SDR, at which nothing of a target is heard: an estimate without any has minus infinity
FLOOR = 60.0  # dB below a clip's loudest bin, under which no bin counts as dominated


def own_share(stem: NDArray[np.floating], rest: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the share of a stem in the power of each bin: the ideal ratio mask.

    Parameters
    ----------
    stem, rest
        Power of the stem and of all else, of one shape.

    Returns
    -------
    np.ndarray [shape=(...)]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.time_frequency import own_share
    >>> own_share(np.array([3.0, 0.0]), np.array([1.0, 0.0])).tolist()
    [0.75, 0.0]
    """
    stem, rest = (np.asarray(one, dtype=np.float64) for one in (stem, rest))
    return stem / np.maximum(stem + rest, np.finfo(float).tiny)


def dominated(stem: NDArray[np.floating], rest: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return the bins in which a stem is louder than all else together, and not :data:`FLOOR` below the loudest bin.

    Parameters
    ----------
    stem, rest
        Power of the stem and of all else, ``[shape=(n_frames, n_bands)]``.

    Returns
    -------
    np.ndarray [shape=(n_frames, n_bands), dtype=bool]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.time_frequency import dominated
    >>> dominated(np.array([[1.0, 1.0, 1e-9]]), np.array([[0.5, 2.0, 0.0]])).tolist()
    [[True, False, False]]
    """
    whole = np.asarray(stem, dtype=np.float64) + rest
    return np.asarray((own_share(stem, rest) > HALF) & (whole > 10 ** (-FLOOR / 10) * whole.max(initial=0.0)))


def share(weights: NDArray[np.floating], own: NDArray[np.floating]) -> float:
    """Return the share of a map that lies on a sound: the mean of its shares, weighted by the map.

    Weigh the map by the mixture's power first, and it is the share that the sound has of what is heard when the map
    weighs the mixture.

    Parameters
    ----------
    weights
        ``[shape=(n_frames, n_bands)]``
    own
        From :func:`own_share`, of the same shape.

    Returns
    -------
    float
        In [0, 1]; NaN for a map of zeros.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.time_frequency import share
    >>> share(np.array([[1.0, 3.0]]), np.array([[1.0, 0.5]]))
    0.625
    """
    total = float(weights.sum())
    return float((weights * own).sum() / total) if total > 0 else float("nan")


def pointing_game(weights: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Say whether the highest bin is one that the sound dominates; of several highest ones the share that are.

    Parameters
    ----------
    weights, mask
        ``[shape=(n_frames, n_bands)]``

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.time_frequency import pointing_game
    >>> pointing_game(np.array([[1.0, 1.0, 0.0]]), np.array([[True, False, True]]))
    0.5
    """
    return float(localisation.pointing_game(weights.ravel(), mask.ravel()))


def iou_at_size(weights: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Intersection over union of the mask and as many of the highest bins as it has: no threshold is chosen.

    Of bins that tie at the border a part is taken: the intersection is the mean over random choices among them.

    Parameters
    ----------
    weights, mask
        ``[shape=(n_frames, n_bands)]``

    Returns
    -------
    float
        In [0, 1]; NaN for an empty mask.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.time_frequency import iou_at_size
    >>> mask = np.array([[True, True, False, False]])
    >>> round(iou_at_size(np.array([[0.9, 0.1, 0.8, 0.0]]), mask), 3), iou_at_size(np.ones((1, 4)), mask)
    (0.333, 0.3333333333333333)
    """
    size = int(mask.sum())
    if not size:
        return float("nan")
    flat, inside = weights.ravel(), mask.ravel()
    border = np.partition(flat, len(flat) - size)[len(flat) - size]
    above, tied = flat > border, flat == border
    taken = (size - above.sum()) / tied.sum()
    common = float((above & inside).sum() + taken * (tied & inside).sum())
    return common / (2 * size - common)


def without_frequency(weights: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return what a map says of time alone: each frame's mean in all its bands.

    Parameters
    ----------
    weights
        ``[shape=(n_frames, n_bands)]``

    Returns
    -------
    np.ndarray [shape=(n_frames, n_bands)]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.time_frequency import without_frequency
    >>> without_frequency(np.array([[1.0, 3.0], [0.0, 0.0]])).tolist()
    [[2.0, 2.0], [0.0, 0.0]]
    """
    return np.broadcast_to(np.asarray(weights, dtype=np.float64).mean(axis=-1, keepdims=True), weights.shape)


def gain_mask(weights: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """Turn a map into gains between 0 and 1: the ``size`` highest bins are passed whole, others in proportion.

    Parameters
    ----------
    weights
        ``[shape=(n_frames, n_bands)]``
    size
        Number of bins; at least one counts.

    Returns
    -------
    np.ndarray [shape=(n_frames, n_bands)]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.time_frequency import gain_mask
    >>> gain_mask(np.array([[8.0, 4.0, 1.0]]), 2).tolist()
    [[1.0, 1.0, 0.25]]
    """
    flat = np.asarray(weights, dtype=np.float64).ravel()
    place = len(flat) - min(max(size, 1), len(flat))
    border = float(np.partition(flat, place)[place])
    if border <= 0:  # fewer bins than that have anything to say
        return (np.asarray(weights) > 0).astype(float)
    return np.minimum(weights / border, 1.0)


def si_sdr(estimate: NDArray[np.floating], target: NDArray[np.floating]) -> float:
    """Scale-invariant ratio of target and distortion in dB (Le Roux et al. 2019).

    Parameters
    ----------
    estimate, target
        ``[shape=(n_samples,)]``

    Returns
    -------
    float
        At least :data:`LEAST`; NaN for a silent target.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.time_frequency import si_sdr
    >>> round(si_sdr(np.array([2.0, 0.2]), np.array([1.0, 0.0])), 6)
    20.0
    """
    estimate, target = (np.asarray(one, dtype=np.float64) for one in (estimate, target))
    energy = float(target @ target)
    if not energy:
        return float("nan")
    scaled = float(estimate @ target) / energy * target
    error = estimate - scaled
    tiny = np.finfo(float).tiny
    ratio = max(float(scaled @ scaled), tiny) / max(float(error @ error), tiny)
    return max(LEAST, float(10 * np.log10(ratio))) if estimate.any() else LEAST


def by_octave(
    weights: NDArray[np.floating], frequencies: NDArray[np.floating], edges: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the share of a map in each band of frequencies.

    Parameters
    ----------
    weights
        ``[shape=(..., n_bands)]``, all but the last axis summed.
    frequencies
        Of the bands, in Hz, ``[shape=(n_bands,)]``.
    edges
        In Hz, ascending, ``[shape=(n_octaves + 1,)]``; what lies outside is left out.

    Returns
    -------
    np.ndarray [shape=(n_octaves,)]
        Sums to 1; NaN for a map of zeros.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.time_frequency import by_octave
    >>> frequencies, edges = np.array([150.0, 300.0, 350.0]), np.array([100.0, 200.0, 400.0])
    >>> by_octave(np.array([[1.0, 2.0, 1.0]]), frequencies, edges).tolist()
    [0.25, 0.75]
    """
    profile = np.asarray(weights, dtype=np.float64).reshape(-1, len(frequencies)).sum(axis=0)
    band = np.searchsorted(edges, frequencies, side="right") - 1
    sums = np.array([profile[band == i].sum() for i in range(len(edges) - 1)])
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums / sums.sum()


def centroid(weights: NDArray[np.floating], frequencies: NDArray[np.floating]) -> float:
    """Return the mean of the logarithm of frequency under a map, as a frequency in Hz.

    Parameters
    ----------
    weights
        ``[shape=(..., n_bands)]``
    frequencies
        In Hz; a band at zero is left out, ``[shape=(n_bands,)]``.

    Returns
    -------
    float
        NaN for a map of zeros.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.time_frequency import centroid
    >>> round(centroid(np.array([[1.0, 1.0]]), np.array([100.0, 400.0])), 3)
    200.0
    """
    profile = np.asarray(weights, dtype=np.float64).reshape(-1, len(frequencies)).sum(axis=0)
    there = frequencies > 0
    total = profile[there].sum()
    return float(np.exp2((profile[there] * np.log2(frequencies[there])).sum() / total)) if total > 0 else float("nan")


def half_of_it(weights: NDArray[np.floating]) -> float:
    """Return the smallest share of the bins that holds half of a map: the smaller, the more concentrated.

    Parameters
    ----------
    weights
        Of any shape.

    Returns
    -------
    float
        In (0, 0.5]; NaN for a map of zeros.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.time_frequency import half_of_it
    >>> half_of_it(np.array([[6.0, 1.0, 1.0, 0.0]])), half_of_it(np.ones((2, 2)))
    (0.25, 0.5)
    """
    ordered = np.sort(np.asarray(weights, dtype=np.float64).ravel())[::-1]
    held = np.cumsum(ordered)
    if held[-1] <= 0:
        return float("nan")
    return float((np.searchsorted(held, held[-1] / 2 * (1 - 1e-12)) + 1) / len(ordered))
