# %% [markdown]
# # How the integral is computed
#
# **What is asked.** An attribution is an integral, and every computed map is only as good as its quadrature. How many
# points make a map accurate, which rule places them best, and what does the rest of this book owe to its choice? The paper takes Captum's defaults; nothing on this page is from the paper.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
engine_clips = 20  # test soundscapes on which rules are compared
captum_clips = 4  # those of them that Captum explains, too
reference_points = 200  # points of the reference, evenly spread over decibels

# %%
from igsed_core.workflow import notebook

run = notebook.begin("engine", globals())

# %% tags=["hide-input"]
from igsed_core.attribution.ig import quadrature
from igsed_core.base import files
from igsed_core.chapters.engine import figures, one_clip, tables
from igsed_core.chapters.engine import study as engine_study
from igsed_core.detection import evaluation
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import IntegratedGradients, ThresholdSensitivity
from igsed_core.show import display, findings

main = MainJob(run)
chosen, evaluated = run.params_of(IntegratedGradients), run.params_of(ThresholdSensitivity)
instances = main.instances("test", {})
explainer = main.explainer()

# %% [markdown]
# ## Why points miss the change
#
# The encoder does not see samples. It sees a log-mel map, $L = \varphi(m(x))$: the mel power $m$, then a compression
# $\varphi$, element by element, which is a logarithm with a floor. To such a network the clip at gain $\alpha$ is the
# clip at a level $s = 20 \log_{10} \alpha$ decibels lower. What a listener would call half way to silence, some tens of
# decibels down, is at the very beginning of the straight path. Left the class score over the gain, as the integral of
# {doc}`03_integrated_gradients` has it; right the same score over the level. The dotted line is silence.

# %%
example = instances.index.iloc[0]
path = one_clip.along_path(explainer, "test", example["clip"], example["label"], target=chosen.target)
run.table("engine_path", path)
figures.score_along_path(
    path,
    {
        "gausslegendre": quadrature.points("gausslegendre", 50, 0.0)[0],
        "db_midpoint": quadrature.points("db_midpoint", 16, float(one_clip.LEVELS[0]))[0],
    },
)

# %% [markdown]
# Evenly spread over the gain, most points stand where the score hardly changes any more, and few where it rises. Evenly
# spread over the level they meet the whole of the rise.

# %% [markdown]
# ## The derivation
#
# **The front end is quadratic.** Filter, short-time Fourier transform $S$ and mel filters $M$ make $m(x) = M\,|S x|^2$, so
# that $m(\alpha x) = \alpha^2\, m(x)$: the front end runs *once*, and every point of the path is a multiple of one mel map.
#
# **One way back.** Write the score as a function of mel power, $F(x) = G(m(x))$, and let
# $h(\alpha) = \partial G / \partial m$ at $\alpha^2 m(x)$. By the chain rule the gradient at $\alpha x$ is
# $J(\alpha x)^\top h(\alpha)$, and the Jacobian $J$ of a quadratic map is linear, $J(\alpha x) = \alpha\, J(x)$. It comes
# out of the integral:
#
# ```{math}
# :label: ig-mel
# \mathrm{IG}(x) = x \odot J(x)^\top v , \qquad v = \int_0^1 \alpha\, h(\alpha)\, \mathrm{d}\alpha .
# ```
#
# The network runs forward and backward on the mel map for each point; the way back to the waveform is one
# vector-Jacobian product, however many points there are. This is {math:numref}`ig`, not an approximation of it: with the
# same rule and points it is Captum's attribution up to rounding.
#
# **Frames without samples.** For a quadratic map Euler's theorem says $J(x)\,x = 2\, m(x)$. Hence
#
# ```{math}
# :label: ig-frames
# \sum_i \mathrm{IG}_i(x) = 2 \sum_{t,f} m_{t,f}\, v_{t,f} ,
# ```
#
# and $R_t = 2 \sum_f m_{t,f}\, v_{t,f}$ is an exact share of the score for each frame of 10 ms, $2\, m \odot v$ one for each
# mel bin.
#
# The figure reads one attribution in these three ways: of mel bins, of frames, and of samples (summed over 10 ms). Frames
# overlap and windows of samples do not, so the two curves differ in detail; all three add up to the same.

