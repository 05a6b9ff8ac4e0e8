"""Attacks where the answer is known in closed form, bounds, independence of clips, and goals."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from igsed_core.base.errors import IgsedError
from igsed_core.chapters.adversarial.attacks import base
from igsed_core.chapters.adversarial.attacks.carlini_wagner import carlini_wagner
from igsed_core.chapters.adversarial.attacks.deepfool import deepfool
from igsed_core.chapters.adversarial.attacks.goals import Appear, Become, Leave, Vanish
from igsed_core.chapters.adversarial.attacks.lbfgs import lbfgs
from igsed_core.chapters.adversarial.attacks.steps import fgsm, noise, pgd

N, SAMPLES, CLASSES = 5, 40, 6


class Linear(nn.Module):
    """Logits of a linear classifier, and how many clips it was asked of."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self.w = torch.randn(CLASSES, SAMPLES, generator=random)
        self.b = 0.1 * torch.randn(CLASSES, generator=random)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.w.T.to(x) + self.b.to(x)

    def to_boundaries(self, x: Tensor, labels: Tensor) -> Tensor:
        """Distance of each clip from the boundary to each class, infinite for its own, ``(n, n_classes)``."""
        gaps = self(x).gather(1, labels[:, None]) - self(x)
        lengths = (self.w[labels][:, None] - self.w[None]).norm(dim=2)
        away = gaps / lengths
        away[torch.arange(len(x)), labels] = torch.inf
        return away


@pytest.fixture
def model() -> Linear:
    return Linear()


@pytest.fixture
def clips(model: Linear) -> Tensor:
    some = 0.2 * torch.randn(20, SAMPLES, generator=torch.Generator().manual_seed(1)).clamp(-3, 3)
    away = model.to_boundaries(some, model(some).argmax(dim=1)).amin(dim=1)
    return some[
        away.topk(N).indices
    ]  # descent by steps of one size cannot end at a boundary that is nearer than a step


@pytest.fixture
def labels(model: Linear, clips: Tensor) -> Tensor:
    return model(clips).argmax(dim=1)


def length(clips: Tensor, attacked: Tensor) -> Tensor:
    return (attacked - clips).norm(dim=1)


# ---- closed forms


def test_deepfool_of_a_linear_classifier_is_one_step_onto_the_nearest_boundary(
    model: Linear, clips: Tensor, labels: Tensor
) -> None:
    found = deepfool(model, clips, Leave(labels), overshoot=0.02)
    away, nearest = model.to_boundaries(clips, labels).min(dim=1)
    assert bool(found.reached.all())
    torch.testing.assert_close(length(clips, found.waveforms), 1.02 * away, rtol=1e-4, atol=1e-6)
    direction = torch.nn.functional.normalize(model.w[nearest] - model.w[labels])
    torch.testing.assert_close(torch.nn.functional.normalize(found.waveforms - clips), direction, rtol=1e-3, atol=1e-4)
    assert found.iterations.tolist() == [CLASSES - 1] * N  # one step, a pass for each boundary


def test_the_farthest_boundary_is_farther(model: Linear, clips: Tensor, labels: Tensor) -> None:
    near = deepfool(model, clips, Leave(labels))
    far = deepfool(model, clips, Leave(labels), farthest=True)
    away = model.to_boundaries(clips, labels)
    farthest = torch.where(away.isinf(), -torch.inf, away).amax(dim=1)
    torch.testing.assert_close(length(clips, far.waveforms), 1.02 * farthest, rtol=1e-4, atol=1e-6)
    assert bool((length(clips, far.waveforms) > length(clips, near.waveforms)).all())


def test_few_rivals_are_those_with_the_smallest_gaps(model: Linear, clips: Tensor, labels: Tensor) -> None:
    found = deepfool(model, clips, Leave(labels), rivals=1)
    gaps = Leave(labels).gaps(model(clips))
    away = model.to_boundaries(clips, labels)
    second = model(clips).topk(2, dim=1).indices[:, 1]
    assert torch.equal(Leave(labels).margin(model(clips)), gaps.amin(dim=1))
    torch.testing.assert_close(
        length(clips, found.waveforms), 1.02 * away.gather(1, second[:, None])[:, 0], rtol=1e-4, atol=1e-6
    )
    assert found.iterations.tolist() == [1] * N


