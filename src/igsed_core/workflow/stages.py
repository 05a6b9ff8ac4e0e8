"""The graph of stages, and the keys that say whether an artefact is still good.

A stage is one notebook. It has two keys. The *data key* hashes what its artefacts depend on: its
parameters, outside inputs (a folder of sounds, a checkpoint), the modules that compute, and the data keys
of the stages before it. The *page key* adds what only the page shows: the notebook's text and the modules
that draw. Snakemake runs a notebook whose page key has no marker; the notebook finds artefacts whose data
key still holds and makes only the rest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import RunPaths, project_root
from igsed_core.workflow import experiment
from igsed_core.workflow.experiment import Experiment, StageParams

PACKAGE = Path(__file__).resolve().parent
KEY_LENGTH = 16
# What pages show; a change there re-draws every page and recomputes nothing.
DRAWING = ("figures/**/*.py", "tables/**/*.py", "players.py", "paper/*")


@dataclass(frozen=True)
class Stage:
    """One node of the graph: a notebook, the stages it reads from, the modules that compute it.

    A light stage computes on one core and may run beside another; of the others one runs at a time.
    """

    name: str
    notebook: str
    upstream: tuple[str, ...]
    modules: tuple[str, ...]
    light: bool = False

    @property
    def params(self) -> type[StageParams]:
        """The dataclass of this stage's parameters."""
        return experiment.STAGE_PARAMS[self.name]

    @property
    def source(self) -> Path:
        """The notebook's file."""
        return project_root() / "book" / f"{self.notebook}.ipynb"


_ENCODERS = ("frontend.py", "encoders/**/*", "features.py", "heads.py", "classifier.py", "audio.py")
_SUMMARIES = ("summaries.py", "bootstrap.py")
_FURTHER = ("further_metrics.py", "ranking.py", "event_metrics.py", "psds.py")

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "data_synthesis",
            "01_data_synthesis",
            (),
            ("soundbank/**/*.py", "soundscapes.py", "soundscape_plan.py", "mixing.py", "audio.py"),
        ),
        Stage(
            "training",
            "02_training",
            ("data_synthesis",),
            (*_ENCODERS, "training.py", "classification.py", "frames.py", "metrics.py", *_SUMMARIES),
        ),
        Stage(
            "integrated_gradients",
            "03_integrated_gradients",
            ("data_synthesis", "training"),
            (*_ENCODERS, "attribution/**/*.py", "maps.py"),
        ),
        Stage(
            "baselines",
            "04_baselines",
            ("data_synthesis", "training"),
            ("baselines.py", "heads.py", "audio.py"),
            light=True,
        ),
        Stage(
            "threshold_sensitivity",
            "05_threshold_sensitivity",
            ("data_synthesis", "training", "integrated_gradients", "baselines"),
            ("frames.py", "thresholds/**/*.py", "metrics.py", "evaluation.py", *_FURTHER, *_SUMMARIES),
        ),
        Stage(
            "results",
            "06_results",
            ("data_synthesis", "training", "integrated_gradients", "baselines", "threshold_sensitivity"),
            ("results.py",),
            light=True,
        ),
        Stage(
            "threshold_rules",
            "07_threshold_rules",
            ("data_synthesis", "training", "integrated_gradients", "baselines", "threshold_sensitivity"),
            ("main_job.py", "threshold_rules.py", "instance_groups.py"),
            light=True,
        ),
        Stage(
            "methods",
            "08_methods",
            ("data_synthesis", "training", "integrated_gradients", "baselines", "threshold_sensitivity"),
            ("main_job.py", "methods/**/*.py", "_zennit.py", "method_study.py", "threshold_rules.py"),
        ),
        Stage(
            "faithfulness",
            "09_faithfulness",
            ("data_synthesis", "training", "integrated_gradients", "baselines", "threshold_sensitivity"),
            ("main_job.py", "faithfulness/*.py", "methods/**/*.py"),
        ),
        Stage(
            "conditions",
            "10_conditions",
            ("data_synthesis", "training", "integrated_gradients", "baselines", "threshold_sensitivity"),
            (
                *("main_job.py", "conditions/*.py", "pooling.py"),
                *("localiser.py", "localiser_scores.py", "localiser_study.py"),
                *("ranking.py", "threshold_rules.py"),
                *("thresholds/**/*.py", "methods/**/*.py"),
            ),
        ),
        Stage(
            "localiser",
            "11_localiser",
            ("data_synthesis", "training", "integrated_gradients", "baselines", "threshold_sensitivity"),
            (
                *("main_job.py", "localiser.py", "localiser_scores.py", "localiser_study.py", "pooling.py"),
                *("threshold_rules.py", "thresholds/**/*.py"),
                "methods/**/*.py",
            ),
        ),
        Stage(
            "engine",
            "12_engine",
            ("data_synthesis", "training", "integrated_gradients", "baselines", "threshold_sensitivity"),
            ("main_job.py", "engine_study.py", "engine_example.py"),
        ),
        Stage(
            "seeds",
            "13_seeds",
            ("data_synthesis", "training", "integrated_gradients", "baselines", "threshold_sensitivity"),
            ("seed_study.py",),
        ),
        Stage(
            "audit",
            "14_audit",
            ("data_synthesis", "training", "integrated_gradients", "baselines", "threshold_sensitivity"),
            ("main_job.py", "audit/**/*.py", "paper/*"),
        ),
    )
}


