"""Figures of vocal percussion: accuracies, examples and noise, importance over time, and a map that can be heard."""

from __future__ import annotations

import base64
import html
import io
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import soundfile
import soxr
from IPython.display import HTML
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igsed_core.chapters.vocal_percussion import measure, varied, when
from igsed_core.chapters.vocal_percussion.boxemes import INSTRUMENT_NAMES, INSTRUMENTS, TEST, VocalPercussion
from igsed_core.chapters.vocal_percussion.labels import LABEL_SETS
from igsed_core.chapters.vocal_percussion.study import BASELINES, SYSTEMS
from igsed_core.show import players, style
from igsed_core.show.cells import by_key
from igsed_core.show.style import drawing

COLOURS = {name: colour for name, (colour, _) in zip(INSTRUMENTS, style.SERIES, strict=False)}
# Of label sets: a hue for each kind, hollow where the labels are reduced; representations without labels are grey.
_HUES = dict(zip(("instrument", "syllable", "phoneme", "boxeme"), style.SERIES, strict=False))
_RATE = 22_050  # Hz, of sounds in the map: sixty of them are in the page
_WIDE, _HIGH, _EDGE = 640, 420, 20


@drawing
def accuracies(table: pd.DataFrame, published: pd.DataFrame, full: pd.DataFrame | None = None) -> Figure:
    """Accuracy of every representation, the published value and, where it ships, that of the full-size run beside it.

    Parameters
    ----------
    table
        From :func:`igsed_core.chapters.vocal_percussion.measure.accuracies`.
    published
        From :func:`igsed_core.chapters.vocal_percussion.audit.published`.
    full
        The same as ``table`` of the full-size run, where it ships.
    """
    rows = table[(table["average"] == "user") & table["classifier"].isin([measure.KNN, "gmm_hmm"])]
    rows = rows.sort_values("value")
    theirs = published[(published["average"] == "user") & (published["source"] == "table")].set_index("system")["value"]
    large = {} if full is None else by_key(full, ("system", "classifier"), average="user")
    fig, ax = plt.subplots(figsize=(style.WIDTH, 0.38 * len(rows) + 1.6), layout="constrained")
    for y, row in enumerate(rows.to_dict("records")):
        colour = _look(str(row["system"]))["color"]
        ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=colour, lw=3, alpha=0.5)
        ax.plot(row["value"], y, "o", color=colour, ms=8)
        if mine := large.get((row["system"], row["classifier"])):
            ax.plot([mine["ci_low"], mine["ci_high"]], [y - 0.25, y - 0.25], color=colour, lw=1.5, alpha=0.5)
            ax.plot(mine["value"], y - 0.25, "s", color=colour, ms=5)
        if row["system"] in theirs:
            ax.plot(theirs[row["system"]], y, "D", color=style.INK, mfc="none", ms=6)
    ax.plot([], [], "o", color=style.INK, ms=8, label="this run")
    if large:
        n = int(next(iter(large.values()))["n"])
        ax.plot([], [], "s-", color=style.INK, ms=5, lw=1.5, label=f"full size, {n} held-out users")
    ax.plot([], [], "D", color=style.INK, mfc="none", ms=6, label="published (AVP and LVT)")
    ax.set_yticks(range(len(rows)), [SYSTEMS[str(name)] for name in rows["system"]])
    ax.set(xlabel=f"accuracy, mean over {style.counted(rows)} held-out users, 95 % interval over users")
    fig.legend(loc="outside lower center", ncols=3)
    return fig


@drawing
def variation(table: pd.DataFrame) -> Figure:
    """Accuracy against the number of examples and against noise.

    Parameters
    ----------
    table
        From :func:`igsed_core.chapters.vocal_percussion.varied.vary`.
    """
    fig, axes = plt.subplots(1, 2, figsize=(style.WIDTH, 3.8), sharey=True, layout="constrained")
    words = {varied.EXAMPLES: "own examples of each instrument", varied.NOISE: "signal-to-noise ratio (dB)"}
    for ax, (kind, label) in zip(axes, words.items(), strict=True):
        rows = table[table["varied"] == kind]
        for system, mine in rows.groupby("system", sort=False):
            mine = mine.sort_values("at")
            look = _look(str(system))
            ax.plot(mine["at"], mine["value"], ms=6, label=SYSTEMS[str(system)], **look)
            if system in ("syllable", "timbre"):
                ax.fill_between(mine["at"], mine["ci_low"], mine["ci_high"], color=look["color"], alpha=0.15, lw=0)
        ax.set(xlabel=label)
    axes[1].set_xticks(sorted(set(table.loc[table["varied"] == varied.NOISE, "at"])))
    axes[0].set_xscale("log", base=2)
    ticks = sorted(set(table.loc[table["varied"] == varied.EXAMPLES, "at"]))
    axes[0].set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes[0].set_ylabel(f"accuracy ({style.counted(table)} users)")
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=3)
    return fig


