"""What a method that tells when a class sounds takes and gives: (classifier, waveforms, classes) -> importance."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.metrics import scores
from igsed_core.models import inputs
from igsed_core.models.classifier import AnyClassifier

# What the values of `Elements` belong to.
SAMPLE, GRADIENT, BIN, FEATURE = "sample", "gradient of a sample", "bin", "feature"


@dataclass(frozen=True, eq=False)
class Elements:
    """What an importance over time was averaged from, for whoever asks where in frequency
    (:mod:`igsed_core.attribution.plane`).

    Attributes
    ----------
    values
        Signed. Of samples, or gradients of samples, ``[shape=(n_classes, n_samples)]``; of the bins of the log-mel map,
        ``(n_classes, n_frames, n_mels)``; of the places of a feature map, ``(n_classes, freq, time)``, in its steps.
    kind
        :data:`SAMPLE`, :data:`GRADIENT` (not yet multiplied by the sample), :data:`BIN` or :data:`FEATURE`.
    """

    values: Tensor
    kind: str


@dataclass(frozen=True, eq=False)
class Importance:
    """Importance over time of the explained classes of one clip.

    Attributes
    ----------
    signed
        Value ``j`` holds on ``[start + j * step, start + (j + 1) * step)``; positive where the step speaks for
        the class, ``[shape=(n_classes, n_steps)]``.
    absolute
        Mean absolute attribution of what lies in a step (samples, mel bins); ``abs(signed)`` for a method that
        knows nothing finer, ``[shape=(n_classes, n_steps)]``.
    step, start
        Seconds.
    elements
        What it was averaged from; none where the method knows time alone. It is not kept with the maps of a run.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.attribution.base import Importance
    >>> found = Importance(signed=np.float32([[-1.0, 2.0]]), absolute=np.float32([[3.0, 2.0]]), step=0.01)
    >>> found.read_as("positive").tolist()
    [[1.0, 2.0]]
    """

    signed: NDArray[np.float32]
    absolute: NDArray[np.float32]
    step: float
    start: float = 0.0
    elements: Elements | None = None

    def read_as(self, sign: str) -> NDArray[np.floating]:
        """Return importance with its sign read one way: one of
        :data:`igsed_core.metrics.scores.SIGNS`, ``[shape=(n_classes, n_steps)]``.

        As :func:`igsed_core.metrics.scores.read`.
        """
        return scores.read(self.signed, self.absolute, sign)

    def of_gradient(self) -> Importance:
        """Say that what it was averaged from, if samples, are gradients of samples."""
        if self.elements is None or self.elements.kind != SAMPLE:
            return self
        return replace(self, elements=Elements(self.elements.values, GRADIENT))


class Method(Protocol):
    """One method, with its options set: several clips of one length, some classes of each."""

    def __call__(
        self, classifier: AnyClassifier, waveforms: Tensor, classes: Sequence[Sequence[int]]
    ) -> list[Importance]:
        """Tell for every clip when its classes sound.

        Parameters
        ----------
        classifier
            What is explained: encoder and clip-level head, or a network trained as a whole.
        waveforms
            ``[shape=(n_clips, n_samples)]``
        classes
            Outputs of the classifier to explain, a list per clip.

        Returns
        -------
        list of Importance
            One a clip, its rows in the order of ``classes``.
        """
        ...


def checked(call: Callable[..., list[Importance]]) -> Callable[..., list[Importance]]:
    """Let a method's ``__call__`` have what it can explain: other inputs are converted or refused in a sentence.

    As :func:`igsed_core.models.inputs.clips` says.
    """

    @functools.wraps(call)
    def of_checked(self: Any, classifier: AnyClassifier, waveforms: Any, classes: Any) -> list[Importance]:
        return call(self, classifier, *inputs.clips(classifier, waveforms, classes))

    return of_checked


@dataclass(frozen=True)
class Entry:
    """A line of the registry.

    Attributes
    ----------
    factory
        Makes the method with its default options.
    title
        Its name for a reader.
    family
        One of :data:`FAMILIES`.
    sign
        How the sign is read when the method is compared with others: what its source does.
    """

    factory: Callable[[], Method]
    title: str
    family: str
    sign: str = "absolute"
