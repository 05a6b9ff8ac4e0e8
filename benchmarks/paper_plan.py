"""What a large sweep would take on a cluster: the paper's run with ten seeds and three encoders, on 50 nodes.

    python benchmarks/paper_plan.py       # writes book/cluster_plan.md

It is arithmetic on figures that were measured one by one, not a run: the times of a forward and a gradient pass
(book/encoders_cost.md), the stages of an embedded run (workflow/sweeps/measured.csv), and what that run left (below).
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from igsed_core.workflow import stages
from igsed_core.workflow.sweeps import costs, driver, sweep_file

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "book" / "cluster_plan.md"
ENCODERS = ("embedded", "mn04_as", "cnn14")
SEEDS, NODES, CORES, SHARDS = 10, 50, 16, 20
POINTS = 50  # of Captum, as in the paper
# Counted in the store of one embedded run, November 2026: soundscapes, maps of the main job, files, megabytes.
CLIPS, MAPS, FILES, MEGABYTES = 1165, 386, 7357, 1397


def passes() -> dict[tuple[str, str], float]:
    """Seconds of a pass of one clip on one thread, by encoder and kind (``forward``, ``forward and gradient``)."""
    rows = re.findall(r"\| `(\w+)`, ([a-z ]+) \| ([\d.]+) \|", (ROOT / "book" / "encoders_cost.md").read_text())
    return {(name, kind.strip()): float(seconds) for name, kind, seconds in rows}


def core_hours(encoder: str) -> dict[str, float]:
    """Core hours of each stage of one experiment, at most; of a stage that nobody measured, ten minutes."""
    seconds_of = passes()
    slower = seconds_of[encoder, "forward and gradient"] / seconds_of["embedded", "forward and gradient"]
    found = dict.fromkeys(stages.STAGES, costs.UNKNOWN)
    for row in costs.shipped():
        if row["size"] == "embedded":
            found[row["stage"]] = float(row["core_seconds"]) * (
                max(1.0, slower) if row["stage"] in costs.OF_ENCODER else 1.0
            )
    found["integrated_gradients"] = MAPS * POINTS * seconds_of[encoder, "forward and gradient"]
    return {stage: seconds / 3600 for stage, seconds in found.items()}


def rounds(stage: str, hours: float) -> tuple[int, int]:
    """Rounds of shards of a stage, and shards in each, as a plan decides them; none and 1 where it is not shared."""
    steps = stages.get(stage).params.long_steps
    number = costs.Cost(hours * 3600, 0.0, "measured").shards(steps, SHARDS, sweep_file.SHARD_SECONDS)
    return (steps if number > 1 else 0), number


def jobs_of_one(encoder: str) -> int:
    """Jobs of one experiment: a job a stage, and its shards."""
    shared = (rounds(name, hours) for name, hours in core_hours(encoder).items())
    return sum(1 + number * shards for number, shards in shared)


def longest_chain(encoder: str) -> float:
    """Hours from the first to the last stage of one experiment when no job waits for a core."""
    found = core_hours(encoder)
    done: dict[str, float] = {}
    for name, stage in stages.STAGES.items():
        number, shards = rounds(name, found[name])
        starts = (number + 1) * (costs.START + 30.0) / 3600  # with half a minute of polling each
        done[name] = max((done[up] for up in stage.upstream), default=0.0) + found[name] / shards + starts
    return max(done.values())


def page() -> str:
    """The tables of the page, in Markdown."""
    lines = [
        "| encoder | core hours of one experiment, at most | of these Captum | longest chain (h) |",
        "| --- " * 4 + "|",
    ]
    for encoder in ENCODERS:
        found = core_hours(encoder)
        captum = found["integrated_gradients"]
        lines.append(f"| `{encoder}` | {sum(found.values()):.2g} | {captum:.2g} | {longest_chain(encoder):.2g} |")
    experiments = SEEDS * len(ENCODERS)
    jobs = SEEDS * sum(map(jobs_of_one, ENCODERS))
    work = SEEDS * sum(sum(core_hours(encoder).values()) for encoder in ENCODERS)
    starts = jobs * costs.START / 3600
    # Soundscapes do not depend on the encoder: one set of them a seed.
    wall = max((work + starts) / (NODES * CORES), max(map(longest_chain, ENCODERS)))
    groups = math.ceil(jobs / driver.MOST_JOBS)
    lines += ["", "| the whole sweep | now | ten times that |", "| --- | --- | --- |"]
    for what, now, ten in (
        ("experiments", experiments, experiments * 10),
        ("jobs", jobs, jobs * 10),
        ("groups, each a call of Snakemake", groups, groups * 10),
        ("core hours of work, at most", round(work), round(work * 10)),
        ("core hours of starting jobs", round(starts), round(starts * 10)),
        ("files, at most", experiments * FILES, experiments * FILES * 10),
        ("storage (GB), at most", round(experiments * MEGABYTES / 1000), round(experiments * MEGABYTES / 100)),
    ):
        lines.append(f"| {what} | {now:,} | {ten:,} |")
    lines += [
        "",
        f"With {NODES} nodes of {CORES} cores the sweep cannot end before {wall:.2g} hours, the longest of its chains; "
        f"the cores alone would take {(work + starts) / (NODES * CORES):.2g} hours.",
    ]
    measured = {row["stage"] for row in costs.shipped() if row["size"] == "embedded"}
    if guessed := [name for name in stages.STAGES if name not in measured]:
        lines += ["", f"Nobody measured {', '.join(guessed)} at this size: ten core minutes each are a guess."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(page())
