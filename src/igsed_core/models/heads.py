"""The three linear heads on frozen feature frames (paper, sections II-B and III-A)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor, nn

from igsed_core.base import files, names
from igsed_core.base.errors import IgsedError


class Embedding(nn.Module):
    """A frozen linear layer with a ReLU: what a pretrained network has between its pooling and its output layer.

    Its weights are buffers, so that no training of a head changes them.

    Parameters
    ----------
    weight, bias
        ``[shape=(n_embedded, n_features)]`` and ``[shape=(n_embedded,)]``; copied.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight.detach().clone())
        self.register_buffer("bias", bias.detach().clone())

    @classmethod
    def of(cls, layer: nn.Linear) -> Embedding:
        """Return the embedding of a layer of a network."""
        return cls(layer.weight, layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """``(..., n_features) -> (..., n_embedded)``."""
        return torch.relu(nn.functional.linear(features, self.weight, self.bias))


class Head(nn.Module):
    """A linear layer from feature frames to classes, with one way to clip-level logits.

    Parameters
    ----------
    n_features
        Channels of a feature frame.
    classes
        Class names, in the order of the outputs.
    embedding
        What lies between feature frames, pooled or not, and the linear layer; None: nothing.

    Raises
    ------
    IgsedError
        If there is no class, or a name cannot be one (:func:`igsed_core.base.names.check_classes`).
    """

    supervision: str

    def __init__(self, n_features: int, classes: Sequence[str], embedding: Embedding | None = None) -> None:
        super().__init__()
        names.check_classes(classes)
        self.n_features = n_features
        self.classes = tuple(classes)
        self.linear = nn.Linear(n_features if embedding is None else len(embedding.weight), len(self.classes))
        self.embedding = embedding

    def clip_logits(self, features: Tensor) -> Tensor:
        """Clip-level logits: ``(batch, time, n_features) -> (batch, n_classes)``."""
        raise NotImplementedError

    def frame_logits(self, features: Tensor) -> Tensor:
        """Logits of each feature frame: ``(batch, time, n_features) -> (batch, time, n_classes)``."""
        return self.classify(features)

    def classify(self, features: Tensor) -> Tensor:
        """Logits of features, pooled or not: ``(..., n_features) -> (..., n_classes)``."""
        return self.linear(features if self.embedding is None else self.embedding(features))


class ClipLevelHead(Head):
    """Global max over time, then linear: never asked about time (paper, section II-B)."""

    supervision = "clip"

    def clip_logits(self, features: Tensor) -> Tensor:
        """Pool each feature over time, then classify: ``(batch, time, n_features) -> (batch, n_classes)``."""
        return self.classify(features.amax(dim=1))  # (batch, n_features) -> (batch, n_classes)


class FramewiseHead(Head):
    """Linear at each feature frame, then max over time (paper, section III-A, eq. 2)."""

    def clip_logits(self, features: Tensor) -> Tensor:
        """Classify each feature frame, then pool over time: ``(batch, time, n_features) -> (batch, n_classes)``."""
        return self.frame_logits(features).amax(dim=1)


class WeakFramewiseHead(FramewiseHead):
    """FW-WS: framewise, trained with clip-level labels."""

    supervision = "clip"


class StrongFramewiseHead(FramewiseHead):
    """FW-SS: framewise, trained with frame-level labels."""

    supervision = "frame"


HEADS: dict[str, type[Head]] = {
    "clip_level": ClipLevelHead,
    "fw_ws": WeakFramewiseHead,
    "fw_ss": StrongFramewiseHead,
}


def create(
    name: str, n_features: int, classes: Sequence[str], *, seed: int, embedding: Embedding | None = None
) -> Head:
    """Create an untrained head; the same seed gives the same initial weights.

    Raises
    ------
    IgsedError
        For an unknown name, or as :class:`Head`.
    """
    if name not in HEADS:
        raise IgsedError(f"head {name!r} is unknown: choose one of {', '.join(HEADS)}")
    factory: Callable[..., Head] = HEADS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return factory(n_features, classes, embedding)


_KEY = "igsed"  # in the header of the file


def save(head: Head, name: str, path: Path) -> None:
    """Write a head with its classes as safetensors: the same head, the same bytes."""
    # One entry: several would be written in an order that chance decides.
    metadata = {_KEY: json.dumps([name, *head.classes])}
    with files.atomic(path) as temporary:
        temporary.write_bytes(serialise(head.state_dict(), metadata=metadata))


def digest(path: Path, kinds: Mapping[str, type[Head]] = HEADS) -> str:
    """Return the SHA-256 of what a file of :func:`save` holds, whatever wrote it.

    Parameters
    ----------
    path, kinds
        As for :func:`load`.

    Raises
    ------
    IgsedError
        As :func:`load`.
    """
    head = load(path, kinds)
    found = hashlib.sha256(json.dumps([type(head).__name__, list(head.classes)]).encode())
    for name, tensor in sorted(head.state_dict().items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode() + tensor.numpy().tobytes())
    return found.hexdigest()


def load(path: Path, kinds: Mapping[str, type[Head]] = HEADS) -> Head:
    """Read a head written by :func:`save`, ready for inference.

    Parameters
    ----------
    path
        The file.
    kinds
        Name -> class of the heads that it may be.

    Raises
    ------
    IgsedError
        If the file does not exist, or is not what :func:`save` wrote.
    """
    if not path.exists():
        raise IgsedError(f"head {path} is missing: run notebook 02_training first")
    try:
        with safe_open(str(path), framework="pt") as stored:
            metadata = stored.metadata() or {}
            state = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (no mapping)
        kept = [state.get(f"embedding.{name}") for name in ("weight", "bias")]
        embedding = None if kept[0] is None or kept[1] is None else Embedding(kept[0], kept[1])
        n_features = state["linear.weight"].shape[1] if embedding is None else embedding.weight.shape[1]
        name, *classes = json.loads(metadata[_KEY])
        head = kinds[name](n_features, classes, embedding)
        head.load_state_dict(state)
    except (SafetensorError, OSError, KeyError, IndexError, RuntimeError, ValueError, TypeError) as error:
        raise IgsedError(
            f"head {path} is damaged or another kind of file: remove it, and run notebook 02_training again"
        ) from error
    return head.eval().requires_grad_(False)
