# Which notebook makes which artefact, for which experiment. Run through `igsed run params/x.yaml [name=value ...]`.
# A marker's name holds the key of all that its notebook depends on (see igsed_core.workflow.stages): a change of the
# threshold range gives the last stages new markers to make, a change of the SNR gives every stage one.
# Snakemake works in the experiment's folder. Paths are given relative to it, so that no name of the user's is taken for
# something else: for YAML in --config, for a wildcard in { }, for two words in a shell.
import json
import os
import shlex

from igsed_core.base import children
from igsed_core.workflow import experiments, stages

VALUES = os.path.abspath("parameters.json")
with open(VALUES, encoding="utf-8") as stream:
    EXPERIMENT = experiments.from_values(json.load(stream), source=VALUES)
IGSED = shlex.join(children.igsed())
MARKERS = {name: os.path.relpath(path) for name, path in stages.markers(EXPERIMENT).items()}


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
        # A stage that computes much uses all cores itself, and measures its time: never two of them at once.
        # Beside it there is room for a light one.
        threads: 1 if stage.light else max(1, workflow.cores - 1)
        resources:
            heavy=0 if stage.light else 1,
        shell:
            "{IGSED} stage {params.stage} {VALUES:q}"
