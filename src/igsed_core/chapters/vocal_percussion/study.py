"""The study: networks for each label set, users' own classifiers on their embeddings, and on other features."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import Tensor

from igsed_core.base import devices, kept
from igsed_core.chapters.vocal_percussion import classify, engineered, labels, network, spectra, speech
from igsed_core.chapters.vocal_percussion.classify import Own
from igsed_core.chapters.vocal_percussion.labels import Labels
from igsed_core.chapters.vocal_percussion.material import Material, Part
from igsed_core.chapters.vocal_percussion.network import BoxemeNetwork, Recipe
from igsed_core.chapters.vocal_percussion.side_by_side import threaded
from igsed_core.chapters.vocal_percussion.spectra import Heard
from igsed_core.models.trainer import Fitted

AS_IS, DOUBLE_SOFTMAX, ON_COPIES, SHORT_HOP = "as it should be", "double_softmax", "stopped_on_copies", "hop_8_ms"
TIMBRE, SELECTED, ENGINEERED, UNTRAINED, SPEECH = "timbre", "selected", "engineered", "untrained", "gmm_hmm"
BASELINES = {
    TIMBRE: "timbre (MFCC and envelope)",
    SELECTED: "engineered, chosen by a forest",
    ENGINEERED: "engineered, all",
    UNTRAINED: "network, untrained",
    SPEECH: "speech recogniser (GMM-HMM)",
}
SYSTEMS = {**labels.LABEL_SETS, **BASELINES}
HELD_BACK = 0.2  # of the training sounds, for early stopping
_SPEECH_COPIES = 3  # of each own sound, itself among them: the models are slow to fit

Features = Callable[[Heard], NDArray[np.float64]]


@dataclass(frozen=True)
class Task:
    """A network to train.

    Attributes
    ----------
    labels
        Name of the label set.
    split, seed
        Number of the split for early stopping; of the network.
    variant
        What is done as the released code does it: :data:`AS_IS`, or one of the audit's.
    """

    labels: str
    split: int
    seed: int
    variant: str = AS_IS

    @property
    def repetition(self) -> str:
        """Split and seed in one word."""
        return f"{self.split}.{self.seed}"

    @property
    def name(self) -> tuple[str, str]:
        """Label set and repetition."""
        return self.labels, self.repetition

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.labels}-{self.split}-{self.seed}-{self.variant.replace(' ', '_')}"


@dataclass(frozen=True)
class Network:
    """A trained network and what is known of its training."""

    task: Task
    network: BoxemeNetwork
    history: pd.DataFrame


def tasks(names: Sequence[str], splits: int, seeds: int) -> list[Task]:
    """List the networks of the comparison, by label set, split and seed."""
    return [Task(name, split, seed) for split in range(splits) for seed in range(seeds) for name in names]


@dataclass(frozen=True, eq=False)
class Represented:
    """The held-out users' sounds as a system hears them.

    Attributes
    ----------
    system, repetition
        One of :data:`SYSTEMS`; split and seed of a network, else empty.
    features
        What the system makes of spectra.
    own
        Each user's examples and tests.
    """

    system: str
    repetition: str
    features: Features
    own: dict[str, Own]


def train(
    wanted: Sequence[Task],
    part: Part,
    recipe: Recipe,
    folder: Path,
    *,
    seed: int,
    workers: int,
    at_eight: Part | None = None,
) -> list[Network]:
    """Train networks on several processes; what is finished is not done again.

    Parameters
    ----------
    wanted
        Which ones.
    part
        The training sounds.
    recipe
        How all are trained; the variant changes it.
    folder
        For the results.
    seed
        Of the experiment.
    workers
        Processes; 0: one per core.
    at_eight
        The same sounds with a hop of 8 ms, for the tasks that want one.
    """
    jobs = {
        task.file: _Job(task, labels.of(task.labels, part.boxemes), recipe, kept.unfinished(folder, task.file), seed)
        for task in wanted
    }

    def data() -> dict[str, Tensor]:
        return {name: some.maps() for name, some in (("maps", part), (SHORT_HOP, at_eight)) if some is not None}

    found = kept.results(_train, jobs, folder, workers=workers, desc="networks", data=data)
    return [_trained(job, found[name]) for name, job in jobs.items()]


def split_rows(n: int, copies: int, split: int, *, seed: int, by_copy: bool) -> tuple[Tensor, Tensor]:
    """Draw what is trained on and what stops the training.

    Parameters
    ----------
    n, copies
        Sounds; maps of each, itself among them.
    split, seed
        Number of the split; of the experiment.
    by_copy
        Whether copies are drawn on their own, so that one sound is on both sides.

    Returns
    -------
    tuple of Tensor
        Numbers of sounds, ``(n_sounds,)``; or of sound and copy, ``(n_maps, 2)``.
    """
    random = torch.Generator().manual_seed(1000 * seed + split)
    order = torch.randperm(n * copies if by_copy else n, generator=random)
    held = round(HELD_BACK * len(order))
    rows = torch.stack([order // copies, order % copies], dim=1) if by_copy else order
    return rows[held:], rows[:held]


@dataclass(frozen=True, eq=False)
class _Job:
    task: Task
    targets: Labels
    recipe: Recipe
    checkpoint: Path
    seed: int


@devices.threads(1)
def _train(job: _Job, data: dict[str, Tensor]) -> dict[str, Any]:
    task, recipe, seed = job.task, job.recipe, job.seed
    maps = data[SHORT_HOP if task.variant == SHORT_HOP else "maps"]
    by_copy = task.variant == ON_COPIES
    rows = split_rows(len(maps), maps.shape[1], task.split, seed=seed, by_copy=by_copy)
    if by_copy:  # as many steps in an epoch as the others have
        few = torch.randperm(len(rows[0]), generator=torch.Generator().manual_seed(task.seed))
        rows = rows[0][few[: max(2, len(rows[0]) // maps.shape[1])]], rows[1]
    changed = Recipe(**{**vars(recipe), "double_softmax": task.variant == DOUBLE_SOFTMAX})
    fitted = network.fit(
        task.labels, maps, job.targets, rows, changed, seed=seed + task.seed, checkpoint=job.checkpoint
    )
    return fitted.content()


def _trained(job: _Job, content: dict[str, Any]) -> Network:
    fitted = Fitted.of(content, lambda: network.make(job.targets, job.recipe))
    assert isinstance(fitted.network, BoxemeNetwork)
    return Network(job.task, fitted.network, fitted.history)


def untrained(recipe: Recipe, *, seed: int) -> BoxemeNetwork:
    """Return a network with the weights that it would begin with."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return BoxemeNetwork([1], recipe.embedding).eval().requires_grad_(False)


