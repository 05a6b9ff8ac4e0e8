"""Events with known edges, made of training clips: the inside of a class, gated into a clip without the class.

Clip-level labels alone are needed: which clips hold a class, and which do not. Where it sounds in a clip that holds it
is what the detector itself is sure of (log-odds above :data:`CONFIDENT`); how far its decision on the gate reaches
beyond the gate is then measured (:func:`igsed_core.detection.edges.observe`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.detection import edges

LENGTHS = (0.25, 0.5, 1.0, 2.0)  # s
CONFIDENT = 3.0  # log-odds of the inside
MARGIN = 0.16  # s, half a feature frame, that the inside loses at either end: the detector's own smear
WINDOW = 5.0  # s, of the recipient
FADE = 0.01  # s
COLUMNS = ["label", "length", "donor", "from", "recipient", "window", "onset", "offset"]


class Reader(Protocol):
    """Gives the waveform of a training clip."""

    def __call__(self, clip: int) -> NDArray[np.float32]:
        """Samples of a clip by its number, ``[shape=(n_samples,)]``."""
        ...


def insides(
    scores: NDArray[np.floating], *, step: float, start: float = 0.0, level: float = CONFIDENT, margin: float = MARGIN
) -> NDArray[np.float64]:
    """Stretches of one clip in which the class surely sounds.

    Parameters
    ----------
    scores
        Log-odds of the class, ``[shape=(n_steps,)]``.
    step, start, margin
        Seconds; the margin is cut off either end.
    level
        Log-odds; of a score that is none, in the unit of that score.

    Returns
    -------
    np.ndarray [shape=(n_stretches, 2)]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.gates import insides
    >>> insides(np.array([-9.0, 9.0, 9.0, -9.0]), step=1.0, level=0.0).tolist()
    [[1.16, 2.84]]
    """
    found = edges.spans_of(scores, step=step, start=start, level=level) + margin * np.array([1.0, -1.0])
    return found[found[:, 1] > found[:, 0]]


def draw(
    inside: Mapping[str, Sequence[tuple[int, float, float]]],
    without: Mapping[str, NDArray[np.int64]],
    durations: NDArray[np.float64],
    *,
    per_length: int,
    seed: int,
    lengths: Sequence[float] = LENGTHS,
    window: float = WINDOW,
) -> pd.DataFrame:
    """Draw gates: which stretch of which clip goes where.

    Parameters
    ----------
    inside
        Class -> (clip, begin, end) of its insides, in seconds.
    without
        Class -> clips that do not hold it, ``[shape=(n_clips,)]``.
    durations
        Of all clips, in seconds, ``[shape=(n_clips,)]``.
    per_length
        Gates of each class and length; none where no inside is so long, or no clip is without the class.
    seed
        Of the draw.
    lengths, window
        Of the gates and of the part of the recipient that is heard, in seconds.

    Returns
    -------
    pd.DataFrame
        :data:`COLUMNS`: numbers of the clips; ``from`` and ``window`` are seconds in donor and recipient, at which
        gate and window begin, ``onset`` and ``offset`` seconds in the window.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.gates import draw
    >>> gates = draw(
    ...     {"Bell": [(0, 1.0, 2.2)]}, {"Bell": np.array([1])}, np.array([5.0, 5.0]), per_length=2, seed=0
    ... )
    >>> gates["length"].tolist(), gates["donor"].unique().tolist(), gates["recipient"].unique().tolist()
    ([0.25, 0.25, 0.5, 0.5, 1.0, 1.0], [0], [1])
    """
    rows: list[tuple[object, ...]] = []
    for label, stretches in inside.items():
        rng = np.random.default_rng([seed, 0xED6E, *label.encode()])
        for length in lengths:
            usable = [one for one in stretches if one[2] - one[1] >= length]
            free = np.array([i for i in without[label] if min(window, durations[i]) > length], dtype=int)
            if not usable or not len(free):
                continue
            # As many donors as there are: each once, in a drawn order, before any comes twice.
            order = np.concatenate([rng.permutation(len(usable)) for _ in range(-(-per_length // len(usable)))])
            for which in order[:per_length]:
                donor, begin, end = usable[int(which)]
                recipient = int(rng.choice(free))
                heard = min(window, float(durations[recipient]))
                room = min(1.0, (heard - length) / 2)
                onset = float(rng.uniform(room, heard - length - room))
                of_window = float(rng.uniform(0.0, float(durations[recipient]) - heard))
                taken = float(rng.uniform(begin, end - length))
                rows.append((label, length, donor, taken, recipient, of_window, onset, onset + length))
    return pd.DataFrame(rows, columns=COLUMNS)


def mix(
    gates: pd.DataFrame, read: Reader, *, sample_rate: int, window: float = WINDOW, soft: float = 0.0
) -> list[NDArray[np.float32]]:
    """Add each gate to the window of its recipient, with fades of 10 ms outside of it.

    Parameters
    ----------
    gates
        From :func:`draw`.
    read
        Gives the clips' samples.
    sample_rate
        Hz.
    window
        Seconds, as it was drawn.
    soft
        Seconds in which the sound rises within the gate, and falls at its end; at most half of the gate.

    Returns
    -------
    list of np.ndarray
        Waveforms, ``[shape=(n_samples,)]`` each.
    """
    made = []
    fade = round(FADE * sample_rate)
    ramp = np.linspace(0.0, 1.0, fade + 2)[1:-1]
    for gate in gates.to_dict("records"):
        donor, recipient = read(int(gate["donor"])), read(int(gate["recipient"]))
        at = round(gate["window"] * sample_rate)
        heard = recipient[at : at + round(window * sample_rate)].astype(np.float32).copy()
        n = round(gate["length"] * sample_rate)
        first, onset = round(gate["from"] * sample_rate), round(gate["onset"] * sample_rate)
        before, after = min(fade, first, onset), min(fade, len(donor) - first - n, len(heard) - onset - n)
        body = np.ones(n)
        if rise := min(round(soft * sample_rate), n // 2):
            slope = np.arange(rise) / rise
            body[:rise], body[n - rise :] = slope, slope[::-1]
            before = after = 0
        shape = np.concatenate([ramp[fade - before :], body, ramp[::-1][:after]]).astype(np.float32)
        heard[onset - before : onset + n + after] += shape * donor[first - before : first + n + after]
        made.append(heard)
    return made


Decision = tuple[NDArray[np.floating], float, float]  # scores (n, n_steps); step and start in seconds; found above 0


def measure(
    gates: pd.DataFrame,
    read: Reader,
    decide: Callable[[NDArray[np.float32], Sequence[str]], Mapping[str, Decision]],
    *,
    sample_rate: int,
    window: float = WINDOW,
    soft: float = 0.0,
    batch: int = 16,
) -> dict[str, pd.DataFrame]:
    """Mix gates and let detectors decide on them.

    Parameters
    ----------
    gates
        From :func:`draw`; a window is as long as its recipient allows, and those of one length go together.
    read
        Gives the clips' samples.
    decide
        (Waveforms ``[shape=(n, n_samples)]``, class of each) -> detector -> scores of that class, ``[shape=(n,
        n_steps)]``, with step and start in seconds; the class is found where they are above 0.
    sample_rate
        Hz.
    window, soft
        Seconds; the second as for :func:`mix`.
    batch
        Mixtures in one call of ``decide``.

    Returns
    -------
    dict of pd.DataFrame
        Detector -> as :func:`igsed_core.detection.edges.observe`.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for first in range(0, len(gates), batch):
        some = gates.iloc[first : first + batch]
        waveforms = mix(some, read, sample_rate=sample_rate, window=window, soft=soft)
        sizes = np.array([len(one) for one in waveforms])
        for size in np.unique(sizes):
            mine = np.flatnonzero(sizes == size)
            rows = some.iloc[mine]
            found = decide(np.stack([waveforms[i] for i in mine]), [str(one) for one in rows["label"]])
            for name, (scores, step, start) in found.items():
                parts.setdefault(name, []).append(edges.observe(rows, list(scores), step=step, start=start))
    return {name: pd.concat(of).sort_index() for name, of in parts.items()}
