"""Event lists of whole recordings against the truth: IoU, frame, segment and event F1, PSDS, with intervals over files.

Conventions are those of sed_eval (segment- and event-based, micro and macro average) and of psds_eval and
sed_scores_eval (PSDS): tests hold the figures to theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.base import names
from igsed_core.base.errors import IgsedError
from igsed_core.metrics import bootstrap, event_based, frames, intersection, intervals, localisation, psds

FRAME, SEGMENT = 0.1, 1.0  # s
COLUMNS = ["metric", "class", "value", "n", "ci_low", "ci_high"]
ALL, MACRO = names.ALL, names.MEAN

Counts = NDArray[np.float64]  # (3, n_files, n_classes): true positives, false positives, false negatives


def evaluate(
    predicted: pd.DataFrame,
    truth: pd.DataFrame,
    durations: Mapping[str, float],
    classes: Sequence[str],
    *,
    scores: Mapping[str, tuple[NDArray[np.floating], float]] | None = None,
    frame_length: float = FRAME,
    collar: float = event_based.COLLAR,
    replicates: int = bootstrap.REPLICATES,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare events with the truth.

    Parameters
    ----------
    predicted, truth
        ``clip, label, onset, offset`` (s).
    durations
        Of every file that was searched, in seconds: those without an event count, too.
    classes
        That are evaluated.
    scores
        File -> scores ``(n_frames, n_classes)`` and the length of their frames in seconds, for PSDS over all
        thresholds; without them that of the one event list.
    frame_length
        Of IoU and frame F1, in seconds.
    collar
        Of event F1, in seconds; for offsets 20 % of the event's length if that is more.
    replicates, seed
        Of the bootstrap over files.

    Returns
    -------
    pd.DataFrame
        ``metric, class, value, n, ci_low, ci_high``: the row ``all`` of an F1 adds up counts over classes, ``mean over
        classes`` averages it over those with a true event, and a class without one has no value; ``n`` is the number of
        true events, for IoU of pairs of file and class that hold some.

    Raises
    ------
    IgsedError
        If there is no file or class, or an event lies in another one.

    Examples
    --------
    >>> import pandas as pd
    >>> from igsed_core.metrics.event_lists import evaluate
    >>> truth = pd.DataFrame({"clip": ["a"], "label": ["Bell"], "onset": [1.0], "offset": [3.0]})
    >>> found = pd.DataFrame({"clip": ["a"], "label": ["Bell"], "onset": [1.0], "offset": [2.0]})
    >>> table = evaluate(found, truth, {"a": 10.0}, ["Bell"]).set_index(["metric", "class"])
    >>> float(table.loc[("iou", "all"), "value"]), float(table.loc[("event_f1", "all"), "value"])
    (0.5, 0.0)
    """
    files = list(durations)
    if not files or not len(classes):
        raise IgsedError("there is no file or no class to evaluate: give the truth of at least one")
    names.check_classes(classes)
    pairs = pd.MultiIndex.from_product([files, classes], names=["clip", "label"]).to_frame(index=False)
    for what, table in (("the predictions", predicted), ("the truth", truth)):
        for column, known in (("clip", files), ("label", classes)):
            if len(strange := table[~table[column].isin(known)]):
                raise IgsedError(
                    f"{what} hold {column} {strange[column].iloc[0]!r}, which is not among those evaluated: leave its "
                    "events out, or give its truth"
                )
    spans = [event_based.true_spans(table, pairs) for table in (predicted, truth)]
    shape = (len(files), len(classes))
    n_true = np.array([len(one) for one in spans[1]]).reshape(shape)
    weights = bootstrap.with_sample(bootstrap.clip_weights(len(files), replicates=replicates, seed=seed))
    of_frames, of_segments = (
        _overlaps(spans[0], spans[1], durations, shape, length) for length in (frame_length, SEGMENT)
    )
    # sed_eval matches every event as it is listed; those that overlap are not merged.
    listed = [_as_listed(table, pairs) for table in (predicted, truth)]
    counted = event_based.counts_of_events(*listed, collar=collar)
    of_events = np.array([counted.tp, counted.fp, counted.fn], dtype=float).reshape(3, *shape)
    n_listed = np.array([len(one) for one in listed[1]]).reshape(shape)
    rows = _iou_rows(of_frames, n_true, classes, weights)
    for metric, of, n in (
        ("frame_f1", of_frames, n_true),
        ("segment_f1", of_segments, n_true),
        ("event_f1", of_events, n_listed),
    ):
        rows += _f1_rows(metric, of, n, classes, weights)
    lengths = np.array([durations[name] for name in files])
    for name, scenario in (("psds_1", psds.SCENARIO_1), ("psds_2", psds.SCENARIO_2)):
        if scores is None:
            points = intersection.points([predicted], truth, files, classes, scenario=scenario)
            found = psds.of_points(points, weights, lengths, scenario=scenario)
            name += "_of_events"
        else:
            found = _psds_of_scores(scores, spans[1], shape, durations, weights, scenario)
        rows.append((name, ALL, found[0], int(n_true.sum()), *_interval(found, len(files))))
    return pd.DataFrame(rows, columns=COLUMNS)


