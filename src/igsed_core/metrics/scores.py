"""Scores over time of (clip, class) pairs: the one type that attributions, detectors and baselines share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from igsed_core.base import files
from igsed_core.base.errors import IgsedError
from igsed_core.metrics import frames

SIGNS = ("absolute", "signed", "positive")
PAIR = ["clip", "label"]
_MADE_BY = "made_by"


def read(signed: NDArray[np.floating], absolute: NDArray[np.floating], sign: str) -> NDArray[np.floating]:
    """Read signed scores one way.

    Parameters
    ----------
    signed, absolute
        Means over the same samples, of their values and of their absolute values, ``[shape=(..., n_steps)]``.
    sign
        One of :data:`SIGNS`: ``absolute`` (the paper), ``signed``, or ``positive``, the mean positive part, which is
        exactly ``(absolute + signed) / 2``.

    Returns
    -------
    np.ndarray [shape=(..., n_steps)]

    Raises
    ------
    IgsedError
        For an unknown way; the message lists the valid ones.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.scores import read
    >>> signed, absolute = np.array([[-1.0, 2.0]]), np.array([[3.0, 2.0]])
    >>> read(signed, absolute, "positive").tolist(), read(signed, absolute, "signed").tolist()
    ([[1.0, 2.0]], [[-1.0, 2.0]])
    """
    if sign not in SIGNS:
        raise IgsedError(f"sign is {sign!r}: choose one of {', '.join(SIGNS)}")
    if sign == "positive":
        return (absolute + signed) / 2
    return signed if sign == "signed" else absolute


@dataclass(frozen=True, eq=False)
class ScoresOverTime:
    """Scores over time, a row per (clip, class) pair; all rows have the same steps.

    Attributes
    ----------
    index
        ``clip, label``, mostly ``split``, and what else is known of a row, such as ``seconds`` (what it took).
    values
        Value ``j`` holds on ``[start + j * step, start + (j + 1) * step)``; signed where scores have a sign,
        ``[shape=(n_rows, n_steps)]``.
    step, start
        Length of a step and start of the first one, in seconds.
    absolute
        Mean absolute score of what lies in a step (samples, mel bins), where scores have a sign,
        ``[shape=(n_rows, n_steps)]``.
    logits
        Of values that are probabilities their logits in double precision, ``[shape=(n_rows, n_steps)]``, for whatever
        ranks: single precision rounds the probabilities of sure steps to 1.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from igsed_core.metrics.scores import ScoresOverTime
    >>> index = pd.DataFrame({"clip": ["a", "b"], "label": "Bell"})
    >>> scores = ScoresOverTime(index, np.array([[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 2.0, 2.0]]), step=0.5, start=0.0)
    >>> scores.to_frames(1.0, 2).tolist()
    [[0.5, 0.5], [0.0, 2.0]]
    >>> scores.at(index[1:]).values.tolist()
    [[0.0, 0.0, 2.0, 2.0]]
    """

    index: pd.DataFrame
    values: NDArray[Any]
    step: float
    start: float = 0.0
    absolute: NDArray[Any] | None = None
    logits: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        """Make sure that every row has a name."""
        if len(self.index) != len(self.values):
            raise IgsedError(f"scores over time have {len(self.values)} rows, but {len(self.index)} names of rows")

    @classmethod
    def of_product(
        cls,
        clips: NDArray[np.str_],
        classes: tuple[str, ...] | NDArray[np.str_],
        values: NDArray[Any],
        step: float,
        start: float = 0.0,
        logits: NDArray[np.float64] | None = None,
    ) -> ScoresOverTime:
        """Return scores of every clip and every class.

        Parameters
        ----------
        clips, classes
            Names, ``[shape=(n_clips,)]`` and ``[shape=(n_classes,)]``.
        values
            ``[shape=(n_clips, n_classes, n_steps)]``
        step, start
            Seconds.
        logits
            Of the shape of ``values``, if these are probabilities.
        """
        # Names as objects: a repeated one is a pointer.
        named = {
            "clip": np.repeat(np.asarray(clips, dtype=object), len(classes)),
            "label": np.tile(np.asarray(classes, dtype=object), len(clips)),
        }
        rows = (-1, values.shape[-1])
        logits = None if logits is None else logits.reshape(rows)
        return cls(pd.DataFrame(named), values.reshape(rows), step, start, logits=logits)

    @property
    def grid(self) -> tuple[float, float]:
        """Step and start."""
        return self.step, self.start

    @cached_property
    def _pairs(self) -> pd.MultiIndex:
        pairs = pd.MultiIndex.from_frame(self.index[PAIR])
        if not pairs.is_unique:
            clip, label = pairs[pairs.duplicated()][0]
            raise IgsedError(f"scores over time hold class {label!r} of clip {clip!r} twice")
        return pairs

    def at(self, index: pd.DataFrame) -> ScoresOverTime:
        """Return the rows of some (clip, class) pairs, in their order.

        Parameters
        ----------
        index
            ``clip, label``; other columns are not read.

        Raises
        ------
        IgsedError
            If a pair has no scores, or has them twice.
        """
        rows = self._pairs.get_indexer(pd.MultiIndex.from_frame(index[PAIR]))
        if (rows < 0).any():
            clip, label = index[PAIR].iloc[int(np.argmax(rows < 0))]
            raise IgsedError(f"there are no scores over time of class {label!r} of clip {clip!r}")
        absolute, logits = (None if one is None else one[rows] for one in (self.absolute, self.logits))
        index = self.index.iloc[rows].reset_index(drop=True)
        return replace(self, index=index, values=self.values[rows], absolute=absolute, logits=logits)

    def of_clip(self, clip: str) -> dict[str, NDArray[Any]]:
        """Return class -> values ``[shape=(n_steps,)]`` of the rows of one clip."""
        rows = np.flatnonzero(self.index["clip"] == clip)
        return {str(self.index["label"].iloc[row]): self.values[row] for row in rows}

    def read_as(self, sign: str) -> ScoresOverTime:
        """Return the scores read one way (:func:`read`); those without a sign are read as they are.

        Raises
        ------
        IgsedError
            For an unknown way.
        """
        absolute = self.values if self.absolute is None else self.absolute
        return replace(self, values=read(self.values, absolute, sign), absolute=None)

    def to_frames(self, frame_length: float, n_frames: int, duration: float | None = None) -> NDArray[np.float64]:
        """Average the values over evaluation frames (:func:`igsed_core.metrics.frames.average`).

        Parameters
        ----------
        frame_length, n_frames, duration
            Of the evaluation frames and, if they do not divide it, of the clip.

        Returns
        -------
        np.ndarray [shape=(n_rows, n_frames)]
        """
        if self.logits is not None:
            return np.asarray(expit(self.ranked_frames(frame_length, n_frames, duration)))
        steps = {"step": self.step, "start": self.start}
        return frames.average(self.values, **steps, frame_length=frame_length, n_frames=n_frames, duration=duration)

    def ranked_frames(self, frame_length: float, n_frames: int, duration: float | None = None) -> NDArray[np.float64]:
        """Average as :meth:`to_frames` does, but return the logits of probabilities, which rank and do not saturate.

        Scores without logits are averaged as they are. ``[shape=(n_instances, n_frames)]``, by instance and frame.
        """
        if self.logits is None:
            return self.to_frames(frame_length, n_frames, duration)
        steps = {"step": self.step, "start": self.start}
        return frames.average_logits(
            self.logits, **steps, frame_length=frame_length, n_frames=n_frames, duration=duration
        )

    def save(self, path: Path, made_by: Mapping[str, Any] | None = None) -> None:
        """Write the scores with all names, whole or not at all.

        Parameters
        ----------
        path
            A ``.npz`` file.
        made_by
            What the scores are of and who made them; anything that JSON can hold.
        """
        arrays = {"values": self.values, "step": np.array(self.step), "start": np.array(self.start)}
        if self.absolute is not None:
            arrays["absolute"] = self.absolute
        if self.logits is not None:
            arrays["logits"] = self.logits
        arrays["columns"] = np.array(list(self.index.columns), dtype=str)
        for name, column in self.index.items():
            if column.dtype.kind in "biuf":
                arrays[f"column_{name}"] = column.to_numpy()
            else:  # each name once: a file of every clip and class would hold little else
                codes, names = pd.factorize(column)
                arrays[f"codes_{name}"] = codes.astype(np.int32)
                arrays[f"names_{name}"] = np.array(list(names), dtype=str)
        files.write_arrays(path, **arrays, **{_MADE_BY: np.array(json.dumps(dict(made_by or {}), sort_keys=True))})

    @classmethod
    def load(cls, path: Path, made_by: Mapping[str, Any] | None = None) -> ScoresOverTime:
        """Read scores written by :meth:`save`.

        Parameters
        ----------
        path
            The file.
        made_by
            What it must hold; see :func:`check`.

        Raises
        ------
        IgsedError
            If the file holds something else.
        """
        stored = files.read_arrays(path)
        _compare(path, stored, made_by or {})
        columns = {}
        for name in map(str, stored["columns"]):
            known = f"column_{name}" in stored
            columns[name] = stored[f"column_{name}"] if known else _named(stored, name)
        return cls(
            pd.DataFrame(columns),
            stored["values"],
            float(stored["step"]),
            float(stored["start"]),
            stored.get("absolute"),
            stored.get("logits"),
        )


def made_by(path: Path) -> dict[str, Any]:
    """Return what a file of scores over time says of itself, without reading the scores.

    Raises
    ------
    IgsedError
        If it says nothing.
    """
    with np.load(path, allow_pickle=False) as archive:
        return _record(path, {name: archive[name] for name in archive.files if name == _MADE_BY})


def check(path: Path, wanted: Mapping[str, Any]) -> None:
    """Make sure that a file of scores over time holds what is asked for, without reading the scores.

    Parameters
    ----------
    path
        The file.
    wanted
        What it must say of itself; it may say more.

    Raises
    ------
    IgsedError
        If it holds something else; the message names the file and what differs.
    """
    with np.load(path, allow_pickle=False) as archive:
        _compare(path, {name: archive[name] for name in archive.files if name == _MADE_BY}, wanted)


def _compare(path: Path, stored: Mapping[str, NDArray[Any]], wanted: Mapping[str, Any]) -> None:
    record = _record(path, stored)
    for name, value in json.loads(json.dumps(dict(wanted))).items():  # as a file holds it: tuples are lists
        if record.get(name) != value:
            raise IgsedError(
                f"{path} holds scores of something else, {name} {record.get(name)!r} and not {value!r}: "
                "delete it, then run the same command again"
            )


def _record(path: Path, stored: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    if _MADE_BY not in stored:
        raise IgsedError(f"{path} does not say what it holds: delete it, then run the same command again")
    record: dict[str, Any] = json.loads(str(stored[_MADE_BY]))
    return record


def _named(stored: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    return np.asarray(stored[f"names_{name}"].astype(object)[stored[f"codes_{name}"]])
