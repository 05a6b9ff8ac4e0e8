"""``python -m igsed_core``: the command line."""

import sys

from igsed_core.cli import main

sys.exit(main())
