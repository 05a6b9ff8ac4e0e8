"""params/paper.yaml from nothing but a server: a stand-in for DESED and for CNN14's checkpoint, both behind HTTP.

The archive has DESED's layout and sounds of the procedural bank, the checkpoint CNN14's format and random weights
of few channels: what is held here is the road, not the result. The whole network is held by tests/models/test_cnn14.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pooch
import pytest

import cnn14_checkpoint
import desed_archive
from failing_server import Server, serve
from igsed_core.data import assets
from igsed_core.data.soundbank import desed
from igsed_core.workflow import experiments

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT = assets.REGISTRY["cnn14"].file_name
EXPERIMENT = experiments.load(ROOT / "params" / "paper.yaml")
ARCHIVE = assets.REGISTRY["desed"].file_name
SMALL = {
    **{"experiment": "paper_test", "n_train": 8, "n_eval": 4, "duration": 1.4, "events_max": 1, "epochs": 2},
    **{"probability_threshold": 0.0, "n_steps": 1, "internal_batch_size": 1, "ig_workers": 1, "workers": 1},
    **{"percentile_step": 30.0, "replicates": 10},
    **{"seeds": "1", "seeds_points": 1},
    **{"audit_clips": 1, "factorial_clips": 1, "audit_draws": 100},
    **{"methods": "cam", "methods_validation_clips": 1, "methods_test_clips": 1},
    **{"shifts": 1, "components": 1, "pooling_clips": 1},
    **{"vocal_users": 4, "vocal_held_out": 2, "vocal_sounds": 4, "vocal_labels": "syllable", "vocal_copies": 1},
    **{"vocal_epochs": 1, "vocal_maps": 1, "vocal_steps": 2, "vocal_replicates": 20, "vocal_workers": 1},
    **{"attention_train": 3, "attention_validation": 2, "attention_test": 2, "attention_hop": 0.2},
    **{"attention_channels": 2, "attention_units": 2, "attention_widths": "1", "attention_heads": "none"},
    **{"attention_epochs": 1, "attention_main_epochs": 1, "attention_replicates": 10, "attention_workers": 1},
    **{"repr_files": 2, "repr_width": 2, "repr_epochs": 1, "repr_recipes": "modern", "repr_maps": 2, "repr_steps": 2},
    **{"repr_replicates": 20, "repr_workers": 1, "tf_methods": "cam", "tf_clips": 1},
}
# The stand-in has another checksum than the published checkpoint and few channels, in every process of the run. The
# network is changed as it is imported, since most processes need none.
CUSTOMISE = """
import importlib.machinery
import sys
from dataclasses import replace
from igsed_core.data import assets

assets.REGISTRY["cnn14"] = replace(assets.REGISTRY["cnn14"], checksum="md5:{md5}", size=0)

class Thin(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "igsed_core.models.encoders.cnn14":
            return None
        spec = super().find_spec(name, path, target)
        whole = spec.loader.exec_module

        def exec_module(module):
            whole(module)
            module._CHANNELS, module.N_FEATURES = {channels}, {channels}[-1]

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Thin)
"""


@dataclass
class PaperRun:
    server: Server
    folder: Path
    environment: dict[str, str]

    def igsed(self) -> subprocess.CompletedProcess[str]:
        overrides = [f"{name}={value}" for name, value in SMALL.items()]
        command = [sys.executable, "-m", "igsed_core", "run", "params/paper.yaml", *overrides]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, check=False, capture_output=True, text=True, timeout=3000
        )


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperRun]:
    folder = tmp_path_factory.mktemp("paper")
    served, site = folder / "served", folder / "site"
    served.mkdir()
    site.mkdir()
    bank = desed_archive.write_bank(folder / "bank", recordings=2)
    desed_archive.write_archive(bank, served / ARCHIVE)
    desed_archive.write_list(served / desed.VALIDATION_LIST, ["Dog/none_0.wav"])
    desed_archive.write_notes(served)
    with cnn14_checkpoint.thin():
        cnn14_checkpoint.write(served / CHECKPOINT)
    md5 = pooch.file_hash(str(served / CHECKPOINT), alg="md5")
    (site / "sitecustomize.py").write_text(CUSTOMISE.format(md5=md5, channels=cnn14_checkpoint.THIN))
    with serve(served) as server:
        environment = {
            **os.environ,
            **{"IGSED_RUNS_DIR": str(folder / "runs"), "IGSED_DATA_DIR": str(folder / "cache")},
            **{assets.MIRROR_VARIABLE: server.url, "NO_PROXY": "127.0.0.1"},
            "PYTHONPATH": os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        yield PaperRun(server, folder, environment)


def test_a_missing_archive_is_explained(paper: PaperRun) -> None:
    paper.server.failures[f"/{ARCHIVE}"] = [404]
    done = paper.igsed()
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert f"{ARCHIVE} could not be fetched from {paper.server.url}/{ARCHIVE} (HTTP 404 Not Found)" in told
    assert "soundbank=PATH" in told


def test_the_whole_pipeline_runs_from_a_server_that_fails(paper: PaperRun) -> None:
    paper.server.failures |= {f"/{ARCHIVE}": ["truncate"], f"/{CHECKPOINT}": [429, "truncate"]}
    done = paper.igsed()
    assert done.returncode == 0, done.stdout + done.stderr
    root = paper.folder / "runs" / "paper_test"
    records = {name: json.loads((root / "stages" / name / "record.json").read_text()) for name in EXPERIMENT.stages}
    assert records["training"]["figures"]["encoder"] == "cnn14"
    assert records["training"]["params"]["window"] == "hann"
    checkpoint = paper.folder / "served" / CHECKPOINT
    assert records["training"]["figures"]["weights_sha256"] == pooch.file_hash(str(checkpoint))
    table = pd.read_csv(root / "results" / "detection.csv")
    assert set(table["method"]) == {"ig", "fw_ws", "fw_ss", "random", "energy"}
    clips = pd.read_csv(root / "stages" / "data_synthesis" / "clips.csv")
    assert set(clips["background"].str.split("/").str[1]) <= {"freesound", "youtube"}
    kept = {path.name for path in (paper.folder / "cache").iterdir()}
    assert {CHECKPOINT, ARCHIVE, "desed", "soundbanks"} <= kept
    assert not [name for name in kept if name.endswith((".part", ".tmp"))]


def test_a_second_run_fetches_and_makes_nothing(paper: PaperRun) -> None:
    before = len(paper.server.requests)
    done = paper.igsed()
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(paper.server.requests) == before
