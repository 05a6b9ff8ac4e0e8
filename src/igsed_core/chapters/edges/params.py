"""Parameters of page 22."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from igsed_core.base import plugins
from igsed_core.base.params import param
from igsed_core.detection import scored
from igsed_core.main_job.params import MAIN_JOB, Calibrating


@dataclass(frozen=True)
class EdgeStudy(Calibrating):
    """Whom edges help that are calibrated on gates made of training clips, where, and where not (not in the paper)."""

    title: ClassVar[str] = "Edges without time labels"
    stage: ClassVar[str] = "edges"
    notebook: ClassVar[str] = "22_edges"
    upstream: ClassVar[tuple[str, ...]] = MAIN_JOB
    shows: ClassVar[tuple[str, ...]] = ("ceilings", "real")
    tables: ClassVar[dict[str, str]] = {
        "edges": "how far decisions reach beyond gates that were made of training clips",
        "edges_iou": "IoU and F1 of four detectors, as found, by any overlap and with calibrated edges",
        "edges_differences": "what calibrated edges give each detector, and of that the gates, and the marking alone; "
        "with intervals over clips, and over clips and source files",
        "edges_durations": "IoU before and after the edges, by the length of the event",
        "edges_soft": "overlap with gates that begin softly, before and after the edges",
        "edges_missed": "share of gates in which a detector finds nothing, beside that of true events, by class",
    }

    soft_gates: int = param(2, "gates of each class and length on which edges are tried, with soft onsets, too", low=0)

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return (*scored.uses(("ig", "fw_ws", "cam", "shifted_cam", scored.LOCALISER)), (plugins.RULES, "otsu"))
