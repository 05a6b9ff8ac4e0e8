"""What users of train, locate, evaluate and explain bring: named in a sentence, or read as a person reads it."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from igsed_core.base.errors import IgsedError
from igsed_core.detection import localiser_model
from igsed_core.detection.localiser import Localiser
from igsed_core.workflow import cli
from igsed_core.workflow.recordings import locate
from tiny_bank import RATE, noise, put, tone

KINDS = {"low": 440.0, "high": 2000.0, "neither": 0.0}
HEADER = "filename\tonset\toffset\tevent_label\n"
EVENT = "a.wav\t1\t2\tBell\n"
MODULE = """
import torch
from torch import nn
class N(nn.Module):
    sample_rate = 16000
    classes = ("x", "y")
    def __init__(self, by=1.0):
        super().__init__()
        self.conv, self.by = nn.Conv1d(1, 2, 400, stride=160), by
    def forward(self, w):
        return self.by * self.conv(w[:, None]).mean(2)
def ok(): return N()
def nan(): return N(float("nan"))
def fails(): raise RuntimeError("no weights there")
def infinite():
    made = N()
    made.sample_rate = float("inf")
    return made
def part():
    made = N()
    made.sample_rate = 16000.5
    return made
def inside(): return torch.no_such_thing
def rate():
    made = N()
    made.sample_rate = "16k"
    return made
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve labelled clips, a recording, and a model that `igsed train` made."""
    root = tmp_path_factory.mktemp("work")
    for i in range(12):
        kind = list(KINDS)[i % 3]
        sound = 0.01 * noise(2.0, seed=i)
        sound[8000 : 8000 + RATE] += tone(KINDS[kind], 1.0)
        put(root / "clips" / kind / f"{i}.wav", sound)
    put(root / "recordings" / "a.wav", np.concatenate([0.01 * noise(2.0), tone(440.0, 2.0), 0.01 * noise(2.0)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IGSED_STORE_DIR", str(root / "store"))
        assert cli.main([*train(root / "clips"), "--out", str(root / "model.igsed")]) == 0
    return root


@pytest.fixture(autouse=True)
def store(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_STORE_DIR", str(work / "store"))


def train(clips: Path, *words: str) -> list[str]:
    return ["train", str(clips), "--encoder", "embedded", *words]


@pytest.fixture
def clips(work: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(work / "clips", tmp_path / "clips"))


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Call a command that is to fail; what it says, a single sentence."""

    def call(*words: object) -> str:
        capsys.readouterr()
        assert cli.main([str(word) for word in words]) == 1
        return capsys.readouterr().err

    return call


# --- train -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--seed", "-1"], "'seed' is -1"),
        (["--seed", str(2**70)], "'seed' is 1180591620717411303424"),
        (["--shifts", "0"], "'shifts'"),
        (["--shifts", "999"], "'shifts'"),
    ],
)
def test_options_of_training_are_checked_before_it(
    words: list[str], told: str, work: Path, tmp_path: Path, said: Callable[..., str]
) -> None:
    assert told in said(*train(work / "clips", *words), "--out", tmp_path / "m.igsed")
    assert not (tmp_path / "m.igsed").exists()


def test_a_folder_in_the_place_of_the_model_is_told_first(work: Path, tmp_path: Path, said: Callable[..., str]) -> None:
    assert "is a folder" in said(*train(work / "clips"), "--out", tmp_path)
    assert "/nowhere/labels.tsv cannot be read" in said(*train(Path("/nowhere/labels.tsv")), "--out", tmp_path / "m")


