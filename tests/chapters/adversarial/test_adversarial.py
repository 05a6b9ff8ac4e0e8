"""Clips, networks, measures and sentences of page 19 on small cases, and the study from end to end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from igsed_core.base import shards
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.adversarial import (
    audit,
    carriers,
    clips,
    elsewhere,
    explaining,
    figures,
    giveaway,
    in_short,
    loudness,
    moving,
    names,
    networks,
    overview,
    study,
    summary,
    tables,
    training,
    under_attack,
)
from igsed_core.chapters.adversarial.attacks import base
from igsed_core.chapters.adversarial.attacks.deepfool import deepfool
from igsed_core.chapters.adversarial.attacks.goals import Leave, Vanish
from igsed_core.chapters.adversarial.clips import Bank
from igsed_core.chapters.adversarial.params import AdversarialStudy
from igsed_core.chapters.adversarial.training import Recipe, Trained
from igsed_core.detection.absence_hmm import fit
from igsed_core.models import heads
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders import registry as encoders
from igsed_core.show.answers import Found

COUNTS = {"train": 6, "validation": 2, "test": 2}
RATE = 8000
RECIPE = Recipe(epochs=2, batch_size=8, width=4, n_mels=16)
PLAN = study.Plan(snr=20.0, steps=2, iterations=4, searches=1, targeted=2)
RESAMPLING = {"replicates": 40, "seed": 1}


def made(sounds: int) -> Bank:
    return clips.build(4, COUNTS, seconds=1.0, sample_rate=RATE, sounds=sounds, seed=3)


@pytest.fixture(scope="module")
def bank() -> Bank:
    return made(1)


def train_on(bank: Bank, some: tuple[str, ...], folder: Path, output: str = training.SOFTMAX) -> dict[str, Trained]:
    return training.train({output: (some, bank)}, RECIPE, folder, seed=1, workers=1)[output]


@pytest.fixture(scope="module")
def trained(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    folder = tmp_path_factory.mktemp("networks")
    return train_on(bank, (names.VGG, names.DENSE_WAVE), folder)


# ---- clips and networks


def test_clips_are_the_same_twice_and_sounds_lie_where_the_truth_says(bank: Bank) -> None:
    again = made(1)
    assert torch.equal(again.splits["test"].waveforms, bank.splits["test"].waveforms)
    assert not torch.equal(
        clips.build(4, COUNTS, seconds=1.0, sample_rate=RATE, sounds=1, seed=4).splits["test"].waveforms,
        bank.splits["test"].waveforms,
    )
    for part in bank.splits.values():
        assert part.waveforms.abs().max() <= 1 and torch.equal(part.targets.sum(dim=1), torch.ones(len(part)))
        for waveform, label, spans in zip(part.waveforms, part.labels.tolist(), part.spans, strict=True):
            onset, offset = spans[label]
            assert 0 <= onset < offset <= 1.0 and np.isnan(np.delete(spans, label, axis=0)).all()
            inside = np.zeros(RATE, dtype=bool)
            inside[round(onset * RATE) : round(offset * RATE)] = True
            power = waveform.square().numpy()
            assert power[inside].mean() > 10 * power[~inside].mean()


def test_a_mixture_holds_two_sounds() -> None:
    part = made(2).splits["train"]
    assert torch.equal(part.targets.sum(dim=1), torch.full((len(part),), 2.0))
    assert (np.isfinite(part.spans[..., 0]).sum(axis=1) == 2).all()


@pytest.mark.parametrize("name", names.NETWORKS)
def test_every_network_hears_and_gives_a_slope_to_every_part_of_a_clip(name: str) -> None:
    torch.manual_seed(0)
    frontend = None if networks.hears_waveform(name) else networks.LogMel(RATE, 16)
    network = networks.MAKERS[name](5, 4).eval()
    x = 0.1 * torch.randn(2, RATE)
    heard = x.clone().requires_grad_()
    logits = network(heard if frontend is None else frontend(heard))
    assert logits.shape == (2, 5)
    (slope,) = torch.autograd.grad(logits.sum(), heard)
    assert (slope.unflatten(1, (20, -1)).abs().sum(dim=2) > 0).float().mean() > 0.8
    alone = network(x[:1] if frontend is None else frontend(x[:1]))
    torch.testing.assert_close(alone, logits[:1].detach(), rtol=1e-3, atol=1e-4)


def test_silence_is_the_floor_of_the_log_mel_map() -> None:
    assert torch.equal(networks.LogMel(RATE, 16)(torch.zeros(1, RATE)).unique(), torch.tensor([-1.0]))


# ---- measures


def test_loudness_is_that_of_the_recommendation_and_knows_no_floor() -> None:
    pyloudnorm = pytest.importorskip("pyloudnorm")
    rate = 48_000
    sound = (0.2 * np.random.default_rng(0).standard_normal((1, 3 * rate))).astype(np.float32)
    expected = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(sound[0])
    assert loudness.loudness(sound, rate)[0] == pytest.approx(expected, abs=0.1)
    # A gain of a number's inverse is so many decibels, far below the gate as well.
    assert loudness.loudness(1e-5 * sound, rate)[0] == pytest.approx(expected - 100, abs=0.1)


def test_shares_and_areas_have_intervals_over_clips() -> None:
    some = np.array(["a", "a", "b", "c"], dtype=object)
    n, value, low, high = summary.of_values(some, np.array([1.0, 0.0, 1.0, 1.0]), True, **RESAMPLING)
    assert (n, value) == (3, 0.75) and low < 0.75 < high
    scores, attacked = np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, False, True, True])
    both = np.array(["a", "b", "a", "b"], dtype=object)
    n = len(set(both))
    assert summary.area(summary.areas(both, scores, attacked, **RESAMPLING), n)[0] == 1.0
    assert summary.area(summary.areas(both, -scores, attacked, **RESAMPLING), n)[0] == 0.0
    assert summary.area(summary.areas(both, np.ones(4), attacked, **RESAMPLING), n)[0] == 0.5
    assert np.isnan(summary.area(summary.areas(both, scores, np.zeros(4, dtype=bool), **RESAMPLING), n)[0])


def test_entropy_is_one_where_a_map_is_even_and_nothing_where_it_is_a_peak() -> None:
    assert summary.entropy(np.ones(8)) == pytest.approx(1.0)
    assert summary.entropy(np.array([0.0, 3.0, 0.0, -1.0])) == pytest.approx(0.0)
    assert np.isnan(summary.entropy(-np.ones(3)))


def test_carriers_change_a_sound_as_they_say() -> None:
    ways = carriers.carriers()
    sound = np.clip(0.3 * np.random.default_rng(1).standard_normal((2, 4000)), -1, 1).astype(np.float32)
    carried = {name: one.carry(sound, 16_000, 5) for name, one in ways.items()}
    assert {"pcm_16", "pcm_24", "flac", "resampled", "shifted", "room"} <= set(carried)
    assert all(one.shape == sound.shape and np.isfinite(one).all() for one in carried.values())
    steps = carried["pcm_16"] * 2**15
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    assert np.abs(carried["pcm_16"] - sound).max() <= 2**-15
    assert 0 < np.abs(carried["pcm_24"] - sound).max() <= 2**-23
    np.testing.assert_allclose(carried["flac"], carried["pcm_16"], atol=1.01 * 2**-15)  # one rounds, one cuts off
    np.testing.assert_array_equal(carried["shifted"][:, 1:], sound[:, :-1])
    ratio = base.snr(torch.from_numpy(sound), torch.from_numpy(carried["room"]))
    torch.testing.assert_close(ratio, torch.full((2,), carriers.ROOM_SNR).double(), atol=0.1, rtol=0)


def test_the_released_ratio_has_the_square_of_a_mean() -> None:
    clean = torch.ones(1, 1000)
    change = torch.full((1, 1000), 0.1)
    change[:, ::2] = -0.08  # mean 0.01, mean square 0.0082
    wrong, right = audit.squared_mean(clean, clean + change), base.snr(clean, clean + change)
    assert float(wrong) == pytest.approx(40.0, abs=0.01) and float(right) == pytest.approx(20.86, abs=0.01)


# ---- the study


def test_the_study_of_clips_from_end_to_end(bank: Bank, trained: dict[str, Trained], tmp_path: Path) -> None:
    part = bank.splits["test"]
    some = study.spread(part, 4)
    assert sorted(some.labels.tolist()) == [0, 1, 2, 3]
    known = study.known_to_all(trained, bank.splits["train"], 100)
    together = [study.n_known(trained, one) for one in (known, bank.splits["train"])]
    assert len(known) and together[0] == (len(known) if together[1] else 0)
    # The clips need not be known for the machinery: what is wrong already counts as lost.
    runs = study.attack([(trained, some)], PLAN, tmp_path, seed=1, workers=1)
    assert {one.attack for one in runs if one.goal == study.LEAVE} == set(study.ATTACKS) - {study.LBFGS}
    for one in runs:
        assert float(one.attacked.waveforms.abs().max()) <= 1
        network = trained[one.model].classifier
        assert torch.equal(one.aim.reached(training.logits(network, one.attacked.waveforms)), one.attacked.reached)
    per_clip = study.per_clip(runs, study.subjects([(trained, some)]))
    of_a_size = per_clip[per_clip["attack"].isin(["noise", "pgd_l2"])]
    assert of_a_size["snr"].between(19.5, 21).all() and of_a_size["loudness"].notna().all()
    found = study.summarise(per_clip, **RESAMPLING)
    row = found[(found["model"] == "vgg") & (found["attack"] == "noise") & (found["metric"] == "success")].iloc[0]
    mine = next(one for one in runs if one.model == "vgg" and one.attack == "noise")
    assert row["value"] == float(mine.attacked.reached.float().mean()) and row["n"] == 4
    across = elsewhere.transfer(runs, trained, some, **RESAMPLING)
    own = across[(across["source"] == "vgg") & (across["target"] == "vgg") & (across["attack"] == "pgd_l2")]
    made_for = next(one for one in runs if one.model == "vgg" and one.attack == "pgd_l2")
    assert own["value"].iloc[0] == float(made_for.attacked.reached.float().mean())
    ends = across[(across["attack"] == "pgd_l2") & (across["source"] == study.ALL)].set_index("target")
    noise = across[(across["attack"] == "noise") & (across["target"] == elsewhere.OTHERS)]["value"].iloc[0]
    gap = ends.loc[elsewhere.MINUS_NOISE, "value"]
    assert gap == pytest.approx(ends.loc[elsewhere.OTHERS, "value"] - noise)  # every network is played as often
    assert "paired difference" in overview.transfer(across)
    left = elsewhere.survival(runs, trained, some, **RESAMPLING)
    assert set(left["carrier"]) == set(carriers.carriers()) and left["value"].between(0, 1).all()
    known_table = study.accuracies([(one, part) for one in trained.values()], **RESAMPLING)
    audited = audit.verdicts(trained, runs, some, study.spread(bank.splits["train"], 4), steps=4, **RESAMPLING)
    assert set(audited["choice"]) == set(audit.CHOICES)
    loud = audited[(audited["choice"] == audit.LOUD) & (audited["metric"] == "snr")]
    assert loud["value"].iloc[0] == pytest.approx(-60.0, abs=0.01)
    unsaved = audited[audited["metric"] == "samples_changed_in_16_bits"]["value"].iloc[0]
    assert 0 <= unsaved < 0.2
    for table in (
        tables.classifiers_table(known_table),
        tables.attacks_table(found, found),
        tables.networks_table(found),
        tables.transfer_table(across),
        tables.survival_table(left, left),
        tables.audit_table(audited, audited),
    ):
        assert len(table) and not table.isna().any(axis=None)
    assert "white noise as loud" in overview.attacks(found)
    assert "16-bit file" in overview.files(left) or "No attack" in overview.files(left)
    assert figures.ratios(found).axes and figures.transfer(across).axes


def test_several_classes_at_once_vanish_and_appear(tmp_path: Path) -> None:
    mixed = made(2)
    several = train_on(mixed, (names.VGG,), tmp_path, training.SIGMOID)
    runs = study.attack([(several, mixed.splits["test"])], PLAN, tmp_path, seed=1, workers=1)
    assert {one.goal for one in runs} <= {study.VANISH, study.APPEAR} and runs
    for one in runs:  # nothing is attacked that is so already
        logits = training.logits(several["vgg"].classifier, mixed.splits["test"].waveforms[torch.from_numpy(one.clips)])
        assert not bool(one.aim.reached(logits).any())
    found = study.summarise(study.per_clip(runs, study.subjects([(several, mixed.splits["test"])])), **RESAMPLING)
    assert len(tables.attacks_table(found)) == len({(one.goal, one.attack) for one in runs})


class Breaks:
    """Does jobs until there were so many, then breaks off."""

    def __init__(self, function: Callable[..., Any], after: int) -> None:
        self.function, self.after, self.done = function, after, 0

    def __call__(self, *given: Any) -> Any:
        if self.done == self.after:
            raise KeyboardInterrupt
        self.done += 1
        return self.function(*given)


def same(runs: list[study.Run], others: list[study.Run]) -> None:
    assert len(runs) == len(others)
    for one, other in zip(runs, others, strict=True):
        assert (one.output, one.model, one.goal, one.attack) == (other.output, other.model, other.goal, other.attack)
        assert torch.equal(one.attacked.waveforms, other.attacked.waveforms)
        assert torch.equal(one.attacked.reached, other.attacked.reached)
        assert torch.equal(one.attacked.iterations, other.attacked.iterations)


CHEAP = study.Plan(snr=20.0, steps=1, iterations=2, searches=1, targeted=1)


def test_attacks_finished_before_a_break_are_not_made_again_and_shards_make_the_same(
    bank: Bank, trained: dict[str, Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = [({names.VGG: trained[names.VGG]}, study.spread(bank.splits["test"], 2))]
    attack = study._attack

    def attacked(folder: str) -> list[study.Run]:
        return study.attack(some, CHEAP, tmp_path / folder, seed=1, workers=1)

    monkeypatch.setattr(study, "_attack", first := Breaks(attack, 3))
    with pytest.raises(KeyboardInterrupt):
        attacked("broken")
    monkeypatch.setattr(study, "_attack", second := Breaks(attack, 100))
    resumed = attacked("broken")
    assert first.done == 3 and second.done == len(resumed) - 3 > 0
    same(resumed, attacked("whole"))
    monkeypatch.setattr(study, "_attack", Breaks(attack, 0))
    assert [one.seconds for one in attacked("broken")] == [one.seconds for one in resumed]  # those of the first run
    monkeypatch.setattr(study, "_attack", attack)
    for number in range(2):
        monkeypatch.setattr(shards, "_passed", 0)
        monkeypatch.setenv(shards.VARIABLE, f"1:{number}/2")
        with pytest.raises(shards.ShardEnd):
            attacked("shards")
    monkeypatch.delenv(shards.VARIABLE)
    monkeypatch.setattr(study, "_attack", Breaks(attack, 0))
    same(attacked("shards"), resumed)


def test_classifiers_finished_before_a_break_are_not_trained_again(
    bank: Bank, trained: dict[str, Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = training._train
    monkeypatch.setattr(training, "_train", first := Breaks(train, 1))
    with pytest.raises(KeyboardInterrupt):
        train_on(bank, (names.VGG, names.DENSE_WAVE), tmp_path)
    monkeypatch.setattr(training, "_train", second := Breaks(train, 100))
    resumed = train_on(bank, (names.VGG, names.DENSE_WAVE), tmp_path)
    assert (first.done, second.done) == (1, 1)
    for name, one in trained.items():
        pd.testing.assert_frame_equal(resumed[name].history, one.history)
        for weights, others in zip(resumed[name].classifier.parameters(), one.classifier.parameters(), strict=True):
            assert torch.equal(weights, others)


# ---- explanations

SECONDS = 2.0


@pytest.fixture(scope="module")
def listener() -> explaining.Listener:
    encoder = encoders.load("embedded")
    head = (
        heads.create("clip_level", encoder.n_features, ("Bell", "Hum", "Whistle"), seed=3).eval().requires_grad_(False)
    )
    classifier = Classifier(encoder, head).eval()
    heard = explaining.Listener(classifier, {}, SECONDS, 0.1, points=3, shifts=2)
    with torch.no_grad():  # the first two are there, the third is not
        level = heard.score(sound()[None]).flatten()
        head.linear.bias += torch.tensor([0.2, 0.2, -0.2]) - level
        features = heard.features(torch.stack([sound(i) for i in range(6)]))
        logits = head.frame_logits(features).numpy()[..., 0]
    model = fit(logits.astype(np.float64), np.arange(6) % 2 == 0)
    return explaining.Listener(classifier, {"Bell": model}, SECONDS, 0.1, points=3, shifts=2)


def sound(seed: int = 0) -> torch.Tensor:
    """Noise from 0.5 to 1.2 s, quiet around it."""
    random = torch.Generator().manual_seed(seed)
    x = 0.002 * torch.randn(64_000, generator=random)
    x[16_000:38_400] += 0.2 * torch.randn(22_400, generator=random)
    return x


@pytest.fixture(scope="module")
def cases() -> list[under_attack.Case]:
    truth = np.zeros((2, 20), dtype=bool)
    truth[:, 5:12] = True
    return [under_attack.Case(f"c{i}", sound(10 * i), 0, (1,), 2, truth, truth[0]) for i in range(2)]


def test_the_listener_is_the_classifier_and_explains_by_frames(listener: explaining.Listener) -> None:
    x = torch.stack([sound(), sound(1)])
    with torch.no_grad():
        torch.testing.assert_close(listener.score(x), listener.classifier(x), rtol=1e-3, atol=1e-3)
    found = listener.look(x[0], [0, 2])
    assert {name: one.shape for name, one in found.maps.items()} == dict.fromkeys(explaining.METHODS, (2, 20))
    assert found.errors.shape == (2,) and found.logits.shape == (3,)
    truth = np.zeros(20, dtype=bool)
    truth[5:12] = True
    energy = found.maps["ig"][0]
    assert energy[truth].mean() > energy[~truth].mean()
    inside = listener.inside(truth)
    encoder = listener.classifier.encoder
    centres = encoder.frame_start + encoder.frame_duration * (np.arange(len(inside)) + 0.5)
    assert inside.tolist() == [bool(0.5 <= c < 1.2) for c in centres]


@pytest.mark.parametrize("kind", moving.MOVES)
def test_a_map_moves_while_every_class_stays(
    kind: str, listener: explaining.Listener, cases: list[under_attack.Case]
) -> None:
    x = torch.stack([one.waveform for one in cases])
    classes = torch.tensor([0, 0])
    inside = moving.feature_frames(listener, [one.truth[0] for one in cases])
    found = moving.move(listener, x, classes, inside, kind=kind, snr=25.0, steps=4)
    with torch.no_grad():
        before, after = listener.score(x) > 0, listener.score(found.waveforms) > 0
        values = [moving._AIMS[kind](listener, listener.features(one), classes, inside) for one in (x, found.waveforms)]
    assert torch.equal(before, after)
    assert bool(found.reached.all()) and bool((values[1] > values[0]).all())
    assert bool((base.snr(x, found.waveforms) > 24.9).all())


def test_explanations_under_attack_from_end_to_end(
    listener: explaining.Listener, cases: list[under_attack.Case]
) -> None:
    runs, variants = under_attack.attack(listener, cases, "embedded", snr=25.0, steps=2, seed=1)
    assert set(variants) == set(under_attack.VARIANTS)
    vanished = variants[study.VANISH]
    with torch.no_grad():
        assert torch.equal(listener.score(vanished.waveforms)[:, 0] < 0, vanished.reached)
    looked = under_attack.look(listener, cases, variants)
    maps = under_attack.survival(cases, variants, looked, **RESAMPLING)
    control = maps[(maps["variant"] == "noise") & (maps["metric"] == "correlation")]
    assert control["value"].between(-1, 1).all() and set(control["of"]) == {"others", "attacked"}
    placed = under_attack.placement(cases, variants, looked, 32_000, 0.1, **RESAMPLING)
    rows = placed[placed["variant"] == "noise"].set_index("metric")["value"]
    assert rows["time"] == pytest.approx(0.35) and rows["inside"] == pytest.approx(
        0.35, abs=0.02
    )  # white noise is even
    assert rows["signal"] > 0.95
    told = giveaway.detection(cases, variants, looked, 32_000, **RESAMPLING)
    quiet = told[(told["variant"] == "noise") & (told["detector"] == "quiet")]
    assert quiet["value"].iloc[0] == 1.0  # noise fills the silence
    for _, group in told.groupby("variant"):
        by = group.set_index("detector")
        best = by.loc[list(giveaway.TRIVIAL), "value"].max()
        mine = by.drop(index=list(giveaway.TRIVIAL))
        assert np.allclose(mine["minus_trivial"], mine["value"] - best, equal_nan=True)
        assert by.loc[list(giveaway.TRIVIAL), "minus_trivial"].isna().all()
    subjects = {
        (training.SIGMOID, "embedded"): (listener.classifier, under_attack.clips_of(cases, 3)),
    }
    attacked = study.summarise(study.per_clip(runs, subjects), **RESAMPLING)
    for table in (
        tables.attacks_table(attacked),
        tables.explanations_table(maps, maps),
        tables.placement_table(placed, placed),
        tables.detection_table(told, told),
    ):
        assert len(table)
    assert "nobody attacked" in overview.explanations(maps) or "No class" in overview.explanations(maps)
    assert "within its sound" in overview.placement(placed)
    heard = {under_attack.CLEAN: cases[0].waveform.numpy(), study.VANISH: vanished.waveforms[0].numpy()}
    drawn = figures.one_soundscape(cases[0], heard, {name: looked[name][0] for name in heard}, 0.1)
    assert len(drawn.axes) == 1 + len(explaining.METHODS)
    assert figures.detectors(told).axes
    page = figures.hear(cases[0].waveform.numpy(), vanished.waveforms[0].numpy(), 32_000, "Bell").data
    assert page.count("<audio") == 3 and "dB louder than it is" in page


def test_attacks_on_one_of_several_outputs_leave_the_shortest_way_to_the_network(listener: explaining.Listener) -> None:
    x = torch.stack([sound(seed) for seed in range(3)])
    for goal in (0, 1):
        found = deepfool(listener.score, x, Vanish(torch.tensor([goal] * 3)), steps=30)
        assert bool(found.reached.all()) and float(base.snr(x, found.waveforms).min()) > 20


def test_a_boundary_that_is_all_but_reached_is_crossed() -> None:
    """Steps of a millionth were lost in the rounding of samples, and the attack went on to its last step in vain."""
    slope = torch.full((64,), 0.25)
    x = torch.full((1, 64), 0.5)

    def score(waveforms: torch.Tensor) -> torch.Tensor:
        return (waveforms @ slope - x[0] @ slope + 1e-9)[:, None]

    found = deepfool(score, x, Vanish(torch.tensor([0])), steps=3)
    assert bool(found.reached) and int(found.iterations) == 1


# ---- words and parameters


def test_the_box_says_what_the_tables_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_short.Shipped, "table", lambda self, of: None)
    cell = {"split": "test", "n": 20, "value": 0.8, "ci_low": 0.6, "ci_high": 0.9}
    low = {**cell, "value": 0.05, "ci_low": 0.0, "ci_high": 0.1}
    key = {"output": "softmax", "model": "all", "goal": study.LEAVE}
    attacks = pd.DataFrame(
        [
            {**key, "attack": "pgd_l2", "metric": "success", **cell},
            {**key, "attack": "noise", "metric": "success", **low},
            {**key, "attack": "pgd_l2", "metric": "snr", **cell, "value": 30.0},
            {**key, "attack": "deepfool", "metric": "snr", **cell, "value": 45.0, "ci_low": 43.0, "ci_high": 47.0},
        ]
    )
    across = pd.DataFrame(
        [
            {"attack": "pgd_l2", "source": "all", "target": "others", **cell},
            {"attack": "noise", "source": "noise", "target": "others", **low},
            {"attack": "pgd_l2", "source": "all", "target": "others_minus_noise", **cell, "value": 0.75},
        ]
    )
    left = pd.DataFrame(
        [{"attack": "deepfool", "carrier": name, **row} for name, row in (("pcm_16", cell), ("room", low))]
    )
    maps = pd.DataFrame(
        [
            {"variant": study.VANISH, "of": "others", "method": m, "metric": "iou_change", **low, "value": -0.02}
            for m in explaining.METHODS
        ]
    )
    gap = {"minus_trivial": 0.25, "minus_low": -0.05, "minus_high": 0.5}
    told = pd.DataFrame(
        [
            {"variant": study.VANISH, "detector": name, "metric": "auroc", **row, **gap}
            for name, row in (("error", low), ("disagreement", cell), ("quiet", {**low, "value": 0.55}))
        ]
    )
    found = {"adversarial": attacks, "adversarial_explanations": maps}
    box = in_short.answer(Found(found)).text
    told_on_the_page = (overview.transfer(across), overview.files(left), overview.explanations(maps))
    text = " ".join((box, *told_on_the_page, overview.detection(told))).replace("\N{NO-BREAK SPACE}", " ")
    assert "a share of 0.80" in text and "DeepFool 45.0" in text and "0.80 [0.60, 0.90]" in text
    assert "above white noise as loud" in text and "(paired difference 0.75 [0.60, 0.90])" in text
    assert "not told apart from the better trivial one" in text and "(paired difference 0.25 [−0.05, 0.50])" in text
    assert "room noise 40 dB below: 0.05" in text and "CAM −0.02" in text
    assert "disagreement of CAM and IG" in text
    empty = {name: table.iloc[:0] for name, table in found.items()}
    assert "does not decide" in in_short.answer(Found(empty)).text
    # Where the run of full size ships, it stands first, and of this run one sentence.
    large = {name: table.assign(value=0.7) for name, table in found.items()}
    monkeypatch.setattr(in_short.Shipped, "table", lambda self, of: large[of])
    both = in_short.answer(Found(found)).text.replace("\N{NO-BREAK SPACE}", " ")
    full, own = both.split("*In this run:*")
    assert "a share of 0.70" in full and "of IG by 0.70" not in full and "No map was moved" in full
    assert "a share of 0.80" in own and "map" not in own.split(".")[0]


def test_parameters_that_make_no_sense_are_refused() -> None:
    assert len(clips.kinds(names.MOST_KINDS)) == len(clips.kinds(1000)) == names.MOST_KINDS
    assert AdversarialStudy().networks == tuple(names.NETWORKS)
    assert AdversarialStudy().mixtures == ()
    assert AdversarialStudy(attack_mixtures="vgg, crnn").mixtures == ("vgg", "crnn")
    with pytest.raises(IgsedError, match="'attack_networks' names resnet"):
        AdversarialStudy(attack_networks="vgg,resnet")
    with pytest.raises(IgsedError, match="'attack_networks' names nothing: use all, or some of"):
        AdversarialStudy(attack_networks="none")
    with pytest.raises(IgsedError, match="'attack_mixtures' names resnet: use all, none, or some of"):
        AdversarialStudy(attack_mixtures="resnet")
    with pytest.raises(IgsedError, match="name each classifier once"):
        AdversarialStudy(attack_networks="vgg,vgg")
    with pytest.raises(IgsedError, match="'attack_licences' names by-sa"):
        AdversarialStudy(attack_licences="by-sa")


def test_an_attack_on_a_wrong_class_is_over_before_it_begins(trained: dict[str, Trained], bank: Bank) -> None:
    network = trained["vgg"].classifier
    x = bank.splits["test"].waveforms[:3]
    wrong = (training.logits(network, x).argmax(dim=1) + 1) % 4
    assert bool(Leave(wrong).reached(training.logits(network, x)).all())
