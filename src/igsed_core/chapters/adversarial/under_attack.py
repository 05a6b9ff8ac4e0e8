"""Explanations under attack: the main job's classifier on soundscapes whose events are known to the sample.

One class of a soundscape is made to vanish, or another to appear, and the maps of the classes that nobody attacked are
compared with what they were; its maps are made to move while no class does; noise of the same size is the control.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.base import devices
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.adversarial import moving, summary
from igsed_core.chapters.adversarial.attacks.base import Attacked
from igsed_core.chapters.adversarial.attacks.deepfool import deepfool
from igsed_core.chapters.adversarial.attacks.goals import Appear, Goal, Vanish
from igsed_core.chapters.adversarial.attacks.steps import noise, pgd
from igsed_core.chapters.adversarial.clips import Clips
from igsed_core.chapters.adversarial.explaining import CAM, IG, LOCALISER, METHODS, Listener, Looked
from igsed_core.chapters.adversarial.moving import MOVE_FRAMES, MOVE_WINNERS
from igsed_core.chapters.adversarial.study import APPEAR, DEEPFOOL, NOISE, PGD_L2, VANISH, Run
from igsed_core.chapters.adversarial.training import SIGMOID
from igsed_core.data.soundscapes import SoundscapeSet
from igsed_core.metrics import frames, localisation

CLEAN = "clean"
VARIANTS = {
    NOISE: "white noise",
    VANISH: "a class made to vanish",
    APPEAR: "a class made to appear",
    MOVE_FRAMES: "the map moved (frames)",
    MOVE_WINNERS: "the map moved (winners)",
}
_KEPT = 2  # classes that nobody attacks, of a soundscape, at most


@dataclass(frozen=True, eq=False)
class Case:
    """A soundscape with several detected classes, and which of them is attacked.

    Attributes
    ----------
    clip
        Its name.
    waveform
        ``[shape=(n_samples,)]``
    attacked, new
        Numbers of the class that is to vanish, or whose map is to move, and of one to appear.
    kept
        Numbers of classes that nobody attacks.
    truth
        Active evaluation frames of the attacked class and of those kept, ``[shape=(1 + n_kept, n_frames)]``.
    any_event
        Frames in which anything sounds, ``[shape=(n_frames,)]``.
    """

    clip: str
    waveform: Tensor
    attacked: int
    kept: tuple[int, ...]
    new: int
    truth: NDArray[np.bool_]
    any_event: NDArray[np.bool_]

    @property
    def explained(self) -> list[int]:
        """Classes that are explained: the attacked one, those kept, the new one."""
        return [self.attacked, *self.kept, self.new]


def cases(predictions: pd.DataFrame, data: SoundscapeSet, listener: Listener, most: int, *, seed: int) -> list[Case]:
    """Choose the first test soundscapes in which at least two classes that are present are detected.

    Where there is none, those with one are taken, and there is no class that nobody attacks.

    Parameters
    ----------
    predictions
        Of the main job.
    data
        Its soundscapes.
    listener
        Its classifier.
    most
        How many at most; fewer where there are not so many.
    seed
        Of the choice of classes.

    Raises
    ------
    IgsedError
        If nothing is detected in any.
    """
    rng = np.random.default_rng([seed, 0xCA5E])
    names = listener.classifier.classes
    mine = predictions[(predictions["method"] == "clip_level") & (predictions["split"] == "test")]
    found: list[Case] = []
    counted = mine[mine["detected"] & mine["present"]].groupby("clip").size()
    if counted.empty:
        raise IgsedError(
            "the main job's classifier detects no class that is present in a test soundscape: train it longer"
        )
    fewest = min(2, int(counted.max()))
    for clip, rows in mine.groupby("clip", sort=False):
        there = [names.index(str(label)) for label in rows[rows["detected"] & rows["present"]]["label"]]
        absent = [names.index(str(label)) for label in rows[~rows["detected"] & ~rows["present"]]["label"]]
        if len(there) < fewest or not absent:
            continue
        chosen = rng.permutation(there)
        events = data.events_of(str(clip))
        masks = {c: _active(events[events["label"] == names[c]], listener) for c in there}
        kept = tuple(int(c) for c in chosen[1 : 1 + _KEPT])
        row = data.clips[data.clips["clip"] == clip]
        found.append(
            Case(
                str(clip),
                torch.from_numpy(data.read(row)[0]),
                int(chosen[0]),
                kept,
                int(rng.choice(absent)),
                np.stack([masks[int(chosen[0])], *(masks[c] for c in kept)]),
                _active(events, listener),
            )
        )
        if len(found) == most:
            break
    return found


def _active(events: pd.DataFrame, listener: Listener) -> NDArray[np.bool_]:
    return frames.activity(
        events["onset"],
        events["offset"],
        n_frames=listener.n_frames,
        frame_length=listener.frame_length,
        duration=listener.duration,
    )


def clips_of(some: Sequence[Case], n_classes: int) -> Clips:
    """Return the soundscapes as clips, with the attacked classes as targets."""
    targets = torch.zeros(len(some), n_classes)
    for row, one in enumerate(some):
        targets[row, [one.attacked, *one.kept]] = 1
    return Clips(torch.stack([one.waveform for one in some]), targets, np.full((len(some), n_classes, 2), np.nan))


@devices.threads(1)
def attack(
    listener: Listener, some: Sequence[Case], name: str, *, snr: float, steps: int, seed: int
) -> tuple[list[Run], dict[str, Attacked]]:
    """Attack the classes, then the maps.

    Parameters
    ----------
    listener
        Classifier and explanations.
    some
        Soundscapes.
    name
        Of the classifier.
    snr
        In dB, of all attacks of a given size.
    steps
        Steps of each; twice as many for DeepFool at most.
    seed
        Of noise.

    Returns
    -------
    tuple
        Attacks on classes, as of other classifiers; and the soundscapes of each of :data:`VARIANTS`.
    """
    waveforms = torch.stack([one.waveform for one in some])
    own, new = (torch.tensor([getattr(one, what) for one in some]) for what in ("attacked", "new"))
    runs: list[Run] = []

    def run(goal: str, kind: str, aim: Goal, tool: object, **options: object) -> Attacked:
        began = time.perf_counter()
        found: Attacked = tool(listener.score, waveforms, aim, **options)  # type: ignore[operator]
        seconds = (time.perf_counter() - began) / len(some)
        runs.append(Run(SIGMOID, name, goal, kind, np.arange(len(some)), aim, found, seconds))
        return found

    made = {}
    for goal, aim in ((VANISH, Vanish(own)), (APPEAR, Appear(new))):
        made[NOISE] = run(goal, NOISE, aim, noise, snr=snr, seed=seed)
        made[goal] = run(goal, PGD_L2, aim, pgd, snr=snr, steps=steps)
        run(goal, DEEPFOOL, aim, deepfool, steps=2 * steps)
    inside = moving.feature_frames(listener, [one.truth[0] for one in some])
    for kind in moving.MOVES:
        made[kind] = moving.move(listener, waveforms, own, inside, kind=kind, snr=snr, steps=steps)
    return runs, made


@devices.threads(1)
def look(listener: Listener, some: Sequence[Case], made: Mapping[str, Attacked]) -> dict[str, list[Looked]]:
    """Explain every soundscape as it is and in every variant: variant -> what is found in each.

    Parameters
    ----------
    listener, some
        As for :func:`attack`.
    made
        Its second result.
    """
    sounds = {CLEAN: [one.waveform for one in some], **{name: list(one.waveforms) for name, one in made.items()}}
    return {
        name: [listener.look(waveform, one.explained) for waveform, one in zip(of, some, strict=True)]
        for name, of in sounds.items()
    }


def survival(
    some: Sequence[Case],
    made: Mapping[str, Attacked],
    looked: Mapping[str, Sequence[Looked]],
    *,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Say how explanations change: of classes that nobody attacks, and where maps are attacked, of the attacked class.

    Parameters
    ----------
    some, made, looked
        From :func:`cases`, :func:`attack` and :func:`look`; a variant counts where its attack succeeded.
    replicates, seed
        Of the bootstrap over soundscapes.

    Returns
    -------
    pd.DataFrame
        ``variant, of`` (``others`` or ``attacked``), ``method, metric`` (rank ``correlation`` over time with the clean
        map, ``iou`` and ``pointing`` of the variant, and their change from clean), ``split, n, value, ci_low,
        ci_high``.
    """
    rows = []
    for variant, found in looked.items():
        if variant == CLEAN:
            continue
        moved = variant in moving.MOVES
        for number, one in enumerate(some):
            if variant != NOISE and not bool(made[variant].reached[number]):
                continue
            clean, now = looked[CLEAN][number], found[number]
            of_whom = {"others": range(1, 1 + len(one.kept)), "attacked": range(1)}
            for whom, slots in of_whom.items():
                if whom == "attacked" and not (moved or variant == NOISE):
                    continue
                for method in METHODS:
                    for slot in slots:
                        truth = one.truth[slot]
                        before, after = clean.maps[method][slot], now.maps[method][slot]
                        masks = clean.masks[method][slot], now.masks[method][slot]
                        iou = [float(localisation.iou(mask, truth)) for mask in masks]
                        point = [float(localisation.pointing_game(values, truth)) for values in (before, after)]
                        values = {
                            "correlation": summary.correlation(before, after),
                            **{"iou": iou[1], "iou_change": iou[1] - iou[0]},
                            **{"pointing": point[1], "pointing_change": point[1] - point[0]},
                        }
                        rows += [(variant, whom, method, one.clip, name, v) for name, v in values.items()]
    table = pd.DataFrame(rows, columns=["variant", "of", "method", "clip", "metric", "value"])
    return _means(table, ["variant", "of", "method", "metric"], replicates=replicates, seed=seed)


