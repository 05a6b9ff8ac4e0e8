"""The commands for anyone's recordings: train, locate, evaluate, explain; bad input; what is kept."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from igsed_core.base.errors import IgsedError
from igsed_core.data import labels
from igsed_core.workflow import cli
from igsed_core.workflow.recordings import locate, train

RATE = 16_000
TONES = {"low": 440.0, "high, shrill": 2000.0}


def clip(rng: np.random.Generator, names: list[str], seconds: float = 3.0) -> tuple[np.ndarray, list[tuple]]:
    time = np.arange(round(seconds * RATE)) / RATE
    sound, events = 0.001 * rng.standard_normal(time.size), []
    for name in names:
        begin = rng.uniform(0.4, seconds - 1.7)
        sound += 0.3 * np.sin(2 * np.pi * TONES[name] * time) * ((time > begin) & (time < begin + 1.2))
        events.append((begin, begin + 1.2, name))
    return sound, events


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weakly labelled clips, a recording, its truth, and a model trained by the command."""
    root = tmp_path_factory.mktemp("work")
    rng = np.random.default_rng(0)
    kinds = {"low": ["low"], "high": ["high, shrill"], "neither": []}
    for i in range(30):
        kind = list(kinds)[i % 3]
        (root / "clips" / kind).mkdir(parents=True, exist_ok=True)
        soundfile.write(root / "clips" / kind / f"{i} a.wav", clip(rng, kinds[kind])[0], RATE)
    parts, truth, at = [], [], 0.0
    for names in ([], ["low"], [], ["high, shrill"], []) * 2:
        sound, events = clip(rng, names, 4.0)
        truth += [("long.wav", at + a, at + b, name.split(",")[0]) for a, b, name in events]
        parts.append(sound)
        at += 4.0
    (root / "recordings").mkdir()
    soundfile.write(root / "recordings" / "long.wav", np.stack([np.concatenate(parts)] * 2, axis=1), RATE)
    table = pd.DataFrame(truth, columns=list(labels.STRONG))
    table.to_csv(root / "truth.tsv", sep="\t", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IGSED_STORE_DIR", str(root / "store"))
        words = ["train", str(root / "clips"), "--encoder", "embedded", "--out", str(root / "model.igsed")]
        assert cli.main(words) == 0
    return root


@pytest.fixture(autouse=True)
def store(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_STORE_DIR", str(work / "store"))


@pytest.fixture(scope="module")
def located(work: Path) -> Path:
    out = work / "found"
    words = ["locate", str(work / "recordings"), "--model", str(work / "model.igsed"), "--out", str(out)]
    extra = ["--classes", "low,high", "--audacity", "--jams", "--scores", "--html", "--min-duration", "0.2"]
    assert cli.main([*words, *extra]) == 0
    return out


def test_located_events_are_those_of_the_truth_and_are_evaluated(
    work: Path, located: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, truth = pd.read_csv(located / "events.tsv", sep="\t"), labels.strong(work / "truth.tsv")
    assert found["event_label"].tolist() == truth["event_label"].tolist()
    assert np.abs(found["onset"] - truth["onset"]).max() < 0.5
    words = ["evaluate", str(located), str(work / "truth.tsv"), "--audio", str(work / "recordings")]
    assert cli.main([*words, "--scores", str(located), "--out", str(work / "figures.csv")]) == 0
    assert "frame_f1" in capsys.readouterr().out
    figures = pd.read_csv(work / "figures.csv").set_index(["metric", "class"])["value"]
    assert figures["iou", "all"] > 0.6
    assert 0.5 < figures["psds_2", "all"] <= 1


def test_every_output_holds_the_events(located: Path) -> None:
    import jams

    events = pd.read_csv(located / "long" / "events.tsv", sep="\t")
    marks = [line.split("\t") for line in (located / "long" / "labels.txt").read_text().splitlines()]
    assert [mark[2] for mark in marks] == events["event_label"].tolist()
    (annotation,) = jams.load(str(located / "long" / "events.jams")).annotations
    assert [one.value for one in annotation.data] == events["event_label"].tolist()
    scores = pd.read_csv(located / "long" / "long.tsv", sep="\t")
    assert scores.columns[:2].tolist() == ["onset", "offset"]
    assert scores["offset"].iloc[-1] == pytest.approx(40.0)
    assert scores["onset"].iloc[1:].to_numpy() == pytest.approx(scores["offset"].iloc[:-1].to_numpy())
    page = (located / "long" / "page.html").read_text()
    assert page.count("<audio") == 1 and page.count("<img") == 1 and "http" not in page.replace("http-equiv", "")


def test_found_events_are_explained(work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["locate", str(work / "recordings"), "--model", str(work / "model.igsed"), "--out", str(tmp_path / "out")]
    assert cli.main([*words, "--classes", "low,high", "--explain", "ig", "--shifts", "1"]) == 0
    table = pd.read_csv(tmp_path / "out" / "long" / "attribution.tsv", sep="\t")
    truth = labels.strong(work / "truth.tsv")
    assert table.columns.tolist() == ["onset", "high", "low"]
    for label in ("low", "high"):
        middle = table["onset"] + 0.05
        here = truth[truth["event_label"] == label]
        inside = np.any([(middle > e.onset) & (middle < e.offset) for e in here.itertuples()], axis=0)
        assert table.loc[inside, label].mean() > 3 * table.loc[~inside, label].mean()
    assert cli.main([*words, "--explain", "magic"]) == 1
    assert "'magic' is no method: choose from ig, " in capsys.readouterr().err


def test_what_is_there_is_not_searched_again(work: Path, located: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (located / "long" / "events.tsv").stat().st_mtime_ns
    options = locate.Options(0.5, 0.2, ("low", "high"), 0, ("audacity", "jams", "scores", "html"))
    again = locate.locate([str(work / "recordings")], work / "model.igsed", located, options=options)
    assert [path.name for path in again.kept] == ["long.wav"]
    assert (located / "long" / "events.tsv").stat().st_mtime_ns == before


def test_a_bad_file_is_named_and_the_rest_goes_on(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "in"
    here.mkdir()
    sound = clip(np.random.default_rng(5), ["low"])[0]
    soundfile.write(here / "a good one.flac", sound, RATE, subtype="PCM_24")
    soundfile.write(here / "six.wav", np.stack([sound] * 6, axis=1), 96_000, subtype="FLOAT")
    soundfile.write(here / "clipped.wav", np.clip(20 * sound, -1, 1), 8_000)
    broken = np.where(np.arange(sound.size) == 99, np.nan, sound)
    soundfile.write(here / "nan.wav", broken, RATE, subtype="FLOAT")
    soundfile.write(here / "none.wav", np.zeros(0), RATE)
    (here / "text.wav").write_text("no audio")
    (here / "empty.wav").write_bytes(b"")
    content = (here / "a good one.flac").read_bytes()
    (here / "cut.flac").write_bytes(content[: len(content) // 2])
    words = ["locate", str(here), str(tmp_path / "gone.wav"), "--model", str(work / "model.igsed")]
    assert cli.main([*words, "--out", str(tmp_path / "out"), "--shifts", "1"]) == 1
    error = capsys.readouterr().err
    for name, reason in {
        "nan.wav": "NaN",
        "none.wav": "no sample",
        "text.wav": "cannot be read",
        "empty.wav": "empty",
        "cut.flac": "cut off",
        "gone.wav": "no such file",
    }.items():
        assert any(name in line and reason in line for line in error.splitlines()), (name, error)
    done = sorted(path.parent.name for path in (tmp_path / "out").glob("*/done.json"))
    assert done == ["a good one", "clipped", "six"]


def test_what_cannot_be_searched_is_refused_before_it_begins(work: Path, tmp_path: Path) -> None:
    good, model, out = str(work / "recordings"), work / "model.igsed", tmp_path / "out"
    (tmp_path / "bare").mkdir()
    for recordings, options, words in (
        ([str(tmp_path / "bare")], {}, "holds no audio file"),
        ([str(tmp_path / "*.wav")], {}, "fits no audio file"),
        ([good], {"threshold": 2.0}, "threshold"),
        ([good], {"classes": ("cat",)}, "'cat' is unknown to the model|'cat' is none"),
        ([good], {"min_duration": -1.0}, "negative"),
    ):
        with pytest.raises(IgsedError, match=words):
            locate.locate(recordings, model, out, options=locate.Options(**options))
    with pytest.raises(IgsedError, match="does not exist"):
        locate.locate([good], tmp_path / "no.igsed", out, options=locate.Options())
    assert not out.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_named(work: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(IgsedError, match=r"locked.*--out"):
        locate.locate([str(work / "recordings")], work / "model.igsed", tmp_path / "locked", options=locate.Options())


def test_a_full_disk_keeps_what_was_finished(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from igsed_core.base import files

    for name in ("a.wav", "b.wav"):
        shutil.copy(work / "recordings" / "long.wav", tmp_path / name)
    write = files.write_text

    def full(path: Path, text: str) -> None:
        if path.parent.name == "b":
            with files.atomic(path):
                raise OSError(errno.ENOSPC, "No space left on device")
        write(path, text)

    monkeypatch.setattr(files, "write_text", full)
    options = locate.Options(shifts=1)
    with pytest.raises(IgsedError, match="no space left"):
        locate.locate([str(tmp_path / "*.wav")], work / "model.igsed", tmp_path / "out", options=options)
    monkeypatch.setattr(files, "write_text", write)
    again = locate.locate([str(tmp_path / "*.wav")], work / "model.igsed", tmp_path / "out", options=options)
    assert [path.name for path in again.kept] == ["a.wav"] and not again.failed


# ---- labels


def write_labels(root: Path, text: str, encoding: str = "utf-8") -> Path:
    path = root / "labels.tsv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_label_files_of_every_hand_are_read(tmp_path: Path, encoding: str) -> None:
    for name in ("a b.wav", "ü_0.000_10.000.wav"):
        soundfile.write(tmp_path / name, np.zeros(10), RATE)
    text = (
        'filename\tevent_labels\r\n"a b.wav"\t"Dog, Speech"\r\nü_0.000_10.000.wav\tDog\r\na b.wav\tSpeech,Dog\r\n\r\n'
    )
    found = labels.weak(write_labels(tmp_path, text, encoding))
    assert [(one.path.name, one.labels, one.source) for one in found] == [
        ("a b.wav", ("Dog", "Speech"), "a b"),
        ("ü_0.000_10.000.wav", ("Dog",), "ü"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.wav\tDog\n", "line 1: no column filename, event_labels"),
        ("filename\tevent_labels\n", "lists no file"),
        ("filename\tevent_labels\nb.wav\tDog\n", r"line 2: .*b\.wav does not exist"),
        ("filename\tevent_labels\na.wav\tDog\na.wav\tCat\n", "line 3: a.wav stands in line 2 with other labels"),
        ("filename\tevent_labels\n\tDog\n", "line 2: no filename"),
    ],
)
def test_wrong_label_files_are_named_by_line(tmp_path: Path, text: str, words: str) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(10), RATE)
    with pytest.raises(IgsedError, match=words):
        labels.weak(write_labels(tmp_path, text))


def test_missing_label_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match=r"no\.tsv cannot be read"):
        labels.weak(tmp_path / "no.tsv")
    with pytest.raises(IgsedError, match="no audio file as <class>"):
        labels.weak(tmp_path)
    with pytest.raises(IgsedError, match="gone of the audio files does not exist"):
        labels.weak(write_labels(tmp_path, "filename\tevent_labels\n"), tmp_path / "gone")


def test_training_names_every_clip_that_cannot_be_used(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(work / "clips", tmp_path / "clips")
    (tmp_path / "clips" / "low" / "bad.wav").write_text("no audio")
    soundfile.write(tmp_path / "clips" / "low" / "none.wav", np.zeros(0), RATE)
    soundfile.write(tmp_path / "clips" / "high" / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "clips" / "low" / "cut.flac", clip(np.random.default_rng(1), [])[0], RATE)
    content = (tmp_path / "clips" / "low" / "cut.flac").read_bytes()
    (tmp_path / "clips" / "low" / "cut.flac").write_bytes(content[: len(content) // 2])
    words = ["train", str(tmp_path / "clips"), "--encoder", "embedded", "--out", str(tmp_path / "m.igsed")]
    assert cli.main(words) == 1
    error = capsys.readouterr().err
    assert "4 of 34 clips cannot be used" in error and "and 1 more" in error
    for name, why in (("nan.wav", "NaN"), ("bad.wav", "cannot be read"), ("cut.flac", "cut off")):
        assert any(name in part and why in part for part in error.split("; ")), (name, error)
    assert not (tmp_path / "m.igsed").exists()


def test_training_takes_clips_of_any_kind(work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(work / "clips", tmp_path / "clips")
    sound = clip(np.random.default_rng(3), ["low"])[0]
    low = tmp_path / "clips" / "low"
    soundfile.write(low / "six.wav", np.stack([sound] * 6, axis=1), 192_000, subtype="FLOAT")
    soundfile.write(low / "narrow, clipped.wav", np.clip(20 * sound, -1, 1), 8_000)
    soundfile.write(low / "deep.flac", sound, 44_100, subtype="PCM_24")
    soundfile.write(tmp_path / "clips" / "neither" / "long.wav", 0.001 * sound.repeat(22), RATE)
    words = ["train", str(tmp_path / "clips"), "--encoder", "embedded", "--out", str(tmp_path / "m.igsed")]
    assert cli.main(words) == 0
    printed = capsys.readouterr()
    assert "1 clips are longer than 60 s" in printed.err and "mean over classes" in printed.out
    assert (tmp_path / "m.igsed").is_file()


def test_what_training_cannot_use_is_refused_before_it_begins(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "file").write_text("")
    out = str(tmp_path / "m.igsed")
    for words, why in (
        ([str(tmp_path / "none.tsv"), "--out", out], "none.tsv"),
        ([str(tmp_path / "bare"), "--out", out], "no audio file as <class>"),
        ([str(work / "clips"), "--encoder", "vggish", "--out", out], "vggish"),
        ([str(work / "clips"), "--encoder", "embedded", "--weights", str(tmp_path / "w.pt"), "--out", out], "w.pt"),
        ([str(work / "clips"), "--encoder", "embedded", "--out", str(tmp_path / "file" / "m.igsed")], "--out"),
    ):
        assert cli.main(["train", *words]) == 1
        assert why in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_tables_of_events_of_every_hand_are_read(tmp_path: Path, encoding: str) -> None:
    text = (
        'filename\tonset\toffset\tevent_label\r\n"a b.wav"\t0.5\t1.5\t"Dog bark"\r\n\r\na b.wav\t0.5\t1.5\tDog bark\r\n'
    )
    (tmp_path / "truth.tsv").write_bytes(text.encode(encoding))
    found = labels.strong(tmp_path / "truth.tsv")
    assert found.to_numpy().tolist() == [["a b.wav", 0.5, 1.5, "Dog bark"]]


# ---- explain

NETWORK = """
import torch
class Net(torch.nn.Module):
    sample_rate, classes = 16_000, ("power", "nothing")
    def forward(self, x):
        return torch.stack([x.square().mean(dim=1), 0 * x.sum(dim=1) - 1], dim=1)
def make():
    return Net()
"""


def test_a_module_of_the_users_own_is_explained(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my_net.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sound = 0.5 * np.random.default_rng(0).standard_normal(3 * RATE).clip(-1.9, 1.9)
    sound[: 2 * RATE] *= 0.01
    soundfile.write("a.wav", sound, RATE)
    assert cli.main(["explain", "a.wav", "--model", "my_net:make", "--rule", "otsu", "--out", "out"]) == 0
    (event,) = pd.read_csv("out/events.tsv", sep="\t").itertuples()
    assert (event.onset, event.offset, event.event_label) == (2.0, 3.0, "power")
    assert cli.main(["explain", "a.wav", "--model", "my_net:make", "--method", "cam", "--out", "out"]) == 1
    assert "needs the feature frames" in capsys.readouterr().err
    for model, words in (("my_net:none", "cannot be loaded"), ("nowhere:make", "cannot be loaded"), ("x", "MODULE:")):
        assert cli.main(["explain", "a.wav", "--model", model, "--out", "out"]) == 1
        assert words in capsys.readouterr().err


def test_a_module_is_judged_on_soundscapes_beside_what_was_compared_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "benchmark_net.py").write_text(NETWORK.replace("0 * x.sum(dim=1) - 1", "0 * x.sum(dim=1) + 1"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    rng, rows = np.random.default_rng(0), []
    run, folder = tmp_path / "run", tmp_path / "run" / "stages" / "data_synthesis"
    for split in ("validation", "test"):
        (folder / split).mkdir(parents=True)
        for i in range(4):
            sound = 0.01 * rng.standard_normal(4 * RATE)
            sound[(1 + i % 2) * RATE : 3 * RATE] *= 20
            soundfile.write(folder / split / f"{split}_{i}.flac", sound, RATE)
            rows.append((f"{split}_{i}", split, "power", 1.0 + i % 2, 3.0))
    table = pd.DataFrame(rows, columns=["clip", "split", "label", "onset", "offset"])
    table[["clip", "split"]].assign(sample_rate=RATE, duration=4.0).to_csv(folder / "clips.csv", index=False)
    table[["clip", "label", "onset", "offset"]].assign(source_file="a").to_csv(folder / "events.csv", index=False)
    table[["clip"]].head(0).to_csv(folder / "removed.csv", index=False)
    (run / "results").mkdir()
    before = pd.DataFrame([("embedded", 1, "test", "ig", "otsu", "iou", 0.4)])
    before.columns = ["experiment", "seed", "split", "method", "rule", "metric", "value"]
    before.to_csv(run / "results" / "methods.csv", index=False)
    words = ["benchmark", "benchmark_net:make", "--soundscapes", "run", "--out", "m.csv", "--rules", "otsu,percentile"]
    for methods in ("saliency_waveform", "saliency_waveform,ig"):  # the second time rows are replaced
        assert cli.main([*words, "--methods", methods]) == 0
    assert "IoU on test soundscapes" in capsys.readouterr().out
    made = pd.read_csv("m.csv")
    assert made["experiment"].value_counts()["embedded"] == 1
    mine = made[(made["experiment"] == "benchmark_net:make") & (made["average"] == "instance")]
    keys = ["split", "method", "rule", "metric"]
    assert not mine.duplicated(keys).any()
    found = mine.set_index(keys)["value"]
    assert found["test", "saliency_waveform", "otsu", "iou"] == 1 and found["test", "ig_captum", "otsu", "iou"] > 0.9
    assert set(mine["rule"]) == {"otsu", "percentile", "none"} and set(mine["n"]) == {4}
    for extra, why in (
        (["--methods", "cam"], "needs the feature frames"),
        (["--methods", "magic"], "magic"),
        (["--classes", "a,b"], "one of the soundscapes"),
        (["--soundscapes", str(tmp_path)], "holds no soundscapes"),
    ):
        assert cli.main([*words, *extra]) == 1
        assert why in capsys.readouterr().err


def test_a_trained_model_is_explained_by_every_kind_of_method(work: Path, tmp_path: Path) -> None:
    sound = clip(np.random.default_rng(8), ["low"])[0]
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    words = ["explain", str(tmp_path / "a.wav"), "--model", str(work / "model.igsed"), "--out", str(tmp_path / "o")]
    assert cli.main([*words, "--method", "cam", "--rule", "logit_hmm"]) in (0, 1)
    assert cli.main([*words, "--method", "ixg", "--rule", "otsu", "--targets", "low"]) == 0
    assert set(pd.read_csv(tmp_path / "o" / "events.tsv", sep="\t")["event_label"]) == {"low"}


def test_the_short_names_of_the_package() -> None:
    import igsed_core
    from igsed_core.detection.explain import explain
    from igsed_core.detection.localiser import Localiser

    assert igsed_core.Localiser is Localiser and igsed_core.explain is explain
    with pytest.raises(AttributeError, match="nothing"):
        igsed_core.nothing  # noqa: B018


def test_training_says_no_f1_that_there_cannot_be():
    """Two classes with one clip each gave the mean of F1 an interval from -6 to 7."""
    figures = pd.DataFrame(
        [("all", "f1", 0.33, -6.02, 6.69)]
        + [(label, metric, 0.5, 0.1, 0.9) for label in "AB" for metric in ("precision", "recall", "f1")],
        columns=["class", "metric", "value", "ci_low", "ci_high"],
    )
    counts = pd.DataFrame({"class": ["A", "B"], "training": 4, "held_out": 1, "note": ""})
    said = train.summary(SimpleNamespace(figures=figures, counts=counts))
    assert "mean over classes: 0.33 [0.00, 1.00]" in said
