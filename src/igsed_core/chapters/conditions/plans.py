"""Test soundscapes for each condition: level, number and overlap of events, background."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from igsed_core.base import text
from igsed_core.data import audio
from igsed_core.data.soundbank.base import SoundBank
from igsed_core.data.soundscape_plan import ClipPlan, SoundscapeSpec, draw
from igsed_core.metrics import frames

SNR, EVENTS, OVERLAP, BACKGROUND = "snr", "events", "overlap", "background"
MOST_EVENTS = 5
OVERLAPPING = 3  # events in each soundscape of the family `overlap`, of which one to all sound at once
QUIET = "quiet"
QUIETER = 25.0  # dB by which the background is lower there; the events keep their level
STEADY, VARYING = "steady", "varying"
_OTHER_CLIPS = 1_000_003  # added to the seed: soundscapes that neither training nor any threshold has seen
_DRAWS = 60  # plans for each that is wanted, where plans of one polyphony are picked out


@dataclass(frozen=True)
class Condition:
    """Soundscapes that have one thing in common.

    Attributes
    ----------
    family, level
        What is varied, and its value.
    plans
        One a soundscape, each with a name of its own.
    spec
        Length and levels.
    """

    family: str
    level: str
    plans: tuple[ClipPlan, ...]
    spec: SoundscapeSpec


def ratios(low: float, high: float, step: float) -> list[float]:
    """Return the event-to-background ratios from ``low`` to ``high`` inclusive, in dB."""
    return [low + step * i for i in range(int((high - low) / step + 1e-9) + 1)]


def all_conditions(
    bank: SoundBank, spec: SoundscapeSpec, *, snrs: Sequence[float], n_clips: int, seed: int
) -> list[Condition]:
    """Plan the soundscapes of every family.

    Levels of ``snr`` share everything but the level of the events, levels of ``background`` everything but the
    background, so that they can be compared clip by clip. The number of events and their overlap change what a clip
    holds; ``overlap`` fixes the number.

    Parameters
    ----------
    bank
        Prepared bank; the pool ``eval`` is drawn from.
    spec
        The main job's distribution.
    snrs
        Event-to-background ratios in dB.
    n_clips
        Soundscapes of each condition; fewer where so many cannot be drawn.
    seed
        Of every draw.
    """
    common = _drawn(bank, spec, n_clips, seed)
    return [
        *(_named(SNR, f"{snr:g}", [_at_snr(plan, snr) for plan in common], spec) for snr in snrs),
        *_by_number(bank, spec, n_clips, seed),
        *_by_overlap(bank, spec, n_clips, seed),
        *_by_background(bank, spec, common, seed),
    ]


def _drawn(bank: SoundBank, spec: SoundscapeSpec, n: int, seed: int) -> list[ClipPlan]:
    """Soundscapes as in the main job, its filter included."""
    plans = draw(bank, spec, pool="eval", n=4 * n, seed=seed + _OTHER_CLIPS)
    return [plan for plan in plans if spec.keeps(plan)][:n]


def _by_number(bank: SoundBank, spec: SoundscapeSpec, n: int, seed: int) -> Iterator[Condition]:
    for k in range(1, MOST_EVENTS + 1):
        mine = replace(spec, events_min=k, events_max=k, max_polyphony=k)
        yield _named(EVENTS, str(k), draw(bank, mine, pool="eval", n=n, seed=seed + _OTHER_CLIPS + k), mine)


def _by_overlap(bank: SoundBank, spec: SoundscapeSpec, n: int, seed: int) -> Iterator[Condition]:
    mine = replace(spec, events_min=OVERLAPPING, events_max=OVERLAPPING, max_polyphony=OVERLAPPING)
    plans = draw(bank, mine, pool="eval", n=_DRAWS * n, seed=seed + _OTHER_CLIPS)
    for polyphony in range(1, OVERLAPPING + 1):
        found = [plan for plan in plans if plan.polyphony == polyphony][:n]
        if found:
            yield _named(OVERLAP, str(polyphony), found, mine)


def _by_background(bank: SoundBank, spec: SoundscapeSpec, common: list[ClipPlan], seed: int) -> Iterator[Condition]:
    quiet = replace(spec, ref_db=spec.ref_db - QUIETER, snr_min=spec.snr_min + QUIETER, snr_max=spec.snr_max + QUIETER)
    raised = [
        replace(plan, events=tuple(replace(event, snr=event.snr + QUIETER) for event in plan.events)) for plan in common
    ]
    yield _named(BACKGROUND, QUIET, raised, quiet)
    types = background_types(bank)
    for kind, files in types.items():
        rng = np.random.default_rng([seed, 0xBAC6])
        drawn = files.iloc[rng.integers(len(files), size=len(common))]
        starts = rng.random(len(common)) * np.clip(drawn["duration"].to_numpy(dtype=float) - spec.duration, 0, None)
        plans = [
            replace(plan, background=str(path), background_time=float(start))
            for plan, path, start in zip(common, drawn["path"], starts, strict=True)
        ]
        yield _named(BACKGROUND, kind, plans, spec)


def background_types(bank: SoundBank) -> dict[str, pd.DataFrame]:
    """Backgrounds by their label, or where all have the same one, by how much their level varies.

    Returns
    -------
    dict
        Type -> rows of the bank's files. ``steady`` and ``varying`` are the halves with the lower and the higher
        standard deviation of the level in dB, of windows of 100 ms. A label that is called as one of this family's
        own levels (``quiet``) becomes ``quiet (background)``.
    """
    files = bank.files[bank.files["role"] == "background"].sort_values("path")
    labels = set(files["label"])
    if len(labels) > 1 or len(files) < 2:
        own = _own_levels(labels)
        return {own[str(label)]: group for label, group in files.groupby("label")}
    varies = np.array([_variation(bank.root / path) for path in files["path"]])
    order = np.argsort(varies, kind="stable")
    half = len(order) // 2
    return {STEADY: files.iloc[np.sort(order[:half])], VARYING: files.iloc[np.sort(order[half:])]}


def _own_levels(labels: Iterable[str]) -> dict[str, str]:
    """Name of each background's level; names of files are made of them, so the case of letters is no difference."""
    levels: dict[str, str] = {}
    taken = {QUIET, STEADY, VARYING}
    for label in sorted(labels, key=lambda label: (label.casefold() in taken, label)):
        level = label
        while level.casefold() in taken:
            level = f"{level} (background)"
        taken.add(level.casefold())
        levels[label] = level
    return levels


def _variation(path: object) -> float:
    samples, rate = audio.read(path)  # type: ignore[arg-type]
    power = frames.window_mean(samples[:, 0].astype(float) ** 2, round(0.1 * rate))
    return float(np.std(10 * np.log10(power + 1e-12)))


def _at_snr(plan: ClipPlan, snr: float) -> ClipPlan:
    return replace(plan, events=tuple(replace(event, snr=snr) for event in plan.events))


def _named(family: str, level: str, plans: Sequence[ClipPlan], spec: SoundscapeSpec) -> Condition:
    """Give every soundscape a name that no other condition uses and that may be a file's, however long the level is."""
    stem = text.file_stem(level, longest=80)
    named = [replace(plan, clip=f"{family}_{stem}_{i:04d}") for i, plan in enumerate(plans)]
    return Condition(family, level, tuple(named), spec)
