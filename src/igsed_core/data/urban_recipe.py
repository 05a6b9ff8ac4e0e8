"""Soundscapes by the recipe of URBAN-SED, from any sounds (Salamon et al., "Scaper", WASPAA 2017).

A clip of 10 s holds 1 to 9 events of any class over brownian noise at -50 LUFS: 0.5 to 4 s long, 6 to 30 dB above the
noise, pitch changed by up to 3 semitones, length by up to a fifth, with some reverberation. No source file is used
twice in a clip, so that a small bank may give fewer events. A third of the clips of each split has uniform onsets, a
third onsets around the middle, a third onsets around 3 and 7 s. There is no limit of how many events sound at once.
Scaper draws and mixes; its JAMS is the truth.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile

from igsed_core.base import files, shards, text
from igsed_core.base.errors import IgsedError
from igsed_core.base.parallel import parallel_map
from igsed_core.data import audio, dataset, mixing
from igsed_core.data.dataset import TableDataset
from igsed_core.data.soundbank.base import POOLS, SoundBank

SPLITS = ("train", "validation", "test")
DURATION, REF_DB, REVERB = 10.0, -50.0, 0.1  # s, LUFS, share
EVENTS = (1, 9)
LENGTH, SNR, PITCH, STRETCH = (0.5, 4.0), (6.0, 30.0), (-3.0, 3.0), (0.8, 1.2)  # s, dB, semitones, factor
ONSETS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "uniform": (("uniform", 0.0, DURATION),),
    "middle": (("truncnorm", 5.0, 2.0, 0.0, DURATION),),
    "two": (("truncnorm", 3.0, 2.0, 0.0, DURATION), ("truncnorm", 7.0, 2.0, 0.0, DURATION)),
}
_NOISE = "brownian"


@dataclass(frozen=True, eq=False)
class Sources:
    """Isolated sounds of each split.

    Attributes
    ----------
    files
        Split -> class -> paths.
    sample_rate
        Of the soundscapes, in Hz.
    """

    files: Mapping[str, Mapping[str, list[Path]]]
    sample_rate: int


def of_bank(bank: SoundBank) -> Sources:
    """Take the sounds of a prepared bank: pool train to train on, of pool eval the halves of each class.

    Where a class has one file in pool eval, that is the test's, and validation takes one of pool train away.

    Parameters
    ----------
    bank
        Prepared bank.

    Raises
    ------
    IgsedError
        If a class has too few files: training, validation and test may not share one.
    """
    found: dict[str, dict[str, list[Path]]] = {split: {} for split in SPLITS}
    foreground = bank.files[bank.files["role"] == "foreground"]
    for label, rows in foreground.groupby("label"):
        pools = {pool: [bank.root / path for path in rows.loc[rows["pool"] == pool, "path"]] for pool in POOLS}
        train, held = pools["train"], pools["eval"]
        middle = len(held) // 2
        validation, test = (held[:middle], held[middle:]) if middle else (train[-1:], held)
        train = train if middle else train[:-1]
        if not (train and validation and test):
            raise IgsedError(
                f"class {label!r} has {len(rows)} files in {bank.root}: training, validation and test need one each: "
                "add another"
            )
        for split, paths in zip(SPLITS, (train, validation, test), strict=True):
            found[split][str(label)] = paths
    rate = audio.sample_rate(next(iter(next(iter(found["train"].values())))))
    return Sources(found, rate)


@dataclass(frozen=True)
class _Job:
    clip: str
    onsets: str
    seed: int
    rate: int
    foreground: Path
    background: Path
    target: Path  # without ending

    def is_done(self) -> bool:
        """Whether it is there: its annotation is written last."""
        return self.target.with_suffix(".jams").is_file()


def generate(
    sources: Sources, sizes: Mapping[str, int], *, seed: int, out_dir: Path, workers: int, progress: bool = True
) -> TableDataset:
    """Make the soundscapes of each split, or read those that are there.

    Parameters
    ----------
    sources
        Isolated sounds.
    sizes
        Split -> number of soundscapes.
    seed
        Of every choice; clip ``i`` of a split depends on the seed, the split and ``i`` alone.
    out_dir
        Folder to write to: ``<split>/<clip>.flac`` and ``.jams``, ``clips.csv``, ``events.csv``.
    workers
        Processes; 0: one per core.
    progress
        Whether to show a progress bar.

    Raises
    ------
    IgsedError
        If ``sox`` is not installed or Scaper fails.
    ShardEnd
        In a shard whose part is done (:mod:`igsed_core.base.shards`).
    """
    mixing.require_sox()
    out_dir.mkdir(parents=True, exist_ok=True)
    # Other runs and other shards may be mixing here: what Scaper reads from lies in a folder of this run's own.
    with tempfile.TemporaryDirectory(prefix=".mixing-", dir=out_dir) as place:
        jobs, rows = _jobs(sources, sizes, seed, out_dir, Path(place).absolute())
        missing = [job for job in shards.share(jobs) if not job.is_done()]
        if missing:
            for split in SPLITS:
                (out_dir / split).mkdir(exist_ok=True)
                _lay_out(sources.files[split], missing[0].foreground.parent / split)
            _write_noise(missing[0].background / _NOISE / f"{_NOISE}.flac", sources.sample_rate, seed=seed)
        parallel_map(_make, missing, workers=workers, desc="mixing by URBAN-SED's recipe", progress=progress)
    shards.end_of_step(whole=all(job.is_done() for job in jobs))
    events = pd.concat([read_jams(job.target.with_suffix(".jams")).assign(clip=job.clip) for job in jobs])
    events = events[events["role"] == "foreground"].drop(columns="role").sort_values(["clip", "onset"])
    clips = pd.DataFrame(rows, columns=["clip", "split", "file", "onsets"])
    events = events[["clip", *(name for name in events.columns if name != "clip")]].reset_index(drop=True)
    for name, table in (("clips", clips), ("events", events)):
        files.write_table(out_dir / f"{name}.csv", table)
    classes = sorted({label for split in sources.files.values() for label in split})
    return dataset.from_tables(
        out_dir, clips, sample_rate=sources.sample_rate, events=events, classes=classes, duration=DURATION
    )


def _jobs(
    sources: Sources, sizes: Mapping[str, int], seed: int, out_dir: Path, place: Path
) -> tuple[list[_Job], list[tuple[str, str, str, str]]]:
    """All soundscapes, and their rows in the table of clips."""
    jobs, rows = [], []
    for number, split in enumerate(SPLITS):
        for i in range(sizes[split]):
            onsets, clip = list(ONSETS)[i % len(ONSETS)], f"{split}_{i:05d}"
            drawn = int(np.random.SeedSequence([seed, number, i]).generate_state(1)[0])
            folders = (place / "foreground" / split, place / "background", out_dir / split / clip)
            jobs.append(_Job(clip, onsets, drawn, sources.sample_rate, *folders))
            rows.append((clip, split, f"{split}/{clip}.flac", onsets))
    return jobs, rows


def identity(sources: Sources, sizes: Mapping[str, int], *, seed: int) -> dict[str, Any]:
    """Say what soundscapes are made from, for their key in the store: sounds by their content, sizes and seed."""
    digest = hashlib.sha256()
    for split, by_class in sources.files.items():
        for label, paths in by_class.items():
            for path in paths:
                digest.update(repr((split, label, path.name)).encode())
                digest.update(path.read_bytes())
    return {"sounds": digest.hexdigest(), "sizes": dict(sizes), "seed": seed, "rate": sources.sample_rate}


def read_jams(path: Path) -> pd.DataFrame:
    """Read the events of a soundscape that Scaper made, of today's version or of URBAN-SED's (0.1.0).

    Parameters
    ----------
    path
        A JAMS file: namespace ``scaper`` or, of the old version, ``sound_event``; events as a list of records or as
        lists by column.

    Returns
    -------
    pd.DataFrame
        ``label, onset, offset`` (s), ``role`` (foreground, background), ``snr`` (dB), ``source_file``, ``pitch``
        (semitones), ``stretch`` (factor).

    Raises
    ------
    IgsedError
        If it is no such file.
    """
    try:
        content = json.loads(files.read_text(path, "annotation"))
        (found,) = [a for a in content["annotations"] if a["namespace"] in ("scaper", "sound_event")]
        data = found["data"]
        if isinstance(data, dict):
            data = [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)]
        rows = [
            {
                **{"label": text.name(str(one["value"]["label"])), "onset": float(one["time"])},
                **{"offset": float(one["time"]) + float(one["duration"]), "role": str(one["value"]["role"])},
                **{"snr": float(one["value"]["snr"]), "source_file": Path(one["value"]["source_file"]).name},
                **{"pitch": _number(one["value"]["pitch_shift"], 0.0)},
                **{"stretch": _number(one["value"]["time_stretch"], 1.0)},
            }
            for one in data
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IgsedError(f"{path} is no JAMS file of Scaper ({text.reason(error)}): fetch or make it again") from error
    columns = ["label", "onset", "offset", "role", "snr", "source_file", "pitch", "stretch"]
    return pd.DataFrame(rows, columns=columns)


def _number(value: object, default: float) -> float:
    return default if value is None else float(value)  # type: ignore[arg-type]


def _make(job: _Job) -> None:
    rng = np.random.default_rng(job.seed)
    with mixing._scaper() as scaper:
        scene = scaper.Scaper(DURATION, str(job.foreground), str(job.background), random_state=job.seed % 2**31)
        scene.sr, scene.ref_db = job.rate, REF_DB
        scene.add_background(label=("const", _NOISE), source_file=("choose", []), source_time=("const", 0.0))
        # Drawn here and not by Scaper, which gives up too early: it holds the number of all files that are used against
        # that of one class's files.
        left = {folder.name: sorted(folder.iterdir()) for folder in sorted(job.foreground.iterdir())}
        for _ in range(min(int(rng.integers(EVENTS[0], EVENTS[1], endpoint=True)), sum(map(len, left.values())))):
            which = ONSETS[job.onsets]
            label = str(rng.choice([name for name, paths in left.items() if paths]))
            source = left[label].pop(rng.integers(len(left[label])))
            scene.add_event(
                label=("const", label),
                source_file=("const", str(source)),
                source_time=("const", 0.0),
                event_time=which[rng.integers(len(which))],
                event_duration=("uniform", *LENGTH),
                snr=("uniform", *SNR),
                pitch_shift=("uniform", *PITCH),
                time_stretch=("uniform", *STRETCH),
            )
        try:
            samples, jam, _, _ = scene.generate(
                allow_repeated_label=True,
                allow_repeated_source=False,
                reverb=REVERB,
                fix_clipping=True,
                disable_instantiation_warnings=True,
            )
        except Exception as error:  # Scaper and pysox raise bare exceptions of many kinds
            raise IgsedError(
                f"Scaper could not make soundscape {job.clip} ({error}): check {job.foreground}"
            ) from error
    audio.write(job.target.with_suffix(".flac"), samples[:, 0], job.rate)
    prefix = f"{job.foreground.parent.parent}/"
    files.write_text(job.target.with_suffix(".jams"), json.dumps(mixing._relative(jam.__json__, prefix), indent=1))


def _lay_out(by_class: Mapping[str, list[Path]], folder: Path) -> None:
    """Put the sounds where Scaper looks for them; a link each."""
    for label, paths in by_class.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for path in paths:
            place = folder / label / path.name
            if not place.is_symlink():
                place.symlink_to(path.resolve())


def _write_noise(path: Path, rate: int, *, seed: int) -> None:
    """Brownian noise, without what lies below hearing: its level would count, and nobody would hear it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    steps = np.random.default_rng([seed, 0xB0]).standard_normal(round((DURATION + 1.0) * rate))
    from scipy import signal  # every command that reads parameters comes by here, and it takes half a second

    high = signal.butter(2, 20.0, "highpass", fs=rate, output="sos")
    noise = signal.sosfilt(high, np.cumsum(steps))[rate:]
    soundfile.write(path, 0.5 * noise / np.abs(noise).max(), rate)
