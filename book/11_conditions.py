# %% [markdown]
# # Other conditions
#
# **What is asked.** The pages before test in the conditions of the training: one to three events, well above the background.
# Here the heads stay as they are, and the clips change: the level of the events, how many there are, how many sound at
# once, how long they last, what is behind them, and, where the reader has some, real, unmixed recordings. Does a map fail
# before the classifier does, or with it? The paper leaves this open.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
conditions_clips = 16  # soundscapes generated for each condition
conditions_snr_min = -5.0  # lowest event-to-background ratio [dB]
conditions_snr_max = 25.0  # highest event-to-background ratio [dB]
conditions_snr_step = 5.0  # step between ratios [dB]
recordings = ""  # folder of annotated recordings that were not mixed; empty for none

# %%
from igsed_core.workflow import notebook

run = notebook.begin("conditions", globals())

# %% tags=["hide-input"]
import dataclasses

from igsed_core.base import devices
from igsed_core.chapters.conditions import figures, plans, report, study, tables
from igsed_core.chapters.localiser.params import Localiser
from igsed_core.data import soundscapes
from igsed_core.data.soundbank.registry import prepare_for
from igsed_core.data.soundscapes import SoundscapeSpec
from igsed_core.detection import absence_hmm, baselines
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import Baselines, DataSynthesis, IntegratedGradients, ThresholdSensitivity, Training
from igsed_core.models import features
from igsed_core.models.encoders import registry as encoders
from igsed_core.show import display, listening

main = MainJob(run)
synthesised, trained = run.params_of(DataSynthesis), run.params_of(Training)
explained, evaluated = run.params_of(IntegratedGradients), run.params_of(ThresholdSensitivity)
bank = prepare_for(synthesised)

# %% [markdown]
# ## The clips
#
# All are drawn from the pool `eval`, and none was seen before, by the heads or by a threshold. The levels of **snr** are the
# same soundscapes with their events made louder or softer. The levels of **background** are the same soundscapes, too: with a
# background so low that it hardly counts (*quiet*, the events as loud as ever), and with each type of background of the bank;
# where all have the same label, the types are those whose level is *steady* and those whose level is *varying*. **Events** fixes
# the number of events, and lets them overlap as they will; **overlap** fixes their number to three, and sorts soundscapes by
# how many sound at once. **Duration** makes no new clips: it sorts the test split of the main job by how long the class sounds.
#
# **Recordings** are the reader's own (parameter `recordings`): {doc}`own_sounds` says what the folder holds.

# %%
spec = SoundscapeSpec.of(synthesised)
conditions = plans.all_conditions(
    bank,
    spec,
    snrs=plans.ratios(run.params.conditions_snr_min, run.params.conditions_snr_max, run.params.conditions_snr_step),
    n_clips=run.params.conditions_clips,
    seed=run.params.seed,
)
clips = study.make_clips(
    bank,
    conditions,
    run.dir / "clips",
    folder=run.params.recordings,
    classes=main.heads["clip_level"].classes,
    workers=synthesised.workers,
)
_ = run.table("conditions_clips", clips.clips)

# %% [markdown]
# ## Predictions and scores over time
#
# Feature frames, predictions and scores over time, by the heads of {doc}`02_training`. Integrated Gradients takes the adaptive
# rule of {doc}`12_engine`, which gives the same maps as the main job's with fewer points.

# %%
predictions, extracted = study.predict(
    clips,
    encoders.load(trained.encoder, trained.weights, trained.window),
    main.heads,
    run.dir / "features",
    threshold=trained.probability_threshold,
    device=devices.choose(explained.ig_device),
)
explainer = dataclasses.replace(main.explainer(), soundscapes=clips.root)
attributions = study.explain(
    explainer,
    predictions,
    run.dir / "maps",
    target=explained.target,
    batch=explained.internal_batch_size,
    workers=explained.ig_workers,
)

# %% [markdown]
# Instances are, as before, the (clip, class) pairs that are present *and* detected. So the softer the events, the fewer and
# the easier the instances: read the metrics beside the classifier's own.

