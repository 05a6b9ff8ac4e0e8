"""Passes through a classifier that several clips and classes share, whatever its input is."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Made = TypeVar("Made")

BATCH = 4  # inputs in one forward pass: larger ones leave the cache of a processor and take longer

_derived: weakref.WeakKeyDictionary[nn.Module, tuple[object, dict[str, Any]]] = weakref.WeakKeyDictionary()


def derived(classifier: nn.Module, what: str, make: Callable[[], Made]) -> Made:
    """Return what is made from a classifier, kept until the classifier is gone or has changed.

    Parameters
    ----------
    classifier
        What it is made from.
    what
        Its name, one for each way of making.
    make
        Called when there is none yet.
    """
    tensors = [*classifier.parameters(), *classifier.buffers()]
    # In-place changes, such as training steps, raise a tensor's version.
    state = (*((tensors[0].device, tensors[0].dtype) if tensors else ()), sum(t._version for t in tensors))
    known = _derived.get(classifier)
    if known is None or known[0] != state:
        known = (state, {})
        _derived[classifier] = known
    if what not in known[1]:
        known[1][what] = make()
    return known[1][what]


def scores_of(score: Callable[[Tensor], Tensor], inputs: Iterator[Tensor]) -> Tensor:
    """Logits of many inputs without a graph, in batches.

    Parameters
    ----------
    score
        ``(n, ...) -> (n, n_outputs)``
    inputs
        ``(...)`` each, of one shape.

    Returns
    -------
    Tensor [shape=(n, n_outputs)]
    """
    logits: list[Tensor] = []
    batch: list[Tensor] = []
    with torch.no_grad():
        for one in inputs:
            batch.append(one)
            if len(batch) == BATCH:
                logits.append(score(torch.stack(batch)))
                batch = []
        if batch:
            logits.append(score(torch.stack(batch)))
    return torch.cat(logits)


def gradients(logits: Tensor, inputs: Tensor, classes: Sequence[Sequence[int]]) -> list[Tensor]:
    """Gradient of each clip's explained classes, by as many backward passes as a clip has classes at most.

    Parameters
    ----------
    logits
        ``[shape=(n_clips, n_outputs)]``; no clip's depend on another's input.
    inputs
        ``[shape=(n_clips, ...)]``
    classes
        Outputs to explain, a list per clip.

    Returns
    -------
    list of Tensor
        One per clip, ``[shape=(n_classes, ...)]``.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.passes import gradients
    >>> inputs = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> logits = inputs**2  # output k of a clip is the square of its input k
    >>> [found.tolist() for found in gradients(logits, inputs, [[0], [1, 0]])]
    [[[2.0, 0.0]], [[0.0, 8.0], [6.0, 0.0]]]
    """
    slots = max(len(wanted) for wanted in classes)
    found: list[list[Tensor]] = [[] for _ in classes]
    for slot in range(slots):
        rows = [row for row, wanted in enumerate(classes) if slot < len(wanted)]
        outputs = [int(classes[row][slot]) for row in rows]
        (gradient,) = torch.autograd.grad(logits[rows, outputs].sum(), inputs, retain_graph=slot + 1 < slots)
        for row in rows:
            found[row].append(gradient[row])
    return [torch.stack(of_clip) if of_clip else inputs.new_zeros(0, *inputs.shape[1:]) for of_clip in found]
