"""Integrated Gradients on the mel map: the integrator behind all rules, and the way back to the waveform.

With mel power `m(x)`, quadratic in the waveform, all points of the path `a x` lie on the mel map `a^2 m`.
Integrated Gradients of a score `F(m(x))` is `x * J^T v`, with the Jacobian `J` of `m` at `x` and
`v = integral of a h(a) da`, where `h` is the gradient of `F` at `a^2 m`. The product with `J` is needed once,
however many points there are. By Euler's theorem `2 m v` is what each mel bin contributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution.reduced import MelScore

# The decibel path begins where the log-mel map departs from silence by this share, on average over its bins.
DEPARTURE = 1e-3
LOWEST_LEVEL = -200.0  # dB


@dataclass(frozen=True)
class Task:
    """Some clips of equal length and the classes to explain in each.

    Attributes
    ----------
    power
        Mel power, ``[shape=(n_clips, frames, mels)]``.
    classes
        Outputs of the classifier, a list a clip.
    """

    power: Tensor
    classes: Sequence[Sequence[int]]

    @property
    def n_slots(self) -> int:
        """Most classes of any clip: the backward passes that a forward pass needs."""
        return max(len(classes) for classes in self.classes)


def gradients(
    model: MelScore, task: Task, clips: Sequence[int], gains: NDArray[np.float64], scale: NDArray[np.float64]
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """One forward pass for some points of some clips, and one backward pass for each class.

    Parameters
    ----------
    model, task
        The score and its clips.
    clips, gains
        Clip and gain of each point, ``[shape=(n,)]``.
    scale
        Factor of each point's gradient, ``[shape=(n,)]``.

    Yields
    ------
    slot : int
        Position in a clip's list of classes.
    scores : Tensor [shape=(n,)]
        Of the class in that slot; 0 where a clip has fewer classes.
    gradients : Tensor [shape=(n, frames, mels)]
        ``scale * dF/dm`` at ``a^2 m``.
    """
    factors = torch.as_tensor(gains**2).to(task.power)[:, None, None]
    points = (factors * task.power[list(clips)]).requires_grad_()  # (n, frames, mels)
    scores = model(points)  # (n, n_outputs)
    weights = torch.as_tensor(scale).to(task.power)
    slots = max(len(task.classes[clip]) for clip in clips)
    for slot in range(slots):
        rows = [i for i, clip in enumerate(clips) if slot < len(task.classes[clip])]
        of_slot = torch.zeros_like(weights)
        of_slot[rows] = scores[rows, [task.classes[clips[i]][slot] for i in rows]]
        (gradient,) = torch.autograd.grad((weights * of_slot).sum(), points, retain_graph=slot < slots - 1)
        yield slot, of_slot.detach(), gradient


def integrate(
    model: MelScore, task: Task, gains: NDArray[np.float64], weights: NDArray[np.float64], *, batch: int
) -> Tensor:
    """Integral of `a h(a)` by a rule whose points are known: `sum(weights * a * h(a))`.

    Parameters
    ----------
    model, task
        The score and its clips.
    gains, weights
        Of each clip's points, ``[shape=(n_clips, n_points)]``.
    batch
        Mel maps in one forward pass; it bounds memory and changes nothing else.

    Returns
    -------
    Tensor [shape=(n_clips, n_slots, frames, mels)]
        Zero where a clip has fewer classes than slots.
    """
    n_clips, n_frames, n_mels = task.power.shape
    integral = task.power.new_zeros(n_clips, task.n_slots, n_frames, n_mels)
    # A point in silence contributes nothing: it is multiplied by its gain.
    clip, point = np.nonzero(gains)
    for start in range(0, len(clip), batch):
        c, p = clip[start : start + batch], point[start : start + batch]
        a = gains[c, p]
        for slot, _, gradient in gradients(model, task, c.tolist(), a, weights[c, p] * a):
            integral[:, slot].index_add_(0, torch.as_tensor(c, device=integral.device), gradient)
    return integral


def scores(model: MelScore, power: Tensor, *, batch: int) -> Tensor:
    """Scores of mel maps: ``(n, frames, mels) -> (n, n_outputs)``."""
    with torch.no_grad():
        return torch.cat([model(part) for part in power.split(batch)])


def floor(model: MelScore, power: Tensor) -> float:
    """Level re the clip, in dB, below which its log-mel map is all but that of silence.

    Parameters
    ----------
    model
        Its compression decides.
    power
        ``[shape=(frames, mels)]``
    """
    compress = model.encoder.frontend.compress
    sample = power.flatten()[:: max(1, power.numel() // 4096)].double()
    silence = compress(torch.zeros_like(sample))

    def departure(level: float) -> float:
        return float((compress(10 ** (level / 10) * sample) - silence).abs().mean())

    wanted = DEPARTURE * departure(0.0)
    low, high = LOWEST_LEVEL, 0.0
    if departure(low) >= wanted:
        return low
    while high - low > 0.1:
        middle = (low + high) / 2
        low, high = (low, middle) if departure(middle) > wanted else (middle, high)
    return low


def to_samples(waveform: Tensor, power: Tensor, integral: Tensor) -> Tensor:
    """Attribution of each sample: `x * J^T v`, one vector-Jacobian product a slot.

    Parameters
    ----------
    waveform
        ``[shape=(n_clips, n_samples)]``
    power
        Its mel power with the graph back to it, ``[shape=(n_clips, frames, mels)]``.
    integral
        ``[shape=(n_clips, n_slots, frames, mels)]``

    Returns
    -------
    Tensor [shape=(n_clips, n_slots, n_samples)]
    """
    products = [
        torch.autograd.grad(power, waveform, grad_outputs=v, retain_graph=True)[0] for v in integral.unbind(dim=1)
    ]
    return waveform.detach()[:, None] * torch.stack(products, dim=1)
