"""The adaptive rule: more points on the steps where the score's change is not yet explained.

It begins with midpoints over the level. Each point stands for the levels closer to it than to any other. At a point
a forward pass gives the score `F` and a backward pass its slope `F'` over the level, so the error on each step from
point to point is known exactly: what `F` gains there, less what the slopes at both ends explain. A point in the
middle of the worst step is added until the errors together, the completeness error, are small enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution.ig import quadrature
from igsed_core.attribution.ig.mel_path import Task, gradients
from igsed_core.attribution.ig.reduced import MelScore

FIRST = 12  # levels to begin with, ...
FIRST_SHARE = 0.75  # ... but no more than this share of all, lest none is left to place
NARROWEST = 0.5  # dB; a step this narrow gets no further point


@dataclass(eq=False)
class _Map:
    """One class of one clip: its values at the levels so far, in the order of evaluation."""

    clip: int
    slot: int
    output: int
    floor: float  # dB
    silence: float
    score: float
    levels: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    slopes: list[float] = field(default_factory=list)
    integrands: list[Tensor] = field(default_factory=list)  # a^2 h, (frames, mels) each

    def add(self, level: float, score: float, integrand: Tensor, power: Tensor) -> None:
        """Take the values at one more level."""
        self.levels.append(level)
        self.scores.append(score)
        self.slopes.append(2 * quadrature.NEPER * float((power * integrand).sum()))
        self.integrands.append(integrand)

    def steps(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Ends of the steps from the floor over all points to the clip, and the unexplained change on each."""
        order = np.argsort(self.levels)
        ends = np.array([self.floor, *np.array(self.levels)[order], 0.0])
        gained = np.diff([self.silence, *np.array(self.scores)[order], self.score])
        slopes = np.array(self.slopes)[order]
        # The first and the last step have one point, which stands for all of them.
        slopes = np.concatenate([slopes[:1], (slopes[1:] + slopes[:-1]) / 2, slopes[-1:]])
        return ends, gained - np.diff(ends) * slopes

    def missing(self) -> float:
        """Relative completeness error."""
        return abs(float(self.steps()[1].sum())) / max(abs(self.score - self.silence), 1e-12)

    def next_level(self) -> float | None:
        """Middle of the step with the largest error; None if no step that is wide enough has one."""
        ends, errors = self.steps()
        errors = np.abs(errors) * (np.diff(ends) > NARROWEST)
        worst = int(errors.argmax())
        return float(ends[worst : worst + 2].mean()) if errors[worst] > 0 else None

    def integral(self) -> Tensor:
        """Integral of `a h(a) da`: each point stands for the levels up to half way to its neighbours."""
        order = np.argsort(self.levels)
        levels = np.array(self.levels)[order]
        borders = np.concatenate([[self.floor], (levels[1:] + levels[:-1]) / 2, [0.0]])
        total = torch.zeros_like(self.integrands[0])
        for position, width in zip(order, np.diff(borders), strict=True):
            total += float(width * quadrature.NEPER) * self.integrands[position]
        return total


def integrate(
    model: MelScore,
    task: Task,
    floors: list[float],
    silence: Tensor,
    score: Tensor,
    *,
    n_steps: int,
    tolerance: float,
    batch: int,
) -> tuple[Tensor, Tensor]:
    """Integral of `a h(a)` with points where they are needed.

    The first points of a clip serve all its classes, later ones the class that needs them, so that no class
    depends on another. A mel map is kept for each point of each class that is not done; everything else is bounded
    by ``batch``.

    Parameters
    ----------
    model, task
        The score and its clips.
    floors
        Level at which each clip's path begins, in dB.
    silence, score
        Of silence and of the clips, ``[shape=(n_outputs,)]`` and ``[shape=(n_clips, n_outputs)]``.
    n_steps
        Most points of a class.
    tolerance
        Relative completeness error at which a class is done.
    batch
        Mel maps in one forward pass.

    Returns
    -------
    integral : Tensor [shape=(n_clips, n_slots, frames, mels)]
    points : Tensor [shape=(n_clips, n_slots), dtype=int64]
        Points that each class took.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.ig.adaptive import integrate
    >>> from igsed_core.attribution.ig.mel_path import Task
    >>> total = lambda power: power.sum(dim=(1, 2))[:, None]  # one class; h is 1, and the integral of a is 1/2
    >>> task, silence, score = Task(torch.ones(1, 1, 2), [[0]]), torch.zeros(1), torch.tensor([[2.0]])
    >>> integral, points = integrate(total, task, [-60.0], silence, score, n_steps=32, tolerance=0.01, batch=8)
    >>> bool((integral - 0.5).abs().max() < 0.01), bool(points.max() <= 32)
    (True, True)
    """
    n_clips, n_frames, n_mels = task.power.shape
    integral = task.power.new_zeros(n_clips, task.n_slots, n_frames, n_mels)
    used = torch.zeros(n_clips, task.n_slots, dtype=torch.int64)
    maps = [
        [
            _Map(clip, slot, output, floors[clip], float(silence[output]), float(score[clip, output]))
            for slot, output in enumerate(classes)
        ]
        for clip, classes in enumerate(task.classes)
    ]
    n_first = max(1, min(FIRST, int(FIRST_SHARE * n_steps)))
    shares = (np.arange(n_first) + 0.5) / n_first
    wanted = [(of_clip, lowest * (1 - share)) for of_clip, lowest in zip(maps, floors, strict=True) for share in shares]
    active = [one for of_clip in maps for one in of_clip]
    while wanted:
        _evaluate(model, task.power, wanted, batch)
        unfinished = [one for one in active if one.missing() > tolerance and len(one.levels) < n_steps]
        levels = {one: one.next_level() for one in unfinished}
        wanted = [([one], level) for one, level in levels.items() if level is not None]
        still = [one for (one,), _ in wanted]
        for one in set(active).difference(still):
            integral[one.clip, one.slot] = one.integral()
            used[one.clip, one.slot] = len(one.levels)
            one.integrands.clear()
        active = still
    return integral, used


def _evaluate(model: MelScore, power: Tensor, wanted: list[tuple[list[_Map], float]], batch: int) -> None:
    """Give some maps of one clip their values at a level, for each of the wanted pairs of maps and level."""
    for start in range(0, len(wanted), batch):
        points = wanted[start : start + batch]
        rows = power[[maps[0].clip for maps, _ in points]]  # (n, frames, mels)
        gains = quadrature.gain(np.array([level for _, level in points]))
        classes = [[one.output for one in maps] for maps, _ in points]
        for slot, scores, integrands in gradients(model, rows, classes, gains, gains**2):
            for (maps, level), mine, score, integrand in zip(points, rows, scores.tolist(), integrands, strict=True):
                if slot < len(maps):
                    maps[slot].add(level, score, integrand, mine)
