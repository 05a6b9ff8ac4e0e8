"""A checkpoint in the format of CNN14's, with random weights, small on disk: all layers look into one table."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor

from igsed_core.models.encoders import cnn14
from igsed_core.models.frontend import PannsLogMel

CHANNELS = (1, 64, 128, 256, 512, 1024, 2048)
THIN = (1, 4, 4, 8, 8, 16, 16)


@contextlib.contextmanager
def thin() -> Iterator[None]:
    """CNN14, and its checkpoints, with few channels: every name and every layer, and none of the 80 million weights.

    How a file of weights is read does not depend on how many there are; that those of the right size fit is tried once.
    """
    with (
        mock.patch(f"{__name__}.CHANNELS", THIN),
        mock.patch.object(cnn14, "_CHANNELS", THIN),
        mock.patch.object(cnn14, "N_FEATURES", THIN[-1]),
    ):
        yield


def state_dict(window: str = "hann", seed: int = 0) -> OrderedDict[str, Tensor]:
    """Names and shapes of the authors' state dict; batch normalisation keeps the features near unit variance."""
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(1_000_000, generator=generator)

    def weight(*shape: int, source: Tensor = table) -> Tensor:
        # Neighbouring filters share values at other places: random enough, and a few MB instead of 330.
        return source.as_strided(shape, (401, 7, 3, 1)[: len(shape)])

    def normalisation(name: str, n: int, mean: float, variance: float) -> dict[str, Tensor]:
        return {
            f"{name}.weight": 0.8 + 0.4 * torch.rand(n, generator=generator),
            f"{name}.bias": 0.2 * torch.randn(n, generator=generator),
            f"{name}.running_mean": mean + 0.1 * torch.randn(n, generator=generator),
            f"{name}.running_var": variance * (0.8 + 0.4 * torch.rand(n, generator=generator)),
            f"{name}.num_batches_tracked": torch.tensor(1),
        }

    frontend = PannsLogMel(window)
    phase = 2 * math.pi / 1024 * torch.outer(torch.arange(513.0), torch.arange(1024.0)).double()
    state = OrderedDict(
        {
            "spectrogram_extractor.stft.conv_real.weight": (frontend.window * torch.cos(phase)).float()[:, None],
            "spectrogram_extractor.stft.conv_imag.weight": (-frontend.window * torch.sin(phase)).float()[:, None],
            "logmel_extractor.melW": frontend.mel_weights.clone(),
            **normalisation("bn0", 64, -40.0, 400.0),
        }
    )
    for block, (n_in, n_out) in enumerate(itertools.pairwise(CHANNELS), start=1):
        for layer, n in (("1", n_in), ("2", n_out)):
            state[f"conv_block{block}.conv{layer}.weight"] = weight(n_out, n, 3, 3)
            state |= normalisation(f"conv_block{block}.bn{layer}", n_out, 0.0, 6.0 * n)
    small = 0.02 * table
    for name, n_out in (("fc1", CHANNELS[-1]), ("fc_audioset", 527)):
        state[f"{name}.weight"] = weight(n_out, CHANNELS[-1], source=small)
        state[f"{name}.bias"] = 0.1 * torch.randn(n_out, generator=generator)
    return state


def write(path: Path, window: str = "hann", **changes: Tensor) -> Path:
    """Write a checkpoint as published: the old file format, the state dict under `model`."""
    checkpoint = {"iteration": 600_000, "model": state_dict(window) | changes}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=False)
    return path
