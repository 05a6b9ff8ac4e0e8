# The jobs of one group of a sweep. `igsed sweep` writes batch.json and calls Snakemake in the sweep's folder; which jobs
# there are, what each needs, and which short ones are done one after another as one job here (a lot, named after its
# last), is decided there (igsed_core.workflow.sweeps.plan) and not here.
import json
import shlex

from igsed_core.base import children

IGSED = shlex.join(children.igsed())

with open("batch.json", encoding="utf-8") as stream:
    BATCH = json.load(stream)
LOTS, ENDED = BATCH["lots"], BATCH["ended"]


def of(stage):
    # Snakemake looks at the names of a function's parameters: the stage has to come in by a closure.
    return lambda wildcards: LOTS[f"{stage}/{wildcards.id}"]


def needs(stage):
    return lambda wildcards: [ancient(f"jobs/{job}.json") for job in of(stage)(wildcards)["needs"]]


def asked(stage, name):
    # A job that came to its end for want of memory or time gets more at the next attempt.
    return lambda wildcards, attempt: of(stage)(wildcards)[name] * attempt


def given(stage, name):
    return lambda wildcards: of(stage)(wildcards)[name]


def told(stage):
    # Each job of a lot has a log of its own. To Snakemake none is a log: it makes those of jobs that it has not begun,
    # and a log says that a job has begun.
    return lambda wildcards: f"logs/{stage}/{wildcards.id}{'.lot' * (len(of(stage)(wildcards)['jobs']) > 1)}.log"


rule all:
    input:
        [f"jobs/{job}.json" for job in LOTS],


for stage in sorted({lot["stage"] for lot in LOTS.values()}):

    rule:
        name:
            stage
        input:
            needs(stage),
        output:
            f"jobs/{stage}/{{id}}.json",
        wildcard_constraints:
            id="[^/]+",
        threads: given(stage, "cores")
        resources:
            mem_mb=asked(stage, "memory"),
            runtime=asked(stage, "minutes"),
            gpu=given(stage, "gpu"),
        params:
            jobs=given(stage, "jobs"),
            told=told(stage),
        shell:
            "{IGSED} sweep-job . {params.jobs:q} > {params.told:q} 2>&1 || "
            "{{ s=$?; echo '{ENDED}'$s >> {params.told:q}; exit $s; }}"
