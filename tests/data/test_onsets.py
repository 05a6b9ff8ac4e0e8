"""Where events begin and what the filter removes: each reading does what its name says, and the default is as ever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from igsed_core.base.errors import IgsedError
from igsed_core.data import onsets
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.data.soundbank.base import SoundBank
from igsed_core.data.soundscape_plan import ClipPlan, PlannedEvent, SoundscapeSpec, draw
from igsed_core.data.soundscapes import generate
from igsed_core.main_job.params import DataSynthesis
from tiny_bank import RATE, write_bank

LENGTHS = np.random.default_rng(1).uniform(0.25, 4.2, 20_000)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> SoundBank:
    folder = tmp_path_factory.mktemp("bank")
    source = str(write_bank(folder / "source"))
    return soundbank.prepare(source, seed=0, sample_rate=RATE, cache_dir=folder / "cache", workers=1)


def of_events(*events: tuple[float, float]) -> ClipPlan:
    planned = tuple(PlannedEvent("Dog", "d.wav", onset, length, 20.0) for onset, length in events)
    return ClipPlan("eval_0000", "eval", "b.wav", 0.0, planned)


def test_the_default_draws_the_numbers_that_it_always_drew() -> None:
    """One number of the stream for an event, so that the soundscapes of earlier runs stay the same."""
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    for length in LENGTHS[:50]:
        found, left = onsets.place("fitting", one, np.array([length]), 10.0)
        assert (found[0], left[0]) == (other.uniform(0.0, 10.0 - length), length)
    assert one.random() == other.random()


def test_late_events_are_moved_or_cut() -> None:
    for name in ("moved", "normal"):
        found, left = onsets.place(name, np.random.default_rng(0), LENGTHS, 10.0)
        assert_array_equal(left, LENGTHS)
        assert_allclose((found + left)[found + left > 10 - 1e-9], 10.0)  # many end with the soundscape
        assert (found + left > 10 - 1e-9).mean() > 0.02
    found, left = onsets.place("cut", np.random.default_rng(0), LENGTHS, 10.0)
    assert stats.kstest(found / 9.75, "uniform").pvalue > 0.01
    assert (left < LENGTHS).any() and (left <= LENGTHS).all() and left.min() >= 0.25 - 1e-9


def test_the_truncated_normal_is_scapers() -> None:
    short = np.full(20_000, 1e-9)  # nothing has to be moved
    found, _ = onsets.place("normal", np.random.default_rng(0), short, 10.0)
    assert stats.kstest(found, stats.truncnorm(-2.5, 2.5, loc=5.0, scale=2.0).cdf).pvalue > 0.01
    half, _ = onsets.place("normal", np.random.default_rng(0), short, 5.0)
    assert_allclose(half, found / 2)


@pytest.mark.parametrize(
    ("name", "kept"),
    [("at_once", (True, True, False)), ("chain", (True, False, False)), ("any_two", (False, False, False))],
)
def test_the_filter_of_a_spec(name: str, kept: tuple[bool, ...]) -> None:
    pair = of_events((0.0, 2.0), (1.0, 2.0))
    chain = of_events((0.0, 1.5), (1.0, 2.0), (2.5, 1.0))
    together = of_events((0.0, 3.0), (1.0, 3.0), (2.0, 3.0))
    spec = SoundscapeSpec(overlap_filter=name)
    assert tuple(spec.keeps(plan) for plan in (pair, chain, together)) == kept
    assert spec.keeps(of_events()) and spec.keeps(of_events((0.0, 1.0)))


def test_a_filter_counts_from_the_polyphony_that_is_allowed() -> None:
    three = of_events((0.0, 1.5), (1.0, 2.0), (2.5, 1.0))
    spec = SoundscapeSpec(max_polyphony=3, overlap_filter="chain")
    assert spec.keeps(three)
    assert not replace(spec, max_polyphony=2).keeps(three)


def test_soundscapes_are_drawn_filtered_and_mixed_as_the_parameters_say(bank: SoundBank, tmp_path: Path) -> None:
    params = DataSynthesis(duration=2.0, sample_rate=RATE, onsets="cut", overlap_filter="any_two")
    spec = SoundscapeSpec.of(params)
    made = generate(bank, spec, n_train=6, n_eval=12, seed=3, out_dir=tmp_path, workers=1, progress=False)
    assert (made.clips["polyphony"] == 1).all()
    assert len(made.removed)
    assert (made.events["offset"] <= 2.0 + 1e-3).all()
    natural = dict(zip(bank.files["path"], bank.files["duration"], strict=True))
    lengths = made.events["offset"] - made.events["onset"]
    assert (lengths < made.events["source_file"].map(natural) - 1e-3).any()  # some are cut
    plans = draw(bank, spec, pool="eval", n=12, seed=3)
    assert sum(spec.keeps(plan) for plan in plans) == (made.clips["split"] != "train").sum()


def test_an_unknown_reading_is_told_the_known_ones() -> None:
    with pytest.raises(IgsedError, match="'onsets' is 'late': choose one of fitting, moved, normal, cut"):
        SoundscapeSpec(onsets="late")
    with pytest.raises(
        IgsedError, match="'overlap_filter' is 'none': choose one of at_once, chain, any_of_more, any_two"
    ):
        DataSynthesis(overlap_filter="none")
