"""Inputs and targets to train on: in memory, or read from a data set when they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pandas as pd
import torch
from torch import Tensor

from igsed_core.data.dataset import Dataset


class Examples(Protocol):
    """Inputs and targets to train on, by their numbers."""

    def __len__(self) -> int: ...

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Give some examples: inputs ``[shape=(n, ...)]`` and targets ``[shape=(n, ...)]``, on the CPU."""
        ...


@dataclass(frozen=True, eq=False)
class InMemory:
    """Examples that fit in memory.

    Attributes
    ----------
    inputs, targets
        ``[shape=(n, ...)]`` both.
    """

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`Examples.batch`."""
        return self.inputs[rows], self.targets[rows]


@dataclass(frozen=True, eq=False)
class OnDisk:
    """Waveforms of some clips of a data set, read when they are needed.

    Attributes
    ----------
    dataset
        Where they lie.
    clips
        Rows of its ``clips``.
    targets
        ``[shape=(n_clips, ...)]``
    """

    dataset: Dataset
    clips: pd.DataFrame
    targets: Tensor

    def __len__(self) -> int:
        return len(self.clips)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`Examples.batch`."""
        return torch.from_numpy(self.dataset.read(self.clips.iloc[rows.tolist()])), self.targets[rows]


@dataclass(frozen=True, eq=False)
class Some:
    """Some of other examples.

    Attributes
    ----------
    examples
        All of them.
    rows
        Which ones, ``[shape=(n,)]``.
    """

    examples: Examples
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`Examples.batch`."""
        return self.examples.batch(self.rows[rows])
