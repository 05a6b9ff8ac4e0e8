"""What an attack is to reach, as a function of logits: a class lost or won, by a softmax or by sigmoids.

A goal gives gaps, which are negative beyond a boundary: a clip has reached it where one of its gaps is. Every attack
is written against this alone, so that it works alike for one class out of many and for each class of a multi-label
output, where class ``c`` is a choice between two, ``F_c`` and zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from igsed_core.base.errors import IgsedError

G = TypeVar("G", bound="_OfClasses")


class Goal(Protocol):
    """What an attack is to reach."""

    def gaps(self, logits: Tensor) -> Tensor:
        """How far each boundary is, in logits; negative beyond it: ``(n, n_classes) -> (n, n_boundaries)``."""
        ...

    def margin(self, logits: Tensor) -> Tensor:
        """What is still missing; negative where the goal is reached: ``(n, n_classes) -> (n,)``."""
        ...

    def loss(self, logits: Tensor) -> Tensor:
        """Cross-entropy that falls towards the goal: ``(n, n_classes) -> (n,)``, in double precision."""
        ...

    def probability(self, logits: Tensor) -> Tensor:
        """Probability of the class that is to be lost or won: ``(n, n_classes) -> (n,)``."""
        ...

    def reached(self, logits: Tensor) -> Tensor:
        """Which clips are beyond a boundary, and as sure as is asked for: ``(n, n_classes) -> (n,)``."""
        ...

    def of(self, rows: Tensor) -> Goal:
        """Return the goal of some of the clips, by their numbers ``(n,)`` or a mask ``(n,)``."""
        ...


@dataclass(frozen=True, eq=False)
class _OfClasses:
    """A goal with a class for each clip.

    Attributes
    ----------
    classes
        Which class of each clip, ``[shape=(n,)]``.
    """

    classes: Tensor

    def __post_init__(self) -> None:
        if self.classes.ndim != 1 or self.classes.is_floating_point():
            raise IgsedError(
                f"the classes of a goal have the shape {tuple(self.classes.shape)} and the type {self.classes.dtype}: "
                "give a whole number for each clip"
            )

    def of(self: G, rows: Tensor) -> G:
        """Return the goal of some of the clips, by their numbers ``(n,)`` or a mask ``(n,)``."""
        return replace(self, classes=self.classes[rows])

    def own(self, logits: Tensor) -> Tensor:
        """Logit of each clip's class: ``(n, n_classes) -> (n,)``."""
        return logits.gather(1, self.classes[:, None])[:, 0]

    def others(self, logits: Tensor) -> Tensor:
        """Logits of all other classes: ``(n, n_classes) -> (n, n_classes - 1)``."""
        rows, columns = logits.shape
        keep = torch.arange(columns, device=logits.device)[None] != self.classes[:, None]
        return logits[keep].reshape(rows, columns - 1)

    def odds(self, logits: Tensor) -> Tensor:
        """Log-odds of each clip's class, by a softmax: ``(n, n_classes) -> (n,)``."""
        return self.own(logits) - self.others(logits).logsumexp(dim=1)


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


@dataclass(frozen=True, eq=False)
class Leave(_OfClasses):
    """Another class first than the clip's, by a softmax (an untargeted attack).

    Attributes
    ----------
    classes
        The clips' classes, ``[shape=(n,)]``.
    below
        The class's probability must be below this as well; the released code's is one over the number of classes.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.chapters.adversarial.attacks.goals import Leave
    >>> goal = Leave(torch.tensor([0, 0]))
    >>> logits = torch.tensor([[2.0, 1.5, -1.0], [0.0, 1.0, 0.5]])
    >>> goal.margin(logits).tolist(), goal.reached(logits).tolist()
    ([0.5, -1.0], [False, True])
    """

    below: float = 1.0

    def gaps(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.gaps`: one boundary for every other class; a single one where it must be sure."""
        return self.margin(logits)[:, None] if self.below < 1 else self._gaps(logits)

    def _gaps(self, logits: Tensor) -> Tensor:
        return self.own(logits)[:, None] - self.others(logits)

    def margin(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.margin`."""
        first = self._gaps(logits).amin(dim=1)
        return first if self.below >= 1 else torch.maximum(first, self.odds(logits) - _log_odds(self.below))

    def loss(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.loss`."""
        return -torch.nn.functional.cross_entropy(logits.double(), self.classes, reduction="none")

    def probability(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.probability`."""
        return self.own(logits.softmax(dim=1))

    def reached(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.reached`."""
        return self.margin(logits) < 0


@dataclass(frozen=True, eq=False)
class Become(_OfClasses):
    """The class that is wanted first, by a softmax (a targeted attack).

    Attributes
    ----------
    classes
        The wanted classes, ``[shape=(n,)]``.
    at_least
        Probability that they must have; the released code's is 0.975.
    """

    at_least: float = 0.0

    def gaps(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.gaps`: one boundary, that of the highest other class."""
        return self.margin(logits)[:, None]

    def margin(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.margin`."""
        first = self.others(logits).amax(dim=1) - self.own(logits)
        return first if self.at_least <= 0 else torch.maximum(first, _log_odds(self.at_least) - self.odds(logits))

    def loss(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.loss`."""
        return torch.nn.functional.cross_entropy(logits.double(), self.classes, reduction="none")

    def probability(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.probability`."""
        return self.own(logits.softmax(dim=1))

    def reached(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.reached`."""
        return self.margin(logits) < 0


@dataclass(frozen=True, eq=False)
class Vanish(_OfClasses):
    """A class of a multi-label output no longer there: its logit below zero, whatever becomes of the others.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.chapters.adversarial.attacks.goals import Vanish
    >>> Vanish(torch.tensor([1])).margin(torch.tensor([[3.0, 0.25]])).tolist()
    [0.25]
    """

    sign = 1.0

    def gaps(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.gaps`: one boundary."""
        return self.margin(logits)[:, None]

    def margin(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.margin`."""
        return self.sign * self.own(logits)

    def loss(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.loss`."""
        return torch.nn.functional.softplus(self.margin(logits).double())

    def probability(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.probability`."""
        return self.own(logits).sigmoid()

    def reached(self, logits: Tensor) -> Tensor:
        """See :meth:`Goal.reached`."""
        return self.margin(logits) < 0


@dataclass(frozen=True, eq=False)
class Appear(Vanish):
    """A class of a multi-label output there that is not: its logit above zero, whatever becomes of the others."""

    sign = -1.0
