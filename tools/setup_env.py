"""Make `.venv`: the pinned packages, the PyTorch build that fits this machine, and the `sox` program.

`make` runs this before every target; when nothing has changed it ends at once. Standard library only, and it
starts on any Python 3.8 or newer, so that a wrong version is told in a sentence rather than a syntax error.
"""

from __future__ import annotations

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

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
CONSTRAINTS = ROOT / "constraints.txt"
PARITY = ROOT / "constraints-parity.txt"
STAMP = VENV / "igsed-ready"
PARITY_STAMP = VENV / "igsed-parity-ready"
LOG = VENV / "setup.log"

# uv knows where PyTorch publishes its CPU builds; it is installed only on machines where pip alone does not.
UV = "uv==0.13.8"
# Built from source, so it goes in after what it is built with.
COMPILED = "sed_scores_eval"
# scaper falls back on the `sox` program, zennit needs no torchvision; see constraints.txt.
TOLERATED = (
    "scaper 1.6.5 requires soxbindings, which is not installed.",
    "zennit 0.5.1 requires torchvision, which is not installed.",
)


class SetupError(Exception):
    """The set-up cannot go on; the message names the remedy."""


def say(message: str) -> None:
    """Print one line about the step that is going on."""
    print(f"[setup] {message}", flush=True)


