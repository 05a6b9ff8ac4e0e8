"""The localiser: what pooling leaves, what the models of absence and presence find, and what they never look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from igsed_core.attribution import registry as methods
from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.shifted_cam import ShiftedCam
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.localiser import figures, tables
from igsed_core.chapters.localiser import study as localiser_study
from igsed_core.data import audio
from igsed_core.detection import absence_hmm, baselines, concentration, localiser_scores
from igsed_core.detection.absence_hmm import Mixture
from igsed_core.detection.edges import Edges
from igsed_core.detection.evaluation import Instances
from igsed_core.metrics import summaries
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models import heads
from igsed_core.models.features import FeatureFrames, Targets
from igsed_core.show import style
from methods_classifier import CLASSES, RATE, classifier, clips

TRANSITIONS = np.array([[0.95, 0.05], [0.1, 0.9]])


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


# --- CAM at shifts


def test_one_shift_is_cam() -> None:
    wanted = methods.create("cam")(classifier(), clips(), [[0, 2], [1]])
    found = ShiftedCam(1)(classifier(), clips(), [[0, 2], [1]])
    for one, other in zip(found, wanted, strict=True):
        assert (one.step, one.start) == (other.step, other.start)
        assert_allclose(one.signed, other.signed, rtol=1e-4, atol=1e-5)


def test_each_strand_is_the_cam_of_the_clip_that_begins_later() -> None:
    waveform = clips(1, 3.2)
    found = ShiftedCam(4)(classifier(), waveform, [[1]])[0]
    assert found.step == pytest.approx(0.08)
    for shift in range(4):
        later = waveform[:, shift * RATE * 8 // 100 :]
        cam = methods.create("cam")(classifier(), later, [[1]])[0]
        # Step i holds for its centre, a feature frame later is four steps later.
        first = round((cam.start + shift * 0.08 + 0.16 - found.start) / found.step - 0.5)
        strand = found.signed[0, first::4]
        assert_allclose(strand[1:7], cam.signed[0, 1:7], rtol=1e-2, atol=1e-3)  # the front end's edges apart


def test_an_onset_between_feature_frames_is_seen_between_them() -> None:
    """Moving a sound by one step moves the finer CAM by one step."""
    noise = 0.2 * torch.randn(RATE, generator=torch.Generator().manual_seed(1))
    early, late = torch.zeros(1, 4 * RATE), torch.zeros(1, 4 * RATE)
    begin, step = round(1.28 * RATE), round(0.08 * RATE)
    early[0, begin : begin + RATE] = noise
    late[0, begin + step : begin + step + RATE] = noise
    first, second = (ShiftedCam(4)(classifier(), x, [[0]])[0].signed[0] for x in (early, late))
    assert_allclose(second[9:41], first[8:40], rtol=1e-3, atol=1e-3)
    assert np.abs(second[8:40] - first[8:40]).max() > 0.01


@pytest.mark.parametrize("shifts", [0, 5])
def test_shifts_divide_a_feature_frame(shifts: int) -> None:
    with pytest.raises(IgsedError, match=f"{shifts} shifts of a feature frame of 32 log-mel frames"):
        ShiftedCam(shifts)(classifier(), clips(), [[0], [0]])


# --- what the maximum over time leaves


@pytest.fixture(scope="module")
def features() -> FeatureFrames:
    values = np.random.default_rng(0).random((3, 7, 5)).astype(np.float32)
    return FeatureFrames(np.array(["a", "b", "c"]), values, 0.32, 0.0)


def test_what_frames_give_sums_to_the_logit(features: FeatureFrames) -> None:
    head = heads.create("clip_level", 5, CLASSES, seed=1)
    assert isinstance(head, heads.ClipLevelHead)
    given_by = concentration.winners(head, features)
    with torch.no_grad():
        logits = head.clip_logits(torch.from_numpy(features.values)).numpy()
    assert_allclose(
        given_by.values.sum(axis=1).reshape(logits.shape) + head.linear.bias.detach().numpy(), logits, rtol=1e-5
    )


def test_the_gradient_sees_nothing_else(features: FeatureFrames) -> None:
    """Gradient times features, summed over features, is what each frame gives."""
    head = heads.create("clip_level", 5, CLASSES, seed=1)
    assert isinstance(head, heads.ClipLevelHead)
    x = torch.from_numpy(features.values).requires_grad_()
    (gradient,) = torch.autograd.grad(head.clip_logits(x)[:, 2].sum(), x)
    given_by = (gradient * x).sum(dim=2).detach()
    assert_allclose(given_by, concentration.winners(head, features).values[2::3], rtol=1e-5, atol=1e-7)


def test_no_frame_exceeds_the_logit_where_no_weight_is_negative(features: FeatureFrames) -> None:
    head = heads.create("clip_level", 5, CLASSES, seed=1)
    with torch.no_grad():
        head.linear.weight.abs_()
        logits = head.clip_logits(torch.from_numpy(features.values)).numpy()
    cam = baselines.framewise(head, features, probability=False).values.reshape(3, 3, -1)
    assert (cam <= logits[..., None] + 1e-6).all()


def test_mean_pooling_has_the_mean_of_cam_as_its_logit(explainer: Explainer) -> None:
    mean_pooled = concentration.MeanPooledExplainer(**vars(explainer)).load()[0]
    waveform = explainer.waveform("test", "t0")[None]
    cam = methods.create("cam")(classifier(), waveform, [list(range(3))])[0].signed
    assert_allclose(mean_pooled(waveform)[0], cam.mean(axis=1), rtol=1e-3, atol=1e-5)


def test_half_of_the_mass_by_hand() -> None:
    truth = np.array([[True] * 4 + [False]] * 4)
    flat, lone, slope, none = [2.0] * 4 + [9], [5.0, 0, 0, 0, 9], [4.0, 3, 2, 1, 0], [0.0, 0, 0, -1, 5]
    (made,) = concentration.concentration({"cam": np.array([flat, lone, slope, none])}, truth)
    # 10 in all: 4 in the first, 1 of the 3 of the second
    assert_allclose(made.values, [0.5, 0.125, (1 + 1 / 3) / 4, np.nan])


# --- the models


def sequences(n: int, length: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Logits around 0 and 3 of two states that come and go by :data:`TRANSITIONS`."""
    rng = np.random.default_rng(seed)
    states = np.zeros((n, length), dtype=int)
    states[:, 0] = rng.random(n) < 1 / 3
    for t in range(1, length):
        states[:, t] = rng.random(n) < TRANSITIONS[states[:, t - 1], 1]
    return rng.normal(3.0 * states, 1.0 + 0.5 * states), states.astype(bool)


