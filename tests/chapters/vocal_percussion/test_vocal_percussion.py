"""Labels by hand, exact times of the bank, features and classifiers on known cases, and the study from end to end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

import uncompiled
from igsed_core.base import files, shards
from igsed_core.base import shipped as base_shipped
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import project_root
from igsed_core.chapters.vocal_percussion import (
    audit,
    bank,
    classify,
    figures,
    labels,
    material,
    measure,
    network,
    overview,
    spectra,
    speech,
    study,
    tables,
    varied,
    voice,
    when,
)
from igsed_core.chapters.vocal_percussion.boxemes import VocalPercussion
from igsed_core.chapters.vocal_percussion.material import Material
from igsed_core.chapters.vocal_percussion.params import VocalPercussionStudy
from igsed_core.data import audio
from igsed_core.metrics import intervals
from igsed_core.show import cells

shipped = base_shipped.Shipped("vocal_percussion")

RECIPE = network.Recipe(epochs=2, batch_size=16, learning_rate=2e-3, embedding=8)
SEED = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vocal")


@pytest.fixture(scope="module")
def sounds(folder: Path) -> VocalPercussion:
    return bank.build(folder / "bank", number=5, held_out=2, sounds=4, seed=SEED)


@pytest.fixture(scope="module")
def made(sounds: VocalPercussion) -> Material:
    return material.prepare(sounds, copies=1, seed=SEED)


@pytest.fixture(scope="module")
def trained(made: Material, folder: Path) -> list[study.Network]:
    wanted = study.tasks(("instrument", "syllable", "phoneme"), 1, 1)
    return study.train(wanted, made.train, RECIPE, folder / "networks", seed=SEED, workers=1)


# ---- labels


def row(onset: str, coda: str, instrument: str = "kd", user: str = "U01") -> dict[str, object]:
    return {
        "onset_phoneme": onset,
        "coda_phoneme": coda,
        "instrument": instrument,
        "user": user,
        "onset": 1,
        "clip": "a",
    }


def test_inventories_and_groups_have_the_released_sizes() -> None:
    assert (len(labels.ONSETS), len(labels.CODAS)) == (13, 16)
    assert (len(set(labels.ONSET_GROUPS.values())), len(set(labels.CODA_GROUPS.values()))) == (5, 7)
    assert set(labels.ONSET_GROUPS) == set(labels.ONSETS) and set(labels.CODA_GROUPS) == set(labels.CODAS)
    assert set(voice.ONSETS) == set(labels.ONSETS)
    assert {*voice.VOWELS, "h", labels.NO_CODA} == set(labels.CODAS)


def test_label_sets_by_hand() -> None:
    rows = pd.DataFrame(
        [row("p", "ʊ"), row("p", "o"), row("ts", "", "hhc"), row("s", "x", "hho", "U02"), row("tʃ", "ə", "sd")]
    )
    assert labels.of("instrument_reduced", rows).targets[:, 0].tolist() == [0, 0, 1, 1, 0]
    assert labels.of("syllable", rows).classes == (("p o", "p ʊ", "s x", "ts x", "tʃ ə"),)
    assert labels.of("syllable_reduced", rows).classes == (("p o", "ts x", "tʃ e"),)
    onset, coda = labels.of("phoneme_reduced", rows).classes
    assert onset == ("p", "ts", "tʃ") and coda == ("e", "o", "x")
    assert labels.of("boxeme", rows).classes == (("U01 hhc", "U01 kd", "U01 sd", "U02 hho"),)


def test_what_cannot_be_labelled_is_named() -> None:
    with pytest.raises(IgsedError, match="'q' is not in the inventory"):
        labels.of("syllable", pd.DataFrame([row("q", "")]))
    with pytest.raises(IgsedError, match="label set 'words' is unknown"):
        labels.of("words", pd.DataFrame([row("p", "")]))


# ---- the bank


def test_the_bank_is_the_same_twice_and_another_by_another_seed(sounds: VocalPercussion, tmp_path: Path) -> None:
    again = bank.build(tmp_path / "a", number=5, held_out=2, sounds=4, seed=SEED)
    pd.testing.assert_frame_equal(again.boxemes, sounds.boxemes)
    one = sounds.takes.clips.iloc[[3]]
    assert np.array_equal(again.takes.read(one), sounds.takes.read(one))
    other = bank.build(tmp_path / "b", number=5, held_out=2, sounds=4, seed=SEED + 1)
    assert not other.boxemes["onset_phoneme"].equals(sounds.boxemes["onset_phoneme"])


def test_users_have_five_takes_and_both_habits(sounds: VocalPercussion) -> None:
    assert sounds.boxemes.groupby("user")["take"].nunique().tolist() == [5] * 5
    assert set(sounds.boxemes["split"]) == {"train", "own", "test"}
    assert set(sounds.users[sounds.users["held_out"]]["consistent"]) == {True, False}


def test_sounds_lie_where_the_truth_says(sounds: VocalPercussion) -> None:
    b = sounds.boxemes
    assert (b["start"] - b["onset"]).between(0.0079, 0.0201).all()
    assert ((b["start"] < b["coda"]) & (b["coda"] <= b["end"]) & (b["end"] < b["offset"])).all()
    clip = sounds.takes.clips.iloc[[0]]
    take = sounds.takes.read(clip)[0]
    inside = np.zeros(len(take), dtype=bool)
    for r in b[b["clip"] == clip["clip"].iloc[0]].to_dict("records"):
        inside[round(r["start"] * voice.RATE) : round(r["end"] * voice.RATE)] = True
    last = round(b[b["clip"] == clip["clip"].iloc[0]]["offset"].max() * voice.RATE)
    assert np.mean(take[inside] ** 2) > 100 * np.mean(take[:last][~inside[:last]] ** 2)


def test_a_voice_says_only_what_it_knows() -> None:
    tract = voice.Tract(1.0, 120.0, 0.1, 0.0, 0.0)
    with pytest.raises(IgsedError, match="no voice is known"):
        voice.utter("q", "x", 0.1, tract, np.random.default_rng(0))
    spoken = voice.utter("p", "a", 0.2, tract, np.random.default_rng(0))
    assert 0 < spoken.coda < len(spoken.samples)


# ---- spectra


def test_a_tone_moves_by_pitch_and_an_onset_by_stretch() -> None:
    values = torch.zeros(1, 101, 41)
    values[0, 40, 20] = 1.0
    moved = spectra.changed(values, torch.tensor([1.25]), torch.tensor([0.8]))
    assert divmod(int(moved[0].argmax()), 41) == (50, 16)
    same = spectra.changed(values, torch.ones(1), torch.ones(1))
    assert torch.allclose(same, values, atol=1e-5)


def test_nothing_of_neighbouring_sounds_is_heard(tmp_path: Path) -> None:
    from igsed_core.data import dataset

    rate = 44_100
    audio.write(tmp_path / "a.wav", np.full(2 * rate, 0.5, dtype=np.float32), rate)
    rows = pd.DataFrame({"clip": "a", "onset": [0.5, 0.7], "offset": [0.7, 2.0]})
    events = rows.assign(label="kd")
    clips = pd.DataFrame({"clip": ["a"], "split": "test", "file": "a.wav"})
    takes = dataset.from_tables(tmp_path, clips, sample_rate=rate, events=events)
    found = spectra.magnitudes(VocalPercussion(takes, rows, pd.DataFrame()))
    frames = found.values.sum(1)
    silent = round(0.2 * rate / 512) + 2
    assert frames[0, silent:].abs().max() < 1e-4 < frames[0, silent - 4]
    maps = spectra.log_mel(found.bands(), 1.0)
    assert maps.shape == (2, 64, 48) and maps.min() >= 0 and maps.max() <= 1


def test_sounds_are_prepared_user_by_user_as_all_at_once(sounds: VocalPercussion, made: Material) -> None:
    whole = spectra.magnitudes(sounds).heard()
    for split, part in {"train": made.train, "own": made.own, "test": made.test}.items():
        rows = torch.from_numpy(np.flatnonzero(sounds.boxemes["split"] == split))
        pd.testing.assert_frame_equal(part.boxemes, sounds.boxemes.iloc[rows.numpy()].reset_index(drop=True))
        assert torch.equal(part.copies[0].bands, whole.bands[rows])
        assert torch.equal(part.copies[0].shapes, whole.shapes[rows])
    assert made.train.maps().shape == (len(made.train.boxemes), 2, 64, 48)
    assert torch.equal(made.train.maps()[:, 0], spectra.log_mel(made.train.copies[0].bands, made.train.peak))


def test_noise_is_as_loud_as_asked(sounds: VocalPercussion, made: Material) -> None:
    clean = made.test.copies[0].power.sum()
    little, much = (material.noisy(sounds, made, snr, seed=0).copies[0] for snr in (40.0, 0.0))
    assert little.power.sum() == pytest.approx(float(clean), rel=0.1)
    # A take is scaled to its peak, noise and all, so that the spectrum's flatness and not the power tells.
    flat = spectra.SHAPES.index("flatness")
    heard = made.test.copies[0].power > 1e-3
    assert much.shapes[:, flat][heard].mean() > little.shapes[:, flat][heard].mean() + 0.1


def test_numbers_of_a_spectrum_are_librosas(made: Material, sounds: VocalPercussion) -> None:
    some = sounds.boxemes["clip"] == sounds.boxemes["clip"].iloc[0]
    rows = VocalPercussion(sounds.takes, sounds.boxemes[some].reset_index(drop=True), sounds.users)
    values = spectra.magnitudes(rows).values[:, :, :8].double().numpy()[: some.sum()]
    mine = spectra._shapes(torch.from_numpy(values), 44_100)
    octaves = np.log2(np.maximum(np.linspace(0, 22_050, 513), 40.0))
    with uncompiled.librosa():
        of = pytest.importorskip("librosa").feature
        flatness = np.log(of.spectral_flatness(S=values + 1e-7, power=1.0)[:, 0])
        centroid = of.spectral_centroid(S=values + 1e-7, freq=octaves[:, None] * np.ones(8))[:, 0]
        hertz = of.spectral_rolloff(S=values + 1e-7, roll_percent=0.85, sr=44_100)[:, 0]
    assert np.allclose(mine[:, spectra.SHAPES.index("flatness")], flatness, atol=1e-6)
    assert np.allclose(mine[:, spectra.SHAPES.index("centroid")], centroid, atol=1e-6)
    assert np.allclose(mine[:, spectra.SHAPES.index("roll-off")] * 513, hertz / 22_050 * 512, atol=1e-6)


# ---- network


def test_two_heads_count_six_and_four_tenths() -> None:
    random = torch.Generator().manual_seed(0)
    logits = [torch.randn(4, 3, generator=random), torch.randn(4, 5, generator=random)]
    targets = labels.Labels((("a",) * 3, ("b",) * 5), np.array([[0, 4], [1, 2], [2, 0], [0, 1]]))
    found = nn.functional.cross_entropy(
        network.stacked(logits).flatten(0, 1), network.stacked_targets(targets).flatten()
    )
    each = [nn.functional.cross_entropy(a, torch.from_numpy(targets.targets[:, i])) for i, a in enumerate(logits)]
    assert torch.isclose(found, 0.6 * each[0] + 0.4 * each[1])


def test_the_network_has_the_released_shapes() -> None:
    net = network.BoxemeNetwork([4], 32)
    (linear,) = [m for m in net.body if isinstance(m, nn.Linear)]
    assert (linear.in_features, linear.out_features) == (768, 32)


def test_splits_by_copy_share_sounds_and_others_do_not() -> None:
    kept, held = study.split_rows(50, 4, 0, seed=1, by_copy=False)
    assert not set(kept.tolist()) & set(held.tolist()) and len(held) == 10
    kept, held = study.split_rows(50, 4, 0, seed=1, by_copy=True)
    assert set(held[:, 0].tolist()) & set(kept[:, 0].tolist())


# ---- classifiers and measures


def test_neighbours_are_scikit_learns_own() -> None:
    rng = np.random.default_rng(0)
    own = classify.Own(
        rng.normal(size=(36, 2, 3)), np.repeat(["a", "b", "c"], 12), rng.normal(size=(20, 3)), np.repeat("a", 20)
    )
    flat = own.examples.reshape(-1, 3)
    centre, spread = flat.mean(0), flat.std(0)
    wanted = [
        KNeighborsClassifier(k)
        .fit((flat - centre) / spread, np.repeat(own.labels, 2))
        .predict((own.tests - centre) / spread)
        for k in classify.NEIGHBOURS
    ]
    assert np.allclose(classify.right(own), np.mean([w == "a" for w in wanted], axis=0))


@pytest.mark.parametrize("kind", classify.CLASSIFIERS)
def test_classes_far_apart_are_told_right(kind: str) -> None:
    labels_ = np.repeat(["a", "b"], 12)
    places = (labels_ == "b")[:, None] * 10.0 + np.random.default_rng(1).normal(size=(24, 2))
    own = classify.Own(places[:, None], labels_, places, labels_)
    assert classify.right(own, kind).mean() == 1.0
    assert classify.few(own, 1, 2, seed=0).mean() == 1.0


def test_standardising_with_the_tests_lets_them_in() -> None:
    rng = np.random.default_rng(0)
    labels_ = np.repeat(["a", "b"], 12)
    # The second dimension tells nothing, and only the tests are spread in it: their own statistics tame it.
    places = np.stack([(labels_ == "b") * 4.0, np.zeros(24)], axis=1) + rng.normal(size=(24, 2))
    tests = np.stack([places[:, 0], 30 * rng.normal(size=24)], axis=1)
    own = classify.Own(places[:, None], labels_, tests, labels_)
    assert classify.right(own, together=True).mean() > classify.right(own).mean() + 0.1


def test_intervals_are_over_users_and_differences_paired() -> None:
    rows = [
        ("a", r, "knn", f"u{u}", 10 * (u + 1), 0.5 + 0.05 * u + 0.1 * (r == "1")) for r in ("0", "1") for u in range(6)
    ]
    columns = ["system", "repetition", "classifier", "user", "n_boxemes", "value"]
    one = pd.DataFrame(rows, columns=columns)
    both = pd.concat([one, one.assign(system="b", value=one["value"] - 0.2 - 0.001 * one["n_boxemes"])])
    table = measure.accuracies(both, replicates=200, seed=0)
    by = table.set_index(["system", "average"])["value"]
    assert by["a", "user"] == pytest.approx(0.675)
    assert by["a", "boxeme"] == pytest.approx(sum((0.55 + 0.05 * u) * (u + 1) for u in range(6)) / 21)
    assert (table["n"] == 6).all() and table["std"].notna().all()
    apart = measure.differences(both, [("a", "b")], replicates=200, seed=0)
    assert apart["value"].iloc[0] == pytest.approx(0.235) and apart["verdict"].iloc[0] == "above"


def test_hidden_markov_models_tell_two_courses_apart() -> None:
    pytest.importorskip("hmmlearn", reason="hmmlearn has no packages for this Python")
    rng = np.random.default_rng(0)
    up = [np.linspace(0, 3, 12)[:, None] + 0.2 * rng.normal(size=(12, 2)) for _ in range(12)]
    down = [one[::-1] for one in up]
    names = np.repeat(["up", "down"], 6)
    assert speech.told([*up[:6], *down[:6]], names, [*up[6:], *down[6:]], seed=0).tolist() == names.tolist()


# ---- when


def test_importance_is_placed_by_the_truth(made: Material) -> None:
    part = when.few(made.test, 2)
    n, step = len(part.boxemes), part.copies[0].step
    where = when.regions(part.boxemes, step)
    assert (sum(frames.astype(int) for frames in where.values()) == 1).all()
    for name, frames in where.items():
        usable = frames.any(axis=1)
        found = when.placed(np.repeat(frames[:, None], 64, axis=1).astype(float), part)[usable]
        assert np.allclose(found[name], 1.0), name
        assert (found["pointed"] == (name in ("attack", "coda"))).all()
    low = np.zeros((n, 64, 48))
    low[:, 3] = 1.0
    assert when.placed(low, part)["centroid"].iloc[0] == pytest.approx(float(spectra.centres(44_100)[3]) / 1000)


def test_integrated_gradients_of_a_linear_head_are_complete() -> None:
    class Linear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 64 * 48, generator=torch.Generator().manual_seed(0)))

        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            return [x.flatten(1) @ self.weight.T]

    maps, net = torch.rand(2, 64, 48), Linear()
    named = net(maps)[0].argmax(1)
    wanted = (net.weight[named].reshape(2, 64, 48) * maps).abs().detach().numpy()
    assert np.allclose(when.explained(net, maps, when.IG, steps=3), wanted, atol=1e-4)  # type: ignore[arg-type]


def test_shuffled_weights_are_the_same_numbers_and_the_network_stays(
    trained: list[study.Network], made: Material
) -> None:
    net, maps = trained[0].network, made.test.maps()[:, 0]
    before = net(maps)[0].clone()
    other = when.shuffled(net, maps, seed=0)
    for one, changed in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.equal(one.flatten().sort().values, changed.flatten().sort().values)
    assert torch.equal(net(maps)[0], before) and not torch.allclose(other(maps)[0], before)
    assert torch.isfinite(other(maps)[0]).all()


def test_maps_do_not_depend_on_how_many_threads_explain(trained: list[study.Network], made: Material) -> None:
    part = when.few(made.test, 1)
    one, two = (when.explain(trained[:1], part, steps=2, seed=0, workers=n) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two)


def test_what_lies_inside_is_set_against_each_reference() -> None:
    rows = [
        (system, "0.0", method, f"u{u}", "inside", value + 0.01 * u + 0.001 * (u % 2) * value)
        for system, method, value in (
            *(("syllable", m, 0.7) for m in when.METHODS),
            *(("instrument", m, 0.5) for m in when.METHODS),
            *((when.SHUFFLED, m, 0.5) for m in when.METHODS),
            *((when.ENERGY, when.ENERGY, 0.8), (when.RANDOM, when.RANDOM, 0.3)),
        )
        for u in range(8)
    ]
    columns = ["system", "repetition", "method", "user", "measure", "value"]
    found = when.differences(pd.DataFrame(rows, columns=columns), replicates=200, seed=0)
    ig = found[found["method"] == when.IG].set_index("reference")
    assert ig.loc["energy", "value"] == pytest.approx(-0.2, abs=1e-3) and ig.loc["energy", "verdict"] == "below"
    assert ig.loc["random", "value"] == pytest.approx(0.3, abs=1e-3) and ig.loc["random", "verdict"] == "above"
    assert ig.loc["shuffled", "value"] == pytest.approx(0.1, abs=1e-3) and ig.loc["shuffled", "verdict"] == "above"


# ---- from end to end


def test_the_study_from_end_to_end(
    sounds: VocalPercussion, made: Material, trained: list[study.Network], folder: Path
) -> None:
    represented = study.represent(made, trained, RECIPE, seed=SEED, workers=2)
    scored = study.compare(made, represented, seed=SEED)
    names = ("instrument", "syllable", "phoneme")
    systems = {*names, *study.BASELINES} - (set() if speech.available() else {study.SPEECH})
    assert set(scored["system"]) == systems and scored["value"].between(0, 1).all()
    found = measure.accuracies(scored, replicates=50, seed=0)
    knn = scored[scored["classifier"] == measure.KNN]
    apart = measure.differences(knn, study.pairs(names), replicates=50, seed=0)
    assert len(apart) == 5
    published = audit.published()
    figures.accuracies(found, published)
    assert len(tables.accuracy_table(found, published)) == len(systems)
    assert "held-out users" in overview.accuracy(found, apart)
    assert list(tables.difference_table(apart, apart)["verdict"]) == list(apart["verdict"])
    assert len(tables.accuracy_table(found, published, found)) == len(systems)
    figures.accuracies(found, published, found)
    assert len(tables.user_table(measure.per_user(knn), sounds.users)) == 2
    changed = varied.vary(sounds, made, represented, replicates=50, seed=SEED)
    assert set(changed[changed["varied"] == varied.EXAMPLES]["at"]) == {1.0, 2.0, 4.0}
    figures.variation(changed)
    assert figures.shipped_variation(changed) is not None and "at least 4 examples" in overview.at_full_size(changed)
    few = when.few(made.test, 2)
    explanations = when.explain(trained, few, steps=2, seed=SEED, workers=2)
    placed = when.summarise(explanations, replicates=50, seed=0)
    shares = placed[placed["measure"].isin(when.REGIONS)].groupby(["system", "method"])["value"].sum()
    assert np.allclose(shares, 1.0)
    beside = when.differences(explanations, replicates=50, seed=0)
    assert len(tables.when_difference_table(beside)) == 3 * 3
    nets = when.networks(trained, scored, explanations)
    assert len(nets) == 3 and nets["accuracy"].notna().all()
    figures.importance(placed)
    sound = made.test.maps()[0, 0].numpy()
    shown = figures.one_sound(sound, {when.ENERGY: sound}, {"coda": 0.1}, step=0.01, title="user $1")
    assert len(shown.axes) == 2 and shown.get_suptitle() == "user \\$1"
    assert "signal's energy" in overview.importance(beside)
    assert "3 networks" in overview.tendency(nets)
    assert len(tables.when_table(placed)) == 3 * 3 + 3 + 2
    at_eight = material.prepare(sounds, copies=1, seed=SEED, hop=audit.EIGHT_MS)
    others = study.train(
        audit.tasks(names, 1, 1),
        *(made.train, RECIPE, folder / "networks"),
        seed=SEED,
        workers=1,
        at_eight=at_eight.train,
    )
    audited = audit.verdicts(made, at_eight, represented, others, replicates=50, seed=0)
    assert set(audited["choice"]) == set(audit.CHOICES) and len(tables.audit_table(audited)) == 4
    assert len(tables.stopping_table(audit.stopping(trained, others))) == 2


def test_networks_are_the_same_twice(made: Material, trained: list[study.Network], tmp_path: Path) -> None:
    again = study.train([trained[0].task], made.train, RECIPE, tmp_path, seed=SEED, workers=1)
    for one, other in zip(again[0].network.parameters(), trained[0].network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_networks_finished_before_a_break_are_not_trained_again_and_shards_train_the_same(
    made: Material, trained: list[study.Network], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, train = [one.task for one in trained], study._train
    done: list[str] = []
    most = 2

    def counted(job: study._Job, data: dict[str, torch.Tensor]) -> dict[str, Any]:
        if len(done) == most:
            raise KeyboardInterrupt
        done.append(job.task.file)
        return train(job, data)

    def again(folder: str) -> None:
        found = study.train(wanted, made.train, RECIPE, tmp_path / folder, seed=SEED, workers=1)
        for one, other in zip(found, trained, strict=True):
            assert one.task == other.task
            pd.testing.assert_frame_equal(one.history, other.history)
            for weights, others in zip(one.network.parameters(), other.network.parameters(), strict=True):
                assert torch.equal(weights, others)

    monkeypatch.setattr(study, "_train", counted)
    with pytest.raises(KeyboardInterrupt):
        again("broken")
    most = 100
    again("broken")
    assert done == [task.file for task in wanted]
    assert {path.suffix for path in (tmp_path / "broken").iterdir()} == {".pt"}  # no checkpoint, no maps
    for number in range(2):
        monkeypatch.setattr(shards, "_passed", 0)
        monkeypatch.setenv(shards.VARIABLE, f"1:{number}/2")
        with pytest.raises(shards.ShardEnd):
            again("shards")
    monkeypatch.delenv(shards.VARIABLE)
    most = len(done)  # none more
    again("shards")


def test_the_map_can_be_heard_and_reached_by_keyboard(sounds: VocalPercussion) -> None:
    rows = figures.improvised(sounds)
    places = np.random.default_rng(0).normal(size=(len(rows), 2))
    text = figures.audible_map(sounds, rows, places, label="Map <of> sounds", most=3).data
    assert text.count("<circle") == text.count('tabindex="0"') == text.count("data:audio/") == 3
    assert "Map &lt;of&gt; sounds" in text


def test_each_user_has_four_players_and_held_out_ones_stand_first(sounds: VocalPercussion) -> None:
    text = figures.all_users(sounds).data
    assert text.count("<audio") == 4 * len(sounds.users)
    order = re.findall(r"<summary>(U\d+), (?:consistent|erratic), (held out|for training)<", text)
    assert [what for _, what in order] == ["held out"] * 2 + ["for training"] * 3
    assert text.count("<details open>") == 2 and "kick: [" in text


def test_published_and_released_disagree_beyond_the_deviation() -> None:
    found = audit.of_published(audit.published()).set_index("system")
    assert found.loc["syllable", "gap"] == pytest.approx(0.037) and found.loc["syllable", "beyond"]
    assert not found.loc["syllable_reduced", "beyond"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"vocal_held_out": 13}, "leave two to train on"),
        ({"vocal_sounds": 5}, "even number"),
        ({"vocal_labels": "words"}, "'vocal_labels' names words"),
    ],
)
def test_bad_parameters_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(IgsedError, match=message):
        VocalPercussionStudy(**values)  # type: ignore[arg-type]


# ---- the run that ships


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder without shipped results."""
    (tmp_path / "book").mkdir()
    (tmp_path / "Snakefile").touch()
    monkeypatch.setenv("IGSED_PROJECT", str(tmp_path))
    return tmp_path


