"""``igsed explain``: when a classifier of the user's own says that its classes sound."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from igsed_core.base import files
from igsed_core.base.errors import IgsedError
from igsed_core.data import audio
from igsed_core.detection import explain as explaining
from igsed_core.detection.localiser import Localiser
from igsed_core.models.classifier import Classifier
from igsed_core.workflow.recordings import formats


def load_module(words: str) -> nn.Module:
    """Make the module that ``MODULE:FACTORY`` names; the working directory is searched, too.

    Raises
    ------
    IgsedError
        If there is no such module or factory, it fails, or what it makes is no :class:`torch.nn.Module`.
    """
    name, _, factory = words.partition(":")
    if not name or not factory:
        raise IgsedError(f"--model is {words!r}: give MODULE:FACTORY, or a file of `igsed train`")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        made: Any = getattr(importlib.import_module(name), factory)
        made = made if isinstance(made, nn.Module) else made()
    except (ImportError, AttributeError, TypeError) as error:
        raise IgsedError(f"--model {words} cannot be loaded ({error}): check the names, run in its folder") from error
    if not isinstance(made, nn.Module):
        raise IgsedError(f"--model {words} makes a {type(made).__name__}: expected a torch.nn.Module")
    return made


def explain(
    recording: Path,
    model: str,
    out: Path,
    *,
    weights: str = "",
    sample_rate: int | None = None,
    classes: tuple[str, ...] = (),
    targets: tuple[str, ...] = (),
    method: str = "saliency_waveform",
    rule: str = "smooth_log_hmm",
) -> pd.DataFrame:
    """Explain one recording and write ``events.tsv`` and ``importance.tsv``.

    Parameters
    ----------
    recording
        Audio file of up to a minute.
    model
        ``MODULE:FACTORY``, or a model file of ``igsed train``.
    out
        Folder to write to.
    weights
        Of a model file's encoder; empty for its own.
    sample_rate
        Of what the module hears, in Hz; by default what it says by ``sample_rate``.
    classes
        Names of its outputs; by default what it says by ``classes``.
    targets, method, rule
        See :func:`igsed_core.detection.explain.explain` and :meth:`igsed_core.detection.explain.Explanation.events`.

    Raises
    ------
    IgsedError
        If recording or model cannot be used, or the module says neither rate nor classes.
    """
    module: nn.Module
    if Path(model).is_file():
        localiser = Localiser.load(model, weights)
        module = Classifier(localiser.encoder, localiser.model.head)
    else:
        module = load_module(model)
    rate = sample_rate or getattr(module, "sample_rate", None)
    names = classes or tuple(getattr(module, "classes", ()))
    if not rate or not names:
        raise IgsedError(f"--model {model} does not say what it hears: give --sample-rate and --classes")
    samples, given = audio.read(recording)
    found = explaining.explain(module, samples, given, names, method=method, targets=targets, model_rate=int(rate))
    events = found.events(rule)
    importance = pd.DataFrame(found.importance.read_as(found.sign).T, columns=list(found.classes))
    onset = found.importance.start + found.importance.step * np.arange(len(importance))
    importance.insert(0, "onset", onset.round(4))
    formats.write_tsv(out / "events.tsv", events.assign(filename=recording.name))
    files.write_text(out / "importance.tsv", importance.to_csv(sep="\t", index=False, lineterminator="\n"))
    return events
