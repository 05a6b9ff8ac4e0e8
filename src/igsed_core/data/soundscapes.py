"""Soundscapes: mixed by Scaper, filtered by polyphony, split, with the table of their events."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from igsed_core.base import shards
from igsed_core.base.errors import IgsedError
from igsed_core.base.files import read_table, write_table, write_text
from igsed_core.base.parallel import parallel_map
from igsed_core.data import audio, mixing
from igsed_core.data.soundbank.base import SoundBank, warn_of_skipped
from igsed_core.data.soundscape_plan import ClipPlan, SoundscapeSpec, draw

__all__ = ["SPLITS", "SoundscapeSet", "SoundscapeSpec", "assign_splits", "generate", "load", "read_clips", "realise"]

SPLITS = ("train", "validation", "test")
CLIP_COLUMNS = ["clip", "split", "n_events", "polyphony", "background", "gain_db"]
EVENT_COLUMNS = ["clip", "label", "onset", "offset", "snr", "source_file"]
REMOVED_COLUMNS = ["clip", "pool", "n_events", "polyphony"]
# Columns that hold names: text, even where every class is called by a number.
_CLIP_NAME = re.compile(r"(train|eval)_\d{4,}")


@dataclass(frozen=True)
class SoundscapeSet:
    """Soundscapes on disk and what is known of them.

    Attributes
    ----------
    root : Path
        Folder with ``<split>/<clip>.flac`` and ``<split>/<clip>.jams``.
    clips : pd.DataFrame
        ``clip``, ``split``, ``n_events``, ``polyphony``, ``background`` (file), ``gain_db`` (change of
        the whole clip's level that kept it below full scale, usually 0).
    events : pd.DataFrame
        ``clip``, ``label``, ``onset``, ``offset`` (s), ``snr`` (dB), ``source_file``, as the JAMS files say.
    removed : pd.DataFrame
        ``clip``, ``pool``, ``n_events``, ``polyphony`` of the soundscapes left out by the polyphony filter.
    """

    root: Path
    clips: pd.DataFrame
    events: pd.DataFrame
    removed: pd.DataFrame

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels that occur, sorted."""
        return tuple(sorted(self.events["label"].unique()))

    def select(self, clip: str) -> SoundscapeSet:
        """Return the set that holds one soundscape only."""
        chosen = self.clips[self.clips["clip"] == clip]
        return SoundscapeSet(self.root, chosen, self.events_of(clip), self.removed)

    @property
    def labels(self) -> pd.DataFrame:
        """Classes of each clip: ``clip``, ``label``."""
        return self.events[["clip", "label"]].drop_duplicates(ignore_index=True)

    @property
    def sample_rate(self) -> int:
        """Of the audio, in Hz."""
        first = self.clips.iloc[0]
        return audio.sample_rate(self.root / first["split"] / f"{first['clip']}.flac")

    def read(self, rows: pd.DataFrame | None = None) -> np.ndarray:
        """Read the audio of all soundscapes, or of some rows of ``clips``, ``[shape=(clips, samples), float32]``."""
        return read_clips(self.root, self.clips if rows is None else rows)

    def events_of(self, clip: str) -> pd.DataFrame:
        """Return the events of one soundscape."""
        return self.events[self.events["clip"] == clip]


def assign_splits(plans: list[ClipPlan]) -> list[str]:
    """Return the split of every clip: pool train is for training, pool eval is halved.

    Of ``n`` clips of the pool eval the first ``n // 2`` are for validation and the others for the test:
    193 become 96 and 97, as in the paper.
    """
    half = sum(plan.pool == "eval" for plan in plans) // 2
    splits, seen = [], 0
    for plan in plans:
        if plan.pool == "train":
            splits.append("train")
        else:
            splits.append("validation" if seen < half else "test")
            seen += 1
    return splits


@dataclass(frozen=True)
class _Job:
    plan: ClipPlan
    spec: SoundscapeSpec
    bank_root: Path
    flac: Path
    key: str

    @property
    def jams(self) -> Path:
        return self.flac.with_suffix(".jams")

    def is_done(self) -> bool:
        """Whether both files are there and were made from the same plan, parameters and sounds."""
        if not (self.flac.is_file() and self.jams.is_file()):
            return False
        try:
            return mixing.read_annotation(self.jams.read_text(encoding="utf-8")).key == self.key
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            return False  # damaged: made again


def _make(job: _Job) -> None:
    """Mix one soundscape and write its files; the JAMS last, since it says that the clip is done."""
    samples, jams = mixing.mix(job.plan, job.spec, job.bank_root, key=job.key)
    job.jams.unlink(missing_ok=True)
    audio.write(job.flac, samples, job.spec.sample_rate)
    write_text(job.jams, jams)


def generate(
    bank: SoundBank,
    spec: SoundscapeSpec,
    *,
    n_train: int,
    n_eval: int,
    seed: int,
    out_dir: Path,
    workers: int,
    progress: bool = True,
) -> SoundscapeSet:
    """Make the soundscapes of the paper's section II-A.

    The plans are drawn first; those with more than ``spec.max_polyphony`` simultaneous events are removed
    before any audio is made, and listed in ``removed.csv``. A second call makes only what is missing or was
    made from other parameters or sounds, and deletes the soundscapes that are not wanted any more. The
    result does not depend on ``workers``.

    Parameters
    ----------
    bank : SoundBank
        Prepared bank; pool train makes the training set, pool eval the validation and test sets, backgrounds
        are common.
    spec : SoundscapeSpec
        Distribution of the soundscapes.
    n_train, n_eval : int
        Soundscapes before the removal; 0 for no training set.
    seed : int
        Seed of every choice.
    out_dir : Path
        Folder to write to.
    workers : int
        Processes; 0 means one per core.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    IgsedError
        If ``sox`` is not installed, every file of a class is longer than the soundscape, or a split is left
        empty.

    Warns
    -----
    UserWarning
        Once each, if files of the bank are longer than the soundscape and not drawn, or if soundscapes had to be
        scaled to stay below full scale.
    """
    fitting = bank.fitting(spec.duration)
    added = fitting.skipped.iloc[len(bank.skipped) :]
    warn_of_skipped(bank.root, list(zip(added["path"], added["reason"], strict=True)), len(bank.files))
    drawn = draw(bank, spec, pool="train", n=n_train, seed=seed) + draw(bank, spec, pool="eval", n=n_eval, seed=seed)
    kept = [plan for plan in drawn if spec.keeps(plan)]
    splits = assign_splits(kept)
    for split in SPLITS if n_train else SPLITS[1:]:
        if split not in splits:
            raise IgsedError(
                f"no soundscape is left for {split}: {len(drawn) - len(kept)} of {len(drawn)} have more than "
                f"{spec.max_polyphony} simultaneous events (overlap_filter={spec.overlap_filter}). Raise 'n_train' "
                f"({n_train}), 'n_eval' ({n_eval}) or 'max_polyphony'"
            )
    paths = [out_dir / split / f"{plan.clip}.flac" for plan, split in zip(kept, splits, strict=True)]
    _delete_others(out_dir, {path.with_suffix(suffix) for path in paths for suffix in (".flac", ".jams")})
    removed = [plan for plan in drawn if not spec.keeps(plan)]
    made = realise(
        bank, kept, [spec] * len(kept), splits, out_dir=out_dir, workers=workers, progress=progress, removed=removed
    )
    write_table(out_dir / "removed.csv", made.removed)
    write_table(out_dir / "events.csv", made.events)
    write_table(out_dir / "clips.csv", made.clips)
    scaled = made.clips[made.clips["gain_db"] != 0]
    if len(scaled):
        worst = scaled["gain_db"].min()
        warnings.warn(
            f"{len(scaled)} of {len(made.clips)} soundscapes were scaled, the worst by {worst:.1f} dB, "
            "to stay below full scale (column gain_db of clips.csv): lower 'ref_db' or 'snr_max'",
            stacklevel=2,
        )
    return made


def realise(
    bank: SoundBank,
    plans: Sequence[ClipPlan],
    specs: Sequence[SoundscapeSpec],
    splits: Sequence[str],
    *,
    out_dir: Path,
    workers: int,
    progress: bool = True,
    removed: Sequence[ClipPlan] = (),
) -> SoundscapeSet:
    """Mix soundscapes as planned; those that are there, made from the same plan and sounds, are not mixed again.

    Parameters
    ----------
    bank : SoundBank
        What the plans were drawn from.
    plans, specs, splits : sequence
        Of each soundscape: what it holds, its length and levels, and the folder it goes to.
    out_dir : Path
        Folder to write to; no table is written.
    workers : int
        Processes; 0 means one per core.
    progress : bool
        Whether to show a progress bar.
    removed : sequence of ClipPlan
        What the set says was left out.

    Raises
    ------
    IgsedError
        If ``sox`` is not installed or a soundscape cannot be mixed.
    """
    sha256 = dict(zip(bank.files["path"], bank.files["sha256"], strict=True))
    jobs = [
        _Job(plan, spec, bank.root, out_dir / split / f"{plan.clip}.flac", _key(plan, spec, sha256))
        for plan, spec, split in zip(plans, specs, splits, strict=True)
    ]
    missing = [job for job in shards.share(jobs) if not job.is_done()]
    if missing:
        mixing.require_sox()
        parallel_map(_make, missing, workers=workers, desc="mixing soundscapes", progress=progress)
    shards.end_of_step(whole=shards.current() is None or all(job.is_done() for job in jobs))
    return _tabulate(jobs, list(splits), list(removed), out_dir)


def _key(plan: ClipPlan, spec: SoundscapeSpec, sha256: dict[str, str]) -> str:
    """Key of everything a soundscape is made from, the sounds' content included."""
    sources = [plan.background, *(event.source_file for event in plan.events)]
    text = repr((plan, spec, [sha256[source] for source in sources]))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _delete_others(out_dir: Path, wanted: set[Path]) -> None:
    """Delete soundscapes of an earlier call that this one does not make."""
    for split in SPLITS:
        for path in (out_dir / split).glob("*"):
            if path.suffix in (".flac", ".jams") and _CLIP_NAME.fullmatch(path.stem) and path not in wanted:
                path.unlink()


def _tabulate(jobs: list[_Job], splits: list[str], removed: list[ClipPlan], out_dir: Path) -> SoundscapeSet:
    """Read every JAMS file back: they are the truth, not the plans."""
    clips, events = [], []
    for job, split in zip(jobs, splits, strict=True):
        annotation = mixing.read_annotation(job.jams.read_text(encoding="utf-8"))
        made, name = annotation.clip, annotation.clip.clip
        clips.append((name, split, len(made.events), made.polyphony, made.background, annotation.gain_db))
        events += [
            (name, event.label, event.onset, event.onset + event.duration, event.snr, event.source_file)
            for event in made.events
        ]
    left_out = [(plan.clip, plan.pool, len(plan.events), plan.polyphony) for plan in removed]
    return SoundscapeSet(
        out_dir,
        pd.DataFrame(clips, columns=CLIP_COLUMNS),
        pd.DataFrame(events, columns=EVENT_COLUMNS),
        pd.DataFrame(left_out, columns=REMOVED_COLUMNS),
    )


def load(out_dir: Path) -> SoundscapeSet:
    """Load the tables that :func:`generate` wrote.

    Raises
    ------
    IgsedError
        If a table is missing.
    """

    def read(name: str) -> pd.DataFrame:
        path = out_dir / name
        if not path.is_file():
            raise IgsedError(f"{path} is missing: make the soundscapes first (stage data synthesis)")
        try:
            return read_table(path)
        except (OSError, ValueError) as error:
            raise IgsedError(f"{path} is damaged: delete it and run the same command again") from error

    return SoundscapeSet(out_dir, read("clips.csv"), read("events.csv"), read("removed.csv"))


def read_clips(root: Path, clips: pd.DataFrame) -> np.ndarray:
    """Read the audio of some soundscapes.

    Parameters
    ----------
    root : Path
        Folder of the soundscapes.
    clips : pd.DataFrame
        Rows of ``clips.csv``.

    Returns
    -------
    np.ndarray [shape=(clips, samples), float32]

    Raises
    ------
    IgsedError
        If a file is missing, unreadable or of another length than the first.
    """
    paths = [root / split / f"{clip}.flac" for clip, split in zip(clips["clip"], clips["split"], strict=True)]
    if not paths:
        return np.zeros((0, 0), dtype=np.float32)
    samples = np.empty((len(paths), audio.n_samples(paths[0])), np.float32)
    for row, path in zip(samples, paths, strict=True):
        mono = audio.read(path)[0][:, 0]
        if mono.size != row.size:
            raise IgsedError(f"{path} has {mono.size} samples, {paths[0].name} has {row.size}: make them again")
        row[:] = mono
    return samples
