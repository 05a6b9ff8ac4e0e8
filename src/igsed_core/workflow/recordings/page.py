"""A page for one recording that needs nothing beside it: player, spectrogram, curves and events."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from igsed_core.base import files, text
from igsed_core.data import long_audio
from igsed_core.detection.localiser_curves import Curves

RATE = 32_000  # Hz
LONGEST = 600.0  # s of a recording that a page shows
PART = 60.0  # s in a picture

_HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}}
img{{max-width:100%}} audio{{width:100%}} table{{border-collapse:collapse}} td,th{{padding:.2rem .8rem;text-align:left}}
</style></head><body><h1>{title}</h1>"""


def write(path: Path, recording: Path, curves: Curves, events: pd.DataFrame) -> None:
    """Write the page of a recording, of its first ten minutes if it is longer.

    Parameters
    ----------
    path
        File to write.
    recording
        The audio file.
    curves
        Probabilities over time.
    events
        ``onset, offset`` (s), ``event_label, probability``.
    """
    import matplotlib

    matplotlib.use("Agg")
    from igsed_core.show import players

    shown = min(curves.duration, LONGEST)
    samples = _first(long_audio.stream(recording, RATE), round(shown * RATE))
    name = text.shown(recording.name)
    title = html.escape(name)
    parts = [_HEAD.format(title=title)]
    if curves.duration > LONGEST:
        parts.append(f"<p>The first {LONGEST / 60:g} of {curves.duration / 60:.0f} minutes.</p>")
    parts.append(str(players.player(samples, RATE, name).data))
    for begin in np.arange(0.0, shown, PART):
        parts.append(_picture(samples, begin, min(begin + PART, shown), curves, events, name))
    parts.append(_table(events))
    files.write_text(path, "\n".join([*parts, "</body></html>\n"]))


def _first(blocks: Iterable[np.ndarray], n: int) -> np.ndarray:
    held, total = [], 0
    for block in blocks:
        held.append(block)
        total += len(block)
        if total >= n:
            break
    return np.concatenate(held)[:n]


def _picture(samples: np.ndarray, begin: float, end: float, curves: Curves, events: pd.DataFrame, name: str) -> str:
    import matplotlib.pyplot as plt

    from igsed_core.show import recordings

    figure = recordings.stretch(samples, RATE, curves, events, begin=begin, end=end)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=90)
    plt.close(figure)
    words = html.escape(f"{name}, {begin:g} to {end:g} s: spectrogram, probability of each class, events")
    return f'<p><img alt="{words}" src="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"></p>'


def _table(events: pd.DataFrame) -> str:
    rows = "".join(
        f"<tr><td>{e.onset:.2f}</td><td>{e.offset:.2f}</td><td>{html.escape(str(e.event_label))}</td>"
        f"<td>{e.probability:.2f}</td></tr>"
        for e in events.itertuples()
    )
    head = "<tr><th>onset (s)</th><th>offset (s)</th><th>class</th><th>probability</th></tr>"
    return f"<table>{head}{rows}</table>" if len(events) else "<p>No event was found.</p>"