def get(name: str) -> Stage:
    """Return a stage by name.

    Raises
    ------
    IgsedError
        For an unknown name; the message lists the stages.
    """
    if name not in STAGES:
        raise IgsedError(f"unknown stage {name!r}: choose one of {', '.join(STAGES)}")
    return STAGES[name]


def downstream(name: str) -> list[str]:
    """Return the stages that read from ``name``, directly or not, in order."""
    return [s.name for s in STAGES.values() if name in s.upstream]


def data_key(stage: Stage, params: StageParams, upstream_keys: dict[str, str]) -> str:
    """Hash what the artefacts of a stage depend on."""
    return _digest(
        {
            "stage": stage.name,
            "params": experiment.result_values(params),
            "outside": _outside(params),
            "code": _hash_files(stage.modules),
            "upstream": upstream_keys,
        }
    )


def page_key(stage: Stage, data: str) -> str:
    """Hash what a stage's executed notebook depends on."""
    text = stage.source.with_suffix(".py").read_text() if stage.source.with_suffix(".py").exists() else ""
    return _digest({"data": data, "notebook": text, "code": _hash_files(DRAWING)})


def keys(experiment: Experiment) -> dict[str, tuple[str, str]]:
    """Return (data key, page key) of every stage of an experiment."""
    result: dict[str, tuple[str, str]] = {}
    for stage in STAGES.values():
        upstream = {name: result[name][0] for name in stage.upstream}
        data = data_key(stage, experiment.stages[stage.name], upstream)
        result[stage.name] = (data, page_key(stage, data))
    return result


def markers(experiment: Experiment) -> dict[str, Path]:
    """Return each stage's marker file: it exists if the executed notebook is good."""
    paths = RunPaths(experiment.name)
    return {name: paths.marker(name, page) for name, (_, page) in keys(experiment).items()}


def _outside(params: StageParams) -> Any:
    """Fingerprint inputs that lie outside the project: a folder of sounds, a checkpoint."""
    if isinstance(params, experiment.DataSynthesis):
        from igsed_core.data.soundbank import registry as soundbank

        return soundbank.fingerprint(
            params.soundbank,
            seed=params.seed,
            sample_rate=params.sample_rate,
            n_train=params.bank_train_files,
            n_eval=params.bank_eval_files,
            n_background=params.bank_backgrounds,
            background_source=params.background_source,
        )
    if isinstance(params, experiment.Conditions) and params.recordings:
        from igsed_core.data import recordings

        return recordings.fingerprint(params.recordings)
    if isinstance(params, experiment.Training) and params.weights:
        path = Path(params.weights).expanduser()
        if path.is_file():
            stat = path.stat()
            return [str(path.resolve()), stat.st_size, stat.st_mtime_ns]
    return None


def _hash_files(patterns: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(PACKAGE.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0")
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]