def _as_listed(table: pd.DataFrame, pairs: pd.DataFrame) -> list[NDArray[np.float64]]:
    by_pair = {key: rows[["onset", "offset"]].to_numpy(float) for key, rows in table.groupby(["clip", "label"])}
    none = np.zeros((0, 2))
    return [by_pair.get((clip, label), none) for clip, label in zip(pairs["clip"], pairs["label"], strict=True)]


def _overlaps(
    predicted: list[NDArray[np.float64]],
    truth: list[NDArray[np.float64]],
    durations: Mapping[str, float],
    shape: tuple[int, int],
    length: float,
) -> Counts:
    """Frames of each pair that both, the prediction alone and the truth alone mark."""
    made = np.zeros((3, shape[0] * shape[1]))
    for pair, (found, true) in enumerate(zip(predicted, truth, strict=True)):
        ends = [
            list(durations.values())[pair // shape[1]],
            *(spans[:, 1].max() for spans in (found, true) if len(spans)),
        ]
        n = frames.n_frames(max(ends), length)
        marked, held = (
            frames.activity(spans[:, 0], spans[:, 1], n_frames=n, frame_length=length) for spans in (found, true)
        )
        made[:, pair] = (marked & held).sum(), (marked & ~held).sum(), (~marked & held).sum()
    return made.reshape(3, *shape)


def _iou_rows(
    of: Counts, n_true: NDArray[np.int64], classes: Sequence[str], weights: NDArray[np.float64]
) -> list[tuple[object, ...]]:
    tp, fp, fn = of
    held = n_true > 0
    iou = np.where(held, tp / np.maximum(tp + fp + fn, 1), 0.0)
    rows: list[tuple[object, ...]] = []
    for label, some in [(ALL, slice(None)), *((label, slice(c, c + 1)) for c, label in enumerate(classes))]:
        n = weights @ held[:, some].sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = (weights @ iou[:, some].sum(axis=1)) / n
        rows.append(("iou", label, found[0], int(n[0]), *_interval(found, int(held[:, some].any(axis=1).sum()))))
    return rows


def _f1_rows(
    metric: str, of: Counts, n_true: NDArray[np.int64], classes: Sequence[str], weights: NDArray[np.float64]
) -> list[tuple[object, ...]]:
    drawn = np.stack([weights @ one for one in of])  # (3, n_replicates, n_classes)
    n_files, n = len(n_true), n_true.sum(axis=0)
    together = localisation.of_counts(*drawn.sum(axis=2))[2]
    each = localisation.of_counts(*drawn)[2]
    held = n > 0
    rows: list[tuple[object, ...]] = [
        (metric, ALL, together[0], int(n.sum()), *_interval(together, n_files)),
    ]
    if held.any():
        mean = bootstrap.mean_of_present(np.where(drawn[0] + drawn[2] > 0, each, np.nan)[:, held], axis=1)
        rows.append((metric, MACRO, mean[0], int(n.sum()), *_interval(mean, n_files)))
    for c, label in enumerate(classes):
        value = (each[0, c], int(n[c]), *_interval(each[:, c], n_files)) if held[c] else (np.nan, 0, np.nan, np.nan)
        rows.append((metric, label, *value))
    return rows


def _psds_of_scores(
    scores: Mapping[str, tuple[NDArray[np.floating], float]],
    true: list[NDArray[np.float64]],
    shape: tuple[int, int],
    durations: Mapping[str, float],
    weights: NDArray[np.float64],
    scenario: psds.Scenario,
) -> NDArray[np.float64]:
    """PSDS over all thresholds; files of one length are counted together."""
    n_classes = shape[1]
    seconds = np.array([sum(b - a for a, b in spans) for spans in true]).reshape(shape).T
    n_events = np.array([len(spans) for spans in true]).reshape(shape).T
    parts, class_of, clip_of = [], [], []
    for f, name in enumerate(durations):
        values, length = scores[name]
        spans = true[f * n_classes : (f + 1) * n_classes]
        nothing = np.zeros((0, 2))
        of_others = [[nothing if c == own else spans[c] for c in range(n_classes)] for own in range(n_classes)]
        parts.append(
            psds.changes(
                np.asarray(values, dtype=float).T,
                spans,
                frame_length=length,
                duration=durations[name],
                of_others=of_others if scenario.alpha_ct else None,
                scenario=scenario,
            )
        )
        class_of += list(range(n_classes))
        clip_of += [f] * n_classes
    longest = max(one.thresholds.shape[1] for one in parts)

    def joined(name: str, fill: float) -> NDArray[np.float64]:
        made = []
        for one in parts:
            values = getattr(one, name)
            width = [(0, 0), (0, longest - values.shape[1]), *[(0, 0)] * (values.ndim - 2)]
            made.append(np.pad(values, width, constant_values=fill))
        return np.concatenate(made)

    together = psds.Changes(
        joined("thresholds", -np.inf),
        joined("found", 0),  # type: ignore[arg-type]
        joined("false", 0),  # type: ignore[arg-type]
        joined("cross", 0) if scenario.alpha_ct else None,  # type: ignore[arg-type]
    )
    return psds.score(
        together,
        np.array(class_of),
        np.array(clip_of),
        n_events,
        weights,
        np.array(list(durations.values())),
        seconds=seconds,
        scenario=scenario,
    )


def _interval(resampled: NDArray[np.float64], n_files: int) -> tuple[float, float]:
    """Interval of a metric of which all values lie between 0 and 1: what no value can be is cut off."""
    return intervals.interval(resampled, n_files, within=intervals.SHARE)
