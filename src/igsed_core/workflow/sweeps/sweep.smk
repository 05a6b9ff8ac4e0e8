# The jobs of one group of a sweep. `igsed sweep` writes batch.json and calls Snakemake in the sweep's folder; which jobs
# there are, and what each needs, is decided there (igsed_core.workflow.sweeps.plan) and not here.
import json
import shlex

from igsed_core.base import children

IGSED = shlex.join(children.igsed())

with open("batch.json", encoding="utf-8") as stream:
    BATCH = json.load(stream)
JOBS, ENDED = BATCH["jobs"], BATCH["ended"]


def of(stage):
    # Snakemake looks at the names of a function's parameters: the stage has to come in by a closure.
    return lambda wildcards: JOBS[f"{stage}/{wildcards.id}"]


def needs(stage):
    return lambda wildcards: [ancient(f"jobs/{job}.json") for job in of(stage)(wildcards)["needs"]]


def asked(stage, name):
    # A job that came to its end for want of memory or time gets more at the next attempt.
    return lambda wildcards, attempt: of(stage)(wildcards)[name] * attempt


def given(stage, name):
    return lambda wildcards: of(stage)(wildcards)[name]


rule all:
    input:
        [f"jobs/{job}.json" for job in JOBS],


for stage in sorted({job["stage"] for job in JOBS.values()}):

    rule:
        name:
            stage
        input:
            needs(stage),
        output:
            f"jobs/{stage}/{{id}}.json",
        log:
            f"logs/{stage}/{{id}}.log",
        wildcard_constraints:
            id="[^/]+",
        threads: given(stage, "cores")
        resources:
            mem_mb=asked(stage, "memory"),
            runtime=asked(stage, "minutes"),
            gpu=given(stage, "gpu"),
        params:
            job=f"{stage}/{{id}}",
        shell:
            "{IGSED} sweep-job . {params.job:q} > {log:q} 2>&1 || {{ s=$?; echo '{ENDED}'$s >> {log:q}; exit $s; }}"
