"""What becomes of an attack elsewhere: in another network than the one it was made for, in a file, in a room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from igsed_core.chapters.adversarial import carriers, summary, training
from igsed_core.chapters.adversarial.attacks.goals import Leave
from igsed_core.chapters.adversarial.clips import Clips
from igsed_core.chapters.adversarial.study import ALL, CW, DEEPFOOL, FGSM, LEAVE, NOISE, PGD_L2, Run
from igsed_core.chapters.adversarial.training import Trained

CARRIED = (PGD_L2, DEEPFOOL, CW)
OTHERS, MINUS_NOISE = "others", "others_minus_noise"  # targets: all but the source, and how much more than noise


def transfer(
    runs: Sequence[Run], trained: Mapping[str, Trained], clips: Clips, *, replicates: int, seed: int
) -> pd.DataFrame:
    """Play what was made for one network to every other, all at one signal-to-noise ratio.

    Parameters
    ----------
    runs
        Of networks with a softmax.
    trained
        These networks.
    clips
        That were attacked, and that all know.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    pd.DataFrame
        ``attack, source, target, split, n, value`` (share of clips whose class the target no longer names first),
        ``ci_low, ci_high``. White noise has no source; target ``others`` is the mean over all but the source, target
        ``others_minus_noise`` that mean minus the share that noise as loud takes, paired by clip and network.
    """
    rows = []
    for one in runs:
        if one.goal != LEAVE or one.attack not in (NOISE, FGSM, PGD_L2):
            continue
        for name, other in trained.items():
            fooled = training.logits(other.classifier, one.attacked.waveforms).argmax(dim=1) != clips.labels
            if one.attack == NOISE and name != one.model:
                continue  # the same noise for all
            source = NOISE if one.attack == NOISE else one.model
            rows += [(one.attack, source, name, i, float(lost)) for i, lost in zip(one.clips, fooled, strict=True)]
    table = pd.DataFrame(rows, columns=["attack", "source", "target", "clip", "value"])
    away = table[table["source"] != table["target"]]
    others = away.assign(target=OTHERS)
    together = others[others["source"] != NOISE].assign(source=ALL)
    keys, options = ["attack", "source", "target"], {"replicates": replicates, "seed": seed}
    shares = pd.concat([table, others, together], ignore_index=True)
    return pd.concat(
        [
            summary.of_groups(shares, keys, "value", proportion=True, **options),
            summary.of_groups(_minus_noise(away), keys, "value", proportion=False, **options),
        ],
        ignore_index=True,
    ).drop(columns="metric")


def _minus_noise(away: pd.DataFrame) -> pd.DataFrame:
    """Return, for each clip and network that an attack was not made for, its loss minus that by noise as loud."""
    keys = ["target", "clip"]
    noise = away.loc[away["source"] == NOISE, [*keys, "value"]].rename(columns={"value": "noise"})
    both = away[away["source"] != NOISE].merge(noise, on=keys, validate="many_to_one")
    return both.assign(source=ALL, target=MINUS_NOISE, value=both["value"] - both["noise"])


def survival(
    runs: Sequence[Run],
    trained: Mapping[str, Trained],
    clips: Clips,
    *,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Say how many successful attacks are left after files, resampling, a shift and a room.

    Parameters
    ----------
    runs
        Of networks with a softmax.
    trained
        These networks.
    clips
        That were attacked.
    replicates, seed
        Of the bootstrap; of the room's noise.

    Returns
    -------
    pd.DataFrame
        ``attack`` (or ``clean``: share of clips that the carrier alone takes from their class), ``carrier, split, n``
        (clips), ``value, ci_low, ci_high``, over all networks.
    """
    rows = []
    ways = carriers.carriers()
    for name, way in ways.items():
        for one in runs:
            if one.goal != LEAVE or one.attack not in CARRIED:
                continue
            network = trained[one.model].classifier
            there = one.attacked.reached
            if not bool(there.any()):
                continue
            heard = way.carried(one.attacked.waveforms[there], network.sample_rate, seed)
            left = Leave(clips.labels[there]).reached(training.logits(network, heard))
            rows += [(one.attack, name, i, float(k)) for i, k in zip(one.clips[there.numpy()], left, strict=True)]
        heard = way.carried(clips.waveforms, next(iter(trained.values())).classifier.sample_rate, seed)
        for other in trained.values():
            lost = Leave(clips.labels).reached(training.logits(other.classifier, heard))
            rows += [("clean", name, i, float(k)) for i, k in enumerate(lost)]
    table = pd.DataFrame(rows, columns=["attack", "carrier", "clip", "value"])
    found = summary.of_groups(table, ["attack", "carrier"], "value", proportion=True, replicates=replicates, seed=seed)
    return found.drop(columns="metric")
