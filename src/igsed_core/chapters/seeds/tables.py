"""What other seeds change: mean and standard deviation beside the bootstrap interval of one seed."""

from __future__ import annotations

import pandas as pd

from igsed_core.chapters.seeds.study import BANK, BOTH, DATA, MAIN, TRAINING
from igsed_core.detection.scored import RANKED
from igsed_core.show.cells import NONE, Cells, by_key, frame, number, with_interval
from igsed_core.show.style import METRICS, name, short

_TITLES = {TRAINING: "training seeds", DATA: "data seeds", BOTH: "all anew", BANK: "other sounds, too"}
_METRICS = ("iou", "f1", "pointing_game")


def seeds_table(found: pd.DataFrame, spread: pd.DataFrame, *, average: str = "instance") -> pd.DataFrame:
    """Each method: value and interval of the main job's seed, mean and deviation over seeds of each kind.

    Parameters
    ----------
    found, spread
        From :func:`igsed_core.chapters.seeds.study.study` and :func:`igsed_core.chapters.seeds.study.spread`.
    average
        Which rows to show.
    """
    own = by_key(found, ("method", "metric"), varied=MAIN, average=average)
    over = by_key(spread, ("method", "metric", "varied"), average=average)
    kinds = [kind for kind in _TITLES if kind in set(spread["varied"])]
    rows: dict[str, Cells] = {}
    for method in RANKED:
        if (method, "iou") not in own:
            continue
        cells: Cells = {("", "n"): number(own[method, "iou"].get("n"), 0)}
        for metric in _METRICS:
            cells[METRICS[metric], "one seed"] = with_interval(own[method, metric])
            for kind in kinds:
                row = over.get((method, metric, kind))
                text = NONE if row is None else f"{number(row['value'], 3)} ± {number(row['std'], 3)}"
                cells[METRICS[metric], _TITLES[kind]] = text
        rows[name(method)] = cells
    return frame(rows, "Method")


def redraws_table(redrawn: pd.DataFrame, *, other: str = "ig", average: str = "instance") -> pd.DataFrame:
    """Each method, and each minus another, over whole repetitions.

    Parameters
    ----------
    redrawn
        From :func:`igsed_core.chapters.seeds.study.redrawn`.
    other
        What is taken off.
    average
        Which rows to show.
    """
    rows = by_key(redrawn, ("method", "other_method", "metric"), average=average)
    made: dict[str, Cells] = {}
    for method in RANKED:
        own = rows.get((method, "", "iou"))
        if own is None:
            continue
        cells: Cells = {("", "repetitions"): number(own["n"], 0)}
        for metric in _METRICS:
            alone, apart = rows.get((method, "", metric)), rows.get((method, other, metric))
            cells[METRICS[metric], "mean"] = with_interval(alone)
            cells[METRICS[metric], "deviation"] = NONE if alone is None else number(alone["std"], 3)
            cells[METRICS[metric], "of it clips"] = NONE if alone is None else number(alone["std_clips"], 3)
            cells[METRICS[metric], f"minus {name(other)}"] = NONE if apart is None else with_interval(apart)
        made[name(method)] = cells
    return frame(made, "Method")


def varied_table(found: pd.DataFrame, meaning: dict[str, str]) -> pd.DataFrame:
    """Say what each kind of repetition draws anew, and under which seeds it was done.

    Parameters
    ----------
    found
        From :func:`igsed_core.chapters.seeds.study.study`.
    meaning
        :data:`igsed_core.chapters.seeds.study.VARIED`.
    """
    rows = found.drop_duplicates(["varied", "seed"])
    return pd.DataFrame(
        {
            "Varied": kind,
            "drawn anew": meaning[str(kind)],
            "seeds": ", ".join(str(seed) for seed in group["seed"]),
        }
        for kind, group in rows.groupby("varied", sort=False)
    )


def most_moved(spread: pd.DataFrame) -> str:
    """Name the method whose IoU another training moves most: what is said of it hangs on its seed.

    Parameters
    ----------
    spread
        The tidy table ``seeds_spread.csv``.
    """
    where = {"split": "test", "metric": "iou", "average": "instance", "varied": "training"}
    rows = [row for row in by_key(spread, ("method",), **where).values() if pd.notna(row["std"])]
    if not rows:
        return ""
    most = max(rows, key=lambda row: row["std"])
    return (
        f"Another training moves {short(most['method']) or name(most['method'])} most, whose mean is "
        f"{number(most['value'])} and whose standard deviation {number(most['std'], 3)}, "
        f"over {number(most['n'], 0)} trainings."
    )