def embedding(one: BoxemeNetwork, peak: float) -> Features:
    """Features that a network makes of spectra; ``peak`` is the magnitude that counts as one."""
    return lambda sounds: network.embeddings(one, spectra.log_mel(sounds.bands, peak)).double().numpy()


def baselines(material: Material, recipe: Recipe, *, seed: int) -> dict[str, Features]:
    """Features that no network of the study made, by name.

    Parameters
    ----------
    material
        Whose training sounds rank the engineered features.
    recipe
        Of networks; as many features are chosen as an embedding has dimensions.
    seed
        Of the forest and of the untrained network.
    """
    peak, train_part = material.train.peak, material.train
    every = engineered.engineered(train_part.copies[0], peak)
    best = engineered.ranked(every, train_part.instruments, seed=seed)[: recipe.embedding]
    return {
        TIMBRE: lambda sounds: engineered.timbre(sounds, peak),
        SELECTED: lambda sounds: engineered.engineered(sounds, peak)[:, best],
        ENGINEERED: lambda sounds: engineered.engineered(sounds, peak),
        UNTRAINED: embedding(untrained(recipe, seed=seed), peak),
    }


def own_sounds(material: Material, features: Features) -> dict[str, Own]:
    """Represent each held-out user's examples and tests.

    Parameters
    ----------
    material
        The sounds.
    features
        How.
    """
    examples = np.stack([features(one) for one in material.own.copies], axis=1)
    values, tests, result = features(material.test.copies[0]), material.test, {}
    for user in material.users:
        own, test = material.own.of(user).numpy(), tests.of(user).numpy()
        result[user] = Own(examples[own], material.own.instruments[own], values[test], tests.instruments[test])
    return result


