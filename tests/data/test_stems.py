"""A stem is the class alone: it sounds where the annotation says, and stems with the background make the soundscape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from igsed_core.data import mixing, stems
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.data.soundscape_plan import ClipPlan, PlannedEvent, SoundscapeSpec
from tiny_bank import RATE, write_bank


def test_stems_sound_when_their_events_do_and_sum_to_the_soundscape(tmp_path: Path) -> None:
    root = soundbank.prepare(
        str(write_bank(tmp_path / "source")), seed=0, sample_rate=RATE, cache_dir=tmp_path / "cache", workers=1
    ).root
    (bell, hum) = (
        next(root.glob(f"foreground/eval/{name}/*")).relative_to(root).as_posix() for name in ("Bell", "Hum")
    )
    plan = ClipPlan(
        *("eval_0000", "eval", next(root.glob("background/*/*")).relative_to(root).as_posix(), 0.0),
        (PlannedEvent("Bell", bell, 0.5, 0.3, 20.0), PlannedEvent("Hum", hum, 1.5, 0.4, 20.0)),
    )
    spec = SoundscapeSpec(duration=3.0, sample_rate=RATE)
    samples, text = mixing.mix(plan, spec, root)
    annotation = tmp_path / "eval_0000.jams"
    annotation.write_text(text, encoding="utf-8")
    by_class = {label: stems.of_class(annotation, label, spec, root) for label in ("Bell", "Hum", "Whistle")}
    loudest = {label: np.abs(stem).max() for label, stem in by_class.items()}
    for label, onset, offset in (("Bell", 0.5, 0.8), ("Hum", 1.5, 1.9)):
        outside = np.ones(len(samples), bool)
        outside[round((onset - 0.02) * RATE) : round((offset + 0.02) * RATE)] = False
        assert np.abs(by_class[label][outside]).max() < 1e-3 * loudest[label]
    assert loudest["Whistle"] == 0
    background, _ = mixing.mix(ClipPlan(plan.clip, plan.pool, plan.background, 0.0, ()), spec, root)
    assert by_class["Bell"] + by_class["Hum"] + background == pytest.approx(samples, abs=1e-4 * loudest["Bell"])
