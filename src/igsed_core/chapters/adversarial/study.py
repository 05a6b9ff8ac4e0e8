"""The study on short clips: every attack on every network, transfer from one to another, and what files leave of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.base import devices, kept
from igsed_core.chapters.adversarial import summary, training
from igsed_core.chapters.adversarial.attacks import base
from igsed_core.chapters.adversarial.attacks.base import Attacked
from igsed_core.chapters.adversarial.attacks.carlini_wagner import carlini_wagner
from igsed_core.chapters.adversarial.attacks.deepfool import deepfool
from igsed_core.chapters.adversarial.attacks.goals import Appear, Become, Goal, Leave, Vanish
from igsed_core.chapters.adversarial.attacks.lbfgs import lbfgs
from igsed_core.chapters.adversarial.attacks.steps import fgsm, noise, pgd
from igsed_core.chapters.adversarial.clips import Clips
from igsed_core.chapters.adversarial.loudness import loudness
from igsed_core.chapters.adversarial.training import SOFTMAX, Trained
from igsed_core.models.classifier import NetworkClassifier

NOISE, FGSM, PGD_L2, PGD_LINF, DEEPFOOL, CW, LBFGS = "noise", "fgsm", "pgd_l2", "pgd_linf", "deepfool", "cw", "lbfgs"
ATTACKS = {
    NOISE: "white noise",
    FGSM: "FGSM",
    PGD_LINF: "PGD, every sample bounded",
    PGD_L2: "PGD, length bounded",
    DEEPFOOL: "DeepFool",
    CW: "Carlini and Wagner",
    LBFGS: "L-BFGS",
}
OF_A_SIZE = (NOISE, FGSM, PGD_LINF, PGD_L2)  # their ratio is given, not found
LEAVE, BECOME, VANISH, APPEAR = "leave", "become", "vanish", "appear"
GOALS = {
    LEAVE: "another class first",
    BECOME: "a given class first",
    VANISH: "a class vanishes",
    APPEAR: "a class appears",
}
SURE = 0.975  # probability of the wanted class, as in the released code
ALL = "all"  # networks together
_RATE_OF_DESCENT = 5e-4  # of Carlini and Wagner's attack; 5e-3 in the released code, with 1000 iterations
_PRICE = 0.01


@dataclass(frozen=True)
class Plan:
    """How hard the attacks try.

    Attributes
    ----------
    snr
        Of attacks of a given size, in dB.
    steps
        Steps of PGD; twice as many of DeepFool at most.
    iterations, searches
        Of Carlini and Wagner's attack.
    targeted
        Clips with a wanted class; a third of them by L-BFGS, too.
    """

    snr: float
    steps: int
    iterations: int
    searches: int
    targeted: int


@dataclass(frozen=True, eq=False)
class Run:
    """One attack on one network.

    Attributes
    ----------
    output, model, goal, attack
        ``softmax`` or ``sigmoid``; names of network, goal and attack.
    clips
        Numbers of the attacked clips, ``[shape=(n,)]``.
    aim
        What was to be reached.
    attacked
        What came of it.
    seconds
        For each clip, on average.
    """

    output: str
    model: str
    goal: str
    attack: str
    clips: NDArray[np.int64]
    aim: Goal
    attacked: Attacked
    seconds: float


def known_to_all(trained: Mapping[str, Trained], clips: Clips, most: int) -> Clips:
    """Return clips that all networks know, of as many classes as can be: what is wrong already is not attacked.

    Where there is none, as after a few steps of training, clips that some know are taken, those that most know first.

    Parameters
    ----------
    trained
        With a softmax.
    clips
        Of the test split, or of another.
    most
        Clips to return at most.
    """
    known = np.sum([training.right(one, clips) for one in trained.values()], axis=0)
    return spread(clips.of(torch.from_numpy(np.flatnonzero(known == known.max(initial=0)))), most)


def n_known(trained: Mapping[str, Trained], clips: Clips) -> int:
    """How many of some clips all networks know."""
    return int(np.all([training.right(one, clips) for one in trained.values()], axis=0).sum())


def spread(clips: Clips, most: int) -> Clips:
    """Return some clips, of as many classes as can be: the first of each, then the second of each, and so on."""
    labels = clips.labels.numpy()
    turn = pd.Series(labels).groupby(labels).cumcount().to_numpy()
    return clips.of(torch.from_numpy(np.sort(np.lexsort((labels, turn))[:most])))


def accuracies(tested: Sequence[tuple[Trained, Clips]], *, replicates: int, seed: int) -> pd.DataFrame:
    """Say how well each classifier knows its test clips.

    Parameters
    ----------
    tested
        Classifiers and clips; of mixtures the share of classes that are decided rightly is the accuracy.
    replicates, seed
        Of the bootstrap over clips.

    Returns
    -------
    pd.DataFrame
        ``output, model, weights, epochs, metric, split, n, value, ci_low, ci_high``
    """
    rows = []
    for one, clips in tested:
        values = training.right(one, clips).astype(float)
        names = np.arange(len(values)).astype(object)
        found = summary.of_values(names, values, one.output == SOFTMAX, replicates=replicates, seed=seed)
        size = sum(weights.numel() for weights in one.classifier.parameters())
        rows.append((one.output, one.name, size, len(one.history), "accuracy", "test", *found))
    return pd.DataFrame(rows, columns=["output", "model", "weights", "epochs", *summary.COLUMNS])


def subjects(some: Sequence[tuple[Mapping[str, Trained], Clips]]) -> dict[tuple[str, str], tuple[Any, Clips]]:
    """Return (output, name) -> classifier and attacked clips, of several sets of classifiers."""
    return {(one.output, name): (one.classifier, clips) for trained, clips in some for name, one in trained.items()}


def attack(
    some: Sequence[tuple[Mapping[str, Trained], Clips]], plan: Plan, folder: Path, *, seed: int, workers: int
) -> list[Run]:
    """Attack every network of a set on the same clips; what is finished is not done again.

    Parameters
    ----------
    some
        Classifiers, all with a softmax or all with sigmoids, and clips of the test split; several such sets.
    plan
        How hard.
    folder
        For the results, a file for each attack on each network.
    seed
        Of noise and of wanted classes.
    workers
        Processes; 0: one per core.
    """
    jobs = {
        f"{one.output}-{one.name}-{job.goal}-{job.attack}": job
        for trained, clips in some
        for one in trained.values()
        for job in _jobs(one, clips, plan, seed)
    }
    found = kept.results(_attack, jobs, folder, workers=workers, desc="attacks")
    return [_run(job, found[name]) for name, job in jobs.items()]


@dataclass(frozen=True, eq=False)
class _Job:
    """One attack on one network."""

    output: str
    model: str
    classifier: NetworkClassifier
    goal: str
    attack: str
    rows: Tensor
    waveforms: Tensor
    aim: Goal
    tool: Callable[..., Attacked]
    options: dict[str, Any]


@devices.threads(1)
def _attack(job: _Job) -> dict[str, Any]:
    began = time.perf_counter()
    attacked = job.tool(job.classifier, job.waveforms, job.aim, **job.options)
    seconds = (time.perf_counter() - began) / len(job.rows)
    found = {field.name: getattr(attacked, field.name).clone() for field in fields(attacked)}
    return {**found, "seconds": seconds}


def _run(job: _Job, content: Mapping[str, Any]) -> Run:
    attacked = Attacked(**{field.name: content[field.name] for field in fields(Attacked)})
    return Run(job.output, job.model, job.goal, job.attack, job.rows.numpy(), job.aim, attacked, content["seconds"])


def _jobs(one: Trained, clips: Clips, plan: Plan, seed: int) -> list[_Job]:
    """All attacks on one network."""
    made: list[_Job] = []

    def add(goal: str, name: str, rows: Tensor, aim: Goal, tool: Callable[..., Attacked], **options: Any) -> None:
        if len(rows):
            what = (one.output, one.name, one.classifier, goal, name)
            made.append(_Job(*what, rows, clips.waveforms[rows], aim, tool, options))

    everyone = torch.arange(len(clips))
    size = {"snr": plan.snr}
    long = {"iterations": plan.iterations, "searches": plan.searches}
    descent = {**long, "learning_rate": _RATE_OF_DESCENT, "price": _PRICE}
    if one.output == SOFTMAX:
        n_classes = len(one.classifier.classes)
        leave = Leave(clips.labels)
        add(LEAVE, NOISE, everyone, leave, noise, **size, seed=seed)
        add(LEAVE, FGSM, everyone, leave, fgsm, **size)
        add(LEAVE, PGD_LINF, everyone, leave, pgd, **size, steps=plan.steps, norm="linf")
        add(LEAVE, PGD_L2, everyone, leave, pgd, **size, steps=plan.steps)
        add(LEAVE, DEEPFOOL, everyone, leave, deepfool, steps=2 * plan.steps)
        add(LEAVE, CW, everyone, replace(leave, below=1 / n_classes), carlini_wagner, **descent)
        few = everyone[: plan.targeted]
        wanted = _others(clips.labels[few], n_classes, seed)
        add(BECOME, CW, few, Become(wanted, at_least=SURE), carlini_wagner, **descent)
        fewer = few[: max(1, plan.targeted // 3)]
        add(BECOME, LBFGS, fewer, Become(wanted[: len(fewer)]), lbfgs, iterations=12, searches=3)
        return made
    found = training.logits(one.classifier, clips.waveforms)
    for goal, kind, hold in (
        (VANISH, Vanish, (clips.targets > 0.5) & (found > 0)),
        (APPEAR, Appear, (clips.targets < 0.5) & (found < 0)),
    ):
        rows = torch.nonzero(hold.any(dim=1))[:, 0]
        aim = kind(_drawn(hold[rows], seed))
        add(goal, NOISE, rows, aim, noise, **size, seed=seed)
        add(goal, PGD_L2, rows, aim, pgd, **size, steps=plan.steps)
        add(goal, DEEPFOOL, rows, aim, deepfool, steps=2 * plan.steps)
        add(goal, CW, rows, aim, carlini_wagner, **descent)
    return made


def _others(labels: Tensor, n_classes: int, seed: int) -> Tensor:
    """Draw a class for each clip that is not its own, ``(n,)``."""
    random = torch.Generator().manual_seed(seed)
    return (labels + 1 + torch.randint(n_classes - 1, labels.shape, generator=random)) % n_classes


def _drawn(hold: Tensor, seed: int) -> Tensor:
    """Draw one of the classes that hold for each clip: ``(n, n_classes) -> (n,)``."""
    random = torch.Generator().manual_seed(seed)
    return torch.multinomial(hold.float(), 1, generator=random)[:, 0] if len(hold) else torch.zeros(0, dtype=torch.long)


def per_clip(runs: Sequence[Run], subjects: Mapping[tuple[str, str], tuple[Any, Clips]]) -> pd.DataFrame:
    """Say of every attacked clip what came of it.

    Parameters
    ----------
    runs
        From :func:`attack`, or of another classifier.
    subjects
        (Output, name) -> the classifier, and the clips that were attacked.

    Returns
    -------
    pd.DataFrame
        ``output, model, goal, attack, clip, success``; ``snr`` and ``loudness`` (of the clip above the perturbation),
        in dB and LU, of what succeeded or was of a given size; ``before, after``, the probability of the class that is
        to be lost or won; ``iterations, seconds``.
    """
    tables = []
    for one in runs:
        network, clips = subjects[one.output, one.model]
        some = clips.of(torch.from_numpy(one.clips))
        clean, changed = some.waveforms, one.attacked.waveforms
        ratio = base.snr(clean, changed).numpy()
        told = np.isfinite(ratio) & (one.attacked.reached.numpy() | (one.attack in OF_A_SIZE))
        levels = [loudness(x.numpy(), network.sample_rate) for x in (clean, changed - clean)]
        tables.append(
            pd.DataFrame(
                {
                    **{"output": one.output, "model": one.model, "goal": one.goal, "attack": one.attack},
                    **{"clip": one.clips, "success": one.attacked.reached.numpy()},
                    "snr": np.where(told, ratio, np.nan),
                    "loudness": np.where(told, levels[0] - levels[1], np.nan),
                    "before": one.aim.probability(training.logits(network, clean)).numpy(),
                    "after": one.aim.probability(training.logits(network, changed)).numpy(),
                    "iterations": one.attacked.iterations.numpy(),
                    "seconds": one.seconds,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


MEASURES = ("success", "snr", "loudness", "before", "after", "iterations", "seconds")


def summarise(table: pd.DataFrame, *, replicates: int, seed: int) -> pd.DataFrame:
    """Means over clips, for each network and for all together.

    Parameters
    ----------
    table
        From :func:`per_clip`.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    pd.DataFrame
        ``output, model, goal, attack, metric, split, n, value, ci_low, ci_high``
    """
    keys = ["output", "model", "goal", "attack"]
    both = pd.concat([table, table.assign(model=ALL)], ignore_index=True)
    options = {"replicates": replicates, "seed": seed}
    return pd.concat(
        [summary.of_groups(both, keys, name, proportion=name == "success", **options) for name in MEASURES],  # type: ignore[arg-type]
        ignore_index=True,
    )
