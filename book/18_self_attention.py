# %% [markdown]
# # How far must a detector remember?
#
# **What is asked.** A detector scores every frame; self-attention lets a frame look at others. Pankajakshan et al.
# {cite:p}`pankajakshan2020` put it on a convolutional recurrent network (CRNN), let each frame see a window of controlled width
# only, and report an event-based F of 33.92 % on URBAN-SED where the network without attention has 20.10 %. Here the
# study is done again on soundscapes of the same recipe: how much does attention give, how wide must its window be, what else
# gives as much, and does it look at the same event? Three choices of the authors' released code are tried one by one.
#
# **What limits the answer.** By default the sounds are made by a program, so that no figure repeats one of the paper's, whose collars
# and table of widths we could not find either. The default run trains small networks for seconds on few soundscapes, one of each
# kind, and the run of full size, which stands beside it where its tables ship, few: differences between networks hold the luck of
# their training. Intervals and verdicts here are over test clips alone, with the networks held, and do not show that luck.
# URBAN-SED itself is one command away (`igsed run params/self_attention.yaml attention_data=urban_sed`, CC BY 4.0, about 6.5 GB), and so is the recipe on
# UrbanSound8K's sounds (`attention_data=FOLDER`; CC BY-NC 4.0, for non-commercial use).

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
attention_data = "recipe"  # recipe (URBAN-SED's, on the main job's sounds), urban_sed (fetched), or the folder of an unpacked URBAN-SED, or of UrbanSound8K for the recipe
attention_train = 80  # soundscapes to train on; 0: all of URBAN-SED
attention_validation = 20  # soundscapes to validate on; 0: all
attention_test = 30  # soundscapes to test on; 0: all
attention_hop = 0.1  # frame [s]
attention_channels = 16  # channels of a convolution; released code: 64
attention_units = 16  # units of GRU and attention; released code: 64
attention_dropout = 0.1  # after each block; released code: 0.3
attention_widths = "0.3, 1, 10"  # windows in s, a network each, by commas; the longest is the clip's
attention_heads = "0.3, 1"  # windows in s of the heads of one network, by commas; or none
attention_seeds = 1  # networks of each kind
attention_epochs = 10  # most epochs; released code: 200
attention_patience = 50  # epochs without a lower validation loss after which training stops
attention_batch_size = 8  # soundscapes in a step; released code: 32
attention_learning_rate = 0.004  # Adam's; released code: 0.001
attention_main_clips = 200  # training soundscapes of the main job for FW-CRNN; 0: all
attention_main_epochs = 4  # most epochs of FW-CRNN
attention_main_width = 1.0  # window of FW-CRNN's attention; 0: none [s]
attention_replicates = 500  # draws of clips for intervals
attention_device = "cpu"  # device that trains; on CUDA in mixed precision (auto, cpu, cuda)
attention_workers = 0  # processes that mix and train; 0: one per core

# %%
from igsed_core.workflow import notebook

run = notebook.begin("self_attention", globals())

# %% tags=["hide-input"]
from igsed_core.base.shipped import Shipped
from igsed_core.chapters.self_attention import (
    attended,
    audit,
    cost,
    figures,
    main_experiment,
    material,
    measure,
    overview,
    study,
    systems,
    tables,
)
from igsed_core.show import display, findings

shipped = Shipped("self_attention")

p = run.params
titles = systems.titles(p.widths, p.heads, p.middle)
with run.timed("soundscapes_seconds"):
    sounds = material.prepare(material.soundscapes(run, p), hop=p.attention_hop)

# %% [markdown]
# ## Detectors
#
# Three blocks of convolutions, pooled over frequency alone; a GRU; perhaps attention; a probability per frame and class.
# Attention is additive with a sigmoid on the score: a frame becomes the weighted mean of what the GRU says in a window
# around it. Several heads have a width each, and every frame says how much it takes of which.
#
# The recipe is that of URBAN-SED: 1 to 9 events of 0.5 to 4 s, 6 to 30 dB above brownian noise, pitch and length changed, a
# little reverberation, any number at once, onsets by three distributions. Validation and test share no source file with
# training, nor with one another.

# %%
compared = systems.compared(p.widths, p.heads, p.middle)
audited = systems.audited(p.middle, p.heads)
with run.timed("training_seconds"):
    trained = study.train(
        [*compared, *audited],
        sounds,
        study.recipe(p),
        run.dir / "networks",
        seeds=p.attention_seeds,
        seed=p.seed,
        workers=p.attention_workers,
    )
told = run.table("self_attention_training", study.training(trained).assign(split="validation"))
display.show(tables.training_table(told, titles), caption="Networks, and what an epoch of each costs")
findings.say(overview.step_cost(cost.measured()))

# %% [markdown]
# ## F against memory
#
# Onsets agree within 0.2 s, offsets within 0.2 s or a fifth of the event's length, if that is more; events of one class that
# overlap or touch are one, in truth as in detections. Segments last 1 s or 100 ms. F and error rate are of the counts of all classes
# together, as `sed_eval` counts them. Level and median filter are chosen on validation, for events and for
# segments each.

