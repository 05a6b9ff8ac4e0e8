# %% [markdown]
# # Time stamps for your own recordings
#
# Two commands turn clips of which you know only *what* sounds in them into onsets and offsets in recordings of
# any length:
#
# ```bash
# igsed train labels.tsv --audio clips/ --encoder mn04_as --out model.igsed
# igsed locate recordings/ --model model.igsed --out found/ --html
# ```
#
# `labels.tsv` has a line per clip, `filename<TAB>event_labels`, labels by commas; a folder of clips per class does as well.
# `found/events.tsv` has a line per event. Nobody marks a time. This page does the same with sounds that are at hand, and
# says how good it is. The method is that of {doc}`10_localiser`.
#
# **What it cannot do:** hear a sound that it was not trained on, or tell apart classes that always sound together; learn a class
# without clips that lack it; place every edge within the 0.2 s that event-based F1 asks for (below), or part two sounds of
# one class that overlap. What sounds across the beginning or the end of a recording is known by the part that is there. Recordings
# of your own may differ from this page's in every way: mark a few minutes by hand, and judge by `igsed evaluate`.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
edges = True  # take off onsets and offsets what decisions add to gates made of training clips
recordings_train_clips = 150  # weakly labelled clips to train on
recordings_gates = 8  # gates of each class and length on which its edges are calibrated
recordings_clips = 60  # test soundscapes that are joined to a long recording

# %%
from igsed_core.workflow import notebook

run = notebook.begin("recordings", globals())

# %%
from igsed_core.chapters.recordings import study, tables
from igsed_core.data import soundscapes
from igsed_core.detection import localiser_training
from igsed_core.detection.edges import ALL_LENGTHS
from igsed_core.detection.localiser import Localiser
from igsed_core.main_job.params import Training
from igsed_core.metrics import event_lists
from igsed_core.models.encoders import registry as registry
from igsed_core.show import display, players, recordings

data = soundscapes.load(run.input("data_synthesis"))
training = run.params_of(Training)
encoder = registry.load(training.encoder, training.weights, training.window)

# %% [markdown]
# ## What you have: clips with labels, without times
#
# Training soundscapes stand for the clips. Of each the labels are kept and the times thrown away.

# %%
labels = study.weak_labels(data, run.params.recordings_train_clips)
display.show(labels[["filename", "event_labels"]].head(5), caption="The first lines of labels.tsv")

# %% [markdown]
# ## Training
#
# `igsed train` computes feature frames by the frozen encoder, trains a clip-level head, fits what each class looks like
# where it sounds and where it does not, and calibrates the probabilities on clips that it held out. Last it calibrates onsets
# and offsets: the inside of a class is cut out of a clip and added to one without the class, at a known instant, and the median by which the
# decision begins too early, or ends too late, is taken off all events ({doc}`22_edges`; `--no-edges` leaves it out). The same in Python:

# %%
waveforms = data.read(labels.merge(data.clips[["clip"]], on="clip"))
trained = localiser_training.fit(
    encoder,
    [localiser_training.features_of(encoder, waveform, data.sample_rate) for waveform in waveforms],
    [names.split(",") if names else [] for names in labels["event_labels"]],
    sounds=localiser_training.Sounds.of(encoder, waveforms, data.sample_rate) if run.params.edges else None,
    gates=run.params.recordings_gates,
    seed=run.params.seed,
)
trained.model.save(run.dir / "model.igsed")
run.table("recordings_training", trained.counts)
run.table("recordings_edges", trained.edges)
display.show(display.readable(trained.counts), caption="Clips that hold each class, and what is to be known of it")

# %% [markdown]
# The last column names classes with few clips, and those that no held-out clip tests: for these expect little. Below is what the
# edges take off, and the share of gates in which nothing was found. How many real events are overlooked that share hardly foretells
# ({doc}`22_edges`):

