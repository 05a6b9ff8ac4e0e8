# %% [markdown]
# # Audit of the paper
#
# **What is asked.** The paper {cite:p}`dumpis2026evaluating` leaves points open, and some of its figures do not agree with
# each other. Here each such point becomes an experiment: every reading that one can think of, measured on this run and
# held against the paper's own figures. What the evidence does not decide is called undecided.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
audit_clips = 12  # test soundscapes explained again: other window, other pooled embedding
factorial_clips = 0  # test soundscapes explained under every target, sign, baseline and quadrature; 0: all
audit_draws = 100000  # soundscapes planned for each reading of the polyphony filter

# %%
from igsed_core.workflow import notebook

run = notebook.begin("audit", globals())

# %% tags=["hide-input"]
from igsed_core.chapters.audit import embedding, examine, figures, material, tables
from igsed_core.chapters.audit.verdicts import registry as verdicts
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import DataSynthesis, IntegratedGradients, ThresholdSensitivity
from igsed_core.show import display

main = MainJob(run)
synthesis, chosen = run.params_of(DataSynthesis), run.params_of(IntegratedGradients)
material = material.gather(
    main.data,
    main.predictions,
    main.attributions,
    main.scores(),
    synthesis=synthesis,
    settings=run.params_of(ThresholdSensitivity),
    seed=run.params.seed,
)
explainer = main.explainer(chosen.engine, chosen.options())

# %%
found = examine.examine(
    material,
    explainer,
    synthesis,
    embedding.OfRun(main),
    run.dir,
    n_clips=run.params.audit_clips,
    n_factorial=run.params.factorial_clips,
    draws=run.params.audit_draws,
    workers=chosen.ig_workers,
)
margin = run.params_of(ThresholdSensitivity).margin
answers = verdicts.verdicts(found, margin=margin)
for name, table in {**found, "audit_verdicts": answers}.items():
    run.table(name, table)

# %% [markdown]
# ## The verdicts
#
# Sentences and figures are made from this run's tables by fixed rules; the sections below show what they rest on.
# Square brackets hold 95 % intervals: from a bootstrap over clips, or Wilson's for a share. An *effect* is an interval off
# zero and a size of at least the parameter `margin`; a verdict that rests on one says whether it survives Holm's correction
# for its table. *Decided* is said where the alternatives are excluded; what merely agrees with the evidence is *compatible*.

# %%
display.show(verdicts.verdicts_table(answers), caption="The paper's open points; reasons follow", words=True)

# %% [markdown]
# ## What is Table II a mean over?
#
# The paper's overall scores are "macro-averaged over classes" (section III-C). The class means of its own Table III can
# be taken: they are not Table II. A mean over (clip, class) instances would be a mean of Table III weighted by each
# class's share of the instances. Such weights must be non-negative, sum to one, and give *all* figures of Table II at once,
# for three methods and two metrics; a linear program says whether they exist. Table I narrows them down: a precision and a
# recall of two decimals, from a test set this small, are ratios of few whole numbers. An integer program looks for the
# smallest numbers of evaluated, present and falsely detected pairs of every class that agree with Tables I, II and III.

# %%
figures.averages_of_paper(found)

# %%
display.show(tables.averages_table(found), caption="Both averages, of the paper's tables and of this run")

# %%
display.show(tables.mix_table(found), caption="Shares of the classes among the paper's instances")

# %%
verdicts.verdict(found, "averages", margin=margin)

# %% [markdown]
# ## What is the threshold of Fig. 3?
#
# A percentile $\tau$ of a clip's frames marks the share $k = 1 - \tau/100$ of them, whatever the score. In a clip of which
# the share $a$ is active the overlap is at most the smaller of the two, the union at least the larger:
#
# ```{math}
# :label: iou-ceiling
# \mathrm{IoU} \le \frac{\min(a, k)}{\max(a, k)} \le \frac{a}{k} , \qquad
# \mathrm{F1} \le \frac{2 \min(a, k)}{a + k} \le \frac{2a}{a + k} .
# ```
#
# The bounds on the right are concave in $a$, so that they hold for means over clips with the mean activity in the place of
# $a$, however activity is spread. The paper's mean activity is estimated by its random baseline's pointing game, a share of
# about a hundred hits or misses, which leaves an interval. A percentile of *all*
# frames may mark more of one clip than of another; there the mean IoU is at most $1 - |k - a|$, since no clip exceeds that.

# %%
display.show(tables.bounds_table(found), caption="The paper's peaks, and the most that a percentile could give there")

# %%
figures.threshold_readings(found)

# %% [markdown]
# Dotted is a perfect ranking of this run's frames, dashed the most that the paper's activity allows, thin dashed the same at
# the upper end of the activity's interval. A diamond above the thin line cannot have come from that reading, unless many
# frames tie; one between the two lines decides nothing.

# %%
display.show(tables.peaks_table(found), caption="Where this run's curves peak under each reading, beside the paper's")

# %%
verdicts.verdict(found, "fig3", margin=margin)

# %% [markdown]
# ## Which threshold does Table II use?
#
# Random scores carry no information, so their IoU depends only on how many frames are marked. It therefore reveals the
# threshold. Their best threshold marks every frame.

# %%
display.show(tables.thresholds_of_table_2(found), caption="IoU at three choices of percentile, beside the paper's")

# %%
verdicts.verdict(found, "chance", margin=margin)

