"""Test files that take half a minute or more begin first, so that no core waits for one of them at the end."""

from __future__ import annotations

LONG = (
    "workflow/test_paper_run.py",
    "workflow/sweeps/test_slurm.py",
    "workflow/test_stopped_runs.py",
    "workflow/test_stages.py",
    "show/test_sentences.py",
    "workflow/sweeps/test_driver.py",
    "project/test_benchmarks.py",
    "workflow/test_notebook.py",
    "workflow/sweeps/test_plan.py",
)
