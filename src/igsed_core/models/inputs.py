"""What the Python interface is given: brought to what the network computes with, or refused in a sentence."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from igsed_core.base.errors import IgsedError


def checked(waveforms: Any, module: nn.Module | None, *, n_dims: int = 2) -> Tensor:
    """Check waveforms and bring them to the precision and the device of a module.

    Parameters
    ----------
    waveforms
        Floating-point samples, ``[shape=(n_clips, n_samples)]``, or ``(n_samples,)`` with ``n_dims=1``; or an array.
    module
        What is to compute with them; None: they stay as they are.
    n_dims
        Axes that they must have.

    Returns
    -------
    Tensor
        The same samples, of the same shape; the same tensor where nothing is to be changed. Gradients flow through.

    Raises
    ------
    IgsedError
        If they are no floating-point numbers, have another shape, hold nothing, or a sample is NaN or infinite.
    """
    if not isinstance(waveforms, Tensor):
        try:
            waveforms = torch.as_tensor(np.asarray(waveforms))
        except (TypeError, ValueError, RuntimeError) as error:
            raise IgsedError(
                f"waveform is a {type(waveforms).__name__} that is no array of numbers: give a tensor of samples"
            ) from error
    if not waveforms.is_floating_point():
        whole = not waveforms.is_complex() and waveforms.dtype != torch.bool
        scale = f"divide them by {-torch.iinfo(waveforms.dtype).min} first" if whole else "give real ones"
        raise IgsedError(
            f"waveform holds {str(waveforms.dtype).removeprefix('torch.')} samples, but must hold floating-point ones "
            f"between -1 and 1: {scale}"
        )
    if waveforms.ndim != n_dims or not waveforms.numel():
        wanted = "(n_samples,), one clip as x[0]" if n_dims == 1 else "(batch, samples), one clip as x[None]"
        raise IgsedError(f"waveform has the shape {tuple(waveforms.shape)}; give {wanted}")
    finite = torch.isfinite(waveforms)
    if not bool(finite.all()):
        clip, *_, sample = [0, *(~finite).nonzero()[0].tolist()][-2:]
        raise IgsedError(
            f"waveform holds {int((~finite).sum())} NaN or infinite samples (the first: clip {clip}, sample {sample}): "
            "repair the recording or leave it out"
        )
    stored = () if module is None else itertools.chain(module.parameters(), module.buffers())
    reference = next((tensor for tensor in stored if tensor.is_floating_point()), None)
    return waveforms if reference is None else waveforms.to(reference.device, reference.dtype)


def checked_classes(classes: Any, classifier: nn.Module) -> list[int]:
    """Return the outputs to explain in one clip as whole numbers.

    Parameters
    ----------
    classes
        One or more positions in the classifier's classes.
    classifier
        Whose ``classes``, or those of its head, say how many there are; where it has none, no upper bound is checked.

    Raises
    ------
    IgsedError
        If there is none, or one is no whole number or not among the outputs.
    """
    known: Any = getattr(classifier, "classes", None)
    names: Sequence[str] = known or getattr(getattr(classifier, "head", None), "classes", ())
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise IgsedError(f"the classes to explain are {classes!r}: give a list of outputs, such as [0]")
    found = []
    for wanted in classes:
        try:
            number = -1 if isinstance(wanted, bool) else operator.index(wanted)
        except TypeError:
            hint = f", here {names.index(wanted)}" if isinstance(wanted, str) and wanted in names else ""
            raise IgsedError(f"class {wanted!r} is no whole number: give its position in head.classes{hint}") from None
        if number < 0 or (names and number >= len(names)):
            range_of = f"the classifier has the outputs 0 to {len(names) - 1}" if names else "outputs count from 0"
            raise IgsedError(f"class {wanted!r} is out of range: {range_of}")
        found.append(number)
    if not found:
        raise IgsedError("there is no class to explain in a clip: give one or more outputs, such as [0]")
    return found


def one_clip(classifier: nn.Module, waveform: Any, classes: Any) -> tuple[Tensor, list[int]]:
    """Return a clip ``(n_samples,)`` and the outputs to explain, as :func:`checked` and :func:`checked_classes` do."""
    return checked(waveform, classifier, n_dims=1), checked_classes(classes, classifier)


def clips(classifier: nn.Module, waveforms: Any, classes: Any) -> tuple[Tensor, list[list[int]]]:
    """Return clips ``(n_clips, n_samples)`` and the outputs to explain in each.

    Raises
    ------
    IgsedError
        As :func:`checked` and :func:`checked_classes`, and if there are not as many lists of outputs as clips.
    """
    waveforms = checked(waveforms, classifier)
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise IgsedError(f"the classes to explain are {classes!r}: give a list of outputs for each clip, such as [[0]]")
    lists = list(classes)
    if len(lists) != len(waveforms):
        raise IgsedError(
            f"there are {len(waveforms)} clips and classes to explain for {len(lists)}: give a list of outputs for "
            "each clip, such as [[0]] for one"
        )
    return waveforms, [checked_classes(of_clip, classifier) for of_clip in lists]


def mixed_down(waveform: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the mean of the channels: ``(n_samples,)`` or ``(n_samples, n_channels)`` -> ``(n_samples,)``.

    Raises
    ------
    IgsedError
        If it is no such array of finite floating-point samples.
    """
    given = np.asarray(waveform)
    if given.ndim == 2:
        if given.shape[0] < given.shape[1]:
            raise IgsedError(
                f"waveform has the shape {given.shape}: give (n_samples,) or (n_samples, n_channels), transposed"
            )
        given = given.mean(axis=1)
    samples: NDArray[np.floating] = checked(given, None, n_dims=1).numpy()
    return samples
