"""librosa without its compiler: importing it lets numba compile, for twenty seconds, functions that no test calls."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any


class _Numba(ModuleType):
    """Every decorator leaves a function as it is."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return _decorator


def _decorator(*arguments: Any, **options: Any) -> Any:
    return arguments[0] if len(arguments) == 1 and callable(arguments[0]) else lambda function: function


@contextlib.contextmanager
def librosa() -> Iterator[None]:
    """Let librosa be imported anew without numba for the length of a block, and all be as before after it."""

    def named() -> list[str]:
        return [name for name in sys.modules if name.partition(".")[0] in ("numba", "librosa")]

    before = {name: sys.modules.pop(name) for name in named()}
    sys.modules["numba"] = _Numba("numba")
    try:
        yield
    finally:
        for name in named():
            del sys.modules[name]
        sys.modules.update(before)
