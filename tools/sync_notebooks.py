"""Write the notebooks' parameter cells from the dataclasses and pair book/*.py with book/*.ipynb.

``python tools/sync_notebooks.py`` writes; ``--check`` only says, by its exit status, whether all is in step.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import jupytext

from igsed_core.base.params import StageParams
from igsed_core.workflow import experiments, stages

HEADER = '# %% tags=["parameters"]\n'


def parameter_cell(cls: type[StageParams]) -> str:
    """Text of the parameters cell of one stage."""
    lines = []
    for name, f in experiments.parameter_fields(cls).items():
        default = f'"{f.default}"' if isinstance(f.default, str) else repr(f.default)
        choices = f" ({', '.join(f.metadata['choices'])})" if f.metadata["choices"] else ""
        unit = f" [{f.metadata['unit']}]" if f.metadata["unit"] else ""
        lines.append(f"{name} = {default}  # {f.metadata['doc']}{choices}{unit}")
    return HEADER + "\n".join(lines) + "\n"


def synchronised(stage: stages.Stage) -> tuple[str, str]:
    """Return the text (.py) and the notebook (.ipynb) that a stage should have."""
    text = stage.source.with_suffix(".py").read_text()
    pattern = re.compile(re.escape(HEADER) + r"(?:[^\n]+\n)*")
    if not pattern.search(text):
        raise SystemExit(f"{stage.source.with_suffix('.py')} has no parameters cell")
    text = pattern.sub(lambda _: parameter_cell(stage.params), text, count=1)
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata.pop("jupytext", None)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{stage.name.replace('_', '-')[:40]}-{number}"  # stable: the same text, the same file
    return text, jupytext.writes(notebook, fmt="ipynb") + "\n"


def main() -> int:
    """Write what is out of step, or with ``--check`` only report it."""
    check = "--check" in sys.argv[1:]
    stale = []
    for stage in stages.STAGES.values():
        for path, wanted in zip((stage.source.with_suffix(".py"), stage.source), synchronised(stage), strict=True):
            path = Path(path)
            if not path.exists() or path.read_text() != wanted:
                stale.append(path.name)
                if not check:
                    path.write_text(wanted)
    if stale:
        print(("out of step: " if check else "written: ") + ", ".join(stale))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
