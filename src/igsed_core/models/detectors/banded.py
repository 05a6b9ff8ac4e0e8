"""Additive self-attention inside a window, whose memory does not grow with the window nor with the clip's square.

Frame ``t`` scores each frame ``s`` of its window by ``g(t, s) = sigmoid(w . tanh(q_t + k_s) + c)`` and takes the mean
of their values weighted by ``exp(g)`` (the score of the released code of Pankajakshan et al. 2020; additive attention
is Bahdanau et al.'s, 2015, the window Luong et al.'s, 2015). A narrow window's frames are visited one distance at a
time, for all ``t`` together; of a window that is wider than half the clip a few frames ``t`` at a time see all of
theirs, since as many distances would each be too little work for one call. Either way nothing of the size clip x clip
is ever held, and the backward pass computes the scores again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from igsed_core.base.errors import IgsedError

_HALF = (torch.float16, torch.bfloat16)
_AT_ONCE = 2**18  # scores times units of a wide window that are held at once: a mebibyte, which caches hold


def reach(width: int, *, history_only: bool = False) -> tuple[int, int]:
    """Frames before and after the own one that a window of some width holds.

    Parameters
    ----------
    width
        Frames of the window, the own one among them.
    history_only
        Whether all others lie before; else half of them do, and of an odd number of others one more.

    Returns
    -------
    tuple of int

    Raises
    ------
    IgsedError
        If the width is below 1.

    Examples
    --------
    >>> from igsed_core.models.detectors.banded import reach
    >>> reach(5), reach(4), reach(5, history_only=True)
    ((2, 2), (2, 1), (4, 0))
    """
    if width < 1:
        raise IgsedError(f"attention over {width} frames: a window holds at least the own frame, use 1 or more")
    before = width - 1 if history_only else width // 2
    return before, width - 1 - before


def attend(query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Tensor, window: tuple[int, int]) -> Tensor:
    """Let every frame take the weighted mean of the values in its window.

    Parameters
    ----------
    query, key
        ``[shape=(batch, time, units)]``
    value
        ``[shape=(batch, time, n_values)]``
    weight, bias
        Of the score, ``[shape=(units,)]`` and a scalar.
    window
        Frames before and after, from :func:`reach`; what is outside the clip is left out.

    Returns
    -------
    Tensor [shape=(batch, time, n_values)]

    Examples
    --------
    A window of one frame gives the value itself.

    >>> import torch
    >>> from igsed_core.models.detectors.banded import attend
    >>> x = torch.arange(6.0).reshape(1, 3, 2)
    >>> torch.allclose(attend(x, x, x, torch.ones(2), torch.zeros(()), (0, 0)), x)
    True
    """
    inputs = [query, key, value, weight, bias]
    if query.dtype in _HALF or value.dtype in _HALF:
        inputs = [one.float() for one in inputs]
    # In mixed precision its sums are kept whole: hundreds of shares are added up.
    with torch.autocast(query.device.type, enabled=False):
        inside = _within(window, query.shape[1])
        found: Tensor = (_Wide if _is_wide(inside, query.shape[1]) else _Banded).apply(*inputs, inside)
    return found


@torch.no_grad()
def weights(query: Tensor, key: Tensor, weight: Tensor, bias: Tensor, window: tuple[int, int]) -> Tensor:
    """Say how much each frame takes of each: rows sum to 1, and are zero outside the window.

    Parameters
    ----------
    query, key
        ``[shape=(batch, time, units)]``
    weight, bias
        Of the score, ``[shape=(units,)]`` and a scalar.
    window
        As for :func:`attend`.

    Returns
    -------
    Tensor [shape=(batch, time, time)]
        ``[b, t, s]``: what frame ``t`` takes of frame ``s``. For looking at: this one is of the clip's square.
    """
    batch, time, _ = query.shape
    found = query.new_zeros(batch, time, time)
    for step in _steps(_within(window, time)):
        here, there = _slices(step, time)
        score = torch.tanh(query[:, here] + key[:, there]) @ weight + bias
        found.diagonal(offset=step, dim1=1, dim2=2).copy_(torch.sigmoid(score).exp())
    return found / found.sum(dim=2, keepdim=True)


def _within(window: tuple[int, int], time: int) -> tuple[int, int]:
    return min(window[0], time - 1), min(window[1], time - 1)


def _is_wide(window: tuple[int, int], time: int) -> bool:
    return 2 * (sum(window) + 1) > time


def _steps(window: tuple[int, int]) -> range:
    return range(-window[0], window[1] + 1)


def _slices(step: int, time: int) -> tuple[slice, slice]:
    """Frames ``t`` that have a frame ``t + step``, and those frames."""
    return slice(max(0, -step), time - max(0, step)), slice(max(0, step), time - max(0, -step))


class _Banded(torch.autograd.Function):
    """The mean and, by hand, its gradient; both in memory of the size of the inputs."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        query, key, value, weight, bias, window = inputs
        time = query.shape[1]
        mean, total = torch.zeros_like(value), query.new_zeros(*query.shape[:2], 1)
        for step in _steps(window):
            here, there = _slices(step, time)
            share = torch.tanh(query[:, here] + key[:, there]) @ weight
            share = share.add_(bias).sigmoid_().exp_()[..., None]  # (batch, frames, 1), between 1 and e: no overflow
            total[:, here] += share
            mean[:, here].addcmul_(share, value[:, there])
        mean /= total
        ctx.save_for_backward(query, key, value, weight, bias, mean, total)
        ctx.window = window
        return mean

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        query, key, value, weight, bias, mean, total = ctx.saved_tensors
        time = query.shape[1]
        gradient = gradient / total
        taken = (gradient * mean).sum(dim=2)  # (batch, time): what all frames of a window have in common
        of_query, of_key, of_value = (torch.zeros_like(one) for one in (query, key, value))
        of_weight, of_bias = torch.zeros_like(weight), torch.zeros_like(bias)
        for step in _steps(ctx.window):
            here, there = _slices(step, time)
            hidden = torch.tanh(query[:, here] + key[:, there])  # (batch, frames, units)
            gate = torch.sigmoid(hidden @ weight + bias)  # (batch, frames)
            share = gate.exp()
            g = gradient[:, here]
            of_value[:, there].addcmul_(share[..., None], g)
            # d/d gate of share * value / total, the total's own part included
            of_score = share * ((g * value[:, there]).sum(dim=2) - taken[:, here]) * gate * (1 - gate)
            of_bias += of_score.sum()
            of_weight += of_score.reshape(-1) @ hidden.reshape(-1, hidden.shape[2])
            of_hidden = hidden.square_().neg_().add_(1).mul_(of_score[..., None]).mul_(weight)
            of_query[:, here] += of_hidden
            of_key[:, there] += of_hidden
        return of_query, of_key, of_value, of_weight, of_bias, None


