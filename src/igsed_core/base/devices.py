"""Which device computes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from igsed_core.base.errors import IgsedError


def choose(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu`` or ``cuda``; ``auto`` takes CUDA where there is one.

    Raises
    ------
    IgsedError
        If CUDA is asked for and there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise IgsedError("parameter device is 'cuda', but no CUDA device is there: use 'auto' or 'cpu'")
    return torch.device(name)


def has_bfloat16(device: torch.device | str) -> bool:
    """Whether a device has instructions for bfloat16: AVX512-BF16, AMX, or a recent GPU."""
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """Let a block compute with so many threads: sums that are split otherwise differ in their last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
