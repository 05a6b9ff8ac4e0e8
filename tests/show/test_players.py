"""A player holds the whole sound, small enough for a page and at a level that can be heard."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import soundfile

from igsed_core.show.players import player


def decoded(element):
    data = re.search(r'src="data:audio/\w+;base64,([^"]+)"', element.data)[1]
    return soundfile.read(io.BytesIO(base64.b64decode(data)))


@pytest.mark.parametrize("rate", [32_000, 44_100])
def test_a_quiet_sound_comes_back_whole_and_audible(rate):
    time = np.arange(10 * rate) / rate
    element = player(1e-3 * np.sin(2 * np.pi * 440 * time), rate, "hum")
    samples, rate_out = decoded(element)
    assert len(samples) / rate_out == pytest.approx(10.0, abs=0.1)
    assert 0.5 < np.abs(samples).max() <= 1.0
    spectrum = np.abs(np.fft.rfft(samples[: 5 * rate_out]))
    assert spectrum.argmax() / 5 == pytest.approx(440, abs=1)


def test_ten_seconds_of_noise_weigh_about_a_hundred_kilobytes():
    noise = np.random.default_rng(0).normal(size=320_000) * 0.1
    assert 30_000 < len(player(noise, 32_000, "noise").data) < 130_000


def test_silence_is_played_as_silence_and_titles_are_text():
    element = player(np.zeros(32_000), 32_000, '<b>"x"</b>')
    assert np.abs(decoded(element)[0]).max() < 1e-3
    assert "<b>" not in element.data


@pytest.mark.parametrize("fault", [1e-42, np.nan])
def test_what_is_no_sound_does_not_end_the_process(fault):
    """Samples fainter than any converter's, or none, became NaN, at which the coder of MP3 aborts."""
    sound = 0.1 * np.random.default_rng(0).normal(size=32_000).astype(np.float32)
    if np.isnan(fault):
        sound[100] = fault
    else:
        sound *= np.float32(fault)
    samples, _ = decoded(player(sound, 32_000, "odd"))
    assert np.isfinite(samples).all()
    assert (np.abs(samples).max() > 0.5) == bool(np.isnan(fault))
