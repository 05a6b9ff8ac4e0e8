"""Numbers for the prose: every figure in the text of the book is glued here, none is typed."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from igsed_core import paper
from igsed_core.detection.scored import COMPARED, IG
from igsed_core.metrics.summaries import ALL
from igsed_core.show import findings, localiser_words
from igsed_core.show.cells import by_key, number, with_interval
from igsed_core.show.claims import MARGIN, RELATIONS, family, figure, marked, sample, verdict_on

_METRICS = ("iou", "f1", "pointing_game")


def glue_results(found: dict[str, pd.DataFrame], *, split: str = "test", margin: float = MARGIN) -> None:
    """Make the main results available to the pages' text.

    Keys: ``<method>_<metric>`` (``value [low, high]``), ``paper_<method>_<metric>``, ``class_<method>_<metric>``
    (mean over classes), ``ig_<metric>_to_<method>`` (one of :data:`igsed_core.show.claims.RELATIONS`, by the interval
    over clips and source files), ``ig_<metric>_less_<method>`` (the paired difference with that interval),
    ``ig_<metric>_clips_<method>`` (the same with the interval over clips, and an asterisk if it survives the
    correction for the family), ``family`` (how many differences of IoU survive), ``n_instances``, ``n_present``,
    ``n_classes``, ``from_instances``, ``detected``, ``margin``, ``chance`` (what the pointing game of random scores
    would be, drawn for ever), ``ig_<metric>_threshold``.

    Parameters
    ----------
    found
        The tidy tables by name, from :func:`igsed_core.workflow.results.gather`.
    split
        Which rows to take.
    margin
        Smallest difference that is called one; an interval within it is called level.
    """
    _glue(sentences(found, split=split, margin=margin))


def sentences(found: dict[str, pd.DataFrame], *, split: str = "test", margin: float = MARGIN) -> dict[str, str]:
    """Return the words and numbers that :func:`glue_results` hands to the text, by key."""
    ours = by_key(found["detection"], ("method", "metric"), split=split, average="instance")
    by_class = by_key(found["detection"], ("method", "metric"), split=split, average="class")
    pair = ("method", "other_method", "metric")
    apart = by_key(found["differences"], pair, split=split, average="instance")
    wide = by_key(found["differences_two_way"], pair, split=split, average="instance")
    published = paper.detection().set_index("method")
    counted = found["instances"][found["instances"]["split"] == split]
    chance = by_key(found["further"], ("method",), split=split, average="instance", metric="chance").get(("random",))
    texts = {
        "chance": with_interval(chance),
        "n_instances": str(int(counted["evaluated"].sum())),
        "n_present": str(int(counted["present"].sum())),
        "n_classes": str(len(counted)),
        "from_instances": sample(counted["evaluated"].sum()),
        "detected": findings.detected(found["instances"], split=split),
        "margin": number(margin),
        "family": _within_a_sentence(family(found["differences"], split=split, average="instance", metric="iou")),
    }
    for method in COMPARED:
        for metric in _METRICS:
            texts[f"{method}_{metric}"] = with_interval(ours[method, metric])
            texts[f"class_{method}_{metric}"] = with_interval(by_class[method, metric])
            texts[f"paper_{method}_{metric}"] = number(published.loc[method, metric])
            if method != IG:
                both, clips = wide["ig", method, metric], apart["ig", method, metric]
                texts[f"ig_{metric}_to_{method}"] = RELATIONS[verdict_on(both, margin=margin)]
                texts[f"ig_{metric}_less_{method}"] = figure(both)
                texts[f"ig_{metric}_clips_{method}"] = marked(clips)
    for metric in ("iou", "f1"):
        texts[f"ig_{metric}_threshold"] = f"{ours['ig', metric]['threshold']:g}"
    return texts


def glue_localiser(
    ladder: pd.DataFrame,
    differences: pd.DataFrame,
    two_way: pd.DataFrame,
    *,
    split: str = "test",
    margin: float = MARGIN,
) -> None:
    """Make the localiser's main results available to the pages' text.

    Keys: ``localiser_iou``, ``localiser_pointing_game``; ``localiser_to_fw_ws_tuned``, ``localiser_to_fw_ss_tuned``
    (how it stands to the two at a share of the maximum that was tuned with time labels, with all figures);
    ``localiser_to_fw_ws_one_rule`` (how it stands to FW-WS where both are read by its own rule).

    Parameters
    ----------
    ladder, differences, two_way
        The tidy tables ``localiser.csv``, ``localiser_differences.csv`` and ``localiser_differences_two_way.csv``.
    split
        Which rows to take.
    margin
        Smallest difference that is called one; an interval within it is called level.
    """
    _glue(localiser_sentences(ladder, differences, two_way, split=split, margin=margin))


def localiser_sentences(
    ladder: pd.DataFrame,
    differences: pd.DataFrame,
    two_way: pd.DataFrame,
    *,
    split: str = "test",
    margin: float = MARGIN,
) -> dict[str, str]:
    """Return the words and numbers that :func:`glue_localiser` hands to the text, by key."""
    ours = by_key(ladder, ("method", "rule", "metric"), **{"split": split, "average": "instance", "class": ALL})
    own = localiser_words.method_of(ladder)
    texts = {f"localiser_{m}": with_interval(ours[(*own, m)]) for m in ("iou", "pointing_game")}
    for method in ("fw_ws", "fw_ss"):
        texts[f"localiser_to_{method}_tuned"] = localiser_words.against_framewise(
            ladder, differences, two_way, (method, localiser_words.TUNED), split=split, margin=margin
        )
    texts["localiser_to_fw_ws_one_rule"] = localiser_words.under_one_rule(
        ladder, differences, two_way, split=split, margin=margin
    )
    return texts


def _within_a_sentence(text: str) -> str:
    return text[:1].lower() + text[1:]


def glue_sentences(**texts: str) -> None:
    """Make sentences of :mod:`igsed_core.show.findings` available to other pages, by key."""
    _glue(texts)


def _glue(texts: Mapping[str, str]) -> None:
    from myst_nb import glue

    for key, text in texts.items():
        glue(key, text, display=False)
