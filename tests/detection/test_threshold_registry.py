"""Every rule against exhaustive search, planted sequences, cases by hand, and what it must not depend on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError
from igsed_core.detection.thresholds import levels, markov, partitions, postprocessing, transforms
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.detection.thresholds.registry import RULES

seeds = st.integers(0, 2**31)
few_scores = st.lists(st.integers(0, 8).map(float), min_size=2, max_size=9)
PARAMETER = {"percentile": 60.0, "share_of_maximum": 0.3, "fixed": 0.4, "global_percentile": 70.0}
PARAMETER |= {"class_percentile": 70.0}
PARAMETER_FREE = [name for name, rule in RULES.items() if rule.parameter_free]


def some_scores(seed: int, n: int = 6, n_frames: int = 40) -> NDArray[np.float64]:
    """Positive scores with an event in each row."""
    rng = np.random.default_rng(seed)
    scores = rng.gamma(2.0, 0.05, (n, n_frames))
    for row in scores:
        start = rng.integers(0, n_frames - 8)
        row[start : start + 8] += 0.3 + rng.random(8) / 4
    return np.clip(scores, 0.0, 1.0)


def apply(name: str, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    labels = np.array(["a", "b"] * len(scores))[: len(scores)]
    return RULES[name].apply(scores, PARAMETER.get(name, float("nan")), labels=labels)


def within(scores: NDArray[np.float64], level: float) -> float:
    """Squared distance of the scores to the mean of their side of a level."""
    sides = (scores[scores <= level], scores[scores > level])
    return sum(float(((side - side.mean()) ** 2).sum()) for side in sides if side.size)


@given(few_scores)
def test_two_means_finds_the_best_of_all_partitions(values: list[float]) -> None:
    scores = np.array(values)
    mask = partitions.two_means(scores[None])[0]
    candidates = np.unique(scores)[:-1]
    if not candidates.size:
        assert not mask.any()
        return
    assert mask.any()
    assert not mask.all()
    assert scores[mask].min() > scores[~mask].max()
    mine = within(scores, float(scores[~mask].max()))
    assert mine == pytest.approx(min(within(scores, level) for level in candidates), abs=1e-9)


@given(few_scores)
def test_otsu_of_few_levels_finds_the_best_of_all_partitions(values: list[float]) -> None:
    """As on a picture of few grey levels: even bins would merge levels that lie close together."""
    scores = np.array(values)
    assert_array_equal(partitions.otsu(scores[None], 4), partitions.two_means(scores[None]))


def test_otsu_of_three_levels_is_not_led_astray_by_its_bins() -> None:
    """256 bins move the middle level by up to a bin, here to the wrong side."""
    scores = np.array([0.0] * 55 + [0.457] * 45 + [1.0] * 28)
    mask = partitions.otsu(scores[None])[0]
    assert_array_equal(mask, scores > 0.2)
    assert within(scores, 0.2) < within(scores, 0.5)


@given(st.integers(0, 2**31), st.integers(2, 16))
def test_otsu_finds_the_best_cut_of_the_histogram(seed: int, bins: int) -> None:
    """The definition, bin by bin: the greatest variance between the classes."""
    scores = np.random.default_rng(seed).gamma(0.5, size=60)
    mask = partitions.otsu(scores[None], bins)[0]
    counts, _ = np.histogram(scores, bins, (scores.min(), scores.max()))
    share, centre = counts / counts.sum(), np.arange(bins)

    def between(cut: int) -> float:
        w0, w1 = share[:cut].sum(), share[cut:].sum()
        if not w0 or not w1:
            return 0.0
        return float(w0 * w1 * ((share[:cut] @ centre[:cut]) / w0 - (share[cut:] @ centre[cut:]) / w1) ** 2)

    lowest = (mask.sum() == np.cumsum(counts[::-1])).argmax()  # bins that the mask holds, but for empty ones
    assert between(bins - 1 - int(lowest)) == pytest.approx(max(between(cut) for cut in range(1, bins)))


@given(st.lists(st.integers(0, 50).map(float), min_size=6, max_size=12))
def test_minimum_error_finds_the_cheapest_cut(values: list[float]) -> None:
    scores = np.array(values)
    mask = partitions.minimum_error(scores[None])[0]
    spread = scores.std() or 1.0

    def cost(below: int) -> float:
        ordered = np.sort(scores) / spread
        if ordered[below] == ordered[below - 1]:
            return np.inf
        sides = (ordered[:below], ordered[below:])
        shares = [side.size / scores.size for side in sides]
        return sum(w * (np.log(side.var() + 1e-4) - 2 * np.log(w)) for w, side in zip(shares, sides, strict=True))

    costs = {below: cost(below) for below in range(3, scores.size - 2)}
    if not np.isfinite(list(costs.values())).any():
        assert not mask.any()
    else:
        assert costs[int((~mask).sum())] == pytest.approx(min(costs.values()), abs=1e-7)


def test_minimum_error_of_a_few_frames_is_empty() -> None:
    assert not partitions.minimum_error(np.array([[0.0, 0.0, 0.0, 1.0, 1.0]])).any()


def planted(seed: int, apart: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Twenty clips of 200 frames from a chain that stays with 0.95 and 0.9; unit noise in both states."""
    rng = np.random.default_rng(seed)
    state = np.zeros((20, 200), dtype=bool)
    for t in range(1, 200):
        state[:, t] = np.where(state[:, t - 1], rng.random(20) < 0.9, rng.random(20) > 0.95)
    return apart * state + rng.normal(size=state.shape), state


