"""What takes the place of a part that is taken away: silence, the clip's own background, or its mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from igsed_core.base.errors import IgsedError
from igsed_core.models.frontend import FrontEnd

if TYPE_CHECKING:
    from igsed_core.attribution.ig.reduced import MelScore

Baseline = str | Tensor  # one of KINDS, a waveform, or another input of what is explained
KINDS = ("silence", "background", "mean", "quiet")
QUIET = 0.1  # share of a clip's frames that count as its background
STRETCH = 0.02  # s, of a waveform's quiet stretches


def quiet_frames(log_mel: Tensor) -> Tensor:
    """Return the quietest tenth of a clip's frames: the real background of any recording, known without labels.

    Parameters
    ----------
    log_mel
        ``[shape=(frames, mels)]``

    Returns
    -------
    Tensor [shape=(n_quiet, mels)]
        In the order of time.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.replacement import quiet_frames
    >>> log_mel = torch.arange(20.0).flip(0)[:, None]  # ever quieter
    >>> quiet_frames(log_mel).flatten().tolist()
    [1.0, 0.0]
    """
    return _quietest(log_mel, log_mel.mean(dim=1))


def quiet_stretches(waveform: Tensor, sample_rate: int) -> Tensor:
    """Return the quietest tenth of a clip's stretches of 20 ms, which overlap by half.

    Parameters
    ----------
    waveform
        ``[shape=(n_samples,)]``
    sample_rate
        In Hz.

    Returns
    -------
    Tensor [shape=(n_quiet, length)]
        In the order of time; ``length`` is even.
    """
    half = max(1, min(round(STRETCH * sample_rate / 2), len(waveform) // 2))
    stretches = waveform.unfold(0, 2 * half, half)
    return _quietest(stretches, stretches.square().mean(dim=1))


def background(log_mel: Tensor, random: torch.Generator) -> Tensor:
    """Draw a background as long as the clip, frame by frame from its quiet frames: ``(frames, mels)``, twice.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.replacement import background
    >>> log_mel = torch.arange(10.0)[:, None]
    >>> background(log_mel, torch.Generator().manual_seed(0)).unique().tolist()
    [0.0]
    """
    quiet = quiet_frames(log_mel)
    return quiet[torch.randint(len(quiet), (len(log_mel),), generator=random).to(quiet.device)]


def background_noise(waveform: Tensor, sample_rate: int, random: torch.Generator) -> Tensor:
    """Draw a background as long as the clip from its quiet stretches: ``(n_samples,)``, twice.

    Stretches are faded into each other by halves of a sine, whose squares sum to one, so that noise keeps its power.
    """
    quiet = quiet_stretches(waveform, sample_rate)
    half = quiet.shape[1] // 2
    fade = torch.sin(math.pi / (4 * half) * (2 * torch.arange(2 * half, device=quiet.device) + 1)).to(quiet)
    n_drawn = -(-len(waveform) // half) + 1
    drawn = quiet[torch.randint(len(quiet), (n_drawn,), generator=random).to(quiet.device)] * fade
    return (drawn[:-1, half:] + drawn[1:, :half]).flatten()[: len(waveform)]


def replacement(kind: str, model: MelScore, log_mel: Tensor, seed: int = 0) -> Tensor:
    """Return what the frames of a folded encoder's clip are replaced with; see :func:`of_map`."""
    return of_map(kind, model.encoder.frontend, log_mel, seed)


def of_map(kind: str, frontend: FrontEnd, log_mel: Tensor, seed: int = 0) -> Tensor:
    """Return what a clip's frames are replaced with.

    Parameters
    ----------
    kind
        ``silence``; ``background``: frames drawn from the clip's quietest tenth; ``mean``: each mel bin's mean over
        the clip; ``quiet``: each mel bin's mean over the quietest tenth.
    frontend
        It says what silence is.
    log_mel
        ``[shape=(frames, mels)]``
    seed
        Of the draw.

    Returns
    -------
    Tensor [shape=(frames, mels)]

    Raises
    ------
    IgsedError
        For an unknown kind.
    """
    if check_kind(kind) == "silence":
        return frontend.compress(log_mel.new_zeros(())).expand_as(log_mel)
    if kind == "background":
        return background(log_mel, torch.Generator().manual_seed(seed))
    return (log_mel if kind == "mean" else quiet_frames(log_mel)).mean(dim=0).expand_as(log_mel)


def of_waveform(kind: Baseline, waveform: Tensor, sample_rate: int, seed: int = 0) -> Tensor:
    """Return what a clip's samples are replaced with, or compared with.

    Parameters
    ----------
    kind
        ``silence``: zero; ``background``: noise drawn from the clip's quietest tenth; ``mean``: the mean sample, an
        offset; ``quiet``: the mean sample of the quietest tenth. The last two are next to silence where a recording has
        no offset. Or a waveform, ``[shape=(n_samples,)]``.
    waveform
        ``[shape=(n_samples,)]``
    sample_rate
        In Hz.
    seed
        Of the draw.

    Returns
    -------
    Tensor [shape=(n_samples,)]

    Raises
    ------
    IgsedError
        For an unknown kind, or a waveform of another length.
    """
    if isinstance(kind, Tensor):
        return given(waveform, kind)
    if check_kind(kind) == "silence":
        return torch.zeros_like(waveform)
    if kind == "background":
        return background_noise(waveform, sample_rate, torch.Generator().manual_seed(seed))
    return (waveform if kind == "mean" else quiet_stretches(waveform, sample_rate)).mean().expand_as(waveform)


def given(clip: Tensor, baseline: Tensor) -> Tensor:
    """Return a baseline that the caller gave.

    Parameters
    ----------
    clip
        Input of a clip, ``[shape=(n_units, ...)]``.
    baseline
        ``[shape=(n_units, ...)]``

    Returns
    -------
    Tensor [shape=(n_units, ...)]

    Raises
    ------
    IgsedError
        If it has another shape.
    """
    if baseline.shape != clip.shape:
        raise IgsedError(
            f"the baseline has the shape {tuple(baseline.shape)}, the clip's input {tuple(clip.shape)}: "
            "give a waveform as long as the clip, or an input of the same shape"
        )
    return baseline.detach().to(clip)


def checked(baseline: Baseline) -> Baseline:
    """Return a baseline if it is a tensor or one of :data:`KINDS`; else it is an error that lists them."""
    return baseline if isinstance(baseline, Tensor) else check_kind(baseline)


def is_silence(baseline: Baseline) -> bool:
    """Whether a baseline is silence by name."""
    return isinstance(baseline, str) and baseline == "silence"


def check_kind(kind: str) -> str:
    """Return a kind of replacement if it is one of :data:`KINDS`; else it is an error that lists them."""
    if kind not in KINDS:
        raise IgsedError(f"replacement {kind!r} is unknown: choose one of {', '.join(KINDS)}")
    return kind


def _quietest(pieces: Tensor, level: Tensor) -> Tensor:
    n = max(1, round(QUIET * len(level)))
    return pieces[level.argsort(stable=True)[:n].sort().values]
