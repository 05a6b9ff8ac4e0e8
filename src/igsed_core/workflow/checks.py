"""What is looked at before anything runs: files, folders, programs, and parameters of different stages together.

Whatever a stage would refuse for reasons that are there from the beginning is refused here, at once: hours of work may
lie before that stage. Only stages that are yet to run are looked at.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import fields
from pathlib import Path
from typing import cast

from igsed_core.base import paths
from igsed_core.base.errors import IgsedError
from igsed_core.base.params import StageParams, names_of
from igsed_core.chapters.conditions.params import Conditions
from igsed_core.chapters.localiser.params import Localiser
from igsed_core.data import assets, mixing
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.main_job.params import DataSynthesis, IntegratedGradients, Training
from igsed_core.models.encoders import registry as encoders
from igsed_core.workflow.experiments import Experiment

# Log-mel frames in a feature frame of each encoder of this package: shifts must divide it.
LOG_MEL_FRAMES = 32
# Numbers on which what is looked at depends; beside them all names, paths and truth values.
_NUMBERS = ("sample_rate", "duration", "shifts", "attack_shifts")


def check_each(experiments: Iterable[tuple[Experiment, Collection[str]]], *, here: bool) -> None:
    """Check many experiments; those that differ in nothing that is looked at are checked once.

    Parameters
    ----------
    experiments
        Each with its stages that are yet to run.
    here
        See :func:`check`.

    Raises
    ------
    IgsedError
        See :func:`check` and :func:`check_paths`.
    """
    seen = set()
    for experiment, missing in experiments:
        values = {name: value for name, value in experiment.values().items() if name != "experiment"}
        looked_at = {n: v for n, v in values.items() if isinstance(v, str | bool) or n in _NUMBERS}
        if (decides := (*sorted(missing), *looked_at.items())) not in seen:
            seen.add(decides)
            check_paths(experiment)
            check(experiment, missing, here=here)


def check(experiment: Experiment, missing: Collection[str], *, here: bool = True) -> None:
    """Check what is there and what fits together.

    Parameters
    ----------
    experiment
        Its parameters, each good by itself.
    missing
        Stages that are yet to run.
    here
        Whether they run on this machine, so that its devices and programs are looked at.

    Raises
    ------
    IgsedError
        For the first thing that a stage would refuse; the message names the parameter or the file and the remedy.
    """
    data = cast(DataSynthesis, experiment.stages[DataSynthesis.stage])
    training = cast(Training, experiment.stages[Training.stage])
    if Training.stage in missing:
        check_encoder(training, data.sample_rate)
    if Localiser.stage in missing:
        check_localiser(cast(Localiser, experiment.stages[Localiser.stage]), training, data.sample_rate)
    for name in missing:
        check_stage(experiment.stages[name], training.encoder, here=here)
    if here and IntegratedGradients.stage in missing:
        attribution = cast(IntegratedGradients, experiment.stages[IntegratedGradients.stage])
        check_precision(attribution)
    sounding = {DataSynthesis.stage, Conditions.stage} & {*missing}
    if here and sounding:
        mixing.require_sox()
    if sounding or Localiser.stage in missing:
        classes = soundbank.check_for(data)
        if classes is not None and Localiser.stage in missing:
            check_classes(classes, data.soundbank)
        if classes is not None and Conditions.stage in missing:
            check_recordings(cast(Conditions, experiment.stages[Conditions.stage]), classes)


def check_paths(experiment: Experiment) -> None:
    """Make sure that every file and folder that a parameter names is there.

    Raises
    ------
    IgsedError
        If one is missing, of another kind or unreadable; the message names the parameter, the path and the remedy.
    """
    for params in experiment.stages.values():
        for f in fields(params):
            value, kind = getattr(params, f.name), f.metadata["path"]
            if not kind or not value or value in names_of(f):
                continue
            place = Path(value)
            known = [*map(repr, names_of(f)), *(["leave it empty"] if f.default == "" else [])]
            remedy = f"give the path of a {kind} that is there, or {' or '.join(known)}"
            try:
                there = place.is_file() if kind == "file" else place.is_dir()
                reason = "" if there else f"which is no {kind}" if place.exists() else f"and there is no such {kind}"
                if there and not os.access(place, os.R_OK | (os.X_OK if kind == "folder" else 0)):
                    reason, remedy = f"a {kind} that you may not read", "give yourself the right to read it"
            except OSError as error:
                reason = f"which cannot be looked at ({error.strerror or error})"
            if reason:
                raise IgsedError(f"parameter {f.name!r} names {paths.shown(place)}, {reason}: {remedy}")


def check_encoder(training: Training, sample_rate: int) -> None:
    """Hold sample rate and window against the encoder, and read its weights where they are there already.

    Raises
    ------
    IgsedError
        If one does not fit, or the file of weights cannot be used.
    """
    name = training.encoder
    traits = encoders.TRAITS.get(name)
    if traits:
        encoders.check_sample_rate(name, traits.sample_rate, sample_rate)
        if not training.weights and training.window not in ("auto", traits.window):
            raise IgsedError(
                f"parameter 'window' is {training.window!r}, but the weights of encoder {name!r} were trained with "
                f"{traits.window!r}: set window=auto, or give other weights"
            )
        if training.pooled_embedding == "kept" and not traits.pooled_embedding:
            raise IgsedError(
                f"parameter 'pooled_embedding' is 'kept', but encoder {name!r} has no layer between its pooling and "
                "its output layer: use pooled_embedding=dropped, or encoder=cnn14"
            )
    fetched = name in assets.REGISTRY and assets.path_of(name).is_file()
    if training.weights or fetched:
        encoder = encoders.load(name, training.weights, training.window)
        encoders.check_sample_rate(name, encoder.frontend.sample_rate, sample_rate)


def check_localiser(localiser: Localiser, training: Training, sample_rate: int) -> None:
    """Make sure that the page of the localiser can be made with the heads and the soundscapes of the main job.

    Raises
    ------
    IgsedError
        If it cannot.
    """
    if training.pooled_embedding == "kept":
        raise IgsedError(
            "parameter 'pooled_embedding' is 'kept', with which no frame gives a share of a logit: leave the chapter "
            "localiser out (parameter 'chapters'), or use pooled_embedding=dropped"
        )
    if traits := encoders.TRAITS.get(localiser.other_encoder):
        encoders.check_sample_rate(localiser.other_encoder, traits.sample_rate, sample_rate)


def check_stage(params: StageParams, encoder: str, *, here: bool = True) -> None:
    """Hold one stage's parameters, and the data that they name, to what the stage will ask for.

    Parameters
    ----------
    params
        Of the stage.
    encoder
        That of the main job.
    here
        Whether the stage runs on this machine, so that its devices are looked at.

    Raises
    ------
    IgsedError
        For the first thing that the stage would refuse; the message names the parameter or the file and the remedy.
    """
    for name in (f.name for f in fields(params)):
        if here and name in devices_of(params):
            check_device(name, getattr(params, name))
        if name.endswith("shifts") and encoder in encoders.TRAITS:
            check_shifts(name, getattr(params, name))
    params.look()


def devices_of(params: StageParams) -> tuple[str, ...]:
    """Return the names of a stage's parameters that name a device."""
    return tuple(f.name for f in fields(params) if f.name.endswith("device"))


