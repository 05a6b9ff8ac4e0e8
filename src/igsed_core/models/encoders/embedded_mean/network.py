"""Encoder `embedded_mean`: the network of `embedded`, pretrained so that it favours no reading of the clip head.

`embedded` was pretrained through the maximum over time and a linear layer, the form of the clip head that is explained,
and on the generators of the ten classes: class activation maps, and the localiser made from them, are at home there.
This one was pretrained through the mean over time and a hidden layer, as EfficientAT's networks were, on the kinds of
sounds that are none of the ten classes. `scripts/train_embedded_encoder.py --encoder embedded_mean` trained it;
`embedded_mean.json` beside this file says how.
"""

from __future__ import annotations

from pathlib import Path

from igsed_core.models.encoders.base import Encoder
from igsed_core.models.encoders.embedded import network

NAME = "embedded_mean"
WEIGHTS = Path(__file__).with_name("embedded_mean.safetensors")


def load(weights: str, window: str) -> Encoder:
    """Load the second embedded encoder.

    Parameters
    ----------
    weights : str
        Path of a file of weights of the same network; empty for the one in the package.
    window : str
        As for :func:`igsed_core.models.encoders.embedded.network.load`.

    Raises
    ------
    IgsedError
        As there.
    """
    return network.load(weights or str(WEIGHTS), window, name=NAME)