@pytest.fixture(scope="module")
def training() -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """200 clips with the class, 200 without, and which is which."""
    held = sequences(200, 30, seed=0)[0]
    others = np.random.default_rng(1).normal(size=(200, 30))
    return np.concatenate([held, others]), np.arange(400) < 200


def test_planted_states_are_found(training: tuple[NDArray[np.float64], NDArray[np.bool_]]) -> None:
    model = absence_hmm.fit(*training, components=1)
    assert model.absent.means[0] == pytest.approx(0, abs=0.1)
    assert model.present.means[0] == pytest.approx(3, abs=0.2)
    assert model.absent.stds[0] == pytest.approx(1, abs=0.1)
    assert model.present.stds[0] == pytest.approx(1.5, abs=0.2)
    assert_allclose(model.transitions, TRANSITIONS, atol=0.03)
    assert model.mean_frames == pytest.approx(10, abs=3)
    assert (model.n_present, model.n_absent) == (200, 200)


def test_time_helps_to_decide(training: tuple[NDArray[np.float64], NDArray[np.bool_]]) -> None:
    logits, states = sequences(200, 30, seed=2)
    right = {
        markov: ((absence_hmm.fit(*training, markov=markov).log_odds(logits) > 0) == states).mean()
        for markov in (True, False)
    }
    assert right[True] > right[False] + 0.02
    assert right[True] > 0.94


def test_without_time_the_odds_are_bayes_rule(training: tuple[NDArray[np.float64], NDArray[np.bool_]]) -> None:
    model = absence_hmm.fit(*training, markov=False)
    logits = np.array([[-1.0, 1.0, 2.5, 4.0]])
    prior = np.log(model.initial[1] / model.initial[0])
    assert_allclose(model.log_odds(logits), model.evidence(logits) + prior, rtol=1e-6)
    assert_allclose(absence_hmm.probability(prior), model.initial[1])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.1, 5.0), min_size=4, max_size=4), st.lists(st.floats(-5, 5), min_size=4, max_size=4))
