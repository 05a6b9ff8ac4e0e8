"""Copy the tidy tables of finished stages into results/, with their provenance.

``python tools/ship_results.py EXPERIMENT results/NAME STAGE...``
"""

from __future__ import annotations

import sys
from pathlib import Path

from igsed_core.base import shipped


def main(words: list[str]) -> int:
    """Ship what the words say; the exit status."""
    if len(words) < 3:
        print(__doc__)
        return 2
    names = shipped.ship(words[0], words[2:], Path(words[1]))
    print(f"{len(names)} tables in {words[1]}: {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
