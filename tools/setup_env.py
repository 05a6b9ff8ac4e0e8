"""Make `.venv`: the pinned packages, the PyTorch build that fits this machine, and the `sox` program.

`make` runs this before every target; when nothing has changed it ends at once. It is pip that installs, rather than a
lock of uv's: uv heeds none of pip's settings, so that on a machine with a mirror, or with a PyTorch build on disk, it
would fetch gigabytes of CUDA or nothing at all; and its lock would store the addresses that packages came from.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from machine import UV, SetupError, answer, clean_environment, complete_the_system, find_python, say, version_of

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
CONSTRAINTS = ROOT / "constraints.txt"
PARITY = ROOT / "constraints-parity.txt"
STAMP = VENV / "igsed-ready"
PARITY_STAMP = VENV / "igsed-parity-ready"
LOG = VENV / "setup.log"

# Built from source, so it goes in after what it is built with.
COMPILED = "sed_scores_eval"
# scaper falls back on the `sox` program, zennit needs no torchvision (see constraints.txt); papermill names aiohttp on
# Python 3.12 alone, for a package of its extras.
TOLERATED = (
    "scaper 1.6.5 requires soxbindings, which is not installed.",
    "zennit 0.5.1 requires torchvision, which is not installed.",
    "papermill 2.7.0 requires aiohttp, which is not installed.",
)
# What a failed write means to whoever reads of it.
REMEDIES = {
    errno.ENOSPC: "The environment takes about 2 GB: make room",
    errno.EDQUOT: "The environment takes about 2 GB: make room",
    errno.EACCES: "Copy the checkout to a folder that you may write to",
    errno.EPERM: "Copy the checkout to a folder that you may write to",
    errno.EROFS: "Copy the checkout to a folder that you may write to",
}


def pins(path: Path = CONSTRAINTS) -> dict[str, str]:
    """Return the pin of every package in a file such as constraints.txt, environment marker and all, by its name."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {line.partition("==")[0].lower(): line for line in lines if line}


def fingerprint(*files: Path) -> str:
    """Return a digest of everything that the environment is made from."""
    digest = hashlib.sha256(os.fsencode(ROOT))
    for path in (CONSTRAINTS, ROOT / "pyproject.toml", Path(__file__), *files):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def logged(*command: str | Path) -> bool:
    """Run a command with its output in the log; return whether it succeeded."""
    with LOG.open("a", encoding="utf-8", errors="backslashreplace") as log:
        log.write("\n$ " + " ".join(map(str, command)) + "\n")
        log.flush()
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, env=clean_environment())
    return done.returncode == 0


def pip(*arguments: str | Path) -> bool:
    """Let the virtual environment's pip install what is named, and nothing that it asks for.

    Byte code comes with the first import: most of what is installed is never imported, and compiling all of it takes as
    long as installing it.
    """
    return logged(PYTHON, "-m", "pip", "install", "--progress-bar", "off", "--no-deps", "--no-compile", *arguments)


def log_tail() -> str:
    """Return the last errors of the log, for a message."""
    lines = LOG.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line for line in lines if "ERROR" in line or line.startswith(("error", "  cause"))]
    return "\n".join("    " + line[:200] for line in (errors or lines)[-4:])


