"""A sound bank of a few short tones and noises, written in a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE = 16000
CLASSES = {"Bell": 1000.0, "Hum": 400.0, "Whistle": 2500.0}


def tone(frequency: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def noise(seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate))


def put(path: Path, samples: np.ndarray, rate: int = RATE, **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


def write_bank(root: Path, *, per_pool: int = 2, background_seconds: tuple[float, ...] = (5.0, 2.0)) -> Path:
    """Three classes, ``per_pool`` files each in train and eval (0.3 to 0.9 s), two white-noise backgrounds."""
    for c, (label, frequency) in enumerate(CLASSES.items()):
        for p, pool in enumerate(("train", "eval")):
            for k in range(per_pool):
                samples = tone(frequency * (1 + 0.01 * p), 0.3 + 0.1 * c + 0.2 * k)
                put(root / f"foreground/{pool}/{label}/{label.lower()}_{pool}{k}.wav", samples)
    for k, seconds in enumerate(background_seconds):
        put(root / f"background/room/room{k}.wav", noise(seconds, seed=k))
    return root