class _Wide(torch.autograd.Function):
    """The same a few frames at a time, each with all of its window.

    With ``r = 1 / (1 + exp(2 q) exp(2 k))``, ``tanh(q + k)`` is ``1 - 2 r`` and its slope ``4 (r - r r)``: exponentials
    are those of frames, not of pairs, which is most of the time saved.
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        query, key, value, weight, bias, window = inputs
        mean, total = torch.empty_like(value), query.new_empty(*query.shape[:2], 1)
        grown, level = _doubled(query, key), weight.sum() + bias
        for rows, seen in _blocks(query, window):
            share = (_rest(grown, rows, seen) @ weight).mul_(-2).add_(level).sigmoid_().exp_()  # (batch, rows, seen)
            _leave_out(share, rows, seen, window)
            total[:, rows] = share.sum(dim=2, keepdim=True)
            mean[:, rows] = share @ value[:, seen]
        mean /= total
        ctx.save_for_backward(query, key, value, weight, bias, mean, total)
        ctx.window = window
        return mean

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        query, key, value, weight, bias, mean, total = ctx.saved_tensors
        gradient = gradient / total
        taken = (gradient * mean).sum(dim=2, keepdim=True)  # (batch, time, 1)
        of_query, of_key, of_value = (torch.zeros_like(one) for one in (query, key, value))
        of_weight, of_bias = torch.zeros_like(weight), torch.zeros_like(bias)
        grown, level = _doubled(query, key), weight.sum() + bias
        for rows, seen in _blocks(query, ctx.window):
            rest = _rest(grown, rows, seen)  # (batch, rows, seen, units)
            gate = (rest @ weight).mul_(-2).add_(level).sigmoid_()  # (batch, rows, seen)
            share = gate.exp()
            _leave_out(share, rows, seen, ctx.window)
            g = gradient[:, rows]
            of_value[:, seen] += share.transpose(1, 2) @ g
            of_score = (g @ value[:, seen].transpose(1, 2)).sub_(taken[:, rows]).mul_(share).mul_(gate).mul_(1 - gate)
            of_bias += of_score.sum()
            of_weight += of_score.reshape(-1) @ rest.reshape(-1, rest.shape[3])
            slope = rest.addcmul_(rest, rest, value=-1).mul_(of_score[..., None])  # weight and 4 come last
            of_query[:, rows] = slope.sum(dim=2)
            of_key[:, seen] += slope.sum(dim=1)
        scale = 4 * weight
        return of_query.mul_(scale), of_key.mul_(scale), of_value, of_bias - 2 * of_weight, of_bias, None


def _doubled(query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """``exp(2 q)`` and ``exp(2 k)``; beyond 40, where ``tanh`` is 1 unless both are so large, held finite."""
    grown, other = (one.clamp(-40, 40).mul_(2).exp_() for one in (query, key))
    return grown, other


def _rest(grown: tuple[Tensor, Tensor], rows: slice, seen: slice) -> Tensor:
    """``(1 - tanh(q + k)) / 2`` of some frames and what they see, ``(batch, rows, seen, units)``."""
    return (grown[0][:, rows, None] * grown[1][:, None, seen]).add_(1).reciprocal_()


def _blocks(query: Tensor, window: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Split the clip in few frames, and name the frames that any of them sees."""
    batch, time, units = query.shape
    size = max(1, _AT_ONCE // (batch * min(time, sum(window) + 1) * units))
    for first in range(0, time, size):
        last = min(time, first + size)
        yield slice(first, last), slice(max(0, first - window[0]), min(time, last + window[1]))


def _leave_out(share: Tensor, rows: slice, seen: slice, window: tuple[int, int]) -> None:
    """Set what is seen outside a frame's own window to zero, in place."""
    before, after = window
    if rows.stop - 1 - before <= seen.start and rows.start + after >= seen.stop - 1:
        return
    frames = torch.arange(seen.start, seen.stop, device=share.device)
    own = torch.arange(rows.start, rows.stop, device=share.device)[:, None]
    share.mul_((frames >= own - before) & (frames <= own + after))
