"""One soundscape from its plan: the call of Scaper, and what its JAMS file says.

Reference: J. Salamon et al., "Scaper: a library for soundscape synthesis and augmentation", WASPAA 2017.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from igsed_core.base.errors import IgsedError
from igsed_core.data.soundscape_plan import ClipPlan, PlannedEvent, SoundscapeSpec

TOLERANCE = 1e-3  # s and dB, between the plan and the JAMS


@dataclass(frozen=True)
class Annotation:
    """What the JAMS file of a soundscape says.

    Attributes
    ----------
    clip : ClipPlan
        Background and foreground events as Scaper placed them.
    gain_db : float
        Change of the whole soundscape's level that kept it below full scale; 0 where none was needed.
    key : str
        Key of everything the soundscape was made from.
    """

    clip: ClipPlan
    gain_db: float
    key: str


def require_sox() -> None:
    """Raise an :class:`IgsedError` with the command to run if the program ``sox`` is not installed."""
    if shutil.which("sox") is None:
        raise IgsedError(
            "the program 'sox', which Scaper calls, was not found: "
            "run 'apt-get install sox' or 'conda install -c conda-forge sox'"
        )


@contextlib.contextmanager
def _scaper() -> Iterator[Any]:
    """Import Scaper and give it the environment it needs, for the length of a block.

    - Scaper 1.6.5 reads ``np.Inf``, a name that NumPy 2 removed: it is there inside the block only.
    - Scaper prefers the module ``soxbindings``, which can return corrupted audio on Linux (Scaper issue 157):
      it is hidden while Scaper is imported, so that the program ``sox`` is called.
    - jams emits deprecation warnings, and Scaper warns of every adjustment, which is checked here instead.
    """
    added = not hasattr(np, "Inf")
    blocked = "scaper" not in sys.modules and "soxbindings" not in sys.modules
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if blocked:
            sys.modules["soxbindings"] = None  # type: ignore[assignment]
        try:
            import scaper
        finally:
            if blocked:
                del sys.modules["soxbindings"]
        if added:
            vars(np)["Inf"] = np.inf
        try:
            yield scaper
        finally:
            if added:
                del vars(np)["Inf"]


def mix(plan: ClipPlan, spec: SoundscapeSpec, bank_root: Path, *, key: str = "") -> tuple[np.ndarray, str]:
    """Let Scaper make one soundscape exactly as planned.

    Parameters
    ----------
    plan : ClipPlan
        Files, times and levels.
    spec : SoundscapeSpec
        Length, rate and background level.
    bank_root : Path
        Folder that the plan's paths start from.
    key : str
        Kept in the JAMS, so that a later run knows what the soundscape was made from.

    Returns
    -------
    audio : np.ndarray [shape=(samples,), float64]
        Scaled as a whole where its peak would exceed 1; the ratios between events and background stay.
    jams : str
        Text of Scaper's JAMS file, with paths relative to ``bank_root``.

    Raises
    ------
    IgsedError
        If Scaper fails, or if its JAMS differs from the plan by more than 1 ms or 0.001 dB.
    """
    foreground = bank_root / "foreground" / plan.pool
    with _scaper() as scaper:
        try:
            scene = scaper.Scaper(spec.duration, str(foreground), str(bank_root / "background"), random_state=0)
            scene.sr = spec.sample_rate
            scene.ref_db = spec.ref_db
            scene.add_background(
                label=("const", Path(plan.background).parent.name),
                source_file=("const", str(bank_root / plan.background)),
                source_time=("const", plan.background_time),
            )
            for event in plan.events:
                scene.add_event(
                    label=("const", event.label),
                    source_file=("const", str(bank_root / event.source_file)),
                    source_time=("const", 0.0),
                    event_time=("const", event.onset),
                    event_duration=("const", event.duration),
                    snr=("const", event.snr),
                    pitch_shift=None,
                    time_stretch=None,
                )
            audio, jam, _, _ = scene.generate(fix_clipping=True)
            jam.annotations[0].sandbox.igsed = {"clip": plan.clip, "pool": plan.pool, "key": key}
            jam.validate()
            record = _relative(jam.__json__, f"{bank_root}/")
        except Exception as error:  # Scaper and pysox raise bare exceptions of many kinds
            files = ", ".join([plan.background, *(event.source_file for event in plan.events)])
            raise IgsedError(
                f"Scaper could not make soundscape {plan.clip} ({error}): check {files} in {bank_root}"
            ) from error
    text = json.dumps(record, indent=1)
    _check(plan, read_annotation(text).clip)
    return audio[:, 0], text


def _relative(value: Any, prefix: str) -> Any:
    """Cut ``prefix`` off every string in a JSON value, so that a JAMS is the same on every machine."""
    if isinstance(value, str):
        return value.removeprefix(prefix)
    if isinstance(value, dict):
        return {name: _relative(item, prefix) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_relative(item, prefix) for item in value]
    return value


def read_annotation(text: str) -> Annotation:
    """Read what the text of a JAMS file made by :func:`mix` says.

    Raises
    ------
    ValueError, KeyError, IndexError
        If it is not such a text.
    """
    annotation = json.loads(text)["annotations"][0]
    ours, scapers = annotation["sandbox"]["igsed"], annotation["sandbox"]["scaper"]
    (background,) = (entry["value"] for entry in annotation["data"] if entry["value"]["role"] == "background")
    events = tuple(
        PlannedEvent(
            label=entry["value"]["label"],
            source_file=entry["value"]["source_file"],
            onset=float(entry["time"]),
            duration=float(entry["duration"]),
            snr=float(entry["value"]["snr"]),
        )
        for entry in annotation["data"]
        if entry["value"]["role"] == "foreground"
    )
    clip = ClipPlan(ours["clip"], ours["pool"], background["source_file"], float(background["source_time"]), events)
    return Annotation(clip, float(scapers["ref_db_change"]), ours["key"])


def _check(asked: ClipPlan, made: ClipPlan) -> None:
    """Raise unless the JAMS agrees with the plan: Scaper moves or shortens events with only a warning."""

    def names(clip: ClipPlan) -> list[str]:
        return [clip.background, *(name for e in clip.events for name in (e.label, e.source_file))]

    def numbers(clip: ClipPlan) -> list[float]:
        return [clip.background_time, *(x for e in clip.events for x in (e.onset, e.duration, e.snr))]

    if names(asked) != names(made) or not np.allclose(numbers(asked), numbers(made), rtol=0.0, atol=TOLERANCE):
        raise IgsedError(
            f"soundscape {asked.clip}: Scaper made {made.events}, asked were {asked.events}. "
            "Was the prepared sound bank changed by hand? Delete its folder and run again"
        )
