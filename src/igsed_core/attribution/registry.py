"""The registry of methods that tell, from a clip-level classifier alone, when a class sounds."""

from __future__ import annotations

from functools import partial

from igsed_core.attribution.base import FAMILIES, READINGS, Entry, Importance, Method
from igsed_core.attribution.cam import ClassActivationMap
from igsed_core.attribution.deep_lift import DeepLift
from igsed_core.attribution.expected_gradients import ExpectedGradients
from igsed_core.attribution.grad_cam import GradCam
from igsed_core.attribution.input_x_gradient import InputXGradient
from igsed_core.attribution.integrated_gradients import IntegratedGradients
from igsed_core.attribution.lrp import Lrp
from igsed_core.attribution.occlusion import Occlusion
from igsed_core.attribution.saliency import Saliency
from igsed_core.attribution.shifted_cam import ShiftedCam
from igsed_core.attribution.smoothgrad import SmoothGrad
from igsed_core.attribution.surrogate import Surrogate
from igsed_core.base.errors import IgsedError

# A line a method: name -> how it is made, what it is called, its family, how its sign is read.
REGISTRY: dict[str, Entry] = {
    "ig_captum": Entry(partial(IntegratedGradients, "captum", internal_batch=5), "IG, Captum (paper)", "path"),
    "ig_db": Entry(partial(IntegratedGradients, "mel_path"), "IG, decibel path", "path"),
    "expected_gradients": Entry(ExpectedGradients, "Expected gradients", "path"),
    "saliency": Entry(Saliency, "Saliency", "gradient"),
    "saliency_waveform": Entry(partial(Saliency, of="waveform"), "Saliency, waveform", "gradient"),
    "smoothgrad": Entry(SmoothGrad, "SmoothGrad", "gradient"),
    "ixg": Entry(InputXGradient, "Input x gradient", "gradient"),
    "ixg_log_mel": Entry(partial(InputXGradient, of="log_mel"), "Input x gradient, log-mel", "gradient"),
    "deep_lift": Entry(DeepLift, "DeepLift", "propagation"),
    "lrp_epsilon": Entry(partial(Lrp, "epsilon"), "LRP, epsilon", "propagation", reading="positive"),
    "lrp_gamma": Entry(partial(Lrp, "gamma"), "LRP, gamma", "propagation", reading="positive"),
    "lrp_composite": Entry(partial(Lrp, "composite"), "LRP, composite", "propagation", reading="positive"),
    "cam": Entry(ClassActivationMap, "CAM", "activation", reading="signed"),
    "grad_cam": Entry(GradCam, "Grad-CAM", "activation"),
    "layer_cam": Entry(partial(GradCam, layer=True), "Layer-CAM", "activation"),
    "occlusion_silence": Entry(
        partial(Occlusion, replace="silence"), "Occlusion by silence", "perturbation", reading="signed"
    ),
    "occlusion_background": Entry(
        partial(Occlusion, replace="background"), "Occlusion by background", "perturbation", reading="signed"
    ),
    "occlusion_mean": Entry(
        partial(Occlusion, replace="mean"), "Occlusion by the mean", "perturbation", reading="signed"
    ),
    "occlusion_500ms": Entry(
        partial(Occlusion, window=0.5), "Occlusion by background, 0.5 s", "perturbation", reading="signed"
    ),
    "lime": Entry(partial(Surrogate, "lime"), "LIME on segments", "perturbation", reading="signed"),
    "kernel_shap": Entry(partial(Surrogate, "kernel_shap"), "KernelSHAP on segments", "perturbation", reading="signed"),
    "shifted_cam": Entry(ShiftedCam, "CAM at 8 shifts", "own", reading="signed"),
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
