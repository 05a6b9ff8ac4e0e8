"""All maps on one plane: DFT-LRP against the layer written out, sums that stay, and what lands where."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from igsed_core.attribution import dft_lrp, plane
from igsed_core.attribution import registry as methods
from igsed_core.attribution.base import BIN, FEATURE, GRADIENT, SAMPLE, Elements, Importance
from igsed_core.attribution.input_x_gradient import InputXGradient
from igsed_core.attribution.lrp import Lrp
from igsed_core.attribution.saliency import Saliency
from igsed_core.base.errors import IgsedError
from igsed_core.models.frontend import EfficientATLogMel, PannsLogMel
from methods_classifier import classifier as encoder_classifier
from methods_classifier import clips as encoder_clips
from waveform_network import RATE, WaveformCnn, classifier, clips, mel_classifier

N_FFT, HOP = 32, 8


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def noise(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def written_out(relevance: torch.Tensor, waveform: torch.Tensor, n_frames: int) -> np.ndarray:
    """The layer from short-time spectrum to samples as a matrix of contributions, one by one."""
    n, window = len(waveform), np.hanning(N_FFT + 1)[:-1]
    x, share = waveform.numpy(), np.zeros((n_frames, N_FFT // 2 + 1))
    norm = np.zeros(n)
    for frame in range(n_frames):
        for i in range(N_FFT):
            sample = frame * HOP + i - N_FFT // 2
            if 0 <= sample < n:
                norm[sample] += window[i] ** 2
    for frame in range(n_frames):
        samples = frame * HOP + np.arange(N_FFT) - N_FFT // 2
        inside = (samples >= 0) & (samples < n)
        cut = np.where(inside, x[np.clip(samples, 0, n - 1)], 0.0) * window
        spectrum = np.fft.fft(cut)
        for k in range(N_FFT):
            for i in np.flatnonzero(inside):
                part = (spectrum[k] * np.exp(2j * np.pi * k * i / N_FFT)).real / N_FFT
                part *= window[i] / norm[samples[i]]  # of sample x[samples[i]]
                share[frame, min(k, N_FFT - k)] += float(relevance[samples[i]]) * part / x[samples[i]]
    return share


def test_dft_lrp_is_the_layer_written_out() -> None:
    waveform, relevance = noise(70), noise(70, seed=1)
    found = dft_lrp.relevance(relevance[None], waveform, n_fft=N_FFT, hop=HOP, n_frames=9)[0]
    assert_allclose(found, written_out(relevance, waveform, 9), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("n", [64, 70, 333])
def test_dft_lrp_keeps_the_sum(n: int) -> None:
    waveform, relevance = noise(n), noise(3 * n, seed=1).reshape(3, n)
    found = dft_lrp.relevance(relevance, waveform, n_fft=N_FFT, hop=HOP, n_frames=n // HOP + 1)
    assert_allclose(found.sum(dim=(1, 2)), relevance.sum(dim=1), rtol=1e-9)


def test_a_gradient_is_not_divided_by_the_sample() -> None:
    waveform, gradient = noise(64), noise(64, seed=1)
    whole = dft_lrp.relevance((gradient * waveform)[None], waveform, n_fft=N_FFT, hop=HOP, n_frames=9)
    divided = dft_lrp.relevance(gradient[None], waveform, n_fft=N_FFT, hop=HOP, n_frames=9, divided=True)
    assert_allclose(whole, divided, rtol=1e-6, atol=1e-9)


def test_relevance_beyond_the_frames_is_an_error() -> None:
    with pytest.raises(IgsedError, match="3 frames of 32 samples at a hop of 8 leave some of 200 samples out"):
        dft_lrp.relevance(torch.ones(1, 200), noise(200).float(), n_fft=N_FFT, hop=HOP, n_frames=3)


def test_relevance_of_a_tone_in_noise_lands_on_the_tone() -> None:
    seconds = torch.arange(RATE, dtype=torch.float64) / RATE
    tone, hiss = torch.cos(2 * np.pi * 250 * seconds), 0.3 * noise(RATE)
    mixture = tone + hiss
    # A network that listens to the tone alone gives each sample "mixture times tone".
    found = dft_lrp.relevance((mixture * tone)[None], mixture, n_fft=64, hop=16, n_frames=126)[0].clamp_min(0)
    assert int(found.sum(dim=0).argmax()) == 8
    assert float(found[:, 6:11].sum() / found.sum()) > 0.9


@pytest.mark.parametrize("rule", ["epsilon_plus", "alpha2_beta1"])
def test_lrp_of_a_waveform_network_keeps_the_logit_down_to_the_plane(rule: str) -> None:
    model = classifier(WaveformCnn(bias=False)).double().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.zeros_(module.running_mean)
            torch.nn.init.zeros_(module.bias)
    waveform = clips(1).double()
    (found,) = Lrp(rule)(model, waveform, [[0, 1, 2]])
    assert found.elements is not None
    assert found.elements.kind == SAMPLE
    logits = model(waveform)[0].detach()
    assert_allclose(found.elements.values.sum(dim=1), logits, rtol=1e-3)
    on_plane = dft_lrp.relevance(found.elements.values, waveform[0], n_fft=64, hop=16, n_frames=151)
    assert_allclose(on_plane.sum(dim=(1, 2)), logits, rtol=1e-3)


def test_biases_keep_no_relevance_in_the_rules_for_waveforms() -> None:
    waveform = clips(1).double()
    model = classifier().double().eval()
    (found,) = Lrp("epsilon_plus")(model, waveform, [[0, 1, 2]])
    assert found.elements is not None
    assert_allclose(found.elements.values.sum(dim=1), model(waveform)[0].detach(), rtol=1e-2)


def test_methods_tell_what_they_averaged() -> None:
    kinds = {
        (model.name, type(method).__name__): method(model, clips(1), [[0]])[0].elements
        for model in (classifier(), mel_classifier())
        for method in (InputXGradient(of="input"), Saliency())
        if model.frontend is None
    }
    assert {key: one and one.kind for key, one in kinds.items()} == {
        ("tiny", "InputXGradient"): SAMPLE,
        ("tiny", "Saliency"): GRADIENT,
    }


@pytest.mark.parametrize("name", ["cam", "grad_cam", "layer_cam"])
def test_activation_maps_know_their_frequencies(name: str) -> None:
    (found,) = methods.create(name)(encoder_classifier(), encoder_clips(1), [[0, 2]])
    assert found.elements is not None
    assert found.elements.kind == FEATURE
    assert found.elements.values.shape == (2, 4, found.signed.shape[1])
    # The head is linear: the mean over frequency of what it says of places is what it says of the frame.
    assert_allclose(found.elements.values.mean(dim=1), found.signed, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("frontend", [PannsLogMel(), EfficientATLogMel()], ids=["panns", "efficientat"])
def test_the_plane_has_the_frames_of_the_front_end(frontend) -> None:
    waveform = noise(32_000).float()
    assert plane.n_frames_of(frontend, len(waveform)) == frontend.power(waveform[None]).shape[1]
    samples = Importance(np.zeros((1, 1)), np.zeros((1, 1)), 0.01, elements=Elements(waveform[None] ** 2, SAMPLE))
    assert plane.on_mel(samples, waveform, frontend).shape == frontend(waveform[None]).shape


def test_relevance_of_a_mel_bin_goes_to_the_frequencies_of_its_band_and_stays() -> None:
    frontend, waveform = PannsLogMel(), noise(32_000).float()
    values = torch.zeros(1, 101, 64)
    values[0, 50, 20] = 2.0
    found = plane.on_spectrum(Elements(values, BIN), waveform, frontend)[0]
    assert_allclose(float(found.sum()), 2.0, rtol=1e-5)
    assert set(found.nonzero()[:, 0].tolist()) == {50}
    assert set(found[50].nonzero()[:, 0].tolist()) == set(frontend.mel_weights[:, 20].nonzero()[:, 0].tolist())


def test_a_feature_map_covers_the_bands_and_frames_that_it_stands_for() -> None:
    frontend = PannsLogMel()
    features = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])  # low and high, first and second half second
    found = Importance(np.zeros((1, 2)), np.zeros((1, 2)), 0.5, elements=Elements(features, FEATURE))
    laid = plane.on_mel(found, torch.zeros(32_000), frontend)[0]
    assert laid[10, 5] == 1
    assert laid[60, 5] == 2
    assert laid[10, 40] == 3
    assert laid[100, 63] == 4


def test_what_knows_time_alone_says_the_same_of_all_bands() -> None:
    frontend = PannsLogMel()
    found = Importance(np.float32([[1.0, -2.0]]), np.float32([[1.0, 2.0]]), 0.5)
    laid = plane.on_mel(found, torch.zeros(32_000), frontend)
    assert laid.shape == (1, 101, 64)
    assert (laid[0, :50] == 1).all()
    assert (laid[0, 50:] == -2).all()


def test_a_map_without_a_positive_part_is_a_constant_one() -> None:
    values = np.stack([np.full((2, 2), -1.0), np.array([[1.0, -1.0], [0.0, 3.0]])])
    assert plane.read(values, "signed").tolist() == [[[1, 1], [1, 1]], [[1, 0], [0, 3]]]
    assert plane.read(values, "absolute")[1].tolist() == [[1, 1], [0, 3]]
