"""Metrics against independent software, sed_eval and sed_scores_eval (extra `parity`); skipped where it is absent."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from igsed_core.metrics import event_based, frames, localisation, psds

N_CLIPS, CLASSES, DURATION, LENGTH = 20, ("Bell", "Hum", "Purr"), 10.0, 0.1
N_FRAMES = round(DURATION / LENGTH)
HAIR = np.array([1e-6, -1e-6])


@pytest.fixture(scope="module")
def system() -> dict[str, Any]:
    """Events at any time, a pair with one event or two in places, and scores that follow them with noise."""
    rng = np.random.default_rng(7)
    rows, scores = [], np.empty((N_CLIPS, len(CLASSES), N_FRAMES))
    for clip, c in np.ndindex(N_CLIPS, len(CLASSES)):
        truth = np.zeros(N_FRAMES, dtype=bool)
        for onset in ([], [rng.uniform(0, 4)], [rng.uniform(0, 3), rng.uniform(5, 7)])[rng.integers(0, 3)]:
            offset = min(onset + rng.uniform(0.15, 4), DURATION - 0.05 if onset > 4 else 4.9)
            rows.append((f"clip{clip}", CLASSES[c], onset, offset))
            truth |= frames.activity(onset, offset, n_frames=N_FRAMES, frame_length=LENGTH)
        smooth = np.convolve(rng.standard_normal(N_FRAMES + 24), np.ones(25) / 5, mode="valid")
        scores[clip, c] = rng.uniform(1.5, 5) * truth + 0.5 * smooth
    events = pd.DataFrame(rows, columns=["clip", "label", "onset", "offset"])
    pairs = pd.DataFrame([(f"clip{i}", label) for i in range(N_CLIPS) for label in CLASSES], columns=["clip", "label"])
    return {
        "events": events,
        "pairs": pairs,
        "true": event_based.true_spans(events, pairs),
        "scores": scores.reshape(-1, N_FRAMES),
        "masks": scores.reshape(-1, N_FRAMES) > 1.0,
    }


@pytest.fixture(scope="module")
def sed_eval() -> Any:
    return pytest.importorskip("sed_eval", reason="sed_eval is not installed (extra 'parity')")


def evaluate(metric: Any, system: dict[str, Any]) -> dict[str, Any]:
    """Give one of sed_eval's metrics every clip, and return what it found."""
    for i in range(N_CLIPS):
        name, true, detected = f"clip{i}", [], []
        for j, label in enumerate(CLASSES):
            row = len(CLASSES) * i + j
            for spans, out in (
                (system["true"][row], true),
                # A hair within: sed_eval rounds 0.3 / 0.1 up to four segments.
                (event_based.mask_spans(system["masks"][row], LENGTH) + HAIR, detected),
            ):
                for on, off in spans:
                    event = {"event_label": label, "event_onset": on, "event_offset": off}
                    out.append(event | {"file": name, "onset": on, "offset": off})
        metric.evaluate(reference_event_list=true, estimated_event_list=detected)
    return metric.results()


def test_frame_metrics_are_segment_metrics_of_sed_eval(system: dict[str, Any], sed_eval: Any) -> None:
    theirs = evaluate(sed_eval.sound_event.SegmentBasedMetrics(list(CLASSES), time_resolution=LENGTH), system)
    truth = np.stack(
        [frames.activity(spans[:, 0], spans[:, 1], n_frames=N_FRAMES, frame_length=LENGTH) for spans in system["true"]]
    )
    tp, fp, fn = localisation.counts(system["masks"], truth)
    compare(theirs, system, tp, fp, fn)


def test_event_based_metrics_are_those_of_sed_eval(system: dict[str, Any], sed_eval: Any) -> None:
    metric = sed_eval.sound_event.EventBasedMetrics(
        list(CLASSES), t_collar=0.2, percentage_of_length=0.2, event_matching_type="optimal"
    )
    found = event_based.counts(system["masks"], system["true"], frame_length=LENGTH)
    assert found.tp.sum() > 5
    compare(evaluate(metric, system), system, found.tp, found.fp, found.fn)


def compare(theirs: dict[str, Any], system: dict[str, Any], tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> None:
    """Precision, recall and F1 overall and of each class."""
    labels = system["pairs"]["label"].to_numpy()
    for label in (None, *CLASSES):
        rows = np.ones(len(labels), dtype=bool) if label is None else labels == label
        ours = localisation.of_counts(tp[rows].sum(), fp[rows].sum(), fn[rows].sum())
        wanted = (theirs["overall"] if label is None else theirs["class_wise"][label])["f_measure"]
        assert ours == pytest.approx((wanted["precision"], wanted["recall"], wanted["f_measure"]), abs=1e-12)


@pytest.mark.parametrize("gated", [False, True])
def test_psds_is_that_of_sed_scores_eval(system: dict[str, Any], gated: bool) -> None:
    """All operating points on the same scores; gated: pairs that are not detected have no detection."""
    library = pytest.importorskip("sed_scores_eval", reason="sed_scores_eval is not installed (extra 'parity')")
    dataframe = importlib.import_module("sed_scores_eval.base_modules.scores").create_score_dataframe
    kept = np.random.default_rng(1).random(len(system["true"])) < (0.8 if gated else 2)
    scores = np.where(kept[:, None], system["scores"], -1e6).reshape(N_CLIPS, len(CLASSES), N_FRAMES)
    edges = np.round(LENGTH * np.arange(N_FRAMES + 1), 6)
    names = [f"clip{i}" for i in range(N_CLIPS)]
    truth: dict[str, list[tuple[float, float, str]]] = {name: [] for name in names}
    for (_, pair), spans in zip(system["pairs"].iterrows(), system["true"], strict=True):
        truth[pair["clip"]] += [(on, off, pair["label"]) for on, off in spans]
    theirs, single, *_ = library.intersection_based.psds(
        {name: dataframe(scores[i].T, edges, list(CLASSES)) for i, name in enumerate(names)},
        truth,
        dict.fromkeys(names, DURATION),
        dtc_threshold=0.7,
        gtc_threshold=0.7,
        alpha_st=1.0,
        max_efpr=100.0,
    )
    changes = psds.changes(
        system["scores"][kept], [t for t, k in zip(system["true"], kept, strict=True) if k], frame_length=LENGTH
    )
    clip_of, class_of = np.divmod(np.flatnonzero(kept), len(CLASSES))
    n_events = np.array([len(spans) for spans in system["true"]]).reshape(N_CLIPS, len(CLASSES)).T
    every_clip = (np.ones((1, N_CLIPS)), np.full(N_CLIPS, DURATION))
    ours = psds.score(changes, class_of, clip_of, n_events, *every_clip)[0]
    assert 0.05 < theirs < 0.95
    assert ours == pytest.approx(theirs, abs=1e-9)
    for c, label in enumerate(CLASSES):
        mine = class_of == c
        part = psds.Changes(changes.thresholds[mine], changes.found[mine], changes.false[mine])
        alone = psds.score(part, 0 * class_of[mine], clip_of[mine], n_events[[c]], *every_clip)[0]
        assert alone == pytest.approx(single[label], abs=1e-9)
