"""DeepFool and Carlini and Wagner's attack of page 19 against adv-lib's, on the same clips and networks, in one run.

    python benchmarks/attacks.py                      # two small networks that are trained first
    python benchmarks/attacks.py --clips 8 --epochs 2 --iterations 30
    python benchmarks/attacks.py --record             # writes benchmarks/attacks.csv, which is kept

adv-lib (the extra ``parity``) is asked of the same function of the waveform, scaled to its range of 0 to 1: an
L2 there is half of ours. It imports torchvision and visdom for what is not used here; stand-ins are enough.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from igsed_core.chapters.adversarial import clips, names, study, training
from igsed_core.chapters.adversarial.attacks.carlini_wagner import carlini_wagner
from igsed_core.chapters.adversarial.attacks.deepfool import deepfool
from igsed_core.chapters.adversarial.attacks.goals import Leave

RATE_OF_DESCENT, PRICE, STEPS = 5e-4, 0.01, 50
ROUNDS = 3


def adv_lib() -> dict[str, Callable[..., Tensor]] | None:
    """Return adv-lib's DeepFool and Carlini and Wagner's attack; None where it is not installed."""
    for name in ("torchvision", "torchvision.models", "visdom"):
        try:
            importlib.import_module(name)
        except (ImportError, OSError, RuntimeError):  # absent, or built for another torch
            sys.modules.setdefault(name, ModuleType(name))
    if not hasattr(sys.modules["torchvision"], "models"):
        sys.modules["torchvision"].models = sys.modules["torchvision.models"]  # type: ignore[attr-defined]
    try:
        return {
            "deepfool": importlib.import_module("adv_lib.attacks.deepfool").df,
            "cw": importlib.import_module("adv_lib.attacks.carlini_wagner.l2").carlini_wagner_l2,
        }
    except ImportError:
        return None


class Scaled(nn.Module):
    """A model of waveforms between -1 and 1 as one of inputs between 0 and 1."""

    def __init__(self, model: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.model = model

    def forward(self, u: Tensor) -> Tensor:
        """(n, n_samples) -> (n, n_classes)."""
        return self.model(2 * u - 1)


class Counting(nn.Module):
    """A model that counts the clips that it is asked of."""

    def __init__(self, model: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self.passes = model, 0

    def forward(self, x: Tensor) -> Tensor:
        """(n, n_samples) -> (n, n_classes)."""
        self.passes += len(x)
        return self.model(x)


def compare(
    model: nn.Module,
    waveforms: Tensor,
    labels: Tensor,
    theirs: dict[str, Callable[..., Tensor]],
    *,
    learning_rate: float = RATE_OF_DESCENT,
    rounds_of: int = ROUNDS,
    **options: Any,
) -> pd.DataFrame:
    """Attack the same clips by both, in turns.

    Parameters
    ----------
    model
        Waveform -> logits.
    waveforms, labels
        ``(n, n_samples)`` and the classes that the model gives them, ``(n,)``.
    theirs
        From :func:`adv_lib`.
    learning_rate
        Of Carlini and Wagner's attack.
    rounds_of
        Rounds that are timed, after one that is not; 0: that one.
    **options
        ``iterations, searches`` of Carlini and Wagner's attack.

    Returns
    -------
    pd.DataFrame
        ``attack, n`` (clips that both took from their class), ``success, success_adv_lib``, ``median_ratio`` of ours to
        theirs in L2, ``seconds, seconds_adv_lib`` of processor time (medians of :data:`ROUNDS`, in turns, after one
        that does not count), ``times`` (theirs over ours), ``passes, passes_adv_lib`` (clips that the model was asked
        of: both give up searches that get nowhere, each by a rule of its own), ``times_per_pass``.
    """
    model = Counting(model)
    scaled, inputs = Scaled(model), (waveforms + 1) / 2
    # Squares of lengths are a quarter there, and so is the price for the same trade; Adam does not mind.
    ours: dict[str, Callable[[], Tensor]] = {
        "deepfool": lambda: deepfool(model, waveforms, Leave(labels), steps=STEPS).waveforms,
        "cw": lambda: (
            carlini_wagner(
                model, waveforms, Leave(labels), learning_rate=learning_rate, price=PRICE, **options
            ).waveforms
        ),
    }
    other: dict[str, Callable[[], Tensor]] = {
        "deepfool": lambda: theirs["deepfool"](scaled, inputs, labels, steps=STEPS),
        "cw": lambda: theirs["cw"](
            *(scaled, inputs, labels),
            learning_rate=learning_rate,
            initial_const=PRICE / 4,
            binary_search_steps=options["searches"],
            max_iterations=options["iterations"],
        ),
    }
    rows = []
    for name, mine in ours.items():
        rounds = [(_timed(mine, model), _timed(other[name], model)) for _ in range(1 + rounds_of)]
        (found, _, passes), (reference, _, their_passes) = rounds[-1]
        seconds, slower = (median(one[i][1] for one in rounds[1:] or rounds) for i in (0, 1))
        reference = 2 * reference - 1
        with torch.no_grad():
            lost = [model(x).argmax(dim=1) != labels for x in (found, reference)]
        both = lost[0] & lost[1]
        lengths = [(x - waveforms).norm(dim=1)[both] for x in (found, reference)]
        ratio = float((lengths[0] / lengths[1]).median()) if bool(both.any()) else float("nan")
        shares = [float(one.float().mean()) for one in lost]
        per_pass = (slower / their_passes) / (seconds / passes)
        rows.append(
            (name, int(both.sum()), *shares, ratio, seconds, slower, slower / seconds, passes, their_passes, per_pass)
        )
    columns = ["attack", "n", "success", "success_adv_lib", "median_ratio", "seconds", "seconds_adv_lib", "times"]
    return pd.DataFrame(rows, columns=[*columns, "passes", "passes_adv_lib", "times_per_pass"])


def _timed(attack: Callable[[], Tensor], model: Counting) -> tuple[Tensor, float, int]:
    model.passes, began = 0, time.process_time()
    return attack().detach(), time.process_time() - began, model.passes


def main() -> int:
    """Train, attack, print and write a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--kinds", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--searches", type=int, default=4)
    parser.add_argument("--networks", nargs="*", default=["vgg", "dense_wave"])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--record", action="store_true", help="write benchmarks/attacks.csv, which is kept")
    given = parser.parse_args()
    theirs = adv_lib()
    if theirs is None:
        print("adv-lib is not installed: pip install adv-lib (the extra `parity`)")
        return 1
    torch.set_num_threads(1)
    bank = clips.build(
        given.kinds, {"train": 12, "validation": 2, "test": 4}, seconds=1.0, sample_rate=16_000, sounds=1, seed=1
    )
    recipe = training.Recipe(epochs=given.epochs, batch_size=16, learning_rate=3e-3, width=8)
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        wanted = {training.SOFTMAX: (given.networks, bank)}
        trained = training.train(wanted, recipe, Path(folder), seed=1, workers=1)[training.SOFTMAX]
    for name, one in trained.items():
        some = study.known_to_all({name: one}, bank.splits["test"], given.clips)
        found = compare(
            *(one.classifier, some.waveforms, some.labels, theirs),
            iterations=given.iterations,
            searches=given.searches,
        )
        tables.append(found.assign(network=names.NETWORKS[name]))
    table = pd.concat(tables, ignore_index=True)
    out = Path(__file__).parent if given.record else given.out
    out.mkdir(parents=True, exist_ok=True)
    table.round(4).to_csv(out / "attacks.csv", index=False)
    print(table.round(3).to_string(index=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