def test_the_hidden_markov_model_recovers_a_planted_sequence() -> None:
    scores, state = planted(0, apart=6.0)
    fitted = markov.fit(scores)
    assert ((fitted.active > 0.5) == state).mean() > 0.995
    assert_allclose(fitted.means.mean(axis=0), [0.0, 6.0], atol=0.1)
    assert_allclose(fitted.variances.mean(axis=0), [1.0, 1.0], atol=0.1)
    assert_allclose(fitted.transitions.mean(axis=0), [[0.95, 0.05], [0.1, 0.9]], atol=0.02)


def test_time_helps_where_values_overlap() -> None:
    scores, state = planted(1, apart=2.0)
    by_value = (partitions.two_means(scores) == state).mean()
    assert (markov.hidden_markov(scores, tied=True) == state).mean() > by_value + 0.03


@settings(deadline=None, max_examples=25)
@given(seeds, st.booleans())
def test_the_likelihood_does_not_decrease(seed: int, tied: bool) -> None:
    scores, _ = planted(seed, apart=1.5)
    likelihood = markov.fit(scores[:4, :30], tied=tied, steps=15, tolerance=0.0).log_likelihood
    assert (np.diff(likelihood, axis=0) > -1e-6).all()


def test_the_likelihood_is_the_sum_over_all_sequences() -> None:
    """Six frames, 64 sequences of states, by brute force; and the probability of the upper state with it."""
    x = np.array([[0.0, 1.0, 0.4, 1.3, 0.2, 0.9]])
    fitted = markov.fit(x, steps=1)
    total, active = 0.0, np.zeros(6)
    for number in range(64):
        states = [(number >> t) & 1 for t in range(6)]
        p = 0.5
        for before, after in pairwise(states):
            p *= fitted.transitions[0, before, after]
        for value, state in zip(x[0], states, strict=True):
            variance = fitted.variances[0, state]
            p *= np.exp(-((value - fitted.means[0, state]) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
        total += p
        active += p * np.array(states)
    assert fitted.log_likelihood[0, 0] == pytest.approx(np.log(total))
    assert_allclose(fitted.active[0], active / total)


@pytest.mark.parametrize("name", [name for name in RULES if name not in ("fixed", "share_of_maximum")])
def test_constant_scores_give_an_empty_mask(name: str) -> None:
    assert not apply(name, np.full((3, 20), 0.3)).any()


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("n_frames", [1, 2, 3, 7])
def test_clips_of_a_few_frames(name: str, n_frames: int) -> None:
    mask = apply(name, np.random.default_rng(0).random((2, n_frames)))
    assert mask.shape == (2, n_frames)


def test_the_length_of_smoothing_may_be_another() -> None:
    scores = some_scores(6)
    assert_array_equal(thresholds.smoothed(thresholds.SMOOTHING).apply(scores), apply("smooth_log_hmm", scores))
    unsmoothed = markov.hidden_markov(transforms.log(scores), tied=True)
    assert_array_equal(thresholds.smoothed(0.1).apply(scores), unsmoothed)
    assert thresholds.smoothed(0.7).name == "smooth_log_hmm@0.7"


@pytest.mark.parametrize("name", RULES)
def test_masks_have_the_shape_of_the_scores(name: str) -> None:
    mask = apply(name, some_scores(0))
    assert mask.shape == (6, 40)
    assert mask.dtype == bool
    assert mask.any()


@pytest.mark.parametrize("name", [name for name in RULES if name not in ("fixed", "logit_otsu", "logit_hmm")])
def test_the_scale_of_the_scores_does_not_matter(name: str) -> None:
    """Scaling by a power of two is exact; a fixed level and the logit know the scale."""
    scores = some_scores(1)
    assert_array_equal(apply(name, scores), apply(name, 4 * scores))


@pytest.mark.parametrize("name", ["percentile", "global_percentile", "class_percentile"])
def test_percentiles_see_ranks_alone(name: str) -> None:
    """A grid that hits scores exactly: between two scores interpolation is not the same after a transform."""
    scores = some_scores(2, n=4, n_frames=26)  # pools of 26, 52 and 104 scores: none hit, none ties
    assert_array_equal(apply(name, scores), apply(name, np.exp(3 * scores)))


def test_two_means_is_not_blind_to_transforms() -> None:
    scores = np.array([[0.001, 0.001, 0.1, 0.1, 1.0]])
    assert_array_equal(partitions.two_means(scores), [[0, 0, 0, 0, 1]])
    assert_array_equal(partitions.two_means(np.log(scores)), [[0, 0, 1, 1, 1]])


@pytest.mark.parametrize("name", [n for n, rule in RULES.items() if rule.scope == thresholds.CLIP])
def test_rules_of_a_clip_judge_it_alone(name: str) -> None:
    scores = some_scores(3)
    together = apply(name, scores)
    for row, mask in zip(scores, together, strict=True):
        assert_array_equal(apply(name, row[None]), mask[None])


def test_rules_of_all_clips_by_hand() -> None:
    scores = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [10.0, 20.0, 30.0]])
    pooled = RULES["global_percentile"].apply(scores, 50.0)
    assert_array_equal(pooled, [[0, 0, 0], [0, 0, 1], [1, 1, 1]])
    of_class = RULES["class_percentile"].apply(scores, 50.0, labels=np.array(["a", "a", "b"]))
    assert_array_equal(of_class, [[0, 0, 0], [1, 1, 1], [0, 0, 1]])


