"""The attack of Carlini and Wagner (2017) in L2: a short perturbation by descent, under a search for its price.

What is lowered is ``|d|^2 + c max(margin + confidence, 0)``, over ``w`` in ``x = tanh(w)``, which keeps to the range
by itself. The price ``c`` is searched for each clip: halfway between what failed and what succeeded.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from igsed_core.chapters.adversarial.attacks.base import Attacked, Model
from igsed_core.chapters.adversarial.attacks.goals import Goal

BETAS = (0.9, 0.999)  # Adam's
_EDGE = 1 - 1e-6  # the ends of the range are at infinity
_NONE = 1e10
_SOONEST = 50  # iterations after which a search that gets nowhere is given up


def carlini_wagner(
    model: Model,
    waveforms: Tensor,
    goal: Goal,
    *,
    iterations: int = 1000,
    searches: int = 5,
    learning_rate: float = 5e-3,
    price: float = 0.01,
    confidence: float = 0.0,
) -> Attacked:
    """Reach a goal by a perturbation that descent makes short.

    Parameters
    ----------
    model, goal
        What is attacked, and to what end.
    waveforms
        ``[shape=(n, n_samples)]``
    iterations, searches
        The most in each search for the price; how many of these.
    learning_rate
        Adam's.
    price
        Of the margin, at first.
    confidence
        How far beyond the boundary, in logits.
    """
    n = len(waveforms)
    start = (waveforms * _EDGE).atanh()
    prices = waveforms.new_full((n,), price)
    low, high = torch.zeros_like(prices), torch.full_like(prices, _NONE)
    best, shortest = waveforms.clone(), torch.full_like(prices, math.inf)
    passes = torch.zeros(n, dtype=torch.long)
    for _ in range(searches):
        found = _descend(
            *(model, waveforms, start, goal, prices, best, shortest, passes),
            iterations=iterations,
            learning_rate=learning_rate,
            confidence=confidence,
        )
        high = torch.where(found, torch.minimum(high, prices), high)
        low = torch.where(found, low, torch.maximum(low, prices))
        bounded = high < _NONE
        prices = torch.where(bounded, (low + high) / 2, torch.where(found, prices, prices * 10))
    return Attacked(best, shortest.isfinite(), passes)


def _descend(
    model: Model,
    clean: Tensor,
    start: Tensor,
    goal: Goal,
    prices: Tensor,
    best: Tensor,
    shortest: Tensor,
    passes: Tensor,
    *,
    iterations: int,
    learning_rate: float,
    confidence: float,
) -> Tensor:
    """One search: what is shorter than ever goes into ``best``; whether the goal was reached at all, ``(n,)``."""
    found = torch.zeros(len(clean), dtype=torch.bool)
    left = torch.arange(len(clean))
    w, x0, c, aim = start.clone(), clean, prices, goal
    first, second = torch.zeros_like(w), torch.zeros_like(w)
    lowest = torch.full_like(prices, math.inf)
    before = lowest
    often = max(_SOONEST, iterations // 10)
    for i in range(iterations):
        x = w.tanh().requires_grad_()
        logits = model(x)
        margin = aim.margin(logits)
        (slope,) = torch.autograd.grad((c * (margin + confidence).clamp_min(0)).sum(), x)
        with torch.no_grad():
            change = x - x0
            length = change.square().sum(dim=1)
            there = margin < -confidence
            found[left[there]] = True
            shorter = there & (length.sqrt() < shortest[left])
            if bool(shorter.any()):
                best[left[shorter]] = x[shorter]
                shortest[left[shorter]] = length[shorter].sqrt()
            passes[left] += 1
            # 2 (x - x0) is the slope of the length; 1 - x^2 that of tanh.
            slope = slope.add_(change, alpha=2).mul_(1 - x.square())
            first.mul_(BETAS[0]).add_(slope, alpha=1 - BETAS[0])
            second.mul_(BETAS[1]).addcmul_(slope, slope, value=1 - BETAS[1])
            size = second.sqrt().div_(math.sqrt(1 - BETAS[1] ** (i + 1))).add_(1e-8)
            w.addcdiv_(first, size, value=-learning_rate / (1 - BETAS[0] ** (i + 1)))
            lowest = torch.minimum(lowest, length + c * (margin + confidence).clamp_min(0))
            if i and i % often == 0:  # who gets nowhere is left where it is, each clip for itself
                on = lowest <= before * 0.9999
                before = lowest
                if not bool(on.any()):
                    break
                if not bool(on.all()):
                    left, w, x0, c, aim = left[on], w[on], x0[on], c[on], aim.of(on)
                    first, second, before = first[on], second[on], before[on]
                    lowest = before
    return found
