"""The registry of methods that tell, from a clip-level classifier alone, when a class sounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from igsed_core.base import plugins
from igsed_core.base.registry import Entry, Registry

if TYPE_CHECKING:
    from igsed_core.attribution.base import Method

FAMILIES = ("gradient", "path", "propagation", "activation", "perturbation", "own")


@dataclass(frozen=True, kw_only=True)
class MethodEntry(Entry):
    """One method: ``target`` makes it (:class:`igsed_core.attribution.base.Method`), with ``options``.

    Attributes
    ----------
    family
        One of :data:`FAMILIES`.
    sign
        How the sign is read when the method is compared with others, one of
        :data:`igsed_core.metrics.scores.SIGNS`: what its source does.
    costly
        Left out where a parameter says ``all``: it is taken by its name alone.
    """

    LOOKS: ClassVar[frozenset[str]] = Entry.LOOKS | {"family"}

    family: str
    sign: str = "absolute"
    costly: bool = False


REGISTRY = Registry(
    "method",
    plugins.METHODS,
    {
        "ig_captum": MethodEntry(
            target="igsed_core.attribution.integrated_gradients:IntegratedGradients",
            title="IG, Captum (paper)",
            family="path",
            options={"engine": "captum", "internal_batch_size": 5},
            uses=((plugins.ENGINES, "captum"),),
        ),
        "ig_db": MethodEntry(
            target="igsed_core.attribution.integrated_gradients:IntegratedGradients",
            title="IG, decibel path",
            family="path",
            options={"engine": "mel_path"},
            uses=((plugins.ENGINES, "mel_path"),),
        ),
        "expected_gradients": MethodEntry(
            target="igsed_core.attribution.expected_gradients:ExpectedGradients",
            title="Expected gradients",
            family="path",
        ),
        "saliency": MethodEntry(target="igsed_core.attribution.saliency:Saliency", title="Saliency", family="gradient"),
        "saliency_waveform": MethodEntry(
            target="igsed_core.attribution.saliency:Saliency",
            title="Saliency, waveform",
            family="gradient",
            options={"of": "waveform"},
        ),
        "smoothgrad": MethodEntry(
            target="igsed_core.attribution.smoothgrad:SmoothGrad", title="SmoothGrad", family="gradient"
        ),
        "ixg": MethodEntry(
            target="igsed_core.attribution.input_x_gradient:InputXGradient", title="Input x gradient", family="gradient"
        ),
        "ixg_log_mel": MethodEntry(
            target="igsed_core.attribution.input_x_gradient:InputXGradient",
            title="Input x gradient, log-mel",
            family="gradient",
            options={"of": "log_mel"},
        ),
        "deep_lift": MethodEntry(
            target="igsed_core.attribution.deep_lift:DeepLift", title="DeepLift", family="propagation"
        ),
        "lrp_epsilon": MethodEntry(
            target="igsed_core.attribution.lrp:Lrp",
            title="LRP, epsilon",
            family="propagation",
            options={"rule": "epsilon"},
            sign="positive",
        ),
        "lrp_gamma": MethodEntry(
            target="igsed_core.attribution.lrp:Lrp",
            title="LRP, gamma",
            family="propagation",
            options={"rule": "gamma"},
            sign="positive",
        ),
        "lrp_composite": MethodEntry(
            target="igsed_core.attribution.lrp:Lrp",
            title="LRP, composite",
            family="propagation",
            options={"rule": "composite"},
            sign="positive",
        ),
        "cam": MethodEntry(
            target="igsed_core.attribution.cam:ClassActivationMap", title="CAM", family="activation", sign="signed"
        ),
        "grad_cam": MethodEntry(
            target="igsed_core.attribution.grad_cam:GradCam", title="Grad-CAM", family="activation"
        ),
        "layer_cam": MethodEntry(
            target="igsed_core.attribution.grad_cam:GradCam",
            title="Layer-CAM",
            family="activation",
            options={"layer": True},
        ),
        "occlusion_silence": MethodEntry(
            target="igsed_core.attribution.occlusion:Occlusion",
            title="Occlusion by silence",
            family="perturbation",
            options={"replace": "silence"},
            sign="signed",
        ),
        "occlusion_background": MethodEntry(
            target="igsed_core.attribution.occlusion:Occlusion",
            title="Occlusion by background",
            family="perturbation",
            options={"replace": "background"},
            sign="signed",
        ),
        "occlusion_mean": MethodEntry(
            target="igsed_core.attribution.occlusion:Occlusion",
            title="Occlusion by the mean",
            family="perturbation",
            options={"replace": "mean"},
            sign="signed",
        ),
        "occlusion_500ms": MethodEntry(
            target="igsed_core.attribution.occlusion:Occlusion",
            title="Occlusion by background, 0.5 s",
            family="perturbation",
            options={"window": 0.5},
            sign="signed",
        ),
        "lime": MethodEntry(
            target="igsed_core.attribution.surrogate:Surrogate",
            title="LIME on segments",
            family="perturbation",
            options={"kind": "lime"},
            sign="signed",
        ),
        "kernel_shap": MethodEntry(
            target="igsed_core.attribution.surrogate:Surrogate",
            title="KernelSHAP on segments",
            family="perturbation",
            options={"kind": "kernel_shap"},
            sign="signed",
        ),
        # Half a second of a core for each map: with it page 08 would take a third longer.
        "random_forest": MethodEntry(
            target="igsed_core.attribution.surrogate:Surrogate",
            title="Random forest on segments",
            family="perturbation",
            options={"kind": "random_forest", "segment": 0.1, "replace": "silence"},
            costly=True,
        ),
        "shifted_cam": MethodEntry(
            target="igsed_core.attribution.shifted_cam:ShiftedCam",
            title="CAM at 8 shifts",
            family="own",
            sign="signed",
        ),
    },
)


def named(text: str, parameter: str) -> tuple[str, ...]:
    """Return the methods that a parameter names: some, separated by commas, or all but those that cost much.

    Parameters
    ----------
    text
        What was given.
    parameter
        Its name, for the message.

    Raises
    ------
    IgsedError
        For an unknown name or none; the message lists the valid ones.

    Examples
    --------
    >>> from igsed_core.attribution.registry import named
    >>> named("cam, random_forest", "methods"), "random_forest" in named("all", "methods")
    (('cam', 'random_forest'), False)
    """
    names = plugins.names_in(text, parameter, REGISTRY)
    if text.strip() == plugins.ALL:
        return tuple(name for name in names if not REGISTRY[name].costly)
    return names


def create(name: str) -> Method:
    """Create a method by name, with its options set.

    Raises
    ------
    IgsedError
        For an unknown name; the message lists the valid ones.

    Examples
    --------
    >>> from igsed_core.attribution.registry import REGISTRY, create
    >>> type(create("occlusion_500ms")).__name__
    'Occlusion'
    >>> REGISTRY["cam"].title, REGISTRY["cam"].family
    ('CAM', 'activation')
    """
    method: Method = REGISTRY.load(name)()
    return method
