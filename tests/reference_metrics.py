"""Slow, obvious implementations of the metrics: loops that follow the definitions word by word."""

from __future__ import annotations

import itertools

import numpy as np


def auroc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Share of (active, inactive) pairs of frames in the right order, ties half."""
    won = [1.0 if a > b else 0.5 if a == b else 0.0 for a, b in itertools.product(scores[truth], scores[~truth])]
    return float(np.mean(won)) if won else float("nan")


def average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """Sum over falling thresholds of precision times the gain in recall."""
    if not truth.any():
        return float("nan")
    total, recall = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        taken = scores >= threshold
        found = (taken & truth).sum()
        total += found / taken.sum() * (found / truth.sum() - recall)
        recall = found / truth.sum()
    return total


def runs(mask: np.ndarray, frame_length: float) -> list[tuple[float, float]]:
    """Detected events, frame by frame."""
    events, onset = [], None
    for i, active in enumerate([*mask.tolist(), False]):
        if active and onset is None:
            onset = i * frame_length
        elif not active and onset is not None:
            events.append((onset, i * frame_length))
            onset = None
    return events


def matches(detected: list[tuple[float, float]], true: list[tuple[float, float]]) -> int:
    """Most pairs that agree, by trying everything."""
    if not detected:
        return 0
    (onset, offset), *others = detected
    best = matches(others, true)  # leave the first out
    for i, (on, off) in enumerate(true):
        if abs(onset - on) <= 0.2 and abs(offset - off) <= max(0.2, 0.2 * (off - on)):
            best = max(best, 1 + matches(others, true[:i] + true[i + 1 :]))
    return best


def _shared(one: tuple[float, float], other: tuple[float, float]) -> float:
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))


def operating_point(
    scores: np.ndarray, true: list[tuple[float, float]], threshold: float, frame_length: float
) -> tuple[int, int]:
    """Events found and false positives of one (clip, class) pair in scenario 1."""
    detections = runs(scores >= threshold, frame_length)
    good = [d for d in detections if sum(_shared(d, t) for t in true) >= 0.7 * (d[1] - d[0]) - 1e-7]
    found = [t for t in true if sum(_shared(d, t) for d in good) >= 0.7 * (t[1] - t[0]) - 1e-7]
    return len(found), len(detections) - len(good)


def psds(
    pairs: list[tuple[int, np.ndarray, list[tuple[float, float]]]],
    n_events: list[int],
    hours: float,
    frame_length: float,
) -> float:
    """Scenario 1: (class, scores, events) of the pairs, events a class, hours in all."""
    curves = []
    for label, n in enumerate(n_events):
        mine = [(scores, true) for c, scores, true in pairs if c == label]
        points = []
        for threshold in {value for scores, _ in mine for value in scores.tolist()}:
            found, false = np.sum([operating_point(s, t, threshold, frame_length) for s, t in mine], axis=0)
            points.append((false / hours, found / n))
        curves.append(points)
    edges = sorted({0.0, 100.0, *(x for points in curves for x, _ in points if x < 100)})
    area = 0.0
    for low, high in itertools.pairwise(edges):
        best = [max((y for x, y in points if x <= low + 1e-9), default=0.0) for points in curves]
        area += max(0.0, np.mean(best) - np.std(best)) * (high - low)
    return area / 100
