"""Parameters of page 16."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from igsed_core.base import plugins
from igsed_core.base.params import param
from igsed_core.main_job.params import WithEdges


@dataclass(frozen=True)
class Recordings(WithEdges):
    """From weak labels to events in a long recording, as ``igsed train`` and ``igsed locate`` do it."""

    title: ClassVar[str] = "Time stamps for your own recordings"
    stage: ClassVar[str] = "recordings"
    notebook: ClassVar[str] = "16_recordings"
    upstream: ClassVar[tuple[str, ...]] = ("data_synthesis", "training")
    tables: ClassVar[dict[str, str]] = {
        "recordings_training": "clips that a localiser was trained on, by class",
        "recordings_edges": "how far the localiser's decisions reach beyond gates that were made of its training clips",
        "recordings_located": "events of a long recording against the truth, with edges as found and calibrated",
    }

    recordings_train_clips: int = param(150, "weakly labelled clips to train on", low=20)
    recordings_gates: int = param(8, "gates of each class and length on which its edges are calibrated", low=1)
    recordings_clips: int = param(60, "test soundscapes that are joined to a long recording", low=2)

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return ((plugins.METHODS, "shifted_cam"),)
