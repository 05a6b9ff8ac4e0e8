"""The trainer for whole networks: what it learns, when it stops, and that an interruption changes nothing."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from igsed_core.base import progress
from igsed_core.base.errors import IgsedError
from igsed_core.models import trainer
from igsed_core.models.examples import InMemory
from igsed_core.models.objective import Settings, loss_of
from igsed_core.models.trainer import Fitted

CLASSES = 3


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


class Net(nn.Module):
    """Waveform to logits, of the clip or of frames, with all that an interruption could spoil: norms and dropout."""

    def __init__(self, frames: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 8, 16, stride=4)
        self.norm = nn.BatchNorm1d(8)
        self.dropout = nn.Dropout(0.2)
        self.last = nn.Linear(8, CLASSES)
        self.frames = frames

    def forward(self, waveform: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.conv(waveform[:, None])))  # (batch, 8, time)
        x = nn.functional.adaptive_avg_pool1d(x, 4).transpose(1, 2)  # (batch, 4 frames, 8)
        return self.last(self.dropout(x if self.frames else x.mean(dim=1)))


def toy(seed: int, n: int = 48, *, kind: str = "bce", frames: bool = False) -> InMemory:
    """Tones of three pitches in noise; of frames: each quarter holds the tone or not."""
    random = torch.Generator().manual_seed(seed)
    label = torch.arange(n) % CLASSES
    on = torch.rand(n, 4, generator=random) < 0.5 if frames else torch.ones(n, 4, dtype=torch.bool)
    t = torch.arange(256)
    x = torch.sin(2 * torch.pi * t * (0.05 * 2 ** label[:, None]) + 6 * torch.rand(n, 1, generator=random))
    x = x * on.repeat_interleave(64, dim=1) + 0.1 * torch.randn(n, 256, generator=random)
    if kind == "cross_entropy":
        return InMemory(x, label)
    one_hot = nn.functional.one_hot(label, CLASSES).float()
    return InMemory(x, one_hot[:, None] * on[..., None] if frames else one_hot)


SETTINGS = Settings(learning_rate=1e-2, batch_size=8, epochs=8, patience=8)


def fit(settings: Settings = SETTINGS, data: Any = None, **options: Any) -> Fitted:
    data, validation = toy(0) if data is None else data, options.pop("validation", toy(1))
    return trainer.fit(options.pop("make", Net), data, validation, settings, quiet=True, **options)


def same(one: Fitted, other: Fitted) -> bool:
    mine, theirs = one.network.state_dict(), other.network.state_dict()
    return one.history.equals(other.history) and all(torch.equal(mine[name], theirs[name]) for name in mine)


class Killed:
    """Examples that end the training at a batch, as Ctrl-C or a lost machine would."""

    def __init__(self, examples: InMemory, after: int) -> None:
        self.examples, self.left = examples, after

    def __len__(self) -> int:
        return len(self.examples)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        if len(rows) > 2:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
        return self.examples.batch(rows)


def noisy(inputs: Tensor, targets: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    return inputs + 0.05 * torch.randn(inputs.shape, generator=random), targets


@pytest.mark.parametrize("frames", [False, True])
def test_a_toy_problem_is_learnt(frames: bool) -> None:
    settings = dataclasses.replace(SETTINGS, epochs=40, patience=40)
    found = fit(settings, toy(0, frames=frames), validation=toy(1, frames=frames), make=lambda: Net(frames))
    test = toy(2, frames=frames)
    right = (found.network(test.inputs) > 0) == (test.targets > 0.5)
    assert float(right.float().mean()) > 0.93


def test_cross_entropy_learns_one_class_per_clip() -> None:
    settings = dataclasses.replace(SETTINGS, loss="cross_entropy", epochs=40, patience=40, optimiser="adamw")
    found = fit(settings, toy(0, kind="cross_entropy"), validation=toy(1, kind="cross_entropy"))
    test = toy(2, kind="cross_entropy")
    assert float((found.network(test.inputs).argmax(dim=1) == test.targets).float().mean()) > 0.95


def test_the_loss_of_frames_is_the_mean_over_all_of_them() -> None:
    random = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(2, 5, 3, generator=random), torch.randint(3, (2, 5), generator=random)
    wanted = torch.stack(
        [-torch.log_softmax(row, dim=0)[k] for row, k in zip(logits.flatten(0, 1), targets.flatten(), strict=True)]
    )
    assert torch.allclose(loss_of("cross_entropy", logits, targets), wanted.mean())


@pytest.mark.parametrize("after", [0, 7, 20, 30])
@pytest.mark.parametrize("optimiser", ["adam", "adadelta"])
def test_an_interruption_changes_no_byte(tmp_path: Path, after: int, optimiser: str) -> None:
    settings = dataclasses.replace(SETTINGS, optimiser=optimiser)
    undisturbed = fit(settings, augment=noisy)
    path = tmp_path / "training.pt"
    with pytest.raises(KeyboardInterrupt):
        fit(settings, Killed(toy(0), after), augment=noisy, checkpoint=path)
    assert path.exists() == (after >= 6)  # six batches make an epoch
    torch.manual_seed(99)  # what else the process draws plays no part
    assert same(fit(settings, augment=noisy, checkpoint=path), undisturbed)
    assert same(fit(settings, augment=noisy, checkpoint=path), undisturbed)  # nothing is left to do
    assert [file.name for file in tmp_path.iterdir()] == ["training.pt"]


def test_a_killed_process_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "training.pt"
    script = (
        "import sys, time\n"
        f"sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}\n"
        "import torch; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "import test_trainer as t\n"
        "slow = lambda x, y, r: (time.sleep(0.02), t.noisy(x, y, r))[1]\n"
        f"t.fit(augment=slow, checkpoint=Path({str(path)!r}))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 60
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert path.exists()
    assert same(fit(augment=noisy, checkpoint=path), fit(augment=noisy))


def test_more_epochs_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "training.pt"
    fit(dataclasses.replace(SETTINGS, epochs=3), checkpoint=path)
    assert same(fit(checkpoint=path), fit())


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "training.pt"
    fit(dataclasses.replace(SETTINGS, epochs=1), checkpoint=path)
    others: list[dict[str, Any]] = [
        {"settings": dataclasses.replace(SETTINGS, learning_rate=1e-3)},
        {"settings": dataclasses.replace(SETTINGS, seed=1)},
        {"data": toy(5)},
        {"validation": toy(5)},
        {"make": lambda: nn.Sequential(nn.Linear(256, CLASSES))},
    ]
    for other in others:
        with pytest.raises(IgsedError, match=r"training\.pt belongs to a training with other settings, data"):
            fit(checkpoint=path, **other)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(IgsedError, match=r"training\.pt is no checkpoint that can be read: remove it to begin again"):
        fit(checkpoint=path)


def test_training_stops_early_and_keeps_the_best_epoch() -> None:
    """Validation targets are the opposite of the training targets: the loss rises soon."""
    opposite = InMemory(toy(1).inputs, 1 - toy(1).targets)
    settings = dataclasses.replace(SETTINGS, learning_rate=3e-2, patience=3, epochs=60)
    found = fit(settings, validation=opposite)
    best = int(found.history["validation_loss"].idxmin()) + 1
    assert len(found.history) == best + 3 < 60
    assert list(found.history.loc[found.history["kept"], "epoch"]) == [best]
    with torch.no_grad():
        loss = nn.functional.binary_cross_entropy_with_logits(found.network(opposite.inputs), opposite.targets)
    assert float(loss) == pytest.approx(float(found.history["validation_loss"].min()), rel=1e-5)
    assert not found.network.training
    assert not any(weights.requires_grad for weights in found.network.parameters())


def test_seeds_decide_and_the_process_does_not() -> None:
    few = dataclasses.replace(SETTINGS, epochs=2)

    def run(seed: int) -> Fitted:
        torch.manual_seed(seed + 100)
        return fit(dataclasses.replace(few, seed=seed), augment=noisy)

    one, state = run(0), torch.get_rng_state()
    torch.manual_seed(100)
    assert torch.equal(torch.get_rng_state(), state)  # the process's random numbers are left alone
    assert same(one, run(0))
    assert not same(one, run(1))


def test_saying_what_an_epoch_costs_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[Any, ...]] = []
    monkeypatch.setattr(progress, "expect", lambda *words, item: said.append((*words, item)))
    loud = trainer.fit(Net, toy(0), toy(1), SETTINGS, name="toy", augment=noisy)
    assert same(loud, fit(augment=noisy))
    ((what, items, seconds, item),) = said
    assert what.startswith("training of toy")
    assert (items, item) == (8, "epoch")
    assert 0 < seconds < 5


def test_a_last_batch_of_one_joins_the_one_before_it() -> None:
    """Batch normalisation cannot be trained on a single value per channel."""
    network = nn.Sequential(nn.Linear(256, 4), nn.BatchNorm1d(4), nn.Linear(4, CLASSES))
    found = fit(dataclasses.replace(SETTINGS, epochs=1), toy(0, n=17), make=lambda: network)
    assert len(found.history) == 1


def test_mixed_precision_changes_nothing_on_a_cpu() -> None:
    few = dataclasses.replace(SETTINGS, epochs=2)
    assert same(fit(dataclasses.replace(few, mixed_precision=True)), fit(few))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_mixed_precision_learns_on_cuda() -> None:
    settings = dataclasses.replace(SETTINGS, epochs=40, patience=40, device="cuda", mixed_precision=True)
    test = toy(2)
    assert float(((fit(settings).network(test.inputs) > 0) == (test.targets > 0.5)).float().mean()) > 0.93


def test_faults_are_told_in_a_sentence() -> None:
    with pytest.raises(IgsedError, match="parameter 'loss' is 'mse': choose one of bce, cross_entropy"):
        Settings(loss="mse")
    with pytest.raises(IgsedError, match="parameter 'optimiser' is 'lion': choose one of adam, adamw, adadelta, sgd"):
        Settings(optimiser="lion")
    with pytest.raises(IgsedError, match="parameter 'batch_size' is 0: use at least 1"):
        Settings(batch_size=0)
    with pytest.raises(IgsedError, match=r"parameter 'learning_rate' is 0: use a positive one"):
        Settings(learning_rate=0)
    with pytest.raises(IgsedError, match="network: there is no example to train on: give at least one"):
        fit(data=toy(0, n=0))
    with pytest.raises(IgsedError, match=r"targets have the shape \(8, 4, 3\), but loss 'bce' of logits \(8, 3\)"):
        fit(data=toy(0, frames=True))
    with pytest.raises(IgsedError, match=r"network: the validation loss is \w+ after epoch \d: lower 'learning_rate'"):
        fit(dataclasses.replace(SETTINGS, learning_rate=1e30, optimiser="sgd"))
