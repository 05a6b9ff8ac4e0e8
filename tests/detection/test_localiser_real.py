"""On real recordings with a real encoder: a long recording is searched as well as its parts; needs ``../shared``."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from numpy.typing import NDArray

from igsed_core.detection import localiser_training
from igsed_core.detection.localiser import Localiser
from igsed_core.metrics import event_lists
from igsed_core.models.encoders import registry

SHARED = Path(os.environ.get("IGSED_SHARED") or Path(__file__).parents[3] / "shared")
BANK, WEIGHTS = SHARED / "realbank" / "audio", SHARED / "weights" / "mn04_as_mAP_432.pt"
CLASSES = ("Baby_cry", "Dog", "Speech")
RATE, SECONDS = 32_000, 10.0
pytestmark = pytest.mark.skipif(
    not (BANK.is_dir() and WEIGHTS.is_file()), reason=f"no real recordings or weights at {SHARED} (set IGSED_SHARED)"
)


def clips(rng: np.random.Generator, pool: str, n: int) -> list[tuple[NDArray[np.float32], list[tuple]]]:
    """Clips of a background with a sound 20 dB above it, each class and none of them in turn."""
    quiet = sorted((BANK / "background").rglob("*.flac"))
    made = []
    for i in range(n):
        sound = soundfile.read(quiet[rng.integers(len(quiet))], frames=round(SECONDS * RATE), dtype="float32")[0]
        sound = 0.01 * sound / np.sqrt(np.mean(sound**2))
        events = []
        if label := (*CLASSES, "")[i % 4]:
            files = sorted((BANK / "foreground" / pool / label).glob("*.flac"))
            event = soundfile.read(files[rng.integers(len(files))], dtype="float32")[0]
            onset = rng.uniform(0.5, SECONDS - 0.5 - len(event) / RATE)
            first = round(onset * RATE)
            sound[first : first + len(event)] += 0.1 * event / np.sqrt(np.mean(event**2))
            events = [(label, onset, onset + len(event) / RATE)]
        made.append((sound.astype(np.float32), events))
    return made


def test_a_long_recording_is_searched_as_well_as_its_clips() -> None:
    encoder, rng = registry.load("mn04_as", str(WEIGHTS)), np.random.default_rng(0)
    training = clips(rng, "train", 64)
    features = [localiser_training.features_of(encoder, sound, RATE) for sound, _ in training]
    held = [[label for label, _, _ in events] for _, events in training]
    localiser = Localiser(localiser_training.fit(encoder, features, held, seed=0).model, encoder)
    tested = clips(rng, "eval", 40)
    names = [f"{i:02d}" for i in range(len(tested))]
    columns = ["clip", "label", "onset", "offset"]
    rows = [(name, *event) for name, (_, events) in zip(names, tested, strict=True) for event in events]
    truth = pd.DataFrame(rows, columns=columns)
    alone = pd.concat(
        [localiser.locate(sound, RATE).assign(clip=name) for name, (sound, _) in zip(names, tested, strict=True)]
    )
    whole = localiser.locate(np.concatenate([sound for sound, _ in tested]), RATE)
    parts = []
    for i, name in enumerate(names):
        times = whole[["onset", "offset"]] - i * SECONDS
        inside = (times["offset"] > 0) & (times["onset"] < SECONDS)
        parts.append(times[inside].clip(0, SECONDS).assign(clip=name, event_label=whole["event_label"][inside]))
    iou = []
    for found in (alone, pd.concat(parts)):
        table = event_lists.evaluate(
            found.rename(columns={"event_label": "label"})[columns],
            truth,
            dict.fromkeys(names, SECONDS),
            list(CLASSES),
            seed=0,
        )
        iou.append(float(table[(table["metric"] == "iou") & (table["class"] == event_lists.ALL)]["value"].iloc[0]))
    assert min(iou) > 0.5
    assert iou[1] - iou[0] > -0.01, iou
