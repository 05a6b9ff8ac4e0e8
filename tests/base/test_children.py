"""Child processes: what they inherit, and that they end with the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from igsed_core.base import children, files, provenance
from igsed_core.base.errors import IgsedError

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {
    "PYTHONSTARTUP": "/nowhere.py",
    "PYTHONHOME": "/nowhere",
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "JUPYTER_PATH": "/nowhere",
    "IPYTHONDIR": "/nowhere",
    "JPY_SESSION_NAME": "x",
    "SNAKEMAKE_PROFILE": "cluster",
    "MPLBACKEND": "TkAgg",
    "MPLCONFIGDIR": "/nowhere",
    "XDG_CACHE_HOME": "/nowhere",
    "XDG_CONFIG_HOME": "/nowhere",
    "BASH_ENV": "/nowhere",
    "GIT_DIR": "/nowhere",
}


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path / "data"))


def gone(pid: int, seconds: float = 10.0) -> bool:
    """Whether a process ends in time; one that has ended and was not waited for counts as ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("name", FOREIGN)
def test_a_variable_of_the_caller_for_programs_that_we_start(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, FOREIGN[name])
    assert children.environment().get(name) != FOREIGN[name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "/some/bin"),
        ("HTTPS_PROXY", "http://proxy"),
        ("OMP_NUM_THREADS", "1"),
        ("CUDA_VISIBLE_DEVICES", "0"),
        ("IGSED_MIRROR", "http://mirror"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ],
)
def test_what_a_machine_needs_stays(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert children.environment()[name] == value


def test_a_search_path_means_the_same_folders_in_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f":src:{ROOT}:")
    assert children.environment()["PYTHONPATH"] == f"{tmp_path / 'src'}:{ROOT}"
    monkeypatch.setenv("PYTHONPATH", ":")
    assert "PYTHONPATH" not in children.environment()


def test_the_kernel_is_ours(tmp_path: Path) -> None:
    path = Path(children.environment()["JUPYTER_PATH"]) / "kernels" / children.KERNEL / "kernel.json"
    written = path.stat().st_mtime_ns
    command = files.read_json(path)["argv"]
    assert command[0] == sys.executable
    assert {"-P", "-s"} <= set(command)
    children.environment()
    assert path.stat().st_mtime_ns == written  # another run may be reading it


def test_folders_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".programs").touch()
    with pytest.raises(IgsedError, match=r"\.programs.*IGSED_DATA_DIR"):
        children.environment()


def test_status_and_output(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        assert (
            children.run(children.python("import sys; print(sys.argv[1:], flush=True); sys.exit(3)", "a b"), output=log)
            == 3
        )
    assert (tmp_path / "log").read_text() == "['a b']\n"


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(IgsedError, match="/nowhere/python cannot be started"):
        children.run(["/nowhere/python"])


def test_no_module_of_the_working_folder_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("random", "numpy", "snakemake", "igsed_core"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong module')")
    monkeypatch.chdir(tmp_path)
    assert (
        children.run(children.python("import random, numpy, igsed_core, importlib.util as u; u.find_spec('snakemake')"))
        == 0
    )


def test_as_a_module_beside_files_named_as_python_s_own(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("raise RuntimeError('the wrong module')")
    words = [sys.executable, "-m", "igsed_core", "--version"]
    assert subprocess.run(words, cwd=tmp_path, check=False, capture_output=True).returncode == 0


def test_what_a_program_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    assert children.run(["/bin/sh", "-c", f"sleep 60 & echo $! > '{pid}'"]) == 0
    assert gone(int(pid.read_text()))


PARENT = """
from igsed_core.base import children
with children.stoppable():
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    children.run(children.python(code, {!r}))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_child_ends_with_its_parent(how: signal.Signals, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", PARENT.format(str(note))], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (note.exists() and note.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    child = int(note.read_text())
    parent.send_signal(how)
    parent.wait(10)
    assert gone(child)


def test_a_child_whose_parent_has_ended_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(children.LIFELINE_VARIABLE, "/nowhere/igsed.alive")
    command = children.python("print('here')")
    assert subprocess.run(command, check=False, capture_output=True).stdout == b""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_told_by_its_number(how: signal.Signals) -> None:
    before = signal.getsignal(how)
    with pytest.raises(children.Stopped) as stopped, children.stoppable():
        os.kill(os.getpid(), how)
        time.sleep(5)
    assert stopped.value.number == how
    assert signal.getsignal(how) == before


def test_a_signal_that_the_caller_ignores_is_ignored() -> None:
    """As ``nohup`` has it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with children.stoppable():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_commit_is_that_of_the_project_in_a_hook_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    here = provenance.commit()
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert provenance.commit() == here