def test_more_evidence_never_speaks_against(stds: list[float], means: list[float]) -> None:
    half = np.array([0.5, 0.5])
    model = absence_hmm.SoundModel(
        *(Mixture(half, np.array(means[i : i + 2]), np.array(stds[i : i + 2])) for i in (0, 2)),
        *(half, np.full((2, 2), 0.5)),
        limits=(-20.0, 20.0),
        n_present=1,
        n_absent=1,
    )
    assert (np.diff(model.evidence(np.linspace(-30, 30, 601))) >= -1e-9).all()


def test_a_mixture_is_a_density_that_its_fit_improves() -> None:
    mixture = Mixture(np.array([0.3, 0.7]), np.array([-1.0, 2.0]), np.array([0.5, 1.0]))
    grid = np.linspace(-10, 12, 4001)
    assert np.exp(mixture.log_density(grid)).sum() * (grid[1] - grid[0]) == pytest.approx(1, abs=1e-6)
    values = np.random.default_rng(0).normal(1.0, 2.0, 500)
    for _ in range(5):
        better = mixture.refitted(values, np.ones(500), least_std=0.0)
        assert better.log_density(values).sum() > mixture.log_density(values).sum()
        mixture = better


def test_strands_are_decoded_apart(training: tuple[NDArray[np.float64], NDArray[np.bool_]]) -> None:
    model = absence_hmm.fit(*training)
    logits = sequences(1, 31, seed=4)[0][0]
    assert_allclose(model.log_odds_interleaved(logits, 1), model.log_odds(logits[None])[0])
    found = model.log_odds_interleaved(logits, 2)
    assert_allclose(found[::2], model.log_odds(logits[None, ::2])[0])
    # The strand that is a step short is held at its end.
    assert_allclose(found[1::2], model.log_odds(np.append(logits[1::2], logits[-1])[None])[0, :-1])


def labelled(present: list[list[float]]) -> tuple[FeatureFrames, Targets]:
    values = np.random.default_rng(0).random((len(present), 9, 5)).astype(np.float32)
    names = np.array([f"c{i}" for i in range(len(present))])
    nothing = np.full((len(present), 9, len(CLASSES)), np.nan, dtype=np.float32)
    return FeatureFrames(names, values, 0.32, 0.0), Targets(np.array(present, dtype=np.float32), nothing)


def test_classes_without_an_example_or_a_counterexample_have_no_model() -> None:
    """Frame-level targets are not read: here there are none."""
    head = heads.create("clip_level", 5, CLASSES, seed=0)
    models = absence_hmm.fit_classes(head, *labelled([[1, 0, 1], [0, 0, 1], [1, 0, 1], [0, 0, 1]]))
    assert list(models) == ["Bell"]
    assert np.isfinite(models["Bell"].log_odds(np.zeros((1, 9)))).all()
    with pytest.raises(IgsedError, match="cannot be localised from clip labels"):
        absence_hmm.fit(np.zeros((3, 9)), np.ones(3, dtype=bool))


# --- the study


@pytest.fixture(scope="module")
def explainer(tmp_path_factory: pytest.TempPathFactory) -> Explainer:
    folder = tmp_path_factory.mktemp("localiser")
    for i, samples in enumerate(clips(2)):
        audio.write(folder / "soundscapes" / "test" / f"t{i}.flac", samples.numpy(), RATE)
    head = folder / "clip_level.safetensors"
    heads.save(classifier().head, "clip_level", head)
    return Explainer("embedded", "", head, folder / "soundscapes", "mel_path", ())


INDEX = pd.DataFrame({"split": "test", "clip": ["t0", "t0", "t1"], "label": ["Hum", "Bell", "Bell"]})


def test_rows_are_those_of_the_instances_and_clips_are_kept(explainer: Explainer, tmp_path: Path) -> None:
    found = localiser_scores.shifted_cam(explainer, INDEX, tmp_path, shifts=2, workers=1)
    wanted = ShiftedCam(2)(classifier(), explainer.waveform("test", "t0")[None], [[0, 1]])[0]
    assert_allclose(found.values[[1, 0]], wanted.signed, rtol=1e-4, atol=1e-5)
    assert found.grid == pytest.approx((wanted.step, wanted.start))
    assert (found.index["seconds"] > 0).all()
    before = (tmp_path / "t1.npz").stat().st_mtime_ns
    localiser_scores.shifted_cam(explainer, INDEX, tmp_path, shifts=2, workers=1)
    assert (tmp_path / "t1.npz").stat().st_mtime_ns == before


