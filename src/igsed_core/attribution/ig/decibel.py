"""Engine `mel_path`: the same Integrated Gradients as Captum's, on the mel map and by any rule.

The front end runs once per clip, each forward pass serves all classes, several clips share a batch.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from igsed_core.attribution import replacement
from igsed_core.attribution.ig import adaptive, mel_path, straight
from igsed_core.attribution.ig import quadrature as quadratures
from igsed_core.attribution.ig.base import Attribution
from igsed_core.attribution.ig.mel_path import Task
from igsed_core.attribution.ig.reduced import PRECISIONS, MelScore, UnsupportedEncoder
from igsed_core.attribution.replacement import Baseline
from igsed_core.base.errors import IgsedError
from igsed_core.models import inputs
from igsed_core.models.classifier import AnyClassifier

TARGETS = ("logit", "probability")


class MelPathIntegratedGradients:
    """Integrated Gradients from silence (or, on the straight path, another baseline), integrated over the mel map.

    Parameters
    ----------
    quadrature
        The rule, one of :data:`igsed_core.attribution.ig.quadrature.NAMES`.
    n_steps
        Points on the path; with ``db_adaptive`` the most that a clip may take.
    target
        ``logit`` or ``probability``.
    batch
        Mel maps in one forward pass, of one clip or several; it bounds memory and changes nothing else.
    tolerance
        Relative completeness error at which ``db_adaptive`` stops.
    floor
        Level re the clip, in dB, at which the decibel rules begin; 0: found for each clip, see
        :func:`igsed_core.attribution.ig.mel_path.floor`.
    precision
        ``float32`` (the classifier's own), or ``bfloat16`` for the network where the processor has it.
    fallback
        Leave encoders without the needed form to Captum: by the same rule where it is one of Captum's, else
        by its 50 points of Gauss-Legendre.
    baseline
        ``silence``; with a straight rule also another of :data:`igsed_core.attribution.replacement.KINDS`, made from
        the clip's own waveform, or a waveform as long as the clip.
    seed
        Of the draw, where the baseline is a background.

    Raises
    ------
    IgsedError
        For an unknown name or a value out of range; for another baseline than silence with a decibel rule.
    """

    def __init__(
        self,
        *,
        quadrature: str = quadratures.ADAPTIVE,
        n_steps: int = 32,
        target: str = "logit",
        batch: int = 8,
        tolerance: float = 0.05,
        floor: float = 0.0,
        precision: str = "float32",
        fallback: bool = False,
        baseline: Baseline = "silence",
        seed: int = 0,
    ) -> None:
        for name, value, choices in (
            ("quadrature", quadrature, quadratures.NAMES),
            ("target", target, TARGETS),
            ("precision", precision, PRECISIONS),
        ):
            if value not in choices:
                raise IgsedError(f"parameter {name!r} is {value!r}: choose one of {', '.join(choices)}")
        if batch < 1:
            raise IgsedError(f"parameter 'batch' is {batch}: use at least 1")
        if floor > 0:
            raise IgsedError(f"parameter 'floor' is {floor} dB: use a negative level, or 0 for automatic")
        if quadrature != quadratures.ADAPTIVE:
            quadratures.points(quadrature, n_steps, -1.0)
        elif n_steps < 1:
            raise IgsedError(f"parameter 'n_steps' is {n_steps}: quadrature {quadrature!r} needs at least 1")
        self.quadrature = quadrature
        self.n_steps = n_steps
        self.target = target
        self.batch = batch
        self.tolerance = tolerance
        self.floor = floor
        self.precision = precision
        if not replacement.is_silence(replacement.checked(baseline)) and quadrature not in quadratures.STRAIGHT:
            raise IgsedError(
                f"the path of quadrature {quadrature!r} goes over levels, which begin at silence: "
                f"leave baseline='silence', or choose a straight rule, one of {', '.join(quadratures.STRAIGHT)}"
            )
        self.fallback = fallback
        self.baseline = baseline
        self.seed = seed
        self._models: weakref.WeakKeyDictionary[AnyClassifier, tuple[object, MelScore | None]] = (
            weakref.WeakKeyDictionary()
        )

    def __call__(self, classifier: AnyClassifier, waveform: Tensor, classes: Sequence[int]) -> Attribution:
        """Attribute the scores of ``classes`` to the samples of ``waveform`` ``(n_samples,)``.

        Raises
        ------
        IgsedError
            If the encoder is no front end of mel power and element-wise compression, then a network, and
            ``fallback`` is not set; if the processor has no bfloat16 and it is asked for; if the waveform or the
            classes are none that can be explained (:func:`igsed_core.models.inputs.one_clip`).
        """
        waveform, classes = inputs.one_clip(classifier, waveform, classes)
        return self.many(classifier, waveform[None], [classes])[0]

    def many(self, classifier: AnyClassifier, waveforms: Tensor, classes: Sequence[Sequence[int]]) -> list[Attribution]:
        """Attribute several clips of one length together.

        Parameters
        ----------
        classifier
            What is explained.
        waveforms
            ``[shape=(n_clips, n_samples)]``
        classes
            Outputs to explain, one list per clip; none may be empty.

        Raises
        ------
        IgsedError
            As in calling the engine.
        """
        waveforms, classes = inputs.clips(classifier, waveforms, classes)
        model = self._model(classifier, waveforms[0])
        if model is None:
            return [self._captum(classifier, clip, wanted) for clip, wanted in zip(waveforms, classes, strict=True)]
        return [
            attribution
            for start in range(0, len(waveforms), self.batch)
            for attribution in self._together(
                model, waveforms[start : start + self.batch], classes[start : start + self.batch]
            )
        ]

    def _together(self, model: MelScore, waveforms: Tensor, classes: Sequence[Sequence[int]]) -> list[Attribution]:
        if not replacement.is_silence(self.baseline):
            return self._from_baseline(model, waveforms, classes)
        waveforms = waveforms.detach().requires_grad_()
        to_waveform = model.encoder.frontend.power(waveforms)  # (n_clips, frames, mels)
        power = to_waveform.detach()
        task = Task(power, [[int(c) for c in wanted] for wanted in classes])
        silence = model.silence(power)  # (n_outputs,)
        score = mel_path.scores(model, power, batch=self.batch)  # (n_clips, n_outputs)
        floors = self._floors(model, power, silence, score)
        if self.quadrature == quadratures.ADAPTIVE:
            integral, used = adaptive.integrate(
                model,
                task,
                floors,
                silence,
                score,
                n_steps=self.n_steps,
                tolerance=self.tolerance,
                batch=self.batch,
            )
        else:
            points = [quadratures.points(self.quadrature, self.n_steps, lowest) for lowest in floors]
            gains, weights = (np.stack(values) for values in zip(*points, strict=True))
            integral = mel_path.integrate(model, task, gains, weights, batch=self.batch)
            used = torch.full((len(power), task.n_slots), self.n_steps)
        samples = mel_path.to_samples(waveforms, to_waveform, integral)  # (n_clips, n_slots, n_samples)
        time_frequency = 2 * power[:, None] * integral  # (n_clips, n_slots, frames, mels)
        return [
            Attribution(
                samples=samples[clip, : len(wanted)],
                score=score[clip, wanted],
                baseline_score=silence[wanted],
                n_steps=int(used[clip].max()),
                points=used[clip, : len(wanted)],
                frames=time_frequency[clip, : len(wanted)].sum(dim=-1),
                time_frequency=time_frequency[clip, : len(wanted)],
            )
            for clip, wanted in enumerate(task.classes)
        ]

    def _from_baseline(self, model: MelScore, waveforms: Tensor, classes: Sequence[Sequence[int]]) -> list[Attribution]:
        rate = model.encoder.frontend.sample_rate
        baselines = [replacement.of_waveform(self.baseline, clip, rate, self.seed) for clip in waveforms.detach()]
        points = quadratures.points(self.quadrature, self.n_steps, 0.0)
        found = straight.integrate(model, waveforms.detach(), torch.stack(baselines), classes, points, batch=self.batch)
        return [
            Attribution(
                samples=found.samples[clip, : len(wanted)],
                score=found.score[clip, list(wanted)],
                baseline_score=found.baseline_score[clip, list(wanted)],
                n_steps=self.n_steps,
                points=torch.full((len(wanted),), self.n_steps),
                frames=found.time_frequency[clip, : len(wanted)].sum(dim=-1),
                time_frequency=found.time_frequency[clip, : len(wanted)],
            )
            for clip, wanted in enumerate(classes)
        ]

    def _floors(self, model: MelScore, power: Tensor, silence: Tensor, score: Tensor) -> list[float]:
        if self.quadrature in quadratures.STRAIGHT or self.floor:
            return [self.floor] * len(power)
        return mel_path.floor(model, power, silence, score, batch=self.batch)

    def _model(self, classifier: AnyClassifier, waveform: Tensor) -> MelScore | None:
        """Return the classifier's copy for the path, made when it is first seen and after it has changed."""
        # In-place changes, such as training steps, raise a tensor's version.
        state = (waveform.device, waveform.dtype, sum(p._version for p in classifier.parameters()))
        known = self._models.get(classifier)
        if known is None or known[0] != state:
            known = (state, self._checked_model(classifier, waveform))
            self._models[classifier] = known
        return known[1]

    def _checked_model(self, classifier: AnyClassifier, waveform: Tensor) -> MelScore | None:
        try:
            model = MelScore(classifier, target=self.target)
            model.check(classifier, waveform)
        except UnsupportedEncoder:
            if not self.fallback:
                raise
            return None
        if self.precision == "bfloat16":
            model.reduce()
        return model

    def _captum(self, classifier: AnyClassifier, waveform: Tensor, classes: Sequence[int]) -> Attribution:
        from igsed_core.attribution.ig.captum_ig import CaptumIntegratedGradients

        quadrature, n_steps = (
            (self.quadrature, self.n_steps) if self.quadrature in quadratures.STRAIGHT else ("gausslegendre", 50)
        )
        engine = CaptumIntegratedGradients(
            quadrature=quadrature,
            n_steps=n_steps,
            target=self.target,
            internal_batch_size=self.batch,
            baseline=self.baseline,
            seed=self.seed,
        )
        return engine(classifier, waveform, classes)
