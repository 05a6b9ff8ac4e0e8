"""Attribution: class score -> importance over time. The registry of engines that integrate gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from igsed_core.attribution.ig.base import Attribution, Engine
from igsed_core.base.errors import IgsedError
from igsed_core.workflow.experiment import IntegratedGradients


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
        The engine's own, such as those that :func:`options` returns.

    Raises
    ------
    IgsedError
        For an unknown name; the message lists the valid ones.
    """
    if name not in ENGINES:
        raise IgsedError(f"parameter 'engine' is {name!r}: choose one of {', '.join(ENGINES)}")
    return ENGINES[name](**options)


def options(params: IntegratedGradients) -> dict[str, Any]:
    """Return the options of the chosen engine, from the parameters of the stage.

    Parameters
    ----------
    params
        ``internal_batch`` bounds the memory of either engine.
    """
    common = {"rule": params.rule, "n_points": params.n_points, "target": params.target}
    if params.engine == "captum":
        return {**common, "internal_batch": params.internal_batch}
    return {
        **common,
        "batch": params.internal_batch,
        "tolerance": params.tolerance,
        "precision": params.precision,
    }


__all__ = ["ENGINES", "Attribution", "Engine", "create", "options"]
