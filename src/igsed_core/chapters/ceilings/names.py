"""What the page calls detectors and decisions."""

from __future__ import annotations

from igsed_core.chapters.ceilings import decisions, study
from igsed_core.chapters.ceilings.choices import STRONG
from igsed_core.main_job import edge_names

RULES = {
    decisions.EVEN: "probability above one half",
    decisions.LEVEL: "tuned threshold",
    decisions.MEDIAN: "tuned threshold and median filter",
    decisions.CSEBBS: "tuned cSEBBs",
    **edge_names.DECISIONS,
}
METHODS = {
    **edge_names.DETECTORS,
    "fw_ws_shifts": "FW-WS at shifts",
    "fw_ss_shifts": "FW-SS at shifts",
    "fw_ss_paper": "FW-SS every feature frame (paper)",
    "linear": "Linear, strong labels",
    "tcn": "TCN, strong labels",
    "bigru": "BiGRU, strong labels",
    "max": "Maximum of scores",
    "linear_softmax": "Linear softmax",
    "exponential_softmax": "Exponential softmax",
    "attention": "Attention",
    "auto_pool": "Auto-pool",
    "max_features": "Maximum of features (explained head)",
    "mean_features": "Mean of features",
    "max_mean_features": "Maximum plus mean of features",
}
_STRONG = (*STRONG, "fw_ss_shifts", "fw_ss_paper")


def method_name(method: str) -> str:
    """Name of a detector for a reader."""
    if method.startswith(study.PERFECT):
        return f"A perfect detector every {method.partition('_')[2]} s"
    return METHODS.get(method, method)


def supervision(method: str, rule: str) -> str:
    """Say what time labels are used for."""
    used = ["training"] * (method in _STRONG) + ["decision"] * (
        rule in (decisions.LEVEL, decisions.MEDIAN, decisions.CSEBBS)
    )
    return "all" if method.startswith(study.PERFECT) else ", ".join(used) or "none"
