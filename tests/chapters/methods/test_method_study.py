"""The study of methods: it computes each map once, tunes on validation alone, and shows what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core.attribution import maps
from igsed_core.attribution import registry as methods
from igsed_core.attribution.explainer import Explainer
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.methods import figures, tables
from igsed_core.chapters.methods import study as method_study
from igsed_core.data import audio
from igsed_core.detection import tuning
from igsed_core.detection.evaluation import Instances
from igsed_core.metrics import summaries
from igsed_core.metrics.scores import SIGNS, ScoresOverTime
from igsed_core.models import heads
from igsed_core.models.encoders import registry as encoders
from igsed_core.show import explanations, style

RATE = 32_000
CLASSES = ("Bell", "Hum")
NAMES = ("saliency", "cam")
OPTIONS = {"replicates": 20, "seed": 0}
N_FRAMES = 13


def instances(split: str) -> Instances:
    index = pd.DataFrame(
        [(split, f"{split}0", "Bell"), (split, f"{split}0", "Hum"), (split, f"{split}1", "Bell")],
        columns=["split", "clip", "label"],
    )
    truth = np.arange(N_FRAMES) < np.array([[2], [3], [4]])
    scores = {"ig": np.linspace(1, 0, N_FRAMES)[None].repeat(3, axis=0), "oracle": truth.astype(float)}
    return Instances(index, truth, scores)


@pytest.fixture(scope="module")
def data() -> dict[str, Instances]:
    return {split: instances(split) for split in ("validation", "test")}


@pytest.fixture(scope="module")
def explainer(tmp_path_factory: pytest.TempPathFactory) -> Explainer:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(0)
    for split in ("validation", "test"):
        for number in range(2):
            samples = 0.1 * np.repeat(rng.random(N_FRAMES), RATE // 10) * rng.standard_normal(N_FRAMES * RATE // 10)
            audio.write(folder / "soundscapes" / split / f"{split}{number}.flac", samples, RATE)
    head = folder / "clip_level.safetensors"
    heads.save(heads.create("clip_level", encoders.load("embedded").n_features, CLASSES, seed=1), "clip_level", head)
    return Explainer("embedded", "", head, folder / "soundscapes", "mel_path", ())


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("maps")


@pytest.fixture(scope="module")
def explained(explainer: Explainer, data: dict[str, Instances], out: Path):
    return method_study.compute(explainer, data, {name: out / name for name in NAMES}, workers=1)


@pytest.fixture(scope="module")
def judged(data, explained):
    return method_study.evaluate(method_study.with_methods(data, explained, frame_length=0.1), frame_length=0.1)


@pytest.fixture(scope="module")
def summary(judged) -> pd.DataFrame:
    return tuning.table(judged, **OPTIONS)


def test_every_method_is_held_to_ig_under_each_rule(judged, data) -> None:
    """Of methods, Otsu and the percentile; the test split's instances share one source file for each class."""
    events = data["test"].index.assign(source_file=data["test"].index["label"])
    found = method_study.differences(judged, events, **OPTIONS)
    mine = found[(found["average"] == "instance") & (found["resampled"] == summaries.CLIPS)]
    assert set(zip(mine["method"], mine["rule"], strict=True)) == {
        (name, rule) for name in NAMES for rule in ("percentile", "otsu", "none")
    }
    assert set(mine["other_method"]) == {"ig"} and (mine["rule"] == mine["other_rule"]).all()
    table = tables.differences_table(found)
    assert len(table) == len(NAMES) and set(table["", "n"]) == {"3"}


@pytest.fixture(scope="module")
def cost(data, explained) -> pd.DataFrame:
    index = data["test"].index.assign(seconds=[3.0, 3.0, 6.0])
    attributions = ScoresOverTime(index, np.zeros((3, 1), np.float32), maps.STEP)
    return method_study.cost(data["test"], explained["test"], attributions, **OPTIONS)


def test_the_parameter_names_methods() -> None:
    assert method_study.chosen("all") == tuple(name for name, one in methods.REGISTRY.items() if not one.costly)
    assert method_study.chosen("random_forest") == ("random_forest",)
    assert method_study.chosen(" cam, saliency ,cam") == ("cam", "saliency")
    with pytest.raises(IgsedError, match="parameter 'methods' names nothing: choose from ig_captum, "):
        method_study.chosen(" , ")
    with pytest.raises(IgsedError, match="parameter 'methods' holds 'guess': choose from "):
        method_study.chosen("cam,guess")