@pytest.mark.parametrize(("kind", "sign"), [(Vanish, 1), (Appear, -1)])
def test_one_output_of_many_is_a_choice_between_two(
    model: Linear, clips: Tensor, kind: type[Vanish], sign: int
) -> None:
    logits = model(clips)
    classes = (sign * logits).argmax(dim=1)  # there, or not
    found = deepfool(model, clips, kind(classes))
    own = logits.gather(1, classes[:, None])[:, 0]
    torch.testing.assert_close(
        length(clips, found.waveforms), 1.02 * own.abs() / model.w[classes].norm(dim=1), rtol=1e-4, atol=1e-6
    )
    after = model(found.waveforms).gather(1, classes[:, None])[:, 0]
    assert bool((sign * after < 0).all()) and bool(found.reached.all())


def test_carlini_wagner_finds_the_shortest_way_out_of_a_linear_classifier(
    model: Linear, clips: Tensor, labels: Tensor
) -> None:
    found = carlini_wagner(model, clips, Leave(labels), iterations=600, searches=9, learning_rate=0.002, price=0.1)
    nearest = model.to_boundaries(clips, labels).amin(dim=1)
    ratio = length(clips, found.waveforms) / nearest
    assert bool(found.reached.all())
    assert bool((ratio >= 0.9999).all()) and bool((ratio < 1.03).all()), ratio


def test_lbfgs_reaches_a_wanted_class_by_little_more_than_the_shortest_way(model: Linear, clips: Tensor) -> None:
    wanted = model(clips).argsort(dim=1)[:, -2]  # the second: its boundary is with the first alone
    found = lbfgs(model, clips, Become(wanted), iterations=50, searches=12)
    away = model.to_boundaries(clips, model(clips).argmax(dim=1)).gather(1, wanted[:, None])[:, 0]
    ratio = length(clips, found.waveforms) / away
    assert bool(found.reached.all())
    assert bool((ratio >= 0.999).all()) and bool((ratio < 1.1).all()), ratio


