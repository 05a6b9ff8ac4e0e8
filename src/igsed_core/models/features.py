"""Feature frames of soundscapes, computed once by the frozen encoder and kept in parts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.base import files, progress, shards, store
from igsed_core.base.errors import IgsedError
from igsed_core.data import soundscapes
from igsed_core.data.dataset import Dataset
from igsed_core.metrics import frames
from igsed_core.models.encoders import registry as encoders
from igsed_core.models.encoders.base import Encoder

CLIPS_A_PART = 64
BATCH = 8  # clips in one forward pass


@dataclass(frozen=True)
class FeatureFrames:
    """Feature frames of the clips of one split.

    Attributes
    ----------
    clips
        Clip names, ``[shape=(n_clips,)]``.
    values
        ``[shape=(n_clips, n_frames, n_features), dtype=float32]``
    frame_duration, frame_start
        Length of a feature frame and start of the first one, in seconds.
    """

    clips: NDArray[np.str_]
    values: NDArray[np.float32]
    frame_duration: float
    frame_start: float


@dataclass(frozen=True)
class Targets:
    """Ground truth for training: clip-level ``(n_clips, n_classes)``, frame-level with time in the middle."""

    clip: NDArray[np.float32]
    frame: NDArray[np.float32]


def check_sample_rate(encoder: Encoder, sample_rate: int) -> None:
    """Make sure that the soundscapes have the rate that the encoder was trained with.

    Raises
    ------
    IgsedError
        If they have not; the message names the parameter and its value.
    """
    encoders.check_sample_rate(encoder.name, encoder.frontend.sample_rate, sample_rate)


def identity(encoder: Encoder, root: Path) -> dict[str, Any]:
    """Say what feature frames are made from, for their key in the store: encoder, its weights, the soundscapes."""
    return {**encoder_identity(encoder), "soundscapes": store.identity(root)}


def encoder_identity(encoder: Encoder) -> dict[str, Any]:
    """Say of an encoder what its feature frames depend on."""
    return {
        "encoder": encoder.name,
        "weights": encoder.weights_sha256,
        "window": hashlib.sha256(encoder.frontend.window.cpu().numpy().tobytes()).hexdigest(),
    }


def modules(encoder: Encoder) -> tuple[str, ...]:
    """Names of the modules that make feature frames."""
    return (__name__, type(encoder).__module__)


def extract(
    encoder: Encoder,
    source: Path | Dataset,
    clips: pd.DataFrame,
    out_dir: Path,
    *,
    device: torch.device,
    batch_size: int = BATCH,
) -> FeatureFrames:
    """Compute, or read back, the feature frames of one split.

    Parameters
    ----------
    encoder
        The frozen encoder.
    source
        Folder of the soundscapes, or any data set.
    clips
        Rows of ``clips.csv``, or of the data set's clips, of one split.
    out_dir
        Parts of 64 clips are kept here; parts that exist are not computed again.
    device
        Where to compute.
    batch_size
        Clips in one forward pass.
    """
    encoder = encoder.to(device)
    read = _reader(encoder, source)
    wanted = _parts(clips, out_dir)
    missing = sum(len(part) for path, part in wanted.items() if not path.exists())
    what = f"features of {clips['split'].iloc[0]}"
    if missing:
        seconds = progress.seconds_of(lambda: _forward(encoder, read, clips.iloc[:1], device, 1, lambda _: None))
        progress.expect(what, missing, seconds, item="clip")
    parts = []
    with progress.bar(desc=what, total=len(clips), unit=" clips") as steps:
        for path, part in wanted.items():

            def compute(part: pd.DataFrame = part) -> dict[str, NDArray[np.float32]]:
                return _arrays(encoder, read, part, device, batch_size, steps.update)

            if path.exists():
                steps.update(len(part))
            parts.append(_part(path, files.cached_arrays(path, compute), part))
    return concatenate(parts)


def extract_splits(
    encoder: Encoder, source: Path | Dataset, clips: pd.DataFrame, out_dir: Path, *, device: torch.device
) -> dict[str, FeatureFrames]:
    """Compute, or read back, the feature frames of every split; shards share the parts of all of them.

    Parameters
    ----------
    encoder, source, device
        See :func:`extract`.
    clips
        Rows of ``clips.csv``, or of the data set's clips.
    out_dir
        A folder a split is kept here.

    Returns
    -------
    dict
        Split -> feature frames.

    Raises
    ------
    ShardEnd
        In a shard whose part is done (:mod:`igsed_core.base.shards`).
    """
    splits = {str(split): rows for split, rows in clips.groupby("split")}
    if shards.current() is not None:
        parts = {path: part for split, rows in splits.items() for path, part in _parts(rows, out_dir / split).items()}
        encoder, read = encoder.to(device), _reader(encoder, source)
        for path, part in shards.share(list(parts.items())):
            files.cached_arrays(path, partial(_arrays, encoder, read, part, device, BATCH, lambda _: None))
        shards.end_of_step(whole=all(path.exists() for path in parts))
    return {split: extract(encoder, source, rows, out_dir / split, device=device) for split, rows in splits.items()}


def read(out_dir: Path, clips: pd.DataFrame) -> FeatureFrames:
    """Read the parts that :func:`extract` left.

    Raises
    ------
    IgsedError
        If a part holds other clips.
    """
    found = []
    for start in range(0, len(clips), CLIPS_A_PART):
        path = out_dir / f"part-{start:05d}.npz"
        found.append(_part(path, files.read_arrays(path), clips.iloc[start : start + CLIPS_A_PART]))
    return concatenate(found)


def _part(path: Path, stored: dict[str, NDArray[Any]], clips: pd.DataFrame) -> FeatureFrames:
    """Return what a file of feature frames holds, which must be that of some clips."""
    if "clips" not in stored or list(stored["clips"]) != [str(clip) for clip in clips["clip"]]:
        raise IgsedError(f"{path} holds feature frames of other clips: delete it, then run the same command again")
    duration, start = stored["grid"]
    return FeatureFrames(stored["clips"], stored["values"], float(duration), float(start))


def concatenate(parts: Iterable[FeatureFrames]) -> FeatureFrames:
    """Join the feature frames of several splits; all come from the same encoder."""
    parts = list(parts)
    return FeatureFrames(
        np.concatenate([p.clips for p in parts]),
        np.concatenate([p.values for p in parts]),
        parts[0].frame_duration,
        parts[0].frame_start,
    )


def targets(features: FeatureFrames, events: pd.DataFrame, classes: tuple[str, ...]) -> Targets:
    """Labels of the clips and of their feature frames; a frame is active if an event covers any of it.

    Parameters
    ----------
    features
        The frames to label.
    events
        Rows of ``events.csv``: clip, label, onset, offset (seconds).
    classes
        Class names, in the order of the outputs.
    """
    n_clips, n_frames, _ = features.values.shape
    frame = np.zeros((n_clips, n_frames, len(classes)), dtype=np.float32)
    clip = np.zeros((n_clips, len(classes)), dtype=np.float32)
    row = {name: i for i, name in enumerate(features.clips)}
    column = {name: i for i, name in enumerate(classes)}
    events = events[events["clip"].isin(features.clips)]
    for (name, label), group in events.groupby(["clip", "label"]):
        i, c = row[str(name)], column[str(label)]
        clip[i, c] = 1.0
        frame[i, :, c] = frames.activity(
            group["onset"],
            group["offset"],
            n_frames=n_frames,
            frame_length=features.frame_duration,
            start=features.frame_start,
        )
    return Targets(clip, frame)


def clip_targets(clips: Sequence[str], labels: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.float32]:
    """Which classes each clip holds, for ``bce``.

    Parameters
    ----------
    clips
        Names.
    labels
        ``clip, label``, as :class:`igsed_core.data.dataset.Dataset` has them.
    classes
        Class names, in the order of the outputs.

    Returns
    -------
    np.ndarray [shape=(n_clips, n_classes), dtype=float32]
    """
    found = np.zeros((len(clips), len(classes)), dtype=np.float32)
    row, column = ({str(name): i for i, name in enumerate(names)} for names in (clips, classes))
    for clip, label in zip(labels["clip"], labels["label"], strict=True):
        if str(clip) in row:
            found[row[str(clip)], column[str(label)]] = 1.0
    return found


def targets_of(features: FeatureFrames, dataset: Dataset) -> Targets:
    """Labels of a data set's clips and, where it has events, of their feature frames.

    Parameters
    ----------
    features
        The frames to label.
    dataset
        Where the clips come from.

    Returns
    -------
    Targets
        Without events ``frame`` has no frame, ``[shape=(n_clips, 0, n_classes)]``.
    """
    clip = clip_targets([str(name) for name in features.clips], dataset.labels, dataset.classes)
    if dataset.events is None:
        return Targets(clip, np.zeros((len(clip), 0, len(dataset.classes)), dtype=np.float32))
    return Targets(clip, targets(features, dataset.events, dataset.classes).frame)


def _parts(clips: pd.DataFrame, out_dir: Path) -> dict[Path, pd.DataFrame]:
    """Return the files of the parts, each with its clips."""
    starts = range(0, len(clips), CLIPS_A_PART)
    return {out_dir / f"part-{s:05d}.npz": clips.iloc[s : s + CLIPS_A_PART] for s in starts}


def _reader(encoder: Encoder, source: Path | Dataset) -> Callable[[pd.DataFrame], NDArray[np.float32]]:
    if isinstance(source, Path):
        return partial(soundscapes.read_clips, source)
    check_sample_rate(encoder, source.sample_rate)
    return source.read


def _arrays(
    encoder: Encoder,
    read: Callable[[pd.DataFrame], NDArray[np.float32]],
    part: pd.DataFrame,
    device: torch.device,
    batch_size: int,
    done: Callable[[int], object],
) -> dict[str, NDArray[Any]]:
    """What the file of a part holds."""
    values = _forward(encoder, read, part, device, batch_size, done)
    grid = np.array([encoder.frame_duration, encoder.frame_start])
    return {"values": values, "clips": part["clip"].to_numpy(dtype=str), "grid": grid}


def _forward(
    encoder: Encoder,
    read: Callable[[pd.DataFrame], NDArray[np.float32]],
    clips: pd.DataFrame,
    device: torch.device,
    batch_size: int,
    done: Callable[[int], object],
) -> NDArray[np.float32]:
    """Feature frames of some clips; ``done`` hears of each batch's clips. Batches bound the memory."""
    batches = []
    for start in range(0, len(clips), batch_size):
        names = clips.iloc[start : start + batch_size]
        waveforms = read(names)
        with torch.inference_mode():
            batches.append(encoder(torch.from_numpy(waveforms).to(device)).cpu().numpy())
        done(len(names))
    return np.concatenate(batches)
