"""Damaged files of every kind that users bring: read, left out with a reason, or refused in one sentence; never else.

``IGSED_FUZZ_EXAMPLES`` says how many examples each test draws; ``benchmarks/fuzz.py`` sets it and goes on for minutes.
"""

from __future__ import annotations

import io
import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from igsed_core.base.errors import IgsedError
from igsed_core.base.run import Finished
from igsed_core.base.store import Entry
from igsed_core.data import audio, recordings
from igsed_core.data.soundbank import desed
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.models.encoders import registry as encoders
from igsed_core.models.encoders.embedded import network
from igsed_core.workflow import experiments
from tiny_bank import RATE, put, tone, write_bank

PARAMS = Path(__file__).resolve().parents[2] / "params"
FEW = int(os.environ.get("IGSED_FUZZ_EXAMPLES", "0"))


def examples(usual: int) -> settings:
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    return settings(max_examples=FEW or usual, deadline=None, suppress_health_check=checks)


_POSITION = st.floats(0, 1, exclude_max=True)
_CHANGE = st.tuples(
    st.sampled_from(["flip", "drop", "double", "cut", "insert", "zero"]), _POSITION, st.binary(min_size=1, max_size=8)
)


def changed(content: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    """A file as a bad disk, a broken copy or an editor leaves it."""
    for how, where, new in changes:
        at = int(where * len(content))
        after = at + len(new)
        content = {
            "flip": content[:at] + bytes(b ^ new[0] for b in content[at:after]) + content[after:],
            "drop": content[:at] + content[after:],
            "double": content[:at] + content[at:after] * 2 + content[after:],
            "cut": content[:at],
            "insert": content[:at] + new + content[at:],
            "zero": content[:at] + bytes(len(new)) + content[after:],
        }[how]
    return content


_CHANGES = st.lists(_CHANGE, min_size=1, max_size=4)


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=64) | _CHANGES.map(lambda changes: changed(content, changes))


def refused(error: IgsedError, name: str) -> None:
    """One sentence, that names the file and is short."""
    words = str(error)
    assert name in words, words
    assert len(words) < 3000
    assert "Traceback" not in words


@examples(60)
@given(damaged((PARAMS / "smoke.yaml").read_bytes()))
def test_any_bytes_as_a_parameter_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    try:
        found = experiments.load(path)
    except IgsedError as error:
        refused(error, "mine.yaml")
    else:
        assert experiments.from_values(found.values()) == found


_TABLE = b"filename\tonset\toffset\tevent_label\na.wav\t0.5\t1.5\tBell\nb.wav\t0\t1\tHum\nb.wav\t\t\t\n"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recorded")
    for name in ("a.wav", "b.wav"):
        put(root / name, tone(400, 2.0))
    return root


@examples(60)
@given(damaged(_TABLE) | damaged(_TABLE.decode().encode("utf-16")))
def test_any_bytes_as_a_table(recorded: Path, content: bytes) -> None:
    (recorded / "events.tsv").write_bytes(content)
    try:
        found = recordings.read(str(recorded), ("Bell", "Hum"))
    except IgsedError as error:
        refused(error, "events.tsv")
    else:
        assert set(found.files) | set(found.unlisted) == {"a.wav", "b.wav"}
        assert ((found.events["onset"] >= 0) & (found.events["onset"] < found.events["offset"])).all()
        assert set(found.events["label"]) <= {"Bell", "Hum"}


@examples(40)
@given(damaged(b"filepath\ntrain/soundbank/foreground/Dog/1_0.wav\ntrain/soundbank/foreground/Cat/2_0.wav\n"))
def test_any_bytes_as_the_list_for_validation(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "soundbank_validation.tsv"
    path.write_bytes(content)
    try:
        names = desed._read_list(path)
    except IgsedError as error:
        refused(error, path.name)
    else:
        assert all(name == name.casefold() and "/" not in name for name in names)


def _sound(form: str, subtype: str) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, tone(440, 0.2), RATE, format=form, subtype=subtype)
    return stream.getvalue()


