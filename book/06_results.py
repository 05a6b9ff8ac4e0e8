# %% [markdown]
# # Results
#
# Every table and figure of the paper {cite:p}`dumpis2026evaluating`, made by this run, beside the paper's own values. Square
# brackets hold 95 % intervals from a bootstrap over the clips of the test split; the paper gives none. The column *n* says
# how many instances a mean is over, or how many classes where it is one over classes.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
figure_2_seconds = 0.0  # what Figure 2 shows of its clip, from the beginning (the paper: 4); 0: all of it [s]

# %%
from igsed_core.workflow import notebook

run = notebook.begin("results", globals())

# %%
from igsed_core import paper
from igsed_core.attribution import maps
from igsed_core.base import files
from igsed_core.data import soundscapes
from igsed_core.main_job import figures, tables
from igsed_core.main_job.params import DataSynthesis, ThresholdSensitivity
from igsed_core.models import classification
from igsed_core.show import claims, diagram, display, explanations, findings, prose, style

found = run.tables()

# %% [markdown]
# ## The answer in one picture
#
# The picture of the front page ({doc}`intro`).

# %%
picture = figures.main_result(found["detection"], paper.detection())
style.save(picture, run.dir / "main_result.png")
picture

# %%
prose.glue_results(found, margin=run.params_of(ThresholdSensitivity).margin)

# %% [markdown]
# ## Figure 1: the method

# %%
diagram.block_diagram()

# %% [markdown]
# ## Table I: classification

# %%
display.show(tables.table_1(found["classification"]), caption="Classification on the test split")

# %% [markdown]
# ## Table II: temporal detection
#
# The paper says that its overall scores are "macro-averaged over classes", yet the class means of its own Table III
# are higher than its Table II, which looks like a mean over (clip, class) instances. Both averages are given. Metrics that need
# no threshold, or count events, are not in the paper: {doc}`05_threshold_sensitivity` has them.
#
# *Random* is one draw of random scores; its pointing game, drawn for ever, would be the share of frames in which the class
# sounds. *Energy* ranks frames by loudness here, whereas the paper's lies below its own random scores: {doc}`14_audit` tries what
# the paper may have meant.

# %%
display.show(tables.table_2(found["detection"]), caption="Temporal detection, mean over instances")

# %%
display.show(tables.table_2(found["detection"], average="class"), caption="Temporal detection, mean over classes")

# %%
findings.say(findings.energy_beside_paper(found["detection"], found["further"]))

# %% [markdown]
# Every method has thresholds of its own above, chosen on validation. At one threshold for all, chosen for IG:

# %%
display.show(
    tables.at_ig_thresholds(found["detection"], found["detection_at_ig_threshold"]),
    caption="Temporal detection at IG's thresholds, mean over instances",
)

# %% [markdown]
# ### How far apart are the methods?
#
# Differences are paired: every bootstrap replicate draws the same clips for both methods, so that what makes a clip easy
# or hard for all of them cancels. An interval that holds zero does not say which is better. Two methods are *level* only where the whole
# interval lies within a margin (parameter `margin`, 0.03 unless it was changed); *above* and *below* need an interval off zero and a difference of at
# least that margin; otherwise they are *not told apart*.
#
# Clips share source files, so that two clips are not two independent trials. The second table draws source files anew as well
# (the pigeonhole bootstrap, which errs on the wide side); the verdicts of the front page are by its intervals. An asterisk
# marks differences that survive Holm's correction for all comparisons of the same metric, those between the other methods
# among them.

# %%
display.show(tables.differences_table(found["differences"]), caption="IG minus each other method, clips drawn anew")

# %%
display.show(
    tables.differences_table(found["differences_two_way"]),
    caption="IG minus each other method, clips and source files drawn anew",
)

# %%
for drawn, table in (("clips", "differences"), ("clips and source files", "differences_two_way")):
    family = claims.family(found[table], split="test", average="instance", metric="iou")
    findings.say(f"With {drawn} drawn anew, {family[0].lower()}{family[1:]}")

# %% [markdown]
# ## Table III: temporal detection by class

# %%
for metric in ("iou", "f1"):
    display.show(
        tables.table_3(found["per_class"], found["detection"], metric=metric),
        caption=f"{style.METRICS[metric]} by class",
    )

# %%
figures.per_class(found["per_class"], paper.per_class())

# %% [markdown]
# ## Figure 2: attributions of a polyphonic clip
#
# As the paper draws it. {doc}`03_integrated_gradients` has the same clip with its spectrogram and its sounds.

# %%
predictions = files.read_table(run.input("training") / "predictions.csv")
attributions = maps.read(run.input("integrated_gradients") / "maps", classification.detected_pairs(predictions))
example = soundscapes.load(run.input("data_synthesis")).select(classification.example_clip(predictions))
explanations.attributions(
    example.read()[0],
    run.params_of(DataSynthesis).sample_rate,
    example.events,
    attributions.read_as("absolute").of_clip(example.clips["clip"].item()),
    step=maps.STEP,
    t_max=run.params.shown_seconds(run.params_of(DataSynthesis).duration),
    probabilities=classification.probabilities(predictions, example.clips["clip"].item()),
)

# %% [markdown]
# ## Figure 3: threshold sensitivity
#
# The figure of {doc}`05_threshold_sensitivity`, which reads it and lets the threshold be moved.

# %%
figures.threshold_curves(found["curves"], split="test")

# %% [markdown]
# ## Every value
#
# Click a column's head to sort by it; type words (a method, a class, a metric, a split) to filter. The files that this
# page offers for download hold the same.

# %%
display.show(tables.values_table(found), caption="Tables II and III and the further metrics", paging=15, search=True)

# %%
run.finish()
