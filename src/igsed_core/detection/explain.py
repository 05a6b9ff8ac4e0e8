"""Ask any classifier when its classes sound: one call from a torch module and a waveform to importance and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from igsed_core.attribution import registry
from igsed_core.attribution.base import Importance
from igsed_core.base.errors import IgsedError
from igsed_core.data import long_audio
from igsed_core.detection.thresholds import registry as rules
from igsed_core.detection.thresholds.postprocessing import minimum_duration
from igsed_core.metrics import frames
from igsed_core.models import inputs
from igsed_core.models.classifier import AnyClassifier, Classifier, NetworkClassifier

FRAME = 0.1  # s
# Beyond this a module that hears the waveform needs more memory than most machines have.
LONGEST = 60.0  # s
IG = "ig"  # Integrated Gradients by the engine that fits: the decibel path where there is a log-mel map, else Captum


class _Logits(nn.Module):
    """A module whose answer is logits, alone or in an object or mapping that holds them (Hugging Face)."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, waveform: Tensor) -> Tensor:
        answer: Any = self.module(waveform)
        if not isinstance(answer, Tensor):
            answer = answer.get("logits") if isinstance(answer, dict) else getattr(answer, "logits", None)
        if not isinstance(answer, Tensor) or answer.ndim != 2 or len(answer) != len(waveform):
            shape = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
            raise IgsedError(
                f"the module answers {len(waveform)} waveforms with {shape}, expected logits (batch, n_classes): wrap "
                "it in a module that gives them"
            )
        return answer


@dataclass(frozen=True, eq=False)
class Explanation:
    """When a classifier's classes sound, as one method tells.

    Attributes
    ----------
    classes
        The explained classes.
    logits
        Of the recording, ``[shape=(n_classes,)]``.
    importance
        Of the explained classes over time.
    sign
        How the method's sign is read, see :data:`igsed_core.attribution.registry.READINGS`.
    duration
        Of the recording, in seconds.
    """

    classes: tuple[str, ...]
    logits: NDArray[np.float64]
    importance: Importance
    sign: str
    duration: float

    def scores(self, frame_length: float = FRAME) -> NDArray[np.float64]:
        """Importance in frames of some length in seconds, as it is read, ``[shape=(n_classes, n_frames)]``."""
        found = self.importance
        return frames.average(
            found.read_as(self.sign),
            step=found.step,
            start=found.start,
            frame_length=frame_length,
            n_frames=frames.n_frames(self.duration, frame_length),
            duration=self.duration,
        )

    def events(
        self,
        rule: str = "smooth_log_hmm",
        parameter: float = float("nan"),
        *,
        frame_length: float = FRAME,
        min_duration: float = 0.0,
    ) -> pd.DataFrame:
        """Turn importance into events.

        Parameters
        ----------
        rule, parameter
            A threshold rule (:data:`igsed_core.detection.thresholds.registry.RULES`) and its parameter, if it has one.
        frame_length, min_duration
            Of frames, and of events and gaps, in seconds.

        Returns
        -------
        pd.DataFrame
            ``onset, offset`` (s), ``event_label, probability``: that of the class in the whole recording, if its logit
            is one of a sigmoid.

        Raises
        ------
        IgsedError
            For an unknown rule, or one that needs a parameter.
        """
        scores = self.scores(frame_length)
        if rules.get(rule).acts_on == "log":
            scores = np.maximum(scores, 0.0)
        made = []
        labels = np.array(self.classes)
        masks = rules.get(rule).apply(scores, parameter, frame_length=frame_length, labels=labels)
        masks = minimum_duration(masks, min_duration, frame_length=frame_length)
        for label, logit, mask in zip(self.classes, self.logits, masks, strict=True):
            for onset, offset in frames.runs(mask) * frame_length:
                known = float(1 / (1 + np.exp(-logit)))
                made.append((float(onset), min(float(offset), self.duration), label, known))
        table = pd.DataFrame(made, columns=["onset", "offset", "event_label", "probability"])
        return table.sort_values(["onset", "offset"], ignore_index=True)


def as_classifier(model: nn.Module, classes: Sequence[str], sample_rate: int) -> AnyClassifier:
    """Return a module as methods take it; a classifier of this project is returned as it is.

    Parameters
    ----------
    model, classes
        As :func:`explain` takes them.
    sample_rate
        That the module hears, in Hz.

    Raises
    ------
    IgsedError
        If there is no such rate.
    """
    if isinstance(model, Classifier | NetworkClassifier):
        return model
    heard = long_audio.check_rate(sample_rate, "what the model hears")
    return NetworkClassifier(_Logits(model), classes=tuple(classes), sample_rate=heard, name=type(model).__name__)


