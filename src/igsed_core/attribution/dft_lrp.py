"""Relevance of samples -> relevance in time and frequency (DFT-LRP, Vielhaben et al. 2024); the sum stays.

A waveform is a linear function of its short-time spectrum: each sample is a sum of contributions, one of each frame and
frequency. Relevance propagation through that linear layer shares a sample's relevance out in proportion to them, that
is, divides by the sample and multiplies by the contribution. With the analysis window ``w``, the synthesis window
``v = w / sum of w**2`` over the frames, ``X`` the transform of ``w x`` and ``G`` that of ``v R / x``, frame ``f`` and
frequency ``k`` receive ``Re(X conj(G)) / K`` (twice that where ``-k`` is counted with ``k``), and by Parseval's theorem
all of them sum to the relevance of the samples. Whatever is "x times something" (input x gradient, Integrated Gradients
from silence, LRP) goes the same way.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from igsed_core.base.errors import IgsedError

STABILIZER = 1e-6  # of a waveform's largest sample: what a smaller one is taken for where it divides


def spectrum(waveform: Tensor, *, n_fft: int, hop: int, n_frames: int, window: Tensor | None = None) -> Tensor:
    """Short-time spectrum with frames centred on multiples of the hop, zeros beyond the ends.

    Parameters
    ----------
    waveform
        ``[shape=(..., n_samples)]``
    n_fft, hop
        Length of a frame and distance from one to the next, in samples.
    n_frames
        How many.
    window
        ``[shape=(n_fft,)]``, by default Hann's.

    Returns
    -------
    Tensor [shape=(..., n_frames, n_fft // 2 + 1), dtype=complex]
    """
    window = _window(n_fft, waveform) if window is None else window.to(waveform)
    return torch.fft.rfft(_frames(waveform, n_fft, hop, n_frames) * window)


def relevance(
    of_samples: Tensor,
    waveform: Tensor,
    *,
    n_fft: int,
    hop: int,
    n_frames: int,
    window: Tensor | None = None,
    divided: bool = False,
) -> Tensor:
    """Share the relevance of samples out over frames and frequencies.

    Parameters
    ----------
    of_samples
        ``[shape=(n_classes, n_samples)]``
    waveform
        ``[shape=(n_samples,)]``
    n_fft, hop, n_frames
        As for :func:`spectrum`; every sample that has relevance must lie in a frame.
    window
        ``[shape=(n_fft,)]``, by default Hann's.
    divided
        Whether ``of_samples`` is divided by the samples already: a gradient.

    Returns
    -------
    Tensor [shape=(n_classes, n_frames, n_fft // 2 + 1)]
        Its sum over frames and frequencies is that of the samples, but for samples that are all but zero.

    Raises
    ------
    IgsedError
        If the frames leave a sample out that has relevance.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution import dft_lrp
    >>> tone = torch.cos(2 * torch.pi * 4 * torch.arange(64) / 16)  # frequency 4 of frames of 16
    >>> found = dft_lrp.relevance(tone[None] ** 2, tone, n_fft=16, hop=8, n_frames=9)
    >>> round(float(found.sum()), 2), int(found[0].sum(dim=0).argmax())
    (32.0, 4)
    """
    made = _window(n_fft, waveform) if window is None else window.to(waveform)
    given = {"n_fft": n_fft, "hop": hop, "n_frames": n_frames}
    norm = _overlapped(made.square(), len(waveform), **given)  # (n_samples,)
    seen = norm > 1e-8 * norm.max()
    if bool((of_samples[:, ~seen] != 0).any()):
        raise IgsedError(
            f"{n_frames} frames of {n_fft} samples at a hop of {hop} leave some of {len(waveform)} samples out: "
            "take more frames or a shorter hop"
        )
    slope = of_samples if divided else of_samples / _held_off_zero(waveform)
    slope = torch.where(seen, slope / norm.clamp_min(1e-12), 0.0)
    of_x = spectrum(waveform, **given, window=made)  # (n_frames, n_bins)
    of_slope = spectrum(slope, **given, window=made)  # (n_classes, n_frames, n_bins)
    counted = torch.full((n_fft // 2 + 1,), 2.0, device=waveform.device, dtype=waveform.dtype)
    counted[0] = 1.0
    if n_fft % 2 == 0:
        counted[-1] = 1.0
    return (of_x * of_slope.conj()).real * counted / n_fft


def _held_off_zero(waveform: Tensor) -> Tensor:
    least = STABILIZER * waveform.abs().max().clamp_min(1e-12)
    return torch.where(waveform < 0, -1.0, 1.0).to(waveform) * waveform.abs().clamp_min(least)


def _window(n_fft: int, like: Tensor) -> Tensor:
    return torch.hann_window(n_fft, periodic=True, device=like.device, dtype=like.dtype)


def _frames(waveform: Tensor, n_fft: int, hop: int, n_frames: int) -> Tensor:
    """(..., n_samples) -> (..., n_frames, n_fft)"""
    before = n_fft // 2
    behind = max(0, (n_frames - 1) * hop + n_fft - before - waveform.shape[-1])
    return nn.functional.pad(waveform, (before, behind)).unfold(-1, n_fft, hop)[..., :n_frames, :]


def _overlapped(shape: Tensor, n_samples: int, *, n_fft: int, hop: int, n_frames: int) -> Tensor:
    """Sum over frames of one shape at each frame's place, ``[shape=(n_samples,)]``."""
    length = (n_frames - 1) * hop + n_fft
    columns = shape[:, None].expand(n_fft, n_frames)[None]
    whole = nn.functional.fold(columns, (1, length), (1, n_fft), stride=(1, hop))[0, 0, 0]
    begin = n_fft // 2
    return nn.functional.pad(whole[begin : begin + n_samples], (0, max(0, n_samples - len(whole) + begin)))
