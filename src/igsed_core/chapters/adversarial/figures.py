"""Figures of adversarial attacks: ratios, transfer, one sound under attack, detectors; and players to hear them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igsed_core.chapters.adversarial import study
from igsed_core.chapters.adversarial.clips import Clips
from igsed_core.chapters.adversarial.elsewhere import MINUS_NOISE, OTHERS
from igsed_core.chapters.adversarial.explaining import METHODS, Looked
from igsed_core.chapters.adversarial.giveaway import DETECTORS
from igsed_core.chapters.adversarial.study import ALL, ATTACKS, NOISE, Run
from igsed_core.chapters.adversarial.tables import name_of
from igsed_core.chapters.adversarial.under_attack import CLEAN, VARIANTS, Case
from igsed_core.show import describe, players, style
from igsed_core.show.cells import by_key, number
from igsed_core.show.style import drawing


@drawing
def ratios(table: pd.DataFrame) -> Figure:
    """Ratio of sound to perturbation of the attacks that look for the smallest, for each classifier.

    Parameters
    ----------
    table
        The tidy table ``adversarial``.
    """
    shown = table[(table["goal"] == study.LEAVE) & (table["metric"] == "snr") & (table["output"] == "softmax")]
    shown = shown[shown["attack"].isin([study.DEEPFOOL, study.CW]) & (shown["model"] != ALL)]
    rows = by_key(shown, ("model", "attack"))
    models = list(dict.fromkeys(key[0] for key in rows))
    attacks = [name for name in (study.DEEPFOOL, study.CW) if any(key[1] == name for key in rows)]
    fig, ax = plt.subplots(figsize=(style.WIDTH, 0.5 * len(models) + 1.8), layout="constrained")
    for i, attack in enumerate(attacks):
        for y, model in enumerate(models):
            row = rows.get((model, attack))
            if row is None or pd.isna(row["value"]):
                continue
            at, (colour, mark) = y + 0.2 * (i - 0.5), style.SERIES[i]
            ax.plot([row["ci_low"], row["ci_high"]], [at, at], color=colour, lw=3, alpha=0.5)
            ax.plot(row["value"], at, mark, color=colour, label=ATTACKS[attack] if y == 0 else None)
    ax.set_yticks(range(len(models)), [name_of(name) for name in models])
    ax.invert_yaxis()
    ax.set(xlabel="sound above perturbation (dB), mean and 95 % interval over clips; right: smaller change")
    fig.legend(loc="outside lower center", ncols=2)
    describe.about(fig, "", shown)  # the caption counts what succeeded
    return fig


@drawing
def transfer(table: pd.DataFrame, attack: str = study.PGD_L2) -> Figure:
    """Share of clips that lose their class, made for the row and played to the column.

    Parameters
    ----------
    table
        The tidy table ``transfer``.
    attack
        Which one.
    """
    rows = by_key(table[table["attack"].isin([attack, NOISE])], ("source", "target"))
    targets = [name for name in dict.fromkeys(key[1] for key in rows) if name not in (OTHERS, MINUS_NOISE)]
    sources = [*targets, NOISE]
    values = np.array([[rows.get((s, t), {"value": np.nan})["value"] for t in targets] for s in sources], dtype=float)
    fig, ax = plt.subplots(figsize=(style.WIDTH, 0.6 * len(sources) + 1.6), layout="constrained")
    shown = ax.imshow(values, vmin=0, vmax=1, cmap="magma", aspect="auto")
    for (y, x), value in np.ndenumerate(values):
        if not np.isnan(value):
            ax.text(x, y, number(value), ha="center", va="center", color="white" if value < 0.6 else style.INK)
    # Two lines for a long name: five of them stand side by side.
    ax.set_xticks(range(len(targets)), [name_of(name).replace(", ", ",\n") for name in targets])
    ax.set_yticks(range(len(sources)), ["white noise" if s == NOISE else name_of(s) for s in sources])
    ax.grid(visible=False)
    ax.set(xlabel="played to", ylabel="made for")
    fig.colorbar(shown, label="share of clips that lose their class")
    return fig


@drawing
def one_soundscape(
    case: Case, waveforms: Mapping[str, NDArray[np.floating]], looked: Mapping[str, Looked], frame_length: float
) -> Figure:
    """Energy of a soundscape and of its perturbations over time, and the maps of the attacked class in each.

    Parameters
    ----------
    case
        Which one.
    waveforms
        Variant -> samples, ``[shape=(n_samples,)]``.
    looked
        Variant -> what is found in it.
    frame_length
        In s.
    """
    clean = np.asarray(waveforms[CLEAN], dtype=np.float64)
    n = case.truth.shape[1]
    time = frame_length * np.arange(n)
    size = len(clean) // n
    fig, axes = plt.subplots(1 + len(METHODS), 1, figsize=(style.WIDTH, 7.4), sharex=True, layout="constrained")
    names = [name for name in waveforms if name in looked]
    for i, name in enumerate(names):
        sound = clean if name == CLEAN else np.asarray(waveforms[name], dtype=np.float64) - clean
        level = 10 * np.log10(np.square(sound[: n * size].reshape(n, size)).mean(axis=1) + 1e-12)
        label = "the sound" if name == CLEAN else VARIANTS[name]
        colour = style.INK if name == CLEAN else style.SERIES[i % len(style.SERIES)][0]
        axes[0].step(time, level, where="post", color=colour, lw=1.2, label=label)
        for ax, method in zip(axes[1:], METHODS, strict=True):
            values = looked[name].maps[method][0]
            span = max(float(np.ptp(values)), 1e-9)
            ax.step(time, (values - values.min()) / span, where="post", color=colour, lw=1.2)
    for ax, title in zip(axes, ("level (dB)", *METHODS.values()), strict=True):
        ax.set_title(title)
        ax.fill_between(
            time,
            0,
            1,
            where=case.truth[0],
            step="post",
            transform=ax.get_xaxis_transform(),
            color=style.TRUTH,
            alpha=0.15,
            lw=0,
        )
    axes[-1].set_xlabel("s; shaded: the attacked class sounds; maps from their lowest to their highest value")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


@drawing
def detectors(table: pd.DataFrame) -> Figure:
    """AUROC of each detector against each attack.

    Parameters
    ----------
    table
        The tidy table ``adversarial_detection``.
    """
    rows = by_key(table, ("variant", "detector"))
    variants = list(dict.fromkeys(key[0] for key in rows))
    fig, ax = plt.subplots(figsize=(style.WIDTH, 0.55 * len(DETECTORS) + 1.8), layout="constrained")
    for i, variant in enumerate(variants):
        for y, name in enumerate(DETECTORS):
            row = rows.get((variant, name))
            if row is None or pd.isna(row["value"]):
                continue
            at, (colour, mark) = y + 0.15 * (i - (len(variants) - 1) / 2), style.SERIES[i % len(style.SERIES)]
            ax.plot([row["ci_low"], row["ci_high"]], [at, at], color=colour, lw=2, alpha=0.5)
            ax.plot(row["value"], at, mark, ms=4.5, color=colour, label=VARIANTS[variant] if y == 0 else None)
    ax.axvline(0.5, color=style.FAINT, lw=1)
    ax.set_yticks(range(len(DETECTORS)), list(DETECTORS.values()))
    ax.invert_yaxis()
    ax.set(xlim=(0, 1), xlabel="AUROC, attacked against clean; 95 % interval over soundscapes")
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def hear(clean: NDArray[np.floating], attacked: NDArray[np.floating], sample_rate: int, words: str) -> HTML:
    """Players of a sound, of the sound attacked, and of the perturbation alone, amplified to be heard.

    Parameters
    ----------
    clean, attacked
        ``[shape=(n_samples,)]``
    sample_rate
        In Hz.
    words
        What sounds.
    """
    change = np.asarray(attacked, dtype=np.float64) - np.asarray(clean, dtype=np.float64)
    peaks = [float(np.abs(one).max(initial=0.0)) for one in (clean, change)]
    gain = 20 * np.log10(max(peaks[0], 1e-12) / max(peaks[1], 1e-12))
    return players.player(
        {
            "as it was": np.asarray(clean),
            "attacked": np.asarray(attacked),
            f"the perturbation alone, {number(gain, 0)} dB louder than it is": change,
        },
        sample_rate,
        words,
    )


def heard_clips(runs: Sequence[Run], clips: Clips, classes: Sequence[str], sample_rate: int) -> HTML:
    """Players of the first clip that each attack of interest took from its class.

    Parameters
    ----------
    runs
        Of one network or more; the first of each attack is taken.
    clips
        That were attacked.
    classes
        Their names.
    sample_rate
        In Hz.
    """
    result = []
    for attack in (study.PGD_L2, study.CW):
        one = next((run for run in runs if run.attack == attack and run.goal == study.LEAVE), None)
        if one is None or not bool(one.attacked.reached.any()):
            continue
        row = int(one.attacked.reached.nonzero()[0, 0])
        clean = clips.waveforms[int(one.clips[row])]
        label = style.class_name(classes[int(clips.labels[int(one.clips[row])])])
        ratio = float(study.base.snr(clean[None], one.attacked.waveforms[row][None])[0])
        words = f"{label}, {ATTACKS[attack]} on the {name_of(one.model)}, {number(ratio, 0)} dB"
        result.append(str(hear(clean.numpy(), one.attacked.waveforms[row].numpy(), sample_rate, words).data))
    return HTML("".join(result))


def heard_soundscape(
    case: Case, waveforms: Mapping[str, NDArray[np.floating]], sample_rate: int, names: Sequence[str]
) -> HTML:
    """Players of one soundscape with a class made to vanish.

    Parameters
    ----------
    case
        Which one.
    waveforms
        Variant -> samples, ``[shape=(n_samples,)]``.
    sample_rate
        In Hz.
    names
        Of the classes.
    """
    words = f"soundscape in which {style.class_name(names[case.attacked])} is made to vanish"
    return hear(waveforms[CLEAN], waveforms[study.VANISH], sample_rate, words)
