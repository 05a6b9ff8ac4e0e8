"""What a notebook calls first, how one is executed for an experiment, and how all of them are, by Snakemake."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from igsed_core.base import children, files, shards, store
from igsed_core.base.errors import IgsedError
from igsed_core.base.params import StageParams
from igsed_core.base.paths import RunPaths, check_folders, project_root
from igsed_core.base.run import Finished, StageRun, publish
from igsed_core.base.store import Entry
from igsed_core.workflow import checks, experiments, kernels, local_snakemake, reproduce, stages
from igsed_core.workflow.experiments import Experiment

# Exact keys of the stages before a notebook, for the kernel of a run: another run may change the experiment meanwhile.
UPSTREAM_VARIABLE = "IGSED_UPSTREAM"
VALUES = "parameters.json"  # in an experiment's folder: what `igsed run` ran it with
_LEFT_BEHIND = 3600.0  # s after which nobody goes on writing a temporary file in a run's folder
_DONE = stages.PAGE_DONE
CHANGED = "was changed meanwhile (code, a notebook, a table in results/, a package, or a file that a parameter names)"
_AGAIN = "run the same command again; what was finished is kept"


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
    upstream = _upstream(stage, params.experiment)
    made, made_from = stages.keys_of(stage, params, {name: one.entry.key for name, one in upstream.items()})
    run = StageRun(params, made.data, upstream)
    if shards.current() is None:  # the shards of a stage work beside one another, each on files of its own
        run.held.enter_context(made.data.lock())
        files.sweep(made.data.folder)
        for lost in made.data.losses():  # a file of another size than it had is made again, like one that is missing
            lost.unlink(missing_ok=True)
    made.data.describe(made_from)
    return run


def _upstream(stage: stages.Stage, experiment: str) -> dict[str, Finished]:
    """Find the stages that a notebook reads from: those that its run names, else those of its experiment."""
    named = json.loads(os.environ.get(UPSTREAM_VARIABLE) or "{}")
    paths = RunPaths(experiment)
    found = {}
    for name in stage.upstream:
        folder = paths.stage(name)
        entry = Entry(name, named[name] if name in named else folder.resolve().name)
        finished = Finished.read(entry) if name in named or folder.is_symlink() else None
        if finished is None:
            raise IgsedError(
                f"stage {name!r} of experiment {experiment!r} has not finished: run "
                f"`{reproduce.remedy(experiment)}` in a terminal, which makes all that this page reads from"
            )
        found[name] = finished
    return found


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


def parameterise(
    stage: stages.Stage,
    params: StageParams,
    target: Path,
    *,
    execute: bool,
    upstream: dict[str, str] | None = None,
    shard: shards.Shard | None = None,
) -> None:
    """Write a stage's notebook with the given parameters to ``target``, executed or not.

    Parameters
    ----------
    stage, params, target
        Notebook, parameters, file.
    execute
        Execute it, too.
    upstream
        Data keys of the stages that it is to read from; by default those that the experiment refers to.
    shard
        Execute it as this shard; it may end before its last cell.

    Raises
    ------
    IgsedError
        If a cell fails; the message ends with the cell's own error, and the notebook up to that cell
        is kept at ``target``.
    """
    variables = {UPSTREAM_VARIABLE: json.dumps(upstream)} if upstream else {}
    if shard:
        variables[shards.VARIABLE] = str(shard)
    try:
        kernels.fill(
            stage.source,
            target,
            asdict(params),
            execute=execute,
            variables=variables,
        )
    except kernels.CellFailed as error:
        if shard and error.kind == shards.ShardEnd.__name__:
            return
        raise IgsedError(f"notebook {stage.notebook} failed: {error}\n(see {target})") from None


def execute(stage_name: str, experiment: Experiment, *, planned: str = "") -> Path:
    """Execute one stage's notebook for an experiment, keep the page in the store and leave its marker.

    Parameters
    ----------
    stage_name, experiment
        The stage, and the experiment that it is run for.
    planned
        Key of the page as the run has planned it; empty where nobody has.

    Returns
    -------
    Path
        The executed notebook, ``runs/<experiment>/notebooks/<notebook>.ipynb``.

    Raises
    ------
    IgsedError
        If a cell fails, or if what the page depends on is not what it was when the run, or this stage, began.
    """
    stage = stages.get(stage_name)
    every = stages.keys(experiment)
    mine = every[stage_name]
    check_planned(mine, planned)
    target = RunPaths(experiment.name).notebooks / f"{stage.notebook}.ipynb"
    upstream = {name: every[name].data.key for name in stage.upstream}
    parameterise(stage, experiment.stages[stage_name], target, execute=True, upstream=upstream)
    check_planned(stages.keys_of(stage, experiment.stages[stage_name], upstream)[0], mine.page.key)
    if Finished.read(mine.data) is None:
        raise IgsedError(f"notebook {stage.notebook} ended without its artefacts: {_AGAIN}")
    with mine.page.lock():
        mine.page.describe({"stage": stage_name, "data": mine.data.name})
        with files.atomic(mine.page.folder / target.name) as temporary:
            shutil.copyfile(target, temporary)
        mine.page.seal()
        files.write_json(mine.page.folder / _DONE, {"stage": stage_name})
    adopt(experiment, stage_name, mine)
    return target


def check_planned(found: stages.Keys, planned: str) -> None:
    """Make sure that a stage is still the one that was planned.

    Parameters
    ----------
    found
        Its keys now.
    planned
        Key of its page then; empty where nobody planned it.

    Raises
    ------
    IgsedError
        If it is not.
    """
    if planned and found.page.key != planned:
        raise IgsedError(f"what stage {found.data.kind!r} depends on {CHANGED}: {_AGAIN}")


def execute_shard(stage_name: str, experiment: Experiment, shard: shards.Shard) -> None:
    """Do one shard of a stage: its notebook is executed up to the step, and no page is kept.

    Parameters
    ----------
    stage_name, experiment
        The stage, and the experiment that it is run for.
    shard
        Which part.

    Raises
    ------
    IgsedError
        If a cell fails.
    """
    stage, every = stages.get(stage_name), stages.keys(experiment)
    if Finished.read(every[stage_name].data):
        return
    upstream = {name: every[name].data.key for name in stage.upstream}
    with tempfile.TemporaryDirectory(prefix="igsed-shard-") as folder:
        target = Path(folder) / f"{stage.notebook}.ipynb"
        parameterise(stage, experiment.stages[stage_name], target, execute=True, upstream=upstream, shard=shard)


def adopt(experiment: Experiment, stage_name: str, mine: stages.Keys) -> bool:
    """Let an experiment refer to a stage that lies whole in the store, made by whichever run; say whether it does.

    The marker that Snakemake looks at is written, or removed where it is not true.
    """
    paths = RunPaths(experiment.name)
    marker = paths.marker(stage_name, mine.page.key)
    finished = mine.finished()
    for old in marker.parent.glob(f"{stage_name}-*.json"):
        if not finished or old != marker:
            old.unlink(missing_ok=True)
    if not finished:
        return False
    publish(experiment.name, finished)
    name = f"{stages.get(stage_name).notebook}.ipynb"
    page = _named((mine.page.folder / name).read_text(encoding="utf-8"), experiment.name)
    target = paths.notebooks / name
    if not files.holds(target, page):
        files.write_text(target, page)
    if not marker.exists():
        files.write_json(marker, {"stage": stage_name, "data": mine.data.name, "page": mine.page.name})
    return True


def progress(experiment: Experiment) -> tuple[int, int]:
    """Return how many stages of an experiment its run has marked as whole, and how many there are."""
    folder = RunPaths(experiment.name).marker("", "").parent
    marked = {path.name.rpartition("-")[0] for path in folder.glob("*.json")}
    return len(marked & experiment.stages.keys()), len(experiment.stages)


def _named(page: str, experiment: str) -> str:
    """Put an experiment's name into an executed notebook, which another experiment may have made."""
    content = json.loads(page)
    for cell in content["cells"]:
        if "injected-parameters" in cell["metadata"].get("tags", []):
            source = "".join(cell["source"])
            cell["source"] = re.sub(r"^experiment = .*$", f'experiment = "{experiment}"', source, flags=re.MULTILINE)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def check(experiment: Experiment) -> dict[str, stages.Keys]:
    """Check everything that can be checked before anything runs, and return the keys of the stages.

    Raises
    ------
    IgsedError
        For what a stage would refuse later; the message names it and the remedy.
    """
    checks.check_paths(experiment)
    check_folders(experiment.name)
    every = stages.keys(experiment)
    checks.check(experiment, [name for name, mine in every.items() if not Finished.read(mine.data)])
    return every


