"""Figures show the numbers they are given, once, in the same colours everywhere."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

import colours
import igsed_core
import result_tables
from igsed_core import paper
from igsed_core.chapters.engine import figures
from igsed_core.chapters.engine.one_clip import Readings
from igsed_core.detection import scored
from igsed_core.main_job import figures as main_figures
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.show import diagram, explanations, listening, sounds, style, terms
from lettering import overprinted

RATE = 32_000
EVENTS = pd.DataFrame({"label": ["Cat", "Speech"], "onset": [0.5, 1.0], "offset": [1.5, 1.75]})


def tone(frequency, seconds=2.0, gain=1.0):
    return gain * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)


def points(ax, marker):
    """Where a marker stands in a set of axes: (x, y, colour of its edge)."""
    found = [line for line in ax.get_lines() if line.get_marker() == marker]
    return [(x, y, to_rgb(line.get_markeredgecolor())) for line in found for x, y in line.get_xydata()]


def spans(ax):
    """Extents in time of the shaded events."""
    boxes = [patch.get_extents().transformed(ax.transData.inverted()) for patch in ax.patches]
    return sorted((round(box.x0, 6), round(box.x1, 6)) for box in boxes)


@pytest.fixture(scope="module")
def every_figure():
    importance = {"Cat": np.ones(1000), "Dog": np.ones(1000)}
    clips = pd.DataFrame({"clip": ["a", "b"], "split": ["train", "test"], "n_events": [1, 1], "polyphony": [1, 1]})
    events = EVENTS.assign(clip=["a", "b"], snr=20.0)
    removed = pd.DataFrame({"n_events": [3], "polyphony": [3]})
    history = pd.DataFrame(
        {
            "head": "fw_ws",
            "epoch": [1, 2, 3],
            "training_loss": [3.0, 2.0, 1.0],
            "validation_loss": [3.0, 1.0, 2.0],
            "kept": [False, True, False],
        }
    )
    elsewhere = result_tables.curves().assign(split="validation", value=0.5)
    index = pd.DataFrame({"label": ["Cat", "Cat", "Dog"], "completeness_error": [0.0, 0.1, 1.0]})
    gains = np.linspace(0, 1, 11)
    path = pd.DataFrame({"gain": gains, "level": 20 * np.log10(np.maximum(gains, 1e-9)), "score": gains**2})
    truth = np.arange(20) < 5
    scores = {name: np.linspace(1, 0, 20) * scale for name, scale in (("ig", 1e-9), ("energy", 100.0), ("random", 0.0))}
    over_time = ScoresOverTime.of_product(np.array(["a"]), ("Cat",), np.ones((1, 1, 31), np.float32), 0.32, -0.16)
    return {
        "block_diagram": diagram.block_diagram(),
        "picture": terms.picture(),
        "contact_sheet": sounds.contact_sheet({"Cat": [tone(500), tone(500, 9.0)], "Dog": [tone(500, 0.01)]}, RATE),
        "soundscape": sounds.soundscape(tone(500), RATE, EVENTS),
        "with_curves": listening.with_curves(
            tone(500),
            RATE,
            EVENTS,
            [listening.Curve(name, np.linspace(-1, 1, 20), 0.1, "Cat") for name in ("ig", "cam")],
        ),
        "soundscape_statistics": sounds.soundscape_statistics(clips, events, removed),
        "loss_curves": main_figures.loss_curves(history),
        "attributions": explanations.attributions(
            tone(500), RATE, EVENTS, importance, step=0.01, t_max=2.0, probabilities={"Cat": 0.914}
        ),
        "completeness": explanations.completeness(index),
        "methods_on_clip": explanations.methods_on_clip(truth, scores, frame_length=0.1, label="Cat"),
        "scores_over_time": explanations.scores_over_time({"fw_ws": over_time}, "a", ["Cat"], EVENTS),
        "threshold_curves": main_figures.threshold_curves(pd.concat([elsewhere, result_tables.curves()]), split="test"),
        "main_result": main_figures.main_result(result_tables.detection(), paper.detection()),
        "readings": figures.readings(
            Readings(np.ones(12), np.full(12, 0.5), np.outer(np.linspace(-1, 1, 12), np.ones(4)), 6.0)
        ),
        "score_along_path": figures.score_along_path(path, {"db_midpoint": np.array([0.05, 0.5, 1.0])}),
        "completeness_by_points": figures.completeness_by_points(result_tables.engine_study()),
        "localisation_by_points": figures.localisation_by_points(result_tables.engine_study()),
        "per_class": main_figures.per_class(result_tables.per_class(), paper.per_class()),
    }


def test_every_public_figure_is_tried(every_figure):
    """Here, or in the tests of the module whose tables it draws."""
    others = [path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py") if path != Path(__file__)]
    public = {
        node.name
        for path in Path(igsed_core.__file__).parent.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if any(ast.unparse(decorator).split(".")[-1] == "drawing" for decorator in node.decorator_list)
    }
    assert set(every_figure) <= public
    assert public <= set(every_figure) | {
        name for name in public if any(re.search(rf"figures\.{name}\b", text) for text in others)
    }


def test_figures_are_sharp_on_white_and_never_shown_twice(every_figure, tmp_path):
    assert plt.get_fignums() == []  # an open figure would be drawn again at the end of a notebook's cell
    for name, figure in every_figure.items():
        with Image.open(style.save(figure, tmp_path / f"{name}.png")) as image:
            pixels = np.asarray(image.convert("RGB"))
        assert pixels.shape[1] >= 1000, name
        assert (pixels[0] == 255).all(), name
        assert pixels.std() > 5, name
    assert sorted(p.stem for p in tmp_path.iterdir()) == sorted(every_figure)


def test_no_text_is_smaller_than_ten_points(every_figure):
    for name, figure in every_figure.items():
        figure.canvas.draw()
        texts = [t for t in figure.findobj(plt.Text) if t.get_text().strip() and t.get_visible()]
        assert texts, name
        assert min(t.get_fontsize() for t in texts) >= 10, name


def test_words_in_the_picture_of_the_terms_lie_on_no_bar(every_figure):
    figure = every_figure["picture"]
    figure.canvas.draw()
    top = figure.axes[0]
    bars = [patch.get_window_extent() for patch in top.patches]
    words = {text.get_text(): plt.Text.get_window_extent(text) for text in top.texts}
    assert len(bars) > 10 and len(words) == 3
    assert [text for text, box in words.items() if any(box.overlaps(bar) for bar in bars)] == []


def test_no_word_overprints_another(every_figure):
    assert {name: found for name, figure in every_figure.items() if (found := overprinted(figure))} == {}


@pytest.mark.parametrize(("low", "high"), [(3e-3, 3e-2), (2e-2, 3e-2), (1e-6, 1.0)])
def test_decades_of_completeness_stand_apart(low, high):
    errors = np.geomspace(low, high, 40)
    index = pd.DataFrame({"label": ["Electric_shaver_toothbrush", "Dog"] * 20, "completeness_error": errors})
    drawn = explanations.completeness(index)
    assert overprinted(drawn) == []
    for ax in drawn.axes:
        minor = [tick.label1.get_text() for tick in ax.xaxis.get_minor_ticks()]
        assert not any(minor) and sum(ax.get_xlim()[0] <= at <= ax.get_xlim()[1] for at in ax.get_xticks()) >= 2


def test_long_names_of_classes_do_not_run_into_each_other():
    labels = ["Alarm_bell_ringing", "Blender", "Cat", "Electric_shaver_toothbrush", "Dog"]
    scores = ScoresOverTime(pd.DataFrame({"clip": "a", "label": labels}), np.ones((5, 20)), step=0.1)
    assert overprinted(explanations.scores_over_time({"ig": scores}, "a", labels, EVENTS)) == []


def test_series_are_told_apart_from_each_other_and_from_methods():
    """By hue or lightness as people without red or green cones see it, and by a mark of their own."""
    marks = [mark for _, mark in style.SERIES]
    assert len(set(marks)) == len(marks)
    for (one, _), (other, _) in itertools.combinations(style.SERIES, 2):
        assert np.abs(np.subtract(to_rgb(one), to_rgb(other))).sum() > 0.3


def test_what_is_no_method_has_colours_that_nobody_takes_for_a_methods():
    neutral = [colour for colour, _ in style.SERIES]
    for colour in {*neutral, *style.CLASSES, *style.SPLITS.values(), style.FAINT, style.PALE, style.INK}:
        near = {other: words for other, words in colours.owned().items() if colours.distance(colour, other) < 8}
        assert near == {}, colour
    for one, other in itertools.combinations(style.CLASSES, 2):
        assert colours.distance(one, other) > 8, (one, other)


def test_no_module_spells_a_colour_that_is_a_methods():
    """It asks for the method's colour by the method's name (`style.colour`), or takes what is no method's."""
    spelt = {}
    for path in Path(igsed_core.__file__).parent.rglob("*.*"):
        if path.suffix in (".py", ".js") and path.name not in ("style.py", "scored.py"):
            for colour in re.findall(r"#[0-9a-fA-F]{6}\b", path.read_text(encoding="utf-8")):
                near = [words for other, words in colours.owned().items() if colours.distance(colour, other) < 5]
                spelt |= {f"{path.name}: {colour}": near} if near else {}
    assert spelt == {}


