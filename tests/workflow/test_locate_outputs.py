"""What `igsed locate` writes: nothing of anybody else's is lost, nothing of its own is mixed up or out of step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from igsed_core.base.errors import IgsedError
from igsed_core.data import labels
from igsed_core.detection.localiser_curves import Curves
from igsed_core.workflow import cli
from igsed_core.workflow.recordings import formats, locate
from tiny_bank import RATE, noise, put, tone

EVERY = ("audacity", "jams", "scores", "html")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording, and a model that `igsed train` made."""
    root = tmp_path_factory.mktemp("work")
    for i in range(12):
        frequency = (440.0, 2000.0, 0.0)[i % 3]
        sound = 0.01 * noise(2.0, seed=i)
        sound[8000 : 8000 + RATE] += tone(frequency, 1.0)
        put(root / "clips" / ("low", "high", "neither")[i % 3] / f"{i}.wav", sound)
    put(root / "a.wav", np.concatenate([0.01 * noise(2.0), tone(440.0, 2.0), 0.01 * noise(2.0)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IGSED_STORE_DIR", str(root / "store"))
        words = ["train", str(root / "clips"), "--encoder", "embedded", "--out", str(root / "model.igsed")]
        assert cli.main(words) == 0
    return root


@pytest.fixture
def located(work: Path, tmp_path: Path) -> Callable[..., locate.Located]:
    """Search recordings, into a folder of the test's own."""

    def call(*recordings: Path, **options: object) -> locate.Located:
        wanted = locate.Options(**options)  # type: ignore[arg-type]
        words = [str(path) for path in recordings or (work / "a.wav",)]
        return locate.locate(words, work / "model.igsed", tmp_path / "o", options=wanted)

    return call


@pytest.mark.parametrize("name", ["labels.txt", "events.jams", "a.tsv", "page.html", "attribution.tsv", "done.json"])
def test_no_output_takes_the_place_of_a_file_of_the_users(
    name: str, located: Callable[..., locate.Located], tmp_path: Path
) -> None:
    """Labels that somebody drew in Audacity were lost without a word."""
    (tmp_path / "o" / "a").mkdir(parents=True)
    (tmp_path / "o" / "a" / name).write_text("1.0\t2.0\tmine\n")
    with pytest.raises(IgsedError, match=rf"{name} is there already and is no .* would be lost: choose another"):
        located(outputs=EVERY, explain="cam")
    assert (tmp_path / "o" / "a" / name).read_text() == "1.0\t2.0\tmine\n"
    (tmp_path / "o" / "a" / name).write_text("")  # nothing to lose: a disk that was full
    assert located(outputs=EVERY, explain="cam").failed == {}


@pytest.mark.parametrize("name", ["a", "a/labels.txt", "events.tsv"])
def test_what_is_in_the_way_is_told_before_the_search(
    name: str, located: Callable[..., locate.Located], tmp_path: Path
) -> None:
    place = tmp_path / "o" / name
    place.parent.mkdir(parents=True)
    if name == "a":
        place.write_text("a file")
    else:
        place.mkdir()
    with pytest.raises(IgsedError, match=rf"--out:? .*{name} is "):
        located(outputs=EVERY)
    assert not list((tmp_path / "o").rglob("done.json"))


def test_an_interrupted_call_goes_on_where_its_files_lie(
    located: Callable[..., locate.Located], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setitem(formats.WRITERS, "html", killed)
        with pytest.raises(KeyboardInterrupt):
            located(outputs=EVERY)
    assert (tmp_path / "o" / "a" / "labels.txt").is_file()
    assert located(outputs=EVERY).kept == []
    assert [path.name for path in located(outputs=EVERY).kept] == ["a.wav"]


def test_names_that_outputs_have_themselves(work: Path, located: Callable[..., locate.Located], tmp_path: Path) -> None:
    """The first ended with an error when all was done, of the second the scores were lost."""
    for name in ("events.tsv.wav", "attribution.wav"):
        shutil.copy(work / "a.wav", tmp_path / name)
    found = located(tmp_path / "events.tsv.wav", tmp_path / "attribution.wav", outputs=("scores",), explain="cam")
    assert set(found.events["filename"]) == {"events.tsv.wav", "attribution.wav"}
    folder = tmp_path / "o" / "attribution"
    assert (folder / "attribution_scores.tsv").read_text().startswith("onset\toffset\t")
    assert "offset" not in (folder / "attribution.tsv").read_text()
    (folder / "attribution.tsv").unlink()
    again = located(tmp_path / "attribution.wav", outputs=("scores",), explain="cam")
    assert again.kept == [] and (folder / "attribution.tsv").is_file()


def test_another_recording_of_that_name_does_not_take_an_earlier_ones_place(
    work: Path, located: Callable[..., locate.Located], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in ("monday", "tuesday"):
        (tmp_path / day).mkdir()
        shutil.copy(work / "a.wav", tmp_path / day)
        located(tmp_path / day / "a.wav")
    assert "1 others that were searched before have a table in their own folders" in capsys.readouterr().err
    about = [json.loads(done.read_text())["file"][0] for done in (tmp_path / "o").glob("*/done.json")]
    assert {Path(path).parent.name for path in about} == {"monday", "tuesday"}
    for day in ("monday", "tuesday"):
        assert len(located(tmp_path / day / "a.wav").kept) == 1


def test_scores_of_hours_are_as_exact_as_those_of_minutes(tmp_path: Path) -> None:
    """After a thousand seconds onsets had no decimals left, and steps no length."""
    n = 200_000
    values = np.full((n, 1), 0.5, dtype=np.float32)
    formats.WRITERS["scores"](
        tmp_path, Path("a.wav"), Curves(("x",), values, values, 0.04, 0.0, 0.04 * n), pd.DataFrame()
    )
    table = pd.read_csv(tmp_path / "a.tsv", sep="\t")
    assert np.allclose(table["offset"] - table["onset"], 0.04)
    assert (table["onset"].to_numpy()[1:] == table["offset"].to_numpy()[:-1]).all()


def test_what_is_found_can_be_evaluated(tmp_path: Path) -> None:
    """In a recording of one sample an event began and ended at 0.000 s, which `igsed evaluate` refuses."""
    rows = [("a.wav", 0.0, 6.25e-05, "x", 0.9), ("a.wav", 1.0, 2.0, "x", 0.9)]
    formats.write_tsv(tmp_path / "events.tsv", pd.DataFrame(rows, columns=formats.COLUMNS))
    assert labels.strong(tmp_path / "events.tsv")["onset"].tolist() == [1.0]