# %%
figures.readings(one_clip.readings(explainer, "test", example["clip"], example["label"], target=chosen.target))

# %% [markdown]
# **Decibels.** With $\alpha = 10^{s/20}$ and $\mathrm{d}\alpha = \tfrac{\ln 10}{20}\, \alpha\, \mathrm{d}s$
#
# ```{math}
# :label: ig-decibel
# v = \frac{\ln 10}{20} \int_{-\infty}^0 \alpha^2\, h\, \mathrm{d}s .
# ```
#
# Below a level at which nearly every bin lies under the floor of $\varphi$ the scores are all but those of silence, so the
# rules begin there: scores at a few levels find it for each clip. The adaptive rule begins with midpoints. Between two
# points it knows what the score gains and what their slopes explain of that; a point is added in the middle of the worst
# step, until the completeness error is below the parameter `tolerance` or the points are used up.

# %% [markdown]
# ## Completeness against points
#
# One class of each of the first test soundscapes (`engine_clips`), explained by every rule. The completeness error can
# be known without a reference. Lines are medians, bands reach from the lower to the upper quartile.

# %%
detection = files.read_table(run.input("threshold_sensitivity") / "detection.csv")
settings = engine_study.Settings(
    reference_points=run.params.reference_points,
    percentile=evaluation.operating_percentile(detection),
    sign=evaluated.sign,
    frame_length=evaluated.frame_length,
    target=chosen.target,
    batch=chosen.internal_batch_size,
    tolerance=chosen.tolerance,
)
study = engine_study.compare(
    explainer,
    instances,
    settings,
    run.dir / "clips",
    n_clips=run.params.engine_clips,
    n_captum=run.params.captum_clips,
    workers=chosen.ig_workers,
)
study = run.table("engine_study", study)
same = study[(study["target"] == chosen.target) & (study["precision"] == "float32")]  # all but two maps a clip
figures.completeness_by_points(same)

# %% [markdown]
# A small completeness error does not prove a map: errors of opposite sign cancel in the sum, and the adaptive rule stops
# as soon as they do. So each 10 ms map is also compared with a reference of many points (`reference_points`), over
# decibels as well, but from a level so low that nothing at all is left out.

# %% [markdown]
# ## Localisation against points
#
# Does it matter for what this book measures? The cosine says how close a map is to the reference; IoU (at the percentile
# chosen for IG in {doc}`05_threshold_sensitivity`) and the pointing game say whether detections change. Means over the
# same instances; the dashed line is the reference.

# %%
figures.localisation_by_points(same)

# %%
display.show(tables.rules_table(same), caption="Rules and points: means over the clips, time as the median")

# %%
findings.say(findings.enough_points(same, chosen.quadrature, margin=evaluated.margin))

# %% [markdown]
# ## Logit or probability
#
# The paper has "one sigmoid score per class" and attributes "each class score"; positive values are "features increasing
# class probability" (its section II). Read literally, that is the probability; this run's target is what the parameters name.
# The probability is the logit bent by a sigmoid: along the path each
# gradient is multiplied by $p\,(1 - p)$. Levels at which the classifier is undecided count more, and levels at which it is
# certain hardly at all. Both are explained by the same rule on the same clips; the cosine is to the reference map of the
# target that the parameters name.

# %%
display.show(tables.variants_table(study, "target"), caption="What is attributed: means over the clips")

# %% [markdown]
# ## Single precision or bfloat16
#
# A processor with instructions for bfloat16 multiplies matrices twice as fast in it, and keeps eight bits of each number
# instead of twenty-four. `precision=bfloat16` computes the network in it, nothing else. The rule has the same points for both,
# so that the difference is the arithmetic's alone; the reference is in single precision.

# %%
precisions = tables.variants_table(study, "precision")
if precisions.empty:
    print("The processor of this run has no bfloat16.")
else:
    display.show(precisions, caption="Arithmetic of the network: means over the clips")

# %% [markdown]
# ## Captum and the mel map
#
# The same rule with the same points by both engines, on the same clips, one after the other in the same process. The
# difference is the largest over all samples, relative to the largest attribution.

# %%
display.show(tables.engines_table(same), caption="Captum's engine and this project's")

# %%
run.finish(maps=len(study), seconds_of_maps=float(study["seconds"].sum()))
