"""`make setup` finds the best Python, whatever the machine holds, and says in a sentence what it cannot do."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
AWKWARD = "it's my proj (1) [a]"

Machine = Callable[..., None]

# Looked up before a test narrows the PATH.
BASENAME, CP, MAKE, MKDIR = map(shutil.which, ("basename", "cp", "make", "mkdir"))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("machine")


@pytest.fixture
def setup_env(monkeypatch: pytest.MonkeyPatch, machine: ModuleType) -> ModuleType:
    return importlib.import_module("setup_env")


def program(path: Path, script: str) -> Path:
    """Write a shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def python(path: Path, version: str, *, headers: bool = False) -> Path:
    """Write what answers as a Python of this version does, or as none of ours does where it is empty."""
    ours = f'echo {version}; echo "$0"' if version else "exit 1"
    script = f"""
case "$2" in
  *_base_executable*) {ours} ;;
  *Python.h*) echo {headers} ;;
  *) exit 1 ;;
esac"""
    return program(path, script)


@pytest.fixture
def machine_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, machine: ModuleType) -> Machine:
    """Return a function that makes a machine of these Pythons: on the PATH, of pyenv, and the one that runs set-up."""

    def make(*names: str, running: str = "3.9", pyenv: tuple[str, ...] = (), headers: bool = False) -> None:
        (tmp_path / "bin").mkdir()
        for name in names:
            python(tmp_path / "bin" / f"python{name}", name, headers=headers)
        for version in pyenv:
            minor = version.rpartition(".")[0]
            python(tmp_path / "pyenv" / "versions" / version / "bin" / "python", minor)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
        running_one = python(tmp_path / "running" / "python", running, headers=headers)
        monkeypatch.setattr(machine.sys, "executable", str(running_one))

    return make


@pytest.mark.parametrize(
    ("names", "running", "best"),
    [
        (("3.13",), "3.9", "bin/python3.13"),  # Debian 13 and Ubuntu 24.04 have no 3.11
        (("3.11", "3.13"), "3.12", "running/python"),  # the user's choice
        (("3.11", "3.12", "3.13"), "3.10", "bin/python3.13"),
        (("3.11", "3.12"), "3.15", "bin/python3.12"),
        (("3.11", "3.14"), "3.9", "bin/python3.11"),  # nothing to compile
        (("3.12",), "3.14", "bin/python3.12"),  # cannot compile
        (("3.14",), "3.9", "bin/python3.14"),
        (("3.12",), "", "bin/python3.12"),  # PyPy, or a shim that runs nothing
    ],
)
def test_the_best_python_is_taken(
    machine: ModuleType, machine_with: Machine, tmp_path: Path, names: tuple[str, ...], running: str, best: str
) -> None:
    machine_with(*names, running=running)
    assert machine.find_python() == tmp_path / best


def test_a_python_that_can_compile_keeps_its_place(machine: ModuleType, machine_with: Machine, tmp_path: Path) -> None:
    machine_with("3.12", running="3.14", headers=True)
    program(tmp_path / "bin" / "cc", "exit 0")
    assert machine.find_python() == tmp_path / "running" / "python"


def test_what_compiling_takes_is_asked_for(machine: ModuleType, machine_with: Machine, tmp_path: Path) -> None:
    machine_with(running="3.14")
    with pytest.raises(machine.SetupError, match=r"lacks sox python3\.14-venv gcc python3\.14-dev\. Run\n"):
        machine.complete_the_system(tmp_path / "running" / "python")


def test_pythons_of_pyenv_are_found(machine: ModuleType, machine_with: Machine, tmp_path: Path) -> None:
    machine_with(pyenv=("3.10.13", "3.11.7", "3.12.1"))
    assert machine.find_python() == tmp_path / "pyenv" / "versions" / "3.12.1" / "bin" / "python"


