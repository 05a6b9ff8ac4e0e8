"""What a notebook calls first and last, and how one is executed by papermill."""

from __future__ import annotations

import ast
import contextlib
import datetime
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from igsed_core.base import files, provenance
from igsed_core.base.errors import IgsedError
from igsed_core.base.params import StageParams
from igsed_core.base.paths import RunPaths, project_root
from igsed_core.base.progress import TERMINAL_VARIABLE
from igsed_core.workflow import experiments, stages
from igsed_core.workflow.experiments import Experiment

P = TypeVar("P", bound=StageParams)


@dataclass
class StageRun:
    """A stage being run: its checked parameters, where its artefacts go, what came before it."""

    stage: stages.Stage
    params: Any
    paths: RunPaths
    key: str
    upstream: dict[str, dict[str, Any]]
    started: float = field(default_factory=time.perf_counter)
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def dir(self) -> Path:
        """Folder of this stage's artefacts."""
        return self.paths.stage(self.stage.name)

    def input(self, stage: str) -> Path:
        """Folder of an earlier stage's artefacts."""
        if stage not in self.stage.upstream:
            raise KeyError(f"{self.stage.name} does not read from {stage}")
        return self.paths.stage(stage)

    def params_of(self, cls: type[P]) -> P:
        """Parameters that an earlier stage ran with."""
        name = next(n for n, c in experiments.STAGE_PARAMS.items() if c is cls)
        return experiments.build(cls, self.upstream[name]["params"], source=f"record of {name}")  # type: ignore[return-value]

    @contextlib.contextmanager
    def timed(self, figure: str) -> Iterator[None]:
        """Add the seconds that a block takes to one of the figures that :meth:`finish` records."""
        began = time.perf_counter()
        yield
        self.timings[figure] = round(self.timings.get(figure, 0.0) + time.perf_counter() - began, 2)

    def finish(self, **figures: Any) -> None:
        """Write the stage's record: from now on later stages may read its artefacts.

        Parameters
        ----------
        **figures
            Figures about the run itself (counts, seconds) for the provenance page.
        """
        record = self.paths.record(self.stage.name)
        seconds = time.perf_counter() - self.started
        figures = {**self.timings, **figures}
        if record.exists():  # all artefacts were there already: keep what making them took
            seconds = files.read_json(record).get("seconds", seconds)
            figures = {**figures, **files.read_json(record).get("figures", {})}
        files.write_json(
            record,
            {
                "stage": self.stage.name,
                "key": self.key,
                "upstream": {name: r["key"] for name, r in self.upstream.items()},
                "params": asdict(self.params),
                "seconds": seconds,
                "figures": figures,
                "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                **provenance.environment(),
            },
        )


def begin(stage_name: str, namespace: Mapping[str, Any]) -> StageRun:
    """Check a notebook's parameters and open its stage.

    Parameters are what the cells before it set: the ``parameters`` cell and the one that papermill injects.
    papermill itself only warns of an unknown name; here it is an error.

    Parameters
    ----------
    stage_name
        Name of the stage, one of :data:`igsed_core.workflow.stages.STAGES`.
    namespace
        The notebook's ``globals()``.

    Raises
    ------
    IgsedError
        For an unknown or ill-typed parameter (the message lists the valid ones), or if an earlier stage
        has not finished.
    """
    stage = stages.get(stage_name)
    known = experiments.parameter_fields(stage.params)
    values = {name: namespace[name] for name in sorted(_parameter_names(namespace, known.keys()))}
    params = experiments.build(stage.params, values, source=f"notebook {stage.notebook}")
    paths = RunPaths(params.experiment)
    upstream = {}
    for name in stage.upstream:
        record = paths.record(name)
        if not record.exists():
            raise IgsedError(
                f"stage {name!r} of experiment {params.experiment!r} has not finished ({record} is missing): "
                f"run notebook {stages.get(name).notebook} first, or `igsed run` with a parameter file"
            )
        upstream[name] = files.read_json(record)
    key = stages.data_key(stage, params, {name: r["key"] for name, r in upstream.items()})
    run = StageRun(stage, params, paths, key, upstream)
    _open(run)
    return run


def _parameter_names(namespace: Mapping[str, Any], known: AbstractSet[str]) -> set[str]:
    """Names that the cells of parameters set.

    Known parameters count wherever a cell set them. Unknown names count in the cells of parameters right before
    this one only: a notebook run twice in one kernel has set other variables, and mistakes since corrected.
    """
    *before, calling = namespace["In"]
    while before and before[-1] == calling:  # run again on its own
        before.pop()
    cells = [_assigned(cell) for cell in before]
    names = {name for assigned, _ in cells for name in assigned & known}
    for assigned, only_constants in reversed(cells):
        if not only_constants and not assigned & known:
            break
        names |= assigned
    return names & namespace.keys()


