"""The straight path over mel power from any baseline, not from silence alone.

With mel power ``m`` quadratic in the waveform, every point ``b + a d`` of the path from the baseline ``b`` to the clip
``x = b + d`` has the mel power ``(1 - a) m(b) + a m(x) - a (1 - a) m(d)``, and the Jacobian is linear in ``a``.
Integrated Gradients are then ``d * (J(b)^T v0 + J(d)^T v1)`` with the integrals ``v0`` of ``h(a)`` and ``v1`` of
``a h(a)``, where ``h`` is the gradient of the score at the point's mel power: two products with the Jacobian, however
many points there are. With silence as the baseline this is the path of :mod:`igsed_core.attribution.ig.mel_path`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution.ig.mel_path import gradients, scores
from igsed_core.attribution.ig.reduced import MelScore

# A class's logit -> the derivative of what is attributed by it.
Slope = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Integrated:
    """Integrated Gradients of some clips of one length.

    Attributes
    ----------
    samples
        ``[shape=(n_clips, n_slots, n_samples)]``; zero where a clip has fewer classes than slots.
    time_frequency
        The same for each mel bin, ``[shape=(n_clips, n_slots, frames, mels)]``.
    score, baseline_score
        Of the clips and of their baselines, ``[shape=(n_clips, n_outputs)]``.
    """

    samples: Tensor
    time_frequency: Tensor
    score: Tensor
    baseline_score: Tensor


def between(
    from_power: Tensor, to_power: Tensor, difference: Tensor, a: float | NDArray[np.float64] | Tensor
) -> Tensor:
    """Mel power on the straight path between two waveforms.

    Parameters
    ----------
    from_power, to_power, difference
        Mel power of the baseline, of the clip and of their difference, ``[shape=(..., frames, mels)]``.
    a
        Share of the way, ``[shape=(...)]``.

    Returns
    -------
    Tensor [shape=(..., frames, mels)]

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.ig.straight import between
    >>> one, other = torch.tensor([[2.0]]), torch.tensor([[-4.0]])  # "waveforms" whose power is their square
    >>> float(between(one**2, other**2, (other - one) ** 2, 0.25))  # (2 + 0.25 * -6)**2
    0.25
    """
    share = torch.as_tensor(a).to(to_power)[..., None, None]
    # Rounding may leave a little less than nothing where the two cancel.
    return ((1 - share) * from_power + share * to_power - share * (1 - share) * difference).clamp_min(0)


def integrate(
    model: MelScore,
    waveforms: Tensor,
    baselines: Tensor,
    classes: Sequence[Sequence[int]],
    points: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    batch: int,
) -> Integrated:
    """Integrate gradients from baselines to clips.

    Parameters
    ----------
    model
        The score.
    waveforms, baselines
        ``[shape=(n_clips, n_samples)]``
    classes
        Outputs to explain, a list per clip.
    points
        Shares of the way and their weights, ``[shape=(n_steps,)]`` both.
    batch
        Mel maps in one forward pass; it bounds memory and changes nothing else.
    """
    (found,) = _integrate(model, waveforms, baselines, classes, points, [torch.ones_like], batch=batch)
    return found


def integrate_both(
    model: MelScore,
    waveforms: Tensor,
    baselines: Tensor,
    classes: Sequence[Sequence[int]],
    points: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    batch: int,
) -> dict[str, Integrated]:
    """Integrate the gradients of the logit and of the probability from baselines to clips, at the price of one.

    By the chain rule the gradient of the probability at a point is that of the logit times `p (1 - p)`.

    Parameters
    ----------
    model
        The score; its target is the logit.
    waveforms, baselines
        ``[shape=(n_clips, n_samples)]``
    classes
        Outputs to explain, a list per clip.
    points
        Shares of the way and their weights, ``[shape=(n_steps,)]`` both.
    batch
        Mel maps in one forward pass; it bounds memory and changes nothing else.

    Returns
    -------
    dict
        ``logit`` and ``probability``: what :func:`integrate` gives for each target, up to rounding.
    """
    slopes: list[Slope] = [torch.ones_like, lambda logit: torch.sigmoid(logit) * torch.sigmoid(-logit)]
    logit, probability = _integrate(model, waveforms, baselines, classes, points, slopes, batch=batch)
    ends = {name: torch.sigmoid(getattr(probability, name)) for name in ("score", "baseline_score")}
    return {"logit": logit, "probability": replace(probability, **ends)}


def _integrate(
    model: MelScore,
    waveforms: Tensor,
    baselines: Tensor,
    classes: Sequence[Sequence[int]],
    points: tuple[NDArray[np.float64], NDArray[np.float64]],
    slopes: Sequence[Slope],
    *,
    batch: int,
) -> list[Integrated]:
    """Integrals with each of the slopes, from the same passes."""
    power = model.encoder.frontend.power
    begin = baselines.detach().requires_grad_()
    change = (waveforms - baselines).detach().requires_grad_()
    of_begin, of_change = power(begin), power(change)  # (n_clips, frames, mels), with the graphs back
    with torch.no_grad():
        of_clip = power(waveforms)
    m0, m1, md = of_begin.detach(), of_clip, of_change.detach()
    n_slots = max(len(wanted) for wanted in classes)
    v0 = m1.new_zeros(len(slopes), len(m1), n_slots, *m1.shape[1:])
    v1 = torch.zeros_like(v0)
    shares, weights = points
    clip, point = (index.ravel() for index in np.indices((len(m1), len(shares))))
    for start in range(0, len(clip), batch):
        c, p = clip[start : start + batch], point[start : start + batch]
        rows = between(m0[c], m1[c], md[c], shares[p])
        where = torch.as_tensor(c, device=v0.device)
        share = torch.as_tensor(shares[p]).to(v0)[:, None, None]
        for slot, score, gradient in gradients(model, rows, [classes[i] for i in c], np.ones(len(c)), weights[p]):
            for kind, slope in enumerate(slopes):
                mine = slope(score)[:, None, None] * gradient
                v0[kind, :, slot].index_add_(0, where, mine)
                v1[kind, :, slot].index_add_(0, where, share * mine)
    ends = {"score": scores(model, m1, batch=batch), "baseline_score": scores(model, m0, batch=batch)}
    found = []
    for of_begins, of_changes in zip(v0, v1, strict=True):
        products = [
            torch.autograd.grad(of_begin, begin, one, retain_graph=True)[0]
            + torch.autograd.grad(of_change, change, other, retain_graph=True)[0]
            for one, other in zip(of_begins.unbind(dim=1), of_changes.unbind(dim=1), strict=True)
        ]
        samples = change.detach()[:, None] * torch.stack(products, dim=1)
        time_frequency = (m1 - m0 - md)[:, None] * of_begins + 2 * md[:, None] * of_changes
        found.append(Integrated(samples=samples, time_frequency=time_frequency, **ends))
    return found
