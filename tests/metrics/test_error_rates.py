"""Error rates: cases by hand, and sed_eval's own counts."""

from __future__ import annotations

import numpy as np
import pytest

from igsed_core.base.errors import IgsedError
from igsed_core.metrics import error_rates
from igsed_core.metrics.error_rates import Events

CLASSES = ("Bell", "Hum", "Purr")


def events(*rows: tuple[int, int, float, float], n_clips: int = 1) -> Events:
    table = np.array(sorted(rows), dtype=float).reshape(-1, 4)
    return Events(table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:], n_clips)


def many(seed: int, n_clips: int = 12) -> Events:
    rng = np.random.default_rng(seed)
    rows = []
    for clip, label in np.ndindex(n_clips, len(CLASSES)):
        for onset in rng.choice(9, size=rng.integers(0, 4), replace=False):
            rows.append((clip, label, onset + 0.2 * rng.random(), onset + rng.uniform(0.3, 0.95)))
    return events(*rows, n_clips=n_clips)


def jittered(true: Events, seed: int) -> Events:
    rng = np.random.default_rng(seed)
    times = true.times + rng.normal(0, 0.15, true.times.shape)
    times = np.stack([np.clip(times[:, 0], 0, None), np.maximum(times[:, 1], times[:, 0] + 0.1)], axis=1)
    label = np.where(rng.random(len(true.label)) < 0.3, (true.label + 1) % 3, true.label)
    keep = rng.random(len(label)) < 0.8
    return Events(true.clip[keep], label[keep], times[keep], true.n_clips)


def test_substitutions_deletions_and_insertions_by_hand() -> None:
    true = events((0, 0, 0.0, 1.0), (0, 1, 3.0, 4.0), (0, 2, 6.0, 7.0))
    found = events((0, 0, 0.1, 1.1), (0, 0, 3.0, 4.0), (0, 2, 8.0, 9.0))
    counts, hit = error_rates.of_events(found, true)
    assert counts.tp.tolist() == [1] and hit.tolist() == [True, False, False]
    assert counts.errors.tolist() == [3]  # one substituted, one missed, one too many
    assert counts.f1() == ([2.0], [6.0]) and counts.error_rate() == ([3.0], [3.0])


def test_collars_are_inclusive_and_long_events_have_longer_ones() -> None:
    true = events((0, 0, 1.0, 9.0))
    assert error_rates.of_events(events((0, 0, 1.2, 7.4)), true)[0].tp.tolist() == [1]
    assert error_rates.of_events(events((0, 0, 1.21, 9.0)), true)[0].tp.tolist() == [0]
    with pytest.raises(IgsedError, match="of 1 and of 2 clips"):
        error_rates.of_events(true, events(n_clips=2))


def test_masks_become_events_within_the_clip() -> None:
    mask = np.zeros((2, 2, 4), dtype=bool)
    mask[0, 1, :2] = mask[1, 0, 3] = True
    found = error_rates.of_masks(mask, step=1.0, start=-0.5, duration=3.0)
    assert found.clip.tolist() == [0, 1] and found.label.tolist() == [1, 0]
    assert found.times.tolist() == [[0.0, 1.5], [2.5, 3.0]]


@pytest.mark.parametrize("segment", [1.0, 0.1])
def test_counts_are_sed_evals(segment: float) -> None:
    sed_eval = pytest.importorskip("sed_eval", reason="sed_eval is not installed (extra 'parity')")
    true = many(1)
    found = jittered(true, 2)
    by_event = sed_eval.sound_event.EventBasedMetrics(
        list(CLASSES), t_collar=0.2, percentage_of_length=0.2, event_matching_type="optimal"
    )
    by_segment = sed_eval.sound_event.SegmentBasedMetrics(list(CLASSES), time_resolution=segment)
    for mine, theirs in zip(found.of_clips(), true.of_clips(), strict=True):
        lists = [
            [
                {"event_label": CLASSES[c], "event_onset": a, "event_offset": b, "filename": "x"}
                for c, (a, b) in zip(one.label[rows], one.times[rows], strict=True)
            ]
            for one, rows in ((true, theirs), (found, mine))
        ]
        by_event.evaluate(*lists)
        by_segment.evaluate(*lists, evaluated_length_seconds=12.0)
    counts, _ = error_rates.of_events(found, true)
    marked = [error_rates.activity(one, 3, segment=segment, duration=12.0) for one in (found, true)]
    for metric, mine in ((by_event, counts), (by_segment, error_rates.of_segments(*marked))):
        wanted = metric.results_overall_metrics()
        (hits, of), (wrong, n) = mine.f1(), mine.error_rate()
        assert hits.sum() / of.sum() == pytest.approx(wanted["f_measure"]["f_measure"], abs=1e-9)
        assert wrong.sum() / n.sum() == pytest.approx(wanted["error_rate"]["error_rate"], abs=1e-9)