def test_one_step_along_the_sign_and_many_steps_on_a_ball(model: Linear, clips: Tensor) -> None:
    classes = model(clips).argmax(dim=1)
    goal, slope = Vanish(classes), model.w[classes]
    signs = fgsm(model, clips, goal, snr=30).waveforms - clips
    assert torch.equal(signs.sign(), -slope.sign())
    torch.testing.assert_close(base.snr(clips, clips + signs), torch.full((N,), 30.0).double(), rtol=1e-4, atol=1e-3)
    ball = pgd(model, clips, goal, snr=30, steps=7).waveforms - clips
    torch.testing.assert_close(ball.norm(dim=1), base.radius(clips, 30), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(
        torch.nn.functional.normalize(ball), -torch.nn.functional.normalize(slope), rtol=1e-3, atol=1e-4
    )
    box = pgd(model, clips, goal, snr=30, steps=7, norm="linf").waveforms - clips
    size = base.radius(clips, 30)[:, None] / SAMPLES**0.5
    torch.testing.assert_close(box, -slope.sign() * size, rtol=1e-4, atol=1e-6)


# ---- what all attacks keep to

EVERY = {
    "noise": lambda m, x, g: noise(m, x, g, snr=10, seed=3),
    "fgsm": lambda m, x, g: fgsm(m, x, g, snr=10),
    "pgd": lambda m, x, g: pgd(m, x, g, snr=10, steps=4),
    "pgd_linf": lambda m, x, g: pgd(m, x, g, snr=10, steps=4, norm="linf"),
    "deepfool": lambda m, x, g: deepfool(m, x, g),
    "cw": lambda m, x, g: carlini_wagner(m, x, g, iterations=20, searches=3, learning_rate=0.01),
    "lbfgs": lambda m, x, g: lbfgs(m, x, g, iterations=5, searches=2),
}


class Curved(Linear):
    """A classifier that is not linear."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.tanh(3 * x) + 0.3 * x**3)


@pytest.mark.parametrize("name", EVERY)
def test_clips_stay_within_the_range_of_a_file_and_reached_is_what_the_model_says(name: str) -> None:
    model = Curved()
    loud = torch.randn(N, SAMPLES, generator=torch.Generator().manual_seed(2)).clamp(-1, 1)
    labels = model(loud).argmax(dim=1)
    before = loud.clone()
    found = EVERY[name](model, loud, Leave(labels))
    assert torch.equal(loud, before)
    assert float(found.waveforms.abs().max()) <= 1.0
    assert torch.equal(found.reached, Leave(labels).reached(model(found.waveforms)))
    assert found.iterations.shape == found.reached.shape == (N,)


@pytest.mark.parametrize("name", [name for name in EVERY if name != "noise"])
def test_no_clip_depends_on_another(name: str, clips: Tensor) -> None:
    model = Curved()
    clips = clips.double()  # or rounding decides who needs a step more
    labels = model(clips).argmax(dim=1)
    together = EVERY[name](model, clips, Leave(labels))
    alone = EVERY[name](model, clips[2:3], Leave(labels[2:3]))
    torch.testing.assert_close(together.waveforms[2:3], alone.waveforms, rtol=1e-9, atol=1e-9)
    assert together.iterations[2] == alone.iterations[0]


def test_what_is_reached_already_is_left_alone_by_deepfool(model: Linear, clips: Tensor, labels: Tensor) -> None:
    other = (labels + 1) % CLASSES
    found = deepfool(model, clips, Leave(other))
    assert torch.equal(found.waveforms, clips) and found.iterations.sum() == 0


def test_an_attack_that_fails_gives_back_the_clip(clips: Tensor) -> None:
    class Deaf(Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(0.0 * x)

    labels = Deaf()(clips).argmax(dim=1)
    for name in ("deepfool", "cw", "lbfgs"):
        found = EVERY[name](Deaf(), clips, Leave(labels))
        assert not found.reached.any()
        torch.testing.assert_close(found.waveforms, clips)
        assert bool(base.snr(clips, found.waveforms).isinf().all())


# ---- goals


def test_a_sure_goal_is_reached_where_the_probability_is(model: Linear) -> None:
    x = torch.randn(200, SAMPLES, generator=torch.Generator().manual_seed(4))
    logits = model(0.3 * x)
    labels = torch.arange(200) % CLASSES
    p = logits.softmax(dim=1).gather(1, labels[:, None])[:, 0]
    first = logits.argmax(dim=1) == labels
    assert torch.equal(Leave(labels, below=0.1).reached(logits), ~first & (p < 0.1))
    assert torch.equal(Become(labels, at_least=0.9).reached(logits), first & (p > 0.9))
    assert torch.equal(Leave(labels).reached(logits), ~first)
    torch.testing.assert_close(Leave(labels).probability(logits), p)


def test_losses_fall_towards_the_goal_and_have_a_slope_where_the_network_is_sure() -> None:
    logits = torch.tensor([[30.0, 0.0, 0.0]], requires_grad=True)
    for goal in (Leave(torch.tensor([0])), Become(torch.tensor([1])), Vanish(torch.tensor([0]))):
        (slope,) = torch.autograd.grad(goal.loss(logits).sum(), logits)
        better = logits.detach() - slope / slope.abs().max()
        assert goal.margin(better) < goal.margin(logits)


def test_goals_that_make_no_sense_are_refused() -> None:
    with pytest.raises(IgsedError, match="whole number for each clip"):
        Leave(torch.tensor([0.5]))
    with pytest.raises(IgsedError, match="norm 'l3' of an attack is unknown"):
        pgd(Linear(), torch.zeros(1, SAMPLES), Leave(torch.tensor([0])), snr=10, steps=1, norm="l3")


def test_the_ratio_is_that_of_powers(clips: Tensor) -> None:
    other = clips + 0.01
    expected = 10 * torch.log10((clips.double() ** 2).sum(1) / (0.01**2 * SAMPLES))
    torch.testing.assert_close(base.snr(clips, other), expected, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(
        base.snr(clips, base.at_snr(clips, torch.ones_like(clips), 25.0)),
        torch.full((N,), 25.0).double(),
        rtol=1e-4,
        atol=1e-3,
    )