def check_shifts(parameter: str, shifts: int) -> None:
    """Make sure that the feature frames of this package's encoders can be shifted so often.

    Raises
    ------
    IgsedError
        If they cannot.
    """
    if shifts < 1 or LOG_MEL_FRAMES % shifts:
        divisors = ", ".join(str(n) for n in range(1, LOG_MEL_FRAMES + 1) if not LOG_MEL_FRAMES % n)
        raise IgsedError(
            f"parameter {parameter!r} is {shifts}, which does not divide the {LOG_MEL_FRAMES} log-mel frames of a "
            f"feature frame: choose one of {divisors}"
        )


def check_device(parameter: str, name: str) -> None:
    """Make sure that a device is there.

    Raises
    ------
    IgsedError
        If CUDA is asked for and there is none.
    """
    if name != "cuda":
        return
    from igsed_core.base import devices  # loads PyTorch, which takes seconds

    try:
        devices.choose(name)
    except IgsedError:
        raise IgsedError(
            f"parameter {parameter!r} is 'cuda', but no CUDA device is there: use 'auto' or 'cpu'"
        ) from None


def check_precision(attribution: IntegratedGradients) -> None:
    """Make sure that the processor knows the precision of the path.

    Raises
    ------
    IgsedError
        If it does not.
    """
    if attribution.precision != "bfloat16":
        return
    from igsed_core.base import devices

    if not devices.has_bfloat16(devices.choose(attribution.ig_device)):
        raise IgsedError(
            "parameter 'precision' is 'bfloat16', for which this processor has no instructions "
            "(AVX512-BF16, AMX, or a recent GPU): use 'float32'"
        )


def check_classes(classes: Collection[str], bank: str) -> None:
    """Make sure that there is something to tell a class from.

    Raises
    ------
    IgsedError
        If there is a single class.
    """
    if len(classes) < 2:
        raise IgsedError(
            f"sound bank {bank!r} has one class, {next(iter(classes))!r}, which every soundscape holds: the localiser "
            "learns from soundscapes without a class; add a second one, or leave those pages out with chapters=none"
        )


def check_recordings(conditions: Conditions, classes: Collection[str]) -> None:
    """Read the table of the user's recordings, and the recordings.

    Raises
    ------
    IgsedError
        If a line or a file cannot be used.
    """
    if conditions.recordings:
        from igsed_core.data import recordings

        recordings.read(conditions.recordings, sorted(classes))
