"""What all systems hear: magnitude spectra of each sound from its onset to the next, copies of them, log-mel maps.

The map has 64 mel bands and 48 frames, as in the released code; so is its logarithm, ``log(x + 1e-4)``, in [0, 1].
Copies that are higher or longer are made in the magnitude spectrum, which is interpolated along frequency and time: all
that any system here hears of a sound. A phase vocoder (Rubber Band there) would also give phases. The maps are not
turned upside down as they are there, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from igsed_core.base._torchaudio import torchaudio
from igsed_core.chapters.vocal_percussion.boxemes import VocalPercussion

N_FFT = 1024  # samples
HOP = 512  # samples; 11.6 ms at 44.1 kHz, as in the released code
MELS, FRAMES = 64, 48
MOST_STRETCH, MOST_SHIFT = 1.2, 1.5  # factor (the least is 0.8); semitones
LEAST_STRETCH = 0.8
KEPT = round(FRAMES / LEAST_STRETCH)  # frames, so that a shortened copy is whole
FLOOR = 1e-4
# Of a frame's spectrum; centroid and spread are in octaves.
SHAPES = ("centroid", "spread", "skewness", "flatness", "roll-off", "crest", "flux")


@dataclass(frozen=True, eq=False)
class Spectra:
    """Magnitudes of each sound.

    Attributes
    ----------
    values
        ``[shape=(n_sounds, bins, frames)]``; frame ``k`` is centred ``k`` hops after the annotated onset, and what lies
        before this onset, or after the next, is zero.
    sample_rate
        In Hz.
    hop
        Samples from frame to frame.
    """

    values: Tensor
    sample_rate: int
    hop: int

    @property
    def step(self) -> float:
        """Seconds from frame to frame."""
        return self.hop / self.sample_rate

    def bands(self) -> Tensor:
        """Magnitudes in mel bands, ``[shape=(n_sounds, 64, 48)]``."""
        return torch.einsum("nbt,bm->nmt", self.values[..., :FRAMES], _bank(self.sample_rate))

    def heard(self) -> Heard:
        """What systems hear of it, a ninth of the size."""
        values = self.values[..., :FRAMES]
        return Heard(
            self.bands(), values.square().sum(1), _shapes(values, self.sample_rate), self.sample_rate, self.hop
        )


@dataclass(frozen=True, eq=False)
class Heard:
    """All that systems hear of some sounds: spectra themselves would fill gigabytes.

    Attributes
    ----------
    bands
        Magnitudes in mel bands, ``[shape=(n_sounds, 64, 48)]``.
    power
        Of each frame, ``[shape=(n_sounds, 48)]``.
    shapes
        Of each frame's spectrum, the seven numbers of :data:`SHAPES`, ``[shape=(n_sounds, 7, 48)]``.
    sample_rate
        In Hz.
    hop
        Samples from frame to frame.
    """

    bands: Tensor
    power: Tensor
    shapes: Tensor
    sample_rate: int
    hop: int

    @property
    def step(self) -> float:
        """Seconds from frame to frame."""
        return self.hop / self.sample_rate

    def __len__(self) -> int:
        return len(self.bands)

    def __getitem__(self, rows: Tensor) -> Heard:
        return Heard(self.bands[rows], self.power[rows], self.shapes[rows], self.sample_rate, self.hop)


def joined(parts: Sequence[Heard]) -> Heard:
    """Put the sounds of several parts one after the other."""
    bands, power, shapes = (torch.cat([getattr(one, name) for one in parts]) for name in ("bands", "power", "shapes"))
    return Heard(bands, power, shapes, parts[0].sample_rate, parts[0].hop)


def _shapes(values: Tensor, sample_rate: int) -> Tensor:
    """The numbers of :data:`SHAPES` for each frame, ``(n, bins, frames) -> (n, 7, frames)``."""
    values = values + 1e-7
    octaves = torch.linspace(0, sample_rate / 2, values.shape[1]).clamp(min=40.0).log2()[:, None]
    weight = values / values.sum(1, keepdim=True)
    centroid = (weight * octaves).sum(1)
    away = octaves - centroid[:, None]
    spread = (weight * away.square()).sum(1).sqrt().clamp(min=1e-3)
    skewness = (weight * away**3).sum(1) / spread**3
    flatness = values.log().mean(1) - values.mean(1).log()
    rolloff = (weight.cumsum(1) < 0.85).float().mean(1)
    crest = (values.amax(1) / values.mean(1)).log()
    flux = weight.diff(dim=2, prepend=weight[..., :1]).abs().sum(1)
    return torch.stack([centroid, spread, skewness, flatness, rolloff, crest, flux], dim=1)


def magnitudes(bank: VocalPercussion, *, hop: int = HOP, snr: float | None = None, seed: int = 0) -> Spectra:
    """Spectra of all sounds of a bank, in the order of its table.

    Parameters
    ----------
    bank
        Takes and sounds; each take is scaled to a peak of one.
    hop
        Samples from frame to frame.
    snr
        Level of white noise that is added to the takes, in dB below the sounds' mean power; none by default.
    seed
        Of that noise.
    """
    rate = bank.takes.sample_rate
    result = torch.zeros(len(bank.boxemes), N_FFT // 2 + 1, KEPT)
    length = (KEPT - 1) * hop + N_FFT
    window = torch.hann_window(N_FFT)
    clips = bank.takes.clips
    rng = np.random.default_rng([seed, 0x5127])
    for i in range(len(clips)):
        sounds = np.flatnonzero((bank.boxemes["clip"] == clips["clip"].iloc[i]).to_numpy())
        take = bank.takes.read(clips.iloc[[i]])[0].astype(np.float64)
        spans = np.rint(bank.boxemes[["onset", "offset"]].to_numpy(dtype=float)[sounds] * rate).astype(int)
        if snr is not None:
            heard = np.concatenate([take[a:b] for a, b in spans]) if len(spans) else take
            take = take + rng.standard_normal(take.size) * np.sqrt(np.mean(heard**2)) * 10 ** (-snr / 20)
        take /= max(np.abs(take).max(), 1e-12)
        cut = np.zeros((len(sounds), length), dtype=np.float32)
        for row, (a, b) in zip(cut, spans, strict=True):
            part = take[a : min(b, a + length - N_FFT // 2)]
            row[N_FFT // 2 : N_FFT // 2 + len(part)] = part
        if len(sounds):
            spectrum = torch.stft(torch.from_numpy(cut), N_FFT, hop, window=window, center=False, return_complex=True)
            result[torch.from_numpy(sounds)] = spectrum.abs()
    return Spectra(result, rate, hop)


def copies(spectra: Spectra, number: int, *, seed: int) -> Iterator[Spectra]:
    """Give the sounds themselves, then copies with other pitch and length, one after the other.

    Parameters
    ----------
    spectra
        The sounds.
    number
        Of copies; each sound's pitch shift is uniform within 1.5 semitones, its stretch within 0.8 and 1.2.
    seed
        Of these draws.
    """
    random = torch.Generator().manual_seed(seed)
    n = len(spectra.values)
    yield spectra
    for _ in range(number):
        shift = MOST_SHIFT * (2 * torch.rand(n, generator=random) - 1)
        stretch = LEAST_STRETCH + (MOST_STRETCH - LEAST_STRETCH) * torch.rand(n, generator=random)
        yield Spectra(changed(spectra.values, 2 ** (shift / 12), stretch), spectra.sample_rate, spectra.hop)


def changed(values: Tensor, pitch: Tensor, stretch: Tensor) -> Tensor:
    """Move magnitudes along frequency by a factor, and along time.

    Parameters
    ----------
    values
        ``[shape=(n, bins, frames)]``
    pitch, stretch
        Factors, ``[shape=(n,)]``.

    Returns
    -------
    Tensor [shape=(n, bins, frames)]
        Between bins and frames by lines; zero beyond the ends.
    """
    n, bins, frames = values.shape
    result = torch.empty_like(values)
    for rows in torch.arange(n).split(256):
        # grid_sample wants positions from -1 to 1, the ends' centres.
        up = (torch.arange(bins) / pitch[rows, None]) / (bins - 1) * 2 - 1
        along = (torch.arange(frames) / stretch[rows, None]) / (frames - 1) * 2 - 1
        shape = (len(rows), bins, frames)
        grid = torch.stack([along[:, None, :].expand(shape), up[:, :, None].expand(shape)], dim=-1)
        result[rows] = functional.grid_sample(values[rows, None], grid, align_corners=True)[:, 0]
    return result


def log_mel(bands: Tensor, peak: float) -> Tensor:
    """Log-mel maps between 0 and 1, ``[shape=(n_sounds, 64, 48)]``.

    Parameters
    ----------
    bands
        Magnitudes in mel bands, ``[shape=(n_sounds, 64, 48)]``.
    peak
        Magnitude that becomes 1: the largest of the training sounds; larger ones become 1, too.
    """
    low = np.log(FLOOR)
    logs = (bands / peak).clamp_(max=1.0).add_(FLOOR).log_()  # in place: there may be a hundred megabytes of them
    return logs.sub_(low).div_(np.log(1 + FLOOR) - low)


@cache
def _bank(sample_rate: int) -> Tensor:
    return torchaudio.functional.melscale_fbanks(
        N_FFT // 2 + 1, 0.0, sample_rate / 2, MELS, sample_rate, norm=None, mel_scale="slaney"
    )


@cache
def centres(sample_rate: int) -> Tensor:
    """Centre of each mel band in Hz, ``[shape=(64,)]``."""
    bank = _bank(sample_rate)
    hertz = torch.linspace(0, sample_rate / 2, len(bank))
    return (bank * hertz[:, None]).sum(0) / bank.sum(0).clamp(min=1e-12)
