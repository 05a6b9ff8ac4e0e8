"""What every attack takes and gives, the one formula of the signal-to-noise ratio, and gradients clip by clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from igsed_core.chapters.adversarial.attacks.goals import Goal

Model = Callable[[Tensor], Tensor]  # waveforms (n, n_samples) -> logits (n, n_classes); no clip's depend on another's
LOW, HIGH = -1.0, 1.0  # what a file can hold


@dataclass(frozen=True, eq=False)
class Attacked:
    """Attacked clips.

    Attributes
    ----------
    waveforms
        Within :data:`LOW` and :data:`HIGH`; as they were where an attack found nothing, ``[shape=(n, n_samples)]``.
    reached
        Whether the goal is reached, ``[shape=(n,)]``.
    iterations
        Passes back through the network that each clip took, ``[shape=(n,)]``.
    """

    waveforms: Tensor
    reached: Tensor
    iterations: Tensor


def snr(clean: Tensor, attacked: Tensor) -> Tensor:
    """Signal-to-noise ratio, ``10 log10(sum x^2 / sum d^2)``: the one formula for all attacks.

    Parameters
    ----------
    clean, attacked
        ``[shape=(n, n_samples)]``

    Returns
    -------
    Tensor [shape=(n,)]
        In dB; infinite where nothing was changed.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.chapters.adversarial.attacks.base import snr
    >>> snr(torch.ones(1, 4), torch.tensor([[1.1, 0.9, 1.1, 0.9]])).round().tolist()
    [20.0]
    """
    change = (attacked.double() - clean.double()).square().sum(dim=1)
    return 10 * torch.log10(clean.double().square().sum(dim=1) / change)


def at_snr(clean: Tensor, perturbation: Tensor, level: float) -> Tensor:
    """Scale a perturbation of any size to a signal-to-noise ratio, add it, and keep to the range.

    Parameters
    ----------
    clean, perturbation
        ``[shape=(n, n_samples)]``
    level
        In dB.

    Returns
    -------
    Tensor [shape=(n, n_samples)]
        What is cut off at the range's ends makes the ratio a little higher.
    """
    norms = perturbation.norm(dim=1, keepdim=True).clamp_min(1e-30)
    return (clean + perturbation * (radius(clean, level)[:, None] / norms)).clamp(LOW, HIGH)


def radius(clean: Tensor, level: float) -> Tensor:
    """Length of a perturbation with a signal-to-noise ratio: ``(n, n_samples) -> (n,)``; dB."""
    return clean.norm(dim=1) * 10 ** (-level / 20)


def gradient(model: Model, waveforms: Tensor, objective: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Logits, and the gradient of each clip's objective with respect to its samples.

    Parameters
    ----------
    model
        What is attacked.
    waveforms
        ``[shape=(n, n_samples)]``
    objective
        Logits ``(n, n_classes)`` to a number for each clip, ``(n,)``.

    Returns
    -------
    tuple of Tensor
        ``(n, n_classes)`` and ``(n, n_samples)``.
    """
    x = waveforms.detach().requires_grad_()
    logits = model(x)
    (found,) = torch.autograd.grad(objective(logits).sum(), x)
    return logits.detach(), found


@torch.no_grad()
def finished(model: Model, goal: Goal, waveforms: Tensor, iterations: int | Tensor) -> Attacked:
    """Ask the model what it makes of attacked clips, ``[shape=(n, n_samples)]``; iterations are ``(n,)`` or one."""
    passes = torch.as_tensor(iterations).expand(len(waveforms)).clone()
    return Attacked(waveforms.detach(), goal.reached(model(waveforms)), passes)
