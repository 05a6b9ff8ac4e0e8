"""The one door to zennit: works also where torchvision is missing or does not load.

Zennit imports torchvision for its canonizers of torchvision's models, which this project does not use; so it is
installed without its dependencies, and a stand-in for that one module is enough. Every module takes zennit from here:
``from igsed_core.attribution._zennit import composites``.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_CANONIZERS = "zennit.torchvision"


def _import_zennit() -> None:
    try:
        importlib.import_module("torchvision")
    except (ImportError, OSError, RuntimeError):  # absent, or built for another torch
        sys.modules.setdefault(_CANONIZERS, ModuleType(_CANONIZERS))
    importlib.import_module("zennit")


_import_zennit()

composites: Any = importlib.import_module("zennit.composites")
core: Any = importlib.import_module("zennit.core")
layer: Any = importlib.import_module("zennit.layer")
rules: Any = importlib.import_module("zennit.rules")
types: Any = importlib.import_module("zennit.types")
