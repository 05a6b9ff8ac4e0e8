"""The embedded bank: users with voices and habits of their own, five takes each as AVP has them, exact times.

A user is consistent, and says the same syllable for an instrument nearly always, or erratic, and often takes another
one, more often in the improvisation than in the takes of a single instrument. What two users call a snare may be the
same syllable as what a third calls a hi-hat: instruments are told apart within a user, not across users.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft

from igsed_core.base import files
from igsed_core.chapters.vocal_percussion import voice
from igsed_core.chapters.vocal_percussion.boxemes import (
    COLUMNS,
    IMPROVISATION,
    INSTRUMENTS,
    TAKES,
    VocalPercussion,
    split_of,
)
from igsed_core.chapters.vocal_percussion.voice import RATE, Tract
from igsed_core.data import audio, dataset

# Syllables (onset, coda, least and most length in s) that users choose from, for each instrument.
Syllable = tuple[str, str, float, float]
HABITS: dict[str, tuple[Syllable, ...]] = {
    "kd": (
        *(("p", "ʊ", 0.10, 0.17), ("p", "u", 0.10, 0.18), ("p", "ə", 0.09, 0.15), ("ʡʢ", "ə", 0.12, 0.18)),
        *(("p", "o", 0.10, 0.16), ("k", "ʊ", 0.10, 0.15), ("p", "h", 0.08, 0.14), ("t", "u", 0.10, 0.16)),
    ),
    "sd": (
        *(("k", "a", 0.12, 0.20), ("kg", "h", 0.12, 0.20), ("kʃ", "h", 0.13, 0.22), ("p", "a", 0.12, 0.20)),
        *(("tʃ", "ə", 0.13, 0.20), ("k", "æ", 0.12, 0.18), ("kg", "x", 0.08, 0.15), ("ʡʢ", "h", 0.13, 0.20)),
        *(("p", "h", 0.10, 0.18), ("kʃ", "x", 0.10, 0.16)),
    ),
    "hhc": (
        *(("t", "x", 0.04, 0.07), ("ts", "x", 0.06, 0.10), ("!", "x", 0.04, 0.07), ("tɕ", "x", 0.06, 0.09)),
        *(("t", "ɪ", 0.06, 0.10), ("s", "x", 0.06, 0.10), ("tʃ", "x", 0.06, 0.09), ("t", "h", 0.06, 0.10)),
    ),
    "hho": (
        *(("ts", "h", 0.16, 0.28), ("ts", "x", 0.14, 0.26), ("tʃ", "x", 0.14, 0.26), ("s", "h", 0.16, 0.28)),
        *(("tɕ", "h", 0.16, 0.26), ("dʒ", "i", 0.14, 0.22), ("tʒ", "ɪ", 0.14, 0.22), ("tʃ", "h", 0.14, 0.26)),
    ),
}
_EARLY = (0.008, 0.020)  # s by which annotated onsets come before the sound, as AVP's do by some 14 ms
_GAP = (0.12, 0.45)  # s of pause after a sound
BANK = "boxemes.csv"


@dataclass(frozen=True)
class User:
    """A user of the embedded bank.

    Attributes
    ----------
    user
        Name.
    held_out
        Whether it is kept out of the training of networks.
    consistent
        Whether it mostly keeps to one syllable for an instrument.
    tract
        Its voice.
    noise
        Of the recording, in dB below the take's peak.
    """

    user: str
    held_out: bool
    consistent: bool
    tract: Tract
    noise: float

    @property
    def faithful(self) -> tuple[float, float]:
        """Probability of the usual syllable, in takes of one instrument and in the improvisation."""
        return (0.97, 0.95) if self.consistent else (0.8, 0.65)


def users(number: int, held_out: int, *, seed: int) -> list[User]:
    """Draw users; every other one is consistent, among those held out as well.

    Parameters
    ----------
    number
        Of all users.
    held_out
        Of those that are kept out of training: the last ones.
    seed
        Of the draws.
    """
    found = []
    for i in range(number):
        rng = np.random.default_rng([seed, 0x0B0E, i])
        tract = Tract(
            scale=float(rng.uniform(0.88, 1.22)),
            pitch=float(np.exp(rng.uniform(np.log(85), np.log(230)))),
            breath=float(rng.uniform(0.05, 0.4)),
            scatter=float(rng.uniform(0.05, 0.12)),
            tilt=float(rng.uniform(-2.0, 2.0)),
        )
        found.append(User(f"U{i + 1:02d}", i >= number - held_out, i % 2 == 0, tract, float(rng.uniform(30, 48))))
    return found


def build(root: Path, *, number: int, held_out: int, sounds: int, seed: int) -> VocalPercussion:
    """Make the bank, or read it where it lies: the same bytes for the same arguments.

    Parameters
    ----------
    root
        Folder for the takes.
    number, held_out
        Users, and those of them that are kept out of training.
    sounds
        In each take of one instrument; the improvisation has twice as many.
    seed
        Of all draws.
    """
    everybody = users(number, held_out, seed=seed)
    if not (root / BANK).is_file():
        made = [_user(root, user, sounds, seed) for user in everybody]
        files.write_table(root / BANK, pd.concat(made, ignore_index=True))
    return load(root, everybody)


def load(root: Path, everybody: list[User]) -> VocalPercussion:
    """Read the bank that lies in a folder.

    Parameters
    ----------
    root
        The folder.
    everybody
        Its users.
    """
    boxemes = files.read_table(root / BANK)
    clips = boxemes[["clip", "split", "user", "take"]].drop_duplicates(ignore_index=True)
    clips["file"] = clips["clip"] + ".wav"
    takes = dataset.from_tables(
        root,
        clips,
        sample_rate=RATE,
        events=boxemes.rename(columns={"instrument": "label"})[["clip", "label", "onset", "offset"]],
        classes=INSTRUMENTS,
    )
    known = [{**asdict(u), **asdict(u.tract)} for u in everybody]
    return VocalPercussion(takes, boxemes, pd.DataFrame(known).drop(columns="tract"))


def _user(root: Path, user: User, sounds: int, seed: int) -> pd.DataFrame:
    """Write the five takes of a user; returns the rows of its sounds."""
    rng = np.random.default_rng([seed, 0x5A1, int(user.user[1:])])
    usual = {name: HABITS[name][rng.integers(len(HABITS[name]))] for name in INSTRUMENTS}
    rows = []
    for take, only in TAKES.items():
        names = [only] * sounds if only else list(rng.permutation(np.repeat(INSTRUMENTS, sounds // 2)))
        rows += _take(root, user, take, names, usual, rng)
    return pd.DataFrame(rows)[list(COLUMNS)]


def _take(
    root: Path, user: User, take: str, names: list[str], usual: dict[str, Syllable], rng: np.random.Generator
) -> list[dict[str, object]]:
    clip = f"{user.user}_{take}"
    faithful = user.faithful[take == IMPROVISATION]
    parts: list[NDArray[np.float64]] = [np.zeros(round(0.1 * RATE))]
    position, rows = len(parts[0]), []
    for name in names:
        onset, coda, low, high = usual[name]
        if rng.uniform() > faithful:
            onset, coda, low, high = HABITS[name][rng.integers(len(HABITS[name]))]
        sound = voice.utter(onset, coda, float(rng.uniform(low, high)), user.tract, rng)
        level = 10 ** (float(rng.normal(0.0, 3.0)) / 20) / np.sqrt(np.mean(sound.samples**2))
        pause = round(float(rng.uniform(*_GAP)) * RATE)
        parts += [level * sound.samples, np.zeros(pause)]
        n = len(sound.samples)
        rows.append(
            {
                **{"clip": clip, "split": split_of(take, held_out=user.held_out), "user": user.user, "take": take},
                **{"instrument": name, "onset_phoneme": onset, "coda_phoneme": coda},
                "onset": position / RATE - float(rng.uniform(*_EARLY)),
                "start": position / RATE,
                "coda": (position + sound.coda) / RATE,
                "end": (position + n) / RATE,
            }
        )
        position += n + pause
    whole = _recorded(np.concatenate(parts), user, rng)
    audio.write(root / f"{clip}.wav", whole, RATE)
    nexts = [*(row["onset"] for row in rows[1:]), position / RATE]
    return [{**row, "offset": following} for row, following in zip(rows, nexts, strict=True)]


def _recorded(samples: NDArray[np.float64], user: User, rng: np.random.Generator) -> NDArray[np.float32]:
    """Put the microphone's tilt on it, and the room's noise, which falls by 3 dB per octave."""
    size = fft.next_fast_len(len(samples), real=True)
    octaves = np.log2(np.maximum(fft.rfftfreq(size, 1 / RATE), 40.0) / 1000.0)

    def tilted_by(x: NDArray[np.float64], slope: float) -> NDArray[np.float64]:
        return np.asarray(fft.irfft(fft.rfft(x, size) * 10 ** (slope * octaves / 20), size)[: len(samples)])

    tilted, noise = tilted_by(samples, user.tract.tilt), tilted_by(rng.standard_normal(len(samples)), -3.0)
    tilted = 0.7 * tilted / np.abs(tilted).max()
    noise *= 0.7 * 10 ** (-user.noise / 20) / np.sqrt(np.mean(noise**2))
    return (tilted + noise).astype(np.float32)