_SOUNDS = {
    ".wav": _sound("WAV", "PCM_16"),
    ".flac": _sound("FLAC", "PCM_16"),
    ".ogg": _sound("OGG", "VORBIS"),
    ".aiff": _sound("AIFF", "FLOAT"),
    ".mp3": _sound("MP3", "MPEG_LAYER_III"),
}


@pytest.mark.parametrize("suffix", _SOUNDS)
@examples(30)
@given(data=st.data())
def test_any_bytes_as_a_sound(tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data.draw(damaged(_SOUNDS[suffix])))
    try:
        sound = audio.read_sound(path, RATE)
    except IgsedError as error:
        refused(error, path.name)
    else:
        assert sound.fault or (sound.samples.ndim == 1 and np.isfinite(sound.samples).all())


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bank(tmp_path_factory.mktemp("template") / "bank", per_pool=2, background_seconds=(1.0,))


@examples(6)
@given(changes=st.lists(st.tuples(_POSITION, _CHANGES | st.none()), min_size=1, max_size=6))
def test_any_bank_is_accounted_for(
    template: Path, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[float, Any]]
) -> None:
    """Files that are damaged or removed: each of the rest is prepared, or listed with a reason."""
    root = tmp_path_factory.mktemp("bank")
    shutil.copytree(template, root / "bank")
    sounds = sorted((root / "bank").rglob("*.wav"))
    for where, change in changes:
        path = sounds[int(where * len(sounds))]
        if path.exists() and change is None:
            path.unlink()
        elif path.exists():
            path.write_bytes(changed(path.read_bytes(), change))
    there = [path for path in sounds if path.exists()]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bank = soundbank.prepare(str(root / "bank"), seed=0, sample_rate=RATE, cache_dir=root / "cache", workers=1)
    except IgsedError as error:
        refused(error, str(root / "bank"))
    else:
        assert len(bank.files) + len(bank.skipped) == len(there)
        assert (bank.skipped["reason"] != "").all()
    finally:
        shutil.rmtree(root)


def _torch_file(content: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


_STATE = _torch_file({"model": {"conv.weight": torch.zeros(4, 4), "name": "x"}})


@examples(30)
@given(damaged(_STATE))
def test_any_bytes_as_weights(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes(content)
    for name in ("embedded", "mn04_as", "cnn14"):
        with warnings.catch_warnings(), pytest.raises(IgsedError) as error:
            warnings.simplefilter("ignore")
            encoders.load(name, str(path))
        refused(error.value, "mine.pt")


@examples(12)
@given(_CHANGES)
def test_a_damaged_file_of_weights(tmp_path: Path, changes: list[tuple[str, float, bytes]]) -> None:
    """Of the right network: a changed weight cannot be known for one, all else is refused."""
    path = tmp_path / "mine.safetensors"
    path.write_bytes(changed(network.WEIGHTS.read_bytes(), changes))
    try:
        encoder = encoders.load("embedded", str(path))
    except IgsedError as error:
        refused(error, "mine.safetensors")
    else:
        assert all(bool(torch.isfinite(weight).all()) for weight in encoder.parameters())


@pytest.mark.parametrize("name", ["record.json", "contents.json"])
@examples(30)
@given(data=st.data())
def test_any_bytes_as_what_a_stage_says_of_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: st.DataObject
) -> None:
    monkeypatch.setenv("IGSED_STORE_DIR", str(tmp_path))
    entry = Entry("training", "0123456789abcdef")
    entry.folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Callable[[], object]] = {
        "record.json": lambda: (entry.folder / "record.json").write_text('{"stage": "training", "uses": []}'),
        "contents.json": entry.seal,
    }
    (entry.folder / "a.txt").write_text("a")
    for write in written.values():
        write()
    path = entry.folder / name
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    found = Finished.read(entry)
    assert found is None or isinstance(found.record, dict)
