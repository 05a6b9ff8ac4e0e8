"""Child processes: each starts in an environment of ours, whatever the caller's holds, and ends with its parent.

A parent keeps a lock on a small file for as long as it lives, and the system gives the lock up when the parent ends,
even by ``kill -9``. Each child waits for that lock in a thread, and then ends: no clean-up of the parent's is needed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

from igsed_core.base import files, warm
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import data_dir

LIFELINE_VARIABLE = "IGSED_LIFELINE"
STOPPED = "igsed: stopped"  # how a command that a signal ended begins its last line
KERNEL = "igsed"  # name of our own kernel spec: a `python3` of the user's may be any program
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Variables by which a caller's set-up changes what Python, Jupyter and Snakemake do, or which files they read: a start
# script, another kernel, a profile, a back end for windows, warnings as errors.
_FOREIGN = (
    *("PYTHON", "JUPYTER", "IPYTHON", "PAPERMILL", "SNAKEMAKE", "MPL", "XDG_", "BASH_", "GIT_", "PYDEVD", "TQDM_"),
    *("JPY_", "SPHINX", "COLUMNS", "LINES"),
)
_FOREIGN_NAMES = frozenset({"ENV", "SHELLOPTS", "BASHOPTS", "CDPATH", "IFS", "POSIXLY_CORRECT"})
_KEPT = frozenset({"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"})  # where compiled modules go, or not

# tqdm chooses how bars look when it is imported: in a kernel without ipywidgets it warns on the page that it cannot.
_KERNEL_MAIN = (
    "from igsed_core.base import children; children.follow(); import tqdm.auto; "
    "from ipykernel.kernelapp import launch_new_instance; launch_new_instance()"
)


class Stopped(KeyboardInterrupt):
    """A signal asked this process to end.

    Attributes
    ----------
    number
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Let signals that ask for an end raise :class:`Stopped` in the main thread; one that is ignored stays ignored."""
    before = {}

    def stop(number: int, _: FrameType | None) -> None:
        raise Stopped(number)

    if threading.current_thread() is threading.main_thread():
        for one in _STOPPING:
            if signal.getsignal(one) in (signal.SIG_DFL, signal.default_int_handler):
                before[one] = signal.signal(one, stop)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def environment(further: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that a child gets: the caller's without what concerns the programs that we start.

    Folders for settings and caches are our own and lie in the cache of sounds and weights, so that neither a home
    folder that cannot be written nor settings in it matter. Modules beside the user are not imported.

    Parameters
    ----------
    further
        Variables that are added.

    Raises
    ------
    IgsedError
        If our folders cannot be made.
    """
    own = data_dir() / ".programs"
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or not (name.startswith(_FOREIGN) or name in _FOREIGN_NAMES)
    }
    if found := _search_path():
        kept["PYTHONPATH"] = found
    folders = {
        "JUPYTER_CONFIG_DIR": own / "jupyter" / "config",
        "JUPYTER_DATA_DIR": own / "jupyter" / "data",
        "JUPYTER_PATH": own / "jupyter",
        "JUPYTER_RUNTIME_DIR": own / "jupyter" / "runtime",
        "IPYTHONDIR": own / "ipython",
        "MPLCONFIGDIR": own / "matplotlib",
        "XDG_CONFIG_HOME": own / "config",
        "XDG_CACHE_HOME": own / "cache",
        "XDG_DATA_HOME": own / "share",
        "XDG_STATE_HOME": own / "state",
    }
    try:
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        _write_kernel(own / "jupyter" / "kernels" / KERNEL / "kernel.json")
    except OSError as error:
        raise IgsedError(
            f"folders of the programs that igsed starts cannot be made in {own} ({error.strerror or error}): make it "
            "writable, or let the variable IGSED_DATA_DIR name another folder"
        ) from error
    isolated = {"PYTHONSAFEPATH": "1", "PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1"}
    return {**kept, **isolated, **{name: str(folder) for name, folder in folders.items()}, **(further or {})}


def _search_path() -> str:
    """The caller's PYTHONPATH as whole paths; an empty part of it would be whatever folder a child works in."""
    parts = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    return os.pathsep.join(os.path.abspath(part) for part in parts)


def _write_kernel(path: Path) -> None:
    command = warm.asking(
        [
            *(sys.executable, "-P", "-s", "-c", _KERNEL_MAIN, "-f", "{connection_file}"),
            # The working folder is the project's, and a module in it must not take the place of another.
            *("--IPKernelApp.ignore_cwd=True", "--HistoryManager.enabled=False", "--IPKernelApp.log_level=50"),
        ]
    )
    wanted = {"argv": command, "display_name": "igsed", "language": "python"}
    with contextlib.suppress(IgsedError):
        if files.read_json(path) == wanted:
            return
    files.write_json(path, wanted)


@contextlib.contextmanager
def lifeline() -> Iterator[dict[str, str]]:
    """Yield the variable that lets children end when this process does, or when the block is left."""
    with tempfile.NamedTemporaryFile(prefix="igsed-", suffix=".alive") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield {LIFELINE_VARIABLE: stream.name}


def follow() -> None:
    """End this process when the one that started it ends; what a child calls first of all."""
    name = os.environ.get(LIFELINE_VARIABLE)
    if not name:
        return
    try:
        stream = open(name, "rb")  # noqa: SIM115 (open for as long as the process lives)
    except OSError:  # it has ended already
        os._exit(1)
    threading.Thread(target=_end_with, args=(stream,), daemon=True).start()


def _end_with(stream: IO[bytes]) -> None:
    fcntl.flock(stream, fcntl.LOCK_SH)
    with contextlib.suppress(OSError):
        os.unlink(stream.name)  # where the parent could not
    os._exit(1)


def run(command: Sequence[str], *, output: IO[str] | None = None, further: Mapping[str, str] | None = None) -> int:
    """Run a program in our environment and return its exit status; it does not outlive this process, nor the call.

    Signals of the terminal reach this process alone: it explains itself once, and the program is ended.

    Parameters
    ----------
    command
        Program and arguments.
    output
        Where everything goes that it prints; by default where ours goes.
    further
        Variables that are added.

    Raises
    ------
    IgsedError
        If it cannot be started.
    """
    with lifeline() as alive:
        try:
            child = subprocess.Popen(
                list(command),
                env=environment({**alive, **(further or {})}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                process_group=0,
            )
        except OSError as error:
            raise IgsedError(
                f"{command[0]} cannot be started ({error.strerror or error}): see that it is there"
            ) from error
        try:
            return child.wait()
        finally:
            # Of a program that has ended by itself nothing is left; of one that was stopped, everything is ended.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def igsed() -> list[str]:
    """Return the command ``igsed``, to be followed by its arguments; a server of warm programs starts it in less."""
    # Its parent may have ended already: seen before the imports, which take a while.
    main = "from igsed_core.base import children; children.follow(); from igsed_core.workflow.cli import main; "
    return warm.asking([sys.executable, "-c", f"{main}raise SystemExit(main())"])


def python(code: str, *arguments: str) -> list[str]:
    """Return the command that runs code in an interpreter of its own, which ends with this process."""
    main = f"from igsed_core.base import children; children.follow(); {code}"
    return [sys.executable, "-P", "-s", "-c", main, *arguments]
