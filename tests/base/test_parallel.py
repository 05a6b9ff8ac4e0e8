from __future__ import annotations

import io
import os
import sys
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
