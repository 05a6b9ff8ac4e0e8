"""DeepFool: step by step over the nearest of the boundaries, each taken for a plane (Moosavi-Dezfooli et al. 2016)."""

from __future__ import annotations

import torch
from torch import Tensor

from igsed_core.chapters.adversarial.attacks.base import HIGH, LOW, Attacked, Model
from igsed_core.chapters.adversarial.attacks.goals import Goal

RIVALS = 10  # as in the authors' own code
LEAST = 1e-3  # of a gap, as a logit: a step onto a nearer boundary may be lost when it is added to 32-bit samples


def deepfool(
    model: Model,
    waveforms: Tensor,
    goal: Goal,
    *,
    steps: int = 50,
    overshoot: float = 0.02,
    rivals: int = RIVALS,
    farthest: bool = False,
) -> Attacked:
    """Leave a class by a perturbation of about the least length.

    A boundary ``k`` with gap ``g_k`` and gradient ``w_k`` is ``|g_k| / |w_k|`` away, and the step onto it is
    ``g_k w_k / |w_k|^2``, a little farther (at least :data:`LEAST` as ``g_k``). A clip that has reached its goal is
    left alone.

    Parameters
    ----------
    model, goal
        What is attacked, and to what end.
    waveforms
        ``[shape=(n, n_samples)]``
    steps
        Steps at most.
    overshoot
        Share by which steps go farther.
    rivals
        Boundaries with the smallest gaps that are looked at in each step; each costs a pass back.
    farthest
        Take the boundary that is farthest away, as the released code does.
    """
    result, changed = waveforms.clone(), waveforms.clone()
    reached = torch.zeros(len(waveforms), dtype=torch.bool)
    passes = torch.zeros(len(waveforms), dtype=torch.long)
    left = torch.arange(len(waveforms))
    for step in range(steps + 1):
        x = changed.detach().requires_grad_()
        logits = model(x)
        there = goal.of(left).reached(logits.detach())
        result[left[there]] = changed[there]
        reached[left[there]] = True
        if bool(there.all()) or step == steps:
            break
        gaps = goal.of(left).gaps(logits)
        few = gaps.topk(min(rivals, gaps.shape[1]), dim=1, largest=farthest).values
        # The boundaries differ from clip to clip: the j-th pass goes back from everybody's j-th.
        slopes = [
            torch.autograd.grad(few[:, j].sum(), x, retain_graph=j + 1 < few.shape[1])[0] for j in range(few.shape[1])
        ]
        lengths = torch.stack([one.norm(dim=1) for one in slopes], dim=1).clamp_min(1e-8)  # (n, rivals)
        away = few.detach().abs() / lengths
        chosen = away.argmax(dim=1) if farthest else away.argmin(dim=1)
        rows = torch.arange(len(left))
        slope = torch.stack(slopes, dim=1)[rows, chosen] if len(slopes) > 1 else slopes[0]
        passes[left[~there]] += few.shape[1]
        scale = few.detach()[rows, chosen].clamp_min(LEAST) / lengths[rows, chosen].square()
        moved = (changed - (1 + overshoot) * scale[:, None] * slope).clamp(LOW, HIGH)
        changed, left = moved[~there], left[~there]
    return Attacked(result, reached, passes)
