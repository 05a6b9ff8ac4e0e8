"""The audit's verdicts: rules that turn measured figures into a sentence, for any run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pandas as pd

from igsed_core.chapters.audit.verdicts import attribution, choices, data, evaluation
from igsed_core.chapters.audit.verdicts.common import Answer, Found
from igsed_core.show.claims import MARGIN

# question -> rule, in the order of the page
ANSWERS: dict[str, Callable[..., Answer]] = {
    "averages": evaluation.averages,
    "fig3": evaluation.fig3,
    "chance": evaluation.chance,
    "excluded": evaluation.excluded,
    "energy": data.energy,
    "sign": attribution.sign,
    "target": attribution.target,
    "factorial": choices.factorial,
    "window": attribution.window,
    "embedding": attribution.embedding,
    "overlap": data.overlap,
}
COLUMNS = {
    "question": "Question",
    "answer": "Verdict",
    "decided": "Decided",
    "readings": "Readings",
    "paper": "Paper",
    "run": "This run",
}


def verdicts(found: Found, *, margin: float = MARGIN) -> pd.DataFrame:
    """Answer every question of the audit.

    Parameters
    ----------
    found
        From :func:`igsed_core.chapters.audit.examine`.
    margin
        Smallest difference of IoU, F1 or pointing game that counts as an effect.

    Returns
    -------
    pd.DataFrame
        ``question, readings, paper, run, answer, verdict, decided``, a row per question.
    """
    return pd.DataFrame([dataclasses.asdict(answer(found, margin=margin)) for answer in ANSWERS.values()])


def verdicts_table(answers: pd.DataFrame) -> pd.DataFrame:
    """Show :func:`verdicts` as the table at the head of the page, without the reasons."""
    return answers[list(COLUMNS)].rename(columns=COLUMNS)


def verdict(found: Found, question: str, *, margin: float = MARGIN) -> None:
    """Display the verdict on one of :data:`ANSWERS` as a paragraph of the page."""
    from IPython.display import Markdown, display

    answer = ANSWERS[question](found, margin=margin)
    display(Markdown(f"**Verdict** (decided: {answer.decided}). {answer.verdict}"))


__all__ = ["ANSWERS", "verdict", "verdicts", "verdicts_table"]