def shipped_variation(table: pd.DataFrame | None) -> Figure | None:
    """Draw the same of the full-size run; none where it does not ship.

    Parameters
    ----------
    table
        From :func:`igsed_core.chapters.vocal_percussion.shipped.table`.
    """
    return None if table is None else variation(table)


@drawing
def importance(table: pd.DataFrame) -> Figure:
    """Share of importance in each part of a sound, for each label set and method.

    Parameters
    ----------
    table
        From :func:`igsed_core.chapters.vocal_percussion.when.summarise`.
    """
    methods = list(when.METHODS)
    fig, axes = plt.subplots(1, len(methods), figsize=(style.WIDTH, 4.4), sharey=True, layout="constrained")
    shown = {
        when.BEFORE: style.PALE,
        when.ATTACK: style.SERIES[0][0],
        when.CODA: style.SERIES[2][0],
        when.AFTER: style.SERIES[5][0],
    }
    for ax, method in zip(axes, methods, strict=True):
        rows = table[table["method"].isin([method, when.ENERGY, when.RANDOM])]
        shares = rows.pivot_table(index="system", columns="measure", values="value", sort=False)
        left = np.zeros(len(shares))
        for part, colour in shown.items():
            ax.barh(range(len(shares)), shares[part], left=left, color=colour, label=part)
            left += shares[part].to_numpy()
        ax.set(
            title=when.METHODS[method].partition(" (")[0], xlim=(0, 1), xticks=[0, 0.5, 1], xlabel="share of importance"
        )
        ax.set_yticks(range(len(shares)), [name_of(str(system)) for system in shares.index])
        ax.grid(axis="y", visible=False)
    axes[0].invert_yaxis()
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=4)
    return fig


@drawing
def one_sound(
    maps: NDArray[np.float32],
    found: dict[str, NDArray[np.float64]],
    times: dict[str, float],
    *,
    step: float,
    title: str,
) -> Figure:
    """One sound: its log-mel map, and the importance of each of its frames by every method.

    Parameters
    ----------
    maps
        Its log-mel map, ``[shape=(64, 48)]``.
    found
        Method -> importance, ``[shape=(64, 48)]``.
    times
        Where its parts begin, in s after the annotated onset.
    step
        Seconds from frame to frame.
    title
        Which sound.
    """
    fig, axes = plt.subplots(1 + len(found), 1, figsize=(style.WIDTH, 5.6), sharex=True, layout="constrained")
    extent = (-step / 2, (maps.shape[1] - 0.5) * step, 0, maps.shape[0])
    for ax, (name, values) in zip(axes, {"log-mel map": maps, **found}.items(), strict=True):
        ax.imshow(values, origin="lower", aspect="auto", extent=extent, cmap="magma")
        ax.set_title(when.METHODS.get(name, name))
        ax.grid(visible=False)
        for time in times.values():
            if np.isfinite(time):
                ax.axvline(time, color="white", lw=1)
        ax.set_ylabel("mel band")
    axes[-1].set_xlabel("s after the annotated onset; lines: " + ", ".join(times))
    fig.suptitle(style.plain(title))
    return fig


def _look(system: str) -> dict[str, Any]:
    """Line of a representation, the same in all figures of the page."""
    if system not in LABEL_SETS:
        marks = dict(zip(BASELINES, "sv^DP", strict=False))
        return {"color": style.FAINT, "marker": marks[system], "ls": "--", "mfc": style.FAINT}
    colour, mark = _HUES[system.removesuffix("_reduced")]
    hollow = system.endswith("_reduced")
    return {"color": colour, "marker": mark, "ls": ":" if hollow else "-", "mfc": "white" if hollow else colour}


def name_of(system: str) -> str:
    """Readable name of a system, of a reference, or of shuffled weights."""
    return {when.SHUFFLED: "weights shuffled", when.ENERGY: "energy", when.RANDOM: "random"}.get(
        system, SYSTEMS.get(system, system)
    )


def four_sounds(bank: VocalPercussion, user: str) -> list[HTML]:
    """Players of the first sound of each instrument in a user's improvisation.

    Parameters
    ----------
    bank
        Takes and sounds.
    user
        Whose.
    """
    result = []
    rows = bank.boxemes[(bank.boxemes["user"] == user) & (bank.boxemes["take"] == "Improvisation")]
    for instrument in INSTRUMENTS:
        mine = rows[rows["instrument"] == instrument]
        if len(mine):
            row = {str(name): value for name, value in mine.iloc[0].items()}
            words = f"{user}, {INSTRUMENT_NAMES[instrument]}: [{row['onset_phoneme']}] [{row['coda_phoneme']}]"
            result.append(players.player(sound(bank, row), bank.takes.sample_rate, words))
    return result


