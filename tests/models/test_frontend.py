import math

import numpy as np
import pytest
import torch

from igsed_core.base.errors import IgsedError
from igsed_core.models.frontend import EfficientATLogMel, FrontEnd, PannsLogMel

FRONT_ENDS = [PannsLogMel, lambda: PannsLogMel("hamming"), EfficientATLogMel]
IDS = ["panns-hann", "panns-hamming", "efficientat"]


@pytest.fixture(params=FRONT_ENDS, ids=IDS)
def frontend(request: pytest.FixtureRequest) -> FrontEnd:
    return request.param().double()


def noise(samples: int, batch: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(0.1 * np.random.default_rng([seed, 0]).standard_normal((batch, samples)))


@pytest.mark.parametrize(("make", "frames", "mels"), [(PannsLogMel, 1001, 64), (EfficientATLogMel, 1000, 128)])
def test_ten_seconds_give_the_frames_of_the_authors(make: type[FrontEnd], frames: int, mels: int) -> None:
    assert make()(torch.zeros(1, 320_000)).shape == (1, frames, mels)


@pytest.mark.parametrize("gain", [1e-3, -0.3, 2.0, 50.0])
def test_power_is_quadratic(frontend: FrontEnd, gain: float) -> None:
    x = noise(20_000)
    torch.testing.assert_close(frontend.power(gain * x), gain**2 * frontend.power(x), rtol=1e-9, atol=0)


def test_power_obeys_the_parallelogram_law(frontend: FrontEnd) -> None:
    # Holds for sums of squares of linear maps and for nothing else.
    x, y = noise(20_000, seed=1), noise(20_000, seed=2)
    sums = frontend.power(x + y) + frontend.power(x - y)
    torch.testing.assert_close(sums, 2 * (frontend.power(x) + frontend.power(y)), rtol=1e-9, atol=0)


def test_compression_acts_on_each_element_alone(frontend: FrontEnd) -> None:
    power = frontend.power(noise(20_000))
    whole = frontend.compress(power)
    shuffled = torch.from_numpy(np.random.default_rng(3).permutation(power.numel()))
    torch.testing.assert_close(frontend.compress(power.flatten()[shuffled]), whole.flatten()[shuffled])
    torch.testing.assert_close(frontend(noise(20_000)), whole)


def test_compression_by_hand() -> None:
    panns = PannsLogMel().compress(torch.tensor([0.0, 1e-12, 1e-3, 1.0, 100.0]))
    torch.testing.assert_close(panns, torch.tensor([-100.0, -100.0, -30.0, 0.0, 20.0]))
    efficientat = EfficientATLogMel().compress(torch.tensor([0.0, 1.0 - 1e-5]))
    torch.testing.assert_close(efficientat, torch.tensor([(math.log(1e-5) + 4.5) / 5, 0.9]))


def test_frames_are_those_of_torch_stft() -> None:
    frontend, x = PannsLogMel("hamming").double(), noise(30_001)
    spectrum = torch.stft(x, 1024, 320, window=torch.hamming_window(1024, dtype=torch.float64), return_complex=True)
    expected = (spectrum.abs() ** 2).transpose(1, 2) @ frontend.mel_weights
    torch.testing.assert_close(frontend.power(x), expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("window", "first"), [("hann", 0.0), ("hamming", 0.08)])
def test_first_sample_tells_the_window(window: str, first: float) -> None:
    # The row by which FACTS tells the windows of PANNs checkpoints apart.
    assert PannsLogMel(window).window[0].item() == pytest.approx(first, abs=1e-7)


def test_a_tone_peaks_in_its_band(frontend: FrontEnd) -> None:
    t = torch.arange(32_000, dtype=torch.float64) / 32_000
    peaks = [int(frontend(torch.sin(2 * math.pi * hz * t)[None])[0, 50].argmax()) for hz in (300, 1000, 3000, 9000)]
    assert peaks == sorted(set(peaks))
    centre = (frontend.mel_weights[:, peaks[1]] * torch.arange(513)).sum() / frontend.mel_weights[:, peaks[1]].sum()
    assert float(centre) * 32_000 / 1024 == pytest.approx(1000, abs=40)


def test_gradient_at_silence_is_finite(frontend: FrontEnd) -> None:
    x = torch.zeros(1, 12_000, dtype=torch.float64, requires_grad=True)
    frontend(x).sum().backward()
    assert x.grad is not None and torch.isfinite(x.grad).all()


def test_gradient_is_the_slope(frontend: FrontEnd) -> None:
    x, direction = noise(6000, batch=1), noise(6000, batch=1, seed=5)
    x.requires_grad_(True)
    (slope,) = torch.autograd.grad(frontend(x).sum(), x)
    step = 1e-6
    difference = frontend(x + step * direction).sum() - frontend(x - step * direction).sum()
    torch.testing.assert_close((slope * direction).sum(), (difference / (2 * step)), rtol=1e-4, atol=0)


def test_bad_waveforms_are_named(frontend: FrontEnd) -> None:
    with pytest.raises(IgsedError, match=r"batch, samples"):
        frontend.power(torch.zeros(32_000, dtype=torch.float64))
    with pytest.raises(IgsedError, match="400 samples"):
        frontend.power(torch.zeros(1, 400, dtype=torch.float64))


def test_unknown_window_lists_the_known() -> None:
    with pytest.raises(IgsedError, match=r"'blackman'.*hann, hamming"):
        PannsLogMel("blackman")
