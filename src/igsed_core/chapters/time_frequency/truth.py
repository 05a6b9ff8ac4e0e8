"""What a class is in every bin of a soundscape: power of its stem, power of all else, and when others sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution import plane
from igsed_core.metrics import time_frequency as metrics
from igsed_core.models.frontend import FrontEnd


@dataclass(frozen=True, eq=False)
class Truth:
    """One class in one soundscape.

    Attributes
    ----------
    stem
        The class alone, as it was mixed in, ``[shape=(n_samples,)]``.
    power, own_power, rest_power
        Mel power of the mixture, of the stem and of all else, ``[shape=(n_frames, n_mels)]``.
    sounds, others
        Frames in which the class, and in which any other class sounds by the annotation, ``[shape=(n_frames,)]``.
    """

    stem: NDArray[np.float64]
    power: NDArray[np.float64]
    own_power: NDArray[np.float64]
    rest_power: NDArray[np.float64]
    sounds: NDArray[np.bool_]
    others: NDArray[np.bool_]

    @cached_property
    def own(self) -> NDArray[np.float64]:
        """Share of the stem in each bin, ``[shape=(n_frames, n_mels)]``."""
        return metrics.own_share(self.own_power, self.rest_power)

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Bins that the class dominates, ``[shape=(n_frames, n_mels)]``."""
        return metrics.dominated(self.own_power, self.rest_power)

    @property
    def overlap(self) -> NDArray[np.bool_]:
        """Frames in which the class and another one sound, ``[shape=(n_frames,)]``."""
        return self.sounds & self.others


def of_clip(
    waveform: Tensor,
    stems: Mapping[str, NDArray[np.float64]],
    events: pd.DataFrame,
    labels: Sequence[str],
    frontend: FrontEnd,
) -> list[Truth]:
    """Return the truth of some classes of a soundscape.

    Parameters
    ----------
    waveform
        The soundscape as the classifier hears it, ``[shape=(n_samples,)]``.
    stems
        Label -> stem.
    events
        ``label, onset, offset`` (s) of the soundscape.
    labels
        The classes.
    frontend
        Whose bins.
    """
    mixture = waveform.cpu().numpy().astype(np.float64)
    times = np.arange(plane.n_frames_of(frontend, len(mixture))) * frontend.hop_length / frontend.sample_rate
    (power,) = _power([mixture], frontend)
    found = []
    for label in labels:
        stem = np.asarray(stems[label], dtype=np.float64)[: len(mixture)]
        own, rest = _power([stem, mixture - stem], frontend)
        mine = events["label"] == label
        found.append(Truth(stem, power, own, rest, _active(events[mine], times), _active(events[~mine], times)))
    return found


def _power(sounds: list[NDArray[np.float64]], frontend: FrontEnd) -> list[NDArray[np.float64]]:
    device = frontend.window.device
    with torch.no_grad():
        made = frontend.power(torch.from_numpy(np.stack(sounds).astype(np.float32)).to(device))
    return list(made.cpu().numpy().astype(np.float64))


def _active(events: pd.DataFrame, times: NDArray[np.float64]) -> NDArray[np.bool_]:
    spans = events[["onset", "offset"]].to_numpy(dtype=float)
    return np.asarray(((times >= spans[:, :1]) & (times < spans[:, 1:])).any(axis=0))
