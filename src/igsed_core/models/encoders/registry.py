"""Registry of encoders: name -> frozen network with its front end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from igsed_core.base.errors import IgsedError
from igsed_core.models.encoders import cnn14, embedded, mobilenet
from igsed_core.models.encoders.base import Encoder

__all__ = ["REGISTRY", "Encoder", "available", "describe", "load"]

REGISTRY: dict[str, Callable[[str, str], Encoder]] = {
    cnn14.NAME: cnn14.load,
    embedded.NAME: embedded.load,
    mobilenet.NAME: mobilenet.load,
}


def available() -> list[str]:
    """Names of the encoders."""
    return sorted(REGISTRY)


def load(name: str, weights: str = "", window: str = "") -> Encoder:
    """Load a frozen encoder.

    Parameters
    ----------
    name : str
        One of `available()`.
    weights : str
        Path of a file of weights; empty for the encoder's own.
    window : str
        Analysis window of the front end; empty or "auto" for the one that the weights were trained with.

    Raises
    ------
    IgsedError
        If the name is unknown, or the weights or the window do not fit.

    Examples
    --------
    >>> encoder = load("embedded")
    >>> encoder(torch.zeros(1, 320_000)).shape
    torch.Size([1, 31, 512])
    """
    if name not in REGISTRY:
        raise IgsedError(f"encoder = {name!r} is unknown; choose one of: {', '.join(available())}")
    return REGISTRY[name](weights, "" if window == "auto" else window)


def describe(encoder: Encoder) -> dict[str, Any]:
    """Size and cost of an encoder.

    Returns
    -------
    dict
        `name`, `parameters`, `gmac_10s` (1e9 multiply-adds of convolutions and matrix products for a clip of
        10 s; Fourier transforms are not counted), `frame_duration` (s), `n_features`.
    """
    clip = torch.zeros(1, 10 * encoder.frontend.sample_rate)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        encoder(clip)
    return {
        "name": encoder.name,
        "parameters": sum(parameter.numel() for parameter in encoder.parameters()),
        "gmac_10s": counter.get_total_flops() / 2e9,
        "frame_duration": encoder.frame_duration,
        "n_features": encoder.n_features,
    }
