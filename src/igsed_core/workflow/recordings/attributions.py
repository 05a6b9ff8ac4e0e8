"""``igsed locate --explain``: what a method of attribution says beside the events that were found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.attribution.registry import REGISTRY
from igsed_core.base import files
from igsed_core.base.errors import IgsedError
from igsed_core.data import long_audio
from igsed_core.detection import explain
from igsed_core.detection.localiser import Localiser
from igsed_core.models.classifier import Classifier
from igsed_core.workflow.recordings import formats

_LEAST = 1.0  # s of a piece; what is left after the last one is shorter and belongs to it


def check(method: str) -> None:
    """Refuse an unknown method.

    Raises
    ------
    IgsedError
        The message lists the valid ones.
    """
    if method != explain.IG and method not in REGISTRY:
        raise IgsedError(f"--explain {method!r} is no method: choose from {', '.join([explain.IG, *REGISTRY])}")


def write(folder: Path, recording: Path, localiser: Localiser, events: pd.DataFrame, *, method: str) -> None:
    """Explain the classes of the events, piece by piece of a recording, and write ``attribution.tsv``.

    Parameters
    ----------
    folder
        Folder to write to.
    recording
        The audio file.
    localiser
        Its encoder and clip-level head are explained, in pieces as long as a window.
    events
        ``onset, offset`` (s), ``event_label``.
    method
        See :func:`igsed_core.detection.explain.explain`.
    """
    rate = localiser.encoder.frontend.sample_rate
    classifier = Classifier(localiser.encoder, localiser.model.head).eval()
    tables, begin = [], 0.0
    for piece in _pieces(long_audio.stream(recording, rate), rate, localiser.model.window):
        end = begin + len(piece) / rate
        here = events[(events["onset"] < end) & (events["offset"] > begin)]
        if len(here):
            found = explain.explain(classifier, piece, rate, method=method, targets=sorted(set(here["event_label"])))
            table = pd.DataFrame(found.scores().T, columns=list(found.classes))
            table.insert(0, "onset", begin + explain.FRAME * np.arange(len(table)))
            table["onset"] = table["onset"].map("{:.3f}".format)  # of a day as exact as of a minute
            tables.append(table)
        begin = end
    columns = ["onset", *sorted(set(events["event_label"]))]
    whole = (pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns))[columns]
    files.write_text(
        folder / formats.ATTRIBUTION, whole.to_csv(sep="\t", index=False, float_format="%.6g", lineterminator="\n")
    )


def _pieces(blocks: Iterable[NDArray[np.float32]], rate: int, seconds: float) -> Iterator[NDArray[np.float32]]:
    length, least = round(seconds * rate), round(_LEAST * rate)
    held = np.zeros(0, dtype=np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= length + least:
            yield held[:length]
            held = held[length:]
    if len(held) >= least:
        yield held
    elif len(held):  # a recording of less than that: silence follows, as where it is searched
        yield np.pad(held, (0, least - len(held)))
