"""Attribution: class score -> importance over time. The registry of engines that integrate gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from igsed_core.attribution.ig.base import Attribution, Engine
from igsed_core.base.errors import IgsedError


def _captum(**options: Any) -> Engine:
    from igsed_core.attribution.ig.captum_ig import CaptumIntegratedGradients

    return CaptumIntegratedGradients(**options)


def _mel_path(**options: Any) -> Engine:
    from igsed_core.attribution.ig.decibel import MelPathIntegratedGradients

    return MelPathIntegratedGradients(**options)


ENGINES: dict[str, Callable[..., Engine]] = {"captum": _captum, "mel_path": _mel_path}


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
    """
    if name not in ENGINES:
        raise IgsedError(f"parameter 'engine' is {name!r}: choose one of {', '.join(ENGINES)}")
    return ENGINES[name](**options)


__all__ = ["ENGINES", "Attribution", "Engine", "create"]
