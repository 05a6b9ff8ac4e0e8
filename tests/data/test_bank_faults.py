"""Sounds, names and folders that users really have: each is used, or left out and listed with the reason."""

from __future__ import annotations

import os
import shutil
import unicodedata
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from igsed_core.base import text
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.conditions import plans
from igsed_core.data import audio, mixing, soundscapes
from igsed_core.data.soundbank import base, folder
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.data.soundscape_plan import SoundscapeSpec, draw
from igsed_core.main_job import overview
from igsed_core.show import sounds, style
from tiny_bank import CLASSES, RATE, noise, put, tone, write_bank

BELL = "foreground/train/Bell"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bank(tmp_path_factory.mktemp("template") / "bank")


@pytest.fixture
def bank_dir(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "bank")


def prepare(path: Path | str, cache: Path) -> soundbank.SoundBank:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return soundbank.prepare(str(path), seed=0, sample_rate=RATE, cache_dir=cache, workers=1)


def reasons(bank: soundbank.SoundBank) -> dict[str, str]:
    return dict(zip(bank.skipped["path"], bank.skipped["reason"], strict=True))


def stereo(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.stack([left, right], axis=1)


QUIET_STEPS = np.random.default_rng(0).integers(-1, 2, 8000) / 2**15
BAD_SOUNDS = {
    "8 ms": (tone(1000, 0.008), {}, "shorter than 20 ms"),
    "one sample": (np.array([0.5]), {}, "silent: nothing but a constant offset (DC)"),
    "no sample": (np.zeros(0), {}, "empty"),
    "constant": (np.full(8000, 0.3), {}, "silent: nothing but a constant offset (DC)"),
    "two constants": (
        stereo(np.full(8000, 0.3), np.full(8000, -0.2)),
        {},
        "silent: nothing but a constant offset (DC)",
    ),
    "drift": (np.linspace(0.1, 0.6, 16000), {"subtype": "FLOAT"}, "inaudible: nothing above 20 Hz"),
    "slow swing": (tone(2, 2.0), {"subtype": "FLOAT"}, "inaudible: nothing above 20 Hz"),
    "opposite phase": (
        stereo(tone(440, 0.5), -tone(440, 0.5)),
        {"subtype": "PCM_16"},
        "silent when mixed down: its channels cancel (opposite phase)",
    ),
    "nearly opposite phase": (
        stereo(tone(440, 0.5), -tone(440, 0.5) + 0.001 * noise(0.5)),
        {"subtype": "FLOAT"},
        "silent when mixed down: its channels cancel (opposite phase)",
    ),
    "opposite phase on an offset": (
        0.2 + stereo(tone(440, 0.5), -tone(440, 0.5)),
        {},
        "silent when mixed down: its channels cancel (opposite phase)",
    ),
    "zeros": (np.zeros(8000), {}, "silent"),
    "rounding noise of 16 bits": (QUIET_STEPS, {"subtype": "PCM_16"}, "silent"),
    "rounding noise on an offset": (
        0.25 + QUIET_STEPS,
        {"subtype": "PCM_16"},
        "silent: nothing but a constant offset (DC)",
    ),
    "NaN": (np.array([0.1, np.nan] * 4000), {"subtype": "FLOAT"}, "holds NaN or infinite samples"),
    "infinite": (np.array([0.1, np.inf] * 4000), {"subtype": "FLOAT"}, "holds NaN or infinite samples"),
    "beyond 32 bits": (1e200 * tone(440, 0.5), {"subtype": "DOUBLE"}, "holds NaN or infinite samples"),
}


@pytest.mark.parametrize("name", BAD_SOUNDS)
def test_a_useless_sound_is_left_out_and_listed(name: str, bank_dir: Path, tmp_path: Path) -> None:
    samples, options, reason = BAD_SOUNDS[name]
    put(bank_dir / BELL / "bad.wav", samples, **options)
    bank = prepare(bank_dir, tmp_path / "cache")
    assert reasons(bank) == {f"{BELL}/bad.wav": reason}
    assert len(bank.files) == 14


GOOD_SOUNDS = {
    "20 ms": (tone(1000, 0.02), {}),
    "one channel silent": (stereo(tone(440, 0.5), np.zeros(8000)), {}),
    "channels that have nothing in common": (stereo(noise(0.5, seed=1), noise(0.5, seed=2)), {}),
    "very soft": (1e-4 * tone(440, 0.5), {"subtype": "PCM_24"}),
    "beyond full scale": (50 * tone(440, 0.5), {"subtype": "FLOAT"}),
    "far beyond full scale": (1e30 * tone(440, 0.5), {"subtype": "FLOAT"}),
    "one click": (np.eye(1, 8000, 4000)[0] * 0.9, {}),
    "30 Hz": (tone(30, 1.0), {}),
    "a tone on a large offset": (0.4 + 0.001 * tone(440, 0.5), {"subtype": "PCM_24"}),
    "eight channels": (np.stack([tone(440, 0.5)] * 8, axis=1), {}),
}


@pytest.mark.parametrize("name", GOOD_SOUNDS)
def test_an_unusual_sound_is_used(name: str, bank_dir: Path, tmp_path: Path) -> None:
    samples, options = GOOD_SOUNDS[name]
    put(bank_dir / BELL / "odd.wav", samples, **options)
    bank = prepare(bank_dir, tmp_path / "cache")
    assert reasons(bank) == {}
    prepared, _ = audio.read(bank.root / BELL / "odd.wav")
    assert np.abs(prepared).max() == pytest.approx(folder.PEAK, abs=1e-6)


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_an_offset_is_taken_away_and_does_not_change_the_ratio(rate: int, bank_dir: Path, tmp_path: Path) -> None:
    sound = 0.5 * tone(440, 0.5, rate)
    for name, offset in (("a", 0.0), ("b", 0.4), ("c", 0.001)):  # the last is too small to count
        put(bank_dir / BELL / f"{name}.wav", sound + offset, rate, subtype="PCM_24")
    bank = prepare(bank_dir, tmp_path / "cache")
    a, b, c = (audio.read(bank.root / BELL / f"{name}.wav")[0][:, 0].astype(float) for name in "abc")
    assert np.abs(a - b).max() < 1e-4
    assert abs(10 * np.log10(np.mean(a**2) / np.mean(c**2))) < 0.05
    (plan,) = draw(bank, replace(SPEC, events_max=1), pool="train", n=1, seed=0)
    levels = []
    for name in "ab":
        event = replace(plan.events[0], label="Bell", source_file=f"{BELL}/{name}.wav", onset=0.5, duration=0.5, snr=20)
        mixed, _ = mixing.mix(replace(plan, events=(event,)), replace(SPEC, events_max=1), bank.root)
        levels.append(mixed)
    assert np.abs(levels[0] - levels[1]).max() < 2e-4 * np.abs(levels[0]).max()


SPEC = SoundscapeSpec(duration=2.0, sample_rate=RATE)


def test_all_formats_and_sub_folders_are_used(bank_dir: Path, tmp_path: Path) -> None:
    """Case B6, and upper-case suffixes."""
    bell = bank_dir / BELL
    put(bell / "session1" / "deep.wav", tone(900, 0.4))
    put(bell / "session1" / "far" / "deeper.FLAC", tone(910, 0.4))
    put(bell / "x.mp3", tone(920, 0.4))
    put(bell / "y.aiff", tone(930, 0.4))
    put(bell / "v.AIF", tone(930, 0.4), format="AIFF")
    put(bell / "z.opus", tone(940, 0.4), format="OGG", subtype="OPUS")
    put(bell / "w.wave", tone(950, 0.4), format="WAV")
    put(bell / "u.Ogg", tone(960, 0.4))
    put(bank_dir / "background/room/far/away.wav", noise(2.0))
    bank = prepare(bank_dir, tmp_path / "cache")
    assert reasons(bank) == {}
    mine = bank.files.loc[bank.files["path"].str.startswith(BELL), "path"]
    assert {Path(path).stem for path in mine} == {
        *("deep", "deeper", "x", "y", "v", "z", "w", "u", "bell_train0", "bell_train1")
    }
    assert (bank.root / "background/room/away.wav").is_file()


def test_what_is_no_sound_of_a_class_is_listed(bank_dir: Path, tmp_path: Path) -> None:
    bell = bank_dir / BELL
    put(bank_dir / "foreground/train/loose.wav", tone(900, 0.4))
    put(bank_dir / "background/loose.flac", noise(1.0))
    put(bank_dir / "foreground/validation/Bell/v.wav", tone(900, 0.4))
    put(bell / "twin.wav", tone(900, 0.4))
    put(bell / "twin.mp3", tone(900, 0.4))
    (bell / "film.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    (bell / "no_suffix").write_bytes(b"RIFF")
    for document in ("README", "notes.txt", "labels.csv", ".hidden.wav", "._bell_train0.wav", "Thumbs.db"):
        (bell / document).write_text("words")
    (bell / "@eaDir").mkdir()
    put(bell / "@eaDir" / "thumb.wav", tone(900, 0.1))
    (bank_dir / "foreground/train/__MACOSX").mkdir()
    bank = prepare(bank_dir, tmp_path / "cache")
    assert reasons(bank) == {
        "foreground/train/loose.wav": "lies in no class folder",
        "background/loose.flac": "lies in no class folder",
        "foreground/validation/Bell/v.wav": "lies in neither foreground/train nor foreground/eval",
        f"{BELL}/twin.mp3": "named as twin.wav but for the suffix",
        f"{BELL}/film.m4a": "not read as audio (.m4a): convert it to wav or flac",
        f"{BELL}/no_suffix": "not read as audio (no suffix): convert it to wav or flac",
    }
    assert len(bank.files) == 15
    shown = overview.skipped_table(bank.skipped)
    assert len(shown) == 6 and list(shown) == ["File", "left out because"]


def truncate(path: Path, keep: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: round(keep * len(data))])
    return path


def test_damaged_files_are_listed_each(bank_dir: Path, tmp_path: Path) -> None:
    bell = bank_dir / BELL
    for suffix in ("flac", "ogg"):
        truncate(put(bell / f"half_{suffix}.{suffix}", tone(900, 0.5)), 0.5)
    truncate(put(bell / "head.wav", tone(900, 0.5)), 0.001)
    truncate(put(bell / "half.wav", tone(900, 0.5)), 0.5)
    (bell / "nothing.wav").write_bytes(b"")
    (bell / "page.mp3").write_text("<html>404</html>")
    (bell / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    os.mkfifo(bell / "pipe.wav")
    (bell / "self").symlink_to(bell)
    (bell / "folder.wav").mkdir()
    bank = prepare(bank_dir, tmp_path / "cache")
    assert reasons(bank) == {
        f"{BELL}/gone.wav": "a link that leads nowhere",
        f"{BELL}/pipe.wav": "no plain file",
        f"{BELL}/self": "a link to a folder that holds it",
        **{f"{BELL}/{name}": "unreadable" for name in ("half_flac.flac", "half_ogg.ogg", "head.wav", "nothing.wav")},
        f"{BELL}/page.mp3": "unreadable",
        f"{BELL}/half.wav": "cut short: 0.25 s of 0.50 s are there",
    }
    assert len(bank.files) == 14


def test_links_to_sounds_and_folders_are_followed(bank_dir: Path, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere/far.wav", tone(900, 0.4))
    (bank_dir / BELL / "linked.wav").symlink_to(tmp_path / "elsewhere/far.wav")
    shutil.move(bank_dir / "foreground/eval/Hum", tmp_path / "hum")
    (bank_dir / "foreground/eval/Hum").symlink_to(tmp_path / "hum")
    bank = prepare(bank_dir, tmp_path / "cache")
    assert reasons(bank) == {} and len(bank.files) == 15


@pytest.mark.parametrize("length", [120, 240, 251])
def test_long_names(length: int, bank_dir: Path, tmp_path: Path) -> None:
    """251 characters are allowed, but a temporary name of such a file is too long."""
    names = ["x" * (length - 5) + f"{i}.wav" for i in range(2)]
    for name in names:
        put(bank_dir / BELL / name, tone(900, 0.4))
    bank = prepare(bank_dir, tmp_path / "cache")
    assert reasons(bank) == {} and len(bank.files) == 16
    assert len(set(bank.files["path"])) == 16


def test_a_name_that_is_no_utf8_is_used(bank_dir: Path, tmp_path: Path) -> None:
    put(bank_dir / BELL / "plain.wav", tone(900, 0.4))
    try:
        os.rename(bank_dir / BELL / "plain.wav", os.fsencode(bank_dir / BELL) + b"/caf\xe9.wav")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    bank = prepare(bank_dir, tmp_path / "cache")
    assert reasons(bank) == {}
    assert (bank.root / BELL / "caf%E9.wav").is_file()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_closed_folder_and_file(bank_dir: Path, tmp_path: Path) -> None:
    (bank_dir / BELL / "bell_train0.wav").chmod(0)
    assert reasons(prepare(bank_dir, tmp_path / "cache")) == {f"{BELL}/bell_train0.wav": "unreadable"}
    (bank_dir / BELL).chmod(0)
    try:
        with pytest.raises(IgsedError, match=r"folder .*Bell cannot be read \(permission denied\): change its"):
            prepare(bank_dir, tmp_path / "cache")
    finally:
        (bank_dir / BELL).chmod(0o700)


def test_a_folder_that_cannot_be_read_is_named(bank_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if str(path).endswith("Bell"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(IgsedError, match=r"the folder .*Bell cannot be read \(permission denied\): change its permiss"):
        soundbank.fingerprint(str(bank_dir), seed=0, sample_rate=RATE)


def test_a_cache_that_cannot_be_written_is_named(bank_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IgsedError, match=r"cannot be (prepared|written).*: move \S*file elsewhere, which is in"):
        prepare(bank_dir, tmp_path / "file" / "cache")


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "~nobody_has_this_name/bank", "\udce9", ""])
def test_a_path_that_can_be_none(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = "a path is empty: give" if not name else r"no such folder, and no bank of that name|the folder .* is missing"
    with pytest.raises(IgsedError, match=said):
        soundbank.fingerprint(name, seed=0, sample_rate=RATE)


def test_two_layouts_in_one_folder_are_refused(bank_dir: Path) -> None:
    shutil.copytree(bank_dir / "foreground", bank_dir / "audio/foreground")
    with pytest.raises(IgsedError, match=r"both .*foreground and .*audio/foreground are there: remove one"):
        soundbank.fingerprint(str(bank_dir), seed=0, sample_rate=RATE)


def test_a_damaged_cache_is_made_again(bank_dir: Path, tmp_path: Path) -> None:
    whole = prepare(bank_dir, tmp_path / "cache")
    content = (whole.root / "files.csv").read_bytes()
    for damage in (b"", b"path\n\xff\xfe", b"path,role\na,b\n", content[: len(content) // 2]):
        (whole.root / "files.csv").write_bytes(damage)
        assert base.load(whole.root) is None
        assert prepare(bank_dir, tmp_path / "cache").files.equals(whole.files)
    (whole.root / whole.files["path"][3]).unlink()
    assert prepare(bank_dir, tmp_path / "cache").files.equals(whole.files)
    assert (whole.root / whole.files["path"][3]).is_file()


# --- names

NAMES = (
    "0",
    "01",
    "1e3",
    "nan",
    "None",
    "all",
    "true",
    "2020-01-01",
    "café",
    "R$B$ horn",
    "L^{2}",
    'q,"r"',
    "a_b",
    "a b",
)


def named_bank(root: Path, names: tuple[str, ...] = NAMES, backgrounds: tuple[str, ...] = ("0", "quiet")) -> Path:
    for i, name in enumerate(names):
        for pool in ("train", "eval"):
            put(root / "foreground" / pool / name / "0.wav", tone(300 + 90 * i, 0.3))
    for k, name in enumerate(backgrounds):
        put(root / "background" / name / "1.wav", noise(3.0, seed=k))
    return root


def test_names_are_text_from_the_folder_to_the_tables(tmp_path: Path) -> None:
    """Cases R1 and R3: type inference, reserved words, formulas, commas, look-alikes."""
    bank = prepare(named_bank(tmp_path / "bank"), tmp_path / "cache")
    expected = tuple(sorted("all (class)" if name == "all" else name for name in NAMES))
    assert bank.classes == expected
    loaded = base.load(bank.root)
    assert loaded is not None and loaded.classes == expected
    spec = replace(SPEC, max_polyphony=3)
    made = soundscapes.generate(
        bank, spec, n_train=20, n_eval=4, seed=0, out_dir=tmp_path / "run", workers=1, progress=False
    )
    again = soundscapes.load(tmp_path / "run")
    assert list(again.events["label"]) == list(made.events["label"])
    assert set(again.events["label"]) <= set(expected) and again.classes == made.classes
    shown = overview.bank_table(bank.files, bank.skipped)
    assert len(shown) == len(NAMES) + 2
    sounds.contact_sheet(bank.examples("train", 1), RATE).canvas.draw()
    sounds.soundscape_statistics(made.clips, made.events, made.removed).canvas.draw()


def test_numbers_as_classes_alone(tmp_path: Path) -> None:
    bank = prepare(named_bank(tmp_path / "bank", ("0", "1", "02"), ("room",)), tmp_path / "cache")
    soundscapes.generate(
        bank, replace(SPEC, max_polyphony=3), n_train=4, n_eval=4, seed=0, out_dir=tmp_path / "r", workers=1
    )
    assert set(soundscapes.load(tmp_path / "r").events["label"]) <= {"0", "1", "02"}


def test_look_alikes_keep_their_own_names() -> None:
    assert style.class_names(["a_b", "a b", "Alarm_bell"]) == {"a_b": "a_b", "a b": "a b", "Alarm_bell": "Alarm bell"}
    assert style.class_title("R$B$_x") == r"R\$B\$ x"


@pytest.mark.parametrize("pair", [("quiet", "street"), ("quiet", "Quiet"), ("steady", "quiet (background)", "quiet")])
def test_backgrounds_called_as_a_built_in_level(pair: tuple[str, ...], tmp_path: Path) -> None:
    bank = prepare(named_bank(tmp_path / "bank", ("Bell", "Hum"), pair), tmp_path / "cache")
    conditions = plans.all_conditions(bank, SPEC, snrs=[0.0], n_clips=2, seed=1)
    levels = [one.level for one in conditions if one.family == plans.BACKGROUND]
    assert len(levels) == len(set(levels)) == len(pair) + 1
    names = [plan.clip for one in conditions for plan in one.plans]
    assert len(names) == len({name.casefold() for name in names})


def test_a_background_with_a_long_name_has_clips_that_can_be_written(tmp_path: Path) -> None:
    bank = prepare(named_bank(tmp_path / "bank", ("Bell",), ("ü" * 100, "ü" * 99 + "v")), tmp_path / "cache")
    conditions = plans.all_conditions(bank, SPEC, snrs=[0.0], n_clips=2, seed=1)
    names = [plan.clip for one in conditions for plan in one.plans]
    assert len(set(names)) == len(names) and max(len(name.encode()) for name in names) < 120


def test_forms_of_unicode_are_one_class(tmp_path: Path) -> None:
    root = named_bank(tmp_path / "bank", ("Hum",), ("room",))
    for pool, form in (("train", "NFC"), ("eval", "NFD")):
        put(root / "foreground" / pool / unicodedata.normalize(form, "Türklingel") / "a.wav", tone(800, 0.4))
    bank = prepare(root, tmp_path / "cache")
    assert bank.classes == ("Hum", "Türklingel")
    assert unicodedata.is_normalized("NFC", bank.classes[1])


# --- whatever lies there

_NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/.\0"), min_size=1, max_size=6)
_SUFFIX = st.sampled_from([".wav", ".WAV", ".flac", ".mp3", ".m4a", ".txt", ""])
_KIND = st.sampled_from(["tone", "dc", "zeros", "short", "text", "empty", "link"])
_PLACE = st.one_of(
    st.sampled_from([f"foreground/{pool}/{label}" for pool in ("train", "eval") for label in CLASSES]),
    st.sampled_from(["foreground/train", "background", "foreground/train/Bell/deep/deeper"]),
    _NAME.map(lambda name: f"background/{name}"),
    _NAME.map(lambda name: f"foreground/eval/Hum/{name}"),
)


def place(path: Path, kind: str) -> bool:
    """Put a file there, if there can be one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path):
            return False
        if kind == "link":
            path.symlink_to(path.parent / "nowhere at all")
        elif kind in ("text", "empty"):
            path.write_text("words" if kind == "text" else "")
        else:
            sounds = {"tone": tone(500, 0.1), "dc": np.full(999, 0.2), "zeros": np.zeros(999), "short": tone(500, 0.01)}
            soundfile.write(path, sounds[kind], RATE, format="WAV")
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bank(tmp_path_factory.mktemp("small") / "bank", per_pool=1, background_seconds=(1.0,))


@settings(max_examples=15, deadline=None)
@given(
    layout=st.lists(st.tuples(_PLACE, _NAME, _SUFFIX, _KIND), max_size=8),
    new_class=st.none() | _NAME,
)
@example(layout=[("foreground/train", "0", "", "tone")], new_class="0")
def test_any_layout_is_accounted_for(
    small: Path,
    tmp_path_factory: pytest.TempPathFactory,
    layout: list[tuple[str, str, str, str]],
    new_class: str | None,
) -> None:
    """Every file is prepared or listed with a reason, but for documents."""
    root = tmp_path_factory.mktemp("any")
    shutil.copytree(small, root / "bank")
    places = [(root / "bank" / part / f"{name}{suffix}", kind) for part, name, suffix, kind in layout]
    if new_class is not None:
        # Before the rest, so that no file takes the place of its folder in one pool.
        places = [
            *((root / "bank/foreground" / pool / new_class / "one.wav", "tone") for pool in ("train", "eval")),
            *places,
        ]
    placed = {path for path, kind in places if place(path, kind)}
    try:
        bank = prepare(root / "bank", root / "cache")
        of_fact = {path for path in placed if path.suffix != ".txt" or path.is_symlink()}
    except IgsedError as error:
        assert new_class is not None and not text.name(new_class), error
        return
    finally:
        shutil.rmtree(root)
    listed = set(bank.skipped["path"])
    used = [path for path in of_fact if text.shown(path.relative_to(root / "bank")) not in listed]
    assert len(bank.files) == 7 + len(used)
    assert len(bank.skipped) == len(of_fact) - len(used)
    assert bank.files["path"].is_unique and (bank.skipped["reason"] != "").all()


@settings(max_examples=60, deadline=None)
@given(
    samples=st.lists(st.floats(-2, 2, width=32) | st.sampled_from([0.0, np.nan, np.inf, 1e38]), max_size=40),
    channels=st.integers(1, 3),
    step=st.sampled_from([0.0, 2.0**-15, 2.0**-7]),
)
def test_any_samples_are_a_sound_or_have_a_fault(samples: list[float], channels: int, step: float) -> None:
    array = np.array(samples[: len(samples) // channels * channels], np.float32).reshape(-1, channels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fault = audio.find_fault(array, RATE, step=step)
    if not fault:
        moving = array.astype(float)
        moving -= moving.mean(axis=0)  # before the channels are added: beside 1e38 a sample of 1 is lost
        assert np.isfinite(array).all() and np.abs(moving.mean(axis=1)).max() > max(audio.SILENCE, 1.5 * step)