def test_first_clips_keeps_whole_clips(data: dict[str, Instances]) -> None:
    first = data["test"].first_clips(1)
    assert list(first.index["clip"]) == ["test0", "test0"]
    assert first.truth.shape == (2, N_FRAMES) and first.scores["ig"].shape == (2, N_FRAMES)
    assert len(data["test"].first_clips(0).index) == 3
    assert method_study.example_clip(data["test"]) == "test0"


def test_a_map_is_the_methods_and_is_computed_once(explainer, data, explained, out) -> None:
    found = explained["test"]["cam"]
    values = found.to_frames(0.1, N_FRAMES)
    assert values.shape == (3, N_FRAMES)
    waveform = explainer.waveform("test", "test1")[None]
    direct = methods.create("cam")(explainer.load()[0], waveform, [[0]])[0]
    at = (0.05 + 0.1 * np.arange(N_FRAMES) - direct.start) // direct.step  # a frame lies in one or two feature frames
    inside = np.abs((0.05 + 0.1 * np.arange(N_FRAMES)) / direct.step % 1 - 0.5) < 0.3
    wanted = direct.signed[0][np.minimum(at.astype(int), direct.signed.shape[1] - 1)]
    assert_allclose(values[2][inside], wanted[inside], rtol=1e-4, atol=1e-6)
    assert (found.index["seconds"] > 0).all() and found.index["seconds"][0] == found.index["seconds"][1]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.npz")}
    assert len(before) == 2 * 2 * len(NAMES)
    (out / "cam" / "test0.npz").unlink()
    again = method_study.compute(explainer, data, {name: out / name for name in NAMES}, workers=1)
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.npz")}
    assert {path.name for path in before if after[path] != before[path]} == {"test0.npz"}
    assert_allclose(again["test"]["cam"].values, found.values, rtol=1e-5, atol=1e-7)


def test_each_method_is_read_in_its_own_way(data, explained) -> None:
    own = method_study.with_methods(data, explained, frame_length=0.1)["test"].scores
    assert list(own) == [*NAMES, "ig", "oracle"]
    for name in NAMES:
        found = explained["test"][name].read_as(methods.REGISTRY[name].sign)
        assert_array_equal(own[name], found.to_frames(0.1, N_FRAMES))
    signed = method_study.with_methods(data, explained, frame_length=0.1, sign="signed")["test"].scores
    assert_array_equal(signed["saliency"], explained["test"]["saliency"].to_frames(0.1, N_FRAMES))


def test_every_method_is_judged_by_rules_tuned_chosen_and_fixed_and_without(judged, summary) -> None:
    for name in (*NAMES, "ig"):
        rules = {one.rule for one in judged.series["test"] if one.method == name}
        assert {"percentile", "share_of_maximum", "none", tuning.FIXED} <= rules
        assert len(rules) <= 5  # four if the rule that validation chooses is the fixed one
    assert set(summary["metric"]) == {"iou", "f1", "pointing_game", "auroc"}
    ig = summary[(summary["method"] == "ig") & (summary["metric"] == "auroc")]
    assert_allclose(ig["value"], 1.0)  # its scores fall and the truth comes first


def test_thresholds_come_from_validation_alone(data, explained, judged) -> None:
    """Another test split, other figures, the same thresholds."""
    scores = method_study.with_methods(data, explained, frame_length=0.1)
    turned = Instances(scores["test"].index, ~scores["test"].truth, scores["test"].scores)
    other = method_study.evaluate({**scores, "test": turned}, frame_length=0.1)

    def chosen(one):
        return [(s.method, s.rule, s.metric, s.threshold) for s in one.series["test"] if s.rule == "percentile"]

    assert chosen(other) == chosen(judged)


def test_seconds_are_those_of_the_maps(cost: pd.DataFrame, explained) -> None:
    value = cost[cost["average"] == "instance"].set_index("method")["value"]
    assert value["ig"] == 4.0
    assert value["cam"] == pytest.approx(explained["test"]["cam"].index["seconds"].mean())


