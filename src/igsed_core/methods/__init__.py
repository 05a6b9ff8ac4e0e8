"""The registry of methods that tell, from a clip-level classifier alone, when a class sounds."""

from __future__ import annotations

from functools import partial

from igsed_core.errors import IgsedError
from igsed_core.methods.base import FAMILIES, READINGS, Entry, Importance, Method
from igsed_core.methods.cam import ClassActivationMap
from igsed_core.methods.grad_cam import GradCam
from igsed_core.methods.input_x_gradient import InputXGradient
from igsed_core.methods.integrated_gradients import IntegratedGradients
from igsed_core.methods.saliency import Saliency
from igsed_core.methods.smoothgrad import SmoothGrad

# A line a method: name -> how it is made, what it is called, its family, how its sign is read.
REGISTRY: dict[str, Entry] = {
    "ig": Entry(partial(IntegratedGradients, "captum"), "Integrated Gradients (IG)", "path"),
    "ig_db": Entry(partial(IntegratedGradients, "mel_path"), "IG, decibel path", "path"),
    "saliency": Entry(Saliency, "Saliency", "gradient"),
    "saliency_waveform": Entry(partial(Saliency, of="waveform"), "Saliency, waveform", "gradient"),
    "smoothgrad": Entry(SmoothGrad, "SmoothGrad", "gradient"),
    "ixg": Entry(InputXGradient, "Input x gradient", "gradient"),
    "ixg_log_mel": Entry(partial(InputXGradient, of="log_mel"), "Input x gradient, log-mel", "gradient"),
    "cam": Entry(ClassActivationMap, "CAM", "activation", reading="signed"),
    "grad_cam": Entry(GradCam, "Grad-CAM", "activation"),
    "layer_cam": Entry(partial(GradCam, layer=True), "Layer-CAM", "activation"),
}


def entry(name: str) -> Entry:
    """Return a method's line of the registry.

    Raises
    ------
    IgsedError
        For an unknown name; the message lists the valid ones.
    """
    if name not in REGISTRY:
        raise IgsedError(f"method {name!r} is unknown: choose one of {', '.join(REGISTRY)}")
    return REGISTRY[name]


def create(name: str) -> Method:
    """Create a method by name, with its default options; an unknown name is an error as in :func:`entry`."""
    return entry(name).factory()


__all__ = ["FAMILIES", "READINGS", "REGISTRY", "Entry", "Importance", "Method", "create", "entry"]
