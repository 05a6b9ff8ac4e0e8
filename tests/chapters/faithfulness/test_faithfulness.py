"""Faithfulness: a linear classifier in closed form, shuffled weights, occlusion by loss gradient, resuming."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from torch import Tensor, nn

from igsed_core.attribution import maps
from igsed_core.attribution.explainer import Explainer
from igsed_core.base import files
from igsed_core.chapters.faithfulness import clip, curves, improvement, occlusion, sanity, study
from igsed_core.data import audio
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.thresholds import levels
from igsed_core.metrics import localisation, ranking
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models import heads
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders import registry as encoders

RATE = 32_000
CLASSES = ("Bell", "Hum")
N_FRAMES, MELS_A_FRAME, N_MELS = 20, 3, 4


class LinearModel(nn.Module):
    """Logits are sums of weights times log-mel values: every occlusion has a closed form."""

    def __init__(self, weight: Tensor, compress: float = -1.0) -> None:
        super().__init__()
        self.encoder = types.SimpleNamespace(
            frontend=types.SimpleNamespace(compress=lambda x: x + compress),
            feature_map=lambda log_mel: log_mel.transpose(1, 2)[:, :, None],
        )
        self.head = types.SimpleNamespace(
            classes=CLASSES, clip_logits=lambda features: torch.einsum("btm,ctm->bc", features, weight)
        )


@pytest.fixture
def linear() -> tuple[LinearModel, Tensor, Tensor, np.ndarray]:
    """Model, weights, log-mel map, evaluation frame of each log-mel frame."""
    rng = torch.Generator().manual_seed(0)
    n = N_FRAMES * MELS_A_FRAME
    weight = 0.05 * torch.randn(len(CLASSES), n, N_MELS, generator=rng)
    log_mel = torch.randn(n, N_MELS, generator=rng)
    return LinearModel(weight), weight, log_mel, np.repeat(np.arange(N_FRAMES), MELS_A_FRAME)


def of_clip(linear: tuple[Any, ...], scores: dict[str, np.ndarray], truth: np.ndarray, **options: Any) -> pd.DataFrame:
    model, _, log_mel, frame = linear
    how = {"replacements": ("silence",), "percentile": 50.0, "seed": 0} | options
    return curves.of_clip(model, log_mel, 1, scores, truth, frame, **how)


def contributions(linear: tuple[Any, ...], fill: float = -1.0) -> np.ndarray:
    """What each evaluation frame adds to the logit above its replacement."""
    _, weight, log_mel, frame = linear
    return np.bincount(frame, weights=((log_mel - fill) * weight[1]).sum(dim=1).numpy())


def test_deletion_and_insertion_of_a_linear_classifier_in_closed_form(linear: tuple[Any, ...]) -> None:
    adds = contributions(linear)
    truth = np.arange(N_FRAMES) < 5
    rows = of_clip(linear, {"perfect": adds}, truth)
    mine = rows[rows["method"] == "perfect"]
    whole, blank = (mine.loc[(mine["kind"] == "deletion") & (mine["share"] == s), "logit"].item() for s in (0, 1))
    assert whole - blank == pytest.approx(adds.sum(), abs=1e-4)
    running = np.concatenate([[0], np.cumsum(np.sort(adds)[::-1])])
    counts = np.rint(np.array(curves.SHARES) * N_FRAMES).astype(int)
    assert_allclose(mine.loc[mine["kind"] == "deletion", "logit"], whole - running[counts], atol=1e-4)
    assert_allclose(mine.loc[mine["kind"] == "insertion", "logit"], blank + running[counts], atol=1e-4)


def test_masks_keep_and_remove_what_is_detected(linear: tuple[Any, ...]) -> None:
    adds = contributions(linear)
    truth = np.arange(N_FRAMES) < 5
    found = of_clip(linear, {"perfect": adds}, truth)
    whole = found.loc[(found["kind"] == "deletion") & (found["share"] == 0), "logit"].iloc[0]
    rows = found[found["kind"].isin(["kept", "removed"])].set_index(["method", "kind"])
    mask = levels.percentile(adds, 50.0)
    for method, detected in (("perfect", mask), (curves.TRUTH, truth)):
        assert rows.loc[(method, "kept"), "logit"] == pytest.approx(whole - adds[~detected].sum(), abs=1e-4)
        assert rows.loc[(method, "removed"), "logit"] == pytest.approx(whole - adds[detected].sum(), abs=1e-4)
        assert rows.loc[(method, "kept"), "share"] == pytest.approx(detected.mean())


def report(rows: pd.DataFrame, target: str = "probability") -> tuple[pd.DataFrame, pd.DataFrame]:
    index = pd.DataFrame({"split": ["test"], "clip": ["a"], "label": ["Hum"]})
    return curves.report(rows.assign(clip="a", label="Hum"), index, target=target, replicates=10, seed=0)


def value(table: pd.DataFrame, method: str, metric: str, rule: str = "silence") -> float:
    rows = table[(table["method"] == method) & (table["metric"] == metric) & (table["rule"] == rule)]
    return rows.loc[rows["average"] == "instance", "value"].item()


def test_all_frames_suffice_and_a_perfect_order_beats_its_reverse(linear: tuple[Any, ...]) -> None:
    adds = contributions(linear)
    everything = np.ones(N_FRAMES, dtype=bool)
    areas, by_share = report(of_clip(linear, {"perfect": adds, "reverse": -adds}, everything))
    assert value(areas, curves.TRUTH, "sufficiency") == pytest.approx(1.0)
    for metric, sign in (("insertion", 1), ("deletion", -1), ("gap", 1), ("sufficiency", 1), ("necessity", 1)):
        assert sign * value(areas, "perfect", metric) > sign * value(areas, "reverse", metric)
    for method in ("perfect", "reverse"):
        gap = value(areas, method, "insertion") - value(areas, method, "deletion")
        assert value(areas, method, "gap") == pytest.approx(gap)
        drawn = by_share[(by_share["method"] == method) & (by_share["metric"] == "deletion")]
        assert_allclose(drawn["threshold"], curves.SHARES)
        area = np.trapezoid(drawn["value"], drawn["threshold"])
        assert value(areas, method, "deletion") == pytest.approx(area)


def test_with_logits_the_areas_of_a_linear_classifier_sum_to_its_ends(linear: tuple[Any, ...]) -> None:
    """Deleting in one order is inserting in the reverse one."""
    adds = contributions(linear)
    areas, _ = report(of_clip(linear, {"up": adds, "down": -adds}, np.ones(N_FRAMES, bool)), target="logit")
    total = value(areas, "up", "deletion") + value(areas, "up", "insertion")
    assert total == pytest.approx(value(areas, "down", "deletion") + value(areas, "down", "insertion"), abs=1e-4)


def test_each_replacement_has_its_own_rows(linear: tuple[Any, ...]) -> None:
    rows = of_clip(linear, {}, np.arange(N_FRAMES) < 5, replacements=("silence", "mean"))
    assert set(rows["replacement"]) == {"silence", "mean"}
    mean = linear[2].mean(dim=0, keepdim=True).numpy()
    expected = float((linear[1][1].numpy() * mean).sum())
    blank = rows[(rows["replacement"] == "mean") & (rows["kind"] == "insertion") & (rows["share"] == 0)]
    assert blank["logit"].item() == pytest.approx(expected, abs=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30), st.integers(0, 9))
def test_ranks_are_a_permutation_in_the_order_of_the_scores(values: list[int], seed: int) -> None:
    scores = np.array(values)
    places = occlusion.ranks(scores, seed=seed)
    assert sorted(places) == list(range(len(values)))
    assert (np.diff(scores[np.argsort(places)]) <= 0).all()
    assert_array_equal(places, occlusion.ranks(scores, seed=seed))


def test_equal_scores_are_ordered_at_random() -> None:
    assert len({tuple(occlusion.ranks(np.zeros(9), seed=seed)) for seed in range(5)}) > 1


def test_top_counts() -> None:
    masks = occlusion.top(occlusion.ranks(np.arange(10.0), seed=0), (0.0, 0.3, 1.0))
    assert masks.sum(axis=1).tolist() == [0, 3, 10]
    assert_array_equal(np.flatnonzero(masks[1]), [7, 8, 9])


def test_log_mel_frames_belong_to_the_frame_of_their_centre() -> None:
    frame = occlusion.frame_of(31, hop=0.01, frame_length=0.1, n_frames=3)
    assert_array_equal(np.bincount(frame), [10, 10, 11])  # the last one is centred on the end of the clip


# --- shuffled weights


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    torch.set_num_threads(1)
    encoder = encoders.load("embedded")
    return Classifier(encoder, heads.create("clip_level", encoder.n_features, CLASSES, seed=1)).eval()


@pytest.fixture(scope="module")
def log_mel(classifier: Classifier) -> Tensor:
    noise = torch.randn(1, RATE, generator=torch.Generator().manual_seed(0))
    return classifier.encoder.frontend(0.1 * noise)


def weights_of(classifier: Classifier, log_mel: Tensor) -> list[Tensor]:
    return [layer.weight for layer in (*sanity.layers(classifier, log_mel), classifier.head.linear)]  # type: ignore[misc]


def test_layers_come_in_the_order_in_which_they_run(classifier: Classifier, log_mel: Tensor) -> None:
    network = classifier.encoder.network
    names = {module: name for name, module in network.named_modules()}
    assert [names[layer].split(".")[0] for layer in sanity.layers(classifier, log_mel)] == [
        *("stem", "block1", "block2", "block3", "expand")
    ]


def test_the_cascade_shuffles_from_the_top_and_keeps_what_it_shuffled(classifier: Classifier, log_mel: Tensor) -> None:
    before = [weight.clone() for weight in weights_of(classifier, log_mel)]
    shuffled = []
    for share, n_changed in ((0.0, 1), (0.4, 3), (1.0, 6)):
        after = weights_of(sanity.randomised(classifier, log_mel, share, seed=3), log_mel)
        same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
        assert same == [True] * (6 - n_changed) + [False] * n_changed
        for a, b in zip(before, after, strict=True):
            assert torch.equal(a.flatten().sort().values, b.flatten().sort().values)
        shuffled.append(after)
    assert torch.equal(shuffled[0][-1], shuffled[2][-1])
    assert torch.equal(shuffled[1][-2], shuffled[2][-2])
    assert all(torch.equal(a, b) for a, b in zip(before, weights_of(classifier, log_mel), strict=True))


def test_a_shuffled_head_changes_the_scores(classifier: Classifier, log_mel: Tensor) -> None:
    changed = sanity.randomised(classifier, log_mel, 0.0, seed=3)
    with torch.no_grad():
        one, other = (occlusion.logits(model, log_mel) for model in (classifier, changed))
    assert not torch.allclose(one, other, atol=1e-3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=3, max_size=20))
def test_rank_correlation_is_spearmans(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs, dtype=float).T
    mine = ranking.rank_correlation(a, b)
    if len(set(a)) > 1 and len(set(b)) > 1:
        assert mine == pytest.approx(stats.spearmanr(a, b).statistic)
    else:
        assert mine == 0.0


def test_measures_of_a_map() -> None:
    truth = np.arange(10) < 5
    scores, original = truth + np.linspace(0.1, 0, 10), np.arange(10.0)
    measured = sanity.measure(scores, original, truth, percentile=50)
    unknown = {"partial_correlation": np.nan, "rank_correlation": -1.0, "iou": 1.0, "pointing_game": 1.0}
    unknown["beyond_chance"] = 0.5  # half of the frames are active
    assert measured == pytest.approx(unknown, nan_ok=True)
    energy = np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3])
    assert sanity.measure(scores, original, truth, percentile=50, energy=energy)["partial_correlation"] == (
        pytest.approx(-1.0)
    )


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**16))
def test_energy_is_partialled_out_as_by_regression(seed: int) -> None:
    """The partial correlation of ranks is the correlation of what a straight line on the third leaves of them."""
    rng = np.random.default_rng(seed)
    energy = rng.standard_normal(60)
    maps_of = energy + rng.standard_normal((2, 60))
    ranks = [stats.rankdata(row) for row in (*maps_of, energy)]
    left = [row - np.polyval(np.polyfit(ranks[2], row, 1), ranks[2]) for row in ranks[:2]]
    found = ranking.partial_rank_correlation(maps_of[0], maps_of[1], energy)
    assert found == pytest.approx(np.corrcoef(left)[0, 1], abs=1e-9)
    assert np.isnan(ranking.partial_rank_correlation(energy, maps_of[0], energy))
    assert np.isnan(ranking.partial_rank_correlation(np.zeros(60), maps_of[0], energy))


def test_two_maps_that_follow_energy_alone_are_not_alike_without_it() -> None:
    rng = np.random.default_rng(4)
    energy = rng.standard_normal((200, 100))
    one, other = (energy + rng.standard_normal(energy.shape) for _ in range(2))
    assert ranking.rank_correlation(one, other).mean() > 0.4
    assert abs(ranking.partial_rank_correlation(one, other, energy).mean()) < 0.05


def test_shuffles_differ_and_repeat(classifier: Classifier, log_mel: Tensor) -> None:
    first, again, other = (
        weights_of(sanity.randomised(classifier, log_mel, 1.0, seed=3, shuffle=n), log_mel) for n in (1, 1, 2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


@given(n_clips=st.integers(1, 60), n_shuffles=st.integers(1, 12))
def test_a_cut_of_clips_or_shuffles_stays_balanced(n_clips: int, n_shuffles: int) -> None:
    table = pd.DataFrame([sanity.turns(place, n_clips, n_shuffles) for place in range(n_clips)])
    for level in sanity.CASCADE:
        used = table[level].value_counts()
        assert len(used) == min(n_clips, n_shuffles)
        assert used.max() - used.min() <= 1
    if n_shuffles >= len(sanity.CASCADE):
        assert (table.nunique(axis=1) == len(sanity.CASCADE)).all()  # no clip meets one shuffle at two levels


def test_intervals_know_of_the_shuffles() -> None:
    """Clips agree within a shuffle: what varies is the shuffle, which resampling of clips alone cannot see."""
    clips = [f"t{i}" for i in range(40)]
    index = pd.DataFrame({"split": "test", "clip": clips, "label": "Hum"})
    rows = index.assign(method="ig", level="all", shuffle=np.arange(40) // 8)
    for name in sanity.MEASURES:
        rows[name] = 0.1 * rows["shuffle"]
    table = sanity.report(rows, index, replicates=300, seed=0)
    alone = sanity.report(rows.assign(shuffle=0), index, replicates=300, seed=0)
    wide, narrow = (t[(t["metric"] == "iou") & (t["average"] == "instance")].iloc[0] for t in (table, alone))
    assert (wide["shuffles"], narrow["shuffles"]) == (5, 1)
    assert wide["ci_high"] - wide["ci_low"] > 1.5 * (narrow["ci_high"] - narrow["ci_low"])


# --- occlusion by loss gradient


def test_the_loss_gradient_of_a_linear_classifier(linear: tuple[Any, ...]) -> None:
    model, weight, log_mel, _ = linear
    labels = torch.tensor([1.0, 0.0])
    excess = torch.sigmoid(occlusion.logits(model, log_mel[None])[0]) - labels
    expected = torch.einsum("c,ctm->tm", excess, weight) / len(CLASSES)
    assert_allclose(improvement.loss_gradient(model, log_mel, labels), expected, rtol=1e-4, atol=1e-6)


def occluded(linear: tuple[Any, ...], labels: np.ndarray, **options: Any) -> tuple[pd.DataFrame, np.ndarray]:
    model, _, log_mel, frame = linear
    how = {"replacements": ("silence",), "threshold": 0.5, "seed": 0} | options
    versions = improvement.versions(how["replacements"])
    return versions, improvement.of_clip(model, log_mel, labels, how.pop("explained", {}), frame, **how)


def test_hiding_what_is_harmful_lowers_the_loss_of_a_linear_classifier(linear: tuple[Any, ...]) -> None:
    labels = np.array([True, False])
    versions, logits = occluded(linear, labels)
    losses = improvement.loss(torch.from_numpy(logits), torch.tensor([[1.0, 0.0]]).expand(logits.shape)).numpy()
    for unit in improvement.UNITS:
        rows = (versions["unit"] == unit) & (versions["threshold"] == improvement.LEVELS[unit][2])
        harmful, by_chance = (losses[rows & (versions["method"] == order)].item() for order in ("harmful", "random"))
        assert harmful < losses[0]
        assert harmful < by_chance


def test_decisions_that_are_right_are_labels(linear: tuple[Any, ...]) -> None:
    model, _, log_mel, _ = linear
    decided = (occlusion.logits(model, log_mel[None])[0] > 0).numpy()
    versions, logits = occluded(linear, decided)
    one, other = (logits[versions["method"] == name] for name in ("harmful", "harmful_decided"))
    assert_array_equal(one, other)


def test_where_nothing_is_explained_nothing_is_hidden(linear: tuple[Any, ...]) -> None:
    labels = np.array([True, False])
    versions, logits = occluded(linear, labels)
    assert_array_equal(
        logits[versions["method"] == "ig"], np.repeat(logits[:1], len(improvement.LEVELS["frames"]), axis=0)
    )
    versions, logits = occluded(linear, labels, explained={"ig": np.arange(N_FRAMES)})
    assert not np.array_equal(logits[versions["method"] == "ig"][-1], logits[0])


def test_least_important_frames_are_hidden_first(linear: tuple[Any, ...]) -> None:
    _, weight, log_mel, frame = linear
    versions, logits = occluded(linear, np.array([True, False]), explained={"ig": np.arange(N_FRAMES)})
    kept = torch.from_numpy(frame >= 4)[:, None]
    expected = torch.einsum("tm,ctm->c", torch.where(kept, log_mel, torch.tensor(-1.0)), weight)
    row = (versions["method"] == "ig") & (versions["threshold"] == 0.2)
    assert_allclose(logits[row][0], expected, atol=1e-4)


def test_every_order_in_every_condition(linear: tuple[Any, ...]) -> None:
    versions, logits = occluded(linear, np.array([True, False]), replacements=("silence", "mean"))
    assert len(versions) == len(logits) == 1 + 2 * 4 * (6 + 4)
    assert not versions.duplicated().any()
    bins = versions[versions["unit"] == "bins"]
    assert set(bins["method"]) == set(improvement.ORDERS) - set(improvement.EXPLANATIONS)


def test_macro_f1_of_the_sample_is_that_of_table_1() -> None:
    rng = np.random.default_rng(0)
    detected, present = rng.random((2, 30, 4)) > 0.5
    present[:, 3] = False  # a class that the split does not hold
    expected = localisation.precision_recall_f1(detected, present)[2][:3].mean()
    assert improvement.macro_f1(detected, present, np.ones((1, 30)))[0] == pytest.approx(expected)
    doubled = improvement.macro_f1(np.repeat(detected, 2, axis=0), np.repeat(present, 2, axis=0), np.ones((1, 60)))
    assert improvement.macro_f1(detected, present, np.full((1, 30), 2.0))[0] == pytest.approx(doubled[0])


def test_changes_are_paired_with_the_clips_as_they_are() -> None:
    labels = np.eye(2, dtype=bool)[[0, 1, 0, 1]]
    good = np.where(labels, 3.0, -3.0)
    logits = np.stack([good, -good, good], axis=1).astype(np.float32)
    rows = [("frames", "none", "none", 0.0), ("frames", "random", "mean", 0.1), ("frames", "random", "mean", 0.3)]
    versions = pd.DataFrame(rows, columns=["unit", "method", "rule", "threshold"])
    table = improvement.report(versions, logits, labels, split="test", threshold=0.5, replicates=20, seed=0)
    assert list(table.columns) == improvement.RESULT_COLUMNS
    change = table[table["metric"] == "f1_change"].set_index("threshold")
    assert change["value"].to_dict() == {0.0: 0.0, 0.1: -1.0, 0.3: 0.0}
    assert change.loc[0.3, ["ci_low", "ci_high"]].isna().all()  # no clip changes: resampling them decides nothing
    loss = table[table["metric"] == "loss"].set_index("threshold")["value"]
    assert loss[0.0] == pytest.approx(np.log1p(np.exp(-3)), rel=1e-5)
    assert loss[0.1] == pytest.approx(np.log1p(np.exp(3)), rel=1e-5)


# --- the study


@pytest.fixture
def small(tmp_path: Path, classifier: Classifier) -> dict[str, Any]:
    """Three clips of 0.6 s, of which the first two are explained."""
    rng = np.random.default_rng(0)
    rows = []
    for name in ("t0", "t1", "t2"):
        samples = 0.1 * np.repeat(rng.random(6), RATE // 10) * rng.standard_normal(19_200)
        audio.write(tmp_path / "soundscapes" / "test" / f"{name}.flac", samples, RATE)
        rows += [("test", "clip_level", name, label, label == "Hum", 0.7, name != "t2") for label in CLASSES]
    head = tmp_path / "clip_level.safetensors"
    heads.save(classifier.head, "clip_level", head)
    index = pd.DataFrame([("test", "t0", "Hum"), ("test", "t1", "Hum")], columns=["split", "clip", "label"])
    truth = np.arange(6) < np.array([[2], [3]])
    settings = clip.Settings(("cam", "ixg", "random"), ("silence",), 50.0, 0.5, 0.1, 0.6, 7)
    columns = ["split", "method", "clip", "label", "present", "probability", "detected"]
    importance = rng.random((2, 60)).astype(np.float32)
    return {
        "explainer": Explainer("embedded", "", head, tmp_path / "soundscapes", "mel_path", ()),
        "instances": Instances(index, truth, {"random": rng.random((2, 6))}),
        "maps": ScoresOverTime(index, importance, maps.STEP, absolute=importance),
        "predictions": pd.DataFrame(rows, columns=columns),
        "settings": settings,
        "out_dir": tmp_path / "clips",
        **{"n_clips": 2, "n_sanity": 1, "n_shuffles": 5, "n_occluded": 0, "workers": 1},
    }


def test_the_study_measures_every_clip_once_and_resumes(small: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    found = study.compute(**small)
    assert list(found.index["clip"]) == ["t0", "t1"]
    assert set(found.curves["method"]) == {"cam", "ixg", "random", "truth"}
    assert set(found.sanity["level"]) == {"original", *sanity.CASCADE}
    assert set(found.sanity["clip"]) == {"t0"}
    assert found.logits.shape == (3, len(found.versions), len(CLASSES))
    assert_array_equal(found.labels, [[False, True]] * 3)
    assert list(found.shuffled["clip"]) == ["t0"]
    known = found.sanity.set_index(["method", "level"])["rank_correlation"]
    assert known["random", "all"] == pytest.approx(1.0)  # it never knew the classifier
    assert known["ixg", "original"] == pytest.approx(1.0)
    assert known["cam", "original"] == 0  # 0.6 s are one feature frame: constant, and rounding no longer hides it
    assert known["ixg", "all"] < 0.999
    monkeypatch.setattr(study, "study_clip", None)  # nothing is left to do
    again = study.compute(**small)
    pd.testing.assert_frame_equal(again.curves, found.curves)
    pd.testing.assert_frame_equal(again.sanity, found.sanity)


def test_shuffles_take_turns_over_all_clips_whether_they_have_curves_or_not(small: dict[str, Any]) -> None:
    found = study.compute(**small | {"n_clips": 1, "n_sanity": 0, "n_shuffles": 2})
    assert list(found.index["clip"]) == ["t0"]
    assert set(found.curves["clip"]) == {"t0"}
    assert list(found.shuffled["clip"]) == ["t0", "t1"]
    shuffle = found.sanity.drop_duplicates(["clip", "level"]).set_index(["clip", "level"])["shuffle"]
    assert [shuffle["t0", level] for level in sanity.CASCADE] == [0, 1, 0, 1, 0]
    assert [shuffle["t1", level] for level in sanity.CASCADE] == [1, 0, 1, 0, 1]
    assert (shuffle[:, sanity.ORIGINAL] == 0).all()
    report = sanity.report(found.sanity, found.shuffled, replicates=20, seed=0)
    original = report["rule"] == sanity.ORIGINAL
    assert (report["shuffles"] == np.where(original, 1, 2)).all()


def test_the_clip_as_it_is_has_the_classifiers_logits(small: dict[str, Any], classifier: Classifier) -> None:
    found = study.compute(**small | {"n_occluded": 1})
    samples, _ = audio.read(small["explainer"].soundscapes / "test" / "t0.flac")
    with torch.no_grad():
        expected = classifier(torch.from_numpy(samples[:, 0])[None])[0]
    assert len(found.logits) == 1
    assert_allclose(found.logits[0, 0], expected, rtol=1e-3, atol=1e-4)
    whole = found.curves[(found.curves["clip"] == "t0") & (found.curves["kind"] == "insertion")]
    assert_allclose(whole.loc[whole["share"] == 1, "logit"], float(expected[1]), rtol=1e-3, atol=1e-4)


def test_a_missing_clip_alone_is_made_again(small: dict[str, Any]) -> None:
    study.compute(**small)
    kept, lost = (small["out_dir"] / "curves" / f"{name}.csv" for name in ("t0", "t1"))
    before, expected = kept.stat().st_mtime_ns, files.read_table(lost)
    lost.unlink()
    study.compute(**small)
    assert kept.stat().st_mtime_ns == before
    pd.testing.assert_frame_equal(files.read_table(lost), expected)
