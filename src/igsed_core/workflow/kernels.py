"""A notebook filled with parameters and executed by papermill, in a kernel and an environment of our own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from igsed_core.base import children, files, warm
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import project_root
from igsed_core.base.progress import TERMINAL_VARIABLE

_START = 600  # s in which a kernel answers; papermill's 60 are too few where many programs share the processor


class CellFailed(IgsedError):
    """A cell of a notebook failed; the message is the cell's own.

    Attributes
    ----------
    kind
        Name of the cell's exception.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


def fill(
    source: Path, target: Path, parameters: Mapping[str, Any], *, execute: bool, variables: Mapping[str, str]
) -> None:
    """Write a notebook with parameters to ``target``, executed or not.

    Parameters
    ----------
    source, target
        The notebook, and the file to write.
    parameters
        Values for the cell that papermill injects.
    execute
        Execute it, too.
    variables
        Of the environment, for the kernel.

    Raises
    ------
    CellFailed
        If a cell fails; the notebook up to that cell is kept at ``target``.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    target.parent.mkdir(parents=True, exist_ok=True)
    with _environment_of_a_kernel(variables):
        try:
            _beside(
                lambda: papermill.execute_notebook(
                    # papermill fills in parameters at { } in a path.
                    *(str(path).replace("{", "{{").replace("}", "}}") for path in (source, target)),
                    parameters=dict(parameters),
                    prepare_only=not execute,
                    progress_bar=False,
                    log_output=False,
                    cwd=str(project_root()),
                    kernel_name=children.KERNEL,
                    start_timeout=_START,
                )
            )
        except PapermillExecutionError as error:
            raise CellFailed(_cause(error), error.ename) from None


def is_filled(path: Path) -> bool:
    """Whether a file is a notebook that :func:`fill` wrote."""
    try:
        cells = json.loads(path.read_bytes())["cells"]
        return any("injected-parameters" in cell["metadata"].get("tags", []) for cell in cells)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _cause(error: Any) -> str:
    """What failed in a cell: in a sentence if it was explained or is the system's, else with the traceback."""
    if error.ename == "IgsedError":
        return str(error.evalue)
    number = re.match(r"\[Errno (\d+)\]", str(error.evalue))
    known = files.explained(int(number[1]), str(error.evalue)) if number else None
    return known or f"{error.ename}: {error.evalue}\n" + "\n".join(error.traceback)


# What a kernel inherits: progress bars go to this terminal and not into the page, and idle threads sleep
# instead of spinning (on a shared machine spinning makes two busy threads slower than one). The C library keeps memory
# that was freed: asking the system for it anew at every layer took a quarter of the time of Captum's maps.
_INHERITED = {
    TERMINAL_VARIABLE: "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}


@contextlib.contextmanager
def warm_ones(threads: int = 1) -> Iterator[dict[str, str]]:
    """Let kernels and stages start with their libraries imported; yield the variables for who starts them.

    The server forks for whoever has its own variables, as far as libraries read them when they are imported; so many
    ``threads`` among them.
    """
    with warm.server(children.environment(_own()), threads) as further:
        yield {**_own(), **further}


def _own() -> dict[str, str]:
    return {**_INHERITED, **{name: os.environ[name] for name in _INHERITED if name in os.environ}}


@contextlib.contextmanager
def _environment_of_a_kernel(further: Mapping[str, str]) -> Iterator[None]:
    """Let this process have the environment of a kernel, which ends with the block."""
    before = dict(os.environ)
    with children.lifeline() as alive:
        inner = children.environment({**_own(), **further, **alive})
        try:
            os.environ.clear()
            os.environ.update(inner)
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _beside(work: Callable[[], object]) -> None:
    """Do something in a thread of its own.

    In the main one nbclient takes signals for itself: it ends the kernel, waits for it, and fails with a traceback of
    its own. Here a signal reaches who knows what to say.
    """
    done: Future[None] = Future()

    def call() -> None:
        try:
            work()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    threading.Thread(target=call, daemon=True).start()
    done.result()
