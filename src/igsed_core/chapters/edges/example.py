"""One gate of the run, to look at and to hear: what was made, what is found, and what the edges take off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.attribution import mel, shifted_cam
from igsed_core.detection import gates
from igsed_core.detection.calibration import Decoder
from igsed_core.detection.edges import Edges
from igsed_core.detection.gates import Reader
from igsed_core.models.classifier import Classifier

LENGTH = 0.5  # s, of the gate that is shown, where there is one


@dataclass(frozen=True, eq=False)
class Example:
    """A gate in its clip, and the decision on it.

    Attributes
    ----------
    label
        The class.
    samples, without
        The clip's window with the gate and without it, ``[shape=(n_samples,)]``.
    sample_rate
        Hz.
    log_odds
        Of the class, ``[shape=(n_steps,)]``.
    step, start
        Of the log-odds, in seconds.
    gate, found, corrected
        Onset and offset in seconds: as made, as found, and with calibrated edges.
    """

    label: str
    samples: NDArray[np.float32]
    without: NDArray[np.float32]
    sample_rate: int
    log_odds: NDArray[np.float64]
    step: float
    start: float
    gate: tuple[float, float]
    found: tuple[float, float]
    corrected: tuple[float, float]


def choose(observed: pd.DataFrame, edges: dict[str, Edges]) -> int | None:
    """Choose a gate of the class that is corrected most: of those found, the one nearest to the class's medians.

    Parameters
    ----------
    observed
        From :func:`igsed_core.detection.edges.observe`.
    edges
        Class -> edges, from the same gates.

    Returns
    -------
    int or None
        Its row; None where no gate was found.
    """
    found = observed[observed["found_onset"].notna() & observed["label"].isin(edges)]
    if (found["length"] == LENGTH).any():
        found = found[found["length"] == LENGTH]
    if found.empty:
        return None
    taken = {label: abs(edges[label].early) + abs(edges[label].late) for label in sorted(set(found["label"]))}
    label = max(taken, key=lambda one: taken[one])
    mine, of = found[found["label"] == label], edges[label]
    early, late = mine["onset"] - mine["found_onset"], mine["found_offset"] - mine["offset"]
    return int(((early - of.early).abs() + (late - of.late).abs()).idxmin())


def make(
    row: pd.DataFrame,
    edges: dict[str, Edges],
    classifier: Classifier,
    decoder: Decoder,
    read: Reader,
    *,
    shifts: int,
) -> Example:
    """Make a gate again, and let the detector say its log-odds.

    Parameters
    ----------
    row
        One row of what was observed.
    edges
        Class -> edges.
    classifier, decoder
        Whose encoder looks, and what decides.
    read
        Gives the training clips' samples.
    shifts
        Of a feature frame.
    """
    one = row.to_dict("records")[0]
    label, rate = str(one["label"]), classifier.sample_rate
    (samples,) = gates.mix(row, read, sample_rate=rate)
    at = round(one["window"] * rate)
    model = mel.folded(classifier)
    seen = shifted_cam.features(model, mel.log_mel(model, torch.from_numpy(samples[None]))[0], shifts)
    found = (float(one["found_onset"]), float(one["found_offset"]))
    corrected = edges[label].corrected(np.array([found]), end=len(samples) / rate)[0]
    return Example(
        label=label,
        samples=samples,
        without=np.asarray(read(int(one["recipient"]))[at : at + len(samples)], dtype=np.float32),
        sample_rate=rate,
        log_odds=decoder.log_odds(seen.values.cpu(), label, shifts=shifts),
        step=seen.step,
        start=seen.start,
        gate=(float(one["onset"]), float(one["offset"])),
        found=found,
        corrected=(float(corrected[0]), float(corrected[1])),
    )
