"""Tables of the integral: each rule and number of points, and both engines."""

from __future__ import annotations

import pandas as pd

from igsed_core.show.cells import NONE, number

_NAMES = {
    "reference": "reference: midpoints over decibels",
    "gausslegendre": "Gauss-Legendre, straight path",
    "db_midpoint": "midpoints over decibels",
    "db_gauss": "Gauss-Legendre over decibels",
    "db_adaptive": "adaptive over decibels",
}
_ENGINES = {"captum": "Captum, on the waveform", "mel_path": "on the mel map"}


def rules_table(study: pd.DataFrame) -> pd.DataFrame:
    """What each rule gives with each number of points, on average over the clips.

    Parameters
    ----------
    study
        From :func:`igsed_core.chapters.engine.study.compare`; engine ``mel_path`` is shown.
    """
    rows = []
    for (quadrature, n_steps), group in study[study["engine"] == "mel_path"].groupby(
        ["quadrature", "n_steps"], sort=False
    ):
        middle, high = group["completeness_error"].quantile([0.5, 0.9])
        rows.append(
            {
                "Rule": _NAMES.get(str(quadrature), str(quadrature))
                + (f", at most {n_steps}" if quadrature == "db_adaptive" else ""),
                "points": f"{group['points'].mean():.3g}",
                "maps": len(group),
                "median error": number(middle, 3),
                "90th percentile": number(high, 3),
                "cosine": number(group["cosine"].mean(), 4),
                "lowest cosine": number(group["cosine"].min(), 4),
                "IoU": number(group["iou"].mean(), 3),
                "Pointing game": number(group["pointing_game"].mean(), 3),
                "seconds per map": number(group["seconds"].median(), 3),
            }
        )
    return pd.DataFrame(rows)


def variants_table(study: pd.DataFrame, varied: str) -> pd.DataFrame:
    """What another target or precision gives by the same rule on the same clips, means over the clips.

    Parameters
    ----------
    study
        From :func:`igsed_core.chapters.engine.study.compare`; the rules and points with several variants are shown.
    varied
        Column that varies: ``target`` or ``precision``. The others are as for the reference.
    """
    mine = study[study["engine"] == "mel_path"]
    reference = mine[mine["quadrature"] == "reference"].iloc[0]
    (fixed,) = {"target", "precision"} - {varied}
    mine = mine[mine[fixed] == reference[fixed]]
    several = mine.groupby(["quadrature", "n_steps"])[varied].transform("nunique") > 1
    rows = []
    for value, group in mine[several].groupby(varied, sort=False):
        rows.append(
            {
                varied.capitalize(): str(value),
                "maps": len(group),
                "points": f"{group['points'].mean():.3g}",
                "median completeness error": number(group["completeness_error"].median(), 3),
                f"cosine to the reference ({reference[varied]})": number(group["cosine"].mean(), 4),
                "IoU": number(group["iou"].mean(), 3),
                "Pointing game": number(group["pointing_game"].mean(), 3),
                "seconds per map": number(group["seconds"].median(), 3),
            }
        )
    return pd.DataFrame(rows)


def engines_table(study: pd.DataFrame) -> pd.DataFrame:
    """Both engines on the same clips with the same rule and points: seconds, their ratio, and how far apart.

    Parameters
    ----------
    study
        From :func:`igsed_core.chapters.engine.study.compare`; only clips that Captum explained count.
    """
    captum = study[study["engine"] == "captum"].set_index("clip")
    same = ["quadrature", "n_steps"]
    mine = study[(study["engine"] == "mel_path") & study["clip"].isin(captum.index)]
    mine = mine.merge(captum[same].drop_duplicates(), on=same).set_index("clip").loc[captum.index]
    ratio = (captum["seconds"] / mine["seconds"]).median()
    rows = []
    for engine, table in (("captum", captum), ("mel_path", mine)):
        ours = engine == "mel_path"
        rows.append(
            {
                "Engine": _ENGINES[engine],
                "maps": len(table),
                "points": str(int(table["n_steps"].iloc[0])),
                "median seconds per map": number(table["seconds"].median()),
                "times as fast (median)": number(ratio, 1) if ours else "1",
                "largest relative difference": f"{captum['difference'].max():.1e}" if ours else NONE,
                "median completeness error": number(table["completeness_error"].median(), 3),
            }
        )
    return pd.DataFrame(rows)
