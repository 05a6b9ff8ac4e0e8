"""The front end of detectors that are trained as a whole: few mel bands, one map frame per hop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.base import devices
from igsed_core.base._torchaudio import torchaudio
from igsed_core.models.frontend import FrontEnd

MELS = 40
_FLOOR = 1e-10
_AT_ONCE = 16  # clips


class DetectorLogMel(FrontEnd):
    """Decibels of 40 mel bands up to half the sample rate; frames are centred on multiples of the hop.

    Parameters
    ----------
    sample_rate
        In Hz.
    hop
        Seconds from frame to frame; the analysis window lasts twice as long, 40 ms at least.
    """

    def __init__(self, sample_rate: int, hop: float) -> None:
        length = round(max(2 * hop, 0.04) * sample_rate)
        n_fft = 2 ** int(np.ceil(np.log2(length)))
        super().__init__(
            sample_rate=sample_rate,
            n_fft=n_fft,
            hop_length=round(hop * sample_rate),
            window=torch.hann_window(length, periodic=True),
            mel_weights=torchaudio.functional.melscale_fbanks(
                n_fft // 2 + 1, 0.0, sample_rate / 2, MELS, sample_rate, norm="slaney", mel_scale="slaney"
            ),
        )

    def compress(self, power: Tensor) -> Tensor:
        """Decibels re 1, with a floor at -100 dB, of any shape."""
        return 10.0 * torch.log10(power.clamp(min=_FLOOR))


@devices.threads(1)
def maps(
    read: Callable[[pd.DataFrame], NDArray[np.float32]], clips: pd.DataFrame, *, sample_rate: int, hop: float
) -> Tensor:
    """Log-mel maps of clips.

    Parameters
    ----------
    read
        Reads rows of ``clips``, ``[shape=(n_clips, n_samples)]``.
    clips
        A row per clip.
    sample_rate
        In Hz.
    hop
        In seconds. Frame ``i`` is that of the time from ``(i - 1/2) hop`` to ``(i + 1/2) hop``.

    Returns
    -------
    Tensor [shape=(n_clips, time, 40)]
        As many frames as the clip has hops.
    """
    front_end = DetectorLogMel(sample_rate, hop).eval()
    found = []
    with torch.inference_mode():
        for first in range(0, len(clips), _AT_ONCE):
            waveforms = torch.from_numpy(read(clips.iloc[first : first + _AT_ONCE]))
            found.append(front_end(waveforms)[:, : round(waveforms.shape[1] / front_end.hop_length)].clone())
    return torch.cat(found)