def placement(
    some: Sequence[Case],
    made: Mapping[str, Attacked],
    looked: Mapping[str, Sequence[Looked]],
    sample_rate: int,
    frame_length: float,
    *,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Say where in time a perturbation lies.

    Parameters
    ----------
    some, made, looked
        From :func:`cases`, :func:`attack` and :func:`look`.
    sample_rate, frame_length
        In Hz, and of evaluation frames in s.
    replicates, seed
        Of the bootstrap over soundscapes.

    Returns
    -------
    pd.DataFrame
        ``variant, metric, split, n, value, ci_low, ci_high``. Metrics: share of the perturbation ``inside`` the
        attacked class's frames (of any event, where a class appears), share of the frames that these are (``time``),
        of the signal's energy in them (``signal``), ``inside`` minus either, and rank correlations of the perturbation
        over time with the ``energy`` of the signal and the clean maps of the attacked class.
    """
    rows = []
    for variant, attacked in made.items():
        for number, one in enumerate(some):
            frame = round(frame_length * sample_rate)
            where = one.any_event if variant == APPEAR else one.truth[0]
            change = energy(attacked.waveforms[number] - one.waveform, frame, len(where))
            signal = energy(one.waveform, frame, len(where))
            if not change.sum() > 0:
                continue
            clean = looked[CLEAN][number].maps
            inside, share, loud = (float(e[where].sum() / e.sum()) for e in (change, np.ones(len(where)), signal))
            values = {
                **{"inside": inside, "time": share, "signal": loud},
                **{"inside_minus_time": inside - share, "inside_minus_signal": inside - loud},
                "follows_energy": summary.correlation(change, signal),
                **{f"follows_{name}": summary.correlation(change, clean[name][0]) for name in (IG, CAM, LOCALISER)},
            }
            rows += [(variant, name, one.clip, value) for name, value in values.items()]
    table = pd.DataFrame(rows, columns=["variant", "metric", "clip", "value"])
    return _means(table, ["variant", "metric"], replicates=replicates, seed=seed)


def energy(waveform: Tensor, size: int, n: int) -> NDArray[np.float64]:
    """Energy of each block, ``(n_samples,) -> (n,)``; the last one may be cut off."""
    values = np.zeros(n * size)
    given = waveform.double().numpy()[: n * size]
    values[: len(given)] = given
    return np.square(values.reshape(n, size)).sum(axis=1)


def _means(table: pd.DataFrame, keys: list[str], *, replicates: int, seed: int) -> pd.DataFrame:
    rows = []
    for key, group in table.groupby(keys, sort=False):
        known = group.dropna(subset=["value"])
        values = known["value"].to_numpy(dtype=float)
        n, value, *ends = summary.of_values(known["clip"].to_numpy(), values, False, replicates=replicates, seed=seed)
        # Shares, correlations and their changes: of few soundscapes Student's t goes beyond what can be.
        rows.append((*key, "test", n, value, *np.clip(ends, -1.0, 1.0)))
    return pd.DataFrame(rows, columns=[*keys, *summary.COLUMNS[1:]])
