"""Logit or probability: does it matter which of the two is explained? The paper's words mean the probability."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd

from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.ig.decibel import TARGETS
from igsed_core.chapters.audit import again
from igsed_core.chapters.audit.material import Material


def other(explainer: Explainer) -> tuple[str, str, Explainer]:
    """Return the explainer's target, the other one, and an explainer of the other one."""
    options = dict(explainer.options)
    mine = str(options["target"])
    (changed,) = (name for name in TARGETS if name != mine)
    options["target"] = changed
    return mine, changed, dataclasses.replace(explainer, options=tuple(options.items()))


def compare(
    material: Material, explainer: Explainer, out_dir: Path, *, n_clips: int, workers: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Explain some instances with the other target; see :func:`igsed_core.chapters.audit.again.compare`."""
    mine, changed, explain = other(explainer)
    twice = again.explain(material, explain, out_dir, n_clips=n_clips, workers=workers)
    return again.compare(material, "target", (f"ig:{mine}", f"ig:{changed}"), twice)