def run(params: Path, overrides: list[str], *, cores: int, dry_run: bool = False) -> Experiment:
    """Run the stages that are missing or out of date, through Snakemake.

    Everything that can be checked is checked first. What another run or another experiment has made already is taken
    from the store. Two runs of one experiment follow one another.

    Raises
    ------
    IgsedError
        For bad parameters, or if a stage fails.
    """
    experiment = experiments.load(params, overrides)
    every = check(experiment)
    if dry_run:
        _say_what_would_run(experiment, every)
        return experiment
    paths = RunPaths(experiment.name)
    with _alone(paths):
        files.sweep(paths.root, age=_LEFT_BEHIND)
        values = paths.root / VALUES
        files.write_json(values, experiment.values())
        missing = [name for name, mine in every.items() if not adopt(experiment, name, mine)]
        if missing:
            store.hold(paths.root, [one for mine in every.values() for one in (mine.data, mine.page)])
            with kernels.warm_ones() as further:
                status = children.run(_snakemake(paths.root, cores), further=further)
            if status:
                raise IgsedError(f"experiment {experiment.name!r} did not finish: the reason stands above")
        store.hold(paths.root, ())
    return experiment


def _snakemake(folder: Path, cores: int) -> list[str]:
    return [
        *local_snakemake.command("--snakefile", str(project_root() / "Snakefile")),
        *("--directory", str(folder), "--cores", str(cores), "--rerun-triggers", "mtime"),
        *("--scheduler", "greedy", "--resources", "heavy=2"),  # so small a graph needs no solver
        *("--quiet", "rules", "host", "progress"),
        "--nolock",  # a lock of our own waits instead of failing
        "--ignore-incomplete",  # a marker is written whole or not at all
    ]


def _say_what_would_run(experiment: Experiment, every: dict[str, stages.Keys]) -> None:
    for name, mine in every.items():
        data, page = Finished.read(mine.data), mine.finished()
        state = "at hand" if page else "page to be made, results at hand" if data else "to be run"
        print(f"{name:24} {state:34} {mine.data.name}")


def _alone(paths: RunPaths) -> AbstractContextManager[None]:
    """Let one run at a time work on an experiment; a second one waits, and says so."""
    return store.alone(paths.root, f"another run works on experiment {paths.experiment!r}")
