"""What a page's box is made from and what it holds: the answer in short, by rule from the run's tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from igsed_core.show.claims import MARGIN

NOT_DECIDED = "This run does not decide it"


@dataclass(frozen=True)
class Found:
    """What a run found.

    Attributes
    ----------
    tables
        The tidy tables by name.
    figures
        Stage -> what it recorded of itself.
    params
        Stage -> its parameters.
    """

    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def margin(self) -> float:
        """Smallest difference that a sentence names, as in the run's pages."""
        return float(self.params.get("threshold_sensitivity", {}).get("margin", MARGIN))


@dataclass(frozen=True)
class Answer:
    """A page's answer.

    Attributes
    ----------
    text
        One to three sentences, Markdown.
    tables
        Names of the tidy tables behind it.
    """

    text: str
    tables: tuple[str, ...]


Rule = Callable[[Found], Answer]
