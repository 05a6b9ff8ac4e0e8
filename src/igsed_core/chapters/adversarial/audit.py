"""What the released code does otherwise than it says, each choice as an experiment with a verdict.

The code of Subramanian et al. 2019 as it was released: DeepFool steps onto the farthest boundary; result files of April
2019 hold twenty times the logarithm of a power ratio, so that their mean of 223.8 stands for 111.9 dB; the targeted
attack of Carlini and Wagner has the square of a mean where a mean of squares belongs; the attacked clips are training
clips; and FGSM's default makes the perturbation a thousand times the sound. Nobody knows whether the paper's own runs
used it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.base import devices
from igsed_core.chapters.adversarial import carriers, study, summary, training
from igsed_core.chapters.adversarial.attacks import base
from igsed_core.chapters.adversarial.attacks.deepfool import deepfool
from igsed_core.chapters.adversarial.attacks.goals import Leave
from igsed_core.chapters.adversarial.attacks.steps import noise
from igsed_core.chapters.adversarial.clips import Clips
from igsed_core.chapters.adversarial.study import Run
from igsed_core.chapters.adversarial.training import Trained
from igsed_core.metrics import bootstrap, intervals, judging

FARTHEST, DOUBLED, SQUARED_MEAN, TRAINING, LOUD = "farthest", "doubled", "squared_mean", "training_clips", "fgsm_ratio"
CHOICES = {
    FARTHEST: "DeepFool to the farthest boundary",
    DOUBLED: "decibels doubled: 223.8 is 111.9 dB",
    SQUARED_MEAN: "ratio by the square of the mean",
    TRAINING: "training clips attacked",
    LOUD: "FGSM's default, rms_ratio 0.001",
}
RELEASED = 223.8  # mean over 333 clips in a result file of 2019-04-06 (gated CNN)
MARGIN_DB = 0.5  # smallest difference in dB that is called one
_RMS_RATIO = 0.001


@devices.threads(1)
def verdicts(
    trained: Mapping[str, Trained],
    runs: Sequence[Run],
    clips: Clips,
    training_clips: Clips,
    *,
    steps: int,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Measure what each choice changes.

    Parameters
    ----------
    trained
        Networks with a softmax; the first one is attacked anew.
    runs
        From :func:`igsed_core.chapters.adversarial.study.attack`.
    clips, training_clips
        Of the test that were attacked, and as many of the training that all networks know.
    steps
        Steps of DeepFool at most.
    replicates, seed
        Of the bootstrap over clips.

    Returns
    -------
    pd.DataFrame
        ``choice, metric, unit, split, n, value, ci_low, ci_high, verdict``
    """
    one = next(iter(trained.values()))
    options = {"replicates": replicates, "seed": seed}
    rows: list[tuple[object, ...]] = []

    def add(choice: str, metric: str, unit: str, found: tuple[int, float, float, float], verdict: str) -> None:
        rows.append((choice, metric, unit, "test", *found, verdict))

    def differs(choice: str, metric: str, unit: str, values: NDArray[np.float64]) -> None:
        found = _mean(values, **options)
        margin = MARGIN_DB if unit == "dB" else summary.MARGIN
        add(choice, metric, unit, found, judging.judge(found[1], found[2], found[3], found[0], margin=margin))

    goal = Leave(clips.labels)
    near = deepfool(one.classifier, clips.waveforms, goal, steps=steps)
    far = deepfool(one.classifier, clips.waveforms, goal, steps=steps, farthest=True)
    # What was wrong before has not been changed, and has no ratio.
    moved_by = [(found.waveforms != clips.waveforms).any(dim=1) & found.reached for found in (near, far)]
    both = moved_by[0] & moved_by[1]
    ratios = [base.snr(clips.waveforms[both], found.waveforms[both]).numpy() for found in (far, near)]
    differs(FARTHEST, "snr_minus_nearest", "dB", ratios[0] - ratios[1])
    differs(FARTHEST, "success_minus_nearest", "share", (far.reached.float() - near.reached.float()).numpy())

    file = carriers.carriers()["pcm_16"]
    quiet = base.at_snr(clips.waveforms, near.waveforms - clips.waveforms, RELEASED / 2)
    written = {
        name: file.carried(sound, one.classifier.sample_rate)
        for name, sound in (("clean", clips.waveforms), ("at", quiet))
    }
    changed = (written["at"] != written["clean"]).float().mean(dim=1).numpy()
    add(DOUBLED, "samples_changed_in_16_bits", "share", _mean(changed, **options), "")
    add(
        DOUBLED,
        "success_in_16_bits",
        "share",
        _share(goal.reached(training.logits(one.classifier, written["at"])), **options),
        "",
    )
    add(
        DOUBLED,
        "success_in_32_bits",
        "share",
        _share(goal.reached(training.logits(one.classifier, quiet)), **options),
        "",
    )
    own = base.snr(clips.waveforms[moved_by[0]], near.waveforms[moved_by[0]]).numpy()
    differs(DOUBLED, "own_snr_minus_released", "dB", own - RELEASED / 2)

    values: list[float] = []
    for run in runs:
        if run.goal == study.BECOME and run.attack == study.CW:
            there = run.attacked.reached
            clean = clips.waveforms[torch.from_numpy(run.clips)][there]
            values += (
                squared_mean(clean, run.attacked.waveforms[there]) - base.snr(clean, run.attacked.waveforms[there])
            ).tolist()
            break
    differs(SQUARED_MEAN, "snr_minus_right", "dB", np.array(values))

    other = deepfool(one.classifier, training_clips.waveforms, Leave(training_clips.labels), steps=steps)
    moved = (other.waveforms != training_clips.waveforms).any(dim=1) & other.reached
    on_training = base.snr(training_clips.waveforms[moved], other.waveforms[moved]).numpy()
    found = _apart(on_training, own, **options)
    add(
        *(TRAINING, "snr_minus_test", "dB", found),
        judging.judge(found[1], found[2], found[3], found[0], margin=MARGIN_DB),
    )
    loud = clips.waveforms + clips.waveforms.square().mean(dim=1, keepdim=True).sqrt() / _RMS_RATIO
    add(LOUD, "snr", "dB", _mean(base.snr(clips.waveforms, loud).numpy(), **options), "")
    drowned = noise(one.classifier, clips.waveforms, goal, snr=-60.0, seed=seed).reached
    add(LOUD, "lost_in_noise_as_loud", "share", _share(drowned, **options), "")
    columns = ["choice", "metric", "unit", "split", "n", "value", "ci_low", "ci_high", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def squared_mean(clean: Tensor, attacked: Tensor) -> Tensor:
    """The released ratio of the targeted attack, ``10 log10(mean x^2 / (mean d)^2)``, in dB.

    Parameters
    ----------
    clean, attacked
        ``[shape=(n, n_samples)]``

    Returns
    -------
    Tensor [shape=(n,)]
    """
    change = (attacked.double() - clean.double()).mean(dim=1).square().clamp_min(1e-30)
    return 10 * torch.log10(clean.double().square().mean(dim=1) / change)


def _mean(values: NDArray[np.float64], *, replicates: int, seed: int) -> tuple[int, float, float, float]:
    clips = np.arange(len(values)).astype(object)
    return summary.of_values(clips, np.asarray(values, dtype=float), False, replicates=replicates, seed=seed)


def _share(reached: Tensor, *, replicates: int, seed: int) -> tuple[int, float, float, float]:
    values = reached.double().numpy()
    return summary.of_values(np.arange(len(values)).astype(object), values, True, replicates=replicates, seed=seed)


def _apart(
    one: NDArray[np.float64], other: NDArray[np.float64], *, replicates: int, seed: int
) -> tuple[int, float, float, float]:
    """Mean of one sample minus that of another that has nothing to do with it; ``n`` is that of the smaller."""
    if min(len(one), len(other)) < 2:
        return min(len(one), len(other)), np.nan, np.nan, np.nan
    drawn = [
        bootstrap.weighted_means(
            values[:, None], bootstrap.with_sample(bootstrap.clip_weights(len(values), replicates=replicates, seed=s))
        )[:, 0]
        for s, values in ((seed, one), (seed + 1, other))
    ]
    n = min(len(one), len(other))
    apart = drawn[0] - drawn[1]
    return n, float(apart[0]), *intervals.interval(apart, n)
