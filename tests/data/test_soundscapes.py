from __future__ import annotations

import json
import os
import shutil
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyloudnorm
import pytest
import soundfile
from scipy import stats

from igsed_core.base.errors import IgsedError
from igsed_core.data import mixing, soundscapes
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.data.soundbank.base import SoundBank
from igsed_core.data.soundscape_plan import ClipPlan, PlannedEvent, SoundscapeSpec, draw, max_polyphony
from tiny_bank import RATE, noise, put, tone, write_bank

SPEC = SoundscapeSpec(duration=3.0, sample_rate=RATE)


def prepare(source: Path, cache: Path) -> SoundBank:
    return soundbank.prepare(str(source), seed=0, sample_rate=RATE, cache_dir=cache, workers=1)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> SoundBank:
    folder = tmp_path_factory.mktemp("bank")
    return prepare(write_bank(folder / "source"), folder / "cache")


def generate(
    bank: SoundBank,
    out_dir: Path,
    *,
    spec: SoundscapeSpec = SPEC,
    n_train: int = 8,
    n_eval: int = 6,
    seed: int = 5,
    workers: int = 1,
) -> soundscapes.SoundscapeSet:
    return soundscapes.generate(
        bank,
        spec,
        n_train=n_train,
        n_eval=n_eval,
        seed=seed,
        out_dir=out_dir,
        workers=workers,
        progress=False,
    )


@pytest.fixture(scope="module")
def made(bank: SoundBank, tmp_path_factory: pytest.TempPathFactory) -> soundscapes.SoundscapeSet:
    """Soundscapes in which the polyphony filter has something to remove."""
    return generate(bank, tmp_path_factory.mktemp("made"), spec=replace(SPEC, max_polyphony=1))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# --- what is drawn ---


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([], 0),
        ([(1.0, 2.0)], 1),
        ([(0.0, 1.0), (1.0, 2.0)], 1),  # one ends as the other begins
        ([(0.0, 1.0), (0.999, 2.0)], 2),
        ([(0.0, 4.0), (1.0, 2.0), (3.0, 5.0)], 2),  # three events, never three at once
        ([(0.0, 4.0), (1.0, 3.0), (2.0, 5.0)], 3),
        ([(2.0, 5.0), (1.0, 3.0), (0.0, 4.0)], 3),  # in any order
        ([(1.0, 2.0), (1.0, 2.0), (1.0, 2.0)], 3),
    ],
)
def test_max_polyphony(intervals: list[tuple[float, float]], expected: int) -> None:
    assert max_polyphony([a for a, _ in intervals], [b for _, b in intervals]) == expected


def test_draws_are_uniform(bank: SoundBank) -> None:
    plans = draw(bank, SPEC, pool="train", n=3000, seed=1)
    events = [event for plan in plans for event in plan.events]
    position = [event.onset / (SPEC.duration - event.duration) for event in events]
    assert stats.kstest(position, "uniform").pvalue > 0.01
    # In s too, for one file: no heap at the end of the clip, where Scaper would move late events.
    one = [e.onset for e in events if e.source_file == events[0].source_file]
    width = SPEC.duration - events[0].duration
    assert stats.kstest(one, "uniform", args=(0.0, width)).pvalue > 0.01
    snrs = [event.snr for event in events]
    assert stats.kstest(snrs, "uniform", args=(15.0, 10.0)).pvalue > 0.01
    for values in (
        [len(plan.events) for plan in plans],
        [event.label for event in events],
        [event.source_file for event in events],
        [plan.background for plan in plans],
    ):
        counts = pd.Series(values).value_counts()
        assert stats.chisquare(counts).pvalue > 0.01
    assert {len(plan.events) for plan in plans} == {1, 2, 3}
    long = [plan.background_time for plan in plans if plan.background.endswith("room0.wav")]  # 5 s
    assert stats.kstest(long, "uniform", args=(0.0, 2.0)).pvalue > 0.01
    assert {plan.background_time for plan in plans if plan.background.endswith("room1.wav")} == {0.0}  # 2 s