def retested(own: dict[str, Own], features: Features, tests: Part) -> dict[str, Own]:
    """Put other recordings of the test sounds, with noise, in place of those that each user has.

    Parameters
    ----------
    own
        From :func:`own_sounds`.
    features
        How they are represented.
    tests
        The recordings.
    """
    values = features(tests.copies[0])
    return {user: dataclasses.replace(one, tests=values[tests.of(user).numpy()]) for user, one in own.items()}


def scores(
    system: str, repetition: str, own: dict[str, Own], measure: Callable[[Own], NDArray[np.float64]], classifier: str
) -> pd.DataFrame:
    """Accuracy for each user: ``system, repetition, classifier, user, n_boxemes, value``."""
    rows = []
    for user, one in own.items():
        right = measure(one)
        rows.append((system, repetition, classifier, user, len(right), float(right.mean())))
    return pd.DataFrame(rows, columns=["system", "repetition", "classifier", "user", "n_boxemes", "value"])


def represent(
    material: Material, trained: Sequence[Network], recipe: Recipe, *, seed: int, workers: int
) -> list[Represented]:
    """Let all systems but the speech recogniser hear the held-out users' sounds.

    Parameters
    ----------
    material
        The sounds.
    trained
        Networks.
    recipe, seed
        As they were trained.
    workers
        Threads; 0: one per core.
    """
    peak = material.train.peak
    systems = [(one.task.labels, one.task.repetition, embedding(one.network, peak)) for one in trained]
    systems += [(name, "", features) for name, features in baselines(material, recipe, seed=seed).items()]
    heard = threaded(lambda one: own_sounds(material, one[2]), systems, workers=workers)
    return [Represented(*one, own) for one, own in zip(systems, heard, strict=True)]


def compare(material: Material, represented: Sequence[Represented], *, seed: int) -> pd.DataFrame:
    """Score all systems with all classifiers (the speech recogniser is its own).

    Parameters
    ----------
    material
        The sounds.
    represented
        From :func:`represent`.
    seed
        Of forests and of the speech recogniser.

    Returns
    -------
    pd.DataFrame
        From :func:`scores`.
    """
    found = [
        scores(one.system, one.repetition, one.own, partial(classify.right, classifier=kind, seed=seed), kind)
        for one in represented
        for kind in classify.CLASSIFIERS
    ]
    if speech.available():
        found.append(_speech(material, seed=seed))
    return pd.concat(found, ignore_index=True)


def _speech(material: Material, *, seed: int) -> pd.DataFrame:
    peak, rows = material.train.peak, []
    for user in material.users:
        own, test = material.own.of(user), material.test.of(user)
        copies = material.own.copies[:_SPEECH_COPIES]
        examples = [one for copy in copies for one in speech.sequences(copy[own], peak)]
        names = np.tile(material.own.instruments[own.numpy()], len(copies))
        told = speech.told(examples, names, speech.sequences(material.test.copies[0][test], peak), seed=seed)
        rows.append(
            (SPEECH, "", SPEECH, user, len(test), float((told == material.test.instruments[test.numpy()]).mean()))
        )
    return pd.DataFrame(rows, columns=["system", "repetition", "classifier", "user", "n_boxemes", "value"])


def pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """List what is compared: each label set with timbre features, and with the paper's best, syllables.

    Parameters
    ----------
    names
        Label sets.
    """
    with_timbre = [(name, TIMBRE) for name in names]
    return [*with_timbre, *((name, "syllable") for name in names if "syllable" in names and name != "syllable")]


def plane(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """First two principal components, ``(n_sounds, dimensions) -> (n_sounds, 2)``."""
    return np.asarray(PCA(2, svd_solver="full").fit_transform(values))