def test_a_class_without_a_model_keeps_its_logits() -> None:
    cam = ScoresOverTime(INDEX.iloc[[1]], np.array([[0.5, -1.0]]), 0.32)
    assert_array_equal(localiser_scores.localise({}, cam, ["Bell"]).values, cam.values)


def test_every_step_is_measured_shown_and_compared(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    index = pd.DataFrame({"split": "test", "clip": [f"t{i}" for i in range(8)], "label": ["Bell", "Hum"] * 4})
    truth = np.arange(50) < rng.integers(5, 30, size=(8, 1))
    scores = {name: np.clip(truth + 0.3 * rng.random(truth.shape), 0, 1) for name in ("ig", "fw_ws", "fw_ss", "cam")}
    data = {split: Instances(index.assign(split=split), truth, scores) for split in ("validation", "test")}
    own = dict.fromkeys(
        [("cam", rule) for rule in (localiser_study.EVEN, localiser_study.ABSENCE, localiser_scores.ABSENCE_HMM)]
        + [
            localiser_study.LOCALISER,
            localiser_study.EDGES,
            *((name, localiser_scores.ABSENCE_HMM) for name in ("fw_ws", "fw_ss")),
        ],
        truth - 0.5,
    )
    made = localiser_study.series(data, own, frame_length=0.1)
    table, differences = localiser_study.report(index, made, ("Bell", "Hum"), replicates=20, seed=0)
    overall = table[(table["class"] == "all") & (table["average"] == "instance")]
    mine = overall.set_index(["method", "rule", "metric"])["value"]
    for metric in ("iou", "f1", "pointing_game"):
        assert mine[(*localiser_study.LOCALISER, metric)] == 1.0
    shown = set(zip(overall["method"], overall["rule"], strict=True))
    assert set(figures.LADDER) <= shown
    assert len(tables.ladder_table(table)) == len(figures.LADDER)
    compared = localiser_study.pairs(own)
    assert len(tables.gains_table(differences)) == len(compared)
    assert compared[0] == (localiser_study.EDGES, localiser_study.LOCALISER)
    assert all(localiser_study.EDGES not in pair for pair in localiser_study.pairs([localiser_study.LOCALISER]))
    style.save(figures.ladder(table), tmp_path / "ladder.png")


def test_calibrated_edges_move_the_decision_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localiser_study, "localise", lambda models, cam, labels, shifts=1: cam)
    features, targets = labelled([[1, 0, 1], [0, 1, 0], [1, 0, 1], [0, 1, 0]])
    trained = {name: heads.create(name, 5, CLASSES, seed=0) for name in ("clip_level", "fw_ws", "fw_ss")}
    index = pd.DataFrame({"split": "test", "clip": features.clips[:1], "label": ["Bell"]})
    values = np.where((np.arange(80) >= 20) & (np.arange(80) < 50), 8.0, -8.0)  # 0.8 to 2 s
    shifted = ScoresOverTime(index, values[None], 0.04, 0.0)
    test = Instances(index, np.zeros((1, 32), dtype=bool), {})

    def decoded(corrections: dict[str, Edges] | None) -> localiser_study.Decoded:
        return localiser_study.decode(
            *(trained, (features, targets), features, test, shifted),
            **{"shifts": 1, "components": 1, "frame_length": 0.1, "corrections": corrections, "duration": 3.2},
        )

    before, after = decoded(None), decoded({"Bell": Edges(early=0.2, late=-0.2, n=9, missed=0.0)})
    assert localiser_study.EDGES not in before.scores
    assert_array_equal(after.scores[localiser_study.LOCALISER], before.localiser)
    assert np.flatnonzero(before.localiser[0] > 0).tolist() == list(range(8, 20))
    assert np.flatnonzero(after.localiser[0] > 0).tolist() == list(range(10, 22))


