# %% [markdown]
# # Faithfulness
#
# **What is asked.** The pages before ask whether a map agrees with the *annotation*. This one asks whether it is true to
# the *classifier*. If a map says that these 100 ms matter, does the classifier need them? Does the map change when the
# classifier is another one? And the reverse: does a classifier get *better* when what an attribution calls unimportant
# or harmful is hidden from it, as a study of loss gradients reports? Nothing on this page is from the paper.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
faithfulness_methods = "ig,cam,ixg,random,energy"  # methods that are tested, separated by commas: of the main job, or of the registry igsed_core.attribution
replacements = "silence,background,mean"  # what takes the place of occluded parts, by commas: silence, background (the clip's quietest tenth), mean
faithfulness_target = "probability"  # height of the deletion and insertion curves (probability, logit)
faithfulness_clips = 12  # test soundscapes with deletion and insertion curves
sanity_clips = 0  # test soundscapes that are explained with shuffled weights, too; 0 means all
sanity_shuffles = 5  # different shuffles of each level, which take turns over these soundscapes
occlusion_clips = 0  # test soundscapes that are occluded by loss gradient; 0 means all

# %%
from igsed_core.workflow import notebook

run = notebook.begin("faithfulness", globals())

# %% tags=["hide-input"]
from igsed_core.attribution import registry as methods
from igsed_core.attribution import replacement
from igsed_core.base import files, plugins
from igsed_core.chapters.faithfulness import clip, curves, figures, improvement, sanity, study, tables
from igsed_core.detection import evaluation, scored
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import DataSynthesis, IntegratedGradients, ThresholdSensitivity, Training
from igsed_core.show import display, findings, prose

main = MainJob(run)
evaluated, trained = run.params_of(ThresholdSensitivity), run.params_of(Training)
instances = main.instances("test")

# %% [markdown]
# ## What is hidden, and by what
#
# The classifier sees a log-mel map. Hiding 100 ms means to put something else into its rows. There is no neutral
# something, so three are tried (parameter `replacements`): digital **silence**; the clip's own **background**, drawn frame
# by frame from its quietest tenth; and the clip's **mean** over time. Silence is what Integrated
# Gradients starts from, but no training clip ever contained it.
#
# All that follows is computed for each clip at once, on the same log-mel map.

# %%
detection = files.read_table(run.input("threshold_sensitivity") / "detection.csv")
settings = clip.Settings(
    methods=plugins.names_in(
        run.params.faithfulness_methods, "faithfulness_methods", [*scored.COMPARED, *methods.REGISTRY]
    ),
    replacements=plugins.names_in(run.params.replacements, "replacements", replacement.KINDS),
    percentile=evaluation.operating_percentile(detection),
    threshold=trained.probability_threshold,
    frame_length=evaluated.frame_length,
    duration=run.params_of(DataSynthesis).duration,
    seed=run.params.seed,
)
found = study.compute(
    main.explainer(),
    instances,
    main.attributions,
    main.predictions,
    settings,
    run.dir / "clips",
    n_clips=run.params.faithfulness_clips,
    n_sanity=run.params.sanity_clips,
    n_shuffles=run.params.sanity_shuffles,
    n_occluded=run.params.occlusion_clips,
    workers=run.params_of(IntegratedGradients).ig_workers,
)
resampling = {"replicates": evaluated.replicates, "seed": run.params.seed}

# %% [markdown]
# ## Deletion and insertion
#
# Frames are removed one after the other, the most important first, and the score of the class is watched: it should
# fall at once. Then the reverse: of a clip that is nothing but replacement, the most important frames are put back
# first, and the score should rise at once {cite:p}`petsiuk2018rise`. The **annotation** stands as a method of its own:
# the order in which somebody who knows when the event sounds would remove frames.

# %%
areas, by_share = curves.report(found.curves, found.index, target=run.params.faithfulness_target, **resampling)
run.table("faithfulness", areas)
run.table("faithfulness_curves", by_share)
figures.deletion_and_insertion(by_share, replacement=settings.replacements[0])

