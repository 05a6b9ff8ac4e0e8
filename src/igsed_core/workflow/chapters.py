"""The list of pages that run: a line per chapter, in the order of the book."""

from __future__ import annotations

from igsed_core.base.params import StageParams
from igsed_core.chapters.adversarial.params import AdversarialStudy
from igsed_core.chapters.audit.params import Audit
from igsed_core.chapters.ceilings.params import Ceilings
from igsed_core.chapters.conditions.params import Conditions
from igsed_core.chapters.edges.params import EdgeStudy
from igsed_core.chapters.engine.params import EngineStudy
from igsed_core.chapters.faithfulness.params import Faithfulness
from igsed_core.chapters.localiser.params import Localiser
from igsed_core.chapters.methods.params import Methods
from igsed_core.chapters.recordings.params import Recordings
from igsed_core.chapters.representations.params import RepresentationStudy
from igsed_core.chapters.seeds.params import SeedStudy
from igsed_core.chapters.self_attention.params import SelfAttentionStudy
from igsed_core.chapters.threshold_rules.params import ThresholdRules
from igsed_core.chapters.time_frequency.params import TimeFrequency
from igsed_core.chapters.vocal_percussion.params import VocalPercussionStudy
from igsed_core.main_job.params import (
    Baselines,
    DataSynthesis,
    IntegratedGradients,
    Results,
    ThresholdSensitivity,
    Training,
)

PAGES: tuple[type[StageParams], ...] = (
    DataSynthesis,
    Training,
    IntegratedGradients,
    Baselines,
    ThresholdSensitivity,
    Results,
    ThresholdRules,
    Methods,
    Faithfulness,
    Localiser,
    Conditions,
    EngineStudy,
    SeedStudy,
    Audit,
    Ceilings,
    Recordings,
    VocalPercussionStudy,
    SelfAttentionStudy,
    AdversarialStudy,
    RepresentationStudy,
    TimeFrequency,
    EdgeStudy,
)
