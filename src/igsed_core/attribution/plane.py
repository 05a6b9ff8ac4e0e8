"""All attributions on one plane of time and frequency, so that they can be compared, and weigh a sound that is heard.

The plane is the log-mel map of a front end, or the short-time spectrum behind it. What a method says of bins is there
already; what it says of samples goes there by DFT-LRP; a feature map is laid over the bins that it stands for; and what
knows time alone says the same of all frequencies.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution import dft_lrp
from igsed_core.attribution.base import BIN, FEATURE, GRADIENT, SAMPLE, Elements, Importance
from igsed_core.models.frontend import FrontEnd


def on_mel(found: Importance, waveform: Tensor, frontend: FrontEnd) -> Tensor:
    """Lay a method's importance over the log-mel map.

    Parameters
    ----------
    found
        Of some classes of one clip.
    waveform
        The clip, ``[shape=(n_samples,)]``.
    frontend
        Whose map.

    Returns
    -------
    Tensor [shape=(n_classes, n_frames, n_mels)]
        Signed. Relevance of frequencies that no mel band takes in is lost.
    """
    n_frames = n_frames_of(frontend, len(waveform))
    elements = found.elements
    if elements is None:
        steps = torch.from_numpy(np.asarray(found.signed))  # (n_classes, n_steps)
        return steps[:, _at_frames(found, n_frames, frontend)][..., None].expand(-1, -1, frontend.n_mels)
    if elements.kind == BIN:
        return elements.values
    if elements.kind == FEATURE:
        values = elements.values[:, :, _at_frames(found, n_frames, frontend)]  # (n_classes, freq, n_frames)
        band = torch.arange(frontend.n_mels) * values.shape[1] // frontend.n_mels
        return values[:, band].transpose(1, 2)
    return of_spectrum(on_spectrum(elements, waveform, frontend), frontend)


def on_spectrum(elements: Elements, waveform: Tensor, frontend: FrontEnd) -> Tensor:
    """Lay what a method says of samples or bins over the short-time spectrum behind a front end.

    Relevance of samples goes there by DFT-LRP. Relevance of a mel bin is shared out over the frequencies of its band
    in proportion to what they give to it, the power times the weight. A gradient of samples becomes the size of the
    gradient with respect to each component.

    Parameters
    ----------
    elements
        Of kind sample, gradient or bin.
    waveform
        ``[shape=(n_samples,)]``
    frontend
        Whose spectrum.

    Returns
    -------
    Tensor [shape=(n_classes, n_frames, n_fft // 2 + 1)]
    """
    n_frames = n_frames_of(frontend, len(waveform))
    grid: dict[str, Any] = {"n_fft": frontend.n_fft, "hop": frontend.hop_length, "n_frames": n_frames}
    if elements.kind == SAMPLE:
        return dft_lrp.relevance(elements.values, waveform, **grid)
    if elements.kind == GRADIENT:
        return dft_lrp.spectrum(elements.values, **grid).abs()
    power = dft_lrp.spectrum(waveform, **grid).abs().square()  # (n_frames, n_bins)
    given = (power @ frontend.mel_weights).clamp_min(1e-20)  # (n_frames, n_mels)
    return (elements.values / given) @ frontend.mel_weights.T * power


def of_spectrum(values: Tensor, frontend: FrontEnd) -> Tensor:
    """Gather the frequencies of a short-time spectrum into mel bands: ``(..., n_bins) -> (..., n_mels)``.

    A frequency in two bands is shared out by their weights, so that the sum stays, but for frequencies in none.
    """
    return values @ shares(frontend)


def shares(frontend: FrontEnd) -> Tensor:
    """Return the share that each mel band has of each frequency, ``[shape=(n_bins, n_mels)]``; rows sum to 1 or 0."""
    weights = frontend.mel_weights
    return weights / weights.sum(dim=1, keepdim=True).clamp_min(1e-20)


def n_frames_of(frontend: FrontEnd, n_samples: int) -> int:
    """Return the number of frames that a front end makes of a waveform."""
    with torch.no_grad():
        silence = torch.zeros(1, frontend.n_fft + 2, device=frontend.window.device)
        lost = silence.shape[1] - frontend.filtered(silence).shape[1]
    return 1 + (n_samples - lost) // frontend.hop_length


def read(values: NDArray[np.floating], sign: str) -> NDArray[np.float64]:
    """Read a signed map as weights that are not negative.

    Parameters
    ----------
    values
        ``[shape=(..., n_frames, n_bands)]``
    sign
        ``absolute``: the size. ``positive`` and ``signed``: the positive part; a map that has none says nothing, which
        is a constant one.

    Returns
    -------
    np.ndarray
        Of the shape of ``values``.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.attribution import plane
    >>> plane.read(np.array([[[-1.0, 2.0]], [[-1.0, -2.0]]]), "signed").tolist()
    [[[0.0, 2.0]], [[1.0, 1.0]]]
    """
    values = np.asarray(values, dtype=np.float64)
    if sign == "absolute":
        return np.abs(values)
    weights = np.maximum(values, 0.0)
    silent = weights.sum(axis=(-2, -1), keepdims=True) == 0
    return np.where(silent, 1.0, weights)


def _at_frames(found: Importance, n_frames: int, frontend: FrontEnd) -> Tensor:
    """Step of an importance at the middle of each frame of a front end, ``[shape=(n_frames,)]``."""
    elements = found.elements
    n_steps = found.signed.shape[-1] if elements is None else elements.values.shape[-1]
    times = np.arange(n_frames) * frontend.hop_length / frontend.sample_rate
    steps = np.floor((times - found.start) / found.step + 1e-6).astype(int)
    return torch.from_numpy(np.clip(steps, 0, n_steps - 1))
