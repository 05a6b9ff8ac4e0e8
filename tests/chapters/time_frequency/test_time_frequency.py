"""The page of right time and right sound: a map of the stem wins, one of the other sound loses, whatever the time."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from igsed_core.attribution.base import Importance
from igsed_core.attribution.explainer import Explainer
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.time_frequency import figures, in_short, names, overview, study, tables, truth
from igsed_core.chapters.time_frequency.masking import Masker
from igsed_core.chapters.time_frequency.params import TimeFrequency
from igsed_core.chapters.time_frequency.study import (
    ENERGY,
    GAIN,
    HEARD,
    IN_TIME,
    IOU,
    MAP,
    NOTHING,
    OVERLAP,
    PERFECT,
    POINTING,
    RANDOM,
    SHARE,
    TIME_ONLY,
)
from igsed_core.data import soundscapes
from igsed_core.data.clips import MemoryClips
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.data.soundscape_plan import ClipPlan, PlannedEvent, SoundscapeSpec
from igsed_core.metrics import time_frequency as metrics
from igsed_core.models import heads
from igsed_core.models.frontend import PannsLogMel
from igsed_core.show.answers import Found
from lettering import overprinted
from tiny_bank import write_bank

RATE = 32_000
LABELS = ["Bell", "Hum"]
EVENTS = pd.DataFrame({"label": LABELS, "onset": [0.5, 1.0], "offset": [1.5, 2.0]})


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def tone(frequency: float, onset: float, offset: float, level: float) -> np.ndarray:
    time = np.arange(3 * RATE) / RATE
    return level * np.sin(2 * np.pi * frequency * time) * ((time >= onset) & (time < offset))


STEMS = {"Bell": tone(4000, 0.5, 1.5, 0.1), "Hum": tone(400, 1.0, 2.0, 0.3)}
MIXTURE = torch.from_numpy(sum(STEMS.values()) + 1e-4 * np.random.default_rng(0).standard_normal(3 * RATE)).float()


@pytest.fixture(scope="module")
def frontend() -> PannsLogMel:
    return PannsLogMel()


@pytest.fixture(scope="module")
def known(frontend: PannsLogMel) -> truth.Truth:
    return truth.of_clip(MIXTURE, STEMS, EVENTS, LABELS, frontend)[0]


def test_the_truth_of_two_tones(known: truth.Truth, frontend: PannsLogMel) -> None:
    centres = frontend.mel_weights.numpy().argmax(axis=0) * RATE / 1024
    bell, hum = (int(np.abs(centres - f).argmin()) for f in (4000, 400))
    assert known.mask[75, bell]
    assert not known.mask[75, hum] and not known.mask[125, hum]
    assert known.own[125, hum] < 0.01 < 0.99 < known.own[125, bell]
    assert np.flatnonzero(known.sounds)[[0, -1]].tolist() == [50, 149]
    assert np.flatnonzero(known.overlap)[[0, -1]].tolist() == [100, 149]


def test_the_picture_of_a_clip_has_a_panel_per_map(known: truth.Truth, frontend: PannsLogMel) -> None:
    maps = {name: np.random.default_rng(i).random(known.mask.shape) for i, name in enumerate(("ig", "cam", "saliency"))}
    drawn = figures.one_clip(maps, known, frontend, "Bell")
    assert len([ax for ax in drawn.axes if ax.has_data()]) >= len(maps)


def test_right_time_is_not_right_sound(known: truth.Truth) -> None:
    """A map of the other sound at the right time has the time and nothing else."""
    in_time = np.repeat(known.sounds[:, None], 64, axis=1).astype(float)
    right, wrong = known.own * in_time, (1 - known.own) * in_time
    of = {name: study.figures_of(w, known) for name, w in (("right", right), ("wrong", wrong), ("time", in_time))}
    assert of["right"][HEARD] > 0.99
    assert of["wrong"][HEARD] < 0.01
    assert of["wrong"][OVERLAP] < 0.01 < of["time"][OVERLAP] < 0.2 < 0.99 < of["right"][OVERLAP]
    assert of["wrong"][HEARD] < of["time"][HEARD] < of["right"][HEARD]
    assert (of["right"][POINTING], of["wrong"][POINTING]) == (1, 0)
    assert of["right"][IOU] > of["time"][IOU] > of["wrong"][IOU]
    assert of["right"][SHARE] > of["wrong"][SHARE]


def test_what_is_heard_through_the_perfect_mask_is_the_sound(known: truth.Truth, frontend: PannsLogMel) -> None:
    masker = Masker(MIXTURE, frontend)
    before = metrics.si_sdr(MIXTURE.numpy(), known.stem)
    assert before < -5
    gains = {
        name: study.judge(weights, known, masker, method=name, before=before)[MAP][GAIN]
        for name, weights in {
            PERFECT: known.own,
            NOTHING: np.ones_like(known.own),
            ENERGY: known.power,
            IN_TIME: np.repeat(known.sounds[:, None], 64, axis=1).astype(float),
        }.items()
    }
    assert gains[PERFECT] > 20
    assert gains[NOTHING] == pytest.approx(0, abs=0.5)
    assert gains[ENERGY] < 0 < gains[IN_TIME] < gains[PERFECT]


def test_masking_nothing_away_gives_the_soundscape_back(frontend: PannsLogMel) -> None:
    heard = Masker(MIXTURE, frontend)(np.ones((301, 64)))
    assert metrics.si_sdr(heard, MIXTURE.numpy()) > 20  # but for what lies in no mel band


# ---- from end to end, on a small bank


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> study.Clip:
    folder = tmp_path_factory.mktemp("tf")
    root = soundbank.prepare(
        str(write_bank(folder / "source")), seed=0, sample_rate=RATE, cache_dir=folder / "cache", workers=1
    ).root
    (bell, hum) = (next(root.glob(f"foreground/eval/{n}/*")).relative_to(root).as_posix() for n in LABELS)
    plan = ClipPlan(
        *("eval_0000", "eval", next(root.glob("background/*/*")).relative_to(root).as_posix(), 0.0),
        (PlannedEvent("Bell", bell, 0.5, 0.3, 20.0), PlannedEvent("Hum", hum, 0.6, 0.4, 20.0)),
    )
    spec = SoundscapeSpec(duration=3.0, sample_rate=RATE)
    bank = soundbank.prepare(str(folder / "source"), seed=0, sample_rate=RATE, cache_dir=folder / "cache", workers=1)
    made = soundscapes.realise(bank, [plan], [spec], ["test"], out_dir=folder / "clips", workers=1)
    head = heads.create("clip_level", 512, LABELS, seed=0)
    heads.save(head, "clip_level", folder / "head.safetensors")
    explainer = Explainer("embedded", "", folder / "head.safetensors", made.root, "mel_path", ())
    steps = np.float32([[1.0] * 3, [2.0] * 3])
    return study.Clip(
        explainer,
        *("test", "eval_0000", LABELS, made.events_of("eval_0000")[["label", "onset", "offset"]]),
        *(made.root / "test" / "eval_0000.jams", spec, root),
        {"occlusion_silence": Importance(steps, steps, 1.0)},
        folder / "figures" / "eval_0000.csv",
        3,
    )


@pytest.fixture(scope="module")
def measured(clip: study.Clip) -> pd.DataFrame:
    torch.set_num_threads(1)
    return study.compute([clip], ("ixg", "saliency", "cam", "lrp_composite", "occlusion_silence"), workers=1)


def test_every_method_has_every_figure(measured: pd.DataFrame) -> None:
    assert set(measured["method"]) == {
        *("ixg", "saliency", "cam", "lrp_composite", "occlusion_silence"),
        *(NOTHING, ENERGY, RANDOM, IN_TIME, PERFECT),
    }
    assert set(measured["label"]) == set(LABELS)
    assert measured["overlapped"].all()
    values = measured.pivot_table(index=["method", "rule", "label"], columns="metric", values="value")
    assert values.loc[(PERFECT, MAP, "Bell"), IOU] == 1
    assert values.loc[(PERFECT, MAP, "Bell"), HEARD] > values.loc[(IN_TIME, MAP, "Bell"), HEARD]
    # A constant map and a map of time alone are what they are without frequency.
    a, b = (values.loc[("occlusion_silence", rule, "Hum")] for rule in (MAP, TIME_ONLY))
    assert a[[HEARD, SHARE, IOU]].to_numpy() == pytest.approx(b[[HEARD, SHARE, IOU]].to_numpy())
    assert values.loc[("occlusion_silence", MAP, "Hum"), HEARD] == pytest.approx(
        values.loc[(NOTHING, MAP, "Hum"), HEARD]
    )
    shares = measured[measured["metric"].isin([SHARE, HEARD, OVERLAP, POINTING, IOU])]["value"].dropna()
    assert ((shares >= 0) & (shares <= 1 + 1e-9)).all()


def test_what_is_finished_is_not_done_again(clip: study.Clip, measured: pd.DataFrame) -> None:
    broken = study.Clip(**{**vars(clip), "explainer": Explainer("none", "", Path("x"), MemoryClips({}), "", ())})
    pd.testing.assert_frame_equal(study.compute([broken], ("ixg",), workers=1), measured)


def summed(measured: pd.DataFrame, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of several clips that are alike, but for chance."""
    random = np.random.default_rng(0)
    many = pd.concat(
        [
            measured.assign(clip=f"c{i}", value=measured["value"] + 0.01 * random.random(len(measured)))
            for i in range(n)
        ],
        ignore_index=True,
    )
    events = many[["clip", "label"]].drop_duplicates().assign(source_file=lambda rows: rows["clip"] + rows["label"])
    options = {"replicates": 50, "seed": 0}
    return study.summarise(many, **options), study.differences(many, events, **options)


