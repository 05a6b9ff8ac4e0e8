"""The page of waveform and spectrogram: excerpts and changes by hand, sums that stay, bands that tell, end to end."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from igsed_core.attribution import plane
from igsed_core.attribution.lrp import Lrp
from igsed_core.base import shards
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.representations import (
    accuracy,
    disturb,
    excerpts,
    explain,
    figures,
    in_short,
    networks,
    overview,
    study,
    tables,
    training,
)
from igsed_core.chapters.representations.excerpts import AT_RANDOM, BY_RECORDING, LENGTH, RATE
from igsed_core.chapters.representations.networks import NETWORKS, SPECTROGRAM, WAVEFORM
from igsed_core.chapters.representations.params import RECIPES, RepresentationStudy
from igsed_core.data.soundbank.base import SoundBank
from igsed_core.models.classifier import NetworkClassifier
from igsed_core.show.answers import Found
from tiny_bank import put, tone

CLASSES = ("high", "low")
PITCHES = {"low": 300.0, "high": 3000.0}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> SoundBank:
    root = tmp_path_factory.mktemp("bank")
    rows = []
    for pool, n in (("train", 6), ("eval", 4)):
        for label, pitch in PITCHES.items():
            for i in range(n):
                path = f"foreground/{pool}/{label}/{label}{i}.wav"
                put(root / path, tone(pitch * (1 + 0.02 * i), 0.7 + 0.5 * (i % 3), RATE))
                rows.append({"path": path, "role": "foreground", "pool": pool, "label": label})
    return SoundBank(root, pd.DataFrame(rows), pd.DataFrame())


@pytest.fixture(scope="module")
def sounds(bank: SoundBank, tmp_path_factory: pytest.TempPathFactory) -> excerpts.Excerpts:
    return excerpts.cut(excerpts.listed("bank", bank, files=0), tmp_path_factory.mktemp("e") / "excerpts.npy")


# ---- excerpts


def test_excerpts_overlap_by_half_and_have_one_level(sounds: excerpts.Excerpts) -> None:
    # 0.7 s and 1.2 s give one excerpt, 1.7 s gives two: 6 + 2 of each class to train, 4 + 1 to test.
    assert sounds.rows.groupby(["fold", "label"]).size().to_dict() == {
        (1, "high"): 5,
        (1, "low"): 5,
        (2, "high"): 8,
        (2, "low"): 8,
    }
    assert sounds.folds == (1,)
    assert_allclose(sounds.samples(np.arange(26)).square().mean(dim=1), 1, rtol=1e-4)


def test_files_are_limited_by_class_and_fold(bank: SoundBank) -> None:
    assert len(excerpts.listed("bank", bank, files=3)) == 12


def test_a_split_by_recording_hears_none_before_and_one_at_random_does(sounds: excerpts.Excerpts) -> None:
    mine = excerpts.split(sounds, BY_RECORDING, 1, seed=0)
    other = excerpts.split(sounds, AT_RANDOM, 1, seed=0)
    assert (len(mine.train), len(mine.test)) == (len(other.train), len(other.test)) == (16, 10)
    for parts in (mine, other):
        assert sorted([*parts.train, *parts.test]) == list(range(26))
    assert excerpts.heard_before(sounds, mine) == 0 < excerpts.heard_before(sounds, other)


def test_silence_is_no_excerpt(tmp_path: Path) -> None:
    put(tmp_path / "a.wav", np.zeros(RATE), RATE)
    put(tmp_path / "b.wav", tone(300, 1.0, RATE), RATE)
    rows = pd.DataFrame({"path": [tmp_path / "a.wav", tmp_path / "b.wav"], "recording": ["a", "b"], "fold": 1})
    with pytest.raises(IgsedError, match="no excerpt of quiet sounds"):
        excerpts.cut(rows.assign(label=["quiet", "loud"]), tmp_path / "e.npy")
    with pytest.raises(IgsedError, match="nothing to tell it from"):
        excerpts.cut(rows.assign(label="loud"), tmp_path / "e.npy")


# ---- changes


def test_bands_are_half_octaves_and_removing_one_removes_its_tone() -> None:
    assert disturb.N_BANDS == 14
    assert disturb.EDGES[[0, 2, -1]].tolist() == pytest.approx([62.5, 125, 8000])
    sounds = torch.from_numpy(np.stack([tone(300, 1, RATE), tone(3000, 1, RATE)])).float()
    energy = disturb.energy_of_bands(sounds)
    bands = energy.argmax(axis=1)
    assert [disturb.EDGES[b] <= f < disturb.EDGES[b + 1] for b, f in zip(bands, (300, 3000), strict=True)] == [
        True,
        True,
    ]
    both = sounds.sum(dim=0, keepdim=True)
    removed = torch.zeros(1, 14, dtype=torch.bool)
    removed[0, bands[0]] = True
    left = disturb.without_bands(both, removed)
    shares = disturb.energy_of_bands(left)[0] / disturb.energy_of_bands(left).sum()
    assert shares[bands[0]] < 1e-6 < 0.99 < shares[bands[1]]
    assert float(left.square().mean()) == pytest.approx(1)


def test_fixed_changes_by_hand() -> None:
    sound = excerpts.normalised(torch.from_numpy(tone(440, 1, RATE)).float()[None])
    assert torch.equal(disturb.changed(sound, disturb.CLEAN, seed=0), sound)
    late = disturb.changed(sound, "delay_100_ms", seed=0)[0]
    assert late[:1600].abs().max() == 0
    assert_allclose(late[1600:] / late[2000] * sound[0, 400], sound[0, :-1600], atol=1e-4)
    assert_allclose(disturb.changed(sound, "gain_12_db", seed=0), sound * 10 ** (-12 / 20))
    noisy = disturb.changed(sound, "noise_0_db", seed=0)
    assert float((noisy * sound).mean()) ** 2 == pytest.approx(0.5, abs=0.02)  # half of the power is the sound's


def test_training_changes_most_excerpts_and_the_same_way_twice() -> None:
    sound = excerpts.normalised(torch.from_numpy(tone(440, 1, RATE)).float()[None].repeat(32, 1))
    one, other = (disturb.augmented(sound, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, other)
    assert ((one - sound).abs().amax(dim=1) > 0.01).sum() > 20
    assert torch.isfinite(one).all()


# ---- networks and their explanations


def made(kind: str, *, unbiased: bool = False) -> NetworkClassifier:
    one = networks.make(kind, CLASSES, 4, seed=1).eval()
    for module in one.modules() if unbiased else ():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear | nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.zeros_(module.bias)
    return one.requires_grad_(False)


def noise(n: int = 2) -> torch.Tensor:
    return torch.randn(n, LENGTH, generator=torch.Generator().manual_seed(0))


def test_the_two_networks_have_one_size() -> None:
    sizes = [networks.size(networks.make(kind, CLASSES, 16, seed=0)) for kind in NETWORKS]
    assert max(sizes) / min(sizes) < 1.25


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("rule", ["epsilon_plus", "alpha2_beta1"])
def test_relevance_on_the_plane_sums_to_the_logit_for_either_network(kind: str, rule: str) -> None:
    model = made(kind, unbiased=True)
    logits = model(noise())
    for clip, (one, waveform) in enumerate(zip(Lrp(rule)(model, noise(), [[0], [1]]), noise(), strict=True)):
        assert one.elements is not None
        laid = plane.on_spectrum(one.elements, waveform, explain.FRONT_END)[0]
        assert laid.shape == (explain.N_FRAMES, len(explain.FREQUENCIES))
        assert_allclose(float(laid.sum()), float(logits[clip, clip]), rtol=2e-2, atol=1e-4)


class Listener(nn.Module):
    """Knows one class by the power of a band, its other class by nothing: (batch, samples) -> (batch, 2)."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        frequencies = torch.fft.rfftfreq(LENGTH, 1 / RATE)
        self.register_buffer("inside", (frequencies >= low) & (frequencies < high))
        self.features = nn.Identity()

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        power = (torch.fft.rfft(waveform).abs().square() * self.inside).sum(dim=1) / LENGTH**2
        return torch.stack([power, torch.zeros_like(power)], dim=1)


