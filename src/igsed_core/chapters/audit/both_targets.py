"""Maps of the logit and of the probability by the paper's quadrature, from one pass: what the factorial needs.

The straight path with Captum's Gauss-Legendre points on the mel map is Captum's attribution up to rounding, from
silence and from any other baseline; the tests of the engines hold that. Encoders that the path over mel power does not
suit are left to Captum itself.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from igsed_core.attribution import maps, replacement, runner
from igsed_core.attribution.explainer import Explainer, noise
from igsed_core.attribution.ig import quadrature, straight
from igsed_core.attribution.ig.base import Attribution
from igsed_core.attribution.ig.captum_ig import CaptumIntegratedGradients
from igsed_core.attribution.ig.decibel import TARGETS
from igsed_core.attribution.ig.reduced import MelScore, UnsupportedEncoder
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models.classifier import Classifier

RULE, N_STEPS = "gausslegendre", 50  # the paper's: Captum's default rule, n = 50 (section II-C)
Loaded = tuple[Classifier, MelScore | None]


@dataclass(frozen=True, eq=False)
class _Item:
    """One clip from one baseline; by target the file and what it says of itself."""

    explainer: Explainer
    baseline: str
    seed: int
    batch: int
    files: Mapping[str, tuple[Path, dict[str, Any]]]


def compute(
    explainer: Explainer,
    pairs: pd.DataFrame,
    out_dir: Path,
    *,
    baselines: Sequence[str],
    seed: int,
    workers: int,
) -> dict[tuple[str, str], ScoresOverTime]:
    """Explain some pairs from each baseline; what is there is not computed again.

    Parameters
    ----------
    explainer
        Encoder, head and clips; of its engine and options the batch is used.
    pairs
        ``split, clip, label``
    out_dir
        One file per baseline, target and clip is kept here.
    baselines
        Of :data:`igsed_core.attribution.replacement.KINDS`.
    seed
        Of the draw, where the baseline is a background.
    workers
        See :func:`igsed_core.attribution.runner.run`.

    Returns
    -------
    dict
        (Baseline, target) -> maps, as :func:`igsed_core.attribution.maps.compute` gives them.
    """
    options = dict(explainer.options)
    batch = int(options.get("batch", options.get("internal_batch_size", 8)))
    who = {
        (baseline, target): replace(
            explainer,
            engine="mel_path",
            options=tuple(
                {"quadrature": RULE, "n_steps": N_STEPS, "target": target, "baseline": baseline, "seed": seed}.items()
            ),
        ).identity()
        for baseline in baselines
        for target in TARGETS
    }
    folder = {key: out_dir / "_".join(key) for key in who}
    jobs = []
    for baseline in baselines:
        for split, clip, labels in maps.clips_of(pairs):
            mine = {
                target: (
                    folder[baseline, target] / f"{clip}.npz",
                    maps.of_clip(split, clip, labels, who[baseline, target]),
                )
                for target in TARGETS
            }
            item = _Item(explainer.of_clip(clip), baseline, seed, batch, mine)
            jobs.append(runner.Job(item, tuple(path for path, _ in mine.values())))
    runner.run(
        jobs,
        functools.partial(load, explainer.without_clips()),
        _explain,
        what="both targets",
        workers=workers,
        device=explainer.device,
    )
    return {key: maps.read(folder[key], pairs, who[key]) for key in who}


def load(explainer: Explainer) -> Loaded:
    """Load the classifier and its lean copy; None where the path over mel power does not suit it."""
    classifier = explainer.load()[0]
    try:
        model = MelScore(classifier, target="logit")
        model.check(classifier, noise(classifier, explainer.device))
    except UnsupportedEncoder:
        return classifier, None
    return classifier, model


def attribute(
    loaded: Loaded, waveform: Tensor, classes: Sequence[int], *, baseline: str, seed: int, batch: int
) -> dict[str, Attribution]:
    """Attribute logits and probabilities of one clip.

    Parameters
    ----------
    loaded
        From :func:`load`.
    waveform
        ``[shape=(n_samples,)]``
    classes
        Outputs to explain.
    baseline, seed
        As for :class:`igsed_core.attribution.ig.captum_ig.CaptumIntegratedGradients`.
    batch
        Points in one forward pass; it bounds memory and changes nothing else.

    Returns
    -------
    dict
        Target -> attribution.
    """
    classifier, model = loaded
    if model is None:
        return {
            target: CaptumIntegratedGradients(
                quadrature=RULE,
                n_steps=N_STEPS,
                target=target,
                internal_batch_size=batch,
                baseline=baseline,
                seed=seed,
            )(classifier, waveform, classes)
            for target in TARGETS
        }
    begin = replacement.of_waveform(baseline, waveform, classifier.encoder.frontend.sample_rate, seed)
    points = quadrature.points(RULE, N_STEPS, 0.0)
    found = straight.integrate_both(model, waveform[None], begin[None], [classes], points, batch=batch)
    return {
        target: Attribution(one.samples[0], one.score[0, classes], one.baseline_score[0, classes], N_STEPS)
        for target, one in found.items()
    }


def _explain(loaded: Loaded, item: _Item) -> None:
    classifier = loaded[0]
    made_by = next(iter(item.files.values()))[1]
    labels = made_by["labels"]
    classes = [classifier.head.classes.index(label) for label in labels]
    waveform = item.explainer.waveform(made_by["split"], made_by["clip"])
    started = time.perf_counter()
    found = attribute(loaded, waveform, classes, baseline=item.baseline, seed=item.seed, batch=item.batch)
    if waveform.device.type == "cuda":
        torch.cuda.synchronize()
    seconds = (time.perf_counter() - started) / (len(labels) * len(TARGETS))
    for target, (path, what) in item.files.items():
        maps.keep(path, what, found[target], classifier.encoder.frontend.sample_rate, seconds)
