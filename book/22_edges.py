# %% [markdown]
# # Edges without time labels
#
# **What is asked.** A detector marks a sound too long or too short, early or late: it sees more than the moment it speaks of. By how
# much could be measured if the true onsets and offsets were known, and nobody has labelled them. So we make events whose edges we
# know, out of clips of which only is known what they hold. Whom does it help to take off what is measured so? Nothing on this page is
# from the paper; the method is this project's own, and part of its localiser ({doc}`10_localiser`).
#
# **What limits the answer.** One median for each class and side corrects what a detector does on average, not each edge. Gates are
# stretches in which the localiser is sure, between 0.25 and 2 s long, and begin at once; real sounds need not. What the
# edges are was fixed before validation or test clips were looked at ({doc}`preregistration`), but not before reviewers had tried one
# like it.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice
shifts = 8  # shifts of a feature frame at which the encoder looks; 1: none
components = 2  # normal densities of the frame logits in each state
gates = 20  # gates of each class and length on which edges are calibrated
attribution_gates = 2  # the same for Integrated Gradients, which take longer; 0: none
soft_gates = 2  # gates of each class and length on which edges are tried, with soft onsets, too

# %%
from igsed_core.workflow import notebook

run = notebook.begin("edges", globals())

# %% tags=["hide-input"]
from igsed_core.base import shipped
from igsed_core.chapters.edges import figures, overview, tables
from igsed_core.chapters.edges.work import Work
from igsed_core.show import display, findings

work = Work.of(run)

# %% [markdown]
# ## Who gains
#
# Four detectors on the same instances, none of which sees a time label: the localiser; CAM against absence, frame by frame; FW-WS
# against absence in time; Integrated Gradients above Otsu's level. Each with its decision as found, and with its own edges taken off.

# %%
measured = work.series()
levels, differences = work.report(measured)
run.table("edges_iou", levels)
run.table("edges_differences", differences)
figures.gains(differences)

# %%
findings.say(f"{overview.gains(differences, margin=work.margin)} {overview.parts(differences)}")

# %%
display.show(tables.gains_table(levels, differences), caption="IoU before and after calibrated edges (test)")

# %% [markdown]
# *Any overlap* marks, as the truth is marked, every frame that an event as found touches; *as found* marks frames whose mean lies above
# the level. Calibrated edges do both, mark so and take the medians off, so that a gain over *as found* need not be the gates'. A
# detector that marks too little, as Integrated Gradients do, gains from the marking alone, and is no good localiser for it.
#
# ## Long and short events
#
# The same instances, parted by their longest event.

# %%
durations = run.table("edges_durations", work.by_duration(measured))
findings.say(overview.durations(durations))

# %%
display.show(tables.durations_table(durations), caption="IoU by the length of the longest event (test)")

# %% [markdown]
# ## How it works
#
# 1. Take a training clip that holds a class, and find where the localiser is sure of it: log-odds above 3, minus 0.16 s at either end.
# 2. Cut a stretch of 0.25, 0.5, 1 or 2 s out of that inside and add it to a training clip *without* the class. This is a *gate*. Its
#    onset and offset are known because we chose them.
# 3. Let the detector decide on the clip, and note by how much its decision begins before the gate and ends after it.
# 4. The medians over all gates that are found, a number for each class and side, are taken off every event that is found later. An
#    edge at the border of a clip stays, and frames are marked that a corrected event touches.
#
# Integrated Gradients hear fewer gates than the others (parameter `attribution_gates`), since their maps are slow.
#
# Here is one of this run's gates: of the class that is corrected most, the gate that comes nearest to the class's medians. So it
# shows the method at its plainest, not on average.

# %%
one = work.example()
None if one is None else figures.one_gate(one)

# %%
None if one is None else figures.hear(one)

# %%
corrections = run.table("edges", work.corrections)
figures.edges(corrections, "localiser")

# %%
display.show(
    tables.edges_table(corrections, "localiser"), caption="How far the localiser's decisions reach beyond gates"
)

# %% [markdown]
# Other forms of the correction were compared on gates of training clips alone, before the look ({doc}`preregistration`): by length
# found in four bins it overlapped a little more (0.729 against 0.723), by the short gates and at the expense of the long ones, and the
# simpler one was taken. A correction by the height of the log-odds is not among what was compared.

# %% [markdown]
# ## Soft onsets
#
# Real sounds need not begin at once. So the edges are tried on other gates, drawn from the same training clips, whose sound rises over
# some tenths of a second within the gate, and falls as slowly. What is taken off for a detector that begins too early is then
# taken off one that already begins late.

# %%
softly = run.table("edges_soft", work.soft_onsets())
findings.say(overview.soft(softly))

# %%
display.show(tables.soft_table(softly), caption="Overlap with gates that begin softly (training clips)")

# %% [markdown]
# ## What is overlooked
#
# Gates in which nothing is found might say, again without a label, what share of true events a detector overlooks. Beside the share
# of missed gates of a class stands that of the test events of the class that no decision touches, in clips in which the classifier
# detects the class or not. Gates are shorter than most events, and are as loud as their donors were.

# %%
overlooked = run.table("edges_missed", work.missed())
findings.say(overview.missed(overlooked))

# %%
display.show(tables.missed_table(overlooked, "localiser"), caption="Gates and events that the localiser misses")

# %% [markdown]
# ## More gates, and real recordings
#
# Two runs that ship with the project, by the same rules: that of `params/ceilings.yaml`, with 90 gates of each class and length (for
# Integrated Gradients five), and that on real recordings under another encoder (`results/real`).

# %%
for name, title in (("ceilings", "90 gates of each class and length"), ("real", "real recordings")):
    apart, iou = shipped.table(name, "ceilings_differences"), shipped.table(name, "ceilings")
    if apart is None or iou is None:
        findings.say(f"No tables of `results/{name}` ship with this version.")
        continue
    findings.say(
        f"*{title[0].upper()}{title[1:]}.* {overview.gains(apart, margin=work.margin)} {shipped.said(name, 'ceilings')}"
    )
    display.show(tables.gains_table(iou, apart), caption=f"IoU before and after calibrated edges ({title}, test)")
    softly = shipped.table(name, "edges_soft")
    if softly is not None:
        findings.say(overview.soft(softly))

# %% [markdown]
# ## On your own recordings
#
# `igsed train` makes gates of your own weakly labelled clips and keeps the edges with the localiser, `igsed locate` takes them off what it
# finds, and `--no-edges` leaves them out ({doc}`16_recordings`). Where sounds of yours begin softly, compare both. In Python
# {py:func}`igsed_core.detection.calibration.draw`, {py:func}`igsed_core.detection.calibration.observe` and
# {py:func}`igsed_core.detection.edges.fit` do it for any head on feature frames.

# %%
run.finish(instances=work.n_instances, gates=sum(len(of) for of in work.observed.values()))
