from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from igsed_core.base.errors import IgsedError
from igsed_core.base.parallel import n_processes, parallel_map
from igsed_core.base.progress import bar


def double(x: int) -> int:
    return 2 * x


def die(x: int) -> None:
    os._exit(1)


def complain(x: int) -> int:
    if x == 3:
        raise IgsedError(f"item {x} is bad")
    return x


def test_order_is_kept() -> None:
    for workers in (1, 2):
        assert parallel_map(double, range(7), workers=workers, desc="", progress=False) == list(range(0, 14, 2))


def test_errors_come_through() -> None:
    for workers in (1, 2):
        with pytest.raises(IgsedError, match="item 3 is bad"):
            parallel_map(complain, range(7), workers=workers, desc="", progress=False)


def sleep_and_note(note: str) -> None:
    Path(note).write_text(str(os.getpid()))
    time.sleep(60)


STOPPED = """
import sys
from igsed_core.base import children
from igsed_core.base.parallel import parallel_map
from test_parallel import sleep_and_note
if __name__ == "__main__":
    try:
        with children.stoppable():
            parallel_map(sleep_and_note, sys.argv[1:], workers=2, desc="", progress=False)
    except KeyboardInterrupt:
        print("stopped")
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_who_is_stopped_does_not_wait_for_its_workers(how: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C reaches the workers as well, and none of them prints what it was doing."""
    notes = [tmp_path / "a", tmp_path / "b"]
    (tmp_path / "main.py").write_text(STOPPED)
    run = subprocess.Popen(
        [sys.executable, str(tmp_path / "main.py"), *map(str, notes)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 120
    while not all(note.exists() and note.read_text() for note in notes) and time.monotonic() < until:
        time.sleep(0.05)
    began = time.monotonic()
    if how == signal.SIGINT:
        os.killpg(run.pid, how)
    else:
        run.send_signal(how)
    assert run.communicate(timeout=30) == ("stopped\n", "")
    assert time.monotonic() - began < 15
    for note in notes:
        with pytest.raises(ProcessLookupError):
            os.kill(int(note.read_text()), 0)


def test_killed_worker_is_named() -> None:
    with pytest.raises(IgsedError, match=r"mixing: a worker process died.*fewer workers \(now 2\)"):
        parallel_map(die, range(4), workers=2, desc="mixing", progress=False)


def test_number_of_processes() -> None:
    assert n_processes(3) == 3
    assert 1 <= n_processes(0) <= (os.cpu_count() or 1)


def test_bar_reaches_the_terminal_of_the_parent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class KernelStream(io.StringIO):
        """Like a kernel's stderr: what is written goes to the notebook, the descriptor is the terminal."""

        def fileno(self) -> int:
            return terminal.fileno()

    with (tmp_path / "terminal").open("w") as terminal:
        notebook = KernelStream()
        monkeypatch.setenv("IGSED_TERMINAL", "1")
        monkeypatch.setattr(sys, "stderr", notebook)
        assert list(bar(range(3), "mixing")) == [0, 1, 2]
    assert "mixing" in (tmp_path / "terminal").read_text()
    assert notebook.getvalue() == ""


@pytest.mark.parametrize(
    "given", ["two", "0", "-1", "2.5", "1e3", "\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT THREE}"]
)
def test_a_number_of_cores_in_the_environment_that_is_none(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A superscript was a digit to the check and a ValueError to `int`; words were passed over, for all cores."""
    monkeypatch.setenv("IGSED_CORES", given)
    with pytest.raises(
        IgsedError, match=f"variable IGSED_CORES is '{given}': give a whole number from 1 on, or unset it"
    ):
        n_processes(0)
    assert n_processes(3) == 3
    for fine, cores in ((" 2 ", 2), ("04", 4)):
        monkeypatch.setenv("IGSED_CORES", fine)
        assert n_processes(0) == cores
    monkeypatch.delenv("IGSED_CORES")
    of_the_machine = n_processes(0)
    monkeypatch.setenv("IGSED_CORES", "")
    assert n_processes(0) == of_the_machine
