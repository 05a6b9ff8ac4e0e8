"""``igsed explain``: when a classifier of the user's own says that its classes sound."""

from __future__ import annotations

import importlib
import math
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from igsed_core.base import files, paths, text
from igsed_core.base.errors import IgsedError
from igsed_core.base.names import check_classes
from igsed_core.data import audio, long_audio
from igsed_core.detection import explain as explaining
from igsed_core.detection.localiser import Localiser
from igsed_core.detection.thresholds import registry as rules
from igsed_core.models.classifier import Classifier
from igsed_core.workflow.recordings import formats, outputs


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
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise _not_imported(words, name, error) from error
    if not hasattr(module, factory):
        raise IgsedError(f"--model {words} cannot be loaded ({name} has no {factory!r}): check the name")
    made: Any = getattr(module, factory)
    if not isinstance(made, nn.Module):
        if not callable(made):
            raise IgsedError(f"--model {words} is a {type(made).__name__}: name a torch.nn.Module, or what makes one")
        try:
            made = made()
        except (Exception, SystemExit) as error:
            raise _failed(words, f"calling {factory}", error) from error
    if not isinstance(made, nn.Module):
        raise IgsedError(f"--model {words} makes a {type(made).__name__}: expected a torch.nn.Module")
    return made


def _not_imported(words: str, name: str, error: BaseException) -> IgsedError:
    """Tell a wrong name from a module that is there and fails."""
    parts = name.split(".")
    mine = {".".join(parts[: n + 1]) for n in range(len(parts))}
    missing = isinstance(error, ModuleNotFoundError) and error.name in mine
    if missing or not all(parts):
        return IgsedError(f"--model {words} cannot be loaded ({error}): check the names, run in its folder")
    return _failed(words, f"importing {name}", error)


def _failed(words: str, doing: str, error: BaseException) -> IgsedError:
    """Name the line of the user's code that failed."""
    at = traceback.extract_tb(error.__traceback__)
    where = f", {at[-1].filename} line {at[-1].lineno}" if at else ""
    if isinstance(error, SyntaxError):
        where = f", {error.filename} line {error.lineno}"
    return IgsedError(f"--model {words}: {doing} failed ({type(error).__name__}: {error}{where}): mend that module")


def hears(
    module: nn.Module, words: str, sample_rate: int | None, classes: tuple[str, ...]
) -> tuple[Any, tuple[str, ...]]:
    """Return what a user says of sample rate and classes, else what the module says; None and nothing if neither does.

    Raises
    ------
    IgsedError
        If asking the module fails.
    """
    try:
        rate = getattr(module, "sample_rate", None) if sample_rate is None else sample_rate
        said = classes or getattr(module, "classes", ())
        return rate, (said,) if isinstance(said, str) else tuple(said)
    except Exception as error:
        raise _failed(words, "asking for its sample_rate and classes", error) from error


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
    outputs.check_table(out / "events.tsv", formats.COLUMNS, "table of `igsed explain`")
    outputs.check_table(out / "importance.tsv", ("onset",), "table of `igsed explain`")
    module: nn.Module
    file = paths.user_path(model)
    if file.is_file():
        localiser = Localiser.load(file, weights)
        module = Classifier(localiser.encoder, localiser.model.head)
    elif ":" not in model and (file.exists() or file.suffix or file.parent != Path()):
        what = "which is a folder" if file.is_dir() else "and there is no such file"
        raise IgsedError(f"--model is {model!r}, {what}: give MODULE:FACTORY, or a file of `igsed train`")
    else:
        module = load_module(model)
    rate, names = hears(module, model, sample_rate, classes)
    if rate is None or not names:
        raise IgsedError(f"--model {model} does not say what it hears: give --sample-rate and --classes")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not math.isfinite(rate):
        raise IgsedError(f"--model {model} says the sample rate {rate!r}, which is no number: give --sample-rate")
    check_classes(names)
    rules.get(rule)
    samples, given = audio.read(recording)
    if fault := audio.find_fault_of_recording(samples, given):
        raise IgsedError(f"{text.shown(recording)} {fault}: repair it, or give one of its channels")
    heard = long_audio.check_rate(rate, f"--model {model}")
    found = explaining.explain(module, samples, given, names, method=method, targets=targets, model_rate=heard)
    events = found.events(rule)
    importance = pd.DataFrame(found.importance.read_as(found.sign).T, columns=list(found.classes))
    onset = found.importance.start + found.importance.step * np.arange(len(importance))
    importance.insert(0, "onset", onset.round(4))
    formats.write_tsv(out / "events.tsv", events.assign(filename=recording.name))
    files.write_text(out / "importance.tsv", importance.to_csv(sep="\t", index=False, lineterminator="\n"))
    return events
