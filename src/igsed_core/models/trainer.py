"""Training of any network by gradient descent: early stopping, the best epoch kept, seeds, a checkpoint to go on from.

What is trained is a module, from a waveform, a log-mel map or feature frames to logits of clips or of frames. Heads on
cached feature frames are trained by it (:mod:`igsed_core.models.training`), and networks as a whole.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from igsed_core.base import devices, files, progress
from igsed_core.base.errors import IgsedError
from igsed_core.models.examples import Examples, Some
from igsed_core.models.objective import OPTIMISERS, Settings, loss_of

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_GOES_ON = ("epochs", "device")  # a checkpoint serves another number of epochs, and another device

Augment = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
Forward = Callable[[nn.Module, Tensor], Tensor]


@dataclass(frozen=True)
class Fitted:
    """A trained network and its learning curve.

    Attributes
    ----------
    network
        With the weights of the best epoch, on the CPU, in evaluation mode and frozen.
    history
        ``epoch, training_loss, validation_loss, kept``
    """

    network: nn.Module
    history: pd.DataFrame

    def content(self) -> dict[str, Any]:
        """Weights and history as :mod:`igsed_core.base.kept` keeps them."""
        return {"weights": self.network.state_dict(), "history": self.history.to_dict("list")}

    @classmethod
    def of(cls, content: Mapping[str, Any], make: Callable[[], nn.Module]) -> Fitted:
        """Take up what :meth:`content` gave.

        Parameters
        ----------
        content
            Weights and history.
        make
            Makes a network of the same shapes; what it draws at random changes nothing here or elsewhere.
        """
        with torch.random.fork_rng(devices=[]):
            network = make()
        network.load_state_dict(content["weights"])
        return cls(network.eval().requires_grad_(False), pd.DataFrame(content["history"]))


def fit(
    make: Callable[[], nn.Module],
    data: Examples,
    validation: Examples,
    settings: Settings,
    *,
    name: str = "network",
    forward: Forward | None = None,
    augment: Augment | None = None,
    checkpoint: Path | None = None,
    validation_batch: int | None = None,
    quiet: bool = False,
) -> Fitted:
    """Train a network.

    The weights of the epoch with the lowest validation loss are kept. With a checkpoint, what an epoch left is written
    after each; a call after an interruption goes on there, and on a CPU gives the same bytes as one without.

    Parameters
    ----------
    make
        Makes the untrained network; torch's random numbers are seeded before.
    data, validation
        Examples.
    settings
        How to train.
    name
        For messages and the progress bar.
    forward
        Logits of some inputs; by default the network's own call.
    augment
        Changes a training batch, ``(inputs, targets, random) -> (inputs, targets)``; draws from the generator alone.
    checkpoint
        File to write after every epoch and to go on from.
    validation_batch
        Examples in a pass over the validation set; by default the batch size.
    quiet
        Show no progress, and do not say what an epoch costs.

    Raises
    ------
    IgsedError
        If there is nothing to train on, training diverges, targets do not fit the logits, or the checkpoint was made
        with other settings, data or another network.
    """
    for what, examples in (("train on", data), ("validate on", validation)):
        if not len(examples):
            raise IgsedError(f"{name}: there is no example to {what}: give at least one")
    device = devices.choose(settings.device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(settings.seed)
        state = _Training(make().to(device), settings, device, name, forward or (lambda network, x: network(x)))
        identity = _identity(state.network, data, validation, settings) if checkpoint else ""
        if checkpoint and checkpoint.exists():
            state.restore(checkpoint, identity)
        if not quiet and not state.is_done():
            seconds = state.seconds_per_epoch(data, validation, augment, validation_batch)
            most = f"training of {name} (fewer epochs if it stops early)"
            progress.expect(most, settings.epochs - len(state.rows), seconds, item="epoch")
        with progress.bar(desc=f"training of {name}", total=settings.epochs, unit=" epochs", disable=quiet) as steps:
            steps.update(len(state.rows))
            while not state.is_done():
                state.epoch(data, validation, augment, validation_batch)
                if checkpoint:
                    state.save(checkpoint, identity)
                steps.update(1)
        return state.result()


class _Training:
    """All that an epoch changes."""

    def __init__(
        self, network: nn.Module, settings: Settings, device: torch.device, name: str, forward: Forward
    ) -> None:
        self.network, self.settings, self.device, self.name, self.forward = network, settings, device, name, forward
        trained = [weights for weights in network.parameters() if weights.requires_grad]
        self.optimiser = OPTIMISERS[settings.optimiser](
            trained, lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        mixed = settings.mixed_precision and device.type == "cuda"
        self.half = (torch.bfloat16 if devices.has_bfloat16(device) else torch.float16) if mixed else None
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.half == torch.float16)
        self.order = torch.Generator().manual_seed(settings.seed)
        self.random = torch.Generator().manual_seed(settings.seed)  # of augmentation
        self.best, self.best_weights = float("inf"), copy.deepcopy(network.state_dict())
        self.rows: list[tuple[int, float, float]] = []  # epoch, training loss, validation loss
        self.waited = 0

    def is_done(self) -> bool:
        """Whether there are as many epochs as asked for, or too many without a lower loss."""
        return len(self.rows) >= self.settings.epochs or self.waited >= self.settings.patience

    def epoch(
        self, data: Examples, validation: Examples, augment: Augment | None, validation_batch: int | None
    ) -> None:
        """Go through all training examples once, then validate."""
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for rows in self.batches(torch.randperm(len(data), generator=self.order)):
            total += self.step(data, rows, augment).double() * len(rows)
        number, loss = len(self.rows) + 1, self.validate(validation, validation_batch)
        if not math.isfinite(loss):
            raise IgsedError(f"{self.name}: the validation loss is {loss} after epoch {number}: lower 'learning_rate'")
        self.rows.append((number, float(total) / len(data), loss))
        self.waited += 1
        if loss < self.best:
            self.best, self.best_weights, self.waited = loss, copy.deepcopy(self.network.state_dict()), 0

    def batches(self, order: Tensor) -> list[Tensor]:
        """Split an order; batch normalisation has no statistics of a single example, so that joins the last batch."""
        parts = list(order.split(self.settings.batch_size))
        if len(parts) > 1 and len(parts[-1]) == 1 and any(isinstance(m, _NORMS) for m in self.network.modules()):
            parts[-2:] = [torch.cat(parts[-2:])]
        return parts

    def step(self, data: Examples, rows: Tensor, augment: Augment | None) -> Tensor:
        """One step of the optimiser; returns the loss."""
        self.network.train()
        inputs, targets = data.batch(rows)
        if augment is not None:
            inputs, targets = augment(inputs, targets, self.random)
        loss = self.loss(inputs, targets)
        self.optimiser.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return loss.detach()

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of some examples."""
        with contextlib.nullcontext() if self.half is None else torch.autocast(self.device.type, dtype=self.half):
            logits = self.forward(self.network, inputs.to(self.device))
            return loss_of(self.settings.loss, logits, targets.to(self.device), self.name)

    def validate(self, validation: Examples, size: int | None) -> float:
        """Mean loss over the validation examples."""
        self.network.eval()
        losses = []
        with torch.inference_mode():
            for rows in torch.arange(len(validation)).split(size or self.settings.batch_size):
                losses.append((float(self.loss(*validation.batch(rows))), len(rows)))
        return losses[0][0] if len(losses) == 1 else sum(loss * n for loss, n in losses) / len(validation)

    def seconds_per_epoch(
        self, data: Examples, validation: Examples, augment: Augment | None, size: int | None
    ) -> float:
        """Time of an epoch by a trial of one step and one validation batch, on a copy that is thrown away."""
        size = min(size or self.settings.batch_size, len(validation))
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            network = copy.deepcopy(self.network)
            trial = _Training(network, self.settings, self.device, self.name, self.forward)
            batches = self.batches(torch.arange(len(data)))
            once = progress.seconds_of(lambda: float(trial.step(data, batches[0], augment)))
            few = Some(validation, torch.arange(size))
            return len(batches) * once + len(validation) / size * progress.seconds_of(lambda: trial.validate(few, size))

    def save(self, path: Path, identity: str) -> None:
        """Write all of this, whole or not at all."""
        content = {
            "identity": identity,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "best": self.best,
            "best_weights": self.best_weights,
            "rows": self.rows,
            "waited": self.waited,
            "order": self.order.get_state(),
            "random": self.random.get_state(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
        }
        with files.atomic(path) as temporary:
            torch.save(content, temporary)

    def restore(self, path: Path, identity: str) -> None:
        """Take over what :meth:`save` wrote."""
        try:
            content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            known = content["identity"]
        except Exception as error:
            # Torch's own words advise to load the file unsafely: not repeated.
            raise IgsedError(f"{path} is no checkpoint that can be read: remove it to begin again") from error
        if known != identity:
            raise IgsedError(
                f"{path} belongs to a training with other settings, data or another network than those of {self.name}: "
                "remove it to begin again, or choose another file"
            )
        self.network.load_state_dict(content["network"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.scaler.load_state_dict(content["scaler"])
        self.best, self.waited = content["best"], content["waited"]
        self.best_weights = {name: tensor.to(self.device) for name, tensor in content["best_weights"].items()}
        self.rows = [tuple(row) for row in content["rows"]]
        self.order.set_state(content["order"])
        self.random.set_state(content["random"])
        torch.set_rng_state(content["torch"])
        if content["cuda"] is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(content["cuda"], self.device)

    def result(self) -> Fitted:
        """The network at its best."""
        self.network.load_state_dict(self.best_weights)
        history = pd.DataFrame(self.rows, columns=["epoch", "training_loss", "validation_loss"])
        history["kept"] = history.index == history["validation_loss"].idxmin()
        return Fitted(self.network.cpu().eval().requires_grad_(False), history)


def _identity(network: nn.Module, data: Examples, validation: Examples, settings: Settings) -> str:
    """What a checkpoint is good for: settings, shapes of the network, and numbers and ends of the examples."""
    kept = {name: value for name, value in dataclasses.asdict(settings).items() if name not in _GOES_ON}
    shapes = [(name, tuple(tensor.shape)) for name, tensor in network.state_dict().items()]
    digest = hashlib.sha256(repr((sorted(kept.items()), shapes, len(data), len(validation))).encode())
    for examples in (data, validation):
        for tensor in examples.batch(torch.tensor([0, len(examples) - 1])):
            digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
