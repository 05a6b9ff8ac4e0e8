"""The registry of threshold rules: scores over time -> masks.

To add a rule write a function ``scores -> mask`` in a file of this package, one entry here, and a test that holds it
to a case worked out by hand.
"""

from __future__ import annotations

from dataclasses import replace

from igsed_core.base import plugins
from igsed_core.base.registry import Registry
from igsed_core.detection.thresholds.base import CLASS, CLIP, LOG, LOGIT, SCORES, SMOOTHING, SPLIT, Rule

RULES = Registry(
    "threshold rule",
    plugins.RULES,
    {
        "percentile": Rule(
            target="igsed_core.detection.thresholds.levels:percentile",
            title="Percentile of the clip (paper)",
            by_rank=True,
            grid="igsed_core.detection.thresholds.levels:all_percentiles",
        ),
        "share_of_maximum": Rule(
            target="igsed_core.detection.thresholds.levels:share_of_maximum",
            title="Share of the maximum",
            grid="igsed_core.detection.thresholds.levels:all_shares",
        ),
        "fixed": Rule(
            target="igsed_core.detection.thresholds.levels:fixed",
            title="Fixed score",
            grid="igsed_core.detection.thresholds.levels:all_levels",
        ),
        "global_percentile": Rule(
            target="igsed_core.detection.thresholds.levels:pooled_percentile",
            title="Percentile of all clips",
            grid="igsed_core.detection.thresholds.levels:all_percentiles",
            scope=SPLIT,
            by_rank=True,
        ),
        "class_percentile": Rule(
            target="igsed_core.detection.thresholds.levels:pooled_percentile",
            title="Percentile of the class",
            grid="igsed_core.detection.thresholds.levels:all_percentiles",
            scope=CLASS,
            by_rank=True,
        ),
        "otsu": Rule(target="igsed_core.detection.thresholds.partitions:otsu", title="Otsu"),
        "two_means": Rule(target="igsed_core.detection.thresholds.partitions:two_means", title="Two means"),
        "minimum_error": Rule(target="igsed_core.detection.thresholds.partitions:minimum_error", title="Minimum error"),
        "hmm": Rule(target="igsed_core.detection.thresholds.markov:hidden_markov", title="Hidden Markov"),
        "log_otsu": Rule(
            target="igsed_core.detection.thresholds.partitions:otsu", title="Otsu, log scores", transform="log"
        ),
        "log_hmm": Rule(
            target="igsed_core.detection.thresholds.markov:hidden_markov",
            title="Hidden Markov, log scores",
            transform="log",
        ),
        "smooth_log_otsu": Rule(
            target="igsed_core.detection.thresholds.partitions:otsu",
            title="Otsu, smoothed log scores",
            transform="smooth_log",
        ),
        "smooth_log_hmm": Rule(
            target="igsed_core.detection.thresholds.markov:hidden_markov",
            title="Hidden Markov, smoothed log scores",
            options={"tied": True},
            transform="smooth_log",
        ),
        "logit_otsu": Rule(
            target="igsed_core.detection.thresholds.partitions:otsu", title="Otsu, logits", transform="logit"
        ),
        "logit_hmm": Rule(
            target="igsed_core.detection.thresholds.markov:hidden_markov",
            title="Hidden Markov, logits",
            transform="logit",
        ),
    },
)


def parameter_free() -> tuple[str, ...]:
    """Names of the rules that have nothing to tune.

    Examples
    --------
    >>> from igsed_core.detection.thresholds.registry import parameter_free
    >>> "otsu" in parameter_free(), "percentile" in parameter_free()
    (True, False)
    """
    return tuple(name for name, rule in RULES.items() if rule.parameter_free)


def smoothed(seconds: float) -> Rule:
    """Return ``smooth_log_hmm`` with another length of smoothing, named after it.

    Examples
    --------
    >>> from igsed_core.detection.thresholds.registry import smoothed
    >>> smoothed(1.5).name, smoothed(1.5).smoothing
    ('smooth_log_hmm@1.5', 1.5)
    """
    return replace(
        RULES["smooth_log_hmm"], name=f"smooth_log_hmm@{seconds:g}", title=f"{seconds:g} s", smoothing=seconds
    )


def get(name: str) -> Rule:
    """Return a rule by name.

    Raises
    ------
    IgsedError
        For an unknown name; the message lists the valid ones.

    Examples
    --------
    >>> from igsed_core.detection.thresholds.registry import get
    >>> get("otsu").title
    'Otsu'
    """
    return RULES[name]


__all__ = [
    "CLASS",
    "CLIP",
    "LOG",
    "LOGIT",
    "RULES",
    "SCORES",
    "SMOOTHING",
    "SPLIT",
    "Rule",
    "get",
    "parameter_free",
    "smoothed",
]
