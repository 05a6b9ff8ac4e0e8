"""The localiser as a tool: from a recording of any length to events, by a model that saw no time stamp.

For each class and moment there are two questions. Does the class sound at all in the windows that hold the moment? The
clip-level head says so, calibrated on held-out clips. If so, does it sound now? The hidden Markov model against absence
says so (:mod:`igsed_core.detection.absence_hmm`). An event is a stretch where the second probability is above one half;
it is reported if the first reaches the threshold somewhere in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution import mel
from igsed_core.base.errors import IgsedError
from igsed_core.data import long_audio
from igsed_core.detection import localiser_model, localiser_training
from igsed_core.detection.absence_hmm import SoundModel, probability
from igsed_core.detection.localiser_curves import THRESHOLD, Curves
from igsed_core.detection.localiser_model import LocaliserModel
from igsed_core.models import inputs, sliding
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders import registry as encoders
from igsed_core.models.encoders.base import Encoder

HMM_SECONDS = 1800.0  # s that are decoded at a time
HMM_MARGIN = 60.0  # s around, by which a hidden Markov model has forgotten where it began


class Localiser:
    """A trained localiser: recordings in, events out.

    Parameters
    ----------
    model
        What was trained.
    encoder
        The frozen encoder that it was trained with.

    Raises
    ------
    IgsedError
        If the encoder is another one.

    Examples
    --------
    Two classes, tones of 440 and 2000 Hz, and clips of noise that hold one, both or none of them. Only that is told:

    >>> import numpy as np
    >>> from igsed_core.detection.localiser import Localiser
    >>> rate, rng = 32_000, np.random.default_rng(0)
    >>> time = np.arange(4 * rate) / rate
    >>> def clip(*tones):
    ...     sound = 0.001 * rng.standard_normal(time.size)
    ...     for name in tones:
    ...         begin = rng.uniform(0.5, 2.0)
    ...         frequency = {"low": 440.0, "high": 2000.0}[name]
    ...         sound += 0.3 * np.sin(2 * np.pi * frequency * time) * ((time > begin) & (time < begin + 1.5))
    ...     return sound.astype(np.float32)
    >>> held = [[], ["low"], ["high"], ["low", "high"]] * 12
    >>> localiser = Localiser.fit([clip(*tones) for tones in held], held, rate, encoder="embedded")
    >>> localiser.classes
    ('high', 'low')
    >>> sound = np.concatenate([clip(), clip("low"), clip()])
    >>> localiser.locate(sound, rate).columns.tolist()
    ['onset', 'offset', 'event_label', 'probability']
    """

    def __init__(self, model: LocaliserModel, encoder: Encoder) -> None:
        if encoder.name != model.encoder or encoder.weights_sha256 != model.encoder_sha256:
            raise IgsedError(
                f"the model was trained with encoder {model.encoder!r} and weights {model.encoder_sha256[:12]}, "
                f"not with {encoder.name!r} and {encoder.weights_sha256[:12]}: give those weights (--weights)"
            )
        self.model = model
        self.encoder = encoder

    @classmethod
    def load(cls, path: str | Path, weights: str = "") -> Localiser:
        """Read a model file that ``igsed train`` or :meth:`save` wrote.

        Parameters
        ----------
        path
            The file.
        weights
            Of the encoder; empty for its own.

        Raises
        ------
        IgsedError
            As :func:`igsed_core.detection.localiser_model.load`, or if the weights are not those of training.
        """
        model = localiser_model.load(Path(path))
        return cls(model, encoders.load(model.encoder, weights))

    @classmethod
    def fit(
        cls,
        waveforms: Iterable[NDArray[np.floating]],
        labels: Sequence[Sequence[str]],
        sample_rate: int,
        *,
        encoder: str | Encoder = "mn04_as",
        sources: Sequence[str] | None = None,
        seed: int = 0,
        **options: Any,
    ) -> Localiser:
        """Train a localiser on clips of which only is known what sounds in them.

        Parameters
        ----------
        waveforms
            A clip each, of any length, ``[shape=(n_samples,)]``; a sequence is read twice, what is none is kept.
        labels
            Classes of each clip.
        sample_rate
            Of all clips, in Hz.
        encoder
            The encoder or its name.
        sources
            What each clip was cut from; by default each from its own. A source is not divided between training and
            held-out clips.
        seed
            Of the split and of the head.
        **options
            See :class:`igsed_core.detection.localiser_training.Options`.

        Raises
        ------
        IgsedError
            If there are too few clips, or of no class both clips with and without it.
        """
        if isinstance(labels, str) or any(isinstance(one, str) for one in labels):
            raise IgsedError("labels hold a text for a list of names: give a list for each clip, as in [['Bell'], []]")
        known = encoders.load(encoder) if isinstance(encoder, str) else encoder
        # Gates are cut from the waveforms, so these are asked for again; what gives them once only is kept.
        clips = waveforms if isinstance(waveforms, Sequence) else list(waveforms)
        features = [localiser_training.features_of(known, waveform, sample_rate) for waveform in clips]
        sounds = localiser_training.Sounds.of(known, clips, sample_rate)
        trained = localiser_training.fit(known, features, labels, sources=sources, seed=seed, sounds=sounds, **options)
        return cls(trained.model, known)

    def save(self, path: str | Path) -> None:
        """Write the model as one file."""
        self.model.save(Path(path))

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""
        return self.model.classes

    def locate(
        self,
        waveform: NDArray[np.floating],
        sample_rate: int,
        *,
        threshold: float = THRESHOLD,
        min_duration: float = 0.0,
        classes: Sequence[str] = (),
        shifts: int | None = None,
        edges: bool = True,
    ) -> pd.DataFrame:
        """Find the events of a recording.

        Parameters
        ----------
        waveform
            Mono, ``[shape=(n_samples,)]``, or ``(n_samples, n_channels)``, which is mixed down.
        sample_rate
            In Hz.
        threshold, min_duration, classes, edges
            See :meth:`igsed_core.detection.localiser_curves.Curves.events`; seconds.
        shifts
            Of a feature frame; by default the model's. 1 is eight times as fast, in coarser steps.

        Returns
        -------
        pd.DataFrame
            ``onset, offset`` (s), ``event_label, probability``.

        Raises
        ------
        IgsedError
            If the waveform is none, or a parameter has no sense.
        """
        found = self.curves(waveform, sample_rate, shifts=shifts)
        return found.events(threshold=threshold, min_duration=min_duration, classes=classes, edges=edges)

    def curves(self, waveform: NDArray[np.floating], sample_rate: int, *, shifts: int | None = None) -> Curves:
        """Return the probabilities behind :meth:`locate`; its parameters (samples as there; Hz).

        The waveform is ``[shape=(n_samples,)]`` or ``(n_samples, n_channels)``.
        """
        mono = inputs.mixed_down(waveform)
        rate = long_audio.check_rate(sample_rate, "the waveform")
        return self.of_blocks(long_audio.blocks(mono, rate, self.encoder.frontend.sample_rate), shifts=shifts)

    def of_file(
        self,
        path: Path,
        *,
        shifts: int | None = None,
        progress: Callable[[float], object] = lambda seconds: None,
    ) -> Curves:
        """Return the probabilities of a file, which is read block by block.

        Raises
        ------
        IgsedError
            As :func:`igsed_core.data.long_audio.stream`.
        """
        blocks = long_audio.stream(path, self.encoder.frontend.sample_rate)
        return self.of_blocks(blocks, shifts=shifts, progress=progress)

    def of_blocks(
        self,
        blocks: Iterable[NDArray[np.float32]],
        *,
        shifts: int | None = None,
        progress: Callable[[float], object] = lambda seconds: None,
    ) -> Curves:
        """Return the probabilities of a stream of samples at the encoder's rate, ``[shape=(n_samples,)]`` each."""
        shifts = self.model.shifts if shifts is None else shifts
        slid = sliding.slide(
            self.encoder,
            blocks,
            partial(_apply, self._lean),  # made here: torch.fx cannot be used by several of the threads at once
            shifts=shifts,
            window=self.model.window,
            workers=os.cpu_count() or 1,
            progress=progress,
        )
        here = np.zeros_like(slid.values)
        for c, label in enumerate(self.classes):
            if label in self.model.sounds:
                found = probability(_decoded(self.model.sounds[label], slid.values[:, c], shifts, slid.step))
                here[:, c] = np.where(slid.silent, 0.0, found)
        slope, offset = self.model.calibration.T
        # A sound model's classes alone can be located; the others stay at zero.
        around = _around(slid, probability(slid.of_windows * slope + offset))
        n = max(1, int(np.ceil((slid.duration - slid.start) / slid.step - 1e-9)))
        corrections = self.model.corrections
        return Curves(self.classes, here[:n], around[:n], slid.step, slid.start, slid.duration, corrections)

    @cached_property
    def _lean(self) -> Any:
        return mel.folded(Classifier(self.encoder, self.model.head).eval())


