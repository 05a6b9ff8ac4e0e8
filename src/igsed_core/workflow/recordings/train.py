"""``igsed train``: a localiser from weak labels."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.base import bounds, files, names, paths, progress, store, text
from igsed_core.base.errors import IgsedError
from igsed_core.data import audio, labels, long_audio
from igsed_core.data.labels import WeakClip
from igsed_core.detection import localiser_model, localiser_training
from igsed_core.detection.localiser_training import Sounds, Trained
from igsed_core.models import features
from igsed_core.models import shifts as shifted
from igsed_core.models.encoders import registry as encoders
from igsed_core.models.encoders.base import Encoder
from igsed_core.workflow.recordings import outputs

KIND = "clip_features"


def train(
    label_file: Path,
    out: Path,
    *,
    audio_folder: Path | None = None,
    held_out: Path | None = None,
    encoder: str = "mn04_as",
    weights: str = "",
    seed: int = 0,
    shifts: int = 8,
    licence: str = "",
    edges: bool = True,
) -> Trained:
    """Train a localiser and write it.

    Parameters
    ----------
    label_file
        Table of weak labels, or a folder per class.
    out
        File to write.
    audio_folder
        Where the table's files lie.
    held_out
        Labels of clips to hold out, in either form; by default a seeded share of the sources.
    encoder, weights
        See :func:`igsed_core.models.encoders.registry.load`.
    seed
        Of the split and of the head.
    shifts
        Of a feature frame, when the model locates.
    licence
        A note that the model carries.
    edges
        Whether onsets and offsets are calibrated on gates that are cut from the training clips.

    Raises
    ------
    IgsedError
        If labels or files are wrong, or the model cannot be written; what was computed is kept for another try.
    """
    bounds.check_seed(seed)
    outputs.check_file(out)
    if out.exists() and not localiser_model.is_one(out):
        raise outputs.other(out, "model of `igsed train`")
    paths.check_writable(out.parent, "choose another --out")
    clips = labels.weak(label_file, audio_folder)
    tested = [] if held_out is None else labels.weak(held_out, audio_folder)
    if both := {clip.path.resolve() for clip in clips} & {clip.path.resolve() for clip in tested}:
        raise IgsedError(f"{text.shown(min(both))} is among the training and the held-out clips: remove it from one")
    for doubt in names.doubtful(labels.classes_of([*clips, *tested])):
        progress.tell(f"igsed: {doubt}")
    known = encoders.load(encoder, weights)
    shifted.grid(known, shifts)
    every = [*clips, *tested]
    trained = localiser_training.fit(
        known,
        features_of_files(known, every),
        [clip.labels for clip in every],
        sources=[clip.source if i < len(clips) else f"held out: {i}" for i, clip in enumerate(every)],
        held_out=None if held_out is None else [False] * len(clips) + [True] * len(tested),
        seed=seed,
        info={"labels": label_file.name, "labels_sha256": _digest(every)},
        shifts=shifts,
        licence=licence,
        sounds=_sounds(known, every) if edges else None,
    )
    trained.model.save(out)
    return trained


def features_of_files(encoder: Encoder, clips: list[WeakClip]) -> list[NDArray[np.float32]]:
    """Feature frames of files, ``[shape=(n_frames, n_features)]`` each, kept in the store by the files' checksums.

    Raises
    ------
    IgsedError
        If files cannot be used; the message names the first ones, and what was computed is kept.
    """
    made_from = {**features.encoder_identity(encoder), "version": 2}
    entry = store.entry(KIND, made_from)
    entry.describe(made_from)
    found, wrong, long = [], [], 0
    for clip in progress.bar(clips, desc="features", unit=" clips"):
        try:
            target = entry.folder / f"{_checksum(clip.path)}.npz"

            def compute(path: Path = clip.path) -> dict[str, NDArray[np.float32]]:
                blocks = long_audio.stream(path, encoder.frontend.sample_rate)
                return {
                    "values": localiser_training.features_of_blocks(encoder, blocks),
                    "fault": np.array(audio.find_fault(*audio.read(path)), dtype=np.str_),
                }

            made = files.cached_arrays(target, compute)
            fault = str(made["fault"])
            if clip.labels and fault:  # of a clip without a class silence is as good as any sound
                raise IgsedError(f"{text.shown(clip.path)} is {fault}: replace it, or leave it out")
            found.append(made["values"])
            long += len(found[-1]) * encoder.frame_duration > localiser_training.LONG
        except IgsedError as error:
            wrong.append(str(error))
    if wrong:
        more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise IgsedError(f"{len(wrong)} of {len(clips)} clips cannot be used: {'; '.join(wrong[:3])}{more}")
    if long:
        progress.tell(
            f"igsed: {long} clips are longer than {localiser_training.LONG:g} s: a label tells little of so long a "
            "clip; pieces of ten seconds, each with its own labels, teach more"
        )
    return found


def summary(trained: Trained) -> str:
    """Say in a few lines what was trained and how well the clips are told apart."""
    figures = trained.figures.pivot_table(index="class", columns="metric", values="value", sort=False)
    table = trained.counts.set_index("class").join(figures[["precision", "recall", "f1"]])
    table = table[["training", "held_out", "precision", "recall", "f1", "note"]]
    mean = trained.figures[(trained.figures["class"] == "all") & (trained.figures["metric"] == "f1")].iloc[0]
    known = pd.notna(mean["ci_low"])
    low, high = max(0.0, mean["ci_low"]), min(1.0, mean["ci_high"])  # of very few clips it may go beyond what F1 can be
    interval = f"[{low:.2f}, {high:.2f}]" if known else "(too few clips for an interval)"
    return (
        f"{table.to_string(float_format='{:.2f}'.format, na_rep='-')}\n"
        f"F1 of clip-level labels on held-out clips, mean over classes: {mean['value']:.2f} {interval}\n"
        "This says whether sounds are told apart, not when: that needs recordings with time stamps (igsed evaluate)."
    )


def _sounds(encoder: Encoder, clips: list[WeakClip]) -> Sounds:
    """The files' waveforms, read when gates are cut from them."""
    rate = encoder.frontend.sample_rate

    def read(clip: int) -> NDArray[np.float32]:
        return np.concatenate(list(long_audio.stream(clips[clip].path, rate)))

    return Sounds(read, np.array([audio.duration(clip.path) for clip in clips]))


def _checksum(path: Path) -> str:
    try:
        return store.checksum(path)
    except OSError as error:
        raise IgsedError(f"{text.shown(path)} cannot be read ({text.reason(error)}): check its permissions") from error


def _digest(clips: list[WeakClip]) -> str:
    lines = sorted(f"{store.checksum(clip.path)} {','.join(clip.labels)}" for clip in clips)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
