"""``python -m igsed_core``: the command line."""

import os
import sys

# `python -m` puts the working folder first, where a `random.py` of the user's would take the place of Python's own.
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if not sys.flags.safe_path and sys.path and os.path.abspath(sys.path[0]) not in (_HERE, ""):
    del sys.path[0]

from igsed_core.workflow.cli import main  # noqa: E402 (only now)

sys.exit(main())
