"""The same attention with all scores at once: what :mod:`igsed_core.models.detectors.banded` must equal."""

from __future__ import annotations

import torch
from torch import Tensor


def attend(query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Tensor, window: tuple[int, int]) -> Tensor:
    """Let every frame take the weighted mean of the values in its window.

    Parameters
    ----------
    query, key
        ``[shape=(batch, time, units)]``
    value
        ``[shape=(batch, time, n_values)]``
    weight, bias
        Of the score, ``[shape=(units,)]`` and a scalar.
    window
        Frames before and after.

    Returns
    -------
    Tensor [shape=(batch, time, n_values)]
    """
    hidden = torch.tanh(query[:, :, None] + key[:, None])  # (batch, time, time, units)
    share = torch.sigmoid(hidden @ weight + bias).exp()
    frame = torch.arange(query.shape[1], device=query.device)
    apart = frame[None] - frame[:, None]  # (time, time), of frame t to frame s
    share = share * ((apart >= -window[0]) & (apart <= window[1]))
    return share / share.sum(dim=2, keepdim=True) @ value
