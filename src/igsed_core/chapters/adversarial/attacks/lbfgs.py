"""The first attack there was: a box-constrained search by L-BFGS (Szegedy et al. 2014), here by SciPy's."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from igsed_core.chapters.adversarial.attacks.base import HIGH, LOW, Attacked, Model, gradient
from igsed_core.chapters.adversarial.attacks.goals import Goal


def lbfgs(
    model: Model,
    waveforms: Tensor,
    goal: Goal,
    *,
    iterations: int = 20,
    searches: int = 5,
    price: float = 0.1,
) -> Attacked:
    """Lower ``|d|^2 + c loss`` within the range, clip by clip, under a search for the lowest price that succeeds.

    Parameters
    ----------
    model, goal
        What is attacked, and to what end.
    waveforms
        ``[shape=(n, n_samples)]``
    iterations, searches
        The most in each search for the price; how many of these.
    price
        Of the loss, at first.
    """
    found = [
        _one(model, clip, goal.of(torch.tensor([row])), iterations, searches, price)
        for row, clip in enumerate(waveforms)
    ]
    rows, reached, passes = zip(*found, strict=True)
    return Attacked(torch.stack(rows), torch.tensor(reached), torch.tensor(passes))


def _one(
    model: Model, clip: Tensor, goal: Goal, iterations: int, searches: int, price: float
) -> tuple[Tensor, bool, int]:
    clean = clip.double().numpy()
    low, high, best, shortest, passes = 0.0, np.inf, clip, np.inf, 0

    def lowered(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        nonlocal passes
        passes += 1
        x = torch.from_numpy(values).to(clip)[None]
        change = values - clean
        losses: list[Tensor] = []

        def loss(logits: Tensor) -> Tensor:
            losses.append(goal.loss(logits))
            return losses[0]

        slope = gradient(model, x, loss)[1][0].double().numpy()
        return float(change @ change + price * losses[0].detach()[0]), 2 * change + price * slope

    for _ in range(searches):
        made = minimize(
            lowered,
            clean,
            jac=True,
            method="L-BFGS-B",
            bounds=np.broadcast_to([LOW, HIGH], (len(clean), 2)),
            options={"maxiter": iterations},
        )
        x = torch.from_numpy(made.x).to(clip)
        with torch.no_grad():
            there = bool(goal.reached(model(x[None]))[0])
        if there:
            high = price
            if (length := float((x - clip).norm())) < shortest:
                best, shortest = x, length
        else:
            low = price
        price = price * 10 if np.isinf(high) else (low + high) / 2
    return best, bool(np.isfinite(shortest)), passes
