"""Surrogates on segments of time: LIME (Ribeiro et al. 2016), KernelSHAP (Lundberg and Lee 2017), a random forest.

As in "Benchmarking time-localized explanations for audio classification models" (Bolaños et al. 2025): segments are
hidden at random, and a linear model, or a forest, learns from the scores what each segment contributes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution import domain
from igsed_core.attribution.base import Importance, checked
from igsed_core.attribution.forest import random_forest
from igsed_core.attribution.passes import scores_of
from igsed_core.base.errors import IgsedError
from igsed_core.metrics import frames
from igsed_core.models.classifier import AnyClassifier

Masks = NDArray[np.bool_]  # (n_masks, n_segments); the first shows all segments, the second none
Fit = Callable[[Masks, NDArray[np.float64]], NDArray[np.float64]]


def lime_masks(n_segments: int, n_masks: int, random: np.random.Generator) -> Masks:
    """Each segment is shown or not by the toss of a coin.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.attribution.surrogate import lime_masks
    >>> lime_masks(3, 8, np.random.default_rng(0))[:2].tolist()
    [[True, True, True], [False, False, False]]
    """
    masks = random.random((n_masks, n_segments)) < 0.5
    masks[0], masks[1] = True, False
    return masks


def lime(masks: Masks, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ridge regression on the masks, those near the whole clip weighted most, as LIME's own code has it.

    Parameters
    ----------
    masks
        ``[shape=(n_masks, n_segments)]``
    values
        Scores, ``[shape=(n_masks, n_classes)]``.

    Returns
    -------
    np.ndarray [shape=(n_classes, n_segments)]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.attribution.surrogate import lime, lime_masks
    >>> masks = lime_masks(2, 100, np.random.default_rng(0))
    >>> values = masks[:, :1].astype(float)  # the first segment alone makes the score
    >>> signed = lime(masks, values)
    >>> signed.shape, bool(signed[0, 0] > 0.5 > abs(signed[0, 1]))
    ((1, 2), True)
    """
    width, penalty = 0.25, 1.0
    distance = 1 - np.sqrt(masks.mean(axis=1))  # cosine distance to the mask that shows all
    weight = np.exp(-((distance / width) ** 2))[:, None]
    x = masks.astype(float)
    x = x - (weight * x).sum(axis=0) / weight.sum()
    y = values - (weight * values).sum(axis=0) / weight.sum()
    return np.linalg.solve(x.T @ (weight * x) + penalty * np.eye(x.shape[1]), x.T @ (weight * y)).T


def shapley_masks(n_segments: int, n_masks: int, random: np.random.Generator) -> Masks:
    """Sizes drawn by the Shapley kernel, each mask beside its complement (Covert and Lee 2021).

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.attribution.surrogate import shapley_masks
    >>> masks = shapley_masks(3, 6, np.random.default_rng(0))
    >>> masks[:2].tolist(), bool((masks[2] ^ masks[3]).all())
    ([[True, True, True], [False, False, False]], True)
    """
    masks = np.zeros((n_masks, n_segments), dtype=bool)
    masks[0] = True
    sizes = np.arange(1, n_segments)
    kernel = 1 / (sizes * (n_segments - sizes))
    for row in range(2, n_masks, 2):
        shown = random.permutation(n_segments)[: random.choice(sizes, p=kernel / kernel.sum())]
        masks[row, shown] = True
        masks[row + 1 : row + 2] = ~masks[row]
    return masks


def shapley(masks: Masks, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shapley values by least squares, with the sum held to the change from no segment to all.

    Parameters and result are those of :func:`lime`; the masks are drawn by the Shapley kernel and weigh the same.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.attribution.surrogate import shapley, shapley_masks
    >>> masks = shapley_masks(3, 20, np.random.default_rng(0))
    >>> values = masks @ np.array([[1.0], [2.0], [-1.0]]) + 5.0  # each segment adds its own
    >>> shapley(masks, values).round(6).tolist()
    [[1.0, 2.0, -1.0]]
    """
    total = values[0] - values[1]  # (n_classes,)
    x, y = masks[2:].astype(float), values[2:] - values[1]
    # the last segment's value is what the others leave of the total
    rest = x[:, :-1] - x[:, -1:]
    others, *_ = np.linalg.lstsq(rest, y - x[:, -1:] * total, rcond=None)
    return np.concatenate([others, (total - others.sum(axis=0))[None]]).T


KINDS: dict[str, tuple[Callable[[int, int, np.random.Generator], Masks], Fit]] = {
    "lime": (lime_masks, lime),
    "kernel_shap": (shapley_masks, shapley),
    "random_forest": (lime_masks, random_forest),
}


class Surrogate:
    """Segments of the log-mel map, or of the waveform, are replaced at random; a pass for each mask serves all classes.

    Parameters
    ----------
    kind
        ``lime``, ``kernel_shap`` or ``random_forest``.
    segment
        Length of a segment in seconds.
    n_masks
        Masks, the same for every clip.
    replace
        ``silence``, ``background``, ``mean`` or a tensor; see :meth:`igsed_core.attribution.domain.Domain.baseline`.
    seed
        Of masks and backgrounds.
    of
        What is explained, one of :data:`igsed_core.attribution.domain.NAMES`; by default what the network hears.

    Raises
    ------
    IgsedError
        For an unknown kind.
    """

    def __init__(
        self,
        kind: str,
        *,
        segment: float = 0.2,
        n_masks: int = 200,
        replace: domain.Baseline = "background",
        seed: int = 0,
        of: str = "input",
    ) -> None:
        if kind not in KINDS:
            raise IgsedError(f"surrogate {kind!r} is unknown: choose one of {', '.join(KINDS)}")
        self.draw, self.fit = KINDS[kind]
        self.segment = segment
        self.n_masks = n_masks
        self.replace = replace
        self.seed = seed
        self.of = domain.check_name(of)

    @checked
    def __call__(
        self, classifier: AnyClassifier, waveforms: Tensor, classes: Sequence[Sequence[int]]
    ) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`)."""
        explained = domain.of(classifier, self.of)
        n_segments = frames.n_frames(waveforms.shape[1] / classifier.sample_rate, self.segment)
        masks = self.draw(n_segments, self.n_masks, np.random.default_rng(self.seed))
        inputs = explained.input(waveforms)
        segment_of = (explained.seconds(inputs[0]) / self.segment + 1e-6).astype(int)  # of each unit
        segment_of = np.minimum(segment_of, n_segments - 1)
        found = []
        for clip, wanted in zip(inputs, classes, strict=True):
            other = explained.baseline(clip, self.replace, self.seed)
            logits = scores_of(explained.score, self._masked(clip, other, masks, segment_of))[:, list(wanted)]
            signed = self.fit(masks, logits.double().cpu().numpy()).astype(np.float32)
            found.append(Importance(signed, np.abs(signed), self.segment))
        return found

    @staticmethod
    def _masked(clip: Tensor, other: Tensor, masks: Masks, segment_of: NDArray[np.int_]) -> Iterator[Tensor]:
        for mask in masks:
            shown = torch.from_numpy(mask[segment_of]).to(clip.device)  # (n_units,)
            yield torch.where(shown.reshape(-1, *[1] * (clip.ndim - 1)), clip, other)
