"""Progress bars that reach the terminal, also from a notebook that papermill executes."""

from __future__ import annotations

import io
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any, TextIO

TERMINAL_VARIABLE = "IGSED_TERMINAL"
_CLEAR = "\r\x1b[K"  # what stands in the line


def _terminal() -> TextIO:
    """Open the stream of the process that started this one.

    A Jupyter kernel replaces ``sys.stderr`` and file descriptor 2; ``fileno()`` of its replacement is a
    copy of the descriptor that the kernel was started with.
    """
    for stream in (sys.stderr, sys.__stderr__):
        try:
            return open(stream.fileno(), "w", closefd=False)  # type: ignore[union-attr]
        except (AttributeError, OSError, ValueError):
            continue
    return io.StringIO()


def bar(
    iterable: Iterable[Any] | None = None,
    desc: str = "",
    *,
    total: int | None = None,
    disable: bool = False,
    unit: str = "it",
) -> Any:
    """Return a tqdm progress bar over ``iterable``, or one of ``total`` steps to update by hand.

    With the environment variable ``IGSED_TERMINAL`` set, the bar goes to the terminal of the process that
    started this one (papermill's), and leaves no trace in the notebook; else tqdm chooses.

    Parameters
    ----------
    iterable : iterable, optional
        What to go through.
    desc : str
        Words before the bar.
    total : int, optional
        Number of steps, where ``iterable`` does not say it.
    disable : bool
        No bar at all.
    unit : str
        What is counted; of bytes ("B") thousands and millions are shown.
    """
    counted: dict[str, Any] = {"unit": unit, "unit_scale": unit == "B"}
    if not os.environ.get(TERMINAL_VARIABLE):
        with warnings.catch_warnings():
            # Without ipywidgets tqdm falls back to text, which is what we want there.
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm as automatic
        return automatic(iterable, desc=desc, total=total, disable=disable, **counted)

    from tqdm import tqdm

    stream = _terminal()
    return tqdm(
        iterable,
        desc=desc,
        total=total,
        disable=disable,
        file=stream,
        dynamic_ncols=stream.isatty(),
        # Where there is no terminal (a log, CI) a line every 2 s is enough.
        mininterval=0.1 if stream.isatty() else 2.0,
        **counted,
    )


def seconds_of(trial: Callable[[], object]) -> float:
    """Time a trial, after one that warms up."""
    for _ in range(2):
        started = time.perf_counter()
        trial()
    return time.perf_counter() - started


def expect(what: str, items: int, seconds: float, *, item: str, at_once: int = 1) -> None:
    """Say on the terminal how long something will take, before it starts, if that is a minute or more.

    Parameters
    ----------
    what : str
        What is about to be done.
    items : int
        How many there are to do.
    seconds : float
        What one of them took in a trial, in seconds.
    item : str
        What one of them is called, in the singular.
    at_once : int
        How many are worked on at a time.
    """
    if (total := items * seconds / at_once) < 60:
        return
    told = f"{total / 60:.0f} minutes" if total < 7200 else f"{total / 3600:.1f} hours"
    together = f", {at_once} at a time" if at_once > 1 else ""
    tell(f"{what}: {items} {item}s, about {told} ({seconds:.2g} s for one{together})")


def tell(words: str, *, apart: bool = False) -> None:
    """Print a line where the progress bars go.

    Parameters
    ----------
    words
        The line.
    apart
        Another process may have begun a bar there: in a file the line comes after it. On a terminal it takes its place.
    """
    stream = _terminal() if os.environ.get(TERMINAL_VARIABLE) else sys.stderr
    before = _CLEAR if stream.isatty() else "\n" if apart else ""
    print(f"{before}{words}", file=stream, flush=True)
