"""A soundscape as a map lets it be heard: the short-time spectrum weighted by the map, and back to sound."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from igsed_core.attribution import plane
from igsed_core.models.frontend import FrontEnd


class Masker:
    """Weighs one soundscape by maps.

    Parameters
    ----------
    waveform
        The soundscape, ``[shape=(n_samples,)]``.
    frontend
        Whose frames and mel bands the maps have; its spectrum is weighted, and what lies in no mel band is not heard.
    """

    def __init__(self, waveform: Tensor, frontend: FrontEnd) -> None:
        self._shares = plane.shares(frontend).T  # (n_mels, n_bins)
        self._grid: dict[str, Any] = {"n_fft": frontend.n_fft, "hop_length": frontend.hop_length}
        self._window = torch.hann_window(frontend.n_fft, device=waveform.device)
        self._length = len(waveform)
        self._spectrum = torch.stft(waveform, **self._grid, window=self._window, return_complex=True)  # (n_bins, time)

    def __call__(self, gains: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the soundscape, ``[shape=(n_samples,)]``, weighted by gains between 0 and 1.

        Parameters
        ----------
        gains
            ``[shape=(n_frames, n_mels)]``
        """
        of_bins = torch.from_numpy(np.ascontiguousarray(gains, dtype=np.float32)).to(self._shares) @ self._shares
        missing = self._spectrum.shape[1] - len(of_bins)
        of_bins = nn.functional.pad(of_bins.T[None], (0, missing), mode="replicate")[0]  # (n_bins, time)
        with torch.no_grad():
            heard = torch.istft(self._spectrum * of_bins, **self._grid, window=self._window, length=self._length)
        return heard.cpu().numpy().astype(np.float64)
