"""What methods on the log-mel map share: the folded network, gradients of several classes, means over time.

A method on the log-mel map explains the network and takes the front end, which has nothing to learn, as given.
A method on the waveform explains both. Everything here works on batches of clips of one length; a forward pass
serves all classes.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from igsed_core.attribution.base import Importance
from igsed_core.attribution.ig.reduced import MelScore
from igsed_core.metrics import frames
from igsed_core.models.classifier import Classifier
from igsed_core.models.frontend import FrontEnd

Made = TypeVar("Made")

STEP = 0.01  # s, of attributions of samples
BATCH = 4  # maps in one forward pass: larger ones leave the cache of a processor and take longer

_derived: weakref.WeakKeyDictionary[Classifier, tuple[object, dict[str, Any]]] = weakref.WeakKeyDictionary()


def derived(classifier: Classifier, what: str, make: Callable[[], Made]) -> Made:
    """Return what is made from a classifier, kept until the classifier is gone or has changed.

    Parameters
    ----------
    classifier
        What it is made from.
    what
        Its name, one for each way of making.
    make
        Called when there is none yet.
    """
    parameters = list(classifier.parameters())
    # In-place changes, such as training steps, raise a tensor's version.
    state = (parameters[0].device, parameters[0].dtype, sum(p._version for p in parameters))
    known = _derived.get(classifier)
    if known is None or known[0] != state:
        known = (state, {})
        _derived[classifier] = known
    if what not in known[1]:
        known[1][what] = make()
    return known[1][what]


def folded(classifier: Classifier) -> MelScore:
    """Return the lean copy of a classifier, made once.

    Raises
    ------
    igsed_core.attribution.ig.reduced.UnsupportedEncoder
        If the encoder is no front end, then a network.
    """
    return derived(classifier, "folded", lambda: MelScore(classifier))


def log_mel(model: MelScore, waveforms: Tensor) -> Tensor:
    """Log-mel maps without a graph: ``(n_clips, n_samples) -> (n_clips, frames, mels)``."""
    with torch.no_grad():
        return model.encoder.frontend(waveforms)


def silence(model: MelScore, log_mel: Tensor) -> Tensor:
    """What the front end gives for silence, a single number: ``[shape=()]``."""
    return model.encoder.frontend.compress(log_mel.new_zeros(()))


def feature_map(model: MelScore, log_mel: Tensor) -> Tensor:
    """(n_clips, frames, mels) -> (n_clips, channels, freq, time)."""
    return model.encoder.feature_map(log_mel)


def score_features(model: MelScore, features: Tensor) -> Tensor:
    """Logits of a feature map: (n_clips, channels, freq, time) -> (n_clips, n_outputs)."""
    return model.head.clip_logits(features.mean(dim=2).transpose(1, 2))


def score(model: MelScore, log_mel: Tensor) -> Tensor:
    """Logits of log-mel maps: (n_clips, frames, mels) -> (n_clips, n_outputs)."""
    return score_features(model, feature_map(model, log_mel))


def scores_of(model: MelScore, maps: Iterator[Tensor]) -> Tensor:
    """Logits of many log-mel maps without a graph, in batches: n of (frames, mels) -> (n, n_outputs)."""
    logits: list[Tensor] = []
    batch: list[Tensor] = []
    with torch.no_grad():
        for one in maps:
            batch.append(one)
            if len(batch) == BATCH:
                logits.append(score(model, torch.stack(batch)))
                batch = []
        if batch:
            logits.append(score(model, torch.stack(batch)))
    return torch.cat(logits)


def gradients(logits: Tensor, inputs: Tensor, classes: Sequence[Sequence[int]]) -> list[Tensor]:
    """Gradient of each clip's explained classes, by as many backward passes as a clip has classes at most.

    Parameters
    ----------
    logits
        ``[shape=(n_clips, n_outputs)]``; no clip's depend on another's input.
    inputs
        ``[shape=(n_clips, ...)]``
    classes
        Outputs to explain, a list per clip.

    Returns
    -------
    list of Tensor
        One a clip, ``[shape=(n_classes, ...)]``.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.mel import gradients
    >>> inputs = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> logits = inputs**2  # output k of a clip is the square of its input k
    >>> [found.tolist() for found in gradients(logits, inputs, [[0], [1, 0]])]
    [[[2.0, 0.0]], [[0.0, 8.0], [6.0, 0.0]]]
    """
    slots = max(len(wanted) for wanted in classes)
    found: list[list[Tensor]] = [[] for _ in classes]
    for slot in range(slots):
        rows = [row for row, wanted in enumerate(classes) if slot < len(wanted)]
        outputs = [int(classes[row][slot]) for row in rows]
        (gradient,) = torch.autograd.grad(logits[rows, outputs].sum(), inputs, retain_graph=slot + 1 < slots)
        for row in rows:
            found[row].append(gradient[row])
    return [torch.stack(of_clip) if of_clip else inputs.new_zeros(0, *inputs.shape[1:]) for of_clip in found]


def input_gradients(
    model: MelScore, waveforms: Tensor, classes: Sequence[Sequence[int]], of: str
) -> tuple[Tensor, list[Tensor]]:
    """Gradients with respect to one of the two inputs that a method may explain.

    Parameters
    ----------
    model
        The classifier.
    waveforms
        ``[shape=(n_clips, n_samples)]``
    classes
        Outputs to explain, a list per clip.
    of
        ``waveform`` or ``log_mel``.

    Returns
    -------
    inputs : Tensor [shape=(n_clips, ...)]
        The waveforms, or their log-mel maps; without a graph.
    gradients : list of Tensor
        As :func:`gradients` has them.
    """
    inputs = waveforms.detach().clone() if of == "waveform" else log_mel(model, waveforms)
    inputs.requires_grad_()
    maps = model.encoder.frontend(inputs) if of == "waveform" else inputs
    return inputs.detach(), gradients(score(model, maps), inputs, classes)


def importance(attribution: Tensor, frontend: FrontEnd, of: str) -> Importance:
    """Means over time of what a ``waveform`` (:func:`of_samples`) or a ``log_mel`` map (:func:`of_map`) was given.

    Parameters
    ----------
    attribution
        ``[shape=(n_classes, n_samples)]``, or ``(n_classes, frames, mels)``.
    frontend
        Its rate and hop length say what a step is.
    of
        ``waveform`` or ``log_mel``.
    """
    return of_samples(attribution, frontend.sample_rate) if of == "waveform" else of_map(attribution, frontend)


def of_map(attribution: Tensor, frontend: FrontEnd) -> Importance:
    """Means over the mel bins: ``(n_classes, frames, mels)``; a frame is centred on a multiple of the hop."""
    step = frontend.hop_length / frontend.sample_rate
    signed, absolute = (values.mean(dim=-1).cpu().numpy() for values in (attribution, attribution.abs()))
    return Importance(signed.astype(np.float32), absolute.astype(np.float32), step, -step / 2)


def of_samples(attribution: Tensor, sample_rate: int) -> Importance:
    """Means over 10 ms, as the paper's (section II-C): ``(n_classes, n_samples)``.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.mel import of_samples
    >>> found = of_samples(torch.tensor([[1.0, -1.0, 3.0, 1.0]]), sample_rate=200)
    >>> found.signed.tolist(), found.absolute.tolist(), found.step
    ([[0.0, 2.0]], [[1.0, 2.0]], 0.01)
    """
    window = round(STEP * sample_rate)
    values = attribution.cpu().numpy()
    signed, absolute = (frames.window_mean(v, window).astype(np.float32) for v in (values, np.abs(values)))
    return Importance(signed, absolute, STEP)
