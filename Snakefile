# Which notebook makes which artefact, for which experiment. Run through `igsed run params/x.yaml [name=value ...]`.
# A marker's name holds the key of all that its notebook depends on (see igsed_core.workflow.stages): a change of the
# threshold range gives the last stages new markers to make, a change of the SNR gives every stage one.
import json
import sys

from igsed_core.workflow import experiments, stages

VALUES = config["values"]
MARKERS = stages.markers(experiments.from_values(json.load(open(VALUES)), source=VALUES))


rule all:
    input:
        [str(path) for path in MARKERS.values()],


for stage in stages.STAGES.values():

    rule:
        name:
            stage.name
        input:
            ancient([str(MARKERS[upstream]) for upstream in stage.upstream]),
        output:
            str(MARKERS[stage.name]),
        params:
            stage=stage.name,
        # A stage that computes much uses all cores itself, and measures its time: never two of them at once.
        # Beside it there is room for a light one.
        threads: 1 if stage.light else max(1, workflow.cores - 1)
        resources:
            heavy=0 if stage.light else 1,
        shell:
            "{sys.executable} -m igsed_core stage {params.stage} {VALUES}"