def test_shares_and_levels_by_hand() -> None:
    scores = np.array([[0.1, 0.5, 1.0], [-3.0, -2.0, -1.0], [0.0, 0.02, 0.04]])
    assert_array_equal(levels.share_of_maximum(scores, 0.5), [[0, 0, 1], [0, 0, 0], [0, 0, 1]])
    assert_array_equal(levels.fixed(scores, 0.03), [[1, 1, 1], [0, 0, 0], [0, 0, 1]])


def test_grids() -> None:
    scores = some_scores(4)
    for rule in RULES.values():
        if rule.parameter_free:
            continue
        grid = rule.parameters(scores)
        assert (np.diff(grid) > 0).all()
    shares = levels.all_shares(scores)
    assert (shares[0], shares[-1]) == pytest.approx((0.001, 10 ** (-1 / 20)))
    assert scores.min() <= levels.all_levels(scores)[0] <= levels.all_levels(scores)[-1] <= scores.max()


def test_log_keeps_the_order_down_to_its_floor() -> None:
    made = transforms.log(np.array([[-1.0, 0.0, 1e-9, 0.5, 2.0], [-1.0, -2.0, -3.0, -4.0, 0.0]]))
    assert_allclose(made[0, [0, 1, 4]], np.log([1e-3, 1e-3, 1.001]))
    assert (np.diff(made[0, 2:]) > 0).all()
    assert_allclose(made[1], np.log(1e-3))


def test_logit_undoes_the_sigmoid() -> None:
    x = np.linspace(-9, 9, 30)[None]
    assert_allclose(transforms.logit(1 / (1 + np.exp(-x))), x)
    assert np.isfinite(transforms.logit(np.array([[0.0, 1.0]]))).all()


@pytest.mark.parametrize(("seconds", "frames"), [(0.0, 1), (0.1, 1), (0.3, 3), (0.49, 5), (0.5, 5), (0.7, 7)])
def test_smoothing_averages_an_odd_number_of_frames(seconds: float, frames: int) -> None:
    impulse = np.zeros((1, 21))
    impulse[0, 10] = 1.0
    made = transforms.smooth(impulse, seconds, 0.1)[0]
    assert_allclose(made[made > 1e-12], 1 / frames)
    assert (made > 1e-12).sum() == frames
    assert_allclose(transforms.smooth(np.ones((1, 9)), seconds, 0.1), 1.0)


