# %% [markdown]
# # Which explanation tells when?
#
# **What is asked.** The paper explains its classifier by Integrated Gradients and leaves other methods open. Here every
# family of attribution explains the *same* clip-level classifier on the same soundscapes: gradients, integrals along a
# path, propagation layer by layer, activation maps, perturbations. Which of them tells when a class sounds, under the
# paper's rule and under others, and what does a map cost? Nothing on this page is from the paper.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
methods = "all"  # methods of the registry igsed_core.attribution, separated by commas; or 'all'
methods_validation_clips = 16  # validation soundscapes on which thresholds are chosen for each method (0: all)
methods_test_clips = 30  # test soundscapes on which methods are compared (0: all)

# %%
from igsed_core.workflow import notebook

run = notebook.begin("methods", globals())

# %% tags=["hide-input"]
from igsed_core.attribution import registry
from igsed_core.chapters.methods import figures, tables
from igsed_core.chapters.methods import study as method_study
from igsed_core.detection import tuning
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import IntegratedGradients, ThresholdSensitivity
from igsed_core.metrics import summaries
from igsed_core.show import claims, display, findings, listening

main = MainJob(run)
data, attributions = main.data, main.attributions
chosen, evaluated = run.params_of(IntegratedGradients), run.params_of(ThresholdSensitivity)
references = {
    split: main.instances(split).first_clips(n_clips)
    for split, n_clips in (
        ("validation", run.params.methods_validation_clips),
        ("test", run.params.methods_test_clips),
    )
}
explainer = main.explainer()

# %%
explained = method_study.compute(
    explainer,
    references,
    {
        name: main.method_folder(explainer, name, registry.create(name))
        for name in method_study.chosen(run.params.methods)
    },
    workers=chosen.ig_workers,
)
instances = method_study.with_methods(references, explained, frame_length=evaluated.frame_length)

# %% [markdown]
# ## One clip, every method
#
# The first instance of the first test soundscape with the most evaluated classes. Scores over evaluation frames: each
# curve's positive part, divided by its maximum; reference methods at the bottom. Two can be heard: the soundscape as loud as
# IG and CAM at shifts have it. What each method does stands below.

# %%
example_clip = method_study.example_clip(instances["test"])
example = instances["test"].first_of(example_clip)
listening.show(
    data.select(example_clip).read()[0],
    data.sample_rate,
    data.events_of(example_clip),
    [listening.Curve(name, of, evaluated.frame_length, example.label) for name, of in example.scores.items()],
    hear=["ig", "shifted_cam"],
)

# %% [markdown]
# ## The methods
#
# Each is one small file behind one interface, from a well-kept library where one serves; {doc}`add_a_method` shows how to
# add another.
#
# - **Gradient.** *Saliency* {cite:p}`simonyan2014deep`, the size of the gradient, on the log-mel map and on the waveform;
#   *SmoothGrad* {cite:p}`smilkov2017smoothgrad`, its mean over noisy copies; *input x gradient*, on both.
# - **Path.** *Integrated Gradients* {cite:p}`sundararajan2017axiomatic` as the run computed it
#   ({doc}`03_integrated_gradients`), by Captum as in the paper, and over decibels ({doc}`12_engine`); *expected gradients*
#   {cite:p}`erion2021improving`, whose baseline is not silence but real background, drawn from the quietest tenth of the
#   clip's own frames.
# - **Propagation.** *DeepLift* {cite:p}`shrikumar2017learning` by Captum {cite:p}`kokhlikyan2020captum`, with that background
#   as its reference; *LRP* {cite:p}`bach2015pixel` by zennit {cite:p}`anders2021zennit` with the rules epsilon and gamma and
#   a composite (flat, z-plus, epsilon). Batch normalisation is folded first; the maximum over time gives everything to the
#   frame that won; channel attention passes relevance on.
# - **Activation.** *CAM* {cite:p}`zhou2016learning`, the clip-level head applied to each feature frame; *Grad-CAM*
#   {cite:p}`selvaraju2020gradcam` and *Layer-CAM* {cite:p}`jiang2021layercam` on the last feature map.
# - **Perturbation.** *Occlusion* {cite:p}`zeiler2014visualizing` of 100 ms at a time by silence, by background or by the
#   clip's mean, and of 0.5 s by background; *LIME* {cite:p}`ribeiro2016why` and *KernelSHAP* {cite:p}`lundberg2017unified`,
#   linear models of randomly hidden segments, as in {cite:t}`bolanos2025benchmarking`. Their best surrogate, a *random forest* on
#   segments of 100 ms that silence replaces, costs half a second of a core for each map and is taken by name alone (`methods`).
# - **This project's.** {doc}`10_localiser` explains it, with more than its map.
#
# Gradients, paths and propagation end at samples or mel bins; their importance over time is the mean over 10 ms or over the
# bins. Perturbations act on the log-mel map, so that the front end runs once.