@pytest.mark.parametrize("n", [1, 2, 8])
def test_words_tables_and_figures_of_a_run(measured: pd.DataFrame, n: int) -> None:
    found, apart = summed(measured, n)
    said = in_short.answer(Found({"time_frequency": found, "time_frequency_differences": apart})).text
    said += overview.separation(found) + overview.real(found, apart, "Run real.")
    assert not re.search(r"\b(nan|inf|None)\b", said), said
    assert "exact onsets and offsets" in said
    shown = tables.maps_table(found)
    assert len(shown) == 10
    assert len(tables.differences_table(apart)) == 5
    assert {names.title(name) for name in (PERFECT, "cam")} == {"perfect mask", "CAM"}
    assert overprinted(figures.heard(found)) == []
    figures.worth_of_frequency(found)


def test_a_change_of_the_numbers_changes_the_words(measured: pd.DataFrame) -> None:
    found, apart = summed(measured, 8)
    gap = {"method": "cam", "rule": MAP, "other_method": IN_TIME, "other_rule": MAP, "metric": HEARD}
    mine = (apart[list(gap)] == pd.Series(gap)).all(axis=1)
    best = (found["method"] == "cam") & (found["metric"] == HEARD) & (found["rule"] == MAP)
    found = found.assign(value=found["value"].where(~best, 0.999))
    for value, word in ((0.2, "above"), (-0.2, "below")):
        moved = apart.copy()
        moved.loc[mine, ["value", "ci_low", "ci_high", "n"]] = [value, value - 0.01, value + 0.01, 90]
        assert f"It is {word} exact times" in overview.sound(found, moved)


def test_random_maps_are_the_same_in_every_run(clip: study.Clip) -> None:
    loaded = (clip.explainer.load()[0], {})
    one, other = (study.look(loaded, clip)[0][RANDOM] for _ in range(2))
    assert np.array_equal(one, other)


def test_parameters_name_methods() -> None:
    assert "ig_captum" not in TimeFrequency().chosen
    assert TimeFrequency(tf_methods="cam, ixg", tf_without="").chosen == ("cam", "ixg")
    with pytest.raises(IgsedError, match="'tf_without' names nope, which is no method"):
        TimeFrequency(tf_without="nope")
    with pytest.raises(IgsedError, match="'tf_without' leaves no method"):
        TimeFrequency(tf_methods="cam", tf_without="cam")
