"""The command line, thin over the same functions.

Stages: ``igsed run | book | pdf | stage | notebooks | parameters | store``; many experiments: ``igsed sweep | status``;
anyone's recordings and classifiers, without a clone of the repository: ``igsed train | locate | evaluate | explain |
benchmark``; ``igsed fetch`` for all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import select
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from igsed_core import __version__
from igsed_core.base import children, files, paths, store
from igsed_core.base.errors import IgsedError
from igsed_core.base.parallel import n_processes
from igsed_core.base.params import StageParams, choices_of
from igsed_core.base.paths import store_dir
from igsed_core.base.progress import tell
from igsed_core.data import assets, fetching
from igsed_core.workflow import checks, experiments, stages
from igsed_core.workflow.experiments import RunParams
from igsed_core.workflow.recordings import commands as commands_for_recordings

_HELP = (
    "Can a sound classifier that never saw a time stamp tell when a sound happens? The stages of an experiment and the "
    "book made of them: run, book, pdf, stage, notebooks, parameters, store. Many experiments: sweep, status. "
    "Recordings and classifiers of your own: train, locate, evaluate, explain, benchmark. `igsed COMMAND --help` says "
    "more."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 1 after an error that was explained."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that a terminal's encoding lacks is written, not an error
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            return _main(arguments)
        finally:
            sys.stdout.flush()  # here and not at the interpreter's end, where a closed pipe is a traceback
    except BrokenPipeError:
        if not _reader_has_gone():
            raise
        return 128 + signal.SIGPIPE  # as a shell has it for `cat`


def _reader_has_gone() -> bool:
    """Whether nobody reads what is printed any more (`igsed parameters | head -1`); what is left is dropped."""
    gone = False
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a stream that is no file
            poll = select.poll()
            poll.register(stream.fileno(), select.POLLOUT)
            if any(state & (select.POLLERR | select.POLLHUP) for _, state in poll.poll(0)):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
                gone = True
    return gone


def _main(arguments: Sequence[str] | None) -> int:
    try:
        options = _parse(arguments)  # a path may be none
        children.follow()
        paths.pin_folders()
        with children.stoppable():
            options.command(options)
    except IgsedError as error:
        print(f"igsed: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:
        if (known := files.explained(error.errno, str(error))) is None:
            raise
        print(f"igsed: {known}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        print(f"{children.STOPPED}; what was finished is kept, the same command goes on from there", file=sys.stderr)
        return 128 + (error.number if isinstance(error, children.Stopped) else signal.SIGINT)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse; overrides may stand after an option too, where argparse alone would refuse them."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if any(word.startswith("-") for word in rest) or (rest and "overrides" not in options):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.overrides = [*options.overrides, *rest]
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="igsed", description=_HELP)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: object, text: str, *, inner: bool = False) -> argparse.ArgumentParser:
        if inner:  # what only a run of ours calls stands in no list
            sub = commands.add_parser(name, description=text)
        else:
            sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=function)
        return sub

    for name, function, text in (
        ("run", _run, "run the stages that are missing or out of date, without the book"),
        ("book", _book, "run the stages, then build the book"),
        ("pdf", _pdf, "run the stages, build the book, then print all of it as one PDF"),
        ("stage", _stage, "execute one stage's notebook, whether it is needed or not"),
        ("notebooks", _notebooks, "write the notebooks with the given parameters, not executed"),
    ):
        sub = command(name, function, text)
        if name == "stage":
            sub.add_argument("stage", choices=list(stages.STAGES))
            sub.add_argument("--planned", default="", metavar="KEY", help="refuse if the page's key is another one")
        sub.add_argument("params", type=paths.user_path, help="parameter file, for instance params/embedded.yaml")
        sub.add_argument("overrides", nargs="*", metavar="name=value", help="parameters to change")
        if name in ("run", "book", "pdf"):
            sub.add_argument("--cores", type=int, default=0, help="cores to use; 0 means all")
            sub.add_argument("--dry-run", action="store_true", help="say what would run, and stop")
        if name == "notebooks":
            sub.add_argument("--out", type=paths.user_path, required=True, help="folder to write them to")
    sub = command("sweep", _sweep, "run the experiments of a sweep file, here or on a cluster, and report on them")
    sub.add_argument("file", type=paths.user_path, help="sweep file, for instance params/sweeps/snr.yaml")
    sub.add_argument("--profile", type=paths.user_path, help="folder of a Snakemake profile; by default profiles/local")
    sub.add_argument("--cores", type=int, default=0, help="cores of this machine to use; 0 means all")
    sub.add_argument("--dry-run", action="store_true", help="say how many jobs, what is shared, how long, and stop")
    sub = command("status", _status, "say how far a sweep is: stages, shards, what failed, time left")
    sub.add_argument("name", nargs="?", default="", help="name of the sweep; without one, those that were started")
    sub = command("sweep-job", _sweep_job, "do jobs of a sweep, one after another; Snakemake calls it", inner=True)
    sub.add_argument("folder", type=paths.user_path, help="folder of the sweep, runs/NAME.sweep")
    sub.add_argument("jobs", nargs="+", metavar="JOB", help="identifier of a job in its batch.json")
    sub = command("fetch", _fetch, "fetch public weights and sounds now; a run fetches what it needs by itself")
    sub.add_argument("names", nargs="*", metavar="NAME", help=f"what to fetch: {', '.join(fetching.NAMES)}")
    sub.add_argument("--dry-run", action="store_true", help="say sizes, licences, from where and to where, and stop")
    sub.add_argument("--verify", action="store_true", help="hold the files that are there to their checksums, and stop")
    sub.add_argument("--mirror", metavar="URL", help="take the files from here (also: variable IGSED_MIRROR)")
    sub = command("store", _store, "list what runs have made, or remove what no experiment refers to any more")
    sub.add_argument("action", nargs="?", choices=("list", "prune"), default="list", help="by default: list")
    sub.add_argument("--yes", action="store_true", help="prune without asking")
    commands_for_recordings.add(command)
    command("parameters", _parameters, "list all parameters with their defaults and meanings")
    return parser


def _run(options: argparse.Namespace) -> None:
    from igsed_core.workflow import notebook

    experiment = notebook.run(
        options.params, options.overrides, cores=n_processes(options.cores), dry_run=options.dry_run
    )
    if not options.dry_run:
        from igsed_core.base.paths import RunPaths

        print(f"results: {RunPaths(experiment.name).results}")


def _book(options: argparse.Namespace) -> None:
    from igsed_core.workflow import notebook

    experiment = notebook.run(
        options.params, options.overrides, cores=n_processes(options.cores), dry_run=options.dry_run
    )
    if not options.dry_run:
        print(f"book: {_built(experiment)}")


def _built(experiment: experiments.Experiment) -> Path:
    from igsed_core.workflow import book

    tell("igsed: the book, if anything in it has changed ...")
    return book.build(experiment)


def _pdf(options: argparse.Namespace) -> None:
    from igsed_core.workflow import notebook, printing

    printing.require_browser()
    experiment = notebook.run(
        options.params, options.overrides, cores=n_processes(options.cores), dry_run=options.dry_run
    )
    if not options.dry_run:
        _built(experiment)
        print(f"pdf: {printing.write(experiment)}")


def _stage(options: argparse.Namespace) -> None:
    from igsed_core.workflow import notebook

    experiment = experiments.load(options.params, options.overrides)
    checks.check_paths(experiment)
    tell(f"igsed: {options.stage} ...")
    notebook.execute(options.stage, experiment, planned=options.planned)
    done, every = notebook.progress(experiment)
    tell(f"igsed: {options.stage}: done ({done} of {every} stages)", apart=True)


def _notebooks(options: argparse.Namespace) -> None:
    from igsed_core.workflow import kernels, notebook

    experiment = experiments.load(options.params, options.overrides)
    paths.check_writable(options.out, "let --out name another folder")
    wanted = {stage: options.out / f"{stage.notebook}.ipynb" for stage in map(stages.get, experiment.stages)}
    for target in wanted.values():
        if target.exists() and not kernels.is_filled(target):
            raise IgsedError(
                f"--out: {target} is there already and is no notebook of `igsed notebooks`, and would be lost: choose "
                "another folder"
            )
    for stage, target in wanted.items():
        notebook.parameterise(stage, experiment.stages[stage.name], target, execute=False)
        print(target)


def _sweep(options: argparse.Namespace) -> None:
    from igsed_core.workflow.sweeps import driver, sweep_file

    sweep = sweep_file.read(options.file)
    profile = options.profile or paths.project_root() / "profiles" / "local"
    if options.dry_run:
        print(driver.dry_run(sweep, profile=profile))
        return
    print(f"report: {driver.run(sweep, profile=profile, cores=n_processes(options.cores))}")


def _status(options: argparse.Namespace) -> None:
    from igsed_core.workflow.sweeps import status

    print(status.of(options.name) if options.name else status.names())


def _sweep_job(options: argparse.Namespace) -> None:
    from igsed_core.workflow.sweeps import job

    if len(options.jobs) > 1:
        raise SystemExit(job.run_lot(options.folder, options.jobs))
    job.run(options.folder, options.jobs[0])


def _fetch(options: argparse.Namespace) -> None:
    from igsed_core.data.soundbank import desed

    unknown = sorted(set(options.names) - set(fetching.NAMES))
    if unknown:
        raise IgsedError(f"nothing to fetch is called {unknown[0]!r}: choose from {', '.join(fetching.NAMES)}")
    if options.mirror:
        os.environ[assets.MIRROR_VARIABLE] = options.mirror
    names = fetching.groups(options.names or [fetching.EVERYTHING])
    if options.verify:
        print(fetching.verify(names))
    elif options.dry_run:
        print(fetching.describe(names))
    elif not options.names:
        raise IgsedError(f"say what to fetch: {', '.join(fetching.NAMES)}; `igsed fetch --dry-run` says how large")
    else:
        for name in names:
            path = fetching.fetch(name)
            print(f"{name}: {path}")
            if name == desed.NAME and (root := desed.find_root(path)):
                print(desed.report(root))
            elif name == "backgrounds":
                print(desed.report_sins(path))


def _store(options: argparse.Namespace) -> None:
    listed = store.listed()
    if options.action == "list":
        print(f"{'artefact':42} {'size':>12}  {'age':>7}  used by")
        for one in listed:
            users = ", ".join(one.users) or "nobody"
            print(f"{one.entry.name:42} {one.bytes / 1e6:9.1f} MB  {store.age(one.changed):>7}  {users}")
        print(f"{len(listed)} artefacts, {sum(one.bytes for one in listed) / 1e6:.1f} MB in {store_dir()}")
        return
    unused = [one for one in listed if not one.users]
    if not unused:
        print("every artefact is in use: nothing to remove")
        return
    for one in unused:
        print(f"{one.entry.name:42} {one.bytes / 1e6:9.1f} MB  {store.age(one.changed):>7}")
    if not options.yes and not _agreed(f"Remove these {_amount(unused)}? [y/N] "):
        print("nothing was removed")
        return
    print(f"removed {_amount(store.prune(unused))}")


def _amount(artefacts: list[store.Listed]) -> str:
    number = f"{len(artefacts)} artefact{'s' * (len(artefacts) != 1)}"
    return f"{number}, {sum(one.bytes for one in artefacts) / 1e6:.1f} MB"


def _agreed(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:  # nobody is there to answer
        print()
        raise IgsedError("nobody answers, and nothing was removed: add --yes to prune without asking") from None


def _parameters(_: argparse.Namespace) -> None:
    shown: set[str] = set()
    every: list[type[StageParams | RunParams]] = [RunParams, *experiments.STAGE_PARAMS.values()]
    for cls in every:
        mine = {n: f for n, f in experiments.parameter_fields(cls).items() if n not in shown}
        shown.update(mine)
        if mine:
            print(f"# {cls.title}")
        for name, f in mine.items():
            unit = f" [{f.metadata['unit']}]" if f.metadata["unit"] else ""
            choices = f" ({', '.join(choices_of(f))})" if choices_of(f) else ""
            print(f"{name}: {f.default!r}  # {f.metadata['doc']}{choices}{unit}")