def pins(path: Path = CONSTRAINTS) -> dict[str, str]:
    """Return the pinned version of every package in a file such as constraints.txt, by lower-case name."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    pairs = (line.split("==") for line in lines if line)
    return {name.lower(): version for name, version in pairs}


def fingerprint() -> str:
    """Return a digest of everything that the environment is made from."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in (CONSTRAINTS, ROOT / "pyproject.toml", Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def clean_environment() -> dict[str, str]:
    """Return the environment less what would make pip install anywhere but into the virtual environment."""
    diverting = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
    environment = {key: value for key, value in os.environ.items() if key not in diverting}
    return {**environment, "PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def answer(command: Sequence[str | Path]) -> str | None:
    """Return what a command prints, or None where it cannot be run or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=clean_environment())
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def logged(command: Sequence[str | Path], total: int = 0) -> bool:
    """Run a command with its output in the log; with `total`, say how many packages came so far."""
    with LOG.open("a") as log:
        log.write("\n$ " + " ".join(str(part) for part in command) + "\n")
        log.flush()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=clean_environment()
        )
        assert process.stdout is not None
        fetched = 0
        for line in process.stdout:
            log.write(line)
            if total and line.startswith(("Collecting ", "Processing ", "Requirement already satisfied")):
                fetched += 1
                if fetched % 40 == 0:
                    say(f"  {fetched} of {total} packages at hand")
            if total and line.startswith("Installing collected"):
                say("  unpacking them")
        return process.wait() == 0


def pip(*arguments: str | Path, total: int = 0) -> bool:
    """Run the virtual environment's pip."""
    return logged([PYTHON, "-m", "pip", "install", "--progress-bar", "off", *arguments], total)


def log_tail() -> str:
    """Return the last errors of the log, for a message."""
    lines = LOG.read_text(errors="replace").splitlines()
    errors = [line for line in lines if "ERROR" in line or line.startswith(("error", "  cause"))]
    return "\n".join("    " + line[:200] for line in (errors or lines)[-4:])


def find_python() -> Path:
    """Return a Python 3.11.

    Raises
    ------
    SetupError
        If there is none.
    """
    candidates = [sys.executable, *filter(None, map(shutil.which, ("python3.11", "python3", "python")))]
    for candidate in candidates:
        version = answer([candidate, "-c", "import sys; print(*sys.version_info[:2], sep='.')"])
        if version == "3.11":
            return Path(candidate)
    raise SetupError(
        "Python 3.11 was not found. Install it (Debian 12: apt-get install python3; elsewhere pyenv, conda "
        "or `uv python install 3.11`), see that `python3.11` is on the PATH, and run this again."
    )


def missing_from_the_system(python: Path | None) -> list[str]:
    """Return the Debian packages that are missing: `sox` and, where `python` is to make .venv, ensurepip."""
    missing = []
    if shutil.which("sox") is None:
        missing.append("sox")
    if python is not None and answer([python, "-c", "import ensurepip, venv"]) is None:
        missing.append("python3.11-venv")
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
        remedy = "brew install sox"
    else:
        remedy = "conda install -c conda-forge sox"
    raise SetupError(f"This machine lacks {names}. Run\n    {remedy}\nand then this again.")


def usable(venv: Path) -> bool:
    """Whether a virtual environment runs Python 3.11 with pip, and was made for the folder it lies in."""
    probe = "import sys, pip; print(*sys.version_info[:2], sep='.')"
    activate = venv / "bin" / "activate"
    return (
        answer([venv / "bin" / "python", "-c", probe]) == "3.11"
        and activate.is_file()
        and str(venv) in activate.read_text()
    )


def make_venv(python: Path) -> None:
    """Make an empty virtual environment, in place of a broken one.

    Raises
    ------
    SetupError
        If Python's own `venv` fails.
    """
    if VENV.exists():
        say(".venv is broken, has another Python or was moved: making it anew")
        shutil.rmtree(VENV)
    say(f"making .venv with {python}")
    if answer([python, "-m", "venv", VENV]) is None or not usable(VENV):
        raise SetupError(f"`{python} -m venv .venv` failed. Run it by hand to see why, and mend that.")


def forget_half_installed() -> None:
    """Drop the record of packages whose installation was cut off, so that pip installs them again.

    A package's RECORD file is the last that pip writes.
    """
    for info in VENV.glob("lib/python3.11/site-packages/*.dist-info"):
        if not (info / "RECORD").is_file():
            shutil.rmtree(info)


def torch_backend() -> str:
    """Return uv's name of the PyTorch build to take: UV_TORCH_BACKEND where set, else as there is a GPU."""
    has_gpu = "GPU" in (answer(["nvidia-smi", "-L"]) or "")
    return os.environ.get("UV_TORCH_BACKEND") or ("auto" if has_gpu else "cpu")


def install_torch(version: str) -> None:
    """Install PyTorch: the CPU build where there is no NVIDIA GPU, so that no gigabytes of CUDA are fetched.

    Raises
    ------
    SetupError
        If no way to get it works.
    """
    query = "from importlib.metadata import version; print(version('torch'))"
    if (answer([PYTHON, "-c", query]) or "").split("+")[0] == version:
        return
    wanted = f"torch=={version}"
    backend = torch_backend()
    size = "about 200 MB" if backend == "cpu" else "gigabytes; UV_TORCH_BACKEND=cpu takes the small CPU build"
    say(f"installing {wanted} for {backend} ({size})")

    def by_uv(*arguments: str) -> bool:
        command: list[str | Path] = [PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON]
        return pip("--no-deps", UV) and logged([*command, "--torch-backend", backend, *arguments, wanted])

    if platform.system() == "Darwin":
        installed = pip("--no-deps", wanted)
    elif backend == "cpu":
        # Where pip sees only CUDA builds the first fails within seconds, and nothing has been downloaded.
        installed = pip("--no-deps", f"{wanted}+cpu") or by_uv("--no-deps")
    else:
        constraint = ("--constraint", str(CONSTRAINTS))
        installed = by_uv(*constraint) or pip(*constraint, wanted)
    if not installed:
        raise SetupError(
            f"PyTorch {version} could not be installed:\n{log_tail()}\nIs there a network? Else install "
            f"torch {version} into .venv by hand (.venv/bin/python -m pip install WHEEL), and run this "
            f"again: it goes on from there. All output: {LOG}"
        )


def install_packages() -> None:
    """Install the pinned packages and the project itself.

    Raises
    ------
    SetupError
        If pip fails.
    """
    pinned = pins()
    tools = [f"{name}=={pinned[name]}" for name in ("setuptools", "wheel")]
    everything = ("--no-deps", "--no-build-isolation", "-r", CONSTRAINTS)
    project = ("--no-deps", "--no-build-isolation", "--editable", ROOT)
    forget_half_installed()
    ready = pip("--no-deps", *tools)
    if ready:
        install_torch(pinned["torch"])
        say(f"installing {len(pinned)} pinned packages (about two minutes the first time)")
        ready = pip(*everything, total=len(pinned)) and pip(*project)
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
    broken = subprocess.run(
        [PYTHON, "-m", "pip", "check"], capture_output=True, text=True, env=clean_environment()
    ).stdout.splitlines()
    compared = {name.replace("_", "-") for name in pins(PARITY)}  # what only tests compare with breaks nothing
    unmet = [
        line
        for line in broken
        if line.strip() not in (*TOLERATED, "No broken requirements found.")
        and line.split(" ")[0].lower().replace("_", "-") not in compared
    ]
    if unmet:
        raise SetupError("constraints.txt does not hold together:\n    " + "\n    ".join(unmet))
    if not logged([PYTHON, "-c", "import igsed_core.attribution._zennit, torch, captum, scaper, soundfile"]):
        raise SetupError(f"A package does not import:\n{log_tail()}\nRun `make distclean` and try again.")


def add_parity() -> None:
    """Install what some tests compare with; where that fails say so and go on, since they are skipped then."""
    wanted = fingerprint() + hashlib.sha256(PARITY.read_bytes()).hexdigest()
    if PARITY_STAMP.is_file() and PARITY_STAMP.read_text() == wanted:
        return
    PARITY_STAMP.unlink(missing_ok=True)
    pinned = [f"{name}=={version}" for name, version in pins(PARITY).items()]
    last = [pin for pin in pinned if pin.startswith(COMPILED)]
    say(f"installing {len(pinned)} packages that tests compare with (about a minute the first time)")
    options = ("--no-deps", "--no-build-isolation")
    complete = pip(*options, *(pin for pin in pinned if pin not in last))
    if not complete:
        say(f"they could not be installed, so tests that compare with them are skipped (see {LOG})")
    elif not pip(*options, *last):
        complete = False
        say(f"{COMPILED} could not be compiled, so tests that compare with it are skipped (is there a C compiler?)")
    if complete:
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


def main() -> int:
    """Bring the environment up to date; return the exit status."""
    try:
        with Path(__file__).open("r+") as lock:  # of two `make` at once the second waits, then finds all done
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another set-up is running; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            bring_up_to_date()
            if "--parity" in sys.argv[1:]:
                add_parity()
    except (SetupError, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again: it goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
