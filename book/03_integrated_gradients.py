# %% [markdown]
# # Integrated Gradients
#
# **What is asked.** The clip-level classifier says *which* classes a soundscape holds. Which of its samples made it say
# so? Integrated Gradients {cite:p}`sundararajan2017axiomatic` follows the class score $F$ along the straight path from
# silence ($x' = 0$) to the clip $x$ and gives sample $i$ the share
#
# ```{math}
# :label: ig
# \mathrm{IG}_i(x) = (x_i - x'_i) \int_0^1 \frac{\partial F\big(x' + \alpha (x - x')\big)}{\partial x_i}\, d\alpha .
# ```
#
# The paper (section II-C) takes Captum's approximation of the integral {cite:p}`kokhlikyan2020captum`, a weighted sum over
# points on the path, spread over $\alpha$. Unless the parameters say otherwise, the same integral is computed here on the
# mel map, with points spread over the level in decibels. In the embedded run this takes fewer points and leaves a smaller
# error; {doc}`12_engine` derives it and measures both. Every class whose probability exceeds the threshold is
# explained. The *absolute* values, averaged over windows, are the importance over time.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
engine = "mel_path"  # how the integral is computed: 'captum' is the paper's, 'mel_path' is faster and knows more rules
quadrature = "db_adaptive"  # rule of the integral along the path; Captum's default, and the paper's, is gausslegendre (gausslegendre, riemann_left, riemann_right, riemann_middle, riemann_trapezoid, db_midpoint, db_gauss, db_adaptive)
n_steps = 24  # points on the path from silence to the clip (the paper: 50); the most, for db_adaptive
tolerance = 0.05  # quadrature db_adaptive: relative completeness error at which it stops
target = "logit"  # what is attributed (the paper's words mean the probability) (logit, probability)
precision = "float32"  # arithmetic of the network on the path (engine mel_path) (float32, bfloat16)
internal_batch_size = 5  # path points in one forward pass: memory only
ig_workers = 0  # processes on a CPU; 0 means one per core
ig_device = "auto"  # 'auto' takes CUDA where there is one (auto, cpu, cuda)

# %%
from igsed_core.workflow import notebook

run = notebook.begin("integrated_gradients", globals())

# %%
from igsed_core.attribution import maps
from igsed_core.attribution.explainer import Explainer
from igsed_core.base import devices, files, plugins
from igsed_core.data import soundscapes
from igsed_core.main_job import job, overview
from igsed_core.main_job.params import DataSynthesis, Training
from igsed_core.models import classification
from igsed_core.show import display, explanations, listening

data = soundscapes.load(run.input("data_synthesis"))
predictions = files.read_table(run.input("training") / "predictions.csv")
detected = classification.detected_pairs(predictions)
explainer = Explainer(
    encoder=run.params_of(Training).encoder,
    weights=run.params_of(Training).weights,
    head=run.input("training") / "heads" / "clip_level.safetensors",
    soundscapes=data.root,
    engine=run.params.engine,
    options=tuple(run.params.options().items()),
    device=str(devices.choose(run.params.ig_device)),
)
kept = job.maps_folder(
    run,
    explainer.identity(),
    modules=("igsed_core.attribution.maps",),
    uses=((plugins.ENGINES, explainer.engine), (plugins.ENCODERS, explainer.encoder)),
)
attributions = maps.compute(explainer, detected, kept, workers=run.params.ig_workers)
index = run.table("maps", attributions.index)

# %% [markdown]
# ## One soundscape, each detected class
#
# Top: the spectrogram and the ground truth. Below: the importance for each detected class, over its maximum. The clip is the
# first of those in the test split with the most evaluated classes; nothing else was chosen. {doc}`06_results` has it as the
# paper's Figure 2 draws it.
#
# It can be listened to: the soundscape, and the soundscape as loud as it is important for each class. Whoever hears little
# of a class there hears what Integrated Gradients leaves out. A click in the picture seeks, the space bar plays, arrow keys move
# by half a second.

# %%
example = data.select(classification.example_clip(predictions))
samples = example.read()[0]
listening.show(
    samples,
    run.params_of(DataSynthesis).sample_rate,
    example.events,
    [
        listening.Curve("ig", values, maps.STEP, label)
        for label, values in attributions.read_as("absolute").of_clip(example.clips["clip"].item()).items()
    ],
    hear=["ig"],
)

# %% [markdown]
# ## Can the maps be trusted?
#
# Integrated Gradients is *complete*: the attributions of all samples sum to $F(x) - F(x')$. What is missing from the sum
# is the error of the quadrature, so it can be measured for each map, without knowing the truth. The figure shows the
# relative completeness error of every map.

# %%
explanations.completeness(index)

# %%
display.show(overview.completeness_table(index), caption="Completeness error and time of the maps")

# %% [markdown]
# A log-mel network hears $\alpha x$ as $x$ at a level $20 \log_{10} \alpha$ decibels lower, so that nearly all of the
# score's change happens at small $\alpha$, where points spread evenly over $\alpha$, as Captum's are, hardly land. A large
# completeness error is a sign of that. Rules over decibels (`db_...`) put their points where the change is.
# {doc}`12_engine` shows how each rule copes, and whether detections change.

# %%
run.finish(maps=len(index), seconds_of_maps=float(index["seconds"].sum()))