@pytest.mark.parametrize("installer", ["on the PATH", "by pip"])
def test_without_a_python_uv_is_asked(
    machine: ModuleType,
    machine_with: Machine,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    installer: str,
) -> None:
    machine_with("3.9")
    fetched = tmp_path / "fetched"
    uv = program(tmp_path / "bin" / "uv", f"[ $2 = install ] && : > {fetched}; [ -e {fetched} ] && echo {fetched}")
    if installer == "by pip":
        moved = uv.rename(tmp_path / "uv")
        # python -m pip install --no-deps --target FOLDER uv==VERSION
        install = f'[ "$5" = --target ] && {MKDIR} -p "${{6:?}}/bin" && {CP} {moved} "$6/bin/uv"'
        program(tmp_path / "running" / "python", install)
    assert machine.find_python() == fetched
    assert "Python 3.11 to 3.14 was not found here" in capsys.readouterr().out


APT = "sudo apt-get install -y python3.11-venv"
CONDA = "conda install -y -c conda-forge python=3.13"


@pytest.mark.parametrize(
    ("there", "system", "command"),
    [
        ({"uv": "exit 2"}, "Linux", "uv python install 3.13"),
        ({"apt-get": "", "apt-cache": "[ $2 = python3.11-venv ] && echo known"}, "Linux", APT),
        ({"apt-get": "", "apt-cache": "exit 100"}, "Linux", CONDA),
        ({"brew": ""}, "Darwin", "brew install python@3.13"),
        ({}, "Linux", CONDA),
    ],
)
def test_where_nothing_helps_one_command_is_said(
    machine: ModuleType,
    machine_with: Machine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    there: dict[str, str],
    system: str,
    command: str,
) -> None:
    machine_with("3.9", "3.15", running="3.10")
    monkeypatch.setattr(machine.platform, "system", lambda: system)
    for name, script in there.items():
        program(tmp_path / "bin" / name, script)
    with pytest.raises(machine.SetupError) as caught:
        machine.find_python()
    said = [line for line in str(caught.value).splitlines() if line.startswith("    ")]
    assert len(said) == 1 and said[0].endswith(command)


def test_a_real_python_is_recognised(machine: ModuleType) -> None:
    version, found = machine.version_of(sys.executable)
    assert version == f"{sys.version_info[0]}.{sys.version_info[1]}"
    # The program outlives the virtual environment that the tests run in.
    assert machine.answer([found, "-c", "import sys; print(sys.prefix == sys.base_prefix)"]) == "True"


def test_a_free_threaded_python_is_none_of_ours(machine: ModuleType) -> None:
    unlocked = "import sysconfig; sysconfig.get_config_var = lambda name: 1"
    assert machine.answer([sys.executable, "-c", unlocked + machine.PROBE]) is None