# %% [markdown]
# ## Quality
#
# A score becomes a detection by a threshold, and {doc}`07_threshold_rules` shows how much hangs on it. So each method has
# four. Two are tuned on validation soundscapes for this method alone: the paper's percentile of the clip and a share of the
# clip's maximum. The third is *parameter-free, chosen on validation*: the best of up to ten rules by IoU there, and that
# takes time labels. The fourth was fixed beforehand for every method: Otsu's, the best-known threshold without a parameter;
# this one alone is label-free. AUROC and pointing game need no rule; the first, a mean over instances of the area over frames of 100 ms, is the AUC by which that
# paper compares explanations. FW-WS, FW-SS and energy are the references of
# {doc}`04_baselines`. Intervals are bootstraps over clips. With this many methods on this few instances (column *n*) neighbours
# in the order are not told apart. Click a column to sort.

# %%
judged = method_study.evaluate(instances, frame_length=evaluated.frame_length)
options = {"replicates": evaluated.replicates, "seed": run.params.seed}
summary = run.table("methods", tuning.table(judged, **options))
cost = run.table("methods_cost", method_study.cost(references["test"], explained["test"], attributions, **options))
display.show(
    tables.methods_table(summary, cost),
    caption="Every method on the test soundscapes, with 95 % intervals; methods.csv has F1 as well",
)

# %%
figures.methods_quality(summary)

# %% [markdown]
# Which of them is better or worse than Integrated Gradients as the run computed it? Differences are paired, on the same
# instances. An asterisk marks those that survive Holm's correction for all methods and rules of a metric. Clips share source
# files: beside the interval over clips stands the one for which source files are drawn anew, too, which errs on the wide side.

# %%
apart = run.table("methods_differences", method_study.differences(judged, data.events, **options))
display.show(
    tables.differences_table(apart), caption="Every method minus IG on the test soundscapes, with 95 % intervals"
)

# %%
of_family = {"split": "test", "average": "instance", "resampled": summaries.CLIPS}
findings.say(
    f"IoU: {claims.family(apart, metric='iou', **of_family)} AUROC: {claims.family(apart, metric='auroc', **of_family)}"
)

# %% [markdown]
# ## Quality against cost
#
# Seconds per map on this machine, one thread per process, with everything that a method does for a clip shared equally by
# the clip's classes. Methods that need one pass for all classes (activation maps) or one pass and a way back for each
# (gradients) stand on the left, those that look at hundreds of changed copies on the right. Bars are 95 % intervals.

# %%
figures.quality_against_cost(summary, cost)

# %%
findings.say(findings.cost_and_quality(summary, cost, method_study.PERCENTILE))

# %% [markdown]
# More forward passes need not make a better map: what counts is what the passes ask. In the embedded run a likely reason is
# the maximum over time. A classifier that pools by it can lose 100 ms of a sound without losing the class, so that occluding
# a short window often changes nothing. Gradients see the same: only the frame that won has one. The activation map asks for
# every frame what the head would say of it, and the maximum does not come into it. An encoder that was pretrained with the
# head's own pooling favours it besides: `embedded` was, the default `embedded_mean` was not ({doc}`10_localiser` has both).

# %% [markdown]
# ## Class by class
#
# IoU of each method and class under the percentile and under the parameter-free rule chosen on validation, methods in the
# order of their mean over classes. A cell is a mean over few instances, some over one: read rows, not cells.

# %%
by_class = run.table("methods_per_class", method_study.per_class(judged, data.classes, **options))
figures.methods_per_class(by_class)

# %% [markdown]
# ## What the sign is worth
#
# Most attributions have a sign: they say what speaks for the class and what against. The paper takes the absolute value.
# Here each method is read in three ways (the filled mark is the one used above), under the percentile rule and without a
# threshold.

# %%
by_reading = run.table(
    "methods_readings", method_study.readings(references, explained, frame_length=evaluated.frame_length, **options)
)
figures.readings_of_methods(by_reading)

# %% [markdown]
# Where the signed reading falls to chance and the absolute one does not, a method knows *where* the classifier looks but
# not in which direction each sample or bin pulls: within an event positive and negative shares cancel in the mean. A large
# share of negative attribution is no evidence against the class. The positive part can do more than change an order: where
# it is zero in most frames, a low percentile is zero, too, and the rule marks what is above zero.

# %%
timed = [one.index["seconds"] for of_split in explained.values() for one in of_split.values()]
run.finish(maps=sum(len(seconds) for seconds in timed), seconds_of_maps=float(sum(seconds.sum() for seconds in timed)))
