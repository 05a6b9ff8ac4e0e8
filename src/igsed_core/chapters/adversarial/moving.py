"""Attacks on explanations: the classes stay as they are, and the map is to move (Ghorbani et al. 2019).

An explanation of a maximum over time begins in the frames that win it. Two ways to move it, both by the first
derivative alone: to raise the class's frame logits where it does not sound and lower them where it does, which is what
CAM shows; and to let frames where it does not sound win the maximum, which is where Integrated Gradients and LRP begin.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.chapters.adversarial.attacks.base import HIGH, LOW, Attacked, radius
from igsed_core.chapters.adversarial.explaining import Listener

MOVE_FRAMES, MOVE_WINNERS = "move_frames", "move_winners"
MOVES = {MOVE_FRAMES: "frames' logits moved", MOVE_WINNERS: "winning frames moved"}


def move(
    listener: Listener,
    waveforms: Tensor,
    classes: Tensor,
    inside: Tensor,
    *,
    kind: str,
    snr: float,
    steps: int,
    step_size: float = 2.5,
) -> Attacked:
    """Move the maps of a class away from where it sounds, while every class of the clip stays decided as it was.

    Parameters
    ----------
    listener
        Whose explanations are attacked.
    waveforms
        ``[shape=(n, n_samples)]``
    classes
        One of each clip, that is detected, ``[shape=(n,)]``.
    inside
        Feature frames in which it sounds, ``[shape=(n, time), dtype=bool]``.
    kind
        One of :data:`MOVES`.
    snr
        In dB: a bound.
    steps
        Steps of projected gradient ascent; the best of them is taken.
    step_size
        Radii that all steps together could go.

    Returns
    -------
    Attacked
        ``reached`` says whether any step was better than none and left the decisions as they were.
    """
    aim = _AIMS[kind]
    size = radius(waveforms, snr)[:, None]
    with torch.no_grad():
        features = listener.features(waveforms)
        decided = listener.lean.head.clip_logits(features) > 0
        best_value = aim(listener, features, classes, inside)
    best, found = waveforms.clone(), torch.zeros(len(waveforms), dtype=torch.bool)
    changed = waveforms.clone()
    for step in range(steps + 1):
        x = changed.detach().requires_grad_()
        features = listener.features(x)
        value = aim(listener, features, classes, inside)
        logits = listener.lean.head.clip_logits(features)
        same = ((logits > 0) == decided).all(dim=1)
        better = same & (value.detach() > best_value)
        best[better], best_value = x.detach()[better], torch.where(better, value.detach(), best_value)
        found |= better
        if step == steps:
            break
        # What would change a decision is pushed back.
        wrong = torch.where(decided, -logits, logits)
        held = value - 10 * (wrong + 0.1).clamp_min(0).sum(dim=1)
        (slope,) = torch.autograd.grad(held.sum(), x)
        moved = (
            changed - waveforms + slope / slope.norm(dim=1, keepdim=True).clamp_min(1e-30) * (size * step_size / steps)
        )
        moved = moved * (size / moved.norm(dim=1, keepdim=True).clamp_min(1e-30)).clamp_max(1.0)
        changed = (waveforms + moved).clamp(LOW, HIGH)
    return Attacked(best, found, torch.full((len(waveforms),), steps))


def _frames(listener: Listener, features: Tensor, classes: Tensor, inside: Tensor) -> Tensor:
    """Mean frame logit where the class does not sound, minus that where it does, ``(n,)``."""
    logits = listener.lean.head.frame_logits(features)  # (n, time, n_classes)
    own = logits[torch.arange(len(logits)), :, classes]  # (n, time)
    return _mean(own, ~inside) - _mean(own, inside)


def _winners(listener: Listener, features: Tensor, classes: Tensor, inside: Tensor) -> Tensor:
    """Logit of the clip's quiet frames alone, minus that of the class's own alone, ``(n,)``."""
    lowest = features.detach().amin()
    rows = torch.arange(len(features))
    parts = [
        listener.lean.head.clip_logits(torch.where(which[..., None], features, lowest))[rows, classes]
        for which in (~inside, inside)
    ]
    return parts[0] - parts[1]


def _mean(values: Tensor, which: Tensor) -> Tensor:
    return (values * which).sum(dim=1) / which.sum(dim=1).clamp_min(1)


_AIMS: dict[str, Callable[[Listener, Tensor, Tensor, Tensor], Tensor]] = {
    MOVE_FRAMES: _frames,
    MOVE_WINNERS: _winners,
}


def feature_frames(listener: Listener, truths: list[NDArray]) -> Tensor:
    """Feature frames of each clip in which a class sounds, ``[shape=(n, time), dtype=bool]``."""
    return torch.stack([listener.inside(truth) for truth in truths])
