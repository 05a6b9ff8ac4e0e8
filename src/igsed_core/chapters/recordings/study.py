"""What page 16 does: weak labels of soundscapes, a long recording of others, and the comparison with single clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.base import files
from igsed_core.data import audio
from igsed_core.data.soundscapes import SoundscapeSet
from igsed_core.detection.localiser import Localiser

RECORDING = "recording.flac"


def weak_labels(data: SoundscapeSet, n: int) -> pd.DataFrame:
    """Return ``clip, split, filename, event_labels`` of the first training soundscapes, without a time."""
    rows = data.clips[data.clips["split"] == "train"].head(n)
    held = data.labels.groupby("clip")["label"].agg(lambda names: ",".join(sorted(names)))
    return pd.DataFrame(
        {
            "clip": rows["clip"],
            "split": rows["split"],
            "filename": "train/" + rows["clip"] + ".flac",
            "event_labels": rows["clip"].map(held).fillna(""),
        }
    ).reset_index(drop=True)


def join(data: SoundscapeSet, n: int) -> tuple[NDArray[np.float32], int, pd.DataFrame]:
    """Join test soundscapes to one recording, without a gap.

    Returns
    -------
    samples : np.ndarray [shape=(n_samples,), float32]
    sample_rate : int
        In Hz.
    truth : pd.DataFrame
        ``clip`` (the soundscape), ``label, onset, offset`` (s, in the recording), ``begin`` (s, of the soundscape).
    """
    rows = data.clips[data.clips["split"] == "test"].head(n)
    waveforms, rate = data.read(rows), data.sample_rate
    begins = pd.Series(np.arange(len(rows)) * waveforms.shape[1] / rate, index=rows["clip"])
    events = data.events[data.events["clip"].isin(rows["clip"])][["clip", "label", "onset", "offset"]].copy()
    events["begin"] = events["clip"].map(begins)
    events[["onset", "offset"]] = events[["onset", "offset"]].add(events["begin"], axis=0)
    return waveforms.reshape(-1), rate, events.reset_index(drop=True)


def write(folder: Path, labels: pd.DataFrame, samples: NDArray[np.float32], sample_rate: int) -> Path:
    """Write the weak labels as a table and the recording (``(n_samples,)``; Hz), as a user has them."""
    table = labels[["filename", "event_labels"]].to_csv(sep="\t", index=False, lineterminator="\n")
    files.write_text(folder / "labels.tsv", table)
    audio.write(folder / RECORDING, samples / max(1.0, float(np.abs(samples).max())), sample_rate)
    return folder / RECORDING


def on_single_clips(localiser: Localiser, data: SoundscapeSet, n: int, *, edges: bool = True) -> pd.DataFrame:
    """Events of the soundscapes that :func:`join` joins, each searched alone: ``clip, label, onset, offset`` (s)."""
    rows = data.clips[data.clips["split"] == "test"].head(n)
    made = []
    for clip, waveform in zip(rows["clip"], data.read(rows), strict=True):
        made.append(localiser.locate(waveform, data.sample_rate, edges=edges).assign(clip=clip))
    # Clips in which nothing was found say nothing of the types of columns.
    found = pd.concat([one for one in made if len(one)] or made, ignore_index=True).rename(
        columns={"event_label": "label"}
    )
    return found[["clip", "label", "onset", "offset"]]


def in_parts(found: pd.DataFrame, data: SoundscapeSet, n: int) -> pd.DataFrame:
    """Cut events of the long recording where soundscapes meet: ``clip, label, onset, offset`` (s, in the soundscape).

    So that both ways of searching are judged on the same files.
    """
    rows = data.clips[data.clips["split"] == "test"].head(n)
    length = data.read(rows.head(1)).shape[1] / data.sample_rate
    made = []
    for i, clip in enumerate(rows["clip"]):
        inside = found[(found["offset"] > i * length) & (found["onset"] < (i + 1) * length)]
        times = inside[["onset", "offset"]].clip(i * length, (i + 1) * length) - i * length
        made.append(times.assign(clip=clip, label=inside["event_label"]))
    return pd.concat(made, ignore_index=True)[["clip", "label", "onset", "offset"]]


def together(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Join tables of :func:`igsed_core.metrics.event_lists.evaluate`, with ``split`` (test) and ``name`` first."""
    joined = pd.concat(tables, ignore_index=True).assign(split="test")
    return joined[["split", "name", *(column for column in joined if column not in ("split", "name"))]]