def method_of(name: str, classifier: AnyClassifier) -> str:
    """Return the method of the registry that a name means: of :data:`IG` the engine that fits the classifier."""
    if name != IG:
        return name
    return "ig_db" if isinstance(classifier, Classifier) else "ig_captum"


def _answer(classifier: AnyClassifier, clip: Tensor) -> NDArray[np.float64]:
    """Logits of the only clip, ``[shape=(n_classes,)]``."""
    try:
        logits: NDArray[np.float64] = classifier(clip)[0].double().cpu().numpy()
    except RuntimeError as error:
        raise IgsedError(
            f"the model fails on a recording of {clip.shape[-1] / classifier.sample_rate:.3f} s ({error}): give a "
            "longer one, or mend the model"
        ) from error
    if not np.isfinite(logits).all():
        raise IgsedError("the model answers with NaN or infinity: see to its weights")
    return logits


def explain(
    model: nn.Module,
    waveform: NDArray[np.floating] | Tensor,
    sample_rate: int,
    classes: Sequence[str] = (),
    *,
    method: str = "saliency_waveform",
    targets: Sequence[str] = (),
    model_rate: int | None = None,
) -> Explanation:
    """Ask a classifier when its classes sound.

    Parameters
    ----------
    model
        Any module from waveforms ``(batch, n_samples)`` to logits ``(batch, n_classes)``, or to an object with
        ``logits``. One of this project (:class:`igsed_core.models.classifier.Classifier`) is known with its front end,
        so that every method can be used.
    waveform
        A recording of up to a minute, ``[shape=(n_samples,)]`` or ``(n_samples, n_channels)``.
    sample_rate
        Of the waveform, in Hz.
    classes
        Names of the outputs, in order; a classifier of this project knows them.
    method
        One of :data:`igsed_core.attribution.registry.REGISTRY`, or ``ig`` for Integrated Gradients by the engine that
        fits. One that needs a log-mel map or feature frames says so.
    targets
        Classes to explain; by default those with a positive logit, and at least the highest one.
    model_rate
        Rate that the model hears, in Hz; by default the waveform's. The waveform is resampled.

    Returns
    -------
    Explanation

    Raises
    ------
    IgsedError
        For an unknown method or class, a waveform that is none, a module that gives no logits, or a method that needs
        what the module has not.

    Examples
    --------
    A network with one output that measures power; the sound is in the second half:

    >>> import numpy as np, torch
    >>> from igsed_core.detection.explain import explain
    >>> class Power(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.square().mean(dim=1, keepdim=True)
    >>> sound = np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
    >>> sound[:16_000] *= 0.001
    >>> found = explain(Power(), sound, 16_000, ["Noise"], method="saliency_waveform")
    >>> found.events("otsu")[["onset", "offset", "event_label"]].values.tolist()
    [[1.0, 2.0, 'Noise']]
    """
    rate = long_audio.check_rate(sample_rate, "the waveform")
    given = waveform.detach().cpu().numpy() if isinstance(waveform, Tensor) else waveform
    mono = np.asarray(inputs.mixed_down(given), dtype=np.float32)
    classifier = as_classifier(model, classes, rate if model_rate is None else model_rate)
    if rate != classifier.sample_rate:
        mono = soxr.resample(mono, rate, classifier.sample_rate, quality="VHQ")
    duration = len(mono) / classifier.sample_rate
    if duration > LONGEST:
        raise IgsedError(f"the recording is {duration:.0f} s long: explain at most {LONGEST:g} s at a time, cut it")
    method = method_of(method, classifier)
    explained = registry.create(method)
    was_training = classifier.training
    classifier.eval()
    try:
        clip = torch.from_numpy(np.ascontiguousarray(mono))[None]
        with torch.no_grad():
            logits = _answer(classifier, clip)
        names = tuple(classifier.classes)
        if len(names) != len(logits):
            raise IgsedError(f"the model has {len(logits)} outputs and {len(names)} class names: name every output")
        if unknown := [name for name in targets if name not in names]:
            raise IgsedError(f"class {unknown[0]!r} is none of the model's: choose from {', '.join(names)}")
        if twice := [name for n, name in enumerate(targets) if name in targets[:n]]:
            raise IgsedError(f"class {twice[0]!r} is given twice among those to explain: name it once")
        wanted = (
            [names.index(name) for name in targets] or np.flatnonzero(logits > 0).tolist() or [int(logits.argmax())]
        )
        importance = explained(classifier, clip, [wanted])[0]
    finally:
        classifier.train(was_training)
    return Explanation(
        tuple(names[c] for c in wanted), logits[wanted], importance, registry.REGISTRY[method].sign, duration
    )
