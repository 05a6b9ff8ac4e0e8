# %% [markdown]
# # Seeds
#
# **What is asked.** Every table of this book comes from one draw of the soundscapes and one training of the heads. Square
# brackets say how far the clips of the test split leave a value open; they say nothing of the heads, and they suppose
# that the clips are a fair sample. Would another seed tell another story? Here the experiment is repeated, and what
# comes from *training* is kept apart from what comes from *data*.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
seeds = "2027, 2028"  # further seeds, by commas; a single one in a parameter file is quoted
seeds_training_data = False  # draw the training soundscapes anew, too: a whole run more for each of the seeds
redraws = 0  # whole repetitions with other sounds, soundscapes and training, minutes each; 0: none
seeds_points = 4  # points of quadrature db_midpoint in this study; 0: quadrature and points of the main job

# %%
from igsed_core.main_job.params import Baselines, DataSynthesis, IntegratedGradients, ThresholdSensitivity, Training
from igsed_core.workflow import notebook

run = notebook.begin("seeds", globals())

# %%
from igsed_core.chapters.seeds import figures, tables
from igsed_core.chapters.seeds import study as seed_study
from igsed_core.show import display, findings, prose

recipe = seed_study.Recipe(
    data=run.params_of(DataSynthesis),
    training=run.params_of(Training),
    attribution=run.params_of(IntegratedGradients),
    baselines=run.params_of(Baselines),
    evaluation=run.params_of(ThresholdSensitivity),
    data_dir=run.input("data_synthesis"),
    training_dir=run.input("training"),
)

# %% [markdown]
# ## What is varied
#
# A further *training* seed trains the three heads again on the same feature frames: other initial weights, another order
# of the batches. A further *data* seed mixes other validation and test soundscapes from the same sounds and asks the
# heads of the main job. With `seeds_training_data` everything is drawn anew together. Each repetition chooses its own
# thresholds on its own validation split. Random scores follow the seed, too. To save time, Integrated Gradients
# take few points of a rule that spreads them over decibels (`seeds_points`; {doc}`12_engine` shows what that does to a
# map); the main job's seed is computed again in the same way, so that nothing but seeds varies.

# %%
with run.timed("study_seconds"):
    found = seed_study.study(
        recipe,
        run.params.seed,
        run.params.further_seeds,
        run.dir / "repetitions",
        training_data=run.params.seeds_training_data,
        n_steps=run.params.seeds_points,
        redraws=run.params.redraws,
    )
run.table("seeds", found)
display.show(tables.varied_table(found, seed_study.VARIED), caption="Repetitions")

# %% [markdown]
# ## What comes of it
#
# Dots and bars are the main job's seed with the 95 % interval of its bootstrap over clips; the marks below are other
# seeds. The difference between two draws of test data has $\sqrt{2}$ times the standard deviation of one, so that marks of
# other data may lie outside the bar more often than one in twenty. The data seeds reuse the same source files, so that what
# other sounds would change does not show; and a standard deviation from so few seeds is known to a factor of two or so. Marks of
# other training seeds share the test clips with the dot, so whatever they scatter comes on top of the bar. A classifier
# trained from another seed detects other pairs, hence even the energy baseline moves a little.

# %%
figures.seeds(found)

# %%
spread = run.table("seeds_spread", seed_study.spread(found))
display.show(
    tables.seeds_table(found, spread),
    caption="Test split: one seed with its 95 % interval; mean ± standard deviation over seeds",
)
most_moved = tables.most_moved(spread)
prose.glue_sentences(most_moved=most_moved)
findings.say(most_moved)

# %% [markdown]
# ## Whole repetitions, sounds included
#
# All of the above keeps the isolated sounds. With the parameter `redraws` everything is done again with other ones, where the bank
# generates them: the embedded bank draws new sounds of each class for the pools of training and of evaluation, and soundscapes, heads and thresholds
# follow. The spread over such repetitions holds what sounds, clips and training contribute together, and the intervals are those of their mean
# (Student's t). Each repetition takes minutes, so that the embedded run makes none; `igsed run params/redraws.yaml` makes ten.

# %%
redrawn = run.table("seeds_redraws", seed_study.redrawn(found))
if redrawn.empty:
    findings.say("This run drew no other sounds (`redraws: 0`).")
else:
    display.show(tables.redraws_table(redrawn), caption="Over whole repetitions (test); intervals of the mean")

# %%
run.finish(repetitions=len(found.drop_duplicates(["varied", "seed"])))