def test_a_clip_depends_on_seed_pool_and_index_only(bank: SoundBank) -> None:
    first = draw(bank, SPEC, pool="train", n=5, seed=1)
    assert draw(bank, SPEC, pool="train", n=9, seed=1)[:5] == first
    assert draw(bank, SPEC, pool="train", n=5, seed=2) != first
    other = draw(bank, SPEC, pool="eval", n=5, seed=1)
    assert [plan.events[0].snr for plan in other] != [plan.events[0].snr for plan in first]
    for pool, plans in (("train", first), ("eval", other)):
        assert all(event.source_file.startswith(f"foreground/{pool}/") for p in plans for event in p.events)


def test_event_longer_than_the_soundscape(bank: soundbank.SoundBank) -> None:
    """Left out and listed; an error only where a class has nothing else."""
    fitting = bank.fitting(0.6)
    left = set(bank.files["path"]) - set(fitting.files["path"])
    assert left == {f"foreground/{pool}/Whistle/whistle_{pool}1.wav" for pool in ("train", "eval")}
    assert dict(fitting.skipped.itertuples(index=False)) == dict.fromkeys(
        sorted(left), "longer than the soundscape (0.70 s of 0.6 s)"
    )
    plans = draw(bank, SoundscapeSpec(duration=0.6), pool="train", n=200, seed=0)
    drawn = {event.source_file for plan in plans for event in plan.events}
    assert drawn == set(fitting.files.loc[fitting.files["pool"] == "train", "path"])
    assert bank.fitting(10.0) is bank
    with pytest.raises(
        IgsedError, match=r"every file of foreground/train/Hum .* \(0\.3 s\).*trim them, or raise.*'duration'"
    ):
        draw(bank, SoundscapeSpec(duration=0.3), pool="train", n=1, seed=0)


def test_spec_is_checked() -> None:
    with pytest.raises(IgsedError, match=r"'events_min' \(4\)"):
        SoundscapeSpec(events_min=4)
    with pytest.raises(IgsedError, match=r"'snr_min' \(30"):
        SoundscapeSpec(snr_min=30.0)


def test_halves_as_in_the_paper() -> None:
    plans = [ClipPlan(f"train_{i}", "train", "", 0.0, ()) for i in range(823)]
    plans += [ClipPlan(f"eval_{i}", "eval", "", 0.0, ()) for i in range(193)]
    splits = soundscapes.assign_splits(plans)
    assert splits == ["train"] * 823 + ["validation"] * 96 + ["test"] * 97


# --- what Scaper makes of it ---


def loudness(samples: np.ndarray) -> float:
    return pyloudnorm.Meter(RATE).integrated_loudness(samples)