def test_without_shipped_tables_nothing_stands_beside(project: Path) -> None:
    assert shipped.table("vocal_percussion") is None and shipped.record() is None
    assert "No run of full size ships" in overview.shipped_run(shipped.record())
    assert overview.at_full_size(None) == "" and figures.shipped_variation(None) is None
    row = {"system": "syllable", "other": "timbre", "value": 0.1, "ci_low": 0.0, "ci_high": 0.2, "n": 6}
    alone = tables.difference_table(pd.DataFrame([{**row, "p_holm": 0.1, "verdict": "not told apart"}]))
    assert not any(tables.FULL in column for column in alone)


def test_shipped_tables_are_those_of_the_run_with_what_they_are_from(project: Path) -> None:
    stage = project / "runs" / "long" / "stages" / "vocal_percussion"
    record = {
        **{"stage": "vocal_percussion", "key": "k", "params": {"seed": 1, "vocal_epochs": 20}},
        **{"tables": ["vocal_percussion"], "commit": "0123456789abcdef", "versions": {"torch": "2.0"}},
        **{"machine": {"cores": 2, "processor": "AMD EPYC"}, "seconds": 7200.0, "core_seconds": 600.0},
        **{"finished": "today", "figures": {"users": 30, "held_out": 12, "sounds": 9, "networks": 4}, "upstream": {}},
    }
    files.write_json(stage / "record.json", record)
    table = pd.DataFrame({"system": ["syllable"], "value": [0.5]})
    files.write_table(project / "runs" / "long" / "results" / "vocal_percussion.csv", table)
    base_shipped.ship("long", ["vocal_percussion"], project / "results" / shipped.name)
    pd.testing.assert_frame_equal(shipped.table("vocal_percussion"), table)
    said = overview.shipped_run(shipped.record())
    assert "30 users, 12 of them held out" in said and "commit `0123456789ab`" in said
    assert "10 minutes of processor time in 120" in said


