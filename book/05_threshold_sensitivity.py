# %% [markdown]
# # Threshold sensitivity
#
# **What is asked.** A score over time becomes a detection by a threshold. The paper marks the frames above a
# percentile $\tau$ *of their own clip* and scans $\tau$ (sections III-B, IV-D). How much depends on that choice, and what can
# any score reach under this rule?

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
frame_length = 0.1  # evaluation frame [s]
min_coverage = 0.0  # a frame is active if events cover more than this share of it (0: any of it)
sign = "absolute"  # which part of a signed attribution counts (absolute, positive, signed)
percentile_min = 1.0  # lowest percentile threshold
percentile_max = 99.0  # highest percentile threshold
percentile_step = 1.0  # step between percentile thresholds
replicates = 1000  # bootstrap replicates over clips for the 95 % intervals
margin = 0.03  # smallest difference (IoU, F1, pointing game) that a sentence names; 'level with' is said within it only

# %%
from igsed_core.workflow import notebook

run = notebook.begin("threshold_sensitivity", globals())

# %% tags=["hide-input"]
import pandas as pd

from igsed_core.attribution import maps
from igsed_core.base import files
from igsed_core.data import soundscapes
from igsed_core.detection import evaluation, further_metrics, scored
from igsed_core.detection.thresholds import levels
from igsed_core.main_job import figures, tables
from igsed_core.main_job.params import DataSynthesis
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models import classification
from igsed_core.show import display, explanations, findings

data = soundscapes.load(run.input("data_synthesis"))
predictions = files.read_table(run.input("training") / "predictions.csv")
attributions = maps.read(run.input("integrated_gradients") / "maps", classification.detected_pairs(predictions))
over_time = {name: ScoresOverTime.load(run.input("baselines") / f"{name}.npz") for name in scored.BASELINES}

# %% [markdown]
# ## From scores to frames
#
# Ground truth and scores are brought to the same evaluation frames (100 ms in the paper). A frame is active if an event
# covers any of it (parameter `min_coverage`); a score is averaged over the frame, each of its own steps weighted by the
# time that it takes of the frame. Below, one instance as every method sees it.

# %%
sources = (predictions, data.events, attributions, over_time)
frames_of = {
    "duration": run.params_of(DataSynthesis).duration,
    "frame_length": run.params.frame_length,
    "min_coverage": run.params.min_coverage,
    "sign": run.params.sign,
    "seed": run.params.seed,
}
instances = {split: evaluation.instances(*sources, split=split, **frames_of) for split in ("validation", "test")}
example = instances["test"].first_of(classification.example_clip(predictions))
explanations.methods_on_clip(example.truth, example.scores, frame_length=run.params.frame_length, label=example.label)

# %% [markdown]
# ## From frames to metrics
#
# IoU and frame F1 of every instance at every percentile, on the validation and on the test split.

# %%
grid = levels.percentile_grid(run.params.percentile_min, run.params.percentile_max, run.params.percentile_step)
measured = {split: evaluation.measure(data_of, grid) for split, data_of in instances.items()}
bootstrapped = {"replicates": run.params.replicates, "seed": run.params.seed}
with run.timed("bootstrap_seconds"):
    curves = run.table("curves", evaluation.curves(measured, **bootstrapped))
figures.threshold_curves(curves, split="test")

# %% [markdown]
# The dotted line is a *perfect ranking*: every active frame scores higher than every other. It does not reach 1, because a
# fixed percentile marks the same number of frames in every clip, however long the event is. No score can pass it under
# this rule. Hollow markers are the peaks that the paper reports. Bands are 95 % intervals of a bootstrap over clips.

# %% [markdown]
# ## Move the threshold yourself
#
# Choose a method and a rule and move the threshold. The upper pictures show one instance; the curves and the numbers are means over
# all instances of the test split.
#
# %%explorer%%

# %% [markdown]
# ## The operating points
#
# For each method and metric the threshold with the best mean over the *validation* instances; the test split plays no
# part in the choice. What each method reaches with it is Table II of {doc}`06_results`.

# %%
chosen = evaluation.optimal_thresholds(measured["validation"])
display.show(tables.thresholds_table(curves, chosen), caption="Chosen thresholds, and the paper's (section IV-D)")

# %%
with run.timed("bootstrap_seconds"):
    report = evaluation.report(measured, chosen, data.classes, data.events, **bootstrapped)
run.table("detection", report.detection)
run.table("detection_at_ig_threshold", report.at_ig)
run.table("per_class", report.per_class)
findings.say(findings.untuned(chosen, float(grid.min())))

# %% [markdown]
# ## Without a threshold, and by events
#
# What follows is not in the paper. **AUROC** (does an active frame score higher than an inactive one?) and **average
# precision** need no threshold. **Event-based F1** takes runs of detected frames as events: one counts as found if its onset
# is within 200 ms and its offset within 200 ms or a fifth of the event's length; counts of all instances are pooled, at the
# percentile that is best for it on the validation split. **Onset** and **offset error** are the mean distances to the
# detected run that overlaps an event longest, at the percentile for F1. **PSDS** (scenario 1 of DCASE's task 4
# {cite:p}`bilen2020framework,ebbers2022threshold`) holds one threshold against all clips at a time, and is given all clips
# of the split. Integrated Gradients exist only for classes that the clip-level classifier detects; elsewhere no method
# has a detection, whatever its scores, so that PSDS too compares like with like. A threshold for all clips is compared
# with the scores as they are, and with their share of their maximum in the clip, since attributions have no common scale.

# %%
whole_splits = {
    split: further_metrics.Split(
        evaluation.instances(*sources, split=split, **frames_of, false_too=True),
        list(data.clips.loc[data.clips["split"] == split, "clip"]),
        data.events,
        run.params_of(DataSynthesis).duration,
        run.params.frame_length,
    )
    for split in instances
}
with run.timed("bootstrap_seconds"):
    further, apart = further_metrics.report(whole_splits, chosen, grid, **bootstrapped)
further = run.table("further", further)
run.table("differences", pd.concat([report.differences, apart]))
run.table("differences_two_way", report.two_way)
display.show(tables.further_table(further), caption="Threshold-free and event-based metrics on the test split")

# %%
findings.say(tables.psds_limits(further, len(whole_splits["test"].clips) * whole_splits["test"].duration))

# %%
run.finish(instances={split: len(data_of.index) for split, data_of in instances.items()})