def test_a_figure_that_wears_a_methods_colour_without_its_name_is_found():
    """As does any that a test draws: `conftest.colours_of_methods` looks at each."""
    figure, ax = plt.subplots()
    ax.plot([0, 1], color="#D45F02", label="length bounded")
    ax.plot([0, 1], color=style.SERIES[0][0], label="every sample bounded")
    ax.fill_between([0, 1], [0, 1], color=style.colour("fw_ss"), alpha=0.2)
    assert len(colours.strangers(figure)) == 2
    ax.set_title("Integrated Gradients")
    assert len(colours.strangers(figure, "FW-SS over time")) == 0
    plt.close(figure)

    @style.drawing
    def wrong():
        """Draw attacks."""
        return figure

    with pytest.raises(AssertionError, match="colour of fw_ss"):
        wrong()
    ax.set_title("FW-SS, Integrated Gradients")
    ax.set_xlabel("seconds", fontsize=8)
    with pytest.raises(AssertionError, match="'seconds' has 8 points"):
        wrong()


def test_no_figure_takes_colours_in_matplotlibs_order():
    """There a colour stands for the place in a list, and so for another thing in each figure."""
    sources = Path(igsed_core.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if re.search(r"""["']C[0-9{]""", path.read_text())] == []


def test_methods_are_told_apart_also_without_hue():
    colours = [np.array(to_rgb(style.COLOURS[m])) for m in ("ig", "fw_ws", "fw_ss", "random", "energy")]
    for one, other in itertools.combinations(colours, 2):
        assert np.abs(one - other).sum() > 0.3
    assert set(style.COLOURS) <= set(scored.SCORED)
    for name, one in scored.SCORED.items():  # each has a colour: its own, or its family's
        assert style.colour(name) != style.FAINT, name
        assert style.name(name) == one.title and style.short(name) in (one.short, one.title)


