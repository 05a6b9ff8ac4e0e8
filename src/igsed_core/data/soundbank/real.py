"""A bank of real domestic sounds, made on the user's machine from four public collections by one rule.

Fetched by `igsed fetch real`, or by a run with ``soundbank: real``. Nothing of it is shipped: the files keep the
licences that their authors gave them, and ``ATTRIBUTION.csv`` names author, title, address and licence of each.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from igsed_core.base import files, paths, progress
from igsed_core.base.errors import IgsedError
from igsed_core.data import archives, assets, audio
from igsed_core.data.soundbank import base, cutting, folder, real_sources
from igsed_core.data.soundbank.cutting import RATE, Samples
from igsed_core.data.soundbank.real_sources import DIGITS, STEADY, Clip

VERSION = 1  # raised when the rule changes
FOLDER = "real"
CLASSES = (
    *("Baby_cry", "Blender", "Chopping", "Clock_tick", "Dishes"),
    *("Dog", "Frying", "Running_water", "Speech", "Sweep"),
)
MANIFEST, ATTRIBUTION = "manifest.csv", "ATTRIBUTION.csv"
EVAL_SHARE = 0.3
EVAL_SPEAKERS = ("fsdd-theo", "Anders Lankford")
LONG_ENOUGH = 8  # utterances of each speaker of digits
BACKGROUNDS = 6  # recordings of each kind, at the most
_SEED = 20
_ATTRIBUTED = ["source", "source_id", "title", "author", "url", "licence"]
_LISTED = ["path", "class", "pool", "source", "source_id", "licence", "duration_s", "sha256"]


def build(sources: Path, spoken: Sequence[Path], target: Path) -> Path:
    """Make the bank; the folder appears when it is whole.

    Parameters
    ----------
    sources
        Folder with the unpacked collections in ``esc10``, ``kitchen20`` and ``fsdd``.
    spoken
        Files of LibriSpeech.
    target
        Folder to make.

    Returns
    -------
    Path
        ``target``.

    Raises
    ------
    IgsedError
        If a collection lacks what it should hold, a class has no sound left in a pool, or the disk is full.
    """
    clips = [
        *real_sources.of_esc10(sources / "esc10"),
        *real_sources.of_kitchen20(sources / "kitchen20"),
        *real_sources.of_fsdd(sources / "fsdd"),
        *real_sources.of_librispeech(list(spoken)),
    ]
    temporary = target.with_name(files.temporary_name(target))
    try:
        rows = _backgrounds([clip for clip in clips if clip.kind == STEADY], temporary)
        taken = {row["source_id"] for row in rows}
        foreground = [clip for clip in clips if clip.kind != STEADY and clip.source_id not in taken]
        rows += _events(foreground, pools(foreground), temporary)
        _check(rows, set(CLASSES), sources)
        files.write_table(temporary / MANIFEST, pd.DataFrame(rows)[_LISTED].sort_values("path"))
        used = {(row["source"], row["source_id"]) for row in rows}
        told = {(clip.source, clip.source_id): clip for clip in clips if (clip.source, clip.source_id) in used}
        credits = pd.DataFrame([{name: getattr(told[key], name) for name in _ATTRIBUTED} for key in sorted(told)])
        files.write_table(temporary / ATTRIBUTION, credits)
        temporary.rename(target)
    except OSError as error:
        raise IgsedError(
            f"the bank of real recordings cannot be written to {target} ({error.strerror or error}): free some space, "
            "or set IGSED_DATA_DIR to another folder"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def pools(clips: Iterable[Clip]) -> dict[str, str]:
    """Divide authors, so that nobody is heard in both pools and about 30 % of each class is in ``eval``.

    Authors come by the number of their clips, the busiest first; each goes to the pool that lacks more of its classes.

    Parameters
    ----------
    clips
        Of the foreground.

    Returns
    -------
    dict
        Author -> ``train`` or ``eval``.
    """
    of_author: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    total: dict[str, int] = defaultdict(int)
    for clip in clips:
        of_author[clip.author][clip.label] += 1
        total[clip.label] += 1
    given: dict[str, dict[str, float]] = {"train": defaultdict(float), "eval": defaultdict(float)}
    share = {"train": 1 - EVAL_SHARE, "eval": EVAL_SHARE}
    made = {}
    for author in sorted(of_author, key=lambda name: (-sum(of_author[name].values()), name)):
        held = of_author[author]

        def lacks(pool: str, held: dict[str, int] = held) -> float:
            return sum(n * (1 - given[pool][label] / (share[pool] * total[label])) for label, n in held.items())

        pool = "eval" if author in EVAL_SPEAKERS else "train"
        if set(held) != {"Speech"}:
            pool = max(share, key=lacks)
        made[author] = pool
        for label, n in held.items():
            given[pool][label] += n
    return made


def _events(clips: list[Clip], of_author: dict[str, str], root: Path) -> list[dict[str, object]]:
    """Cut and write the foreground."""
    rows: list[dict[str, object]] = []
    digits = defaultdict(list)
    for clip in progress.bar([clip for clip in clips if clip.kind != DIGITS], desc="cutting events", unit=" clips"):
        place = f"audio/foreground/{of_author[clip.author]}/{clip.label}"
        for number, cut in enumerate(cutting.events(cutting.prepared(_read(clip.path)), clip.kind)):
            name = f"{clip.source_id}_{clip.label[:3].lower()}{clip.take}_{number}.flac"
            rows.append(_written(root, f"{place}/{name}", cut, clip, of_author[clip.author]))
    for clip in clips:
        if clip.kind == DIGITS:
            digits[clip.source_id].append(clip)
    for speaker, spoken in sorted(digits.items()):
        rng = np.random.default_rng([_SEED, *speaker.encode()])
        left = [spoken[i] for i in rng.permutation(len(spoken))]
        for number in range(LONG_ENOUGH):
            some = [left.pop() for _ in range(min(int(rng.integers(2, 6)), len(left)))]
            if len(some) < 2:
                break
            parts: list[Samples] = []
            for clip in some:
                parts += [_loudest(cutting.prepared(_read(clip.path))), np.zeros(round(rng.uniform(0.05, 0.2) * RATE))]
            pool = of_author[some[0].author]
            name = f"{speaker}_{''.join(clip.take[0] for clip in some)}_{number}.flac"
            cut = cutting.finished(np.concatenate(parts[:-1])[: round(cutting.LONGEST * RATE)])
            rows.append(_written(root, f"audio/foreground/{pool}/Speech/{name}", cut, some[0], pool))
    return rows


def _loudest(samples: Samples) -> Samples:
    """A digit at the same peak as the others."""
    return samples / max(float(np.abs(samples).max()), 1e-9)


def _backgrounds(clips: list[Clip], root: Path) -> list[dict[str, object]]:
    """Join and write the backgrounds."""
    of_recording: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    for clip in clips:
        of_recording[clip.label, clip.source_id].append(clip)
    rows: list[dict[str, object]] = []
    count: dict[str, int] = defaultdict(int)
    for (kind, recording), mine in progress.bar(sorted(of_recording.items()), desc="backgrounds", unit=" recordings"):
        if count[kind] == BACKGROUNDS:
            continue
        read = [cutting.prepared(_read(clip.path)) for clip in mine]
        usable = [one for one in read if len(one) > 2 * cutting.CROSSFADE * RATE and cutting.steady(one)]
        if usable:
            path = f"audio/background/ambient/{recording}_{kind}_0.flac"
            rows.append(_written(root, path, cutting.background(usable), mine[0], "background"))
            count[kind] += 1
    return rows


def _read(path: Path) -> Samples:
    return np.asarray(audio.read_mono(path, RATE), dtype=np.float64)


def _written(root: Path, path: str, samples: Samples, clip: Clip, pool: str) -> dict[str, object]:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(place, np.clip(samples, -1, 1), RATE, format="FLAC", subtype="PCM_16")
    return {
        **{"path": path, "class": "ambient" if pool == "background" else clip.label, "pool": pool},
        **{"source": clip.source, "source_id": clip.source_id, "licence": clip.licence},
        **{"duration_s": f"{len(samples) / RATE:.3f}", "sha256": hashlib.sha256(place.read_bytes()).hexdigest()},
    }


def _check(rows: list[dict[str, object]], classes: set[str], sources: Path) -> None:
    there = {(row["class"], row["pool"]) for row in rows}
    wanted = [*((label, pool) for label in sorted(classes) for pool in base.POOLS), ("ambient", "background")]
    if missing := [f"{label} in {pool}" for label, pool in wanted if (label, pool) not in there]:
        raise IgsedError(
            f"the collections in {sources} give no sound of {', '.join(missing)}: delete that folder, and run "
            "`igsed fetch real` again"
        )


def fetched() -> Path:
    """Return the folder of the bank, built from what is fetched where it is not there."""
    place = paths.data_dir() / FOLDER
    if not place.is_dir():
        sources = paths.data_dir() / "real_sources"
        *packed, first, second = assets.GROUPS["real"]
        for name in packed:
            if not (sources / name).is_dir():
                archives.unpack(assets.fetch(name), sources / name, tables=True)
        build(sources, [assets.fetch(first), assets.fetch(second)], place)
    return place


class Real:
    """The bank as the registry takes it (:class:`igsed_core.data.soundbank.base.Bank`)."""

    takes_backgrounds = False

    def knows(self, place: Path) -> bool:
        """It is fetched, never given as a folder."""
        return False

    def fingerprint(self, wanted: base.Wanted) -> str:
        """Return a key of the rule."""
        return hashlib.sha256(f"real {VERSION} {wanted.sample_rate}".encode()).hexdigest()[:16]

    def check(self, wanted: base.Wanted, duration: float) -> tuple[str, ...]:
        """Return the classes (:data:`CLASSES`); whether a soundscape, in seconds, holds its sounds is seen later."""
        return CLASSES

    def prepare(self, wanted: base.Wanted, *, cache_dir: Path, workers: int) -> base.SoundBank:
        """Fetch and build it where it is not there, then prepare it as a folder."""
        return folder.prepare(fetched(), sample_rate=wanted.sample_rate, cache_dir=cache_dir, workers=workers)
