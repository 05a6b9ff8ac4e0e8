"""``python -m igsed_core``: the command line."""

import sys

from igsed_core.workflow.cli import main

sys.exit(main())
