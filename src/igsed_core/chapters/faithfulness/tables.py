"""Tables of faithfulness: what each method's order does to the classifier, and what hiding parts of a split does."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

from igsed_core.show import style
from igsed_core.show.cells import by_key, number, with_interval
from igsed_core.show.style import counted

_METRICS = {
    "deletion": "Deletion (low)",
    "insertion": "Insertion (high)",
    "gap": "Insertion minus deletion",
    "sufficiency": "Sufficiency",
    "necessity": "Necessity",
}
_ORDERS = {
    "random": ("random", "no"),
    "cam": ("least important, CAM", "no"),
    "ig": ("least important, IG", "no"),
    "loss_gradient": ("smallest loss gradient", "yes"),
    "harmful": ("most harmful", "yes"),
    "harmful_decided": ("most harmful to its own decisions", "no"),
}


def faithfulness_table(areas: pd.DataFrame, *, replacement: str) -> pd.DataFrame:
    """Areas and masks of each method with one replacement, means over instances.

    Parameters
    ----------
    areas
        ``method, rule`` (the replacement), ``metric, average, value, ci_low, ci_high``
    replacement
        Which rows to show.
    """
    rows = by_key(areas, ("method", "metric"), rule=replacement, average="instance")
    return pd.DataFrame(
        [
            {
                "Method": style.title(method),
                "n": number((rows.get((method, "deletion")) or {}).get("n"), 0),
                **{words: with_interval(rows.get((method, metric))) for metric, words in _METRICS.items()},
            }
            for method in dict.fromkeys(areas["method"])
        ]
    )


def occlusion_table(occlusion: pd.DataFrame) -> pd.DataFrame:
    """By unit and order: the condition with the largest F1, and in how many conditions the classifier changes.

    Parameters
    ----------
    occlusion
        From :func:`igsed_core.chapters.faithfulness.improvement.report`.
    """
    there = occlusion[occlusion["rule"] != "none"]
    changes = there[there["metric"] == "f1_change"]
    losses = there[there["metric"] == "loss_change"].reset_index(drop=True)
    rows = []
    for (unit, order), group in changes.groupby(["unit", "method"], sort=False):
        place = int(group["value"].to_numpy().argmax())
        best = group.to_dict("records")[place]
        its_losses = losses[(losses["unit"] == unit) & (losses["method"] == order)]
        loss = its_losses.to_dict("records")[place]
        words, knows = _ORDERS[str(order)]
        rows.append(
            {
                "What is replaced first": words,
                "unit": unit,
                "knows labels": knows,
                "clips": counted(its_losses),  # the n of macro F1 counts classes
                "best: replacement, share": f"{best['rule']}, {100 * best['threshold']:g} %",
                "change of F1": with_interval(_named(best)),
                "change of loss": with_interval(_named(loss)),
                "conditions better": f"{int((group['ci_low'] > 0).sum())} of {len(group)}",
                "conditions worse": f"{int((group['ci_high'] < 0).sum())} of {len(group)}",
            }
        )
    return pd.DataFrame(rows)


def _named(row: dict[Hashable, Any]) -> dict[str, Any]:
    return {str(column): value for column, value in row.items()}
