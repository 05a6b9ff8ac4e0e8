# %% [markdown]
# # Right time, or right sound?
#
# **What is asked.** A map that falls on the right second may have been drawn there by the loudest thing of that second.
# Pages that ask *when* cannot tell. Here Scaper's stems, each class of a soundscape alone, say what the class is in
# every bin of time *and* frequency, so that the question can be put: does an explanation point at the sound, or at the
# time? Nobody without stems can ask this. The paper does not; by which measure Frommholz et al.
# {cite:p}`frommholz2023xai` compare maps we could not find.
#
# **How it is answered.** Every map of {doc}`08_methods` is laid over the classifier's own mel bins and weighs the
# soundscape. Of the power that is then heard, which share is the class's own? Three numbers frame it: no map, exact
# onsets and offsets, and a perfect mask. What lies between the second and the third is knowledge of the sound and not
# of the time.
#
# **What limits the answer.** Power is what counts, so that the loudest bins decide. Maps of the methods that know time
# alone (occlusion, LIME, SHAP, CAM at shifts) say the same of all frequencies; they pass exact times only where they
# prefer the frames in which the class is loudest beside the rest. A class that the classifier does not detect is not asked
# about.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
tf_methods = "all"  # methods of the registry igsed_core.attribution, separated by commas; or 'all'
tf_without = "ig_captum"  # methods among them that are left out, by commas: slow ones; may be empty
tf_clips = 16  # test soundscapes whose stems are mixed and whose maps are judged (0: all)

# %%
from igsed_core.workflow import notebook

run = notebook.begin("time_frequency", globals())

# %% tags=["hide-input"]
from igsed_core.attribution import registry
from igsed_core.base.shipped import Shipped
from igsed_core.chapters.time_frequency import example, figures, overview, study, tables
from igsed_core.data.soundbank.registry import prepare_for
from igsed_core.data.soundscape_plan import SoundscapeSpec
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import DataSynthesis, IntegratedGradients, ThresholdSensitivity
from igsed_core.show import display, findings

shipped = Shipped("time_frequency")

main = MainJob(run)
synthesis, evaluated = run.params_of(DataSynthesis), run.params_of(ThresholdSensitivity)
workers = run.params_of(IntegratedGradients).ig_workers
methods = run.params.chosen
explainer = main.explainer()
index = main.instances("test").first_clips(run.params.tf_clips).index

# %% [markdown]
# ## One soundscape
#
# Above, the soundscape and one of its classes alone; then maps, dark where they are high. The line encloses the bins in
# which the class is louder than all else together. Gradients and propagation end at bins; what ends at samples is
# brought here by DFT-LRP {cite:p}`vielhaben2024explainable`, which shares the relevance of a sample out over the
# frequencies that make it; an activation map is coarse, and {doc}`10_localiser`'s knows time alone.

# %%
with run.timed("maps_seconds"):
    soundscapes = study.clips(
        explainer,
        index,
        main.data,
        SoundscapeSpec.of(synthesis),
        prepare_for(synthesis).root,
        {
            name: main.method_folder(explainer, name, registry.create(name))
            for name in methods
            if study.knows_time_alone(name)
        },
        run.dir / "figures",
        seed=run.params.seed,
        workers=workers,
    )
    measured = study.compute(soundscapes, methods, workers=workers)
one = example.of(soundscapes, methods)
figures.one_clip(one.some(example.SHOWN), one.known, one.frontend, one.label)

# %% [markdown]
# Heard through a map: as many bins as the class truly dominates are passed whole, the others by their height.

# %%
figures.hear(one.some(example.HEARD), one.known, one.masker, one.mixture, one.frontend.sample_rate)

# %% [markdown]
# ## Every method
#
# *Share of the map*: how much of the map lies on the class's own stem, each bin by the stem's share of its power.
# *Share of what is heard*: the same, with the map weighted by the power of the soundscape. *Highest bin* and *IoU* are
# against the bins that the class dominates; the IoU takes as many of the map's highest bins as there are such bins, so
# that no threshold is chosen. *SI-SDR gain* {cite:p}`leroux2019sdr`: how much nearer to the stem the soundscape comes
# when it is heard through the map. Of signed maps the positive part counts. Intervals are bootstraps over clips.

# %%
options = {"replicates": evaluated.replicates, "seed": run.params.seed}
found = run.table("time_frequency", study.summarise(measured, **options))
apart = run.table("time_frequency_differences", study.differences(measured, main.data.events, **options))
figures.heard(found)

# %%
display.show(tables.maps_table(found), caption="Every method's map against the stems, with 95 % intervals")
findings.say(overview.sound(found, apart))

# %% [markdown]
# ## Where another class sounds, too
#
# In these frames knowing the time helps nothing: whoever has it right hears both.

# %%
findings.say(overview.overlap(found))

# %% [markdown]
# ## What the frequencies are worth
#
# Each map against itself with its frequencies averaged away. Where the dot lies left of the ring they mislead on
# average; the table below has the intervals. Maps that know time alone have both at one place.

# %%
figures.worth_of_frequency(found)

# %%
findings.say(overview.frequency(found, apart))
display.show(
    tables.differences_table(apart),
    caption="Own share of what is heard through each map, minus others, with 95 % intervals",
)

# %% [markdown]
# ## What a map is worth to the ear
#
# Explanations are made audible to persuade {cite:p}`paissan2024listenable`; how much of the class is heard can be
# measured. The ratio mask of the true stem is the most that bins of this size allow.

# %%
findings.say(overview.separation(found))

# %% [markdown]
# ## Real recordings
#
# The same page on real sounds with another encoder, where its tables ship with the project (`results/time_frequency`).

# %%
findings.say(
    overview.real(shipped.table("time_frequency"), shipped.table("time_frequency_differences"), shipped.said())
)

# %%
run.finish(instances=len(index), clips=len(soundscapes), methods=len(methods))
