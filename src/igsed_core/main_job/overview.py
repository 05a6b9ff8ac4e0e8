"""Tables of what goes in: sound bank, soundscapes, encoder, maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from igsed_core.data.soundscapes import SoundscapeSet
from igsed_core.show.cells import NONE, PAPER, number
from igsed_core.show.style import class_name

# Clips of each split in the paper, and clips removed from each pool (section II-A).
_PAPER_CLIPS = {"train": 823, "validation": 96, "test": 97}
_PAPER_REMOVED = {"train": 1000 - 823, "eval": 250 - 193}


def bank_table(files: pd.DataFrame, skipped: pd.DataFrame) -> pd.DataFrame:
    """Files and lengths of each class and pool.

    Parameters
    ----------
    files
        ``role, pool, label, duration`` (s), a row per file.
    skipped
        A row a file of the source bank that was left out; counted in the last row.
    """
    rows = []
    for (role, label), group in sorted(files.groupby(["role", "label"]), key=lambda item: item[0][0] == "background"):
        counts = group["pool"].value_counts()
        shortest, middle, longest = group["duration"].quantile([0, 0.5, 1])
        rows.append(
            {
                "Class": class_name(str(label)) + (" (background)" if role == "background" else ""),
                "train files": str(counts.get("train", NONE)),
                "eval files": str(counts.get("eval", NONE)),
                "common files": str(counts.get("background", NONE)),
                "shortest (s)": number(shortest),
                "median (s)": number(middle),
                "longest (s)": number(longest),
            }
        )
    table = pd.DataFrame(rows)
    if len(skipped):
        table.loc[len(table)] = [f"left out: {len(skipped)} files", *[NONE] * (table.shape[1] - 1)]
    return table


def skipped_table(skipped: pd.DataFrame) -> pd.DataFrame:
    """List the files of the source bank that are not used, and why.

    Parameters
    ----------
    skipped
        ``path, reason``
    """
    return skipped.rename(columns={"path": "File", "reason": "left out because"}).reset_index(drop=True)


def pauses_table(found: pd.DataFrame) -> pd.DataFrame:
    """Show how much of what the labels cover is quiet, from :func:`igsed_core.data.pauses.of_bank`, most first."""
    rows = [
        {
            "Class": class_name(str(row["class"])),
            "files": row["files"],
            "windows": row["windows"],
            "quiet (%)": number(100 * row["quiet"], 1),
        }
        for row in found.sort_values("quiet", ascending=False, kind="stable").to_dict("records")
    ]
    return pd.DataFrame(rows)


def soundscapes_table(soundscapes: SoundscapeSet) -> pd.DataFrame:
    """Soundscapes and events of each split, and what the polyphony filter removed, beside the paper's."""
    clips, events = soundscapes.clips, soundscapes.events.merge(soundscapes.clips[["clip", "split"]], on="clip")
    rows: list[tuple[str, ...]] = []
    for split, published in _PAPER_CLIPS.items():
        mine = clips[clips["split"] == split]
        n_events, overlapping = (events["split"] == split).sum(), (mine["polyphony"] > 1).sum()
        rows.append((split, str(len(mine)), str(published), str(n_events), str(overlapping)))
    removed = soundscapes.removed["pool"].value_counts()
    for pool, published in _PAPER_REMOVED.items():
        rows.append((f"removed from pool {pool}", str(removed.get(pool, 0)), str(published), NONE, NONE))
    return pd.DataFrame(rows, columns=["Split", "soundscapes", PAPER, "events", "with overlap"])


def encoder_table(description: Mapping[str, Any]) -> pd.DataFrame:
    """List what an encoder is: from :func:`igsed_core.models.encoders.registry.describe`."""
    names = {
        "name": "name",
        "parameters": "parameters",
        "gmac_10s": "multiply-adds for 10 s (1e9)",
        "frame_duration": "feature frame (s)",
        "n_features": "features",
    }
    rows = [(names.get(key, key), _plain(value)) for key, value in description.items()]
    return pd.DataFrame(rows, columns=["encoder", "value"])


def completeness_table(index: pd.DataFrame) -> pd.DataFrame:
    """Completeness error and time of the maps of each class.

    Parameters
    ----------
    index
        ``label, completeness_error, n_steps, seconds``, a row a map.
    """
    groups = [(class_name(str(label)), group) for label, group in index.groupby("label")]
    rows = []
    for label, group in [*groups, ("All classes", index)]:
        middle, high = group["completeness_error"].abs().quantile([0.5, 0.9])
        rows.append(
            {
                "Class": label,
                "maps": len(group),
                "median error": number(middle, 3),
                "90th percentile": number(high, 3),
                "points": f"{round(group['n_steps'].mean(), 1):g}",
                "seconds per map": number(group["seconds"].mean()),
            }
        )
    return pd.DataFrame(rows)


def _plain(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value > 9999:
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value) or "(empty)"
