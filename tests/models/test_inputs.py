"""The Python interface: what can be explained is brought to the classifier, the rest refused in one clear sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from igsed_core.attribution import registry as methods
from igsed_core.attribution.ig import engines
from igsed_core.base.errors import IgsedError
from igsed_core.models import heads, inputs
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders import registry as encoders
from methods_classifier import CLASSES, RATE, classifier, clips

# fast ones of every family
METHODS = ("saliency", "saliency_waveform", "ixg", "deep_lift", "lrp_composite", "cam", "grad_cam", "shifted_cam")
METHODS += ("occlusion_silence", "lime", "smoothgrad", "expected_gradients", "ig_db", "ig_captum")
ENGINES = {
    "captum": {"quadrature": "riemann_middle", "n_steps": 2},
    "mel_path": {"quadrature": "db_midpoint", "n_steps": 2},
}

Call = Callable[[Any, Any], Any]


def of_engine(name: str) -> Call:
    engine = engines.create(name, **ENGINES[name])
    return lambda waveform, classes: engine(classifier(), waveform, classes)


def of_method(name: str) -> Call:
    method = methods.create(name)
    return lambda waveforms, classes: method(classifier(), waveforms, classes)


def one() -> Tensor:
    return clips(1, 0.4)[0]


def spoilt(value: float, at: int = 5) -> Tensor:
    x = one().clone()
    x[at] = value
    return x


WAVEFORMS: dict[str, tuple[Callable[[], Any], str]] = {
    "nan": (lambda: spoilt(float("nan")), r"1 NaN or infinite samples \(the first: clip 0, sample 5\): repair the rec"),
    "infinite": (lambda: spoilt(-float("inf")), r"1 NaN or infinite samples"),
    "int16": (lambda: (one() * 32767).short(), r"int16 samples, but must hold floating-point .*: divide them by 32768"),
    "int16 array": (lambda: (one() * 32767).short().numpy(), r"int16 samples, .*: divide them by 32768 first"),
    "int32": (lambda: (one() * 2**31).to(torch.int32), r"int32 samples, .*: divide them by 2147483648 first"),
    "uint8": (lambda: (128 + one() * 127).to(torch.uint8), r"uint8 samples, .*between -1 and 1"),
    "bool": (lambda: one() > 0, r"bool samples"),
    "complex": (lambda: one().to(torch.complex64), r"complex64 samples, .*: give real ones"),
    "nothing": (lambda: one()[:0], r"has the shape \(0,\)"),
    "a number": (lambda: torch.tensor(0.5), r"has the shape \(\)"),
    "words": (lambda: "clip.wav", r"waveform is a str that is no array of numbers: give a tensor"),
    "none": (lambda: None, r"waveform is a NoneType that is no array of numbers"),
    "too short": (lambda: one()[:600], r"600 samples"),
}
LISTS: dict[str, tuple[Any, str]] = {
    "empty": ([], "there is no class to explain in a clip: give one or more outputs"),
    "too high": ([0, 3], "class 3 is out of range: the classifier has the outputs 0 to 2"),
    "negative": ([-1], "class -1 is out of range: the classifier has the outputs 0 to 2"),
    "a fraction": ([0.5], r"class 0\.5 is no whole number: give its position in head\.classes"),
    "a name": (["Hum"], r"class 'Hum' is no whole number: give its position in head\.classes, here 1"),
    "an unknown name": (["Cat"], r"class 'Cat' is no whole number"),
    "none": ([None], "class None is no whole number"),
    "a truth value": ([True], "class True is out of range"),
    "words": ("Hum", "the classes to explain are 'Hum': give a list"),
}


@pytest.mark.parametrize("fault", WAVEFORMS)
@pytest.mark.parametrize("name", ENGINES)
def test_engines_refuse_waveforms(name: str, fault: str) -> None:
    make, message = WAVEFORMS[fault]
    with pytest.raises(IgsedError, match=message):
        of_engine(name)(make(), [0])


@pytest.mark.parametrize("fault", [fault for fault in WAVEFORMS if fault not in ("nothing", "a number", "too short")])
@pytest.mark.parametrize("name", METHODS)
def test_methods_refuse_waveforms(name: str, fault: str) -> None:
    make, message = WAVEFORMS[fault]
    made = make()
    with pytest.raises(IgsedError, match=message):
        of_method(name)(made if isinstance(made, str | None) else made[None], [[0]])


@pytest.mark.parametrize("fault", [fault for fault in WAVEFORMS if fault not in ("nothing", "a number")])
def test_classifiers_encoders_and_front_ends_refuse_waveforms(fault: str) -> None:
    make, message = WAVEFORMS[fault]
    made = make()
    x = made if isinstance(made, str | None) else made[None]
    for module in (classifier(), classifier().encoder, *([classifier().encoder.frontend] * (fault != "too short"))):
        with pytest.raises(IgsedError, match=message):
            module(x)


@pytest.mark.parametrize("fault", LISTS)
@pytest.mark.parametrize("name", ENGINES)
def test_engines_refuse_classes(name: str, fault: str) -> None:
    wanted, message = LISTS[fault]
    with pytest.raises(IgsedError, match=message):
        of_engine(name)(one(), wanted)


@pytest.mark.parametrize("fault", LISTS)
@pytest.mark.parametrize("name", METHODS)
def test_methods_refuse_classes(name: str, fault: str) -> None:
    wanted, message = LISTS[fault]
    with pytest.raises(IgsedError, match=message):
        of_method(name)(one()[None], [wanted])


@pytest.mark.parametrize("name", ENGINES)
def test_engines_take_one_clip(name: str) -> None:
    with pytest.raises(IgsedError, match=r"has the shape \(1, 12800\); give \(n_samples,\), one clip as x\[0\]"):
        of_engine(name)(one()[None], [0])


@pytest.mark.parametrize("name", METHODS)
def test_methods_take_clips_and_a_list_for_each(name: str) -> None:
    call = of_method(name)
    with pytest.raises(IgsedError, match=r"has the shape \(12800,\); give \(batch, samples\), one clip as x\[None\]"):
        call(one(), [[0]])
    with pytest.raises(
        IgsedError, match="there are 1 clips and classes to explain for 2: give a list of outputs for each"
    ):
        call(one()[None], [[0], [1]])
    with pytest.raises(IgsedError, match=r"the classes to explain are 0: give a list of outputs, such as \[0\]"):
        call(one()[None], [0])
    with pytest.raises(IgsedError, match=r"the classes to explain are 0: give a list of outputs for each clip"):
        call(one()[None], 0)


def test_many_clips_of_the_engine_are_checked_too() -> None:
    engine = engines.create("mel_path", **ENGINES["mel_path"])
    for waveforms, classes, message in (
        (torch.stack([one(), spoilt(float("nan"), 9)]), [[0], [1]], r"the first: clip 1, sample 9"),
        (one()[None], [[0], [1]], "there are 1 clips"),
        (one(), [[0]], r"has the shape \(12800,\)"),
        (one()[None], [[]], "there is no class to explain"),
        (one()[None], [[7]], "class 7 is out of range"),
    ):
        with pytest.raises(IgsedError, match=message):
            engine.many(classifier(), waveforms, classes)  # type: ignore[attr-defined]


SAME: dict[str, Callable[[Tensor], Any]] = {
    "double precision": lambda x: x.double(),
    "an array": lambda x: x.numpy(),
    "an array of doubles": lambda x: x.numpy().astype(np.float64),
    "a list": lambda x: x.tolist(),
    "not in one piece": lambda x: torch.stack([x, x], dim=-1)[..., 0],
}


@pytest.mark.parametrize("form", SAME)
def test_other_forms_of_the_same_samples_give_the_same(form: str) -> None:
    x, other = one(), SAME[form](one())
    for name in ENGINES:
        expected, found = (of_engine(name)(waveform, [0, 2]) for waveform in (x, other))
        assert found.samples.dtype == torch.float32
        torch.testing.assert_close(found.samples, expected.samples, rtol=0, atol=0)
    for name in ("saliency", "cam"):
        expected, found = (of_method(name)(waveform, [[1]]) for waveform in (x[None], SAME[form](x[None])))
        np.testing.assert_array_equal(found[0].signed, expected[0].signed)
    torch.testing.assert_close(classifier()(SAME[form](x[None])), classifier()(x[None]), rtol=0, atol=0)


@pytest.mark.parametrize(
    "wanted", [np.array([0, 2]), torch.tensor([0, 2]), (0, 2), [np.int64(0), np.uint8(2)], range(0, 3, 2)]
)
def test_other_forms_of_the_same_classes_give_the_same(wanted: Any) -> None:
    expected = of_engine("mel_path")(one(), [0, 2])
    torch.testing.assert_close(of_engine("mel_path")(one(), wanted).samples, expected.samples, rtol=0, atol=0)
    assert of_method("cam")(one()[None], [wanted])[0].signed.shape[0] == 2


def test_what_needs_no_change_is_handed_on_as_it_is() -> None:
    x = one()[None].requires_grad_()
    assert inputs.checked(x, classifier()) is x
    doubled = x.double()
    (gradient,) = torch.autograd.grad(classifier()(doubled)[0, 0], x)
    assert bool(gradient.any())  # gradients flow through a conversion


def test_a_classifier_in_double_precision_stays_there() -> None:
    encoder = encoders.load("embedded")
    made = Classifier(encoder, heads.create("clip_level", encoder.n_features, CLASSES, seed=3)).double()
    assert made(one()[None]).dtype == torch.float64


def test_a_head_for_another_encoder_is_refused() -> None:
    encoder = encoders.load("embedded")
    with pytest.raises(
        IgsedError, match="the head takes 384 features, but encoder 'embedded' gives 512: use the encod"
    ):
        Classifier(encoder, heads.create("clip_level", 384, CLASSES, seed=0))


def test_silence_is_no_fault() -> None:
    silent = torch.zeros(RATE)
    for name in ENGINES:
        assert not of_engine(name)(silent, [0]).samples.any()