# %%
with run.timed("measuring_seconds"):
    judge = measure.Judge.of(sounds, replicates=p.attention_replicates, seed=p.seed)
    results = [measure.evaluate(one, judge) for one in trained]
found = run.table("self_attention", measure.summary(results))
figures.against_width(found, shipped.table("self_attention"))

# %%
display.show(
    tables.main_table(found, titles, shipped.table("self_attention")),
    caption="Detectors on the test soundscapes, thresholds tuned on validation",
)
findings.say(overview.reached(found))
findings.say(overview.shipped_run(shipped.record()))

# %% [markdown]
# Is it attention, or smoothing? A threshold of one half and no filter, beside a threshold and a median filter that are tuned; and
# a network that takes the plain mean of the window in the place of attention:

# %%
display.show(tables.untuned_table(found, titles), caption="F without and with a tuned threshold and median filter")
names = [one.name for one in compared if one.widths]
apart = run.table("self_attention_differences", measure.differences(results, audit.pairs(names, p.middle)))
findings.say(overview.smoothing(apart))
findings.say(overview.average(apart))

# %%
display.show(
    tables.difference_table(apart, titles, shipped.table("self_attention_differences")),
    caption="Differences, paired over test soundscapes",
)
findings.say(overview.undecided(apart))

# %% [markdown]
# For orientation, figures that others state on URBAN-SED itself:

# %%
display.show(tables.published_table(audit.published()), caption="Published figures, on other sounds")

# %% [markdown]
# ## Which events
#
# The same tuned detections, event by event: how long it is, and how many sound at once in it at most.

# %%
events = run.table("self_attention_events", measure.by_event(results, judge))
figures.found_events(events, {one.name: titles[one.name] for one in compared})

# %% [markdown]
# ## Where attention falls
#
# The score passes a sigmoid before the exponential, so that no frame can count more than e times (2.7 times) another: such
# attention can only be a moving average with mild preferences, whatever is learnt. Over the whole clip the means of different frames can
# then differ only mildly; what that costs, the longest window above shows.
#
# The longest window, in one test soundscape: a row is a frame, bright is what it looks at. Green boxes are events. Play it: the cursor
# goes through all three.

# %%
attending = [one for one in compared if one.widths and not one.uniform]
whole = max((one for one in trained if one.system in attending), key=lambda one: max(one.system.widths))
figures.listen(whole, sounds)

# %% [markdown]
# Of each true event: the share of its frames' attention that falls on its own frames, beside what energy or all frames of the window alike
# would put there. A window narrower than the event holds little else, whatever the weights.

# %%
looking = [one for one in trained if one.system in attending]
mass = run.table("self_attention_mass", attended.table(looking, judge))
display.show(
    tables.mass_table(mass, titles, shipped.table("self_attention_mass")), caption="Attention on the same event"
)
findings.say(overview.mass(mass))
findings.say(overview.at_full_size(overview.mass, shipped.table("self_attention_mass")))

# %% [markdown]
# ## Audit
#
# In the released code the map (time, channels) becomes (channels, time) by a reshape in place of a transposition, so that a
# step of the GRU sees frames of the whole clip; the window of several heads is computed and thrown away, so that all see
# the whole clip; and how much each head counts is read from the first frame of a batch's first item. Each choice alone,
# against the same without it:

# %%
judged = run.table("self_attention_audit", audit.table(results, p.middle, several=len(p.heads) > 1))
display.show(
    tables.audit_table(judged, shipped.table("self_attention_audit")),
    caption="What choices of the released code change",
)
findings.say(overview.released(judged))
findings.say(overview.explains(judged))
for say in (overview.released, overview.explains):
    findings.say(overview.at_full_size(say, shipped.table("self_attention_audit")))

# %% [markdown]
# ## In the main experiment
#
# FW-CRNN is this detector on the main experiment's soundscapes: with time labels, and with clip labels through attention
# pooling. It stands beside FW-SS and FW-WS on the same instances; {doc}`15_ceilings` has what time labels reach on frozen
# features.

# %%
with run.timed("main_experiment_seconds"):
    whole_networks = main_experiment.compare(run, p)
in_main = run.table("self_attention_main", whole_networks.summary)
in_main_apart = run.table("self_attention_main_differences", whole_networks.differences)
display.show(tables.experiment_table(in_main), caption="FW-CRNN on the main experiment's instances")
findings.say(overview.experiment(in_main, in_main_apart, whole_networks.n_train))
large = [shipped.table(name) for name in ("self_attention_main", "self_attention_main_differences")]
n_train = (shipped.record() or {}).get("figures", {}).get("main_soundscapes")
findings.say(overview.at_full_size(overview.experiment, *large, n_train=n_train))

# %% [markdown]
# ## What differs from the paper
#
# Sounds and, in the default run, sizes: fewer soundscapes, channels and units, longer frames, shorter training. How several
# heads are weighed is our own: by a softmax over their learnt scores, where the released code divides scores by widths
# or takes the highest alone.

# %%
run.finish(
    soundscapes=len(sounds.data.clips),
    networks=len(trained),
    main_soundscapes=whole_networks.n_train,
)
