"""What several test files share: one small run of everything, and the book made from it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from igsed_core.base import parsed
from long_files import LONG
from smoke_run import SmokeRun

# Tests run side by side, with runs beside them. Threads of OpenMP that wait in a loop for one that has no core took a
# fifth of the processor time. Set before anything imports PyTorch, for this process and all that it starts.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# What lands must not hang on luck: the same examples each time. `pytest --hypothesis-profile default` draws new ones,
# as benchmarks/fuzz.py does.
hypothesis.settings.register_profile("repeated", derandomize=True)
hypothesis.settings.load_profile("repeated")
ROOT = Path(__file__).resolve().parents[1]
# Tests have caches of sounds of their own, and all the same source files: what is read from those is read once.
os.environ.setdefault(parsed.VARIABLE, str(ROOT / ".pytest_cache" / "sources"))
# A shell ignores Ctrl-C for what it starts in the background (`make test &`); tests of it need the usual answer.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; the others keep their order, and so do the tests of a file."""
    place = {str(ROOT / "tests" / name): number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(str(item.path), len(LONG)))


@pytest.fixture(scope="session", autouse=True)
def colours_of_methods() -> Iterator[None]:
    """Hold every figure that any test draws to one colour per method: it wears none whose method it does not name."""
    if "igsed_core.show.describe" not in sys.modules:  # no test that was collected draws: nothing is loaded for it
        yield
        return
    import colours

    end = colours.watch()
    yield
    end()


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory: pytest.TempPathFactory) -> SmokeRun:
    """Run `igsed book params/smoke.yaml` once for all tests that look at its outcome."""
    kept = os.environ.get("IGSED_TEST_FOLDER")  # `make test` lets the notebooks that follow find what this run made
    folder = Path(kept).resolve() if kept else tmp_path_factory.mktemp("smoke")
    told = folder / "output.txt"  # of a run that ended well, for those who look at it in other processes
    if not told.is_file():
        done = SmokeRun(folder / "runs", folder / "data", "").igsed("book", "params/smoke.yaml", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        told.write_text(done.stdout + done.stderr)
    return SmokeRun(folder / "runs", folder / "data", told.read_text())


@pytest.fixture(scope="session")
def smoke_book(smoke_run: SmokeRun) -> Path:
    """Folder of the smoke run's rendered book."""
    return smoke_run.html


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; a test that wants it is skipped where there is none."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine: pages are not opened")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking"]
        running = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield running
        running.close()
