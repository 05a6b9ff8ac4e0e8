# %% [markdown]
# # Waveform or spectrogram
#
# **What is asked.** Frommholz et al. {cite:p}`frommholz2023xai` train two networks of nearly equal accuracy for the same
# sounds, one on the waveform and one on its spectrogram, and let layer-wise relevance propagation say what each listens
# to: "representation-dependent decision strategies". Here it is done again, and what their maps cannot say is measured:
# whether an explanation knows what happens to the network when the bands are removed that it calls important. Whether
# maps fall on the *sound* is {doc}`21_time_frequency`'s question.
#
# **What limits the answer.** By default the sounds are this experiment's own, synthesised or not, and the networks are
# small and trained for seconds, so that accuracies say little of either input as such. The paper's quantitative measure
# and its rules of propagation could not be found; the measures here are ours. Its text could not be had: excerpts,
# augmentation, optimiser and accuracies are taken from a public plan to repeat it, and may be wrong. UrbanSound8K, the paper's data, is one
# command away (`igsed run params/urbansound8k.yaml`, 6 GB, non-commercial), with ten folds of its own.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
repr_data = "bank"  # bank (this experiment's sounds), urbansound8k (fetched), or the folder of an unpacked UrbanSound8K
repr_files = 12  # recordings of each class and fold that are used (0: all)
repr_folds = 1  # folds that are tested, one after the other; the bank has one, UrbanSound8K ten
repr_width = 8  # channels of the first layer of the waveform network (published: 16)
repr_recipes = "modern,paper"  # ways of training, by commas (modern, paper); networks of the first are explained
repr_epochs = 8  # epochs of training
repr_batch_size = 32  # excerpts in a step
repr_seeds = 1  # networks of each kind
repr_maps = 32  # test excerpts that are explained
repr_steps = 8  # points of Integrated Gradients there
repr_replicates = 1000  # draws of recordings for intervals
repr_workers = 0  # processes that train networks; 0: one per core

# %%
from igsed_core.workflow import notebook

run = notebook.begin("representations", globals())

# %% tags=["hide-input"]
from igsed_core.base.shipped import Shipped
from igsed_core.chapters.representations import accuracy, excerpts, figures, networks, overview, study, tables, training
from igsed_core.data.soundbank.registry import prepare_for
from igsed_core.main_job.params import DataSynthesis
from igsed_core.show import display, findings

shipped = Shipped("representations")

p = run.params
resampling = {"replicates": p.repr_replicates, "seed": p.seed}

# %% [markdown]
# ## Excerpts and networks
#
# One second at 16 kHz, half overlapping, each divided by its root mean square. The waveform network is the published
# 1DCNN {cite:p}`abdoli2019` with a mean over time at its end; the spectrogram network has as many layers and channels,
# on 64 mels in decibels. In training excerpts are changed by gain, noise, delay, low and high pass, each by chance;
# the kinds and ranges are those that are reported of the paper. Training ends after a fixed number of epochs: nothing of the test decides it.

# %% [markdown]
# ## Accuracy, and what a random split flatters
#
# Excerpts of one recording overlap, so that a random split trains on halves of what it tests. Both ways, with the same
# numbers of excerpts:

# %%
with run.timed("training_seconds"):
    sounds = excerpts.cut(
        excerpts.listed(p.repr_data, prepare_for(run.params_of(DataSynthesis)), files=p.repr_files),
        run.dir / "excerpts.npy",
    )
    folds = sounds.folds[: p.repr_folds]
    wanted = training.tasks(p.recipes, folds, p.repr_seeds)
    splits = {
        (protocol, fold): excerpts.split(sounds, protocol, fold, seed=p.seed)
        for protocol in (excerpts.BY_RECORDING, excerpts.AT_RANDOM)
        for fold in folds
    }
    recipe = training.Recipe(p.repr_width, p.repr_epochs, p.repr_batch_size, p.seed)
    trained = training.train(wanted, sounds, splits, recipe, run.dir / "networks", workers=p.repr_workers)
measured = accuracy.accuracies(trained, sounds, splits, seed=p.seed)
found = run.table("representations", accuracy.summarise(measured, sounds, **resampling))
apart = run.table("representations_differences", accuracy.differences(measured, sounds, **resampling))
display.show(
    tables.accuracy_table(found, apart, shipped.table("representations")),
    caption="Accuracy on excerpts, with 95 % intervals over recordings",
)
first = splits[excerpts.AT_RANDOM, folds[0]]
findings.say(overview.material(sounds, splits, trained))
findings.say(overview.accuracy(found, apart))
findings.say(f"{overview.leak(found, apart, excerpts.heard_before(sounds, first))} {overview.why_apart(found, apart)}")

# %% [markdown]
# ## Noise, delay, gain
#
# White noise and delay, after which the level is brought back; and a gain that is not.

# %%
display.show(
    tables.conditions_table(found, apart, p.recipes[0]), caption="Accuracy of disturbed excerpts, by recording"
)
findings.say(overview.robust(found))

# %% [markdown]
# ## One plane for all maps
#
# Explained are excerpts that both networks name rightly. LRP {cite:p}`bach2015pixel` by zennit
# {cite:p}`anders2021zennit`, with batch normalisation folded: the waveform's relevance goes from samples to time and
# frequency by DFT-LRP {cite:p}`vielhaben2024explainable`, a mel bin's is shared out over its frequencies; either keeps
# the sum. Integrated Gradients are of samples for both networks. Occlusion silences an octave for an eighth of a
# second, the same for both.

# %%
with run.timed("maps_seconds"):
    explained = study.explained(trained, sounds, splits, number=p.repr_maps, points=p.repr_steps, seed=p.seed)
figures.one_excerpt(explained)

# %%
figures.hear(explained)

# %%
described = run.table("representations_maps", study.describe(explained, **resampling))
alike = run.table("representations_alike", study.alike(explained, **resampling))
figures.octaves(described)

# %%
findings.say(overview.listens(described, alike))
display.show(tables.alike_table(alike), caption="Rank correlation of maps, with 95 % intervals over recordings")

# %% [markdown]
# ## What each network listens to, class by class
#
# Made from the numbers: by LRP, the octave with the largest share of the relevance.

# %%
findings.say(overview.strategies(study.strategies(described)))

# %% [markdown]
# ## Which explanation predicts the damage?
#
# Fourteen half octaves are removed from the sound one at a time, and the level is brought back. *Foretells damage* is
# the rank correlation, over the bands, of a map's share with the fall of the log-odds of the class. Then as many bands
# as the curves say are removed, important ones first or last; since only excerpts that both networks name rightly are
# explained, every curve begins at one.

# %%
removed = run.table("representations_bands", study.bands(explained, **resampling))
display.show(tables.maps_table(described, removed), caption="Every explanation of either network, with 95 % intervals")
findings.say(overview.predicts(removed))

# %%
figures.band_stop(removed)

# %%
findings.say(overview.order(removed))

# %% [markdown]
# ## Other methods, other sizes
#
# The registry of {doc}`08_methods` runs on a network that hears the waveform; what needs a log-mel map or feature
# frames says so ({doc}`own_classifier`).

# %%
findings.say(
    overview.full_size(
        shipped.table("representations"),
        shipped.table("representations_differences"),
        shipped.table("representations_bands"),
        shipped.said(),
    )
)

# %%
run.finish(
    excerpts=len(sounds.rows),
    recordings=int(sounds.rows["recording"].nunique()),
    networks=len(trained),
    explained=len(explained.index),
    parameters={name: networks.size(one) for name, one in explained.networks.items()},
)
