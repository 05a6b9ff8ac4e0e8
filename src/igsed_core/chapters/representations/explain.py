"""Explanations of either network on one plane of time and frequency: 101 frames by the bins of their spectrum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution import dft_lrp, plane
from igsed_core.attribution.base import Elements, Importance
from igsed_core.attribution.grad_cam import weighted
from igsed_core.attribution.integrated_gradients import IntegratedGradients
from igsed_core.attribution.lrp import Lrp
from igsed_core.chapters.representations import disturb, training
from igsed_core.chapters.representations.excerpts import LENGTH, RATE
from igsed_core.chapters.representations.networks import LogMel
from igsed_core.metrics import time_frequency as metrics
from igsed_core.models.classifier import NetworkClassifier

LRP, LRP_AB, LRP_GAMMA, IG, CAM, OCCLUSION = "lrp", "lrp_ab", "lrp_gamma", "ig", "grad_cam", "occlusion"
METHODS = {
    LRP: "LRP, epsilon-plus",
    LRP_AB: "LRP, alpha 2, beta 1",
    LRP_GAMMA: "LRP, gamma",
    IG: "IG on samples",
    CAM: "Grad-CAM",
    OCCLUSION: "occlusion in octaves and eighths of a second",
}
ENERGY = "energy"
FRONT_END = LogMel().eval()
FREQUENCIES: NDArray[np.floating] = np.fft.rfftfreq(FRONT_END.n_fft, 1 / RATE)
N_FRAMES = LENGTH // FRONT_END.hop_length + 1
_PIECES = 8  # in time, of occlusion
_CELLS = 10  # in time, of cells that maps are compared in


def explain(
    classifier: NetworkClassifier, waveforms: Tensor, classes: Sequence[int], *, points: int
) -> dict[str, NDArray[np.float64]]:
    """Explain one class of each excerpt by every method.

    Parameters
    ----------
    classifier
        Either network.
    waveforms
        ``[shape=(n, 16000)]``
    classes
        Output to explain of each.
    points
        Points of Integrated Gradients.

    Returns
    -------
    dict
        Method -> weights, the positive part, ``[shape=(n, n_frames, n_bins)]``.
    """
    wanted = [[one] for one in classes]
    rules = {LRP: "epsilon_plus", LRP_AB: "alpha2_beta1", LRP_GAMMA: "gamma"}
    made: dict[str, Callable[..., list[Importance]]] = {name: Lrp(rule) for name, rule in rules.items()}
    made[IG] = IntegratedGradients("captum", n_steps=points, internal_batch_size=points)
    found = {}
    for name, method in made.items():
        laid = [
            plane.on_spectrum(_elements(one), waveform, FRONT_END)[0].double().numpy()
            for one, waveform in zip(method(classifier, waveforms, wanted), waveforms, strict=True)
        ]
        found[name] = plane.read(np.stack(laid), "positive")
    found[CAM] = plane.read(grad_cam(classifier, waveforms, classes), "positive")
    found[OCCLUSION] = plane.read(occlusion(classifier, waveforms, classes), "positive")
    return {name: found[name] for name in METHODS}


def _elements(found: Importance) -> Elements:
    assert found.elements is not None  # of all methods used here
    return found.elements


def energy(waveforms: Tensor) -> NDArray[np.float64]:
    """Return the power of each excerpt on the plane: ``(n, n_samples) -> (n, n_frames, n_bins)``."""
    return _spectrum(waveforms).abs().square().double().numpy()


def grad_cam(classifier: NetworkClassifier, waveforms: Tensor, classes: Sequence[int]) -> NDArray[np.float64]:
    """Grad-CAM on the last convolution, laid over what its places stand for; a waveform's knows no frequency.

    Parameters
    ----------
    classifier, classes
        As for :func:`explain`.
    waveforms
        ``[shape=(n, 16000)]``

    Returns
    -------
    np.ndarray [shape=(n, n_frames, n_bins)]
    """
    kept: list[Tensor] = []
    handle = classifier.network.get_submodule("features").register_forward_hook(
        lambda _, __, out: kept.append(out.requires_grad_())
    )
    try:
        with torch.enable_grad():
            chosen = classifier(waveforms)[torch.arange(len(classes)), list(classes)]
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(chosen.sum(), kept[0])
    combined = weighted(kept[0].detach(), gradient)  # (n, time[, mels])
    if combined.ndim == 2:
        combined = combined[..., None]
    at_frames = combined[:, torch.arange(N_FRAMES) * combined.shape[1] // N_FRAMES]  # (n, n_frames, places)
    mel = FRONT_END.mel_weights.argmax(dim=1)  # of each bin
    return at_frames[:, :, mel * combined.shape[2] // FRONT_END.n_mels].double().numpy()


def occlusion(classifier: NetworkClassifier, waveforms: Tensor, classes: Sequence[int]) -> NDArray[np.float64]:
    """Return the fall of the log-odds when an octave is silenced for an eighth of a second, for either network alike.

    Parameters
    ----------
    classifier, classes
        As for :func:`explain`.
    waveforms
        ``[shape=(n, 16000)]``

    Returns
    -------
    np.ndarray [shape=(n, n_frames, n_bins)]
    """
    grid: dict[str, Any] = {"n_fft": FRONT_END.n_fft, "hop_length": FRONT_END.hop_length}
    window = torch.hann_window(FRONT_END.n_fft)
    octave = torch.from_numpy((np.searchsorted(disturb.EDGES[::2], FREQUENCIES, side="right") - 1).clip(min=-1))
    piece = torch.arange(N_FRAMES) * _PIECES // N_FRAMES
    n_octaves = len(disturb.EDGES[::2]) - 1
    found = np.zeros((len(waveforms), N_FRAMES, len(FREQUENCIES)))
    for number, (waveform, wanted) in enumerate(zip(waveforms, classes, strict=True)):
        spectrum = torch.stft(waveform, **grid, window=window, return_complex=True)  # (n_bins, n_frames)
        patches = [(o, p) for o in range(n_octaves) for p in range(_PIECES)]
        kept = torch.stack([~((octave == o)[:, None] & (piece == p)[None]) for o, p in patches])
        without = torch.istft(spectrum * kept, **grid, window=window, length=LENGTH)
        odds = log_odds(
            training.logits(classifier, torch.cat([waveform[None], without])), [wanted] * (len(patches) + 1)
        )
        for (o, p), fall in zip(patches, odds[0] - odds[1:], strict=True):
            found[number][np.ix_((piece == p).numpy(), (octave == o).numpy())] = fall
    return found


def log_odds(logits: Tensor, classes: Sequence[int]) -> NDArray[np.float64]:
    """Return the logarithm of the odds of one class of each excerpt, ``(n, n_classes) -> (n,)``."""
    rows = torch.arange(len(classes))
    own = logits[rows, list(classes)]
    others = logits.masked_fill(torch.nn.functional.one_hot(torch.tensor(classes), logits.shape[1]).bool(), -torch.inf)
    return (own - others.logsumexp(dim=1)).double().numpy()


def of_bands(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of maps in each half octave: ``(n, n_frames, n_bins) -> (n, N_BANDS)``."""
    sums = disturb.of_bands(weights.sum(axis=1), FREQUENCIES)
    return sums / np.maximum(sums.sum(axis=1, keepdims=True), np.finfo(float).tiny)