def _assigned(cell: str) -> tuple[set[str], bool]:
    """Return the names that a cell assigns, and whether it does nothing but set them to constants."""
    names: set[str] = set()
    only_constants = True
    try:
        statements = ast.parse(cell).body
    except SyntaxError:  # it cannot have run
        return names, False
    for statement in statements:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            only_constants = False
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
        # papermill writes NaN and infinity as float('nan') and float('inf').
        used = {node.id for node in ast.walk(statement.value) if isinstance(node, ast.Name)}
        only_constants &= used <= {"float"} and all(isinstance(target, ast.Name) for target in targets)
    return names, only_constants


def _open(run: StageRun) -> None:
    """Keep artefacts made under the same key; clear others, and what later stages made from them."""
    guard = run.dir / ".key"
    if guard.exists() and guard.read_text() == run.key:
        return
    for name in (run.stage.name, *stages.downstream(run.stage.name)):
        run.paths.record(name).unlink(missing_ok=True)
        for marker in run.paths.notebooks.glob(f".done/{name}-*.json"):
            marker.unlink()
    if run.dir.exists():
        shutil.rmtree(run.dir)
    run.dir.mkdir(parents=True)
    files.write_text(guard, run.key)


def parameterise(stage: stages.Stage, params: StageParams, target: Path, *, execute: bool) -> None:
    """Write a stage's notebook with the given parameters to ``target``, executed or not.

    Raises
    ------
    IgsedError
        If a cell fails; the message ends with the cell's own error, and the notebook up to that cell
        is kept at ``target``.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    target.parent.mkdir(parents=True, exist_ok=True)
    with _kernel_environment():
        try:
            papermill.execute_notebook(
                str(stage.source),
                str(target),
                parameters=asdict(params),
                prepare_only=not execute,
                progress_bar=False,
                log_output=False,
                cwd=str(project_root()),
                kernel_name="python3",
            )
        except PapermillExecutionError as error:
            cause = (
                error.evalue
                if error.ename == "IgsedError"
                else f"{error.ename}: {error.evalue}\n" + "\n".join(error.traceback)
            )
            raise IgsedError(f"notebook {stage.notebook} failed: {cause}\n(see {target})") from None


# What a kernel inherits: progress bars go to this terminal and not into the page, and idle threads sleep
# instead of spinning (on a shared machine spinning makes two busy threads slower than one).
_KERNEL_ENVIRONMENT = {TERMINAL_VARIABLE: "1", "OMP_WAIT_POLICY": "PASSIVE"}


@contextlib.contextmanager
def _kernel_environment() -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update({**_KERNEL_ENVIRONMENT, **{k: before[k] for k in _KERNEL_ENVIRONMENT if k in before}})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def execute(stage_name: str, experiment: Experiment) -> Path:
    """Execute one stage's notebook for an experiment and leave its marker.

    Returns
    -------
    Path
        The executed notebook, ``runs/<experiment>/notebooks/<notebook>.ipynb``.
    """
    stage = stages.get(stage_name)
    paths = RunPaths(experiment.name)
    target = paths.notebooks / f"{stage.notebook}.ipynb"
    data, page = stages.keys(experiment)[stage_name]
    parameterise(stage, experiment.stages[stage_name], target, execute=True)
    recorded = files.read_json(paths.record(stage_name))["key"]
    if recorded != data:
        raise IgsedError(
            f"stage {stage_name!r} ran on artefacts that have changed meanwhile: run the same command again"
        )
    for old in paths.notebooks.glob(f".done/{stage_name}-*.json"):
        old.unlink()
    files.write_json(paths.marker(stage_name, page), {"stage": stage_name, "data": data, "page": page})
    return target


def run(params: Path, overrides: list[str], *, cores: int, dry_run: bool = False) -> Experiment:
    """Run the stages that are missing or out of date, through Snakemake.

    Raises
    ------
    IgsedError
        For bad parameters, or if a stage fails.
    """
    experiment = experiments.load(params, overrides)
    paths = RunPaths(experiment.name)
    values = paths.root / "parameters.json"
    files.write_json(values, experiment.values())
    command = [
        *(provenance.python(), "-m", "snakemake", "--snakefile", str(project_root() / "Snakefile")),
        *("--directory", str(paths.root), "--cores", str(cores), "--rerun-triggers", "mtime"),
        *("--scheduler", "greedy", "--resources", "heavy=1"),  # so small a graph needs no solver
        *("--config", f"values={values}"),
        *("--quiet", "rules", "host", "progress") * (not dry_run),
        *(("--dry-run",) if dry_run else ()),
        "--nolock",
    ]
    if subprocess.run(command, check=False).returncode:
        raise IgsedError(f"experiment {experiment.name!r} did not finish: the reason stands above")
    return experiment
