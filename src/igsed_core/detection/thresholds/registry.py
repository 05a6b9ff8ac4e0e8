"""The registry of threshold rules: scores over time -> masks.

To add a rule write a function ``scores -> mask`` in a file of this package, one line here, and a test that holds it
to a case worked out by hand.
"""

from __future__ import annotations

from igsed_core.base.errors import IgsedError
from igsed_core.detection.thresholds import levels, markov, partitions, transforms
from igsed_core.detection.thresholds.base import CLASS, CLIP, LOG, LOGIT, SCORES, SPLIT, Rule
from igsed_core.detection.thresholds.levels import percentile, percentile_grid

SMOOTHING = 0.5  # s, over which the smoothed rules average; the page on rules shows what other lengths give

_ALL = (
    Rule("percentile", "Percentile of the clip (paper)", lambda s, p, _: percentile(s, p), levels.all_percentiles),
    Rule("share_of_maximum", "Share of the maximum", lambda s, p, _: levels.share_of_maximum(s, p), levels.all_shares),
    Rule("fixed", "Fixed score", lambda s, p, _: levels.fixed(s, p), levels.all_levels),
    Rule(
        "global_percentile",
        "Percentile of all clips",
        lambda s, p, _: levels.pooled_percentile(s, p),
        levels.all_percentiles,
        SPLIT,
    ),
    Rule(
        "class_percentile",
        "Percentile of the class",
        lambda s, p, _: levels.pooled_percentile(s, p),
        levels.all_percentiles,
        CLASS,
    ),
    Rule("otsu", "Otsu", lambda s, *_: partitions.otsu(s)),
    Rule("two_means", "Two means", lambda s, *_: partitions.two_means(s)),
    Rule("minimum_error", "Minimum error", lambda s, *_: partitions.minimum_error(s)),
    Rule("hmm", "Hidden Markov", lambda s, *_: markov.hidden_markov(s)),
    Rule("log_otsu", "Otsu, log scores", lambda s, *_: partitions.otsu(transforms.log(s)), acts_on=LOG),
    Rule("log_hmm", "Hidden Markov, log scores", lambda s, *_: markov.hidden_markov(transforms.log(s)), acts_on=LOG),
    Rule(
        "smooth_log_otsu",
        "Otsu, smoothed log scores",
        lambda s, _, step: partitions.otsu(transforms.smooth_log(s, SMOOTHING, step)),
        acts_on=LOG,
    ),
    Rule(
        "smooth_log_hmm",
        "Hidden Markov, smoothed log scores",
        lambda s, _, step: markov.hidden_markov(transforms.smooth_log(s, SMOOTHING, step), tied=True),
        acts_on=LOG,
    ),
    Rule("logit_otsu", "Otsu, logits", lambda s, *_: partitions.otsu(transforms.logit(s)), acts_on=LOGIT),
    Rule("logit_hmm", "Hidden Markov, logits", lambda s, *_: markov.hidden_markov(transforms.logit(s)), acts_on=LOGIT),
)
RULES: dict[str, Rule] = {rule.name: rule for rule in _ALL}


def smoothed(seconds: float) -> Rule:
    """Return ``smooth_log_hmm`` with another length of smoothing, named after it."""
    return Rule(
        f"smooth_log_hmm@{seconds:g}",
        f"{seconds:g} s",
        lambda s, _, step: markov.hidden_markov(transforms.smooth_log(s, seconds, step), tied=True),
        acts_on=LOG,
    )


def get(name: str) -> Rule:
    """Return a rule by name.

    Raises
    ------
    IgsedError
        For an unknown name; the message lists the valid ones.
    """
    if name not in RULES:
        raise IgsedError(f"threshold rule {name!r} is unknown: choose one of {', '.join(RULES)}")
    return RULES[name]


__all__ = [
    "CLASS",
    "CLIP",
    "LOG",
    "LOGIT",
    "RULES",
    "SCORES",
    "SPLIT",
    "Rule",
    "get",
    "percentile",
    "percentile_grid",
    "smoothed",
]
