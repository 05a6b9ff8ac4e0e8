# %% [markdown]
# # Data synthesis
#
# **What is asked.** To judge *when* a method says that a sound happens, one must know when it does happen. The paper
# {cite:p}`dumpis2026evaluating` therefore mixes isolated domestic sounds into ten-second *soundscapes* with Scaper
# {cite:p}`salamon2017scaper`, so that every onset and offset is known exactly (its section II-A). This notebook does
# the same: it prepares a sound bank, draws the soundscapes, mixes them, and removes those in which three events sound
# at once.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
soundbank = "procedural"  # 'procedural', 'desed' or 'real' (fetched), or the path of a folder bank
bank_train_files = 60  # procedural bank: files per class in the train pool
bank_eval_files = 25  # procedural bank: files per class in the eval pool
bank_backgrounds = 20  # procedural bank: background files
background_source = "desed"  # bank desed: 'desed' (its own), 'sins' (fetched), or the path of a folder
duration = 10.0  # length of a soundscape [s]
sample_rate = 32000  # sample rate of bank and soundscapes [Hz]
ref_db = -55.0  # level of the background [LUFS]
events_min = 1  # fewest foreground events in a soundscape
events_max = 3  # most foreground events in a soundscape
snr_min = 15.0  # lowest event-to-background ratio [dB]
snr_max = 25.0  # highest event-to-background ratio [dB]
max_polyphony = 2  # soundscapes with more simultaneous events are removed
overlap_filter = "at_once"  # what counts as simultaneous there (at_once, chain, any_of_more, any_two)
onsets = "fitting"  # where events begin ('cut' is DESED's, 'normal' Scaper's example) (fitting, moved, normal, cut)
n_train = 1000  # soundscapes generated for training, before the removal
n_eval = 250  # soundscapes generated for validation and test, before the removal
workers = 0  # processes; 0 means one per core

# %%
from igsed_core.workflow import notebook

run = notebook.begin("data_synthesis", globals())

# %% [markdown]
# ## The sound bank
#
# A bank holds isolated sounds by class in two *pools*, `train` and `eval`, that share no source, and ambient
# backgrounds that both share. The embedded default synthesises the paper's ten classes from physical and
# source-filter models, so that the book can be made without a download; the two pools draw the parameters that
# identify a source (the speed of a motor, the length of a vocal tract, the modes of a bell) from disjoint regions. Set
# `soundbank` to the path of a folder to use recordings.

# %%
from igsed_core.data import pauses
from igsed_core.data.soundbank.registry import prepare_for
from igsed_core.data.soundscapes import SoundscapeSpec, generate, read_clips
from igsed_core.main_job import overview
from igsed_core.show import display, listening, sounds

bank = prepare_for(run.params).fitting(run.params.duration)
display.show(overview.bank_table(bank.files, bank.skipped), caption="Files and lengths of the sound bank")
if len(bank.skipped):
    display.show(overview.skipped_table(bank.skipped), caption="Files that are not used", paging=20, words=True)

# %% [markdown]
# Some sounds of each class, as log-mel spectrograms: first from the `train` pool, then from the `eval` pool, which no
# training of a head ever sees.

# %%
sounds.contact_sheet(bank.examples("train", 7), run.params.sample_rate, of="Pool train")

# %%
sounds.contact_sheet(bank.examples("eval", 7), run.params.sample_rate, of="Pool eval")

# %% [markdown]
# ### What a label covers
#
# The label of an event spans its whole file, and with it any pause inside. The table counts such pauses in the `eval` pool:
# 100 ms windows that lie 30 dB or more below the loudest window of their file. There the label says that the class sounds
# although hardly anything is heard, so that no detector of sound can reach an IoU of 1 against these labels.

# %%
display.show(
    overview.pauses_table(pauses.of_bank(bank)),
    caption="Windows of 100 ms that lie 30 dB below the loudest of their file, eval pool",
)

# %% [markdown]
# ## The soundscapes
#
# The number of events, their classes, files and event-to-background ratios are drawn independently and uniformly. The paper
# places events "at random temporal positions" and removes "files containing three simultaneous overlapping sound events"; it
# does not give the distribution. By default an onset is uniform over every place in which the event fits with its natural
# length (`onsets`), and a soundscape is removed if three events sound at one instant (`overlap_filter`). DESED's generator
# draws onsets over the whole clip and cuts late events (`cut`); Scaper's example has a truncated normal around the middle
# (`normal`). {doc}`14_audit` holds each against the numbers that the paper removed. Levels are those of ITU-R BS.1770 (LUFS),
# as in Scaper.

# %%
soundscapes = generate(
    bank,
    SoundscapeSpec.of(run.params),
    n_train=run.params.n_train,
    n_eval=run.params.n_eval,
    seed=run.params.seed,
    out_dir=run.dir,
    workers=run.params.workers,
)
display.show(overview.soundscapes_table(soundscapes), caption="Soundscapes, ours and the paper's")

# %% [markdown]
# The first half of what remains of the `eval` pool is for validation, the rest for the test. The two share source files,
# and several clips of the test hold the same file: intervals that draw clips anew do not draw sounds anew. How many clips
# the removal costs depends on the lengths of the sounds: longer sounds overlap more often.

# %%
sounds.soundscape_statistics(soundscapes.clips, soundscapes.events, soundscapes.removed)

# %% [markdown]
# ## Three soundscapes to see and hear
#
# The first three of the test split. The bars below the spectrogram are the ground truth. A cursor goes through picture and
# sound; a click in the picture seeks, the space bar plays, arrow keys move by half a second.

# %%
shown = soundscapes.clips[soundscapes.clips["split"] == "test"].head(3)
for clip, samples in zip(shown["clip"], read_clips(run.dir, shown), strict=True):
    listening.show(samples, run.params.sample_rate, soundscapes.events_of(clip))

# %%
run.finish(soundscapes=len(soundscapes.clips), events=len(soundscapes.events), removed=len(soundscapes.removed))