def _apply(lean: Any, log_mel: Tensor) -> tuple[Tensor, Tensor]:
    features = mel.feature_map(lean, log_mel).mean(dim=2).transpose(1, 2)  # (n, time, n_features)
    return lean.head.frame_logits(features), lean.head.clip_logits(features)


def _decoded(sound: SoundModel, logits: NDArray[np.floating], shifts: int, step: float) -> NDArray[np.float64]:
    """Log-odds of presence of every step, decoded in pieces: ``(n_steps,) -> (n_steps,)``."""
    length, margin = (shifts * max(1, round(seconds / (shifts * step))) for seconds in (HMM_SECONDS, HMM_MARGIN))
    made = []
    for first in range(0, len(logits), length):
        begin = max(0, first - margin)
        piece = sound.log_odds_interleaved(logits[begin : first + length + margin], shifts)
        made.append(piece[first - begin : first - begin + length])
    return np.concatenate(made)


def _around(slid: sliding.Slid, of_windows: NDArray[np.float64]) -> NDArray[np.float32]:
    """Mean of the windows that hold the middle of each step: ``(n_windows, n) -> (n_steps, n)``."""
    n_steps = len(slid.values)
    bounds = np.round((slid.windows - slid.start) / slid.step).astype(np.int64).clip(0, n_steps)

    def held_by(of: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Sum over the windows that hold a step: ``(n_windows,) -> (n_steps,)``."""
        change = np.zeros(n_steps + 1)
        np.add.at(change, bounds[:, 0], of)
        np.add.at(change, bounds[:, 1], -of)
        return np.cumsum(change)[:-1]

    n = held_by(1.0)
    held = np.maximum.accumulate(np.where(n > 0, np.arange(n_steps), -1)).clip(0)  # after the last window: as before
    first = int((n > 0).argmax())
    held = np.maximum(held, first)
    mean = np.empty(slid.values.shape, dtype=np.float32)
    for c, of in enumerate(of_windows.T):  # one class at a time: of a day there are many steps
        mean[:, c] = (held_by(of) / np.maximum(n, 1))[held].clip(0, 1)
    return mean
