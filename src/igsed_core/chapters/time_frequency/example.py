"""One soundscape to look at and to listen to: the first with most classes, and of these the one with most overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from igsed_core.attribution.registry import create
from igsed_core.chapters.time_frequency import study
from igsed_core.chapters.time_frequency.masking import Masker
from igsed_core.chapters.time_frequency.study import Clip
from igsed_core.chapters.time_frequency.truth import Truth
from igsed_core.models.frontend import FrontEnd

SHOWN = ("ig_db", "ixg_log_mel", "lrp_composite", "cam", "grad_cam", "shifted_cam", study.ENERGY, study.PERFECT)
HEARD = ("ig_db", "lrp_composite", "cam", study.PERFECT)


@dataclass(frozen=True, eq=False)
class Example:
    """Maps and truth of one class in one soundscape.

    Attributes
    ----------
    label
        The class.
    maps
        Method -> weights, ``[shape=(n_frames, n_mels)]``.
    known
        The truth.
    frontend
        Whose bins.
    masker
        Lets the soundscape be heard through a map.
    mixture
        The soundscape, ``[shape=(n_samples,)]``.
    """

    label: str
    maps: dict[str, NDArray[np.float64]]
    known: Truth
    frontend: FrontEnd
    masker: Masker
    mixture: NDArray[np.float32]

    def some(self, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Return the maps of these names that there are, in their order."""
        return {name: self.maps[name] for name in names if name in self.maps}


def of(clips: Sequence[Clip], methods: Sequence[str]) -> Example:
    """Explain one soundscape.

    Parameters
    ----------
    clips
        From :func:`igsed_core.chapters.time_frequency.study.clips`.
    methods
        Of the registry; those of :data:`SHOWN` among them are shown.
    """
    most = max(len(one.labels) for one in clips)
    one = next(clip for clip in clips if len(clip.labels) == most)
    wanted = [name for name in SHOWN if name in methods and not study.knows_time_alone(name)]
    loaded = (one.explainer.load()[0], {name: create(name) for name in wanted})
    maps, truths, waveform = study.look(loaded, one)
    number = int(np.argmax([known.overlap.sum() for known in truths]))
    frontend = loaded[0].encoder.frontend
    return Example(
        one.labels[number],
        {name: of_classes[number] for name, of_classes in maps.items()},
        truths[number],
        frontend,
        Masker(waveform, frontend),
        waveform.cpu().numpy(),
    )
