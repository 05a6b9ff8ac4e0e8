"""Other conditions: what is varied and what is held, the folder of recordings and its errors, the tidy table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose

from igsed_core.attribution.explainer import Explainer
from igsed_core.base import files
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.conditions import figures, plans, report, study, tables
from igsed_core.data import audio, recordings
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.data.soundbank.base import SoundBank
from igsed_core.data.soundscape_plan import SoundscapeSpec, draw
from igsed_core.detection import evaluation, instance_groups, tuning
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.metrics import localisation, summaries
from igsed_core.models import heads
from igsed_core.models.encoders import registry as encoders
from tiny_bank import CLASSES, noise, put, tone, write_bank

RATE = 32_000
LABELS = tuple(sorted(CLASSES))
SPEC = SoundscapeSpec(duration=2.0, sample_rate=RATE, events_max=2)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> SoundBank:
    folder = tmp_path_factory.mktemp("bank")
    root = write_bank(folder / "source")
    put(root / "background" / "room" / "drum.wav", noise(3.0, seed=9) * np.repeat([0.01, 1.0] * 3, 8000))
    return soundbank.prepare(str(root), seed=0, sample_rate=RATE, cache_dir=folder / "cache", workers=1)


@pytest.fixture(scope="module")
def planned(bank: SoundBank) -> list[plans.Condition]:
    return plans.all_conditions(bank, SPEC, snrs=[-5.0, 20.0], n_clips=3, seed=1)


def of(planned: list[plans.Condition], family: str) -> dict[str, plans.Condition]:
    return {one.level: one for one in planned if one.family == family}


# --- plans


def test_every_soundscape_has_a_name_of_its_own(planned: list[plans.Condition]) -> None:
    names = [plan.clip for one in planned for plan in one.plans]
    assert len(set(names)) == len(names)
    assert all(len(one.plans) == 3 for one in planned)


def test_levels_of_snr_differ_in_the_snr_alone(planned: list[plans.Condition]) -> None:
    found = of(planned, plans.SNR)
    assert list(found) == ["-5", "20"]
    for soft, loud in zip(found["-5"].plans, found["20"].plans, strict=True):
        assert {event.snr for event in soft.events} == {-5.0}
        same = tuple(replace(event, snr=-5.0) for event in loud.events)
        assert replace(loud, clip=soft.clip, events=same) == soft
        assert soft.polyphony <= SPEC.max_polyphony


def test_number_and_overlap_of_events(planned: list[plans.Condition]) -> None:
    for level, one in of(planned, plans.EVENTS).items():
        assert {len(plan.events) for plan in one.plans} == {int(level)}
    overlaps = of(planned, plans.OVERLAP)
    assert list(overlaps) == ["1", "2", "3"]
    for level, one in overlaps.items():
        assert {(len(plan.events), plan.polyphony) for plan in one.plans} == {(3, int(level))}


def test_backgrounds_change_and_events_stay(planned: list[plans.Condition], bank: SoundBank) -> None:
    found = of(planned, plans.BACKGROUND)
    assert set(found) == {plans.QUIET, plans.STEADY, plans.VARYING}
    types = plans.background_types(bank)
    for kind in (plans.STEADY, plans.VARYING):
        for plan, other in zip(found[kind].plans, found[plans.QUIET].plans, strict=True):
            assert plan.background in set(types[kind]["path"])
            assert [replace(event, snr=0.0) for event in plan.events] == [replace(e, snr=0.0) for e in other.events]
            # Events keep their level: as much more above a background that is as much softer.
            raised = [e.snr + found[plans.QUIET].spec.ref_db for e in other.events]
            assert_allclose(raised, [e.snr + SPEC.ref_db for e in plan.events])
            length = bank.files.set_index("path").loc[plan.background, "duration"]
            assert 0 <= plan.background_time <= max(length - SPEC.duration, 0)


def test_backgrounds_are_sorted_by_how_their_level_varies(bank: SoundBank) -> None:
    types = plans.background_types(bank)
    assert {Path(path).stem for path in types[plans.VARYING]["path"]} >= {"drum"}
    assert sum(map(len, types.values())) == 3


def test_backgrounds_with_several_labels_are_sorted_by_label(bank: SoundBank) -> None:
    files = bank.files.copy()
    where = files["path"].str.contains("drum")
    files.loc[where, "label"] = "street"
    types = plans.background_types(SoundBank(bank.root, files, bank.skipped))
    assert {name: len(rows) for name, rows in types.items()} == {"room": 2, "street": 1}


@pytest.mark.parametrize(
    ("labels", "levels"),
    [
        (("quiet", "street"), {"quiet", "quiet (background)", "street"}),
        (("quiet", "quiet (background)"), {"quiet", "quiet (background)", "quiet (background) (background)"}),
        (("steady", "run"), {"quiet", "steady (background)", "run"}),
        (("1", "01"), {"quiet", "1", "01"}),
    ],
)
def test_folders_of_backgrounds_may_be_called_what_levels_are(
    bank: SoundBank, labels: tuple[str, str], levels: set[str]
) -> None:
    """Each is a condition of its own, with soundscapes of its own."""
    files = bank.files.copy()
    background = files["role"] == "background"
    files.loc[background, "label"] = labels[0]
    files.loc[files["path"].str.contains("drum"), "label"] = labels[1]
    renamed = SoundBank(bank.root, files, bank.skipped)
    found = of(plans.all_conditions(renamed, SPEC, snrs=[20.0], n_clips=2, seed=1), plans.BACKGROUND)
    assert set(found) == levels
    clips = [plan.clip for one in found.values() for plan in one.plans]
    assert len(set(clips)) == len(clips) == 3 * 2


def test_clips_are_none_of_the_main_jobs(planned: list[plans.Condition], bank: SoundBank) -> None:
    main = draw(bank, SPEC, pool="eval", n=50, seed=1)
    onsets = {event.onset for plan in main for event in plan.events}
    assert not onsets & {event.onset for one in planned for plan in one.plans for event in plan.events}


def test_ratios() -> None:
    assert plans.ratios(-5.0, 25.0, 5.0) == [-5, 0, 5, 10, 15, 20, 25]
    assert plans.ratios(0.0, 1.0, 0.3) == pytest.approx([0, 0.3, 0.6, 0.9])


# --- recordings


def write_recordings(root: Path, *rows: str, header: str = "filename\tonset\toffset\tevent_label") -> Path:
    """Two files of 1.5 s and 5 s at other rates, one of them stereo, and the table."""
    put(root / "short.wav", tone(1000, 1.5, 16_000), 16_000)
    stereo = np.stack([tone(400, 5.0, 44_100)] * 2, axis=1)
    put(root / "long.flac", stereo, 44_100)
    (root / "events.tsv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return root


GOOD = ("short.wav\t0.25\t1.0\tBell", "long.flac\t1.5\t2.5\tHum", "long.flac\t4.0\t5.03\tBell")


def test_a_good_folder(tmp_path: Path) -> None:
    read = recordings.read(str(write_recordings(tmp_path / "mine", *GOOD)), LABELS)
    assert read.files == ("short.wav", "long.flac")
    assert read.events.to_numpy().tolist() == [
        ["short.wav", "Bell", 0.25, 1.0],
        ["long.flac", "Hum", 1.5, 2.5],
        ["long.flac", "Bell", 4.0, 5.0],  # annotators round: the event ends with the file
    ]


def test_other_columns_their_order_a_byte_order_mark_and_files_without_events(tmp_path: Path) -> None:
    header = "\ufeffevent_label\tfilename\tnote\toffset\tonset"
    rows = ("Bell\tshort.wav\tloud\t1.0\t0.25", "", "\tlong.flac\t\t\t")
    read = recordings.read(str(write_recordings(tmp_path, *rows, header=header)), LABELS)
    assert read.files == ("short.wav", "long.flac")
    assert len(read.events) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["nowhere.wav\t0\t1\tBell"], r"line 2: .*nowhere\.wav is no wav, flac or ogg file: add it, or remove"),
        (["events.tsv\t0\t1\tBell"], r"line 2: .*events\.tsv is no wav, flac or ogg file"),
        (["../x.wav\t0\t1\tBell"], r"line 2: filename '\.\./x\.wav' is no file in .*: give its path within"),
        (["\t0\t1\tBell"], r"line 2: filename '' is no file in"),
        ([GOOD[0], "short.wav\tearly\t1\tBell"], r"line 3: onset is 'early', but must be a time in seconds"),
        (["short.wav\t0\t\tBell"], r"line 2: offset is '', but must be a time in seconds"),
        (["short.wav\t0\tnan\tBell"], r"line 2: offset is 'nan', but must be a time"),
        (["short.wav\t1.0\t0.5\tBell"], r"line 2: onset is 1 s and offset 0\.5 s; expected 0 <= onset < offset"),
        (["short.wav\t-1\t0.5\tBell"], r"line 2: onset is -1 s"),
        (["short.wav\t1.0\t2.5\tBell"], r"line 2: the event ends at 2\.5 s, but short\.wav at 1\.50 s: correct"),
        (["short.wav\t0\t1\tGong"], r"line 2: event_label is 'Gong', which .* rename it to one of Bell, Hum, Whistle"),
        ([], r"events\.tsv lists no file: write a line for each event"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(IgsedError, match=message):
        recordings.read(str(write_recordings(tmp_path, *rows)), LABELS)


def test_errors_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match=r"parameter 'recordings' is '.*nothing': no such folder; give a"):
        recordings.read(str(tmp_path / "nothing"), LABELS)
    with pytest.raises(IgsedError, match=r"found 0 \.tsv files \(none\), expected a folder of wav, flac or ogg files"):
        recordings.read(str(tmp_path), LABELS)
    root = write_recordings(tmp_path, *GOOD, header="filename\tonset\tlabel")
    with pytest.raises(IgsedError, match=r"events\.tsv, line 1: no column offset, event_label; expected"):
        recordings.read(str(root), LABELS)
    (root / "more.tsv").write_text("")
    with pytest.raises(IgsedError, match=r"found 2 \.tsv files \(events\.tsv, more\.tsv\)"):
        recordings.read(str(root), LABELS)


def test_a_file_that_is_no_audio_is_named(tmp_path: Path) -> None:
    root = write_recordings(tmp_path, "bad.wav\t0\t1\tBell")
    (root / "bad.wav").write_text("no audio")
    with pytest.raises(IgsedError, match=r"bad\.wav cannot be read as audio"):
        recordings.read(str(root), LABELS)


def test_recordings_are_cut_into_clips(tmp_path: Path) -> None:
    read = recordings.read(str(write_recordings(tmp_path / "mine", *GOOD)), LABELS)
    clips, events = recordings.cut(read, tmp_path / "out", duration=2.0, sample_rate=RATE)
    assert clips[["filename", "start"]].to_numpy().tolist() == [
        *(["short.wav", 0.0], ["long.flac", 0.0], ["long.flac", 2.0], ["long.flac", 4.0])
    ]
    by_clip = events.groupby("clip")[["label", "onset", "offset"]].apply(lambda group: group.to_numpy().tolist())
    assert by_clip.tolist() == [
        [["Bell", 0.25, 1.0]],
        [["Hum", 1.5, 2.0]],  # the event goes on in the next clip
        [["Hum", 0.0, 0.5]],
        [["Bell", 0.0, 1.0]],
    ]
    for clip in clips["clip"]:
        samples, rate = audio.read(tmp_path / "out" / "test" / f"{clip}.flac")
        assert samples.shape == (2 * RATE, 1)
        assert rate == RATE
    padded = audio.read(tmp_path / "out" / "test" / f"{clips['clip'][0]}.flac")[0][:, 0]
    assert np.abs(padded[: RATE + 1000]).max() > 0.4
    assert not padded[round(1.6 * RATE) :].any()


def test_the_fingerprint_follows_the_files(tmp_path: Path) -> None:
    root = write_recordings(tmp_path, *GOOD)
    before = recordings.fingerprint(str(root))
    assert recordings.fingerprint(str(root)) == before
    with (root / "events.tsv").open("a") as stream:
        stream.write(GOOD[0] + "\n")
    assert recordings.fingerprint(str(root)) != before


# --- the study


@pytest.fixture(scope="module")
def studied(bank: SoundBank, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two conditions of two clips and a folder of recordings, heard by untrained heads that detect everything."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("study")
    planned = plans.all_conditions(bank, SPEC, snrs=[0.0, 20.0], n_clips=2, seed=1)[:2]
    rows = write_recordings(folder / "mine", *GOOD)
    how = {"folder": str(rows), "classes": LABELS, "workers": 1}
    clips = study.make_clips(bank, planned, folder / "clips", **how)
    encoder = encoders.load("embedded")
    made = {name: heads.create(name, encoder.n_features, LABELS, seed=1).eval() for name in heads.HEADS}
    heads.save(made["clip_level"], "clip_level", folder / "head.safetensors")
    predictions, extracted = study.predict(
        clips, encoder, made, folder / "features", threshold=0.0, device=torch.device("cpu")
    )
    explainer = Explainer("embedded", "", folder / "head.safetensors", clips.root, "mel_path", ())
    found = study.explain(explainer, predictions, folder / "maps", target="logit", batch=8, workers=1)
    scores = study.score(clips, extracted, made, duration=2.0, sample_rate=RATE, energy="amplitude", seed=0)
    grid = {"duration": 2.0, "frame_length": 0.1, "min_coverage": 0.0, "sign": "absolute", "seed": 0}
    mine = evaluation.instances(predictions, clips.events, found, scores, split="test", **grid)
    mine = study.localised({}, explainer, clips.root, mine, folder / "shifted", shifts=8, frame_length=0.1, workers=1)
    # The main job's splits are the same clips here: validation needs instances to tune a percentile on.
    data = {"validation": mine, "test": mine, "conditions": mine}
    table = report.summarise(
        *(clips, predictions, predictions, data),
        **{"frame_length": 0.1, "threshold": 0.0, "replicates": 20, "seed": 0},
    )
    return {"clips": clips, "predictions": predictions, "data": data, "table": table, "bank": bank, "planned": planned}


def test_clips_of_all_conditions(studied: dict[str, Any]) -> None:
    clips = studied["clips"]
    counts = clips.clips.groupby(["condition", "level"], sort=False).size().to_dict()
    assert counts == {("snr", "0"): 2, ("snr", "20"): 2, ("recordings", "recordings"): 4}
    assert (clips.clips["split"] == "test").all()
    assert set(clips.events["clip"]) == set(clips.clips["clip"])


def test_clips_that_are_there_are_not_mixed_again(studied: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from igsed_core.data import soundscapes

    monkeypatch.setattr(soundscapes, "_make", None)
    again = study.make_clips(
        *(studied["bank"], studied["planned"], studied["clips"].root),
        **{"folder": "", "classes": LABELS, "workers": 1},
    )
    assert len(again.clips) == 4


def test_the_table_is_tidy_and_complete(studied: dict[str, Any]) -> None:
    table = studied["table"]
    assert list(table.columns) == report.COLUMNS
    key = ["condition", "level", "method", "rule", "metric", "average"]
    assert not table.duplicated(key).any()
    conditions = set(zip(table["condition"], table["level"], strict=True))
    assert {("run", "test"), ("snr", "0"), ("snr", "20"), ("recordings", "recordings")} <= conditions
    mine = table[(table["condition"] == "snr") & (table["level"] == "20")]
    assert set(mine["method"]) == {*("ig", "cam", "fw_ws", "fw_ss", "random", "energy"), *("localiser", "clip_level")}
    assert {"iou", "pointing_game", "auroc"} <= set(mine.loc[mine["method"] == "ig", "metric"])
    assert set(mine.loc[mine["method"] == "clip_level", "metric"]) == {
        *("classifier_precision", "classifier_recall", "classifier_f1")
    }


def test_a_condition_is_summarised_from_its_own_clips(studied: dict[str, Any]) -> None:
    index, clips, table = studied["data"]["conditions"].index, studied["clips"].clips, studied["table"]
    for level in ("0", "20"):
        named = clips.loc[(clips["condition"] == "snr") & (clips["level"] == level), "clip"]
        rows = table[(table["condition"] == "snr") & (table["level"] == level) & (table["metric"] == "pointing_game")]
        assert set(rows.loc[rows["average"] == "instance", "n"]) == {int(index["clip"].isin(named).sum())}


def test_all_is_detected_so_recall_is_one(studied: dict[str, Any]) -> None:
    table = studied["table"]
    assert (table.loc[table["metric"] == "classifier_recall", "value"] == 1.0).all()


def test_the_localiser_decides_at_even_odds(studied: dict[str, Any]) -> None:
    """Without a model of its class an instance keeps the logits of the shifted activation map."""
    table, data = studied["table"], studied["data"]["conditions"]
    found = report.evaluate(studied["data"], frame_length=0.1)
    mask = data.scores["localiser"] > 0
    assert_allclose(found.one("conditions", "localiser", "absence_hmm").values, localisation.iou(mask, data.truth))
    rows = table[(table["method"] == "localiser") & (table["metric"] == "iou")]
    assert set(rows["rule"]) == {"absence_hmm"}


def test_rules_are_chosen_on_validation(studied: dict[str, Any]) -> None:
    found = report.evaluate(studied["data"], frame_length=0.1)
    for method in ("ig", "cam", "fw_ws"):
        rules = {one.rule for one in found.series["conditions"] if (one.method, one.metric) == (method, "iou")}
        (free,) = rules - {"percentile"}
        assert thresholds.get(free).parameter_free
        others = tuning.evaluate(
            {"validation": studied["data"]["validation"]},
            [name for name, rule in thresholds.RULES.items() if rule.parameter_free],
            methods=[method],
        )
        best = max(one.values.mean() for one in others.series["validation"] if one.metric == "iou")
        assert found.mean("validation", method, free) == pytest.approx(best)


def test_instances_by_how_long_the_class_sounds() -> None:
    seconds = np.array([3, 5, 6, 20, 40, 41])
    index = pd.DataFrame({"split": "test", "clip": list("abcdef"), "label": "Bell"})
    data = evaluation.Instances(index, np.arange(60) < seconds[:, None], {})
    assert instance_groups.active_time(data, frame_length=0.1, edges=report.EDGES) == [
        *("0-0.5 s", "0.5-1 s", "0.5-1 s", "2-4 s", "4 s and more", "4 s and more")
    ]


# --- what the page shows


def test_figures_draw_every_method(studied: dict[str, Any]) -> None:
    figure = figures.by_condition(studied["table"], "snr")
    drawn = [text.get_text() for text in figure.legends[0].get_texts()]
    assert drawn == ["Integrated Gradients (IG)", "CAM", "FW-WS", "FW-SS", "Random", "Energy", "Localiser"]
    assert [len(ax.lines) for ax in figure.axes] == [1, 7, 7, 7]
    assert [tick.get_text() for tick in figure.axes[-1].get_xticklabels()] == ["0", "20"]
    assert len(figures.by_condition(studied["table"], "recordings").axes) == 4


def test_the_table_shows_the_classifier_beside_the_methods(studied: dict[str, Any], tmp_path: Path) -> None:
    files.write_table(tmp_path / "conditions.csv", studied["table"])
    table = files.read_table(tmp_path / "conditions.csv")
    shown = tables.conditions_table(table, methods=["ig", "fw_ws"], percentile=True)
    row = shown[shown[("", "level")] == "20"].iloc[0]
    assert row["Classifier", "recall"] == "1.00"
    chosen = table[(table["condition"] == "snr") & (table["level"].astype(str) == "20") & (table["method"] == "ig")]
    chosen = chosen[(chosen["metric"] == "iou") & (chosen["rule"] == "percentile")]
    value = chosen.loc[chosen["average"] == summaries.INSTANCE, "value"].item()
    assert row["IoU", "Integrated Gradients (IG)"].startswith(f"{value:.2f} [")


def test_what_is_heard_is_the_first_instance_at_the_lowest_ratio() -> None:
    clips = pd.DataFrame({"clip": ["q", "a", "b", "c"], "condition": ["events", "snr", "snr", "snr"]})
    clips = study.Clips(Path(), clips.assign(split="test", level=["1", "10", "-5", "-5"]), pd.DataFrame())
    for shown, row in ((["q", "a", "c", "b"], 2), (["q", "a"], 1), (["q", "q"], 0)):
        index = pd.DataFrame({"clip": shown, "label": "Dog"})
        assert study.softest(clips, evaluation.Instances(index, np.zeros((len(shown), 1), bool), {})) == row