def test_useless_clips_are_named(clips: Path, tmp_path: Path, said: Callable[..., str]) -> None:
    put(clips / "high" / "opposite.wav", np.stack([tone(900, 1.0), -tone(900, 1.0)], axis=1))
    put(clips / "high" / "dc.wav", np.full(RATE, 0.3))
    whole = (clips / "low" / "0.wav").read_bytes()
    (clips / "low" / "0.wav").write_bytes(whole[: len(whole) // 2])
    told = said(*train(clips), "--out", tmp_path / "m")
    assert "3 of 14 clips" in told
    for words in ("opposite.wav is silent when mixed down", "constant offset (DC)", "0.wav is cut short"):
        assert words in told


def test_what_is_not_used_is_told(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clips / "high" / "x.m4a").write_bytes(b"x")
    (clips / "high" / "dead.wav").symlink_to("/nowhere")
    (clips / "README.md").write_text("a document")
    shutil.copy(clips / "low" / "0.wav", clips / "loose.wav")
    assert cli.main([*train(clips), "--out", str(tmp_path / "m")]) == 0
    told = capsys.readouterr().err
    assert "3 files are not used" in told
    assert all(words in told for words in ("x.m4a (not read", "dead.wav (a link", "loose.wav (lies in no class"))


def test_labels_that_may_be_a_mistake_are_told(clips: Path, tmp_path: Path, said: Callable[..., str]) -> None:
    """A class for each way to write it, and one for two that another program had written together."""
    table = tmp_path / "labels.tsv"
    table.write_text("filename\tevent_labels\nlow/0.wav\tHigh,low;x\nhigh/1.wav\thigh\n")
    told = said("train", table, "--audio", clips, "--encoder", "nothing", "--out", tmp_path / "m")
    assert "igsed: classes 'High' and 'high' differ in capitals alone: give them one spelling" in told
    assert "igsed: class 'low;x' holds ';', which other programs put between labels: write commas" in told


# --- locate ------------------------------------------------------------------------------------------------


def located(work: Path, out: Path, *recordings: object, outputs: tuple[str, ...] = ()) -> locate.Located:
    words = [str(one) for one in recordings]
    return locate.locate(words, work / "model.igsed", out, options=locate.Options(0.0, outputs=outputs))


def test_one_recording_is_searched_once_however_it_is_spelled(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = work / "recordings" / "a.wav"
    (tmp_path / "link.wav").symlink_to(sound)
    monkeypatch.setenv("HOME", str(sound.parent))
    found = located(work, tmp_path / "o", sound, sound.parent / ".." / "recordings", tmp_path / "link.wav", "~/*.wav")
    assert set(found.events["filename"]) <= {"a.wav"}
    assert [path.name for path in (tmp_path / "o").iterdir() if path.is_dir()] == ["a"]


def test_recordings_of_one_name_stay_apart(work: Path, tmp_path: Path) -> None:
    for day in ("monday", "tuesday"):
        (tmp_path / day).mkdir()
        shutil.copy(work / "recordings" / "a.wav", tmp_path / day)
    events = located(work, tmp_path / "o", tmp_path / "monday", tmp_path / "tuesday").events
    assert set(events["filename"]) == {"monday/a.wav", "tuesday/a.wav"}


def test_a_recording_called_as_a_table_of_ours(work: Path, tmp_path: Path) -> None:
    shutil.copy(work / "recordings" / "a.wav", tmp_path / "events.wav")
    located(work, tmp_path / "o", tmp_path / "events.wav", outputs=("scores",))
    folder = tmp_path / "o" / "events"
    assert (folder / "events.tsv").read_text().startswith("filename\t")
    assert (folder / "events_scores.tsv").read_text().startswith("onset\toffset\t")


def test_results_that_were_removed_are_made_again(work: Path, tmp_path: Path) -> None:
    for name in ("events.tsv", "labels.txt"):
        located(work, tmp_path / "o", work / "recordings", outputs=("audacity",))
        (tmp_path / "o" / "a" / name).unlink()
        again = located(work, tmp_path / "o", work / "recordings", outputs=("audacity",))
        assert again.kept == [] and (tmp_path / "o" / "a" / name).is_file()


def test_what_is_no_recording_of_the_user_is_passed_over_and_the_rest_told(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(work / "recordings" / "a.wav", tmp_path)
    (tmp_path / "._a.wav").write_bytes(b"AppleDouble")
    (tmp_path / "b.mp4").write_bytes(b"x")
    assert located(work, tmp_path / "o", tmp_path / "*.wav").failed == {}
    assert located(work, tmp_path / "o", tmp_path).failed == {}
    assert "b.mp4 (not read as audio" in capsys.readouterr().err
    with pytest.raises(IgsedError, match=r"pattern .* is none"):
        located(work, tmp_path / "o", tmp_path / "**x" / "*.wav")


def test_recordings_in_which_nothing_could_be_found_are_named(work: Path, tmp_path: Path) -> None:
    put(tmp_path / "opposite.wav", np.stack([tone(440, 3.0), -tone(440, 3.0)], axis=1))
    put(tmp_path / "whole.ogg", noise(3.0), format="OGG", subtype="VORBIS")
    for name, source in (("short.wav", work / "recordings" / "a.wav"), ("short.ogg", tmp_path / "whole.ogg")):
        content = source.read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    failed = {path.name: why for path, why in located(work, tmp_path / "o", tmp_path).failed.items()}
    assert set(failed) == {"opposite.wav", "short.wav", "short.ogg"}
    assert "channels cancel" in failed["opposite.wav"] and "cut short" in failed["short.wav"]


def test_a_name_that_is_no_utf8_in_every_output(work: Path, tmp_path: Path) -> None:
    shutil.copy(work / "recordings" / "a.wav", os.path.join(os.fsencode(tmp_path), b"n\xe9.wav"))
    outputs = ("audacity", "jams", "scores", "html")
    assert located(work, tmp_path / "o", tmp_path, outputs=outputs).failed == {}


@pytest.mark.parametrize("value", ["-1", "nan", "inf"])
def test_lengths_that_are_none(value: str, work: Path, tmp_path: Path, said: Callable[..., str]) -> None:
    model, sounds = work / "model.igsed", work / "recordings"
    told = said("locate", sounds, "--model", model, "--out", tmp_path / "o", "--min-duration", value)
    assert "'min_duration'" in told
    (tmp_path / "t.tsv").write_text(HEADER + EVENT)
    assert "'collar'" in said("evaluate", tmp_path / "t.tsv", tmp_path / "t.tsv", "--collar", value)


# --- model files -------------------------------------------------------------------------------------------

Change = Callable[[dict[str, Any], dict[str, np.ndarray]], object]
DAMAGES: dict[str, Change] = {
    "no version": lambda about, _: about.pop("version"),
    "encoder": lambda about, _: about.update(encoder=["embedded"]),
    "checksum of weights": lambda about, _: about.update(encoder_sha256=None),
    "version before the first": lambda about, _: about.update(version=-1),
    "window of years": lambda about, _: about.update(window=1e300),
    "edges": lambda _, arrays: arrays.update({"edges.early": np.zeros(7)}),
    "no late edges": lambda _, arrays: arrays.pop("edges.late"),
    "negative probabilities": lambda _, arrays: arrays.update({"sound.0.initial": -arrays["sound.0.initial"]}),
    "limits": lambda _, arrays: arrays.update({"sound.0.limits": arrays["sound.0.limits"][::-1].copy()}),
    "version in words": lambda about, _: about.update(version="1"),
    "shifts in words": lambda about, _: about.update(shifts="x"),
    "no window": lambda about, _: about.update(window=float("nan")),
    "info": lambda about, _: about.update(info=[1]),
    "weights without a number": lambda _, arrays: arrays.update({k: a * np.nan for k, a in arrays.items()}),
    "calibration": lambda _, arrays: arrays.update(calibration=np.zeros((2, 7))),
    "sound": lambda _, arrays: arrays.update({"sound.0.absent.stds": np.zeros((2, 7))}),
    "transitions": lambda _, arrays: arrays.update({"sound.0.transitions": np.zeros((2, 7))}),
    "no spread": lambda _, arrays: arrays.update({"sound.0.absent.stds": 0 * arrays["sound.0.absent.stds"]}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_named(damage: str, work: Path, tmp_path: Path) -> None:
    with safe_open(str(work / "model.igsed"), framework="np") as stored:
        about = json.loads(stored.metadata()["igsed"])
        arrays = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 (no mapping)
    del about["sha256"]  # or that alone would tell
    DAMAGES[damage](about, arrays)
    save_file(arrays, str(tmp_path / "mine.igsed"), metadata={"igsed": json.dumps(about)})
    with pytest.raises(IgsedError, match=r"mine\.igsed is damaged"):
        localiser_model.load(tmp_path / "mine.igsed")


@pytest.mark.parametrize("changed", ["weights", "shifts"])
def test_a_model_that_is_not_as_it_was_written_is_named(changed: str, work: Path, tmp_path: Path) -> None:
    """A number that was lost in the weights changed what was found, without a word."""
    with safe_open(str(work / "model.igsed"), framework="np") as stored:
        about = json.loads(stored.metadata()["igsed"])
        arrays = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 (no mapping)
    if changed == "weights":
        arrays["head.linear.weight"][0, 0] += 1
    else:
        about["shifts"] = 4
    save_file(arrays, str(tmp_path / "mine.igsed"), metadata={"igsed": json.dumps(about)})
    with pytest.raises(IgsedError, match=r"mine\.igsed is damaged: it is not as"):
        localiser_model.load(tmp_path / "mine.igsed")


@pytest.mark.parametrize("about", ["[1]", '"x"', "[" * 100_000, "{", "null"])
def test_a_file_of_something_else_is_no_model(about: str, tmp_path: Path) -> None:
    save_file({"a": np.zeros(1)}, str(tmp_path / "mine.igsed"), metadata={"igsed": about})
    with pytest.raises(IgsedError, match=r"mine\.igsed is"):
        localiser_model.load(tmp_path / "mine.igsed")


def test_labels_that_are_a_text_are_refused() -> None:
    for labels in ("low", ["low", "high"]):
        with pytest.raises(IgsedError, match="a list for each clip"):
            Localiser.fit([np.zeros(10)] * 2, labels, RATE, encoder="embedded")


# --- evaluate ----------------------------------------------------------------------------------------------


def tables(folder: Path, predicted: str, true: str) -> list[Path]:
    for name, rows in (("p.tsv", predicted), ("t.tsv", true)):
        (folder / name).write_text(HEADER + rows, encoding="utf-8")
    return [folder / "p.tsv", folder / "t.tsv"]


@pytest.mark.parametrize(
    ("predicted", "true", "told"),
    [
        (EVENT, "a.wav\t1_0\t2_0\tBell\n", "onset '1_0'"),
        (EVENT, "a.wav\t1\t1e12\tBell\n", "beyond 30 days"),
        (EVENT, "a.wav\t1\tinf\tBell\n", "offset 'inf'"),
        ("a.wav\t1\t2\tall\n", "a.wav\t1\t2\tall\n", "stands for the averages"),
        (EVENT, "a.wav\t1\t2\tmean over classes\n", "stands for the averages"),
    ],
)
def test_tables_that_would_give_wrong_figures(
    predicted: str, true: str, told: str, tmp_path: Path, said: Callable[..., str]
) -> None:
    assert told in said("evaluate", *tables(tmp_path, predicted, true))
    assert "'seed' is -1" in said("evaluate", *tables(tmp_path, EVENT, EVENT), "--seed", "-1")


@pytest.mark.parametrize("spelled", ["./a.wav", ".\\a.wav", "x/../a.wav", "A.WAV", "\u00fc.wav"])
def test_names_in_tables_and_in_the_folder_mean_one_file(
    spelled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / ("u\u0308.wav" if "\u00fc" in spelled else "a.wav"), noise(10.0))
    rows = tables(tmp_path, EVENT.replace("a.wav", spelled), EVENT.replace("a.wav", spelled.replace(".\\", "")))
    assert cli.main(["evaluate", *map(str, rows), "--audio", str(tmp_path)]) == 0
    assert "1.000" in capsys.readouterr().out


def test_times_beyond_the_recording(
    tmp_path: Path, said: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "a.wav", noise(3.0))
    late = tables(tmp_path, EVENT, "a.wav\t1000\t2000\tBell\n")
    assert "begins after the end of 'a.wav'" in said("evaluate", *late, "--audio", tmp_path)
    over = tables(tmp_path, EVENT, "a.wav\t1\t9\tBell\n")
    assert cli.main(["evaluate", *map(str, over), "--audio", str(tmp_path)]) == 0
    assert "1 events of" in capsys.readouterr().err
    assert "does not exist" in said("evaluate", *over, "--audio", tmp_path / "typo")


SCORES = "onset\toffset\tBell\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (SCORES, "no frame that lasts"),
        (SCORES + "1\t1\t0.5\n", "no frame that lasts"),
        (SCORES + "0\t1\tnan\n", "NaN or infinite"),
        (SCORES + "0\t1\tx\n", "no file of scores"),
        (SCORES + "0\t1\t0\n5\t6\t1\n", "do not follow one another"),
        (SCORES + "100\t101\t1\n101\t102\t0\n", "do not follow one another"),
        (SCORES + "0\t1\t0\n1\t5\t1\n", "do not follow one another"),
        ("", "no file of scores"),
    ],
)
def test_bad_scores_are_named(content: str, told: str, tmp_path: Path, said: Callable[..., str]) -> None:
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "a.tsv").write_text(content)
    words = said("evaluate", *tables(tmp_path, EVENT, EVENT), "--scores", tmp_path / "scores")
    assert told in words and "a.tsv" in words


def test_scores_of_another_length_are_named(tmp_path: Path, said: Callable[..., str]) -> None:
    (tmp_path / "scores").mkdir()
    put(tmp_path / "a.wav", tone(440.0, 2.0))
    scores = tmp_path / "scores" / "a.tsv"
    words = ("evaluate", *tables(tmp_path, EVENT, EVENT), "--scores", tmp_path / "scores")
    for n in (2, 4):
        scores.write_text(SCORES + "".join(f"{t}\t{t + 1}\t0.5\n" for t in range(n)))
        assert n == 2 or f"{scores}: the scores end at 4 s, and 'a.wav' at 2 s" in said(*words, "--audio", tmp_path)
        assert cli.main([*map(str, words)]) == 0  # they say how long the recording is
    assert cli.main([*map(str, words)]) == 0
    scores.write_text(SCORES + "".join(f"{t / 3:.3f}\t{(t + 1) / 3:.3f}\t0.5\n" for t in range(6)))  # rounded
    assert cli.main([*map(str, words), "--audio", str(tmp_path)]) == 0


def test_scores_are_found_or_told(tmp_path: Path, said: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{t}\t{t + 1}\t{float(t == 1)}\n" for t in range(2))
    both = tables(tmp_path, EVENT, EVENT)
    for folder in ("x", "y"):
        (tmp_path / "scores" / folder).mkdir(parents=True)
        (tmp_path / "scores" / folder / "a.tsv").write_text(SCORES + rows)
    assert "holds 2 files 'a.tsv'" in said("evaluate", *both, "--scores", tmp_path / "scores")
    (tmp_path / "scores" / "x" / "a.tsv").write_bytes((SCORES.replace("Bell", " Bell ") + rows).encode("utf-16"))
    assert cli.main(["evaluate", *map(str, both), "--scores", str(tmp_path / "scores" / "x")]) == 0
    assert "no file of scores knows" not in capsys.readouterr().err
    (tmp_path / "scores" / "y" / "a.tsv").write_text(SCORES.replace("Bell", "Dog") + rows)
    assert cli.main(["evaluate", *map(str, both), "--scores", str(tmp_path / "scores" / "y")]) == 0
    assert "no file of scores knows Bell" in capsys.readouterr().err


# --- explain -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("mods:nan", "answers with NaN"),
        ("mods:fails", "RuntimeError: no weights there"),
        ("mods:inside", "calling inside failed"),
        ("mods:rate", "'16k', which is no number"),
        ("mods:infinite", "inf, which is no number"),
        ("mods:part", "16000.5 Hz, expected"),
        ("mods:typo", "mods has no 'typo'"),
        ("wrong:f", "SyntaxError"),
        ("quits:f", "importing quits failed"),
        ("needs:f", "no_such_module_xyz"),
        ("nowhere:f", "check the names"),
        ("typo.igsed", "there is no such file"),
        ("mods:ok --classes a,a", "given twice"),
        ("mods:ok --sample-rate 8000 --classes a --classes b,c", "--classes is given twice: give it once"),
        ("mods:ok --sample-rate 8000 --classes a,b --targets b,b", "class 'b' is given twice among those to explain"),
        ("mods:ok --sample-rate 0", "0 Hz"),
    ],
)
def test_a_model_that_cannot_be_asked_says_why(
    model: str, told: str, work: Path, tmp_path: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, code in {
        "mods": MODULE,
        "wrong": "def f(:\n",
        "quits": "import sys; sys.exit(3)\n",
        "needs": "import no_such_module_xyz\n",
    }.items():
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert told in said("explain", work / "recordings" / "a.wav", "--out", tmp_path / "o", "--model", *model.split(" "))


@pytest.mark.parametrize("name", ["short", "opposite", "empty"])
def test_a_recording_that_cannot_be_explained(
    name: str, tmp_path: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "own", raising=False)
    samples = {"short": tone(900, 0.01), "opposite": np.stack([tone(900, 1), -tone(900, 1)], 1), "empty": np.zeros(0)}
    put(tmp_path / "a.wav", samples[name])
    words = {"short": "give a longer one", "opposite": "channels cancel", "empty": "a.wav is empty"}
    told = said("explain", tmp_path / "a.wav", "--model", "own:ok", "--out", tmp_path / "o")
    assert words[name] in told
    assert "is a file" in said("explain", tmp_path / "a.wav", "--model", "own:ok", "--out", tmp_path / "a.wav")


# --- the terminal ------------------------------------------------------------------------------------------


def test_a_terminal_without_the_letters_of_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    rows = tables(tmp_path, EVENT.replace("Bell", "Türklingel"), EVENT.replace("Bell", "Türklingel"))
    assert cli.main(["evaluate", *map(str, rows)]) == 0
    assert b"T\\xfcrklingel" in stream.buffer.getvalue()  # type: ignore[attr-defined]


def test_pruning_where_nobody_answers(tmp_path: Path) -> None:
    (tmp_path / "training" / "0123456789abcdef").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "igsed_core", "store", "prune"],
        env={**os.environ, "IGSED_STORE_DIR": str(tmp_path), "IGSED_RUNS_DIR": str(tmp_path / "runs")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "add --yes" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "training" / "0123456789abcdef").is_dir()


TRUTH = HEADER + "a.wav\t1\t2\tlow\n"


@pytest.mark.parametrize(
    ("words", "at", "content"),
    [
        (["train", "{}/clips", "--encoder", "embedded", "--out", "{}/labels.tsv"], "labels.tsv", TRUTH),
        (["train", "{}/clips", "--encoder", "embedded", "--out", "{}/a.wav"], "a.wav", "RIFF"),
        (["locate", "{}/recordings", "--model", "{}/model.igsed", "--out", "{}/mine"], "mine/events.tsv", TRUTH),
        (["locate", "{}/recordings", "--model", "{}/model.igsed", "--out", "{}/mine"], "mine/a/events.tsv", TRUTH),
        (["explain", "{}/recordings/a.wav", "--model", "{}/model.igsed", "--out", "{}"], "events.tsv", TRUTH),
        (["explain", "{}/recordings/a.wav", "--model", "{}/model.igsed", "--out", "{}"], "importance.tsv", "x\ty\n"),
        (["evaluate", "{}/t.tsv", "{}/t.tsv", "--out", "{}/t.tsv"], "t.tsv", TRUTH),
        (["evaluate", "{}/t.tsv", "{}/t.tsv", "--out", "{}/figures.csv"], "figures.csv", "year,rain\n1,2\n"),
        (
            ["benchmark", "nowhere:at_all", "--soundscapes", "{}", "--out", "{}/mine.csv"],
            "mine.csv",
            "year,rain\n1,2\n",
        ),
        (["notebooks", "SMOKE", "--out", "{}"], "02_training.ipynb", '{"cells": []}'),
    ],
)
def test_what_somebody_else_made_is_not_written_over(
    words: list[str], at: str, content: str, work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The truth beside the recordings, labels, the project's own notebooks: all were lost without a word."""
    for name in ("clips", "recordings", "model.igsed"):
        (tmp_path / name).symlink_to(work / name)
    (tmp_path / "t.tsv").write_text(TRUTH)
    place = tmp_path / at
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)
    before = sorted(path.name for path in tmp_path.iterdir())
    params = str(Path(__file__).resolve().parents[2] / "params" / "smoke.yaml")
    assert cli.main([word.replace("{}", str(tmp_path)).replace("SMOKE", params) for word in words]) == 1
    told = capsys.readouterr().err
    assert f"{place} is there already and is no" in told and "and would be lost: choose another" in told
    assert place.read_text() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_what_a_command_made_it_may_write_again(work: Path, tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text(TRUTH)
    found = str(tmp_path / "found")
    located = ["locate", str(work / "recordings"), "--model", str(work / "model.igsed"), "--out", found]
    params = str(Path(__file__).resolve().parents[2] / "params" / "smoke.yaml")
    for command in (
        [*train(work / "clips"), "--out", str(tmp_path / "model.igsed")],
        located,
        ["evaluate", str(tmp_path / "t.tsv"), str(tmp_path / "t.tsv"), "--out", str(tmp_path / "figures.csv")],
        ["notebooks", params, "chapters=none", "--out", str(tmp_path / "notebooks")],
    ):
        assert cli.main(command) == 0
        assert cli.main(command) == 0
    (Path(found) / "events.tsv").write_text("damaged")  # ours, by what lies beside it: made again
    assert cli.main(located) == 0


@pytest.mark.parametrize("command", ["evaluate", "benchmark"])
def test_where_the_figures_go_is_looked_at_first(command: str, tmp_path: Path, said: Callable[..., str]) -> None:
    """Hours of explaining were lost for a folder in the place of the table."""
    (tmp_path / "t.tsv").write_text(TRUTH)
    rest = ["t.tsv", str(tmp_path / "t.tsv")] if command == "evaluate" else ["no:module", "--soundscapes", "x"]
    assert "is a folder: give the name of a file in it" in said(command, *rest, "--out", str(tmp_path))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--clips", "-1"], "--clips is -1: give how many"),
        (["--seed", "-1"], "'seed' is -1"),
        (["--methods", " , "], "--methods names nothing: give names by commas, or 'all'"),
    ],
)
def test_options_of_a_benchmark_are_checked_first(
    words: list[str], told: str, tmp_path: Path, said: Callable[..., str]
) -> None:
    """All but the last clip were taken; a seed failed after all was explained; no method was a traceback."""
    assert told in said("benchmark", "no:module", "--soundscapes", tmp_path, "--out", tmp_path / "m.csv", *words)


@pytest.mark.parametrize("command", ["explain", "benchmark"])
def test_a_module_that_fails_when_it_is_asked(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Callable[..., str]
) -> None:
    (tmp_path / f"lazy_{command}.py").write_text(
        MODULE + "class L(N):\n    @property\n    def sample_rate(self): raise RuntimeError('no config')\n"
    )
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.wav", noise(1.0))
    model = f"lazy_{command}:L"
    words = ["a.wav", "--model", model, "--out", "o"]
    if command == "benchmark":
        words = [model, "--soundscapes", ".", "--out", "m.csv"]
    told = said(command, *words)
    assert f"--model {model}: asking for its sample_rate and classes failed (RuntimeError: no config" in told


def test_a_file_for_a_folder_and_a_folder_for_a_file_are_called_so(tmp_path: Path, said: Callable[..., str]) -> None:
    (tmp_path / "t.tsv").write_text(TRUTH)
    put(tmp_path / "a.wav", noise(1.0))
    table = tmp_path / "t.tsv"
    assert "of the recordings is a file: give it by" in said("evaluate", table, table, "--audio", tmp_path / "a.wav")
    assert "of the scores is a file" in said("evaluate", table, table, "--scores", tmp_path / "a.wav")
    located = said("locate", tmp_path / "a.wav", "--model", tmp_path, "--out", tmp_path / "o")
    assert "is a folder: give the file that `igsed train --out` wrote" in located


def test_a_table_without_events_is_compared_without_a_warning_of_pandas(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    (tmp_path / "t.tsv").write_text(TRUTH)
    (tmp_path / "none.tsv").write_text(HEADER)
    assert cli.main(["evaluate", str(tmp_path / "none.tsv"), str(tmp_path / "t.tsv")]) == 0
    assert not [one for one in recwarn if issubclass(one.category, FutureWarning)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["locate", "", "--model", "m", "--out", "o"], "a path is empty"),
        (["locate", "a.wav", "--model", "m", "--out", ""], "a path is empty"),
        (["run", "https://example.org/p.yaml"], "is an address, no path"),
        (["run", "$NO_SUCH_VARIABLE/p.yaml"], "names the environment variable NO_SUCH_VARIABLE"),
        (["train", "s3://bucket/labels.tsv", "--out", "m"], "is an address, no path"),
    ],
)
def test_what_can_be_no_path_is_said_by_every_command(words: list[str], told: str, said: Callable[..., str]) -> None:
    """While options were read it was a traceback; what is empty was the working folder."""
    assert told in said(*words)


