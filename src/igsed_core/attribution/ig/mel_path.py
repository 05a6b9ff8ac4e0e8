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

from igsed_core.attribution.ig.reduced import MelScore

# Below the decibel path no class score changes by more than this share of its change in all...
LEFT_OUT = 0.01
# ... or of this share of the largest change of any class, lest a class that hardly changes decides.
MINOR = 0.25
# The search begins where the log-mel map departs from silence by this share, on average over its bins.
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
        Outputs of the classifier, one list per clip.
    """

    power: Tensor
    classes: Sequence[Sequence[int]]

    @property
    def n_slots(self) -> int:
        """Most classes of any clip: the backward passes that a forward pass needs."""
        return max(len(classes) for classes in self.classes)


def gradients(
    model: MelScore,
    power: Tensor,
    classes: Sequence[Sequence[int]],
    gains: NDArray[np.float64],
    scale: NDArray[np.float64],
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """One forward pass for some points, and one backward pass for each class.

    Parameters
    ----------
    model
        The score.
    power
        Mel power of each point's clip, ``[shape=(n, frames, mels)]``.
    classes
        Outputs of the classifier, one list per point.
    gains
        Gain of each point, ``[shape=(n,)]``.
    scale
        Factor of each point's gradient, ``[shape=(n,)]``.

    Yields
    ------
    slot : int
        Position in a point's list of classes.
    scores : Tensor [shape=(n,)]
        Of the class in that slot; 0 where a point has fewer classes.
    gradients : Tensor [shape=(n, frames, mels)]
        ``scale * dF/dm`` at ``a^2 m``.
    """
    points = (torch.as_tensor(gains**2).to(power)[:, None, None] * power).requires_grad_()  # (n, frames, mels)
    scores = model(points)  # (n, n_outputs)
    weights = torch.as_tensor(scale).to(power)
    slots = max(len(wanted) for wanted in classes)
    for slot in range(slots):
        rows = [i for i, wanted in enumerate(classes) if slot < len(wanted)]
        of_slot = torch.zeros_like(weights)
        of_slot[rows] = scores[rows, [classes[i][slot] for i in rows]]
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
        Of each clip's points, ``[shape=(n_clips, n_steps)]``.
    batch
        Mel maps in one forward pass; it bounds memory and changes nothing else.

    Returns
    -------
    Tensor [shape=(n_clips, n_slots, frames, mels)]
        Zero where a clip has fewer classes than slots.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.ig.mel_path import Task, integrate
    >>> from igsed_core.attribution.ig.quadrature import points
    >>> total = lambda power: power.sum(dim=(1, 2))[:, None]  # one class; h is 1, and the integral of a is 1/2
    >>> task = Task(torch.ones(1, 2, 3), [[0]])
    >>> gains, weights = points("gausslegendre", 4, 0.0)
    >>> integrate(total, task, gains[None], weights[None], batch=8)[0, 0].tolist()
    [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    """
    n_clips, n_frames, n_mels = task.power.shape
    integral = task.power.new_zeros(n_clips, task.n_slots, n_frames, n_mels)
    # A point in silence contributes nothing: it is multiplied by its gain.
    clip, point = np.nonzero(gains)
    for start in range(0, len(clip), batch):
        c, p = clip[start : start + batch], point[start : start + batch]
        a = gains[c, p]
        classes = [task.classes[i] for i in c]
        for slot, _, gradient in gradients(model, task.power[c], classes, a, weights[c, p] * a):
            integral[:, slot].index_add_(0, torch.as_tensor(c, device=integral.device), gradient)
    return integral


def scores(model: MelScore, power: Tensor, *, batch: int) -> Tensor:
    """Scores of mel maps: ``(n, frames, mels) -> (n, n_outputs)``.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.ig.mel_path import scores
    >>> total = lambda power: power.sum(dim=(1, 2))[:, None]
    >>> scores(total, torch.ones(3, 2, 2), batch=2).tolist()
    [[4.0], [4.0], [4.0]]
    """
    with torch.no_grad():
        return torch.cat([model(part) for part in power.split(batch)])


def floor(model: MelScore, power: Tensor, silence: Tensor, score: Tensor, *, batch: int) -> list[float]:
    """Levels re the clips, in dB, below which their class scores are all but those of silence.

    The search begins where the log-mel map departs from that of silence. Near silence the score goes with power,
    which says how much lower it has to go on. What is left out does not depend on the classes explained.

    Parameters
    ----------
    model
        Its compression and its scores decide.
    power
        ``[shape=(n_clips, frames, mels)]``
    silence, score
        Of silence and of the clips, ``[shape=(n_outputs,)]`` and ``[shape=(n_clips, n_outputs)]``.
    batch
        Mel maps in one forward pass.
    """
    levels = [_departure(model, one) for one in power]
    change = (score - silence).abs()
    relative_to = torch.maximum(change, MINOR * change.amax(dim=1, keepdim=True)).clamp_min(1e-12)
    open_clips = list(range(len(power)))
    while open_clips:
        factors = torch.tensor([10 ** (levels[clip] / 10) for clip in open_clips]).to(power)[:, None, None]
        there = scores(model, factors * power[open_clips], batch=batch)
        left_out = ((there - silence).abs() / relative_to[open_clips]).amax(dim=1).tolist()
        unfinished = []
        for clip, share in zip(open_clips, left_out, strict=True):
            if share > LEFT_OUT and levels[clip] > LOWEST_LEVEL:
                levels[clip] = max(LOWEST_LEVEL, levels[clip] - 10 * np.log10(share / LEFT_OUT) - 1.0)
                unfinished.append(clip)
        open_clips = unfinished
    return levels


def _departure(model: MelScore, power: Tensor) -> float:
    """Level below which the log-mel map of a clip, ``(frames, mels)``, is all but that of silence."""
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
    """Attribution of each sample: `x * J^T v`, one vector-Jacobian product per slot.

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

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.ig.mel_path import to_samples
    >>> waveform = torch.tensor([[1.0, 2.0]], requires_grad=True)
    >>> power = (waveform**2)[:, :, None]  # two frames of one sample, one bin
    >>> integral = torch.full((1, 1, 2, 1), 0.5)
    >>> to_samples(waveform, power, integral).tolist()
    [[[1.0, 4.0]]]
    """
    products = [
        torch.autograd.grad(power, waveform, grad_outputs=v, retain_graph=True)[0] for v in integral.unbind(dim=1)
    ]
    return waveform.detach()[:, None] * torch.stack(products, dim=1)
