"""Whether an explanation gives an attack away: detectors made from maps, beside trivial ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.chapters.adversarial import summary
from igsed_core.chapters.adversarial.attacks.base import Attacked
from igsed_core.chapters.adversarial.explaining import CAM, IG, Looked
from igsed_core.chapters.adversarial.study import NOISE
from igsed_core.chapters.adversarial.under_attack import CLEAN, Case, energy
from igsed_core.metrics import intervals

SAID_TRIVIAL = " (trivial)"
DETECTORS = {
    "error": "IG's completeness error",
    "disagreement": "disagreement of CAM and IG",
    "entropy_ig": "entropy of IG in time",
    "entropy_cam": "entropy of CAM in time",
    "quiet": f"level of the quietest tenth{SAID_TRIVIAL}",
    "unsure": f"nearness to a decision{SAID_TRIVIAL}",
}
TRIVIAL = ("quiet", "unsure")
_BLOCK = 0.01  # s


def detection(
    some: Sequence[Case],
    made: Mapping[str, Attacked],
    looked: Mapping[str, Sequence[Looked]],
    sample_rate: int,
    *,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Say how well maps tell attacked soundscapes from clean ones, beside two trivial detectors.

    Of the explained classes that are detected in a soundscape, the one that looks most suspicious counts. Which way is
    suspicious was fixed beforehand: more error, more disagreement, more even maps, more sound in the quietest tenth,
    a logit nearer to zero.

    Parameters
    ----------
    some, made, looked
        From :func:`cases`, :func:`attack` and :func:`look`; soundscapes where the attack failed are left out.
    sample_rate
        In Hz.
    replicates, seed
        Of the bootstrap over soundscapes.

    Returns
    -------
    pd.DataFrame
        ``variant, detector, metric`` (AUROC), ``split, n, value, ci_low, ci_high``; for detectors made from maps also
        ``minus_trivial, minus_low, minus_high``, the AUROC minus that of the better trivial detector, paired by clip.
    """
    clean = [_suspicion(one, of, one.waveform, sample_rate) for one, of in zip(some, looked[CLEAN], strict=True)]
    rows: list[tuple[object, ...]] = []
    apart: list[tuple[float, float, float]] = []
    for variant, attacked in made.items():
        there = [i for i in range(len(some)) if variant == NOISE or bool(attacked.reached[i])]
        now = [_suspicion(some[i], looked[variant][i], attacked.waveforms[i], sample_rate) for i in there]
        clips = np.array([some[i].clip for i in there] * 2, dtype=object)
        which = np.arange(len(clips)) >= len(there)
        drawn = {}
        for name in DETECTORS:
            values = np.array([clean[i][name] for i in there] + [one[name] for one in now], dtype=float)
            n = len(np.unique(clips[~np.isnan(values)].astype(str)))
            drawn[name] = summary.areas(clips, values, which, replicates=replicates, seed=seed)
            rows.append((variant, name, "auroc", "test", n, *summary.area(drawn[name], n)))
        apart += _minus_trivial(drawn, len(there))
    table = pd.DataFrame(rows, columns=["variant", "detector", *summary.COLUMNS])
    return table.join(pd.DataFrame(apart, columns=["minus_trivial", "minus_low", "minus_high"]))


def _minus_trivial(drawn: Mapping[str, NDArray[np.float64]], n_clips: int) -> list[tuple[float, float, float]]:
    """Return each detector's AUROC minus that of the better trivial one, with its interval; NaN for trivial ones."""
    none = (np.nan, np.nan, np.nan)
    trivial = [one for name, one in drawn.items() if name in TRIVIAL and not np.isnan(one[0])]
    if not trivial:
        return [none] * len(drawn)
    best = max(trivial, key=lambda one: one[0])
    found = []
    for name, one in drawn.items():
        low, high = intervals.interval(one - best, n_clips, within=intervals.APART)
        found.append(none if name in TRIVIAL else (float(one[0] - best[0]), float(low), float(high)))
    return found


def _suspicion(one: Case, found: Looked, waveform: Tensor, sample_rate: int) -> dict[str, float]:
    logits = found.logits[one.explained]
    slots = np.flatnonzero(logits > 0) if (logits > 0).any() else np.array([int(logits.argmax())])
    maps = found.maps

    def most(values: list[float]) -> float:
        return float(np.nanmax(values)) if not np.isnan(values).all() else float("nan")

    return {
        "error": most([float(found.errors[i]) for i in slots]),
        "disagreement": most([1 - summary.correlation(maps[CAM][i], maps[IG][i]) for i in slots]),
        "entropy_ig": most([summary.entropy(maps[IG][i]) for i in slots]),
        "entropy_cam": most([summary.entropy(maps[CAM][i]) for i in slots]),
        "quiet": _quiet_level(waveform, sample_rate),
        "unsure": -float(np.abs(found.logits).min()),
    }


def _quiet_level(waveform: Tensor, sample_rate: int) -> float:
    """Level of the quietest tenth of blocks of 10 ms, above the clip's, in dB."""
    size = round(_BLOCK * sample_rate)
    blocks = np.sort(energy(waveform, size, len(waveform) // size))
    quiet = blocks[: max(1, len(blocks) // 10)].mean()
    return float(10 * np.log10(max(quiet, 1e-20) / max(blocks.mean(), 1e-20)))