def mask_of(text: str) -> NDArray[np.bool_]:
    return np.array([[character == "#" for character in text]])


@pytest.mark.parametrize(
    ("before", "seconds", "after"),
    [
        ("..#...##.##..", 0.1, "..#...##.##.."),
        ("..#...##.##..", 0.2, "......#####.."),
        ("..#..#..#....", 0.3, "..#######...."),  # gaps are filled first
        ("#...........#", 0.2, "............."),
        ("##.........##", 0.2, "##.........##"),  # silence at the ends is no gap
        (".............", 0.5, "............."),
        ("#############", 0.5, "#############"),
    ],
)
def test_minimum_duration_by_hand(before: str, seconds: float, after: str) -> None:
    made = postprocessing.minimum_duration(mask_of(before), seconds, frame_length=0.1)
    assert_array_equal(made, mask_of(after))


def test_gaps_may_have_a_length_of_their_own() -> None:
    made = postprocessing.minimum_duration(mask_of("##..##.#"), 0.2, frame_length=0.1, gap=0.3)
    assert_array_equal(made, mask_of("########"))
    made = postprocessing.minimum_duration(mask_of("##..##.#"), 0.2, frame_length=0.1, gap=0.0)
    assert_array_equal(made, mask_of("##..##.."))


@pytest.mark.parametrize(
    ("before", "seconds", "after"),
    [
        ("..#...##.##..", 0.1, "..#...##.##.."),
        ("..#...##.##..", 0.3, "......#####.."),
        ("#..........##", 0.3, "#..........##"),  # an edge is continued: it counts twice
    ],
)
def test_median_by_hand(before: str, seconds: float, after: str) -> None:
    assert_array_equal(postprocessing.median(mask_of(before), seconds, frame_length=0.1), mask_of(after))


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 6))
def test_what_is_left_lasts_long_enough(frames: list[bool], shortest: int) -> None:
    mask = np.array([frames])
    made = postprocessing.minimum_duration(mask, 0.1 * shortest, frame_length=0.1)
    edges = np.flatnonzero(np.diff(made[0].astype(int), prepend=0, append=0))
    assert (edges[1::2] - edges[::2] >= shortest).all()
    assert (edges[2::2] - edges[1:-1:2] >= shortest).all()
    again = postprocessing.minimum_duration(made, 0.1 * shortest, frame_length=0.1)
    assert_array_equal(again, made)


def test_errors_say_what_to_do() -> None:
    scores = some_scores(5)
    with pytest.raises(IgsedError, match=r"rule 'otzu' is unknown: choose one of percentile, share_of_maximum, "):
        thresholds.get("otzu")
    with pytest.raises(IgsedError, match="'fixed' needs a parameter: tune it on the validation split"):
        RULES["fixed"].apply(scores)
    with pytest.raises(IgsedError, match=r"'otsu' takes scores of instances x frames, got the shape \(40,\)"):
        RULES["otsu"].apply(scores[0])
    with pytest.raises(IgsedError, match="'hmm' takes finite scores"):
        RULES["hmm"].apply(np.full((2, 5), np.nan))
    with pytest.raises(IgsedError, match="give the label of each instance"):
        RULES["class_percentile"].apply(scores, 50.0)
    with pytest.raises(IgsedError, match=r"a share of the maximum lies between 0 and 1, got 1\.5"):
        RULES["share_of_maximum"].apply(scores, 1.5)
    with pytest.raises(IgsedError, match="percentiles must lie between 0 and 100"):
        RULES["global_percentile"].apply(scores, 101.0)
    with pytest.raises(IgsedError, match="the logit is of probabilities: scores reach from 0 to 3"):
        RULES["logit_otsu"].apply(np.array([[0.0, 3.0]]))
    with pytest.raises(IgsedError, match="durations must not be negative, got -1 s"):
        postprocessing.median(mask_of("#"), -1, frame_length=0.1)


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_parameter_free_rules_find_a_clear_event(seed: int) -> None:
    """Scores of an event ten times those around it, no noise to speak of: every rule marks it and nothing else."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((3, 60), dtype=bool)
    for row in truth:
        start = rng.integers(5, 40)
        row[start : start + rng.integers(8, 15)] = True
    scores = np.where(truth, 0.6, 0.06) * rng.uniform(0.95, 1.05, truth.shape)
    for name in PARAMETER_FREE:
        wrong = (apply(name, scores) != truth).sum(axis=1)
        assert (wrong <= (4 if name.startswith("smooth") else 0)).all(), name