def test_figures_and_table_show_every_method(data, explained, judged, summary, cost) -> None:
    by_class = method_study.per_class(judged, CLASSES, **OPTIONS)
    assert set(by_class["class"]) == set(CLASSES) and summaries.ALL not in set(by_class["class"])
    readings = method_study.readings(data, explained, frame_length=0.1, **OPTIONS)
    assert set(readings["sign"]) == set(SIGNS)
    example = method_study.with_methods(data, explained, frame_length=0.1)["test"].first_of("test0")
    drawn = [
        figures.methods_quality(summary),
        figures.quality_against_cost(summary, cost),
        figures.methods_per_class(by_class),
        figures.readings_of_methods(readings),
        explanations.methods_on_clip(example.truth, example.scores, frame_length=0.1, label="Bell", height=0.4),
    ]
    for figure in drawn:
        figure.canvas.draw()
        texts = [t for t in figure.findobj(plt.Text) if t.get_text().strip() and t.get_visible()]
        assert min(t.get_fontsize() for t in texts) >= 10
        shown = {t.get_text() for t in texts}
        assert {style.name(name) for name in NAMES} <= shown
    assert plt.get_fignums() == []
    table = tables.methods_table(summary, cost)
    assert set(table["IoU", "Otsu, fixed beforehand"]) != {"–"}
    assert "–" not in set(table["IoU", "parameter-free, chosen on validation"])
    assert set(table["", "n"]) == {"3"}
    assert set(table.iloc[:, 0]) == {style.name(name) for name in (*NAMES, "ig")}


def test_names_of_lines_that_meet_stand_side_by_side(summary) -> None:
    like = summary[summary["method"] == "ig"]
    lines = [like.assign(method=method, value=value) for method, value in (("fw_ws", 0.25), ("random", 0.26))]
    cost = pd.DataFrame({"method": ["ig"], "metric": "seconds", "class": "all", "average": "instance", "value": 0.1})
    figure = figures.quality_against_cost(pd.concat([summary, *lines]), cost)
    figure.canvas.draw()
    for ax in figure.axes:
        first, second = (
            next(text for text in ax.texts if text.get_text() == style.name(method)).get_window_extent()
            for method in ("fw_ws", "random")
        )
        assert not first.overlaps(second)
        levels = [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"]
        dashed = [ax.transData.transform((1, level))[1] for level in levels]
        for name in (text for text in ax.texts if isinstance(text, plt.Annotation)):
            box = plt.Text.get_window_extent(name)
            assert not [y for y in dashed if box.y0 < y < box.y1], name.get_text()
            assert np.mean(to_rgb(name.get_color())) < 0.5


@pytest.mark.parametrize("name", methods.REGISTRY)
def test_every_method_has_a_name_and_a_colour(name: str) -> None:
    assert style.name(name) == methods.REGISTRY[name].title
    assert style.colour(name) == style.FAMILIES[style.family(name)]


def test_a_methods_maps_depend_on_no_other_method(explainer, data, tmp_path, monkeypatch) -> None:
    """A method that is added has a key of its own, and its maps alone are made."""
    alone = method_study.compute(explainer, data, {"cam": tmp_path / "cam"}, workers=1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    names = {name: tmp_path / name for name in ("saliency", "cam")}
    both = method_study.compute(explainer, data, names, workers=1)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert_array_equal(both["test"]["cam"].values, alone["test"]["cam"].values)
    assert sorted(path.name for path in (tmp_path / "saliency").iterdir()) == sorted(path.name for path in before)


def test_the_identity_of_a_methods_maps(explainer, data, tmp_path) -> None:
    cam, shapley = (method_study.identity(explainer, name) for name in ("cam", "kernel_shap"))
    assert json.loads(json.dumps([cam, shapley])) == [cam, shapley]
    assert cam["method"] == "cam" and shapley["options"]["n_masks"] > 0
    assert cam["head_sha256"] == explainer.identity()["head_sha256"] and "engine" not in cam
    slow = Explainer(**{**vars(explainer), "engine": "captum", "options": (("n_steps", 50),)})
    assert method_study.identity(slow, "cam") == cam  # the run's own engine is not asked
    captum = method_study.identity(explainer, "ig_captum")["options"]["engine"]
    assert captum["n_steps"] == 50 and "internal_batch_size" not in captum


def test_maps_of_another_method_are_an_error(explainer, data, tmp_path) -> None:
    method_study.compute(explainer, data, {"cam": tmp_path}, workers=1)
    with pytest.raises(IgsedError, match="holds scores of something else, method 'cam' and not 'saliency': delete it"):
        method_study.compute(explainer, data, {"saliency": tmp_path}, workers=1)
