"""The adaptive rule: halve the steps on which the score's change is not yet explained.

At each level a forward pass gives the score `F` and a backward pass its slope `F'` over the level. So the
trapezoid's error on each step is known exactly: what `F` gains there, less the mean slope times the step. The
steps with the largest error are halved until the errors together, the completeness error, are small enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution import rules
from igsed_core.attribution.mel_path import Task, gradients
from igsed_core.attribution.reduced import MelScore

FIRST = 12  # levels to begin with, evenly spread
HALVED = 1  # steps of a clip halved at a time
NARROWEST = 0.25  # dB; a step this narrow is not halved


@dataclass(eq=False)
class _Map:
    """One class of one clip: its values at the levels so far, in the order of evaluation.

    The first level is the floor of the path. It costs no point: the score there is that of silence, and flat.
    """

    slot: int
    levels: list[float]
    scores: list[float]
    slopes: list[float] = field(default_factory=lambda: [0.0])
    integrands: list[Tensor] = field(default_factory=list)  # a^2 h, (frames, mels) each, but for the floor

    def add(self, level: float, score: float, slope: float, integrand: Tensor) -> None:
        """Take the values at one more level."""
        self.levels.append(level)
        self.scores.append(score)
        self.slopes.append(slope)
        self.integrands.append(integrand)

    @property
    def score(self) -> float:
        """Score of the clip itself."""
        return self.scores[self.levels.index(0.0)]

    @property
    def change(self) -> float:
        """Size of the change from silence to the clip."""
        return max(abs(self.score - self.scores[0]), 1e-12)

    @property
    def n_points(self) -> int:
        """Points that were evaluated."""
        return len(self.integrands)

    def steps(self) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
        """Order of the levels, width of the steps between them, error of the trapezoid on each step."""
        order = np.argsort(self.levels)
        widths = np.diff(np.array(self.levels)[order])
        slopes = np.array(self.slopes)[order]
        gained = np.diff(np.array(self.scores)[order])
        return order, widths, gained - widths * (slopes[1:] + slopes[:-1]) / 2

    def missing(self) -> float:
        """Relative completeness error."""
        return abs(float(self.steps()[2].sum())) / self.change

    def integral(self) -> Tensor:
        """Integral of `a h(a) da` by the trapezoid over the levels."""
        order, widths, _ = self.steps()
        weights = np.zeros(len(order))
        weights[order[:-1]] += widths / 2
        weights[order[1:]] += widths / 2
        total = torch.zeros_like(self.integrands[0])
        for weight, integrand in zip(weights[1:], self.integrands, strict=True):
            total += float(weight * rules.NEPER) * integrand
        return total


def integrate(
    model: MelScore, task: Task, floors: list[float], silence: Tensor, *, n_points: int, tolerance: float, batch: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Integral of `a h(a)` with points where they are needed.

    A mel map is kept for each point of each class that is not done; everything else is bounded by ``batch``.

    Parameters
    ----------
    model, task
        The score and its clips.
    floors
        Level at which each clip's path begins, in dB.
    silence
        Scores of silence, ``[shape=(n_outputs,)]``.
    n_points
        Most points of a clip.
    tolerance
        Relative completeness error at which a class is done.
    batch
        Mel maps in one forward pass.

    Returns
    -------
    integral : Tensor [shape=(n_clips, n_slots, frames, mels)]
    score : Tensor [shape=(n_clips, n_outputs)]
        Of the clips themselves; only the explained classes are filled in.
    points : Tensor [shape=(n_clips, n_slots), dtype=int64]
        Points that each class took.
    """
    n_clips, n_frames, n_mels = task.power.shape
    integral = task.power.new_zeros(n_clips, task.n_slots, n_frames, n_mels)
    score = silence.expand(n_clips, -1).clone()
    used = torch.zeros(n_clips, task.n_slots, dtype=torch.int64)
    active = [
        [_Map(slot, [lowest], [float(silence[c])]) for slot, c in enumerate(classes)]
        for lowest, classes in zip(floors, task.classes, strict=True)
    ]
    wanted = [list(np.linspace(lowest, 0.0, 1 + min(FIRST, n_points))[1:]) for lowest in floors]
    while any(wanted):
        _evaluate(model, task, active, wanted, batch)
        for clip, maps in enumerate(active):
            unfinished = [one for one in maps if one.missing() > tolerance]
            wanted[clip] = _next_levels(unfinished, n_points)
            active[clip] = unfinished if wanted[clip] else []
            for one in set(maps).difference(active[clip]):
                integral[clip, one.slot] = one.integral()
                score[clip, task.classes[clip][one.slot]] = one.score
                used[clip, one.slot] = one.n_points
    return integral, score, used


def _evaluate(model: MelScore, task: Task, active: list[list[_Map]], wanted: list[list[float]], batch: int) -> None:
    """Score, slope and integrand of the active classes at the wanted levels of all clips."""
    points = [(clip, level) for clip, levels in enumerate(wanted) for level in levels]
    unfinished = [[task.classes[clip][one.slot] for one in maps] for clip, maps in enumerate(active)]
    for start in range(0, len(points), batch):
        clips, levels = zip(*points[start : start + batch], strict=True)
        gains = rules.gain(np.array(levels))
        for slot, scores, integrands in gradients(model, Task(task.power, unfinished), clips, gains, gains**2):
            slopes = 2 * rules.NEPER * (task.power[list(clips)] * integrands).sum(dim=(1, 2))
            values = zip(clips, levels, scores.tolist(), slopes.tolist(), integrands, strict=True)
            for clip, level, score, slope, integrand in values:
                if slot < len(active[clip]):
                    active[clip][slot].add(level, score, slope, integrand)


def _next_levels(maps: list[_Map], n_points: int) -> list[float]:
    """Middles of the steps with the largest error of any class, relative to the class's change."""
    if not maps:
        return []
    order, widths, _ = maps[0].steps()
    middles = np.array(maps[0].levels)[order][:-1] + widths / 2
    errors = np.max([np.abs(one.steps()[2]) / one.change for one in maps], axis=0)
    errors[widths < 2 * NARROWEST] = 0.0
    worst = np.argsort(-errors, kind="stable")[: min(HALVED, n_points - maps[0].n_points)]
    return [float(middles[i]) for i in worst if errors[i] > 0]