@pytest.mark.parametrize("snr", [15.0, 25.0])
def test_golden_audio(bank: SoundBank, snr: float) -> None:
    source_file = "foreground/train/Whistle/whistle_train1.wav"
    event = PlannedEvent("Whistle", source_file, onset=1.25, duration=0.7, snr=snr)
    plan = ClipPlan("train_0000", "train", "background/room/room0.wav", 0.5, (event,))
    audio, _ = mixing.mix(plan, SPEC, bank.root)
    assert audio.shape == (3 * RATE,)

    background = soundfile.read(bank.root / plan.background)[0][RATE // 2 :][: 3 * RATE]
    inside = slice(int(1.25 * RATE), int(1.95 * RATE))
    outside = np.ones(audio.size, dtype=bool)
    outside[inside] = False
    gain = audio[outside] @ background[outside] / (background[outside] @ background[outside])
    np.testing.assert_allclose(audio[outside], gain * background[outside], atol=1e-9)
    assert loudness(gain * background) == pytest.approx(-55.0, abs=0.01)

    event_audio = (audio - gain * background)[inside]
    source = soundfile.read(bank.root / source_file)[0]
    middle = slice(RATE // 50, -RATE // 50)  # without Scaper's fades of 10 ms
    event_gain = event_audio[middle] @ source[middle] / (source[middle] @ source[middle])
    np.testing.assert_allclose(event_audio[middle], event_gain * source[middle], atol=1e-9)
    assert loudness(event_gain * source) == pytest.approx(-55.0 + snr, abs=0.01)
    # At its onset, to the sample.
    correlation = np.correlate(audio, source, mode="valid")
    assert np.argmax(np.abs(correlation)) == inside.start


def test_short_background_is_repeated(bank: SoundBank) -> None:
    event = PlannedEvent("Bell", "foreground/train/Bell/bell_train0.wav", 0.1, 0.3, 20.0)
    plan = ClipPlan("train_0000", "train", "background/room/room1.wav", 0.0, (event,))
    audio, _ = mixing.mix(plan, SPEC, bank.root)
    np.testing.assert_allclose(audio[2 * RATE + RATE // 2 :], audio[RATE // 2 : RATE], atol=1e-9)


def test_what_scaper_changes_is_an_error(bank: SoundBank) -> None:
    late = PlannedEvent("Bell", "foreground/train/Bell/bell_train0.wav", 2.9, 0.3, 20.0)
    plan = ClipPlan("train_0000", "train", "background/room/room0.wav", 0.0, (late,))
    with pytest.raises(IgsedError, match=r"soundscape train_0000: Scaper made .*onset=2\.7"):
        mixing.mix(plan, SPEC, bank.root)
    gone = replace(plan, events=(replace(late, source_file="foreground/train/Bell/gone.wav"),))
    with pytest.raises(IgsedError, match=r"could not make soundscape train_0000 .*check .*Bell/gone\.wav"):
        mixing.mix(gone, SPEC, bank.root)


def test_scaper_leaves_no_trace(bank: SoundBank) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mixing.mix(draw(bank, SPEC, pool="train", n=1, seed=0)[0], SPEC, bank.root)
    assert not hasattr(np, "Inf")
    assert "soxbindings" not in sys.modules
    assert sys.modules["scaper.core"].sox.__name__ == "sox"


# --- the set on disk ---


def test_tables_say_what_the_jams_say(made: soundscapes.SoundscapeSet) -> None:
    import jams

    rows = []
    for clip in made.clips.itertuples():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            jam = jams.load(str(made.root / clip.split / f"{clip.clip}.jams"))
        assert jam.file_metadata.duration == SPEC.duration
        foreground = [o for o in jam.annotations[0].data if o.value["role"] == "foreground"]
        assert clip.n_events == len(foreground)
        rows += [
            (clip.clip, o.value["label"], o.time, o.time + o.duration, o.value["snr"], o.value["source_file"])
            for o in foreground
        ]
    expected = pd.DataFrame(rows, columns=soundscapes.EVENT_COLUMNS)
    pd.testing.assert_frame_equal(made.events, expected, check_exact=True)
    loaded = soundscapes.load(made.root)
    for name in ("clips", "events", "removed"):
        pd.testing.assert_frame_equal(getattr(loaded, name), getattr(made, name), check_exact=True)


def test_filter_and_files(made: soundscapes.SoundscapeSet) -> None:
    assert len(made.removed) > 0
    assert len(made.clips) + len(made.removed) == 14
    assert (made.removed["polyphony"] > 1).all()
    assert (made.clips["polyphony"] == 1).all()
    for _, events in made.events.groupby("clip"):
        assert (events["onset"].to_numpy()[1:] >= events["offset"].to_numpy()[:-1]).all()
    n_validation, n_test = ((made.clips["split"] == split).sum() for split in ("validation", "test"))
    assert n_validation == (n_validation + n_test) // 2
    audio = {str(path.relative_to(made.root)) for path in made.root.rglob("*.flac")}
    assert audio == {f"{row.split}/{row.clip}.flac" for row in made.clips.itertuples()}
    for name in audio:
        info = soundfile.info(made.root / name)
        assert (info.samplerate, info.channels, info.subtype, info.frames) == (RATE, 1, "PCM_24", 3 * RATE)


def test_jams_names_no_folder_of_this_machine(made: soundscapes.SoundscapeSet, bank: SoundBank) -> None:
    for path in made.root.rglob("*.jams"):
        text = path.read_text()
        assert str(bank.root) not in text
        assert str(made.root) not in text
        assert json.loads(text)["annotations"][0]["sandbox"]["scaper"]["fg_path"].startswith("foreground/")


def test_scaper_makes_the_same_audio_from_the_jams(made: soundscapes.SoundscapeSet, bank: SoundBank) -> None:
    clip = made.clips.iloc[0]
    path = made.root / clip["split"] / f"{clip['clip']}.jams"
    with mixing._scaper() as scaper:
        audio = scaper.generate_from_jams(
            str(path), fg_path=str(bank.root / "foreground/train"), bg_path=str(bank.root / "background")
        )[0]
    np.testing.assert_allclose(soundfile.read(path.with_suffix(".flac"))[0], audio[:, 0], atol=2**-23)


def test_same_bytes_for_any_workers_and_folders(bank: SoundBank, tmp_path: Path) -> None:
    shutil.copytree(bank.root, tmp_path / "moved")
    moved = replace(bank, root=tmp_path / "moved")
    generate(bank, tmp_path / "one", n_train=2, n_eval=4, workers=1)
    generate(moved, tmp_path / "two", n_train=2, n_eval=4, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_interrupted_run_goes_on(bank: SoundBank, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = generate(bank, out)
    before = contents(out)
    flacs = sorted(out.rglob("*.flac"))
    flacs[0].unlink()
    flacs[1].with_suffix(".jams").unlink()
    flacs[2].with_suffix(".jams").write_text('{"annotations": [')
    (flacs[3].parent / f".{flacs[3].stem}.99.tmp.flac").write_bytes(b"fLaC")
    (out / "clips.csv").unlink()
    times = {path: path.stat().st_mtime_ns for path in flacs[3:]}
    second = generate(bank, out)
    pd.testing.assert_frame_equal(first.clips, second.clips)
    after = {name: data for name, data in contents(out).items() if not Path(name).name.startswith(".")}
    assert after == before
    assert {path: path.stat().st_mtime_ns for path in flacs[3:]} == times


def test_other_parameters_in_the_same_folder(bank: SoundBank, tmp_path: Path) -> None:
    generate(bank, tmp_path / "out", n_eval=6)
    foreign = put(tmp_path / "out/train/mine.flac", noise(0.1))
    generate(bank, tmp_path / "out", n_train=3, n_eval=4, seed=6)
    generate(bank, tmp_path / "fresh", n_train=3, n_eval=4, seed=6)
    assert foreign.exists()
    foreign.unlink()
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_changed_sound_is_mixed_again(tmp_path: Path) -> None:
    source = write_bank(tmp_path / "source", per_pool=1)
    generate(prepare(source, tmp_path / "cache"), tmp_path / "out")
    before = contents(tmp_path / "out")
    put(source / "foreground/eval/Bell/bell_eval0.wav", tone(900.0, 0.3))
    made = generate(prepare(source, tmp_path / "cache"), tmp_path / "out")
    after = contents(tmp_path / "out")
    changed = {Path(name).stem for name in before if name.endswith(".flac") and before[name] != after[name]}
    uses = made.events[made.events["source_file"] == "foreground/eval/Bell/bell_eval0.wav"]
    assert changed == set(uses["clip"])
    assert changed


def test_without_sox(bank: SoundBank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate(bank, tmp_path / "made", n_train=1, n_eval=4)
    monkeypatch.setenv("PATH", "")
    generate(bank, tmp_path / "made", n_train=1, n_eval=4)  # nothing to mix, so nothing to ask for
    with pytest.raises(IgsedError, match=r"apt-get install sox.*conda install -c conda-forge sox"):
        generate(bank, tmp_path / "new", n_train=1, n_eval=4)


def test_nothing_is_clipped(bank: SoundBank, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"of \d+ soundscapes were scaled, the worst by -\d.*'ref_db'"):
        made = generate(bank, tmp_path / "out", spec=replace(SPEC, ref_db=-15.0), n_train=2, n_eval=4)
    peaks = np.abs(soundscapes.read_clips(made.root, made.clips)).max(axis=1)
    scaled = made.clips["gain_db"].to_numpy() < 0
    assert scaled.any()
    np.testing.assert_allclose(peaks[scaled], 1.0, atol=1e-6)
    assert (peaks <= 1.0).all()


def test_empty_split(bank: SoundBank, tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match=r"no soundscape is left for validation.*'n_eval' \(1\)"):
        generate(bank, tmp_path / "out", n_eval=1)


def test_read_clips(made: soundscapes.SoundscapeSet, tmp_path: Path) -> None:
    some = made.clips.iloc[[2, 0]]
    audio = soundscapes.read_clips(made.root, some)
    assert audio.dtype == np.float32
    assert audio.shape == (2, 3 * RATE)
    row = some.iloc[1]
    expected = soundfile.read(made.root / row["split"] / f"{row['clip']}.flac", dtype="float32")[0]
    np.testing.assert_array_equal(audio[1], expected)
    with pytest.raises(IgsedError, match=r"train_0001\.flac.*no such file"):
        soundscapes.read_clips(tmp_path, pd.DataFrame({"clip": ["train_0001"], "split": ["train"]}))
    for name, seconds in (("train_0001", 1.0), ("train_0002", 0.5)):
        put(tmp_path / f"train/{name}.flac", noise(seconds))
    with pytest.raises(IgsedError, match=r"train_0002\.flac has 8000 samples, train_0001\.flac has 16000"):
        soundscapes.read_clips(tmp_path, pd.DataFrame({"clip": ["train_0001", "train_0002"], "split": "train"}))


def test_load_before_generate(tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match=r"clips\.csv is missing: make the soundscapes first"):
        soundscapes.load(tmp_path)


def test_real_bank(tmp_path: Path) -> None:
    shared = Path(os.environ.get("IGSED_SHARED") or Path(__file__).parents[3] / "shared") / "realbank"
    if not shared.is_dir():
        pytest.skip(f"no bank of real recordings at {shared} (set IGSED_SHARED)")
    real = soundbank.prepare(str(shared), seed=0, sample_rate=32000, cache_dir=tmp_path / "cache", workers=1)
    spec = SoundscapeSpec()
    share = np.mean([plan.polyphony > 2 for plan in draw(real, spec, pool="train", n=1000, seed=0)])
    assert 0.05 < share < 0.30  # the paper removed 177 of 1000
    made = generate(real, tmp_path / "out", spec=spec, n_train=2, n_eval=4)
    audio = soundscapes.read_clips(made.root, made.clips)
    assert audio.shape[1] == 320000
    for row, clip in zip(audio, made.clips.itertuples(), strict=True):
        events = made.events[made.events["clip"] == clip.clip]
        seconds = np.arange(row.size) / 32000
        active = np.any([(seconds >= e.onset) & (seconds < e.offset) for e in events.itertuples()], axis=0)
        level = 10 * np.log10(np.mean(row[active] ** 2) / np.mean(row[~active] ** 2))
        assert 5.0 < level < 40.0


def test_validation_and_test_sets_alone(bank: SoundBank, tmp_path: Path) -> None:
    """Without a training set the others are what they would be with one."""
    alone = generate(bank, tmp_path / "alone", n_train=0)
    whole = generate(bank, tmp_path / "whole")
    assert set(alone.clips["split"]) == {"validation", "test"}
    held_out = whole.clips[whole.clips["split"] != "train"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.clips, held_out)