def test_a_sweep_file_is_told_from_parameters(tmp_path: Path, said: Callable[..., str]) -> None:
    (tmp_path / "s.yaml").write_text("sweep: s\nbase: p.yaml\n")
    assert "s.yaml is a sweep file: run it by `igsed sweep " in said("run", tmp_path / "s.yaml")


def test_a_pipe_or_a_device_is_not_waited_for(work: Path, tmp_path: Path, said: Callable[..., str]) -> None:
    """Nobody writes to these pipes, and /dev/zero has no end: every one of these commands went on for ever."""
    pipe, table = tmp_path / "pipe.wav", tmp_path / "t.tsv"
    os.mkfifo(pipe)
    table.write_text(TRUTH)
    model = ["--model", work / "model.igsed", "--out", tmp_path / "o"]
    assert "a pipe or a device" in said("locate", pipe, *model)
    assert "a pipe or a device" in said("explain", pipe, *model)
    assert "pipe.wav is a pipe" in said(*train(pipe), "--out", tmp_path / "m")
    assert "--out" in (told := said(*train(work / "clips"), "--out", pipe)) and "is a pipe" in told
    assert "/dev/zero is a device" in said("evaluate", "/dev/zero", table)
    assert "/dev/zero is a pipe or a device" in said("evaluate", table, table, "--out", "/dev/zero")


def test_samples_that_are_no_sound_are_named(work: Path, tmp_path: Path, said: Callable[..., str]) -> None:
    put(tmp_path / "loud.wav", 1e30 * noise(1.0), subtype="FLOAT")
    for command in ("locate", "explain"):
        told = said(command, tmp_path / "loud.wav", "--model", work / "model.igsed", "--out", tmp_path / "o")
        assert "loud.wav is no sound: its samples go beyond 2^31" in told