# %% [markdown]
# Areas under these curves, with each replacement. **Sufficiency** is the probability that is left when *only* the detected
# frames stay, relative to that of the whole clip; **necessity** the share of it that is lost when they are removed. Every
# method detects the same share of the frames here, the one chosen for IG in {doc}`05_threshold_sensitivity`; the annotation's
# share is its own.

# %%
for put_there in dict.fromkeys((settings.replacements[0], settings.replacements[-1])):
    display.show(
        tables.faithfulness_table(areas, replacement=put_there),
        caption=f"Deletion, insertion, sufficiency and necessity; what is hidden is replaced by {put_there}",
    )

# %% [markdown]
# These are means over few instances (column *n*). A method whose curves lie beyond those of the *random* order knows something
# of what the classifier uses. One whose
# curves lie beyond those of the *annotation* does not know better when the event sounds: it knows better on which frames the
# decision hangs, as one may expect of a classifier that pools by a maximum. One whose curves fall short of the annotation's
# points, in part, at frames that the classifier can do without. Faithfulness and localisation are not the same aim.

# %% [markdown]
# ## Do maps change when the classifier does?
#
# The weights of the head are shuffled, then those of ever more layers of the encoder from the top down
# {cite:p}`adebayo2018sanity`. A map that explains the classifier must become another one: its rank correlation with the
# original should fall to zero, and what it finds should fall to what a random map finds. Two maps may also be alike because
# both follow the loudness of the clip, so the correlation is given once more with the clip's energy partialled out. Random
# and energy know nothing of the classifier and show what it looks like when nothing changes; of energy nothing is left
# without energy. Each level is shuffled in several ways (`sanity_shuffles`), which take turns over the test clips and over
# the levels: at each level a clip is explained with one of them. The intervals are of a bootstrap over clips and, independently, over shuffles.

# %%
checked = run.table("faithfulness_sanity", sanity.report(found.sanity, found.shuffled, **resampling))
figures.shuffled_weights(checked)

# %%
answer = findings.shuffled(checked, detection, margin=evaluated.margin)
prose.glue_sentences(shuffled_answer=answer)
findings.say(answer)

# %% [markdown]
# An attribution of *samples* is a product, the sample times a gradient, and its absolute value is large where the signal
# is loud, whatever the gradient says. Where such a map still points into the event after all weights were shuffled, that
# part of its success need not be knowledge that the classifier has: the energy baseline has it, too.

# %% [markdown]
# ## Does hiding something help?
#
# To first order, replacing $x$ by $r$ changes the loss by $(r - x)\, \partial L / \partial x$. Two orders follow from it. *Smallest
# loss gradient* hides first what hardly matters to the loss. *Most harmful* hides first what lowers the loss most. Both
# use the true labels, because the loss does. So two more stand beside them. *Most harmful to its own decisions* takes the classifier's
# decisions for the labels, which anybody could do who does not know them. *Least important* takes, for the detected classes,
# what IG or the class activation map calls unimportant. Hidden are whole frames of 100 ms, or single mel bins; on every
# clip of the test split, also where nothing was detected.

# %%
changes = run.table(
    "faithfulness_occlusion",
    improvement.report(
        found.versions,
        found.logits,
        found.labels,
        split="test",
        threshold=trained.probability_threshold,
        **resampling,
    ),
)
figures.occluded_split(changes, metric="f1_change")

# %%
figures.occluded_split(changes, metric="loss_change")

# %% [markdown]
# Bands are paired: the same draws of clips for the hidden and the original. The table counts the conditions (replacement and
# share) in which the whole interval of the change of F1 lies above or below zero. The best condition is picked on the same
# clips, so it is optimistic.

# %%
display.show(tables.occlusion_table(changes), caption="Change of macro F1 and loss against the clips as they are")

# %%
findings.say(findings.hiding(changes, margin=evaluated.margin))

# %% [markdown]
# An improvement by an order that knows the labels is the label's: the mask tells the classifier the answer.

# %%
run.finish(
    instances=len(found.index), occluded=len(found.labels), versions=len(found.versions), percentile=settings.percentile
)