# %%
held_out = features.concatenate([main.features["validation"], main.features["test"]])
cam = baselines.framewise(main.heads["clip_level"], held_out, probability=False)
instances = {split: main.instances(split, {"cam": cam, **main.scores()}) for split in ("validation", "test")}
instances["conditions"] = main.evaluate(
    predictions,
    clips.events,
    attributions,
    study.score(
        clips,
        extracted,
        main.heads,
        duration=synthesised.duration,
        sample_rate=synthesised.sample_rate,
        energy=run.params_of(Baselines).energy,
        seed=run.params.seed,
    ),
    "test",
)

# %% [markdown]
# The localiser of {doc}`10_localiser` is fitted to the training clips and their clip labels, with the shifts and components of
# that page, and then left alone, as the heads are. Its edges are as found: nothing is calibrated here.

# %%
models = absence_hmm.fit_classes(
    main.heads["clip_level"],
    main.features["train"],
    features.targets(main.features["train"], main.data.events, main.data.classes),
    components=run.params_of(Localiser).components,
)
for name, root in (("test", main.data.root), ("conditions", clips.root)):
    instances[name] = study.localised(
        models,
        explainer,
        root,
        instances[name],
        run.dir / "localiser" / name,
        shifts=run.params_of(Localiser).shifts,
        frame_length=evaluated.frame_length,
        workers=explained.ig_workers,
    )

# %% [markdown]
# ## What holds, and what does not
#
# Percentiles are those chosen on the validation split of the *main job*, and the parameter-free rule of each method is the one
# that had the best IoU there: nothing is tuned to a condition. The localiser decides by itself. A condition has few clips; the
# table at the end says from how many instances each figure is.

# %%
table = run.table(
    "conditions",
    report.summarise(
        clips,
        predictions,
        main.predictions,
        instances,
        frame_length=evaluated.frame_length,
        threshold=trained.probability_threshold,
        replicates=evaluated.replicates,
        seed=run.params.seed,
    ),
)

# %% [markdown]
# ### Level
#
# If maps fail later than the classifier (curves flat where the classifier's has fallen), what is detected at all can still be
# located. Below zero decibels the events are softer than what is behind them.

# %%
figures.by_condition(table, "snr")

# %% [markdown]
# The softest of these clips in which the classifier still detects a class that is there: its first instance at the lowest ratio.
# Below the spectrogram what IG, the localiser and FW-WS say of that class; the clip can be heard as loud as IG and the localiser
# have the class.

# %%
softest = study.softest(clips, instances["conditions"])
heard = instances["conditions"].index.iloc[softest]
listening.show(
    soundscapes.read_clips(clips.root, clips.clips[clips.clips["clip"] == heard["clip"]])[0],
    synthesised.sample_rate,
    clips.events[clips.events["clip"] == heard["clip"]],
    [
        listening.Curve(name, values, evaluated.frame_length, heard["label"])
        for name, values in (
            ("localiser", absence_hmm.probability(instances["conditions"].scores["localiser"][softest])),
            ("ig", instances["conditions"].scores["ig"][softest]),
            ("fw_ws", instances["conditions"].scores["fw_ws"][softest]),
        )
    ],
    hear=["localiser", "ig"],
)

# %% [markdown]
# ### Number and overlap of events

# %%
figures.by_condition(table, "events")

# %%
figures.by_condition(table, "overlap")

# %% [markdown]
# ### Duration
#
# A percentile marks the same share of every clip, however long the class sounds; a parameter-free rule need not.

# %%
figures.by_condition(table, "duration")

# %% [markdown]
# ### Background

# %%
figures.by_condition(table, "background")

# %% [markdown]
# ### All conditions
#
# IoU with each method's parameter-free rule, and below it with the percentile of the main job. Condition *run* is the test
# split of the main job; *recordings*, where there are any, is the last row.

# %%
compared = ["ig", "cam", "localiser", "fw_ws", "fw_ss", "energy"]
display.show(tables.conditions_table(table, methods=compared), caption="IoU, parameter-free rule chosen on validation")

# %%
display.show(
    tables.conditions_table(table, methods=[name for name in compared if name != "localiser"], percentile=True),
    caption="IoU, percentile of the main job",
)

# %%
run.finish(clips=len(clips.clips), instances=len(instances["conditions"].index), recordings=run.params.recordings)
