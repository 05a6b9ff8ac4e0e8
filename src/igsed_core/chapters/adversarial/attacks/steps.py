"""Attacks of a given size: white noise, which is the control, one step along the gradient, and many (FGSM, PGD)."""

from __future__ import annotations

import torch
from torch import Tensor

from igsed_core.base.errors import IgsedError
from igsed_core.chapters.adversarial.attacks.base import (
    HIGH,
    LOW,
    Attacked,
    Model,
    at_snr,
    finished,
    gradient,
    radius,
)
from igsed_core.chapters.adversarial.attacks.goals import Goal

NORMS = ("l2", "linf")


def noise(model: Model, waveforms: Tensor, goal: Goal, *, snr: float, seed: int) -> Attacked:
    """White noise of the size of an attack: what fails under it needs no attack.

    Parameters
    ----------
    model, goal
        Who is asked, and what.
    waveforms
        ``[shape=(n, n_samples)]``
    snr
        In dB.
    seed
        Of the noise.
    """
    random = torch.Generator().manual_seed(seed)
    drawn = torch.randn(waveforms.shape, generator=random).to(waveforms)
    return finished(model, goal, at_snr(waveforms, drawn, snr), 0)


def fgsm(model: Model, waveforms: Tensor, goal: Goal, *, snr: float) -> Attacked:
    """Fast gradient sign method: one step, every sample by the same amount (Goodfellow et al. 2015).

    Parameters
    ----------
    model, goal
        What is attacked, and to what end.
    waveforms
        ``[shape=(n, n_samples)]``
    snr
        In dB.
    """
    _, slope = gradient(model, waveforms, goal.loss)
    return finished(model, goal, at_snr(waveforms, -slope.sign(), snr), 1)


def pgd(
    model: Model,
    waveforms: Tensor,
    goal: Goal,
    *,
    snr: float,
    steps: int,
    norm: str = "l2",
    step_size: float = 2.5,
) -> Attacked:
    """Projected gradient descent within a ball around the clip, from its centre (Madry et al. 2018).

    Parameters
    ----------
    model, goal
        What is attacked, and to what end.
    waveforms
        ``[shape=(n, n_samples)]``
    snr
        Of a perturbation on the ball, in dB; under ``linf`` of one that is at the bound in every sample.
    steps
        How many steps; all are taken, so that clips go on from the boundary.
    norm
        ``l2``, or ``linf``: the bound of each sample.
    step_size
        Radii that all steps together could go.

    Raises
    ------
    IgsedError
        For an unknown norm.
    """
    if norm not in NORMS:
        raise IgsedError(f"norm {norm!r} of an attack is unknown: choose one of {', '.join(NORMS)}")
    size = radius(waveforms, snr)[:, None]
    if norm == "linf":
        size = size / waveforms.shape[1] ** 0.5
    changed = waveforms.clone()
    for _ in range(steps):
        _, slope = gradient(model, changed, goal.loss)
        way = slope.sign() if norm == "linf" else slope / slope.norm(dim=1, keepdim=True).clamp_min(1e-30)
        moved = changed - waveforms - way * (size * step_size / steps)
        if norm == "linf":
            moved = torch.maximum(torch.minimum(moved, size), -size)
        else:
            moved = moved * (size / moved.norm(dim=1, keepdim=True).clamp_min(1e-30)).clamp_max(1.0)
        changed = (waveforms + moved).clamp(LOW, HIGH)
    return finished(model, goal, changed, steps)
