"""What set-up needs of the machine: a Python that igsed runs on, and a few system packages.

Standard library only, and good for Python 3.8: an old Python has to be able to say that it is too old.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

# pyproject.toml's `requires-python`, best first: 3.13 is the newest that every compiled pin has a wheel for.
PYTHONS = ("3.13", "3.12", "3.11", "3.14")
SUPPORTED = "Python 3.11 to 3.14"
# These have to compile a pin that has no wheel for them (immutables); the C compiler is a system package.
COMPILING = ("3.14",)
# Only where it is needed: for a Python where there is none, and for PyTorch's CPU build, which it knows where to find.
UV = "uv==0.13.8"

# CPython with its lock: nothing is built for PyPy, and of the free-threaded builds the pins have few wheels. What it
# prints outlives a virtual environment that happens to be active, which may be the very one that is made anew.
PROBE = """
import sys, sysconfig
assert sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
print(*sys.version_info[:2], sep=".")
print(getattr(sys, "_base_executable", None) or sys.executable)
"""
HEADERS = "import os, sysconfig; print(os.path.exists(os.path.join(sysconfig.get_paths()['include'], 'Python.h')))"


class SetupError(Exception):
    """The set-up cannot go on; the message names the remedy."""


def say(message: str) -> None:
    """Print one line about the step that is going on."""
    print(f"[setup] {message}", flush=True)


def clean_environment() -> dict[str, str]:
    """Return the environment without what would lead pip, an import or byte code anywhere but into .venv."""
    diverting = {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV"}
    diverting |= {"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"}
    environment = {key: value for key, value in os.environ.items() if key not in diverting}
    # PYTHONSAFEPATH: a `random.py` in the folder that `make` runs in must not take the place of Python's own.
    settled = {"PYTHONSAFEPATH": "1", "PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return {**environment, **settled}


def answer(command: Sequence[str | Path]) -> str | None:
    """Return what a command prints, or None where it cannot be run or fails."""
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", env=clean_environment())
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def version_of(python: str | Path) -> tuple[str, Path] | None:
    """Return a Python's version, such as "3.13", and the program itself; None where it is none for us."""
    version, _, program = (answer([python, "-c", PROBE]) or "").partition("\n")
    return (version, Path(program)) if version in PYTHONS else None


def candidates() -> Iterator[str | Path]:
    """Yield what may be a Python: the one that runs this, those on the PATH, those of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield sys.executable
    yield from filter(None, map(shutil.which, ("python3", "python")))
    for version in PYTHONS:
        yield from filter(None, [shutil.which(f"python{version}")])
        yield from pyenv.glob(f"{version}*/bin/python")


def python_of_uv() -> Path | None:
    """Return the Python that uv fetches, or None where uv, or its Python, is not to be had."""
    with tempfile.TemporaryDirectory() as folder:
        uv = shutil.which("uv")
        if uv is None:
            answer([sys.executable, "-m", "pip", "install", "--no-deps", "--target", folder, UV])
            uv = os.path.join(folder, "bin", "uv")
        answer([uv, "python", "install", PYTHONS[0]])
        # Found again by uv, since it keeps its Pythons in a folder of the user's that a setting may move.
        found = answer([uv, "python", "find", "--managed-python", "--no-project", "--system", PYTHONS[0]])
    return Path(found) if found else None


def find_python() -> Path:
    """Return the best Python that is there, else uv's own.

    The one that runs the set-up is taken wherever it will do, though a newer one be there: it is the one that the user
    chose (a conda environment, pyenv, the workflow's matrix), and the one that packages at hand, such as a PyTorch
    build on disk, are meant for. Only one that has to compile a pin, and cannot, gives way to any other.

    Raises
    ------
    SetupError
        If there is none; the message says the one command that brings it.
    """
    found = [python for python in map(version_of, candidates()) if python is not None]
    if found:
        return min(found, key=lambda python: bool(missing_to_compile(*python)))[1]
    say(f"{SUPPORTED} was not found here (this is {platform.python_version()}): asking uv for {PYTHONS[0]}")
    python = python_of_uv()
    if python is None:
        raise SetupError(
            f"{SUPPORTED} was not found on this machine, and uv could not fetch one (is there a network?). "
            f"Run\n    {command_for_python()}\nand then this again."
        )
    return python


def command_for_python() -> str:
    """Return the one command that brings a Python to this machine."""
    if shutil.which("uv"):
        return f"uv python install {PYTHONS[0]}"
    if shutil.which("apt-get"):
        # An old release offers none of ours: then its user is better served below.
        for version in PYTHONS:
            if answer(["apt-cache", "show", f"python{version}-venv"]):
                return f"sudo apt-get install -y python{version}-venv"
    if platform.system() == "Darwin" and shutil.which("brew"):
        return f"brew install python@{PYTHONS[0]}"
    return f"conda install -y -c conda-forge python={PYTHONS[0]}"


def missing_to_compile(version: str, python: Path) -> list[str]:
    """Return the Debian packages that are missing where this Python has to compile a pin."""
    if version not in COMPILING:
        return []
    compiler = [] if shutil.which("cc") else ["gcc"]
    return compiler if answer([python, "-c", HEADERS]) == "True" else [*compiler, f"python{version}-dev"]


def missing_from_the_system(python: Path | None) -> list[str]:
    """Return the Debian packages that are missing: `sox` and, where `python` is to make .venv, what that takes."""
    missing = []
    if shutil.which("sox") is None:
        missing.append("sox")
    found = None if python is None else version_of(python)
    if found is not None:
        if answer([found[1], "-c", "import ensurepip, venv"]) is None:
            missing.append(f"python{found[0]}-venv")
        missing += missing_to_compile(*found)
    return missing


def complete_the_system(python: Path | None) -> None:
    """Install the missing system packages where this user may, else say the one command that does.

    Raises
    ------
    SetupError
        If they cannot be installed from here.
    """
    missing = missing_from_the_system(python)
    apt = shutil.which("apt-get")
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if missing and apt and answer([*sudo, "true"]) is not None:
        say(f"installing {' '.join(missing)} with apt-get")
        install = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", apt, "install", "-y", *missing]
        # A fresh machine has no package lists yet, an old one has stale ones: both are cured by an update.
        if answer(install) is None and answer([*sudo, apt, "update"]) is not None:
            answer(install)
        missing = missing_from_the_system(python)
    if not missing:
        return
    names = " ".join(missing)
    if apt:
        remedy = f"sudo apt-get update && sudo apt-get install -y {names}"
    elif platform.system() == "Darwin":
        remedy = "brew install " + " ".join(other_name(name, "python@") for name in missing)
    else:
        remedy = "conda install -y -c conda-forge " + " ".join(other_name(name, "python=") for name in missing)
    raise SetupError(f"This machine lacks {names}. Run\n    {remedy}\nand then this again.")


def other_name(debian: str, python: str) -> str:
    """Return what another packager calls a Debian package: only Debian takes a Python apart."""
    return f"{python}{PYTHONS[0]}" if debian.startswith("python") else debian