def cells(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return maps in tenths of a second and half octaves, in which they are compared, ``(n, cells)``."""
    of_time = np.stack(
        [part.sum(axis=1) for part in np.array_split(weights, _CELLS, axis=1)], axis=1
    )  # (n, _CELLS, n_bins)
    return disturb.of_bands(of_time, FREQUENCIES).reshape(len(weights), -1)


def heard(waveform: Tensor, weights: NDArray[np.float64], *, passed: float = 0.05) -> NDArray[np.float64]:
    """Return an excerpt as a map lets it be heard.

    Parameters
    ----------
    waveform
        ``[shape=(n_samples,)]``
    weights
        ``[shape=(n_frames, n_bins)]``
    passed
        Share of the bins, the highest, that are passed whole; others in proportion.

    Returns
    -------
    np.ndarray [shape=(n_samples,)]
    """
    grid: dict[str, Any] = {"n_fft": FRONT_END.n_fft, "hop_length": FRONT_END.hop_length}
    grid["window"] = torch.hann_window(FRONT_END.n_fft)
    gains = torch.from_numpy(metrics.gain_mask(weights, round(passed * weights.size))).float()
    spectrum = torch.stft(waveform, **grid, return_complex=True) * gains.T
    return torch.istft(spectrum, **grid, length=len(waveform)).double().numpy()


def _spectrum(waveforms: Tensor) -> Tensor:
    return dft_lrp.spectrum(waveforms, n_fft=FRONT_END.n_fft, hop=FRONT_END.hop_length, n_frames=N_FRAMES)
