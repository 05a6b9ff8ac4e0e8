"""When do the networks listen? Importance in each part of a sound, against the exact truth.

The class that is explained is the one that the network names (its two heads' together): every label set has one.
Frames are cut by the truth into: before the sound (annotated onsets are early), its first phoneme, its second, and what
comes after its end. A frame of the spectrum hears 23 ms, so that some importance crosses each border.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from captum.attr import IntegratedGradients, Occlusion, Saliency
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from igsed_core.base import devices
from igsed_core.chapters.vocal_percussion import measure, spectra
from igsed_core.chapters.vocal_percussion.material import Part
from igsed_core.chapters.vocal_percussion.network import BoxemeNetwork
from igsed_core.chapters.vocal_percussion.side_by_side import threaded
from igsed_core.chapters.vocal_percussion.study import Network
from igsed_core.metrics import intervals

BEFORE, ATTACK, CODA, AFTER = "before", "attack", "coda", "after"
REGIONS = (BEFORE, ATTACK, CODA, AFTER)
INSIDE, POINTED, CENTROID = "inside", "pointed", "centroid"
SALIENCY, IG, OCCLUSION = "saliency", "ig", "occlusion"
METHODS = {SALIENCY: "saliency (absolute gradient)", IG: "Integrated Gradients", OCCLUSION: "occlusion"}
ENERGY, RANDOM, SHUFFLED = "energy", "random", "shuffled"
SHUFFLES = 2  # of the weights of one network
REFERRED = ["method", "reference", "measure"]
_PATCH = (16, 4)  # mel bands and frames that are hidden at once
_AT_ONCE = 32  # sounds; times points of a path, all their activations are in memory
_COLUMNS = ["system", "repetition", "method", "user", "measure", "value"]


class _Named(nn.Module):
    """Sum over heads of the logit of the class that the network named for the whole sound, ``(n,)``."""

    def __init__(self, network: BoxemeNetwork, classes: list[Tensor]) -> None:
        super().__init__()
        self.network, self.classes = network, classes

    def forward(self, x: Tensor) -> Tensor:
        n = len(self.classes[0])
        logits = self.network(x)
        # Captum repeats the batch for each point of a path.
        named = [one.repeat(len(x) // n) for one in self.classes]
        return torch.stack([a.gather(1, c[:, None])[:, 0] for a, c in zip(logits, named, strict=True)]).sum(0)


@devices.threads(1)
def explained(network: BoxemeNetwork, maps: Tensor, method: str, *, steps: int) -> NDArray[np.float64]:
    """Absolute importance of each band and frame.

    Parameters
    ----------
    network
        Whose named class is explained.
    maps
        Log-mel maps, ``[shape=(n_sounds, 64, 48)]``.
    method
        One of :data:`METHODS`; silence is the baseline, and what takes a hidden part's place.
    steps
        Points (steps) of Integrated Gradients.

    Returns
    -------
    np.ndarray [shape=(n_sounds, 64, 48)]
    """
    return np.concatenate([_explained(network, part, method, steps) for part in maps.split(_AT_ONCE)])


def _explained(network: BoxemeNetwork, maps: Tensor, method: str, steps: int) -> NDArray[np.float64]:
    with torch.inference_mode():
        classes = [one.argmax(1) for one in network(maps)]
    model = _Named(network, [one.clone() for one in classes])
    if method == SALIENCY:
        values = Saliency(model).attribute(maps.clone().requires_grad_())
    elif method == IG:
        values = IntegratedGradients(model).attribute(maps, n_steps=steps, method="riemann_middle")
    else:
        values = Occlusion(model).attribute(maps, sliding_window_shapes=_PATCH, strides=_PATCH)
    return np.abs(values.detach().double().numpy())


@devices.threads(1)
def shuffled(network: BoxemeNetwork, maps: Tensor, *, seed: int) -> BoxemeNetwork:
    """Return a network with the same weights in each layer, in another order: it has learnt nothing.

    Parameters
    ----------
    network
        The network, which stays as it is.
    maps
        Log-mel maps, ``[shape=(n_sounds, 64, 48)]``: batch normalisation gets its statistics from them, since those of
        the trained weights would drive what the shuffled ones give out of range.
    seed
        Of the order.
    """
    changed = copy.deepcopy(network)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in changed.parameters():
            order = torch.randperm(weights.numel(), generator=random)
            weights.copy_(weights.flatten()[order].reshape(weights.shape))
        for layer in changed.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.reset_running_stats()
                layer.momentum = None  # the plain mean over batches
        changed.train()(maps)
    return changed.eval()


def few(part: Part, each: int) -> Part:
    """Take the first sounds of each user alone.

    Parameters
    ----------
    part
        The improvisations.
    each
        Sounds of a user.
    """
    rows = part.boxemes.groupby("user", sort=False).head(each).index.to_numpy()
    return Part(part.boxemes.iloc[rows].reset_index(drop=True), [part.copies[0][torch.from_numpy(rows)]], part.peak)


def regions(boxemes: pd.DataFrame, step: float) -> dict[str, NDArray[np.bool_]]:
    """Frames of each part of a sound, ``[shape=(n_sounds, 48)]``; none where the truth is not known.

    Parameters
    ----------
    boxemes
        With ``onset, start, coda, end``, in s.
    step
        Seconds from frame to frame.
    """
    time = boxemes["onset"].to_numpy(dtype=float)[:, None] + step * np.arange(spectra.FRAMES)
    start, coda, end = (boxemes[name].to_numpy(dtype=float)[:, None] for name in ("start", "coda", "end"))
    return {
        BEFORE: time < start,
        ATTACK: (time >= start) & (time < coda),
        CODA: (time >= coda) & (time < end),
        AFTER: time >= end,
    }


def placed(importance: NDArray[np.float64], part: Part) -> pd.DataFrame:
    """Say where the importance of each sound lies.

    Parameters
    ----------
    importance
        Not negative, ``[shape=(n_sounds, 64, 48)]``.
    part
        Whose sounds these are.

    Returns
    -------
    pd.DataFrame
        A row for each sound: ``user``; shares in the :data:`REGIONS` and ``inside`` (attack and coda); ``pointed``, 1
        if the highest frame is inside; ``centroid`` of frequency, in kHz. NaN where the truth is not known.
    """
    over_time = importance.sum(axis=1)
    total = np.maximum(over_time.sum(axis=1), 1e-30)
    where = regions(part.boxemes, part.copies[0].step)
    known = part.boxemes["start"].notna().to_numpy()
    found = {name: np.where(known, (over_time * frames).sum(axis=1) / total, np.nan) for name, frames in where.items()}
    inside = where[ATTACK] | where[CODA]
    highest = over_time.argmax(axis=1)
    found[INSIDE] = found[ATTACK] + found[CODA]
    found[POINTED] = np.where(known, inside[np.arange(len(inside)), highest], np.nan)
    hertz = spectra.centres(part.copies[0].sample_rate).double().numpy()
    found[CENTROID] = importance.sum(axis=2) @ hertz / total / 1000
    return pd.DataFrame({"user": part.boxemes["user"], **found})


def explain(trained: Sequence[Network], part: Part, *, steps: int, seed: int, workers: int) -> pd.DataFrame:
    """Place the importance of all networks, of one with shuffled weights, of energy and of chance.

    Parameters
    ----------
    trained
        Networks.
    part
        Sounds, from :func:`few`.
    steps
        Points (steps) of Integrated Gradients.
    seed
        Of shuffles, and of chance.
    workers
        Threads; 0: one per core.

    Returns
    -------
    pd.DataFrame
        ``system, repetition, method, user, measure, value``, means over a user's sounds.
    """
    maps = part.maps()[:, 0]
    known = next((one for one in trained if one.task.labels == "syllable"), trained[0]).network
    networks = [(one.task.labels, one.task.repetition, one.network) for one in trained]
    networks += [(SHUFFLED, str(i), shuffled(known, maps, seed=seed + i)) for i in range(SHUFFLES)]

    def one_of(job: tuple[tuple[str, str, BoxemeNetwork], str]) -> pd.DataFrame:
        (system, repetition, network), method = job
        return _rows(system, repetition, method, placed(explained(network, maps, method, steps=steps), part))

    found = threaded(one_of, [(network, method) for network in networks for method in METHODS], workers=workers)
    rng = np.random.default_rng([seed, 0x3A7])
    power = part.copies[0].bands.square().double().numpy()
    found.append(_rows(ENERGY, "", ENERGY, placed(power, part)))
    found.append(_rows(RANDOM, "", RANDOM, placed(rng.uniform(size=power.shape), part)))
    return pd.concat(found, ignore_index=True)


def summarise(explanations: pd.DataFrame, *, replicates: int, seed: int) -> pd.DataFrame:
    """Means over users with intervals: ``system, method, measure, split, n, value, ci_low, ci_high``.

    Parameters
    ----------
    explanations
        From :func:`explain`.
    replicates, seed
        Of the bootstrap over users.
    """
    rows = []
    for key, group in explanations.groupby(["system", "method", "measure"], sort=False):
        values = group.groupby("user", sort=False)["value"].mean().to_numpy()
        within = (0.0, np.inf) if key[2] == CENTROID else intervals.SHARE
        value, low, high = measure.mean_interval(values, replicates=replicates, seed=seed, within=within)
        rows.append((*key, "test", len(values), value, low, high))
    return pd.DataFrame(rows, columns=["system", "method", "measure", "split", "n", "value", "ci_low", "ci_high"])


def differences(explanations: pd.DataFrame, *, replicates: int, seed: int) -> pd.DataFrame:
    """Set the share of importance inside the sound, over all label sets, against energy, chance and shuffled weights.

    Parameters
    ----------
    explanations
        From :func:`explain`.
    replicates, seed
        Of the bootstrap over users.

    Returns
    -------
    pd.DataFrame
        ``method, reference, measure`` and the columns of
        :func:`igsed_core.chapters.vocal_percussion.measure.differences`, without its first two.
    """
    shares = explanations[explanations["measure"] == INSIDE]
    learnt = ~shares["system"].isin([SHUFFLED, ENERGY, RANDOM])
    named = shares.assign(name=shares["system"].where(~learnt, "learnt") + " " + shares["method"], n_boxemes=1)
    key = [
        (method, reference, f"{reference} {method if reference == SHUFFLED else reference}")
        for method in METHODS
        for reference in (ENERGY, RANDOM, SHUFFLED)
    ]
    found = measure.differences(
        named,
        [(f"learnt {method}", other) for method, _, other in key],
        key="name",
        replicates=replicates,
        seed=seed,
    )
    table = pd.DataFrame([(method, reference, INSIDE) for method, reference, _ in key], columns=REFERRED)
    return pd.concat([table, found.drop(columns=["system", "other"])], axis=1)


def networks(trained: Sequence[Network], scored: pd.DataFrame, explanations: pd.DataFrame) -> pd.DataFrame:
    """Each network: what its training was, how it classifies and where it points.

    Parameters
    ----------
    trained
        The networks.
    scored
        From :func:`igsed_core.chapters.vocal_percussion.study.compare`.
    explanations
        From :func:`explain`.

    Returns
    -------
    pd.DataFrame
        ``system, repetition, epochs, kept_epoch, validation_loss, accuracy`` (nearest neighbours, mean over users) and
        the share of importance inside the sound by each method.
    """
    knn = scored[scored["classifier"] == measure.KNN]
    key = ["system", "repetition"]
    accuracy = knn.groupby(key)["value"].mean()
    inside = explanations[explanations["measure"] == INSIDE].groupby([*key, "method"])["value"].mean()
    rows = []
    for one in trained:
        name = (one.task.labels, one.task.repetition)
        kept = one.history[one.history["kept"]].iloc[0]
        shares = {f"inside_{method}": inside.get((*name, method), np.nan) for method in METHODS}
        rows.append(
            {
                **dict(zip(key, name, strict=True)),
                **{"epochs": len(one.history), "kept_epoch": int(kept["epoch"])},
                **{"validation_loss": kept["validation_loss"], "accuracy": accuracy.get(name, np.nan), **shares},
            }
        )
    return pd.DataFrame(rows)


def agreement(table: pd.DataFrame, method: str) -> tuple[float, float, float, int]:
    """Rank correlation over networks of accuracy and importance inside the sound, with its interval.

    Parameters
    ----------
    table
        From :func:`networks`.
    method
        One of :data:`METHODS`.

    Returns
    -------
    tuple
        Correlation, lower and upper end (Fisher's transformation; variance for ranks 1.06 / (n - 3)), number of
        networks; NaN where there are fewer than five or nothing varies.
    """
    pairs = table[["accuracy", f"inside_{method}"]].dropna().to_numpy()
    if len(pairs) < 5 or (np.ptp(pairs, axis=0) == 0).any():
        return np.nan, np.nan, np.nan, len(pairs)
    rho = float(stats.spearmanr(*pairs.T).statistic)
    half = 1.96 * np.sqrt(1.06 / (len(pairs) - 3))
    middle = np.arctanh(np.clip(rho, -0.999, 0.999))
    return rho, float(np.tanh(middle - half)), float(np.tanh(middle + half)), len(pairs)


def _rows(system: str, repetition: str, method: str, table: pd.DataFrame) -> pd.DataFrame:
    means = table.groupby("user", sort=False).mean().reset_index()
    long = means.melt("user", var_name="measure", value_name="value")
    return long.assign(system=system, repetition=repetition, method=method)[_COLUMNS]
