"""What a soundscape will hold, drawn at random before any audio is made (paper, section II-A)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from igsed_core.base.errors import IgsedError
from igsed_core.data.onsets import FILTERS, ONSETS, place, removed
from igsed_core.data.soundbank.base import POOLS, SoundBank


@dataclass(frozen=True)
class SoundscapeSpec:
    """Distribution of the soundscapes; the defaults are the paper's.

    Attributes
    ----------
    duration : float
        Length of a soundscape, in s.
    sample_rate : int
        In Hz.
    ref_db : float
        Loudness of the background, in LUFS.
    events_min, events_max : int
        Foreground events in a soundscape, drawn uniformly, both ends included.
    snr_min, snr_max : float
        Loudness of an event above the background's, in dB, drawn uniformly.
    max_polyphony : int
        Soundscapes in which more events sound at once are removed.
    onsets : str
        Where events begin, one of :data:`igsed_core.data.onsets.ONSETS`.
    overlap_filter : str
        What "more at once" means, one of :data:`igsed_core.data.onsets.FILTERS`.
    """

    duration: float = 10.0
    sample_rate: int = 32000
    ref_db: float = -55.0
    events_min: int = 1
    events_max: int = 3
    snr_min: float = 15.0
    snr_max: float = 25.0
    max_polyphony: int = 2
    onsets: str = "fitting"
    overlap_filter: str = "at_once"

    @classmethod
    def of(cls, params: object) -> SoundscapeSpec:
        """Return the distribution that parameters of the same names describe."""
        return cls(**{one.name: getattr(params, one.name) for one in dataclasses.fields(cls)})

    def __post_init__(self) -> None:
        if not 1 <= self.events_min <= self.events_max:
            raise IgsedError(
                f"parameters 'events_min' ({self.events_min}) and 'events_max' ({self.events_max}): "
                "the first must be at least 1 and at most the second"
            )
        if self.snr_min > self.snr_max:
            raise IgsedError(f"parameter 'snr_min' ({self.snr_min}) exceeds 'snr_max' ({self.snr_max}): swap them")
        for name, known in (("onsets", ONSETS), ("overlap_filter", FILTERS)):
            if getattr(self, name) not in known:
                raise IgsedError(f"parameter {name!r} is {getattr(self, name)!r}: choose one of {', '.join(known)}")

    def keeps(self, plan: ClipPlan) -> bool:
        """Whether the filter leaves a soundscape in the set."""
        onsets = np.array([[event.onset for event in plan.events]])
        lengths = np.array([[event.duration for event in plan.events]])
        return not bool(removed(onsets, lengths, self.max_polyphony)[self.overlap_filter][0])


@dataclass(frozen=True)
class PlannedEvent:
    """One foreground event; times in s, ``snr`` in dB, ``source_file`` relative to the bank's root."""

    label: str
    source_file: str
    onset: float
    duration: float
    snr: float


@dataclass(frozen=True)
class ClipPlan:
    """One soundscape: its background file, where in it to start (s), its foreground events by onset."""

    clip: str
    pool: str
    background: str
    background_time: float
    events: tuple[PlannedEvent, ...]

    @property
    def polyphony(self) -> int:
        """Most foreground events that sound at once."""
        onsets = [event.onset for event in self.events]
        return max_polyphony(onsets, [event.onset + event.duration for event in self.events])


def max_polyphony(onsets: list[float], offsets: list[float]) -> int:
    """Return the largest number of events that sound at once.

    An event that ends when another begins does not overlap it. The maximum is reached at an onset.

    Parameters
    ----------
    onsets, offsets : list of float
        In s, one pair per event.
    """
    if not onsets:
        return 0
    begin, end = np.asarray(onsets), np.asarray(offsets)
    sounding = (begin[:, None] >= begin) & (begin[:, None] < end)  # (at this onset, this event)
    return int(sounding.sum(axis=1).max())


def draw(bank: SoundBank, spec: SoundscapeSpec, *, pool: str, n: int, seed: int) -> list[ClipPlan]:
    """Draw ``n`` soundscapes from one pool of the bank.

    Clip ``i`` depends on ``seed``, the pool and ``i`` alone. The number of events, their classes (uniform
    over classes), files (uniform in the class) and SNRs are independent; onsets are drawn as ``spec.onsets`` says, by
    default uniformly over every place where the whole event fits.
    Files that are longer than the soundscape are not drawn (:meth:`SoundBank.fitting` lists them).

    Raises
    ------
    IgsedError
        If every file of a class is longer than the soundscape.
    """
    files = bank.fitting(spec.duration).files
    backgrounds = files.loc[files["role"] == "background", ["path", "duration"]].to_records(index=False)
    foreground = files[(files["role"] == "foreground") & (files["pool"] == pool)]
    by_class = {
        label: foreground.loc[foreground["label"] == label, ["path", "duration"]].to_records(index=False)
        for label in bank.classes
    }
    width = max(4, len(str(n - 1)))
    plans = []
    for index in range(n):
        rng = np.random.default_rng([seed, POOLS.index(pool), index])
        background = backgrounds[rng.integers(len(backgrounds))]
        slack = max(0.0, float(background["duration"]) - spec.duration)
        background_time = float(rng.uniform(0.0, slack))
        n_events = rng.integers(spec.events_min, spec.events_max, endpoint=True)
        events = [_draw_event(rng, by_class, spec) for _ in range(n_events)]
        events.sort(key=lambda event: event.onset)
        name = f"{pool}_{index:0{width}d}"
        plans.append(ClipPlan(name, pool, str(background["path"]), background_time, tuple(events)))
    return plans


def _draw_event(rng: np.random.Generator, by_class: dict[str, np.recarray], spec: SoundscapeSpec) -> PlannedEvent:
    labels = list(by_class)
    label = labels[rng.integers(len(labels))]
    file = by_class[label][rng.integers(len(by_class[label]))]
    onset, duration = place(spec.onsets, rng, np.array([float(file["duration"])]), spec.duration)
    snr = float(rng.uniform(spec.snr_min, spec.snr_max))
    return PlannedEvent(label, str(file["path"]), float(onset[0]), float(duration[0]), snr)
