"""One class of a soundscape alone: what its events are without background and other sounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from igsed_core.data import mixing
from igsed_core.data.soundscape_plan import ClipPlan, SoundscapeSpec


def of_class(annotation: Path, label: str, spec: SoundscapeSpec, bank_root: Path) -> np.ndarray:
    """Return the events of one class of a soundscape as they were mixed in: the stem.

    Mixing is a sum, so the stem is the mixture of background and class minus the background. Scaper mixes both anew, as
    the soundscape's annotation says.

    Parameters
    ----------
    annotation : Path
        The soundscape's ``.jams``.
    label : str
        The class; one that is not in the soundscape gives silence.
    spec : SoundscapeSpec
        Length, rate and background level of the soundscape.
    bank_root : Path
        Folder of the sound bank that it was made from.

    Returns
    -------
    np.ndarray [shape=(n_samples,), float64]

    Raises
    ------
    IgsedError
        As :func:`igsed_core.data.mixing.mix`.
    """
    return of_classes(annotation, (label,), spec, bank_root)[label]


def of_classes(
    annotation: Path, labels: Sequence[str], spec: SoundscapeSpec, bank_root: Path
) -> dict[str, NDArray[np.float64]]:
    """Return the stems of some classes of a soundscape, as :func:`of_class`; the background is mixed once.

    Parameters
    ----------
    annotation : Path
        The soundscape's ``.jams``.
    labels : sequence of str
        The classes.
    spec : SoundscapeSpec
        Length, rate and background level of the soundscape.
    bank_root : Path
        Folder of the sound bank that it was made from.

    Returns
    -------
    dict
        Label -> stem, ``[shape=(n_samples,)]``.

    Raises
    ------
    IgsedError
        As :func:`igsed_core.data.mixing.mix`.
    """
    made = mixing.read_annotation(annotation.read_text(encoding="utf-8"))
    plan, gain = made.clip, 10 ** (made.gain_db / 20)
    background = _unscaled(replace(plan, events=()), spec, bank_root)
    found = {}
    for label in labels:
        mine = tuple(event for event in plan.events if event.label == label)
        with_class = _unscaled(replace(plan, events=mine), spec, bank_root) if mine else background
        found[label] = gain * (with_class - background)
    return found


def _unscaled(plan: ClipPlan, spec: SoundscapeSpec, bank_root: Path) -> np.ndarray:
    """Mix, and take back what kept the mixture below full scale."""
    samples, text = mixing.mix(plan, spec, bank_root)
    return samples / 10 ** (mixing.read_annotation(text).gain_db / 20)