def test_the_look_of_pages_is_known_without_torch_or_any_method():
    told = "import sys, igsed_core.show.style as s; s.name('lrp_gamma'), s.colour('cam'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True).stdout.split()
    assert "igsed_core.attribution.registry" in loaded
    assert not {"torch", "captum", "zennit", "igsed_core.attribution.lrp", "igsed_core.attribution.base"} & set(loaded)


def test_log_mel_of_a_tone_peaks_at_its_frequency_and_follows_its_level():
    image = sounds.log_mel(tone(1000), RATE)
    front_end = sounds._front_end()
    centres = front_end.mel_weights.numpy().argmax(axis=0) * RATE / front_end.n_fft
    middle = image[:, image.shape[1] // 2]
    assert abs(centres[middle.argmax()] - 1000) < 60
    louder = sounds.log_mel(tone(1000, gain=10.0), RATE)[:, image.shape[1] // 2]
    assert louder.max() - middle.max() == pytest.approx(20.0, abs=1e-3)


def test_contact_sheet_has_one_time_scale(every_figure):
    axes = np.array(every_figure["contact_sheet"].axes).reshape(2, 2)
    shown = [ax.images[0].get_extent()[1] for ax in axes.ravel() if ax.images]
    assert shown[0] == pytest.approx(2.0, abs=0.02)
    assert shown[1] == pytest.approx(4.2, abs=0.02)  # cut
    assert not axes[1, 1].images  # Dog has one sound only
    assert {ax.get_xlim() for ax in axes.ravel()} == {(0.0, 4.2)}


def test_attributions_shade_the_truth_of_each_class_and_name_false_detections(every_figure):
    wave, cat, dog = every_figure["attributions"].axes
    assert spans(wave) == [(0.5, 1.5), (1.0, 1.75)]
    assert spans(cat) == [(0.5, 1.5)]
    assert spans(dog) == []
    assert cat.get_title("left") == "Cat, probability 0.91"
    assert "not in the clip" in dog.get_title("left")
    assert {t.get_text() for t in wave.texts} == {"Cat", "Speech"}


def test_each_method_is_drawn_over_its_own_maximum(every_figure):
    for ax in every_figure["methods_on_clip"].axes[:2]:
        assert max(patch.get_data().values.max() for patch in ax.patches) == pytest.approx(1.0)
    silent = every_figure["methods_on_clip"].axes[2]
    assert max(patch.get_data().values.max() for patch in silent.patches) == 0.0


def test_threshold_curves_mark_the_peaks_of_this_run_and_of_the_paper(every_figure):
    published = paper.threshold_sensitivity()
    for ax, metric in zip(every_figure["threshold_curves"].axes, ("iou", "f1"), strict=True):
        peaks = points(ax, "o")
        assert {x for x, _, _ in peaks} == {50.0}
        assert sorted(y for _, y, _ in peaks) == pytest.approx(
            sorted(v + result_tables.SHIFT[metric] for v in result_tables.VALUE.values())
        )
        theirs = published[published["metric"] == metric]
        expected = {
            (row.peak_percentile, row.peak_value, to_rgb(style.COLOURS[row.method])) for row in theirs.itertuples()
        }
        assert set(points(ax, "D")) == expected


def test_main_result_shows_every_value_with_its_interval_and_the_paper(every_figure):
    published = paper.detection().set_index("method")
    for ax, (metric, shift) in zip(every_figure["main_result"].axes, result_tables.SHIFT.items(), strict=True):
        for y, method in enumerate(result_tables.METHODS):
            colour, value = to_rgb(style.COLOURS[method]), result_tables.VALUE[method] + shift
            assert (pytest.approx(value), y, colour) in points(ax, "o")
            assert published.loc[method, metric] in [x for x, _, c in points(ax, "D") if c == colour]
        widths = [np.ptp(line.get_xdata()) for line in ax.get_lines() if len(line.get_xdata()) == 2]
        assert widths == pytest.approx([0.08] * len(result_tables.METHODS))
        # Ends that stand out above and below a dot, which would hide an interval narrower than itself.
        ends = {line.get_markersize() for line in ax.get_lines() if line.get_marker() == "|"}
        assert min(ends) > max(line.get_markersize() for line in ax.get_lines() if line.get_marker() == "o")


def test_a_class_without_instances_has_the_papers_value_only(every_figure):
    (ax,) = every_figure["per_class"].axes
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Blender (n = 15)", "Cat (n = 15)", "Kettle (n = 0)"]
    assert {round(y) for _, y, _ in points(ax, "o")} == {0, 1}
    assert {round(y) for _, y, _ in points(ax, "D")} == {0, 1}  # the paper has no Kettle


def test_the_kept_epoch_is_marked(every_figure):
    (ax,) = every_figure["loss_curves"].axes
    assert [(x, y) for x, y, _ in points(ax, "o")] == [(2.0, 1.0)]


def flat(marks):
    return [value for x, y, _ in marks for value in (x, y)]


def test_the_score_is_drawn_over_gain_and_level_with_the_points_that_are_heard(every_figure):
    over_gain, over_level = every_figure["score_along_path"].axes
    assert flat(points(over_gain, "s")) == pytest.approx([0.05, 0.005, 0.5, 0.25, 1.0, 1.0])
    # 0.05 lies below the lowest level that is drawn.
    assert flat(points(over_level, "s")) == pytest.approx([20 * np.log10(0.5), 0.25, 0.0, 1.0])


def test_rules_stand_at_the_points_that_they_took(every_figure):
    (ax,) = every_figure["completeness_by_points"].axes
    assert flat(points(ax, "s")) == pytest.approx([4.0, 0.5, 16.0, 0.125])  # medians
    assert flat(points(ax, "D")) == pytest.approx([20.0, 2 / 64])
    assert ax.get_xscale() == ax.get_yscale() == "log"
    cosine = every_figure["localisation_by_points"].axes[0]
    assert flat(points(cosine, "o")) == pytest.approx([4.0, 0.975, 50.0, 0.998])


@pytest.mark.parametrize("label", ["a$b$c", "$x$", r"a\$b$", "5$", "_a_", "x^2", "$$", r"\alpha"])
def test_names_are_shown_character_by_character(label):
    """What stands between two $ is TeX to matplotlib, and an error where it is none."""
    named = EVENTS.assign(label=[label, "Speech"])
    index = pd.DataFrame({"label": [label, "Dog"], "completeness_error": [0.1, 1.0]})
    truth = np.arange(20) < 5
    drawn = [
        sounds.soundscape(tone(500), RATE, named),
        sounds.contact_sheet({label: [tone(500)], "Dog": [tone(500)]}, RATE),
        explanations.attributions(tone(500), RATE, named, {label: np.ones(1000)}, step=0.01, t_max=2.0),
        explanations.completeness(index),
        explanations.methods_on_clip(truth, {"ig": np.ones(20)}, frame_length=0.1, label=label),
    ]
    for figure in drawn:
        figure.canvas.draw()
        shown = [text._preprocess_math(text.get_text()) for text in figure.findobj(plt.Text) if text.get_text()]
        assert any(style.class_name(label) in words and not is_math for words, is_math in shown)
        assert not any(is_math for words, is_math in shown if "$" in label and label.strip("$") in words)


def test_no_figure_takes_the_name_of_a_class_as_tex():
    folder = Path(figures.__file__).parent
    for path in folder.glob("*.py"):
        if path.name != "style.py":
            assert "style.class_name(" not in path.read_text().replace("len(style.class_name(", ""), path.name
