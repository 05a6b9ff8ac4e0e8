"""The registry of engines that integrate gradients: class score -> attribution of the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igsed_core.base import plugins
from igsed_core.base.errors import IgsedError
from igsed_core.base.registry import Entry, Registry

if TYPE_CHECKING:
    from igsed_core.attribution.ig.base import Engine

ENGINES = Registry(
    "engine",
    plugins.ENGINES,
    {
        "captum": Entry(
            target="igsed_core.attribution.ig.captum_ig:CaptumIntegratedGradients", title="Captum, on the waveform"
        ),
        "mel_path": Entry(
            target="igsed_core.attribution.ig.decibel:MelPathIntegratedGradients", title="on the mel map"
        ),
    },
)


def create(name: str, **options: Any) -> Engine:
    """Create an engine by name.

    Parameters
    ----------
    name
        One of :data:`ENGINES`.
    **options
        The engine's own.

    Raises
    ------
    IgsedError
        For an unknown name; the message lists the valid ones.

    Examples
    --------
    >>> from igsed_core.attribution.ig.engines import create
    >>> create("mel_path", n_steps=16).n_steps
    16
    """
    if name not in ENGINES:
        raise IgsedError(f"parameter 'engine' is {name!r}: choose one of {', '.join(ENGINES)}")
    engine: Engine = ENGINES.load(name)(**options)
    return engine