# %%
display.show(
    display.readable(trained.edges[trained.edges["length"] == ALL_LENGTHS].drop(columns="length")),
    caption="Edges by class over gates of all lengths: n gates, the share missed; of those found the median length, and "
    "by how much it begins early and ends late (s)",
)

# %% [markdown]
# The model is one file, a
# [safetensors](https://huggingface.co/docs/safetensors) file that runs no code when it is opened.

# %% [markdown]
# ## A long recording
#
# Test soundscapes, one after the other, make a recording that the model has not heard.

# %%
samples, rate, truth = study.join(data, run.params.recordings_clips)
recording = study.write(run.dir, labels, samples, rate)
localiser = Localiser.load(run.dir / "model.igsed", training.weights)
with run.timed("locate_seconds"):
    curves = localiser.of_file(recording)
found = curves.events()
minutes = f"{curves.duration / 60:.0f} min"
display.show(display.readable(found.head(8)), caption=f"The first of {len(found)} events in {minutes}, in seconds")

# %% [markdown]
# Listen to the first half minute, and compare:

# %%
end = min(30.0, curves.duration)
players.player(samples[: round(end * rate)], rate, "The recording's first half minute")

# %%
truth_here = truth.rename(columns={"label": "event_label"})
recordings.stretch(samples, rate, curves, found, begin=0.0, end=end, truth=truth_here)

# %% [markdown]
# ## How good is it?
#
# Below are the figures that `igsed evaluate found/ truth.tsv --audio recordings/` gives, for the long recording and for the
# same soundscapes searched one by one; the third column of values is what it was before the edges were calibrated. Each has
# its own interval; a difference between columns has none, so that how much the way matters is not judged.

# %%
clips = list(data.clips[data.clips["split"] == "test"].head(run.params.recordings_clips)["clip"])
length = curves.duration / len(clips)
true = data.events[data.events["clip"].isin(clips) & data.events["label"].isin(localiser.classes)]
found_in = {
    "one long recording": study.in_parts(found, data, run.params.recordings_clips),
    "clip by clip": study.on_single_clips(localiser, data, run.params.recordings_clips),
}
if run.params.edges:
    as_found = curves.events(edges=False)
    found_in["one long recording, edges as found"] = study.in_parts(as_found, data, run.params.recordings_clips)
evaluated = [
    event_lists.evaluate(events, true, dict.fromkeys(clips, length), localiser.classes, seed=run.params.seed).assign(
        name=name
    )
    for name, events in found_in.items()
]
located = run.table("recordings_located", study.together(evaluated))
display.show(tables.side_by_side(located), caption="All classes together; 95 % intervals over soundscapes")

# %% [markdown]
# ## What to expect, and what to do about it
#
# - A new room, microphone or sound needs clips from there; held-out figures of clips cut from the same recordings are too
#   good. Name sources in a third column `source`, so that they are not divided.
# - Every class needs clips with it *and* clips without it, five of each at the least, better fifty. Clips of a few seconds teach
#   more than minutes: of a long clip a label tells little.
# - Onsets and offsets are in steps of 40 ms, but the encoder hears some tenths of a second around: short gaps may be bridged, short
#   sounds missed (`recordings_edges.csv` has the share by length). One median for each class and side corrects what all edges
#   have in common, not each edge.
# - A recording is continued at both ends by its own first and last moments, so that a sound that is cut there is heard as
#   one that goes on. Where a recording begins does not matter for what lies further inside; a sound of which a fraction is
#   left may be missed.
# - A probability says how sure the model is that the class sounds in the ten seconds around, calibrated on *your* held-out
#   clips. In recordings where the class is rarer than there, it is too high: raise `--threshold`.
# - The encoder that ships with the package was pretrained on sounds of the embedded bank's kind. With your own recordings take `mn04_as`.
#
# ## Your own classifier
#
# `igsed explain` asks a classifier of your own when its classes sound, and `igsed benchmark` says how far to trust the answer:
# {doc}`own_classifier`.

# %%
run.finish(minutes=curves.duration / 60, events=len(found))
