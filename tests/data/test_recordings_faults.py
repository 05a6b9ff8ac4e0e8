"""Folders of annotated recordings as users really have them: read as meant, or refused in one sentence."""

from __future__ import annotations

import codecs
import os
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igsed_core.base.errors import IgsedError
from igsed_core.data import recordings
from tiny_bank import RATE, noise, put, tone

LABELS = ("Bell", "Hum", "Türklingel", "0", "all (class)")
HEADER = "filename\tonset\toffset\tevent_label\n"
ROWS = HEADER + "a.wav\t0.5\t1.5\tBell\nb.wav\t0\t1\tHum\n"
EVENTS = [["a.wav", "Bell", 0.5, 1.5], ["b.wav", "Hum", 0.0, 1.0]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    put(folder / "a.wav", tone(1000, 4.0))
    put(folder / "b.wav", tone(400, 2.0))
    return folder


def read(root: Path, content: str | bytes = ROWS, name: str = "events.tsv") -> recordings.Recordings:
    (root / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return recordings.read(str(root), LABELS)


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + ROWS.encode(),
        ROWS.encode("utf-16"),
        codecs.BOM_UTF16_BE + ROWS.encode("utf-16-be"),
        ROWS.replace("\n", "\r\n").encode(),
        ROWS.replace("\n", "\r").encode(),
        "\n".join("\t".join(f'"{cell}"' for cell in line.split("\t")) for line in ROWS.splitlines()).encode(),
        ROWS.replace("filename", "Filename").replace("event_label", "Event_Label").encode(),
    ],
    ids=["mark", "utf-16 le", "utf-16 be", "windows", "old mac", "quotes", "capitals"],
)
def test_a_table_in_any_dress(content: bytes, root: Path) -> None:
    """Cases C2 and C7."""
    assert read(root, content).events.to_numpy().tolist() == EVENTS


@pytest.mark.parametrize(("name", "other"), [("events.TSV", None), ("events.tsv", "._events.tsv"), ("a.Tsv", ".b.tsv")])
def test_the_one_table(name: str, other: str | None, root: Path) -> None:
    """Cases C16 and C16b."""
    if other:
        (root / other).write_bytes(b"\0\5\26\7")
    (root / "folder.tsv").mkdir()
    assert read(root, name=name).events.to_numpy().tolist() == EVENTS


@pytest.mark.parametrize(
    "spelled", ["./a.wav", "a.wav", ".//a.wav", "sub/../a.wav", "A.WAV", ".\\a.wav", '"a.wav"', " a.wav", "link.wav"]
)
def test_one_file_however_the_table_spells_it(spelled: str, root: Path) -> None:
    """Case C14c: two clips of one file, each with half of the events, count the rest as absent."""
    (root / "link.wav").symlink_to(root / "a.wav")
    found = read(root, f"{HEADER}{spelled}\t0\t1\tHum\na.wav\t2\t3\tBell\n")
    assert len(found.files) == 1
    assert found.events[["label", "onset"]].to_numpy().tolist() == [["Hum", 0.0], ["Bell", 2.0]]
    assert len(set(found.events["filename"])) == 1


def test_an_absolute_path_within_the_folder(root: Path) -> None:
    assert read(root, f"{HEADER}{root}/a.wav\t0\t1\tHum\n").files == ("a.wav",)


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_forms_of_unicode(forms: tuple[str, str], root: Path) -> None:
    """Cases C15 and C15b: labels and names of files."""
    on_disk, in_table = forms
    put(root / unicodedata.normalize(on_disk, "ü.wav"), tone(500, 2.0))
    found = read(root, unicodedata.normalize(in_table, f"{HEADER}ü.wav\t0\t1\tTürklingel\n"))
    assert found.events["label"].tolist() == ["Türklingel"]
    assert (root / found.files[0]).is_file()


def test_two_files_that_one_name_means(root: Path) -> None:
    for form in ("NFC", "NFD"):
        put(root / unicodedata.normalize(form, "ü.wav"), tone(500, 2.0))
    if len(list(root.glob("*.wav"))) < 4:
        pytest.skip("this file system knows one form only")
    with pytest.raises(IgsedError, match=r"line 2: filename 'ü\.wav' may be any of .*: rename all but one"):
        read(root, f"{HEADER}ü.wav\t0\t1\tBell\n")


def test_names_of_classes_are_text(root: Path) -> None:
    assert read(root, f"{HEADER}a.wav\t0\t1\t0\na.wav\t1\t2\tall\n").events["label"].tolist() == ["0", "all (class)"]


