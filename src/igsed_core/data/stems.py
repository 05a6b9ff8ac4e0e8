"""One class of a soundscape alone: what its events are without background and other sounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

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
    made = mixing.read_annotation(annotation.read_text(encoding="utf-8"))
    plan, gain = made.clip, made.gain_db
    mine = tuple(event for event in plan.events if event.label == label)
    return 10 ** (gain / 20) * (
        _unscaled(replace(plan, events=mine), spec, bank_root) - _unscaled(replace(plan, events=()), spec, bank_root)
    )


def _unscaled(plan: ClipPlan, spec: SoundscapeSpec, bank_root: Path) -> np.ndarray:
    """Mix, and take back what kept the mixture below full scale."""
    samples, text = mixing.mix(plan, spec, bank_root)
    return samples / 10 ** (mixing.read_annotation(text).gain_db / 20)
