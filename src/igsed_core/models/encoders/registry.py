"""Registry of encoders: name -> frozen network with its front end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from igsed_core.base import plugins
from igsed_core.base.errors import IgsedError
from igsed_core.base.registry import Entry, Registry

if TYPE_CHECKING:
    from igsed_core.models.encoders.base import Encoder

# Each target is called with a path of weights and a window, empty for the encoder's own, and returns an Encoder. An
# encoder that has files beside its code lies in a folder with them, since a key holds all files of a folder it reads.
REGISTRY = Registry(
    "encoder",
    plugins.ENCODERS,
    {
        "cnn14": Entry(target="igsed_core.models.encoders.cnn14:load", title="CNN14"),
        "embedded": Entry(target="igsed_core.models.encoders.embedded.network:load", title="shipped with the package"),
        "embedded_mean": Entry(
            target="igsed_core.models.encoders.embedded_mean.network:load",
            title="shipped with the package, pretrained by mean pooling without the ten classes",
        ),
        "mn04_as": Entry(target="igsed_core.models.encoders.mobilenet:load", title="MobileNetV3, width 0.4"),
    },
)


@dataclass(frozen=True)
class Traits:
    """What is known of an encoder of this package before its weights are read, or fetched.

    Attributes
    ----------
    sample_rate
        That it was trained with, in Hz.
    window
        Analysis window of its own weights.
    """

    sample_rate: int
    window: str


TRAITS = {name: Traits(32_000, "hann") for name in ("cnn14", "embedded", "embedded_mean", "mn04_as")}


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
    >>> import torch
    >>> encoder = load("embedded")
    >>> encoder(torch.zeros(1, 320_000)).shape
    torch.Size([1, 31, 512])
    """
    encoder: Encoder = REGISTRY.load(name)(weights, "" if window == "auto" else window)
    return encoder


def check_sample_rate(name: str, wanted: int, sample_rate: int) -> None:
    """Make sure that soundscapes have the rate that an encoder was trained with.

    Parameters
    ----------
    name : str
        Of the encoder.
    wanted, sample_rate : int
        The encoder's rate and that of the soundscapes, in Hz.

    Raises
    ------
    IgsedError
        If they differ; the message names the parameter and its value.
    """
    if sample_rate != wanted:
        raise IgsedError(
            f"parameter 'sample_rate' is {sample_rate} Hz, but encoder {name!r} needs {wanted} Hz: "
            f"set sample_rate={wanted}"
        )


def describe(encoder: Encoder) -> dict[str, Any]:
    """Size and cost of an encoder.

    Returns
    -------
    dict
        `name`, `parameters`, `gmac_10s` (1e9 multiply-adds of convolutions and matrix products for a clip of
        10 s; Fourier transforms are not counted), `frame_duration` (s), `n_features`.
    """
    import torch  # here, so that listing encoders does not load it
    from torch.utils.flop_counter import FlopCounterMode

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