def test_what_ships_is_from_the_parameter_file_that_ships() -> None:
    record = shipped.record()
    if record is None:
        pytest.skip("no full-size run ships yet")
    file = yaml.safe_load((project_root() / "params" / "vocal_percussion.yaml").read_text(encoding="utf-8"))
    mine = {name: value for name, value in record["params"].items() if name in file}
    assert mine == {name: file[name] for name in mine} and {n for n in file if n.startswith("vocal_")} <= set(mine)
    for name in record["tables"]:
        assert shipped.table(name) is not None


def test_what_is_said_of_copies_is_what_the_losses_are() -> None:
    rows = [("as it should be", 0.5), ("stopped_on_copies", 0.4)]
    table = pd.DataFrame(rows, columns=["variant", "validation_loss"]).assign(
        system="syllable", networks=2, kept_epoch=3
    )
    assert "loss of 0.400, sounds that are not 0.500 (means of 2): the copies flatter it" in overview.stopping(table)
    other = table.assign(validation_loss=[0.3, 0.4])
    assert "do not flatter" in overview.stopping(other) and overview.stopping(table[:1]) == ""
    assert cells.p_value(2e-5) == "<0.001" and cells.p_value(0.0512) == "0.051"


def test_words_of_habits_and_of_shares_at_their_ends() -> None:
    each = pd.DataFrame({"system": "syllable", "user": ["a", "b"], "value": [0.9, 0.7]})
    users = pd.DataFrame({"user": ["a", "b"], "consistent": [True, False]})
    assert "0.90 for 1 consistent users and 0.70 for 1 erratic" in overview.habits(each, users)
    assert overview.habits(each, users[["user"]]) == ""
    shares = np.array([1.0, 0.94])
    value, low, high = measure.mean_interval(shares, replicates=50, seed=0, within=intervals.SHARE)
    assert value == pytest.approx(0.97)
    assert 0 <= low < value < high == 1
