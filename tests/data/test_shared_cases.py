"""The inputs that failed when the kinds of fault were collected, where they lie beside the repository."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

from igsed_core.base.errors import IgsedError
from igsed_core.chapters.conditions import plans
from igsed_core.data import recordings
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.data.soundscape_plan import SoundscapeSpec

CASES = Path(os.environ.get("IGSED_SHARED") or Path(__file__).parents[3] / "shared") / "cases"
BELL = "foreground/train/Bell"
BANKS = {
    "B1": {f"{BELL}/tick.wav": "shorter than 20 ms"},
    "B2": {f"{BELL}/dc.wav": "silent: nothing but a constant offset (DC)"},
    "B6": {
        "foreground/train/loose.wav": "lies in no class folder",
        f"{BELL}/z.opus": "named as z.wave but for the suffix",
    },
    "B7": {"foreground/train/Hum/long.wav": "longer than the soundscape (11.00 s of 10 s)"},
    "B24": {f"{BELL}/anti.wav": "silent when mixed down: its channels cancel (opposite phase)"},
    "R1_numeric": {},
    "R3_special": {},
    "I3_bom": {"train/soundbank/foreground/Dog/1009_0.wav": "official validation list"},
    "I3_utf16": {"train/soundbank/foreground/Dog/1009_0.wav": "official validation list"},
    "mybank": {},
}
HUM, BELLS = ["b.wav", "Hum", 0.0, 1.0], ["a.wav", "Bell", 0.5, 1.5]
TABLES = {
    "C2_utf16": [BELLS, HUM],
    "C7_quoted": [BELLS],
    "C14c_dotslash_same_file": [["a.wav", "Hum", 0.0, 1.0], ["a.wav", "Bell", 2.0, 3.0]],
    "C15_nfd_label": [["a.wav", "Türklingel", 0.0, 1.0]],
    "C15b_nfd_filename": [["ü.wav", "Bell", 0.0, 1.0]],
    "C16_appledouble_tsv": [BELLS, HUM],
    "C16b_upper_TSV": [BELLS, HUM],
}


@pytest.fixture(autouse=True)
def _needs_the_cases() -> None:
    if not CASES.is_dir():
        pytest.skip(f"no cases at {CASES} (set IGSED_SHARED)")


@pytest.mark.parametrize("name", BANKS)
def test_bank(name: str, tmp_path: Path) -> None:
    how = {"seed": 0, "sample_rate": 16_000, "cache_dir": tmp_path, "workers": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bank = soundbank.prepare(str(CASES / name), **how).fitting(10.0)  # type: ignore[arg-type]
    assert dict(zip(bank.skipped["path"], bank.skipped["reason"], strict=True)) == BANKS[name]
    conditions = plans.all_conditions(bank, SoundscapeSpec(), snrs=[0.0], n_clips=1, seed=0)
    clips = [plan.clip for one in conditions for plan in one.plans]
    assert len(set(clips)) == len(clips)


@pytest.mark.parametrize("name", TABLES)
def test_table(name: str) -> None:
    read = recordings.read(str(CASES / name), ("Bell", "Hum", "Türklingel"))
    assert read.events.to_numpy().tolist() == TABLES[name]


def test_samples_that_are_no_numbers() -> None:
    with pytest.raises(IgsedError, match=r"n\.wav holds NaN or infinite samples"):
        recordings.read(str(CASES / "C17_nan_samples"), ("Bell",))
