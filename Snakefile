# Which notebook makes which artefact, for which experiment. Run through `igsed run params/x.yaml [name=value ...]`.
# A marker's name holds the key of all that its notebook depends on (see igsed_core.workflow.stages): a change of the
# threshold range gives the last stages new markers to make, a change of the SNR gives every stage one.
# Snakemake works in the experiment's folder. Paths are given relative to it, so that no name of the user's is taken for
# something else: for YAML in --config, for a wildcard in { }, for two words in a shell.
import json
import os
import shlex

from igsed_core.base import children
from igsed_core.base.parallel import CORES_VARIABLE
from igsed_core.workflow import experiments, stages

VALUES = os.path.abspath("parameters.json")
with open(VALUES, encoding="utf-8") as stream:
    EXPERIMENT = experiments.from_values(json.load(stream), source=VALUES)
IGSED = shlex.join(children.igsed())
KEYS = stages.keys(EXPERIMENT)
# A stage that finds another key, since somebody edits code meanwhile, says so: its marker would have another name.
PLANNED = {name: keys.page.key for name, keys in KEYS.items()}
MARKERS = {name: os.path.relpath(path) for name, path in stages.markers(EXPERIMENT, KEYS).items()}
# Stages that compute much. One of the main job, which others wait for, uses all cores by itself. Chapters go two at a
# time with half of the cores each: the parts of them that use one core leave none idle.
HEAVY = [name for name in EXPERIMENT.stages if not stages.get(name).light]
CHAPTERS = [name for name in HEAVY if name in experiments.CHAPTERS and not os.path.exists(MARKERS[name])]
SHARED = CHAPTERS if len(CHAPTERS) > 1 and workflow.cores > 1 else []
# What others wait for goes first, then what takes longest in the embedded run, so that both halves end together.
ORDER = [
    *experiments.MAIN_JOB,
    *("localiser", "methods", "faithfulness", "vocal_percussion", "self_attention", "adversarial"),
    *("representations", "time_frequency", "audit", "ceilings", "seeds", "conditions", "engine"),
    "edges",  # last: what it reads, the pages of the localiser and of ceilings have put into the store
]


def cores_of(stage):
    """Cores that a stage is given: its variables say so, and BLAS and PyTorch follow them."""
    return max(1, workflow.cores // 2) if stage in SHARED else workflow.cores


def variables_of(stage):
    return f"{CORES_VARIABLE}={cores_of(stage)} OMP_NUM_THREADS={cores_of(stage)}" if stage in SHARED else ""


rule all:
    input:
        list(MARKERS.values()),


for stage in map(stages.get, EXPERIMENT.stages):

    rule:
        name:
            stage.name
        input:
            ancient([MARKERS[upstream] for upstream in stage.upstream]),
        output:
            MARKERS[stage.name],
        params:
            stage=stage.name,
            variables=variables_of(stage.name),
            planned=PLANNED[stage.name],
        # Beside a stage of the main job there is room for a light one.
        threads: 1 if stage.light else max(1, min(workflow.cores - 1, cores_of(stage.name)))
        priority: len(ORDER) - ORDER.index(stage.name) if stage.name in ORDER else 0
        resources:
            heavy=0 if stage.light else 1 if stage.name in SHARED else 2,
        shell:
            "{params.variables} {IGSED} stage {params.stage} {VALUES:q} --planned {params.planned}"
