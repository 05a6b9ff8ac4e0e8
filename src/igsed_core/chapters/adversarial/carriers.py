"""What a sound goes through on its way to a listener: files, resampling, a shift, the noise of a room."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.data.soundbank import procedural

Waveforms = NDArray[np.float32]  # (n, n_samples)
ROOM_SNR = 40.0  # dB
_OTHER_RATE = 44_100  # Hz


@dataclass(frozen=True)
class Carrier:
    """One way.

    Attributes
    ----------
    title
        Its name.
    carry
        ``(waveforms (n, n_samples), rate in Hz, seed) -> waveforms (n, n_samples)``
    """

    title: str
    carry: Callable[[Waveforms, int, int], Waveforms]

    def carried(self, waveforms: Tensor, sample_rate: int, seed: int = 0) -> Tensor:
        """Carry tensors.

        Parameters
        ----------
        waveforms
            ``[shape=(n, n_samples)]``
        sample_rate
            In Hz.
        seed
            Of what is drawn on the way.

        Returns
        -------
        Tensor [shape=(n, n_samples)]
        """
        return torch.from_numpy(self.carry(waveforms.numpy(), sample_rate, seed))


def _through_file(kind: str, subtype: str) -> Callable[[Waveforms, int, int], Waveforms]:
    def carry(waveforms: Waveforms, sample_rate: int, seed: int) -> Waveforms:
        result = np.zeros_like(waveforms)
        for row, clip in zip(result, waveforms, strict=True):
            stream = io.BytesIO()
            soundfile.write(stream, clip, sample_rate, format=kind, subtype=subtype)
            stream.seek(0)
            read = soundfile.read(stream, dtype="float32")[0][: len(row)]
            row[: len(read)] = read
        return result

    return carry


def _resampled(waveforms: Waveforms, sample_rate: int, seed: int) -> Waveforms:
    result = np.zeros_like(waveforms)
    for row, clip in zip(result, waveforms, strict=True):
        back = soxr.resample(soxr.resample(clip, sample_rate, _OTHER_RATE), _OTHER_RATE, sample_rate)[: len(row)]
        row[: len(back)] = back
    return result


def _shifted(waveforms: Waveforms, sample_rate: int, seed: int) -> Waveforms:
    return np.concatenate([np.zeros_like(waveforms[:, :1]), waveforms[:, :-1]], axis=1)


def _in_room(waveforms: Waveforms, sample_rate: int, seed: int) -> Waveforms:
    seconds = waveforms.shape[1] / sample_rate + 0.01
    result = waveforms.copy()
    for number, row in enumerate(result):
        noise = procedural.synthesize_background(seed=(seed, 0x400, number), duration=seconds, sample_rate=sample_rate)
        noise = noise[: len(row)]
        row += noise * (np.linalg.norm(row) / np.linalg.norm(noise) * 10 ** (-ROOM_SNR / 20))
    return result


_FILES = {
    "pcm_16": ("WAV, 16 bit", "WAV", "PCM_16"),
    "pcm_24": ("WAV, 24 bit", "WAV", "PCM_24"),
    "flac": ("FLAC, 16 bit", "FLAC", "PCM_16"),
    "ogg": ("Ogg Vorbis", "OGG", "VORBIS"),
    "mp3": ("MP3", "MP3", "MPEG_LAYER_III"),
}


def carriers() -> dict[str, Carrier]:
    """Return the carriers that are there, by name: MP3 and Ogg where libsndfile has their codecs."""
    there = soundfile.available_formats()
    found = {
        name: Carrier(title, _through_file(kind, subtype))
        for name, (title, kind, subtype) in _FILES.items()
        if kind in there and subtype in soundfile.available_subtypes(kind)
    }
    return {
        **found,
        "resampled": Carrier(f"to {_OTHER_RATE / 1000:g} kHz and back", _resampled),
        "shifted": Carrier("one sample later", _shifted),
        "room": Carrier(f"room noise {ROOM_SNR:g} dB below", _in_room),
    }
