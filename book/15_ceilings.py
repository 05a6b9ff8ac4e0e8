# %% [markdown]
# # Fair ceilings
#
# **What is asked.** {doc}`10_localiser` reads a clip-level classifier every 0.04 s and never sees a time label. What do detectors
# reach that *learn from time labels* on the same frozen features at the same resolution? The answer stands under the figure of all
# detectors. Nothing on this page is from the paper.
#
# **What limits the answer.** One encoder, pretrained on sounds of the same generators; threshold, median filter and cSEBBs of the
# detectors are tuned on validation, the localiser's edges on gates made of training clips ({doc}`22_edges`). What the edges are was
# fixed before validation or test clips were looked at ({doc}`preregistration`), but not before reviewers had tried one like it.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
shifts = 8  # shifts of a feature frame at which the encoder looks; 1: none
components = 2  # normal densities of the frame logits in each state
gates = 20  # gates of each class and length on which edges are calibrated
attribution_gates = 2  # the same for Integrated Gradients, which take longer; 0: none
detectors = "linear, tcn"  # detectors to train at this resolution, separated by commas; or all
detector_seeds = 1  # seeds with which each is trained
detector_epochs = 300  # most epochs of a detector
poolings = "max_features, mean_features, attention"  # poolings over time of heads that are compared, separated by commas; or all
pooled_clips = 12  # test soundscapes explained for each pooling

# %%
from igsed_core.workflow import notebook

run = notebook.begin("ceilings", globals())

# %% tags=["hide-input"]
from igsed_core.base import shipped
from igsed_core.chapters.ceilings import figures, overview, tables
from igsed_core.chapters.ceilings.work import Work
from igsed_core.show import display, findings, prose

work = Work.of(run)
resampling = work.resampling

# %% [markdown]
# ## Detectors with time labels at the same resolution
#
# All see the same feature frames at shifts. *Linear* and *TCN* (three dilated convolutions; with `detectors: all` a recurrent layer, and
# heads with five weak poolings) learn from labels of 40 ms frames, or from those of clips; training ends when the validation loss
# has not fallen for 15 epochs. *At shifts* are the paper's own FW-WS and FW-SS, trained as in the paper and read at shifts. Decisions are
# at one half, or by a threshold tuned on validation, with a median filter, or by cSEBBs {cite:p}`ebbers2024sebbs`. *A perfect detector* knows for
# every step of its grid whether an event touches it. *Calibrated edges* are those of {doc}`22_edges`, which says whom they help.

# %%
measured, training = work.detectors()
run.table("ceilings_training", training)
ceilings, differences = work.report(measured)
run.table("ceilings", ceilings)
run.table("ceilings_differences", differences)
figures.ceilings(ceilings)

# %%
findings.say(overview.ceilings(ceilings, differences))
prose.glue_sentences(against_labels=overview.against_labels(ceilings, differences))

# %%
display.show(tables.ceilings_table(ceilings), caption="Detectors at the localiser's resolution (test)")

# %%
display.show(
    tables.differences_table(differences),
    caption="The localiser minus each, and before and after (test); intervals draw clips and source files",
    paging=15,
)

# %%
display.show(
    display.readable(training), caption="Training of the detectors; converged: the best epoch is not the last allowed"
)

# %% [markdown]
# ### The full table
#
# This run trains few detectors, with few seeds. The table below is read from `results/ceilings`, which the repository ships: all
# detectors (with a recurrent layer, which on frozen features is a CRNN, and five weak poolings), five seeds each, of which an instance's
# values are averaged, edges from more gates, and training until the validation loss has stopped falling.

# %%
full = shipped.table("ceilings", "ceilings")
if full is None:
    findings.say("The repository ships no full table; `igsed run params/ceilings.yaml` makes one.")
else:
    findings.say(shipped.said("ceilings", "ceilings"))
    display.show(tables.ceilings_table(full), caption="All detectors, five seeds (test; shipped)")

# %%
if full is not None:
    apart = shipped.table("ceilings", "ceilings_differences")
    findings.say(overview.ceilings(full, apart))
    display.show(
        tables.differences_table(apart),
        caption="The localiser minus each (test; shipped); intervals draw clips and source files",
        paging=15,
    )
    display.show(
        tables.training_table(shipped.table("ceilings", "ceilings_training")),
        caption="Training of all detectors (shipped)",
    )

# %% [markdown]
# ## Is it the pooling?
#
# {doc}`10_localiser` says that the maximum over time makes Integrated Gradients point at peaks. Here the cause is changed and nothing else:
# heads are trained from the same clip-level labels on the same features with other poolings, and each is read by Integrated Gradients,
# as a class activation map and by the localiser. The detected instances are those of the explained head for all of them.

# %%
pooled = run.table("pooling", work.poolings())
findings.say(overview.pooling(pooled))

# %%
display.show(tables.pooling_table(pooled), caption="What is read from heads that pool in other ways (test)")

# %%
if full is not None:
    of_full = shipped.table("ceilings", "pooling")
    findings.say(f"With all poolings and more soundscapes (shipped): {overview.pooling(of_full)}")
    display.show(
        tables.pooling_table(of_full), caption="What is read from heads with all poolings (test; shipped)", paging=12
    )

# %%
run.finish(instances=work.n_instances)