def usable(venv: Path) -> bool:
    """Whether a virtual environment has a Python that will do and pip, and was made for the folder it lies in."""
    try:
        settings = (venv / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    made_here = any(line.startswith("command") and line.endswith(f" {venv.resolve()}") for line in settings)
    has_pip = any(venv.glob("lib/python3*/site-packages/pip/__main__.py"))
    return made_here and has_pip and version_of(venv / "bin" / "python") is not None


def make_venv(python: Path) -> None:
    """Make an empty virtual environment, in place of a broken one.

    Raises
    ------
    SetupError
        If Python's own `venv` fails.
    """
    if os.path.lexists(VENV):
        say(".venv is broken, has another Python or was moved: making it anew")
        if not VENV.is_dir():  # a dangling link, or another tool's file of this name
            VENV.unlink()
    say(f"making .venv with {python}")
    # Where .venv is a link to a disk with more room, its folder: `venv` takes no links.
    command: list[str | Path] = [python, "-m", "venv", "--clear", VENV.resolve()]
    made = subprocess.run(command, capture_output=True, errors="replace", env=clean_environment())
    if made.returncode or not usable(VENV):
        why = "\n".join("    " + line for line in (made.stderr or made.stdout).splitlines()[-3:])
        raise SetupError(f"`{python} -m venv {VENV}` failed:\n{why}\nMend that, and run this again.")


def forget_half_installed() -> None:
    """Drop the record of packages whose installation was cut off, so that pip installs them again.

    A package's RECORD file is the last that pip writes.
    """
    for info in VENV.glob("lib/python3*/site-packages/*.dist-info"):
        if not (info / "RECORD").is_file():
            shutil.rmtree(info)


def install_torch(wanted: str) -> None:
    """Install PyTorch: the CPU build where there is no NVIDIA GPU, so that no gigabytes of CUDA are fetched.

    Raises
    ------
    SetupError
        If no way to get it works.
    """
    query = "from importlib.metadata import version; print(version('torch'))"
    if (answer([PYTHON, "-c", query]) or "").split("+")[0] == wanted.partition("==")[2]:
        return
    has_gpu = "GPU" in (answer(["nvidia-smi", "-L"]) or "")
    backend = os.environ.get("UV_TORCH_BACKEND") or ("auto" if has_gpu else "cpu")
    size = "about 200 MB" if backend == "cpu" else "gigabytes; UV_TORCH_BACKEND=cpu takes the small CPU build"
    say(f"installing {wanted} for {backend} ({size})")

    def by_uv(*arguments: str | Path) -> bool:
        command = (PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON, "--torch-backend", backend)
        return pip(UV) and logged(*command, *arguments, wanted)

    if platform.system() == "Darwin":
        installed = pip(wanted)
    elif backend == "cpu":
        # Where pip sees only CUDA builds the first fails within seconds, and nothing has been downloaded.
        installed = pip(f"{wanted}+cpu") or by_uv("--no-deps")
    else:
        # With what the CUDA build asks for, which no pin names.
        pinned = ("--constraint", CONSTRAINTS)
        installed = by_uv(*pinned) or logged(PYTHON, "-m", "pip", "install", *pinned, wanted)
    if not installed:
        raise SetupError(
            f"PyTorch could not be installed:\n{log_tail()}\nIs there a network? Else install {wanted} into .venv "
            f"by hand (.venv/bin/python -m pip install WHEEL), and run this again: it goes on from there. "
            f"All output: {LOG}"
        )


def install_packages() -> None:
    """Install the pinned packages and the project itself.

    Raises
    ------
    SetupError
        If pip fails.
    """
    pinned = pins()
    forget_half_installed()
    # First a pip of today: the one that comes with Python 3.11 takes four times as long to choose among wheels.
    ready = pip(pinned["pip"], pinned["setuptools"], pinned["wheel"])
    if ready:
        install_torch(pinned["torch"])
        say(f"installing {len(pinned)} pinned packages: about a minute the first time, in .venv/setup.log")
        # The project by a relative path: pip reads `[...]` at the end of one as a list of extras.
        ready = pip("--no-build-isolation", "-r", CONSTRAINTS) and pip("--no-build-isolation", "--editable", ".")
    if not ready:
        raise SetupError(
            f"pip could not install the packages:\n{log_tail()}\nMend that (is there a network?) and run "
            f"this again: it goes on where it stopped. All output: {LOG}"
        )


def check() -> None:
    """See that the environment works.

    Raises
    ------
    SetupError
        If a requirement is unmet, or a package does not import.
    """
    say("checking the environment")
    found = subprocess.run(
        [PYTHON, "-m", "pip", "check"], capture_output=True, encoding="utf-8", errors="replace", env=clean_environment()
    )
    broken = [line.strip() for line in found.stdout.splitlines()]
    compared = {name.replace("_", "-") for name in pins(PARITY)}  # what only tests compare with breaks nothing
    unmet = [
        line
        for line in broken
        if line not in (*TOLERATED, "No broken requirements found.")
        and line.split(" ")[0].lower().replace("_", "-") not in compared
    ]
    if unmet:
        raise SetupError("constraints.txt does not hold together:\n    " + "\n    ".join(unmet))
    # With these the byte code of what every process imports is there, for whoever forbids Python to write any later.
    imports = "import igsed_core.attribution._zennit, torch, captum, scaper, soundfile, snakemake.cli, myst_nb"
    imports += "; from igsed_core.base import warm; list(map(__import__, warm.LIBRARIES))"
    if not logged(PYTHON, "-c", imports):
        raise SetupError(f"A package does not import:\n{log_tail()}\nRun `make distclean` and try again.")


def add_parity() -> None:
    """Install what some tests compare with; where that fails say so and go on, since they are skipped then."""
    wanted = fingerprint(PARITY)
    if PARITY_STAMP.is_file() and PARITY_STAMP.read_text() == wanted:
        return
    PARITY_STAMP.unlink(missing_ok=True)
    pinned = pins(PARITY)
    last = pinned.pop(COMPILED)
    say(f"installing {len(pinned) + 1} packages that tests compare with (half a minute the first time)")
    if not pip("--no-build-isolation", *pinned.values()):
        say(f"they could not be installed, so tests that compare with them are skipped (see {LOG})")
    elif not pip("--no-build-isolation", last):
        say(f"{COMPILED} could not be compiled, so tests that compare with it are skipped (is there a C compiler?)")
    else:
        PARITY_STAMP.write_text(wanted)


def bring_up_to_date() -> None:
    """Do what is missing; end at once where nothing is."""
    wanted = fingerprint()
    python = None if usable(VENV) else find_python()
    complete_the_system(python)
    if python is None and STAMP.is_file() and STAMP.read_text() == wanted:
        return
    started = time.monotonic()
    if python is not None:
        make_venv(python)
    STAMP.unlink(missing_ok=True)
    install_packages()
    check()
    partial = STAMP.with_suffix(".partial")
    partial.write_text(wanted)
    partial.replace(STAMP)
    say(f"done in {time.monotonic() - started:.0f} s; the environment is .venv")


def main(arguments: Sequence[str]) -> int:
    """Bring the environment up to date; return the exit status."""
    try:
        with Path(__file__).open("r+") as lock:  # of two `make` at once the second waits, then finds all done
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another set-up is running; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            bring_up_to_date()
            if "--parity" in arguments:
                add_parity()
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        remedy = REMEDIES.get(error.errno or 0, "Mend that")
        print(f"\n{error.filename or VENV}: {error.strerror}. {remedy}, and run this again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again: it goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