# %% [markdown]
# ## Where do missed and falsely detected classes go?
#
# A class that the classifier misses has no attribution, one that it makes up has no event. Leaving both out is one way;
# counting them as zero, or letting every framewise model detect for itself, are others. In the paper a class whose missed
# instances counted zero could not have an IoU above its recall; and the integer program above can be asked again, with the
# sums divided by other counts.

# %%
figures.countings(found)

# %%
verdicts.verdict(found, "excluded", margin=margin)

# %% [markdown]
# ## Which energy is below chance?
#
# The paper's energy baseline points worse than random scores, though events stand well above the background. No threshold
# takes part in the pointing game; so the *ranking* of the frames must be at odds with loudness, or with time. The readings
# include mistakes that are easily made: inverted ranks, absolute values of negative decibels, time axes of another rate.
# They are sorted by their distance from the paper: the largest deviation of IoU, F1 and pointing game, each minus random's
# under the same rule.

# %%
figures.energy_readings(found)

# %%
display.show(tables.energy_table(found), caption="Readings of energy, each at the threshold that brings it nearest")

# %% [markdown]
# With a wrong time axis, what energy earns depends on where events usually lie, which the paper does not say. So events are
# placed by other distributions of onsets, too, with other lengths. No audio is needed: a soundscape is the fluctuating
# power of its background plus that of its events, at the levels of this run.

# %%
display.show(
    tables.placement_table(found), caption="Time axes, onsets and lengths, nearest to the paper first", paging=8
)

# %%
verdicts.verdict(found, "energy", margin=margin)

# %% [markdown]
# ## Absolute value, positive part, or sign?
#
# The paper takes the absolute value of each sample's attribution, then averages. The attribution of a sample is the sample
# times a gradient; at audio frequencies it changes its sign within a millisecond. Averages of absolute values add up what
# signed averages cancel. Each reading is thresholded at its own percentile, chosen on validation.

# %%
figures.sign_readings(found)

# %%
verdicts.verdict(found, "sign", margin=margin)

# %% [markdown]
# ## Logit or probability?
#
# The paper says it twice: the classifier "outputs one sigmoid score per class", and Integrated Gradients is applied "to
# attribute each class score back to the input over time" (section II); "positive values indicate features increasing class
# probability" (II-C). That is the probability, which `params/paper.yaml` takes.
# By the chain rule the gradient of the probability is that of the logit, times a factor that is the same for all samples but
# changes along the path: it weighs levels at which the classifier makes up its mind. Test soundscapes, as many as
# `factorial_clips` says (0: all), are explained again with the target that the run did not use.

# %%
display.show(tables.what_if_table(found, "target"), caption="The same instances under both targets")

# %%
verdicts.verdict(found, "target", margin=margin)

# %% [markdown]
# ## Target, sign, baseline, quadrature: what does each choice move?
#
# Four choices lie between a classifier and a map of when. All are crossed here, on the soundscapes of the section before: the **target**;
# which part of the **sign** counts; the **baseline**, silence or noise drawn from the clip's own quietest tenth; and the
# **quadrature**, Captum's 50 Gauss-Legendre points as in the paper or the one of this run. The paper's words describe one
# cell: probability, absolute values, "a zero-valued waveform representing silence", Captum with $n = 50$. The decibel
# quadratures begin at silence, so that there is no cell of theirs with another baseline. With the paper's points the engine
# on the mel map gives Captum's attributions up to rounding, from either baseline; and one pass gives both targets.
#
# Each difference is paired: the same instances, one choice changed. *Alone* the other choices are the paper's; *averaged* is
# the mean over all cells in which they can be had.

# %%
display.show(tables.factorial_table(found), caption="What each choice moves, from the paper's reading")

# %%
display.show(tables.cells_table(found), caption="All cells: means over the instances of these soundscapes", paging=9)

# %%
verdicts.verdict(found, "factorial", margin=margin)

# %% [markdown]
# ## Hann or Hamming?
#
# The same soundscapes, with the other window in the encoder's front end and everything else as it is. {doc}`encoders` says
# how much the window changes for every encoder.

# %%
display.show(tables.what_if_table(found, "window"), caption="The same instances behind both windows")

# %%
verdicts.verdict(found, "window", margin=margin)

# %% [markdown]
# ## Is a layer of CNN14 dropped?
#
# "Features are averaged across frequency and aggregated over time with global max pooling to obtain a 2048-dimensional
# embedding"; "the original 527-class output layer is replaced with a 10-class linear layer" (section II-B). Between the two
# PANNs has one layer more, `fc1` with 2048 units and a ReLU, and pools by maximum *plus* mean before it; what comes after it
# PANNs calls the embedding. By the first sentence the new layer follows the pooling, by the second `fc1` stays, since only
# the output layer is replaced: `pooled_embedding`, dropped or kept. With `fc1` a logit is no longer a sum over features, so
# that what {doc}`10_localiser` says of features and frames holds for the dropped reading alone. Where the run's encoder has
# the layer, a head is trained under the other reading on the same features, and explained.

# %%
verdicts.verdict(found, "embedding")

# %% [markdown]
# ## How many soundscapes does a filter remove?
#
# The paper removed soundscapes with "three simultaneous overlapping sound events". Three words that can be read in several
# ways, onsets whose distribution is not given, and lengths of which only the range is. No audio is needed to see what each
# combination removes; `p` says how probable numbers as far away as the paper's are.

# %%
display.show(tables.overlap_table(found), caption="Soundscapes removed", paging=10)

# %%
verdicts.verdict(found, "overlap", margin=margin)

# %%
run.finish(decided={answer: int(count) for answer, count in answers["decided"].value_counts().items()})
