"""What chapters with data of their own would refuse, looked at before anything runs."""

from __future__ import annotations

from pathlib import Path

from igsed_core.base.errors import IgsedError
from igsed_core.base.params import StageParams, names_of
from igsed_core.chapters.adversarial.params import AdversarialStudy
from igsed_core.chapters.representations.params import RepresentationStudy
from igsed_core.chapters.self_attention.params import SelfAttentionStudy
from igsed_core.chapters.vocal_percussion.params import BANK, VocalPercussionStudy
from igsed_core.models.encoders import registry as encoders

# Log-mel frames in a feature frame of each encoder of this package: shifts must divide it.
LOG_MEL_FRAMES = 32
_SHIFTS = ("shifts", "attack_shifts")


def check(params: StageParams, encoder: str, *, here: bool = True) -> None:
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
    if encoder in encoders.TRAITS:
        for name in _SHIFTS:
            check_shifts(name, getattr(params, name, 1))
    if here and isinstance(params, SelfAttentionStudy):
        check_device("attention_device", params.attention_device)
    if isinstance(params, VocalPercussionStudy):
        check_takes(params)
    if (place := _own_folder(params)) is not None:
        _read(params, place)


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


def check_takes(params: VocalPercussionStudy) -> None:
    """Make sure that the takes have the labels that are asked for.

    Raises
    ------
    IgsedError
        If phonemes are asked of takes without.
    """
    spoken = [name for name in params.label_sets if name.startswith(("phoneme", "syllable"))]
    if spoken and params.vocal_bank != BANK and params.vocal_takes == "Fixed":
        raise IgsedError(
            f"parameter 'vocal_takes' is 'Fixed', but label set {spoken[0]!r} needs phonemes, which AVP has in its "
            "Personal takes alone: use vocal_takes=Personal, or vocal_labels=instrument,instrument_reduced,boxeme"
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


_DATA = {
    SelfAttentionStudy: "attention_data",
    AdversarialStudy: "attack_bank",
    RepresentationStudy: "repr_data",
    VocalPercussionStudy: "vocal_bank",
}


def _own_folder(params: StageParams) -> Path | None:
    """The folder of a user's own that a chapter reads; None for what is made or fetched."""
    name = _DATA.get(type(params))  # type: ignore[call-overload]
    if name is None:
        return None
    value = getattr(params, name)
    known = next(f for f in type(params).__dataclass_fields__.values() if f.name == name)
    return None if value in names_of(known) else Path(value)


def _read(params: StageParams, place: Path) -> None:
    """Read tables and annotations as the stage will read them; the loaders are imported for who needs them alone."""
    if isinstance(params, SelfAttentionStudy):
        from igsed_core.data import urban_sed

        if urban_sed.is_urbansound8k(place):
            urban_sed.sources(place)
        else:
            urban_sed.load(place)
    elif isinstance(params, AdversarialStudy):
        from igsed_core.chapters.adversarial import fsdkaggle

        fsdkaggle.load(place, licences=params.licences, verified=params.attack_verified)
    elif isinstance(params, RepresentationStudy):
        from igsed_core.chapters.representations import urbansound8k

        urbansound8k.files(place)
    elif isinstance(params, VocalPercussionStudy):
        from igsed_core.chapters.vocal_percussion import avp, labels

        sounds = avp.load(place, variant=params.vocal_takes).boxemes
        for name in params.label_sets:
            labels.of(name, sounds)
