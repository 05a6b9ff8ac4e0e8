# %% [markdown]
# # Training
#
# **What is asked.** Which classifier is to be explained, and which detectors is the explanation to be compared with? All
# stand on one frozen encoder that was trained to tag clips and never saw a time stamp. On its *feature frames* (averaged
# over frequency) three linear heads are trained, as in the paper (sections II-B, III-A, III-C):
#
# - the **clip-level** head pools each feature over time (global max), then classifies: the classifier to be explained;
# - **FW-WS** classifies each feature frame, then pools the logits over time; trained with clip-level labels;
# - **FW-SS** has the same form, but is trained with the labels of each feature frame.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
encoder = "embedded_mean"  # name of the frozen encoder
weights = ""  # path of the encoder's checkpoint; empty: shipped with the package, or fetched
window = "auto"  # analysis window of the encoder's front end: 'auto' takes that of the checkpoint, another must agree with it (auto, hann, hamming)
pooled_embedding = "dropped"  # CNN14's layer fc1 with its ReLU, between pooling and output layer: the new output layer follows it, or not (dropped, kept)
learning_rate = 0.001  # Adam's learning rate
batch_size = 16  # soundscapes in a training batch
epochs = 100  # most epochs
patience = 10  # epochs without a lower validation loss before training stops
probability_threshold = 0.5  # a class is detected in a clip if its probability exceeds this
device = "auto"  # 'auto' takes CUDA where there is one (auto, cpu, cuda)

# %%
from igsed_core.workflow import notebook

run = notebook.begin("training", globals())

# %%
from igsed_core.base import devices
from igsed_core.data import soundscapes
from igsed_core.main_job import figures, overview, tables
from igsed_core.main_job.params import DataSynthesis
from igsed_core.models import classification, features, heads
from igsed_core.models import training as trainer
from igsed_core.models.encoders import registry as registry
from igsed_core.show import display, findings

data = soundscapes.load(run.input("data_synthesis"))
model = registry.load(run.params.encoder, run.params.weights, run.params.window)
features.check_sample_rate(model, run.params_of(DataSynthesis).sample_rate)
display.show(overview.encoder_table(registry.describe(model)), caption="The frozen encoder")

# %% [markdown]
# ## Feature frames
#
# The encoder is frozen, so every soundscape passes through it once; the heads are then trained in seconds.

# %%
kept = run.shared("features", features.identity(model, data.root), modules=features.modules(model))
frames_of = features.extract_splits(model, data.root, data.clips, kept, device=devices.choose(run.params.device))
targets_of = {split: features.targets(x, data.events, data.classes) for split, x in frames_of.items()}

# %% [markdown]
# ## The three heads
#
# Adam and binary cross-entropy; training stops when the validation loss has not fallen for a while, and the weights of
# the best epoch (the dot) are kept.

# %%
embedding = heads.Embedding.of(model.pooled_embedding()) if run.params.pooled_embedding == "kept" else None
trained = {
    name: trainer.train(
        name,
        (frames_of["train"], targets_of["train"]),
        (frames_of["validation"], targets_of["validation"]),
        data.classes,
        learning_rate=run.params.learning_rate,
        batch_size=run.params.batch_size,
        epochs=run.params.epochs,
        patience=run.params.patience,
        seed=run.params.seed,
        embedding=embedding,
    )
    for name in heads.HEADS
}
for name, result in trained.items():
    heads.save(result.head, name, run.dir / "heads" / f"{name}.safetensors")
history = run.table("history", trainer.history(trained))
figures.loss_curves(history)

# %% [markdown]
# ## How well do they classify clips?
#
# A class is detected in a clip if its probability exceeds the threshold (0.5 in the paper). The figures of the clip-level
# head, in short above and by class in Table I ({doc}`06_results`, beside the paper's), are a check of sanity: an explanation
# of a classifier that recognises nothing would explain nothing.
#

# %%
predictions = classification.predict_splits(
    {name: result.head for name, result in trained.items()},
    {split: (frames_of[split], targets_of[split]) for split in ("validation", "test")},
    threshold=run.params.probability_threshold,
)

# %% [markdown]
# ## What can be located at all
#
# Only (clip, class) pairs that the clip-level classifier detects *and* that are present can be judged in time; they are
# the *instances* of all later tables, the same for every method. So every later figure is conditioned on detection: it is a
# mean over the sounds that the classifier finds easiest. What it misses, and what it detects where there is nothing, is
# counted here and appears nowhere else, as in the paper.

# %%
run.table(
    "classification",
    classification.report(predictions, threshold=run.params.probability_threshold, seed=run.params.seed),
)
run.table("predictions", predictions)
instances = run.table("instances", classification.detections(predictions))
display.show(tables.instances_table(instances), caption="Pairs present, evaluated, missed and false, by class (test)")

# %%
findings.say(f"On the test split {findings.detected(instances)}.")

# %%
run.finish(
    encoder=model.name,
    weights_sha256=model.weights_sha256,
    frame_duration=model.frame_duration,
    frame_start=model.frame_start,
    epochs={name: len(result.history) for name, result in trained.items()},
)
