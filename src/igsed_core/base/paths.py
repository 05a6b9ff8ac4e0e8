"""Where things lie: the project, the artefacts of a run, the cache of sounds and weights."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from igsed_core.base.errors import IgsedError

RUNS_VARIABLE, DATA_VARIABLE, STORE_VARIABLE = "IGSED_RUNS_DIR", "IGSED_DATA_DIR", "IGSED_STORE_DIR"
PROJECT_VARIABLE = "IGSED_PROJECT"
# ``${NAME}`` anywhere, ``$NAME`` at the beginning of a part of a path: elsewhere a dollar is a character.
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}|(?<![^/])\$([A-Za-z_]\w*)", re.ASCII)


def absolute(text: str | Path, base: Path | None = None) -> Path:
    """Return what a user wrote as one absolute path, the same wherever the program then works.

    Parameters
    ----------
    text
        The path as written; ``~`` is the home folder, ``$NAME`` and ``${NAME}`` are environment variables.
    base
        Folder that a relative path starts from; by default the working folder.

    Raises
    ------
    IgsedError
        If no path can be meant, a variable in it is not set, or a relative one is given while the working folder is
        gone.
    """
    written = os.fspath(text)
    _refuse_address(written)
    try:
        expanded = _expanded(written, base)
        whole = expanded if os.path.isabs(expanded) else os.path.join(base or os.getcwd(), expanded)
        # realpath, unlike Path.resolve, takes a circle of links as it is: opening the file will say so.
        return Path(os.path.realpath(whole))
    except FileNotFoundError as error:
        raise IgsedError(f"the working folder is gone, so {written!r} means nothing: change to another one") from error
    except ValueError as error:  # NUL, or half a character
        raise IgsedError(f"{written!r} is no path: it holds a character that none can hold") from error


_LONGEST_SHOWN = 400  # characters of a path in a message: beyond, its middle says nothing


def shown(path: Path) -> str:
    """Write a path into a message: in one line whatever it holds, and in few whatever its length.

    Examples
    --------
    >>> from pathlib import Path
    >>> from igsed_core.base import paths
    >>> print(paths.shown(Path("/tmp/a b.yaml")), paths.shown(Path("a" + chr(10) + "b")))
    /tmp/a b.yaml 'a\\nb'
    """
    text = str(path)
    text = text if text.isprintable() else repr(text)
    half = _LONGEST_SHOWN // 2
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:half]}...{text[-half:]}"


def user_path(text: str | Path) -> Path:
    """Return a path of the command line for use: ``~`` and variables are expanded, the rest stands as typed.

    Raises
    ------
    IgsedError
        If it is empty or the address of something elsewhere, or a variable in it is not set.
    """
    written = os.fspath(text)
    if not written.strip():  # an unset variable of the shell: it would be the working folder
        raise IgsedError("a path is empty: give a file or a folder ('.' is the folder that you are in)")
    _refuse_address(written)
    return Path(_expanded(written))


def _expanded(written: str, base: Path | None = None) -> str:
    """Put in the home folder, and variables, which no shell sees in a parameter file or between single quotes.

    A variable that is empty counts as none: ``$NAME/sounds`` would be a folder of the whole machine's.
    """

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if given := os.environ.get(name):
            return given
        if os.path.lexists(os.path.join(base or "", os.path.expanduser(written))):  # a folder may be called so
            return found[0]
        raise IgsedError(
            f"{written!r} names the environment variable {name}, which is not set: set it, or write the whole path"
        )

    return os.path.expanduser(_VARIABLE.sub(value, written))


def _refuse_address(written: str) -> None:
    """Say of ``https://...`` what it is: taken for a path it would be a file that is missing in the working folder."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", written):
        raise IgsedError(
            f"{written!r} is an address, no path: fetch what lies there, and give its path on this machine"
        )


def project_root() -> Path:
    """Return the folder that holds ``book/`` and the Snakefile.

    The variable ``IGSED_PROJECT`` names it; else it is looked for above this file (an editable install), then above
    the working directory.

    Raises
    ------
    IgsedError
        If there is none, or the variable names another folder.
    """
    if named := _named_folder(PROJECT_VARIABLE):
        if not ((named / "book").is_dir() and (named / "Snakefile").is_file()):
            raise IgsedError(
                f"environment variable {PROJECT_VARIABLE} names {named}, which is no clone of the project: unset it, "
                "or name the folder that holds book/ and the Snakefile"
            )
        return named
    for start in (Path(__file__).resolve(), Path.cwd() / "x"):
        for folder in start.parents:
            if (folder / "book").is_dir() and (folder / "Snakefile").is_file():
                return folder
    raise IgsedError(
        "the project's folder was not found: work inside a clone of the repository (igsed train, locate, evaluate, "
        "explain and benchmark need none)"
    )


