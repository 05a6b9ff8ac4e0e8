# %% [markdown]
# # Baselines
#
# **What is asked.** Is what Integrated Gradients finds good or poor? Two detectors that do output scores over time say
# what can be had from these features (section III-A of the paper): **FW-WS**, trained with the very labels that the
# explained classifier was trained with, and **FW-SS**, trained with time stamps. FW-SS is a reference, no upper bound: it is
# one linear head that decides every 0.32 s on targets that count any overlap, so that even a perfect detector of its
# targets would miss the true onsets and offsets. Two scores that know nothing of classes say what comes for free:
# **random** numbers, and the **energy** of the signal.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
energy = "amplitude"  # the energy baseline's score of a window (amplitude, power)

# %%
from igsed_core.workflow import notebook

run = notebook.begin("baselines", globals())

# %%
from igsed_core.base import files
from igsed_core.data import soundscapes
from igsed_core.detection import baselines as scores
from igsed_core.main_job.params import DataSynthesis
from igsed_core.models import classification, features, heads
from igsed_core.show import explanations

data = soundscapes.load(run.input("data_synthesis"))
predictions = files.read_table(run.input("training") / "predictions.csv")
held_out = data.clips[data.clips["split"] != "train"]

# %% [markdown]
# ## Framewise detectors
#
# The probability of every class at every feature frame.

# %%
extracted = features.concatenate(
    features.read(run.input("training") / "features" / split, held_out[held_out["split"] == split])
    for split in ("validation", "test")
)
over_time = {
    name: scores.framewise(heads.load(run.input("training") / "heads" / f"{name}.safetensors"), extracted)
    for name in ("fw_ws", "fw_ss")
}

# %% [markdown]
# ## Random and energy
#
# Random scores are uniform and independent over time, clips and classes. The paper calls its energy baseline
# "energy-based attribution using signal amplitude" and says no more; ours is the mean absolute sample in a window (or the mean
# square, parameter `energy`), the same for every class of a clip.

# %%
over_time["random"] = scores.random_scores(
    extracted.clips, data.classes, duration=run.params_of(DataSynthesis).duration, seed=run.params.seed
)
over_time["energy"] = scores.energy(
    data.root,
    held_out,
    data.classes,
    sample_rate=run.params_of(DataSynthesis).sample_rate,
    quantity=run.params.energy,
)
for name, values in over_time.items():
    values.save(run.dir / f"{name}.npz")

# %% [markdown]
# ## The scores of one soundscape
#
# The same clip as in the notebook before. A framewise detector has one score for each feature frame, hence the steps.

# %%
example = classification.example_clip(predictions)
explanations.scores_over_time(
    over_time, example, classification.labels_of(predictions, example), data.events_of(example)
)

# %%
run.finish(clips=len(extracted.clips))
