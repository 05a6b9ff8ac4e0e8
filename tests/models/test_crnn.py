"""The CRNN and its windowed attention: gradients, windows, and what a frame depends on."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from igsed_core.base.errors import IgsedError
from igsed_core.models.detectors import banded, crnn, log_mel, plain
from igsed_core.models.detectors.crnn import WHOLE, AsReleased, Crnn, Shape

CLASSES = ("Bell", "Hum")
SMALL = Shape(channels=4, kernel=3, units=6, dropout=0.0)
TIME = 24


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def drawn(*shapes: tuple[int, ...]) -> list[Tensor]:
    random = torch.Generator().manual_seed(3)
    return [torch.randn(shape, generator=random, dtype=torch.double).requires_grad_() for shape in shapes]


def network(shape: Shape = SMALL, released: AsReleased = crnn.RIGHT) -> Crnn:
    torch.manual_seed(0)
    return Crnn(CLASSES, shape, torch.zeros(40), torch.ones(40), released=released).double().eval()


WINDOWS = [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1), (4, 0), (0, 3), (99, 0), (99, 99)]  # narrow ones, then wide ones


@pytest.mark.parametrize("window", WINDOWS)
def test_windowed_attention_is_the_plain_one_with_a_mask(window: tuple[int, int]) -> None:
    inputs = drawn((2, 7, 3), (2, 7, 3), (2, 7, 4), (3,), ())
    found, wanted = banded.attend(*inputs, window), plain.attend(*inputs, window)
    assert torch.allclose(found, wanted, atol=1e-12)
    weights = banded.weights(inputs[0], inputs[1], inputs[3], inputs[4], window)
    assert torch.allclose(weights.sum(dim=2), torch.ones(2, 7, dtype=torch.double))
    assert torch.allclose(weights @ inputs[2], wanted, atol=1e-12)


@pytest.mark.parametrize("window", WINDOWS)
def test_the_gradient_is_that_of_finite_differences_and_of_the_plain_one(window: tuple[int, int]) -> None:
    inputs = drawn((1, 5, 2), (1, 5, 2), (1, 5, 3), (2,), ())
    assert torch.autograd.gradcheck(lambda *x: banded.attend(*x, window), inputs)
    wanted = torch.autograd.grad(plain.attend(*inputs, window).sin().sum(), inputs)
    found = torch.autograd.grad(banded.attend(*inputs, window).sin().sum(), inputs)
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("at_once", [1, 100, 10_000])
@pytest.mark.parametrize("window", [(9, 9), (8, 3), (11, 0), (0, 12), (99, 0), (99, 99)])
def test_wide_windows_in_blocks_of_any_size_are_the_plain_ones(
    window: tuple[int, int], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banded, "_AT_ONCE", at_once)
    inputs = drawn((2, 20, 3), (2, 20, 3), (2, 20, 4), (3,), ())
    assert banded._is_wide(banded._within(window, 20), 20)
    wanted = torch.autograd.grad(plain.attend(*inputs, window).sin().sum(), inputs)
    found = torch.autograd.grad(banded.attend(*inputs, window).sin().sum(), inputs)
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-12)


def test_a_wide_window_holds_no_more_at_once_than_it_may() -> None:
    query = torch.zeros(8, 400, 16)
    blocks = list(banded._blocks(query, (399, 399)))
    assert [rows.start for rows, _ in blocks[1:]] == [rows.stop for rows, _ in blocks[:-1]]
    assert len(blocks) > 1 and blocks[0][0].start == 0 and blocks[-1][0].stop == 400
    for rows, seen in blocks:
        assert 8 * (rows.stop - rows.start) * (seen.stop - seen.start) * 16 <= banded._AT_ONCE


def test_no_frame_counts_more_than_e_times_another() -> None:
    query, key, _, weight, bias = drawn((2, 9, 3), (2, 9, 3), (2, 9, 4), (3,), ())
    found = banded.weights(10 * query, 10 * key, 100 * weight, bias, (9, 9))
    ratio = found.amax(dim=2) / found.amin(dim=2)
    assert ratio.max() > 2.5 and (ratio <= math.e + 1e-9).all()


def test_mixed_precision_keeps_the_attention_whole() -> None:
    inputs = [one.float() for one in drawn((1, 40, 4), (1, 40, 4), (1, 40, 3), (4,), ())]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = banded.attend(*inputs, (9, 9))
        halved = banded.attend(*(one.bfloat16() for one in inputs), (9, 9))
    assert found.dtype == torch.float32 and torch.allclose(found, plain.attend(*inputs, (9, 9)), atol=1e-6)
    assert halved.dtype == torch.float32 and torch.allclose(halved, found, atol=0.05)


def test_windows_hold_the_own_frame_and_no_more_than_their_width() -> None:
    for width in (1, 2, 5, 50):
        for history in (False, True):
            before, after = banded.reach(width, history_only=history)
            assert before + after + 1 == width and (not history or after == 0)
    with pytest.raises(IgsedError, match="at least the own frame"):
        banded.reach(0)


def test_width_one_is_the_crnn() -> None:
    one, none = network(dataclasses.replace(SMALL, widths=(1,))), network()
    none.load_state_dict({k: v for k, v in one.state_dict().items() if not k.startswith("attention")})
    maps = torch.randn(2, TIME, 40, dtype=torch.double)
    assert torch.allclose(one(maps), none(maps), atol=1e-12)


def test_the_whole_clip_is_plain_additive_attention() -> None:
    whole = network(dataclasses.replace(SMALL, widths=(WHOLE,)))
    maps = torch.randn(2, TIME, 40, dtype=torch.double)
    hidden, head = whole.hidden(maps), whole.attention
    assert head is not None
    wanted = plain.attend(head.query(hidden), head.key(hidden), hidden, head.weight, head.bias, (TIME, TIME))
    assert torch.allclose(whole(maps), whole.out(wanted), atol=1e-12)


def depends_on(of: Tensor, inputs: Tensor) -> list[int]:
    """Input frames with a gradient."""
    (gradient,) = torch.autograd.grad(of, inputs)
    return torch.nonzero(gradient[0].abs().sum(dim=1)).ravel().tolist()


@pytest.mark.parametrize(("width", "history"), [(1, False), (5, False), (6, False), (5, True)])
def test_a_frame_depends_on_its_window_and_the_receptive_field_alone(width: int, history: bool) -> None:
    model = network(dataclasses.replace(SMALL, widths=(width,), history_only=history))
    hidden = torch.randn(1, TIME, 6, dtype=torch.double, requires_grad=True)
    before, after = banded.reach(width, history_only=history)
    assert model.attention is not None
    of = model.attention(hidden)[0, 10].sum()
    assert depends_on(of, hidden) == list(range(10 - before, 10 + after + 1))
    # Convolutions reach three frames on (three of kernel 3); the GRU looks back to the clip's begin.
    maps = torch.randn(1, TIME, 40, dtype=torch.double, requires_grad=True)
    assert max(depends_on(model(maps)[0, 10].sum(), maps)) == 10 + after + 3


@pytest.mark.parametrize(("width", "history"), [(1, False), (6, False), (5, True), (WHOLE, False)])
def test_a_moving_average_is_attention_that_prefers_nothing(width: int, history: bool) -> None:
    shape = dataclasses.replace(SMALL, widths=(width,), history_only=history)
    attending, even = (network(dataclasses.replace(shape, uniform=on)).attention for on in (False, True))
    assert attending is not None and even is not None
    with torch.no_grad():
        attending.weight.zero_()
    hidden = torch.randn(2, TIME, 6, dtype=torch.double)
    assert torch.allclose(even(hidden), attending(hidden), atol=1e-12)
    assert torch.allclose(even.weights(hidden), attending.weights(hidden), atol=1e-12)


def test_the_released_reshape_shows_a_step_frames_of_the_whole_clip() -> None:
    right, wrong = network(), network(released=AsReleased(scrambled=True))
    maps = torch.randn(1, TIME, 40, dtype=torch.double, requires_grad=True)
    assert max(depends_on(right(maps)[0, 0].sum(), maps)) == 3
    assert max(depends_on(wrong(maps)[0, 0].sum(), maps)) >= TIME - 10
    seen: list[Tensor] = []
    wrong.recurrent.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    right.recurrent.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    wrong(maps), right(maps)
    mixed, plain_map = (one[0] for one in seen)  # (time, channels)
    for j in (0, 5, 23):
        for i in range(4):
            frame, channel = divmod(TIME * i + j, 4)
            assert mixed[j, i] == plain_map[frame, channel]


def test_several_heads_see_their_own_windows_and_dropped_ones_the_clip() -> None:
    two = dataclasses.replace(SMALL, widths=(1, 5))
    hidden = torch.randn(2, TIME, 6, dtype=torch.double, requires_grad=True)
    heads = network(two).attention
    dropped = network(two, AsReleased(windows_dropped=True)).attention
    assert heads is not None and dropped is not None
    assert depends_on(heads(hidden)[0, 10].sum(), hidden) == list(range(8, 13))
    assert depends_on(dropped(hidden)[0, 10].sum(), hidden) == list(range(TIME))
    assert torch.allclose(heads.weights(hidden) @ hidden, heads(hidden), atol=1e-12)
    # Equal widths and heads: how they are weighed changes nothing.
    same = network(dataclasses.replace(SMALL, widths=(5, 5))).attention
    assert same is not None
    same.heads[1].load_state_dict(same.heads[0].state_dict())
    assert torch.allclose(same(hidden), same.heads[0](hidden), atol=1e-12)


def test_weights_of_the_first_item_make_items_depend_on_one_another() -> None:
    two = dataclasses.replace(SMALL, widths=(1, 5))
    hidden = torch.randn(2, TIME, 6, dtype=torch.double, requires_grad=True)
    for released, shared in ((crnn.RIGHT, False), (AsReleased(first_weights=True), True)):
        heads = network(two, released).attention
        assert heads is not None
        (gradient,) = torch.autograd.grad(heads(hidden)[1, 10].sum(), hidden)
        assert bool(gradient[0].abs().sum() > 0) == shared


def test_clip_labels_train_through_attention_pooling() -> None:
    weak = network(dataclasses.replace(SMALL, weak=True))
    maps = torch.randn(3, TIME, 40, dtype=torch.double)
    assert weak.trained_logits(maps).shape == (3, 2) and weak(maps).shape == (3, TIME, 2)
    clip, frames = torch.sigmoid(weak.trained_logits(maps)), torch.sigmoid(weak(maps))
    assert (clip <= frames.amax(dim=1) + 1e-9).all() and (clip >= frames.amin(dim=1) - 1e-9).all()


def test_a_map_frame_is_that_of_the_time_around_its_hop() -> None:
    import numpy as np
    import pandas as pd

    rate, hop = 16_000, 0.05
    samples = np.zeros((1, rate), dtype=np.float32)
    samples[0, round(0.5 * rate)] = 1.0
    found = log_mel.maps(lambda _: samples, pd.DataFrame({"clip": ["a"]}), sample_rate=rate, hop=hop)
    assert found.shape == (1, 20, 40)
    assert int(found.mean(dim=2).argmax()) == 10


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(IgsedError, match="maps of 40 or more"):
        Crnn(CLASSES, SMALL, torch.zeros(32), torch.ones(32))
    with pytest.raises(IgsedError, match="no attention to look at"):
        network().weights(torch.zeros(1, TIME, 40, dtype=torch.double))
