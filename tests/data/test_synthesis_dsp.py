"""Building blocks of the sound bank against closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from igsed_core.base.errors import IgsedError
from igsed_core.data.soundbank.synthesis import dsp
from igsed_core.data.soundbank.synthesis.noise import bubbles
from igsed_core.data.soundbank.synthesis.regions import REGIONS, region_named

RATE = 32000


def test_resonator_answers_an_impulse_with_a_damped_sinusoid():
    t = np.arange(4000) / RATE
    answer = dsp.resonate(dsp.impulses(4000, RATE, [0.0]), RATE, [700.0, 2500.0], [0.03, 0.01], [1.0, 0.4])
    expected = np.exp(-t / 0.03) * np.sin(2 * np.pi * 700 * t)
    expected += 0.4 * np.exp(-t / 0.01) * np.sin(2 * np.pi * 2500 * t)
    np.testing.assert_allclose(answer, expected, atol=1e-9)


def test_grains_add_damped_sinusoids_at_their_onsets():
    t = np.arange(3000) / RATE
    out = dsp.grains(4000, RATE, [0.0, 0.03125], [500.0, 900.0], [0.01, 0.02], [1.0, 2.0])
    expected = np.zeros(4000)
    expected[:3000] += np.exp(-t / 0.01) * np.sin(2 * np.pi * 500 * t)
    expected[1000:] += 2 * np.exp(-t / 0.02) * np.sin(2 * np.pi * 900 * t)
    np.testing.assert_allclose(out, expected, atol=2 * np.exp(-4.5))  # a grain is cut after 4.5 time constants or more
    np.testing.assert_allclose(out[:1400], expected[:1400], atol=1e-4)


def test_grains_outside_the_signal_are_left_out():
    assert not dsp.grains(100, RATE, [-1.0, 5.0], 500.0, 0.001, 1.0).any()
    assert not dsp.grains(100, RATE, [], 500.0, 0.001, 1.0).any()


def test_oscillator_of_one_harmonic_is_a_sine_of_unit_rms():
    wave = dsp.oscillator(np.full(RATE, 440.0), RATE, [1.0])
    expected = np.sqrt(2) * np.cos(2 * np.pi * 440 * np.arange(1, RATE + 1) / RATE)
    np.testing.assert_allclose(wave, expected, atol=1e-5)


def test_oscillator_leaves_out_harmonics_beyond_nyquist():
    power = np.abs(np.fft.rfft(dsp.oscillator(np.full(RATE, 3000.0), RATE, np.ones(20)))) ** 2
    expected = 3000 * np.arange(1, 6)  # the sixth harmonic, 18 kHz, would come back as an alias at 14 kHz
    assert power[expected].sum() > 0.9999 * power.sum()
    np.testing.assert_allclose(power[expected] / power[3000], 1.0, atol=1e-3)


def test_shaped_noise_follows_its_curve():
    x = dsp.shaped_noise(np.random.default_rng(0), 8 * RATE, RATE, [(500, 0), (1000, 0), (1001, -20), (16000, -20)])
    power = np.abs(np.fft.rfft(x)) ** 2
    low, high = power[8 * 500 : 8 * 1000].mean(), power[8 * 4000 : 8 * 8000].mean()
    assert 10 * np.log10(low / high) == pytest.approx(20.0, abs=0.5)
    assert np.sqrt(np.mean(x**2)) == pytest.approx(1.0, abs=1e-3)


def test_formant_filter_without_gain_is_the_identity():
    x = np.random.default_rng(0).standard_normal(5000)
    np.testing.assert_allclose(dsp.formants(x, RATE, [0.0], [[500.0, 1500.0]], gain_db=0.0), x, atol=1e-4)


def test_formant_filter_raises_its_centre_by_the_gain():
    x = np.random.default_rng(0).standard_normal(4 * RATE)
    y = dsp.formants(x, RATE, [0.0], [[2000.0]], gain_db=20.0, q=5.0)
    gain = np.abs(np.fft.rfft(y)) ** 2 / np.abs(np.fft.rfft(x)) ** 2
    assert 10 * np.log10(np.median(gain[4 * 1980 : 4 * 2020])) == pytest.approx(20.0, abs=1.0)
    assert 10 * np.log10(np.median(gain[4 * 12000 : 4 * 13000])) == pytest.approx(0.0, abs=1.0)


def test_room_leaves_the_direct_sound_and_adds_a_tail():
    x = np.zeros(1000)
    x[0] = 1.0
    y = dsp.room(np.random.default_rng(0), x, RATE, rt60=0.2, wet=0.0)
    np.testing.assert_array_equal(y[:1000], x)
    tail = dsp.room(np.random.default_rng(0), x, RATE, rt60=0.2, wet=1.0) - y
    assert np.sum(tail**2) == pytest.approx(1.0)
    early, late = np.sum(tail[:1600] ** 2), np.sum(tail[3200:4800] ** 2)
    assert 10 * np.log10(early / late) == pytest.approx(30.0, abs=3.0)  # 60 dB in 0.2 s


def test_high_bubbles_die_out_faster_than_low_ones():
    def decay_centre(pitch: float) -> float:
        energy = np.zeros(RATE)
        for seed in range(20):
            x = bubbles(np.random.default_rng(seed), RATE, RATE, 3.0, pitch)
            correlation = np.fft.irfft(np.abs(np.fft.rfft(x, 2 * RATE)) ** 2)[:RATE]
            energy += np.abs(correlation) / max(correlation[0], 1e-12)
        return float(np.sum(energy[:1600] * np.arange(1600)) / np.sum(energy[:1600]))

    assert decay_centre(3000.0) < decay_centre(500.0)


def test_train_and_eval_regions_are_disjoint_and_cover_the_pretrain_region():
    intervals = sorted(REGIONS["train"].intervals + REGIONS["eval"].intervals)
    assert intervals[0][0] == 0.0
    assert intervals[-1][1] == 1.0
    for (_, stop), (start, _) in itertools.pairwise(intervals):
        assert stop == start  # half-open: they touch and do not meet


@pytest.mark.parametrize("name", list(REGIONS))
def test_region_draws_stay_inside_and_reach_every_interval(name):
    region, rng = REGIONS[name], np.random.default_rng(0)
    units = np.array([region.unit(rng) for _ in range(4000)])
    counts = [np.sum((units >= start) & (units < stop)) for start, stop in region.intervals]
    assert sum(counts) == units.size
    total = sum(stop - start for start, stop in region.intervals)
    for count, (start, stop) in zip(counts, region.intervals, strict=True):
        assert count / units.size == pytest.approx((stop - start) / total, abs=0.03)


def test_logarithmic_draw_maps_the_same_unit_draw():
    region = REGIONS["train"]
    u = region.unit(np.random.default_rng(5))
    assert region.draw(np.random.default_rng(5), 100.0, 400.0) == pytest.approx(100 + 300 * u)
    assert region.draw(np.random.default_rng(5), 100.0, 400.0, log=True) == pytest.approx(100 * 4**u)


def test_unknown_region_lists_the_valid_ones():
    with pytest.raises(IgsedError, match="'test' is unknown: use one of train, eval, pretrain"):
        region_named("test")
