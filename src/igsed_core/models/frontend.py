"""Front ends: a waveform becomes mel power (exactly quadratic), then a log-mel map (element by element).

The two steps are kept apart because attribution along a path of levels rests on them: with the mel power
`m(x)`, `m(a x) = a^2 m(x)` for any gain `a`, and the compression acts on each element alone.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from igsed_core.base._torchaudio import torchaudio
from igsed_core.base.errors import IgsedError
from igsed_core.models import inputs

WINDOWS = ("hann", "hamming")


class FrontEnd(nn.Module):
    """Waveform to mel power to log-mel; differentiable, without parameters to learn.

    Parameters
    ----------
    sample_rate : int
        Samples per second of the waveforms.
    n_fft : int
        Length of the Fourier transform in samples.
    hop_length : int
        Samples from one frame to the next.
    window : Tensor [shape=(window_length,)]
        Analysis window, at most `n_fft` long; a shorter one is centred in the transform.
    mel_weights : Tensor [shape=(n_fft // 2 + 1, n_mels)]
        Mel filter bank, applied to the power spectrum.
    """

    window: Tensor
    mel_weights: Tensor

    def __init__(self, *, sample_rate: int, n_fft: int, hop_length: int, window: Tensor, mel_weights: Tensor) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.n_mels = mel_weights.shape[1]
        margin = n_fft - window.shape[0]
        centred = nn.functional.pad(window, (margin // 2, margin - margin // 2))
        self.register_buffer("window", centred, persistent=False)
        self.register_buffer("mel_weights", mel_weights, persistent=False)

    def power(self, waveform: Tensor) -> Tensor:
        """Mel power of a waveform: `power(a * x) == a**2 * power(x)`.

        Parameters
        ----------
        waveform : Tensor [shape=(batch, samples)]

        Returns
        -------
        Tensor [shape=(batch, frames, n_mels)]

        Raises
        ------
        IgsedError
            If the waveform is no batch of sounds (:func:`igsed_core.models.inputs.checked`), or too short for a
            reflection at its ends.
        """
        waveform = inputs.checked(waveform, self)
        filtered = self.filtered(waveform)
        if filtered.shape[-1] <= self.n_fft // 2:
            raise IgsedError(
                f"waveform has {waveform.shape[-1]} samples, too few for a transform of {self.n_fft}; "
                f"give at least {self.n_fft} samples or pad with zeros"
            )
        spectrum = torch.fft.rfft(self._frames(filtered) * self.window)  # (batch, frames, bins), complex
        # The squares of the parts, not of the modulus, whose gradient is undefined at silence.
        power = spectrum.real.square() + spectrum.imag.square()  # (batch, frames, bins)
        return power @ self.mel_weights  # (batch, frames, n_mels)

    def filtered(self, waveform: Tensor) -> Tensor:
        """Return samples, ``[shape=(batch, n_samples)]``, behind the linear filter; none unless a subclass has one."""
        return waveform

    def _frames(self, waveform: Tensor) -> Tensor:
        """Overlapping frames, centred on multiples of the hop: (batch, samples) -> (batch, frames, n_fft).

        Whole hops are joined side by side. The gradient of that is a few additions, that of a strided view
        (as in `torch.stft`) a slow scatter.
        """
        half = self.n_fft // 2
        padded = nn.functional.pad(waveform[:, None], (half, half), mode="reflect")[:, 0]
        n_frames = 1 + (padded.shape[1] - self.n_fft) // self.hop_length
        hops_per_frame = -(-self.n_fft // self.hop_length)
        excess = (n_frames + hops_per_frame - 1) * self.hop_length - padded.shape[1]
        hops = nn.functional.pad(padded, (0, excess)).unflatten(1, (-1, self.hop_length))
        joined = torch.cat([hops[:, i : i + n_frames] for i in range(hops_per_frame)], dim=2)
        return joined[:, :, : self.n_fft]

    @abstractmethod
    def compress(self, power: Tensor) -> Tensor:
        """Compress mel power, each element by itself; an array of any shape gives one of its shape."""

    def forward(self, waveform: Tensor) -> Tensor:
        """Log-mel map of a waveform: (batch, samples) -> (batch, frames, n_mels)."""
        return self.compress(self.power(waveform))


class PannsLogMel(FrontEnd):
    """Front end of PANNs (Kong et al. 2020): 32 kHz, 64 mels in decibels; 10 s -> 1001 frames of 10 ms.

    Parameters
    ----------
    window : str
        "hann", as in the authors' code and checkpoints, or "hamming", as in their paper.

    Raises
    ------
    IgsedError
        If `window` has another name.
    """

    floor = 1e-10

    def __init__(self, window: str = "hann") -> None:
        if window not in WINDOWS:
            raise IgsedError(f"window = {window!r} is unknown; choose one of: {', '.join(WINDOWS)}")
        sample_rate, n_fft = 32_000, 1024
        make_window = torch.hann_window if window == "hann" else torch.hamming_window
        super().__init__(
            sample_rate=sample_rate,
            n_fft=n_fft,
            hop_length=320,
            window=make_window(n_fft, periodic=True),
            mel_weights=torchaudio.functional.melscale_fbanks(
                n_fft // 2 + 1, 50.0, 14_000.0, 64, sample_rate, norm="slaney", mel_scale="slaney"
            ),
        )
        self.window_name = window

    def compress(self, power: Tensor) -> Tensor:
        """Decibels re 1, with a floor at -100 dB, of any shape."""
        return 10.0 * torch.log10(power.clamp(min=self.floor))


class EfficientATLogMel(FrontEnd):
    """Front end of EfficientAT (Schmid et al. 2023): 32 kHz, 128 Kaldi mels; 10 s -> 1000 frames of 10 ms."""

    pre_emphasis = 0.97

    def __init__(self) -> None:
        sample_rate, n_fft, n_mels = 32_000, 1024, 128
        super().__init__(
            sample_rate=sample_rate,
            n_fft=n_fft,
            hop_length=320,
            window=torch.hann_window(800, periodic=False),
            mel_weights=_kaldi_mel_weights(sample_rate, n_fft, n_mels, low=0.0, high=15_000.0),
        )

    def filtered(self, waveform: Tensor) -> Tensor:
        """Return samples behind the pre-emphasis, ``[shape=(batch, n_samples - 1)]``."""
        return waveform[:, 1:] - self.pre_emphasis * waveform[:, :-1]

    def compress(self, power: Tensor) -> Tensor:
        """Natural logarithm above 1e-5, scaled to about -1.4..1.5, of any shape."""
        return (torch.log(power + 1e-5) + 4.5) / 5.0


def _kaldi_mel_weights(sample_rate: int, n_fft: int, n_mels: int, *, low: float, high: float) -> Tensor:
    """Kaldi's mel bands: triangles on the mel axis with peaks of 1, no warping.

    Returns
    -------
    Tensor [shape=(n_fft // 2 + 1, n_mels)]
    """
    bands, _ = torchaudio.compliance.kaldi.get_mel_banks(
        n_mels, n_fft, float(sample_rate), low, high, 100.0, -500.0, 1.0
    )  # (n_mels, n_fft // 2)
    # Kaldi leaves out the Nyquist bin.
    return nn.functional.pad(bands, (0, 1)).T.contiguous()
