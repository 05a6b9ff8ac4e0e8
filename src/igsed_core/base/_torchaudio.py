"""The one door to torchaudio: works also where its compiled extension does not load.

The torchaudio wheel on PyPI is built against CUDA. Beside a CPU build of torch its extension cannot be
loaded and `import torchaudio` ends in an `OSError`. What this project uses (mel filter banks, resampling) is
plain Python, so that a stand-in for the extension is enough. Every module takes torchaudio from here:
``from igsed_core.base._torchaudio import torchaudio``.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

_EXTENSION = "torchaudio._extension"


def _unavailable(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def _extension_stub() -> ModuleType:
    """Return a module with the names that torchaudio reads from its extension, none of them compiled."""
    stub = ModuleType(_EXTENSION)
    vars(stub).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=_unavailable,
    )
    return stub


def _import_torchaudio() -> ModuleType:
    try:
        return importlib.import_module("torchaudio")
    except OSError:
        # What the failed import left behind would otherwise be taken for a complete package.
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules[_EXTENSION] = _extension_stub()
        return importlib.import_module("torchaudio")


torchaudio: Any = _import_torchaudio()
