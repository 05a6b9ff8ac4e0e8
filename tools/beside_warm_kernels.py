"""Run a command beside a server that forks kernels named `igsed` with their libraries imported, as a run has them.

    python tools/beside_warm_kernels.py pytest --nbmake --nbmake-kernel igsed .nbmake/07_*.ipynb

Notebooks of the smoke run that find their artefacts in the store took most of their time to import PyTorch.
"""

from __future__ import annotations

import sys

from igsed_core.base import children, warm
from igsed_core.workflow import kernels


def main() -> int:
    """Run the command that the arguments are; return its exit status."""
    with kernels.warm_ones() as further:
        return children.run(sys.argv[1:], further={**dict.fromkeys(warm.THREADS, "1"), **further})


if __name__ == "__main__":
    sys.exit(main())