def test_occlusion_finds_the_octave_that_a_network_listens_to() -> None:
    model = NetworkClassifier(Listener(1000, 2000), classes=CLASSES, sample_rate=RATE)
    found = explain.occlusion(model, noise(1), [0])[0]
    shares = np.maximum(found, 0).sum(axis=0)
    inside = (explain.FREQUENCIES >= 1000) & (explain.FREQUENCIES < 2000)
    assert shares[inside].sum() / shares.sum() > 0.8


def test_log_odds_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 3.0]])
    assert_allclose(explain.log_odds(logits, [0, 1]), [2 - np.log(2), 1 - np.log(1 + np.e**3)], rtol=1e-6)


# ---- from end to end


@pytest.fixture(scope="module")
def run(sounds: excerpts.Excerpts, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("networks")
    splits = {(p, 1): excerpts.split(sounds, p, 1, seed=0) for p in (BY_RECORDING, AT_RANDOM)}
    recipe = training.Recipe(width=4, epochs=24, batch_size=8, seed=0)
    wanted = training.tasks(RECIPES[:1], sounds.folds, 1)
    trained = training.train(wanted, sounds, splits, recipe, folder, workers=1)
    options = {"replicates": 30, "seed": 0}
    measured = accuracy.accuracies(trained, sounds, splits, seed=0)
    explained = study.explained(trained, sounds, splits, number=4, points=2, seed=0)
    return {
        **{"folder": folder, "splits": splits, "recipe": recipe, "trained": trained, "explained": explained},
        "representations": accuracy.summarise(measured, sounds, **options),
        "representations_differences": accuracy.differences(measured, sounds, **options),
        "representations_maps": study.describe(explained, **options),
        "representations_alike": study.alike(explained, **options),
        "representations_bands": study.bands(explained, **options),
    }


def test_both_networks_learn_two_pitches(run: dict) -> None:
    found = run["representations"]
    clean = found[(found["condition"] == disturb.CLEAN) & (found["class"] == "all") & (found["average"] == "instance")]
    assert (clean["value"] >= 0.8).all(), clean[["protocol", "method", "value"]]
    assert set(found["condition"]) == set(disturb.conditions())


def test_trained_networks_are_kept(run: dict, sounds: excerpts.Excerpts) -> None:
    none = training.Recipe(width=4, epochs=10**6, batch_size=8, seed=0)  # would never end
    wanted = list(run["trained"])
    again = training.train(wanted, sounds, run["splits"], none, run["folder"], workers=1)
    clip = noise(1)
    for task in wanted:
        assert_allclose(again[task](clip), run["trained"][task](clip))


def test_networks_finished_before_a_break_are_not_trained_again_and_shards_train_the_same(
    run: dict, sounds: excerpts.Excerpts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, wanted, train = (
        training.Recipe(width=4, epochs=1, batch_size=8, seed=0),
        list(run["trained"]),
        training._train,
    )
    done: list[str] = []
    most = 1

    def counted(job: training._Job) -> dict[str, torch.Tensor]:
        if len(done) == most:
            raise KeyboardInterrupt
        done.append(job.task.name)
        return train(job)

    def weights(folder: str) -> list[torch.Tensor]:
        made = training.train(wanted, sounds, run["splits"], recipe, tmp_path / folder, workers=1)
        return [one for task in wanted for one in made[task].state_dict().values()]

    monkeypatch.setattr(training, "_train", counted)
    with pytest.raises(KeyboardInterrupt):
        weights("broken")
    most = 100
    resumed = weights("broken")
    assert done == [task.name for task in wanted]
    for number in range(2):
        monkeypatch.setattr(shards, "_passed", 0)
        monkeypatch.setenv(shards.VARIABLE, f"1:{number}/2")
        with pytest.raises(shards.ShardEnd):
            weights("shards")
    monkeypatch.delenv(shards.VARIABLE)
    most = len(done)  # none more
    for one, other in zip(resumed, weights("shards"), strict=True):
        assert torch.equal(one, other)


def test_maps_of_a_run_lie_on_one_plane_and_on_the_tone(run: dict) -> None:
    found: study.Explained = run["explained"]
    assert set(found.maps) == {WAVEFORM, SPECTROGRAM}
    shapes = {weights.shape for of in found.maps.values() for weights in of.values()}
    assert shapes == {(len(found.index), explain.N_FRAMES, len(explain.FREQUENCIES))}
    described = run["representations_maps"].set_index(["method", "rule", "metric", "class", "average"])["value"]
    for network in NETWORKS:
        shares = [described[network, explain.LRP, o, "all", "instance"] for o in study.OCTAVES]
        assert sum(shares) == pytest.approx(1)


def test_what_is_removed_first_counts(run: dict) -> None:
    """With all tones gone, nothing is right but by chance; with the least important bands gone, all is."""
    bands = run["representations_bands"]
    rows = bands[(bands["class"] == "all") & (bands["average"] == "instance")]
    left = rows[rows["metric"] == study.LEFT].set_index(["method", "rule", "threshold"])["value"]
    for network in NETWORKS:
        assert left[network, f"{explain.ENERGY}, {study.UNIMPORTANT}", 10.0] >= 0.75
    assert not ((rows["method"] == WAVEFORM) & (rows["rule"] == explain.CAM) & (rows["metric"] == study.PREDICTS)).any()


def test_an_order_that_costs_less_than_chance_is_told() -> None:
    """For the spectrogram network LRP's first bands cost less than random ones at 4 of 5 amounts: nothing said so."""
    left = {(WAVEFORM, 1.0): (0.3, 0.6), (WAVEFORM, 2.0): (0.2, 0.5)}
    left |= {("spectrogram", 1.0): (0.8, 0.75), ("spectrogram", 2.0): (0.4, 0.5)}
    rows = [
        {"method": network, "rule": rule, "threshold": amount, "value": value, "metric": study.LEFT, "n": 20}
        for (network, amount), values in left.items()
        for rule, value in zip((f"{explain.LRP}, {study.IMPORTANT}", study.RANDOM), values, strict=True)
    ]
    table = pd.DataFrame(rows).assign(**{"split": "test", "average": "instance", "class": "all"})
    said = overview.order(table)
    assert "at 2 of 2 amounts for the waveform network and at 1 of 2 amounts for the spectrogram network" in said
    assert "from 20 excerpts only" in said
    assert overview.order(table.assign(value=np.nan)) == overview.order(table.iloc[:0]) == ""


@pytest.mark.parametrize(
    ("new", "heard", "words"),
    [
        (0.75, 0.94, "0.04 apart against 0.15 by recording: most of what parts them is what carries over"),
        (0.75, 0.80, "0.18 apart against 0.15 by recording: they are apart not only on"),
        (0.89, 0.80, ""),
    ],
)
def test_why_the_networks_are_apart_is_said_by_a_split_of_heard_recordings(
    new: float, heard: float, words: str
) -> None:
    values = {BY_RECORDING: (new, 0.9), AT_RANDOM: (heard, 0.98)}
    rows = [
        {"protocol": of, "method": name, "value": value, "ci_low": value - 0.02, "ci_high": value + 0.02, "n": 300}
        for of, pair in values.items()
        for name, value in zip((WAVEFORM, SPECTROGRAM), pair, strict=True)
    ]
    table = pd.DataFrame(rows).assign(
        **{"condition": "clean", "rule": RECIPES[0], "metric": "accuracy", "split": "test", "average": "instance"},
        **{"class": "all"},
    )
    gap = new - 0.9
    apart = pd.DataFrame(
        [{"method": WAVEFORM, "rule": RECIPES[0], "value": gap, "ci_low": gap - 0.04, "ci_high": gap + 0.04, "n": 300}]
    ).assign(protocol=BY_RECORDING, condition="clean", average="instance", n_clips=200)
    said = overview.why_apart(table, apart)
    assert (words in said) if words else (said == "")
    assert overview.why_apart(table[table["protocol"] == BY_RECORDING], apart) == ""
    # A run of few recordings asked why, where nothing shows that they are apart.
    assert overview.why_apart(table, apart.assign(ci_high=0.1)) == ""


def test_words_tables_and_figures(run: dict, sounds: excerpts.Excerpts) -> None:
    found = {name: table for name, table in run.items() if name.startswith("representations")}
    said = in_short.answer(Found(found)).text
    apart = found["representations_differences"]
    n_recordings = int(apart.loc[apart["protocol"] == BY_RECORDING, "n_clips"].max())  # what is drawn anew
    assert re.search(rf"from \d+ excerpts?( only)?, which overlap, of {n_recordings} recordings", said)
    said += overview.leak(found["representations"], found["representations_differences"], 0.5)
    said += overview.robust(found["representations"]) + overview.material(sounds, run["splits"], run["trained"])
    told = study.strategies(found["representations_maps"])
    said += overview.strategies(told)
    assert not re.search(r"\b(nan|inf|None)\b", said), said
    assert "50 % of the tested excerpts" in said
    tables.accuracy_table(found["representations"], found["representations_differences"], found["representations"])
    tables.conditions_table(found["representations"], found["representations_differences"], RECIPES[0])
    tables.maps_table(found["representations_maps"], found["representations_bands"])
    tables.alike_table(found["representations_alike"])
    figures.one_excerpt(run["explained"])
    drawn = figures.octaves(found["representations_maps"])
    highest = max(line.get_ydata().max() for ax in drawn.axes for line in ax.get_lines())
    assert drawn.axes[0].get_ylim()[0] == 0 and all(ax.get_ylim()[1] >= highest for ax in drawn.axes)
    figures.band_stop(found["representations_bands"])
    assert "igsed-player" in figures.hear(run["explained"]).data


def test_strategies_are_words_of_the_numbers() -> None:
    row = {"label": "Dog_bark", "n": 40, "waveform_share": 0.6, "spectrogram_share": 0.4, "energy_share": 0.5}
    octaves = {"waveform_octave": 250.0, "spectrogram_octave": 1000.0, "energy_octave": 250.0}
    said = overview.strategies(pd.DataFrame([{**row, **octaves}]))
    assert "waveform network listens most to 250 Hz to 500 Hz (0.60), the spectrogram network to 1 kHz to 2 kHz" in said
    assert "most power lies at 250 Hz to 500 Hz (0.50)" in said
    same = overview.strategies(pd.DataFrame([{**row, **octaves, "spectrogram_octave": 250.0}]))
    assert "both listen most to 250 Hz to 500 Hz (0.60 and 0.40 of the relevance); where the sound has most" in same


def test_a_correlation_of_ranks_by_hand() -> None:
    one = np.array([[1.0, 2, 3], [1, 1, 1]])
    assert_allclose(study._correlation(one, one[:, ::-1]), [-1, np.nan])


def test_parameters_name_ways_of_training() -> None:
    assert RepresentationStudy(repr_recipes=" paper ").recipes == ("paper",)
    with pytest.raises(IgsedError, match="'repr_recipes' names fast: use some of modern, paper"):
        RepresentationStudy(repr_recipes="fast")
