"""What a method explains: the log-mel map or the waveform that a network hears. Methods are written against this.

A method on the log-mel map explains the network and takes the front end, which has nothing to learn, as given. A method
on the waveform explains both. A domain gives a method its input, the score of an input, what takes the place of a part
that is taken away, and the way from an attribution of each element to importance over time; its methods need no more.

``of="input"`` is what the network hears: its log-mel map where it has a front end, else the waveform.
"""

from __future__ import annotations

import copy
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from igsed_core.attribution import mel, replacement
from igsed_core.attribution.base import Importance
from igsed_core.attribution.ig.reduced import fold_batch_norm
from igsed_core.attribution.passes import derived
from igsed_core.base.errors import IgsedError
from igsed_core.models.classifier import AnyClassifier, Classifier, NetworkClassifier
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.frontend import FrontEnd

Baseline = replacement.Baseline


class Domain(Protocol):
    """The input of one classifier that a method explains. Time is the first axis of a clip's input."""

    def input(self, waveforms: Tensor) -> Tensor:
        """Return what is explained, without a graph: ``(n_clips, n_samples) -> (n_clips, n_units, ...)``."""
        ...

    def score(self, inputs: Tensor) -> Tensor:
        """Logits: ``(n_clips, n_units, ...) -> (n_clips, n_outputs)``; gradients flow to the inputs."""
        ...

    def baseline(self, clip: Tensor, kind: Baseline, seed: int = 0) -> Tensor:
        """What a clip's input is compared with or replaced by.

        Parameters
        ----------
        clip
            Input of one clip, ``[shape=(n_units, ...)]``.
        kind
            One of :data:`igsed_core.attribution.replacement.KINDS`, a waveform ``(n_samples,)``, or an input of the
            clip's shape.
        seed
            Of the draw of a background.

        Returns
        -------
        Tensor [shape=(n_units, ...)]

        Raises
        ------
        IgsedError
            For an unknown kind, or a tensor of another length.
        """
        ...

    def background(self, clip: Tensor, random: torch.Generator) -> Tensor:
        """Draw a background from the clip's quiet stretches: ``(n_units, ...)``, twice."""
        ...

    def seconds(self, clip: Tensor) -> NDArray[np.float64]:
        """Time of each unit of a clip, ``[shape=(n_units,)]``."""
        ...

    def to_steps(self, attribution: Tensor) -> Importance:
        """Importance over time from the attribution of each element, ``(n_classes, n_units, ...)``."""
        ...


class LogMel:
    """Log-mel maps, ``(n_clips, frames, mels)``, of a classifier with a front end.

    Raises
    ------
    IgsedError
        If it has none.
    """

    def __init__(self, classifier: AnyClassifier) -> None:
        frontend = frontend_of(classifier)
        if frontend is None:
            raise IgsedError(
                f"network {classifier.name!r} has no front end, so there is no log-mel map to explain: "
                "use of='waveform'"
            )
        self._model = mel.folded(classifier) if isinstance(classifier, Classifier) else None
        self._network = lean(classifier) if isinstance(classifier, NetworkClassifier) else None
        self.frontend = frontend if self._model is None else self._model.encoder.frontend

    def input(self, waveforms: Tensor) -> Tensor:
        """As :meth:`Domain.input`."""
        with torch.no_grad():
            return self.frontend(waveforms)

    def score(self, inputs: Tensor) -> Tensor:
        """As :meth:`Domain.score`."""
        if self._network is not None:
            return self._network(inputs)
        assert self._model is not None
        return mel.score(self._model, inputs)

    def baseline(self, clip: Tensor, kind: Baseline, seed: int = 0) -> Tensor:
        """As :meth:`Domain.baseline`."""
        if isinstance(kind, Tensor):
            return replacement.given(clip, self.input(kind[None].to(clip))[0] if kind.ndim == 1 else kind)
        return replacement.of_map(kind, self.frontend, clip, seed)

    def background(self, clip: Tensor, random: torch.Generator) -> Tensor:
        """As :meth:`Domain.background`."""
        return replacement.background(clip, random)

    def seconds(self, clip: Tensor) -> NDArray[np.float64]:
        """As :meth:`Domain.seconds`; a frame is centred on a multiple of the hop."""
        return np.arange(len(clip)) * self.frontend.hop_length / self.frontend.sample_rate

    def to_steps(self, attribution: Tensor) -> Importance:
        """As :meth:`Domain.to_steps`: a step per frame, the mean over its mel bins."""
        return mel.of_map(attribution, self.frontend)