def runs_dir() -> Path:
    """Folder of all experiments: ``$IGSED_RUNS_DIR``, else ``runs/`` in the project."""
    return _named_folder(RUNS_VARIABLE) or (project_root() / "runs").resolve()


def data_dir() -> Path:
    """Cache of prepared sound banks and fetched weights: ``$IGSED_DATA_DIR``, else ``data/``.

    Outside a clone of the repository, where tools work all the same, it lies in the user's cache.
    """
    return _named_folder(DATA_VARIABLE) or _in_project_or_cache("data")


def store_dir() -> Path:
    """The content-addressed store: ``$IGSED_STORE_DIR``; else in runs kept elsewhere, or ``store/`` in the project.

    Outside a clone of the repository it lies in the user's cache.
    """
    if named := _named_folder(STORE_VARIABLE):
        return named
    return runs_dir() / ".store" if os.environ.get(RUNS_VARIABLE) else _in_project_or_cache("store")


def _in_project_or_cache(name: str) -> Path:
    try:
        return (project_root() / name).resolve()
    except IgsedError:
        cache = os.environ.get("XDG_CACHE_HOME", "")
        return (Path(cache) if os.path.isabs(cache) else Path.home() / ".cache") / "igsed" / name


def pin_folders() -> None:
    """Make the variables that name folders absolute, so that child processes in other folders mean the same ones.

    The command line calls it first of all: a relative name starts from the folder that the user is in.

    Raises
    ------
    IgsedError
        If a variable names no possible path.
    """
    for variable in (RUNS_VARIABLE, DATA_VARIABLE, STORE_VARIABLE, PROJECT_VARIABLE):
        _named_folder(variable)


def _named_folder(variable: str) -> Path | None:
    """Return the folder that an environment variable names, if it names one.

    A kernel that Jupyter started works in the notebook's folder, not in the user's: there a relative name would
    mean another folder than on the command line, without a word.
    """
    given = os.environ.get(variable)
    if not given:
        return None
    if not os.path.isabs(_expanded(given)) and _in_kernel():
        raise IgsedError(
            f"environment variable {variable} is {given!r}: write the whole path, since a notebook works in another "
            "folder than the one that Jupyter was started in"
        )
    folder = absolute(given)
    if folder.is_file():
        raise IgsedError(f"environment variable {variable} names {folder}, which is a file: name a folder")
    os.environ[variable] = str(folder)  # resolved once: child processes work in other folders
    return folder


def _in_kernel() -> bool:
    """Whether this process is a Jupyter kernel."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    return kernel is not None and bool(kernel.IPKernelApp.initialized())


def check_writable(folder: Path, remedy: str) -> None:
    """Make sure that files can be made in a folder, which need not exist yet; nothing is left there.

    Parameters
    ----------
    folder
        Where artefacts are to go.
    remedy
        What the user can do, the end of the message.

    Raises
    ------
    IgsedError
        If it cannot be written to; the message names the folder and the remedy.
    """
    try:
        existing = folder
        while not existing.exists():
            existing = existing.parent
        # Asking for permissions alone misses what a file system, a quota or a server adds to them.
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        reason = f"{existing} is a file" if existing.is_file() else error.strerror or str(error)
        raise IgsedError(f"nothing can be written to {folder} ({reason}): {remedy}") from error


def check_folders(experiment: str) -> None:
    """Make sure, before anything runs, that the folders of an experiment, the store and the cache can be written to.

    Raises
    ------
    IgsedError
        If one cannot.
    """
    for folder, variable in (
        (RunPaths(experiment).root, RUNS_VARIABLE),
        (store_dir(), STORE_VARIABLE),
        (data_dir(), DATA_VARIABLE),
    ):
        check_writable(folder, f"set {variable} to a folder that can be written to")


@dataclass(frozen=True)
class RunPaths:
    """The folders and files of one experiment."""

    experiment: str

    @property
    def root(self) -> Path:
        """``runs/<experiment>``."""
        return runs_dir() / self.experiment

    def stage(self, name: str) -> Path:
        """Folder of one stage's artefacts: a link into the store."""
        return self.root / "stages" / name

    def record(self, stage: str) -> Path:
        """What a finished stage says of itself: parameters, key, seconds, versions."""
        return self.stage(stage) / "record.json"

    @property
    def notebooks(self) -> Path:
        """Executed notebooks."""
        return self.root / "notebooks"

    @property
    def results(self) -> Path:
        """All tidy tables of the run, ``<table>.csv``."""
        return self.root / "results"

    @property
    def book(self) -> Path:
        """Staged sources of the book and, in ``_build/html``, the book."""
        return self.root / "book"

    def marker(self, stage: str, key: str) -> Path:
        """File whose existence says that a stage's notebook was executed to its end under ``key``."""
        return self.root / ".done" / f"{stage}-{key}.json"