def test_durations_by_hand(training: tuple[NDArray[np.float64], NDArray[np.bool_]]) -> None:
    model = absence_hmm.fit(*training)
    truth = np.array([[1, 1, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0]], dtype=bool)
    index = pd.DataFrame({"split": "test", "clip": ["a", "b"], "label": ["Bell", "Hum"]})
    found = localiser_study.durations(
        {"Bell": model, "Hum": model}, Instances(index, truth, {}), 0.5 - truth, frame_duration=0.32, frame_length=0.1
    ).set_index("class")
    assert found.loc["Bell", "true"] == pytest.approx(0.3)
    assert found.loc["Bell", "found"] == pytest.approx(0.2)
    assert np.isnan(found.loc["Hum", "true"])
    assert found.loc["Hum", "believed"] == pytest.approx(0.32 * model.mean_frames)
    assert len(tables.durations_table(found.reset_index())) == 2


def test_without_any_model_there_is_nothing_to_show(tmp_path: Path) -> None:
    """So few training clips that each class is in all of them or in none."""
    features, targets = labelled([[1, 0, 1], [1, 0, 1]])
    head = heads.create("clip_level", 5, CLASSES, seed=0)
    assert absence_hmm.fit_classes(head, features, targets) == {}
    table = localiser_study.absence(head, features, targets, {})
    style.save(figures.absence(table, "Hum"), tmp_path / "absence.png")
    index = pd.DataFrame({"split": "test", "clip": ["a"], "label": ["Bell"]})
    nothing = np.zeros((1, 8))
    found = localiser_study.durations(
        {}, Instances(index, nothing > 0, {}), nothing, frame_duration=0.32, frame_length=0.1
    )
    assert tables.durations_table(found).empty


def test_figures_show_what_they_are_given(
    training: tuple[NDArray[np.float64], NDArray[np.bool_]], tmp_path: Path
) -> None:
    features, targets = labelled([[1, 0, 1], [0, 1, 0], [1, 0, 1], [0, 1, 0]])
    head = heads.create("clip_level", 5, CLASSES, seed=0)
    models = absence_hmm.fit_classes(head, features, targets)
    table = localiser_study.absence(head, features, targets, models)
    assert set(table["class"]) == set(CLASSES)
    for label in ("Hum", "Kettle"):
        style.save(figures.absence(table, label), tmp_path / "absence.png")
    parts = {
        "winners": (np.array([1.0, -2.0, 0.0]), 0.32, 0.0),
        "localiser": (np.array([40.0, -90.0]), 0.5, 0.0),
    }
    drawn = figures.parts_on_clip(np.array([True] * 4 + [False] * 6), parts, frame_length=0.1, label="Hum")
    assert drawn.axes[1].get_ylim()[1] < 20
    assert len(tables.concentration_table(_concentration())) == 2


def _concentration() -> pd.DataFrame:
    rows = {"split": "test", "metric": "half_mass", "average": "instance", "value": 0.4, "n": 3}
    return pd.DataFrame([{**rows, "method": name, "ci_low": 0.3, "ci_high": 0.5} for name in ("ig", "winners")])


def test_every_instance_is_a_dot_with_the_iou_of_both_methods() -> None:
    index = pd.DataFrame({"split": "test", "clip": ["a", "a", "b"], "label": ["Dog", "Cat", "Dog"]})
    of = {("ig", "percentile"): [0.1, 0.2, 0.3], localiser_study.LOCALISER: [0.9, 0.8, 0.7], ("cam", "otsu"): [0.0] * 3}
    made = [
        summaries.Series(method, rule, metric, np.array(values))
        for (method, rule), values in of.items()
        for metric in ("iou", "f1", "pointing_game")
    ]
    table = localiser_study.by_instance(index, made, localiser_study.LOCALISER, ("ig", "percentile"))
    assert len(table) == 2 * 2 * 3
    assert set(table["metric"]) == {"iou", "f1"}
    mine = table.query("clip == 'a' and metric == 'iou' and `class` == 'Cat'").set_index("method")["value"]
    assert mine.to_dict() == {"ig": 0.2, "shifted_cam": 0.8}
    axes = figures.clip_by_clip(table).axes[0]
    dots = {tuple(point) for group in axes.collections for point in group.get_offsets().tolist()}
    assert dots == {(0.1, 0.9), (0.2, 0.8), (0.3, 0.7)}