def bad_audio(path: Path, kind: str) -> None:
    sound = tone(440, 2.0)
    if kind == "NaN":
        put(path, np.concatenate([sound[:10], [np.nan], sound]), subtype="FLOAT")
    elif kind == "opposite":
        put(path, np.stack([sound, -sound], axis=1))
    elif kind == "empty":
        put(path, np.zeros(0))
    elif kind == "text":
        path.write_text("no audio")
    elif kind == "cut":
        put(path, sound)
        path.write_bytes(path.read_bytes()[:30])
    elif kind == "link":
        path.symlink_to(path.parent / "nowhere.wav")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("NaN", r"events\.tsv, line 2: .*n\.wav holds NaN or infinite samples: replace it, or remove the line"),
        ("opposite", r"line 2: .*n\.wav is silent when mixed down: its channels cancel .*: replace it"),
        ("empty", r"line 2: .*n\.wav is empty: replace it, or remove the line"),
        ("text", r"n\.wav cannot be read as audio"),
        ("cut", r"n\.wav cannot be read as audio"),
        ("link", r"line 2: .*n\.wav is no wav, flac or ogg file: add it, or remove the line"),
        ("pipe", r"line 2: .*n\.wav is no wav, flac or ogg file"),
        ("folder", r"line 2: .*n\.wav is no wav, flac or ogg file"),
    ],
)
def test_a_bad_recording_is_named(kind: str, message: str, root: Path) -> None:
    """Case C17 among others."""
    bad_audio(root / "n.wav", kind)
    with pytest.raises(IgsedError, match=message):
        read(root, f"{HEADER}n.wav\t0\t1\tBell\n")


def test_silence_is_a_recording_without_events(root: Path) -> None:
    put(root / "silent.wav", np.zeros(2 * RATE))
    assert read(root, f"{HEADER}silent.wav\n").files == ("silent.wav",)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.wav\t0,5\t1\tBell", "onset is '0,5', but must be a time in seconds"),
        ("a.wav\t1_0\t20\tBell", "onset is '1_0', but must be a time in seconds"),
        ("a.wav\t4.01\t4.03\tBell", r"the event ends at 4\.03 s, but a\.wav at 4\.00 s: correct the offset"),
        ("a.wav\t0\t1\tBell\tmore", "5 cells, but the header names 4"),
        ("a\0.wav\t0\t1\tBell", "it holds NUL bytes"),
        ("a.wav\t0\t1\tBell\u0301", "which the classifier does not know"),
        ("../mine/a.wav\t0\t1\tBell", "is no file in .*: give its path within the folder"),
    ],
)
def test_a_bad_row_is_named(row: str, message: str, root: Path) -> None:
    with pytest.raises(IgsedError, match=rf"events\.tsv, line 2: .*{message}"):
        read(root, f"{HEADER}{row}\n")


def test_latin_1_is_named(root: Path) -> None:
    with pytest.raises(IgsedError, match=r"events\.tsv, line 2: this is not UTF-8 text: save the file as UTF-8"):
        read(root, f"{HEADER}a.wav\t0\t1\tTürklingel\n".encode("latin-1"))


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "~nobody_has_this_name/x", "events.tsv"])
def test_what_is_no_folder(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    for function in (recordings.fingerprint, lambda folder: recordings.read(folder, LABELS)):
        with pytest.raises(IgsedError, match=r"parameter 'recordings' is .*: no such folder; give"):
            function(name)


def test_hidden_files_do_not_change_the_fingerprint(root: Path) -> None:
    before = recordings.fingerprint(str(root))
    (root / ".DS_Store").write_bytes(b"x")
    (root / "gone.wav").symlink_to(root / "nowhere.wav")
    assert recordings.fingerprint(str(root)) == before


def test_nothing_is_dropped_silently(root: Path, tmp_path: Path) -> None:
    put(root / "unlisted.wav", noise(1.0))
    found = read(root, f"{HEADER}a.wav\t3.2\t3.5\tBell\na.wav\t0.5\t1\tHum\n")
    assert found.unlisted == ("b.wav", "unlisted.wav")
    with pytest.warns(UserWarning) as told:
        clips, events = recordings.cut(found, tmp_path / "out", duration=3.0, sample_rate=RATE)
    words = " ".join(str(warning.message) for warning in told)
    assert "1 events lie in a last part that is left out" in words and "Bell at 3.2 s of a.wav" in words
    assert "2 audio files are left out, since the table does not list them, the first b.wav" in words
    assert len(clips) == len(events) == 1


_TIME = st.sampled_from(["0", "0.5", "1.5", "2", "-1", "nan", "1e3", "", "x", "0,5"])
_FILE = st.sampled_from(["a.wav", "./a.wav", "A.WAV", "b.wav", "c.wav", "", "..", "/"]) | st.text(max_size=4)
_LABEL = st.sampled_from(["Bell", "Hum", "Tu\u0308rklingel", "", "bell", "0"]) | st.text(max_size=4)


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(st.tuples(_FILE, _TIME, _TIME, _LABEL), max_size=5),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
)
def test_any_table_is_read_whole_or_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], encoding: str
) -> None:
    root = tmp_path_factory.getbasetemp() / "any_table"
    if not root.is_dir():
        put(root / "a.wav", tone(1000, 2.0))
        put(root / "b.wav", tone(400, 2.0))
    body = "".join("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row) + "\n" for row in rows)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = read(root, (HEADER + body).encode(encoding, "ignore"))
    except IgsedError as error:
        assert "events.tsv" in str(error)
        return
    kept = [row for row in rows if any(cell.strip() for cell in row)]
    assert len(found.events) == sum(any(cell.strip() for cell in row[1:]) for row in kept)
    assert set(found.files) | set(found.unlisted) == {"a.wav", "b.wav"}