class Waveform:
    """Waveforms, ``(n_clips, n_samples)``, of any classifier."""

    def __init__(self, classifier: AnyClassifier) -> None:
        self.sample_rate = classifier.sample_rate
        frontend = frontend_of(classifier)
        self._behind = None if frontend is None else LogMel(classifier)
        self._network = lean(classifier) if isinstance(classifier, NetworkClassifier) else classifier

    def input(self, waveforms: Tensor) -> Tensor:
        """As :meth:`Domain.input`: a copy."""
        return waveforms.detach().clone()

    def score(self, inputs: Tensor) -> Tensor:
        """As :meth:`Domain.score`."""
        return self._network(inputs) if self._behind is None else self._behind.score(self._behind.frontend(inputs))

    def baseline(self, clip: Tensor, kind: Baseline, seed: int = 0) -> Tensor:
        """As :meth:`Domain.baseline`."""
        return replacement.of_waveform(kind, clip, self.sample_rate, seed)

    def background(self, clip: Tensor, random: torch.Generator) -> Tensor:
        """As :meth:`Domain.background`."""
        return replacement.background_noise(clip, self.sample_rate, random)

    def seconds(self, clip: Tensor) -> NDArray[np.float64]:
        """As :meth:`Domain.seconds`."""
        return np.arange(len(clip)) / self.sample_rate

    def to_steps(self, attribution: Tensor) -> Importance:
        """As :meth:`Domain.to_steps`: steps of 10 ms, the mean over their samples."""
        return mel.of_samples(attribution, self.sample_rate)


DOMAINS: dict[str, type[LogMel] | type[Waveform]] = {"log_mel": LogMel, "waveform": Waveform}
NAMES = ("input", *DOMAINS)


def check_name(name: str) -> str:
    """Return the name of a domain if it is one.

    Raises
    ------
    IgsedError
        If it is none of :data:`NAMES`.
    """
    if name not in NAMES:
        raise IgsedError(f"parameter 'of' is {name!r}: choose one of {', '.join(NAMES)}")
    return name


def of(classifier: AnyClassifier, name: str = "input") -> LogMel | Waveform:
    """Return the input of a classifier that is to be explained.

    Parameters
    ----------
    classifier
        What is explained.
    name
        ``log_mel``, ``waveform``, or ``input``: what the network hears.

    Raises
    ------
    IgsedError
        For an unknown name; if there is no log-mel map and it is asked for; for a bare module.
    """
    check_name(name)
    if not isinstance(classifier, AnyClassifier):
        raise IgsedError(
            f"{type(classifier).__name__} does not say which sample rate and classes it has: "
            "give NetworkClassifier(network, classes=..., sample_rate=...)"
        )
    heard = "waveform" if frontend_of(classifier) is None else "log_mel"
    return DOMAINS[heard if name == "input" else name](classifier)


def frontend_of(classifier: AnyClassifier) -> FrontEnd | None:
    """Return the front end of a classifier, if it has one of mel power and element-wise compression."""
    if isinstance(classifier, NetworkClassifier):
        return classifier.frontend
    encoder = classifier.encoder
    return encoder.frontend if isinstance(encoder, Encoder) and isinstance(encoder.frontend, FrontEnd) else None


def feature_frames(classifier: AnyClassifier, method: str) -> Classifier:
    """Return the classifier if it is a frozen encoder with a head, whose feature frames a method needs.

    Raises
    ------
    IgsedError
        If it has no feature frames; the message names the method.
    """
    if isinstance(classifier, Classifier) and frontend_of(classifier) is not None:
        return classifier
    raise IgsedError(
        f"{method} needs the feature frames of an encoder behind a log-mel front end, which network "
        f"{classifier.name!r} does not have: use a method of another family, such as saliency or occlusion"
    )


def lean(classifier: NetworkClassifier) -> nn.Module:
    """Return a frozen copy of a network, in evaluation mode, made once."""

    def make() -> nn.Module:
        # Folding is for two-dimensional convolutions, on log-mel maps.
        folded = (
            copy.deepcopy(classifier.network) if classifier.frontend is None else fold_batch_norm(classifier.network)
        )
        return folded.eval().requires_grad_(False)

    return derived(classifier, "lean", make)