def all_users(bank: VocalPercussion, *, unfolded: int = 2) -> HTML:
    """Players of each user's four sounds, those of the held-out users first.

    Parameters
    ----------
    bank
        Takes and sounds.
    unfolded
        Users whose players are to be seen at once; the others unfold by a click on their names.
    """
    parts = []
    for number, row in enumerate(bank.users.sort_values("held_out", ascending=False, kind="stable").to_dict("records")):
        habits = "" if "consistent" not in row else f", {'consistent' if row['consistent'] else 'erratic'}"
        words = html.escape(f"{row['user']}{habits}, {'held out' if row['held_out'] else 'for training'}")
        inside = "".join(str(one.data) for one in four_sounds(bank, str(row["user"])))
        parts.append(
            f"<details{' open' if number < unfolded else ''}><summary>{words}</summary>"
            f'<div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(22rem,1fr))">{inside}</div>'
            "</details>"
        )
    return HTML(f'<div class="igsed-users">{"".join(parts)}</div>')


def sound(bank: VocalPercussion, row: dict[str, object]) -> NDArray[np.float32]:
    """Samples of a sound, from its onset to the next, ``[shape=(n_samples,)]``."""
    clips = bank.takes.clips
    take = bank.takes.read(clips[clips["clip"] == row["clip"]])[0]
    begin, end = (round(float(str(row[name])) * bank.takes.sample_rate) for name in ("onset", "offset"))
    return take[begin:end]


def audible_map(
    bank: VocalPercussion, boxemes: pd.DataFrame, places: NDArray[np.float64], *, label: str, most: int = 60
) -> HTML:
    """Draw embeddings in a plane, each a button that plays its sound.

    Parameters
    ----------
    bank
        Where the sounds are.
    boxemes
        Rows of some sounds.
    places
        Their places in the plane, ``[shape=(n_sounds, 2)]``.
    label
        What the map shows, for those who do not see it.
    most
        Sounds shown, evenly taken from all.
    """
    chosen = np.unique(np.linspace(0, len(boxemes) - 1, min(most, len(boxemes))).astype(int))
    low, high = places[chosen].min(axis=0), places[chosen].max(axis=0)
    scaled = (places[chosen] - low) / np.maximum(high - low, 1e-9)
    marks = []
    for (x, y), row in zip(scaled, boxemes.iloc[chosen].to_dict("records"), strict=True):
        words = (
            f"{row['user']}, {INSTRUMENT_NAMES[row['instrument']]}, [{row['onset_phoneme']}] [{row['coda_phoneme']}]"
        )
        words = html.escape(words, quote=True)
        source = _data_uri(sound(bank, {str(k): v for k, v in row.items()}), bank.takes.sample_rate)
        at = f'cx="{_EDGE + x * (_WIDE - 2 * _EDGE):.1f}" cy="{_HIGH - _EDGE - y * (_HIGH - 2 * _EDGE):.1f}"'
        marks.append(
            f'<circle {at} r="8" fill="{COLOURS[row["instrument"]]}" tabindex="0" role="button" aria-label="{words}" '
            f'data-sound="{source}"><title>{words}</title></circle>'
        )
    legend = " ".join(
        f'<span><b style="color:{COLOURS[name]}">●</b> {INSTRUMENT_NAMES[name]}</span>' for name in INSTRUMENTS
    )
    return HTML(
        f'<figure class="igsed-heard-map"><svg viewBox="0 0 {_WIDE} {_HIGH}" role="group" '
        f'aria-label="{html.escape(label, quote=True)}" style="width:100%;background:#fff;cursor:pointer">'
        f"{''.join(marks)}</svg><figcaption>{html.escape(label)} {legend}</figcaption></figure>{_SCRIPT}"
    )


_SCRIPT = """<script>
for (const mark of document.querySelectorAll(".igsed-heard-map circle:not([data-ready])")) {
  const play = () => new Audio(mark.dataset.sound).play();
  mark.dataset.ready = "1";
  mark.addEventListener("click", play);
  mark.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); play(); }
  });
}
</script>"""


def _data_uri(samples: NDArray[np.float32], sample_rate: int) -> str:
    loud = samples / max(float(np.abs(samples).max(initial=0.0)), 1e-9) * 0.7
    stream = io.BytesIO()
    small = soxr.resample(loud[: sample_rate // 2], sample_rate, _RATE)
    kind = "MP3" if "MP3" in soundfile.available_formats() else "OGG"
    options = {"compression_level": 0.6} if kind == "MP3" else {"subtype": "VORBIS"}
    soundfile.write(stream, small, _RATE, format=kind, **options)
    name = "audio/mpeg" if kind == "MP3" else "audio/ogg"
    return f"data:{name};base64,{base64.b64encode(stream.getvalue()).decode()}"


def improvised(bank: VocalPercussion) -> pd.DataFrame:
    """Rows of the sounds that the held-out users improvise."""
    return bank.boxemes[bank.boxemes["split"] == TEST].reset_index(drop=True)
