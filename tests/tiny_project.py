"""A project whose notebooks do next to nothing: runs of it cost what Snakemake and six kernels cost."""

from __future__ import annotations

import shutil
from pathlib import Path

import jupytext

from igsed_core.workflow import experiments, stages

ROOT = Path(__file__).resolve().parents[1]

# A table and, file by file, some artefacts that depend on what the stages before it made.
CELL = """import time
import pandas as pd
from igsed_core.base import files
before = sum(float((run.input(name) / "last.txt").read_text()) for name in run.upstream)
for i in range(10):
    time.sleep({pause})
    if not (run.dir / f"{{i}}.txt").exists():
        files.write_text(run.dir / f"{{i}}.txt", str(before + i + seed))
files.write_text(run.dir / "last.txt", str(sum(float((run.dir / f"{{i}}.txt").read_text()) for i in range(10))))
for name in run.params.tables:
    run.table(name, pd.DataFrame({{"value": [before, seed]}}))
run.finish(before=before)"""


def write(folder: Path, *, pause: float = 0.05) -> Path:
    """Write the project and return its parameter file; ``IGSED_PROJECT`` is to name the folder."""
    book = folder / "book"
    book.mkdir(parents=True)
    for name in experiments.MAIN_JOB:
        stage = stages.get(name)
        begin = f"from igsed_core.workflow import notebook\nrun = notebook.begin({name!r}, globals())"
        text = f'# %% tags=["parameters"]\nseed = 2026\n\n# %%\n{begin}\n\n# %%\n{CELL.format(pause=pause)}\n'
        document = jupytext.reads(text, fmt="py:percent")
        document.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
        jupytext.write(document, book / f"{stage.notebook}.ipynb")
    shutil.copy(ROOT / "Snakefile", folder / "Snakefile")
    params = folder / "tiny.yaml"
    params.write_text("experiment: tiny\nchapters: none\n")
    return params
