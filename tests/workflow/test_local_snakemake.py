"""Snakemake on this machine asks no cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PLUGIN = """
import pathlib
pathlib.Path({note!r}).write_text("imported")
raise RuntimeError("an executor whose cluster does not answer")
"""


def test_no_executor_of_a_cluster_is_imported(tmp_path: Path) -> None:
    """A plugin that fails as it is imported, as any may where its cluster is away, and the programs of Slurm."""
    plugin, programs, note = tmp_path / "snakemake_executor_plugin_away", tmp_path / "programs", tmp_path / "note"
    for folder in (plugin, programs):
        folder.mkdir()
    (plugin / "__init__.py").write_text(PLUGIN.format(note=str(note)))
    scontrol = programs / "scontrol"
    scontrol.write_text(f"#!/bin/sh\necho asked > {note}\n")
    scontrol.chmod(0o755)
    (tmp_path / "Snakefile").write_text('rule all:\n    output: "made"\n    shell: "echo yes > made"\n')
    code = "from igsed_core.workflow import local_snakemake; local_snakemake.main()"
    words = [sys.executable, "-c", code, "--cores", "1", "--directory", str(tmp_path)]
    variables = {**os.environ, "PYTHONPATH": str(tmp_path), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [*words, "--snakefile", str(tmp_path / "Snakefile")], env=variables, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made").read_text() == "yes\n"
    assert not note.exists()