def test_a_module_in_the_working_folder_is_not_imported(
    machine: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    assert machine.answer([sys.executable, "-c", "import random; print(random.__name__)"]) == "random"


def test_an_environment_marker_stays_with_its_pin(setup_env: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "constraints.txt"
    file.write_text('# why\nPyYAML==6.0.3  # a remark\naudioop-lts==0.2.2 ; python_version >= "3.13"\n')
    pinned = {"pyyaml": "PyYAML==6.0.3", "audioop-lts": 'audioop-lts==0.2.2 ; python_version >= "3.13"'}
    assert setup_env.pins(file) == pinned


@pytest.mark.parametrize("before", ["nothing", "a dangling link", "a file", "a link to a folder"])
def test_an_environment_is_made_wherever_the_checkout_lies(
    setup_env: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: str
) -> None:
    venv = tmp_path / AWKWARD / ".venv"
    venv.parent.mkdir()
    monkeypatch.chdir(venv.parent)
    if before == "a file":
        venv.write_text("the name of an environment")
    elif before != "nothing":
        venv.symlink_to(tmp_path / "scratch")
        if before == "a link to a folder":
            (tmp_path / "scratch" / "old").mkdir(parents=True)
    monkeypatch.setattr(setup_env, "VENV", venv)
    # python -m venv --clear FOLDER, as quick as it can be: ensurepip takes seconds, and `usable` asks for no more of
    # pip than that it is there. `:?` stops the script where there is no folder, which `venv` would take for this one.
    pip = f'"$folder"/lib/python3.{sys.version_info[1]}/site-packages/pip'
    make = f'"{sys.executable}" -m venv --without-pip --clear "$folder" && {MKDIR} {pip} && : > {pip}/__main__.py'
    quick = program(tmp_path / "python", f'folder="${{4:?}}"\n{make}')
    assert not setup_env.usable(venv)
    setup_env.make_venv(quick)
    assert setup_env.usable(venv)
    linked = before == "a link to a folder"
    assert venv.is_symlink() == linked and not (tmp_path / "scratch" / "old").exists()
    # The programs in it name their folder, so that one that moves with its checkout is of no use.
    moved = venv.parent.rename(tmp_path / "elsewhere") / ".venv"
    assert setup_env.usable(moved) == linked


def test_why_no_environment_can_be_made_is_told(
    setup_env: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(setup_env, "VENV", tmp_path / ".venv")
    with pytest.raises(setup_env.SetupError, match="No space left on device"):
        setup_env.make_venv(program(tmp_path / "python", "echo Error: No space left on device >&2; exit 1"))


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EROFS, "Copy the checkout to a folder that you may write to"),
        (errno.EACCES, "Copy the checkout to a folder that you may write to"),
        (errno.ENOSPC, "make room"),
        (errno.EIO, "Mend that"),
    ],
)
def test_an_error_of_the_system_is_one_sentence_with_file_and_remedy(
    setup_env: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, remedy: str
) -> None:
    def fail() -> None:
        raise OSError(number, os.strerror(number), "/checkout/.venv")

    monkeypatch.setattr(setup_env, "bring_up_to_date", fail)
    assert setup_env.main([]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"\n/checkout/.venv: {os.strerror(number)}. ") and remedy in told
    assert told.count("\n") == 2 and "Errno" not in told


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout in an awkward folder, with a PATH that holds what is put into its `bin` alone."""
    folder = tmp_path / AWKWARD
    (folder / "tools").mkdir(parents=True)
    (folder / "bin").mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    return folder


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert MAKE, "there is no make"
    return subprocess.run(
        [MAKE, *arguments],
        cwd=checkout,
        env={"PATH": str(checkout / "bin"), "HOME": str(checkout)},
        capture_output=True,
        text=True,
    )


# Answers the check of `make setup` for its version with yes, and says what it was told to run.
STARTS = f'[ "$1" = -c ] || echo "$({BASENAME} "$0") $*"'


@pytest.mark.parametrize("name", ["python3", "python", "python3.13", "python3.12", "python3.11", "python3.14"])
def test_make_starts_with_whatever_python_there_is(checkout: Path, name: str) -> None:
    program(checkout / "bin" / name, STARTS)
    if name != "python3":
        program(checkout / "bin" / "python3", "exit 127")  # a shim with nothing behind it
    done = make(checkout, "setup")
    assert done.stdout == f"{name} tools/setup_env.py\n" and done.returncode == 0


def test_make_passes_on_that_set_up_failed(checkout: Path) -> None:
    program(checkout / "bin" / "python3", '[ "$1" = -c ]')
    done = make(checkout, "setup")
    assert done.returncode == 2 and "no Python" not in done.stderr


def test_make_without_a_python_asks_uv(checkout: Path) -> None:
    program(checkout / "bin" / "python", '[ "$1" != -c ]')  # Python 2
    program(checkout / "bin" / "uv", STARTS)
    assert make(checkout, "setup").stdout == "uv run --no-project --python 3.13 tools/setup_env.py\n"


@pytest.mark.parametrize(
    ("manager", "command"),
    [("apt-get", "sudo apt-get install -y python3-venv"), ("brew", "brew install python@3.13"), ("", CONDA)],
)
def test_make_with_neither_says_one_command(checkout: Path, manager: str, command: str) -> None:
    if manager:
        program(checkout / "bin" / manager, "exit 0")
    done = make(checkout, "setup")
    assert done.returncode == 2
    assert done.stderr.startswith(f"There is no Python on this machine. Run\n    {command}\nand then this again.\n")


@pytest.mark.parametrize("params", ["params/smoke.yaml", "My Drive (1)/a'b.yaml", 'a"b.yaml'])
def test_make_passes_a_path_on_as_it_is(checkout: Path, params: str) -> None:
    program(checkout / "bin" / "python3", STARTS)
    program(checkout / ".venv" / "bin" / "igsed", 'for word; do echo "<$word>"; done')
    done = make(checkout, "-s", "book", f"PARAMS={params}", "ARGS=seed=1 'soundbank=my bank'")
    assert done.stdout.splitlines()[1:] == ["<book>", f"<{params}>", "<seed=1>", "<soundbank=my bank>"]
