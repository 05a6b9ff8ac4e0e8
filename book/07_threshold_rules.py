# %% [markdown]
# # Threshold rules
#
# **What is asked.** {doc}`05_threshold_sensitivity` showed what the paper's rule costs: a percentile marks the same share of
# every clip, whether the class sounds for half a second or for six. How much of what a method *knows* about time does a
# better rule bring out, and can a rule do without any label?
#
# Two words are kept apart. A rule without a parameter is *label-free* if it was fixed beforehand; here that is Otsu's, the
# best-known one. The *best* of the rules without a parameter is chosen by IoU on validation, and IoU needs time labels: it is
# *parameter-free*, not label-free.

# %% tags=["parameters"]
experiment = "embedded"  # name of the experiment; its artefacts lie in runs/<experiment>
seed = 2026  # seed of every random choice

# %%
from igsed_core.workflow import notebook

run = notebook.begin("threshold_rules", globals())

# %% tags=["hide-input"]
from igsed_core.chapters.threshold_rules import figures, tables
from igsed_core.detection import instance_groups, scored, tuning
from igsed_core.detection.thresholds import levels
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import ThresholdSensitivity
from igsed_core.models import classification
from igsed_core.show import claims, display, findings, prose

main, shared = MainJob(run), run.params_of(ThresholdSensitivity)
data = main.data
instances = {split: main.instances(split) for split in ("validation", "test")}

# %% [markdown]
# ## The rules
#
# A rule with a parameter is tuned for each method on the *validation* instances, for IoU and for F1 apart; a
# parameter-free rule has nothing to tune. Rules that look at ranks alone (percentiles) give the same for a score and for any increasing
# function of it. All others do not: a rule is applied to scores as they are, to their logarithm, or, where scores are
# probabilities (FW-WS and FW-SS), to their logit. Of signed scores these logarithms see the positive part. *Smoothed* is
# a moving average over half a second of the logarithm.
#
# *Two means* parts the scores of a clip so that they lie closest to the means of the two sides; *Otsu* is the same on a
# histogram {cite:p}`otsu1979`; *minimum error* lets the two sides spread differently {cite:p}`kittler1986`. The *hidden
# Markov model* {cite:p}`rabiner1989` is fitted to each clip: two states, each with a Gaussian of scores, that
# tend to last. After smoothing the two states share one variance.

# %%
display.show(tables.rule_overview(thresholds.RULES), caption="The rules, and whether each is tuned")

# %% [markdown]
# ## Rules and methods
#
# Mean IoU over the test instances, with 95 % intervals from a bootstrap over clips. The rule in bold is the parameter-free
# rule with the highest mean over IG, FW-WS and FW-SS on the validation split. Otsu on the scores is the rule fixed beforehand.

# %%
titles = {name: rule.title for name, rule in thresholds.RULES.items()}
tuned = [name for name, rule in thresholds.RULES.items() if not rule.parameter_free]
grid = levels.percentile_grid(shared.percentile_min, shared.percentile_max, shared.percentile_step)
evaluated = tuning.evaluate(instances, frame_length=shared.frame_length, grids={"percentile": grid})
best = tuning.best_parameter_free(evaluated)
bootstrapped = {"replicates": shared.replicates, "seed": run.params.seed}
rules = run.table("rules", tuning.table(evaluated, **bootstrapped))
figures.rules_by_method(rules, titles, tuned=tuned, best=best)

# %%
display.show(
    tables.by_rule(rules, titles),
    caption="IoU on the test split; every rule tuned on validation, or without a parameter",
)

# %% [markdown]
# ## Try two rules
#
# A percentile marks the same share of every clip; a share of the maximum marks more of a clip with a longer sound. Move the
# threshold and watch where the means of all instances peak.
#
# %%explorer%%

# %% [markdown]
# ## What a rule gains over the paper's
#
# The difference to the percentile of the clip, paired: both means over the same instances in each bootstrap replicate. An
# interval that excludes zero speaks for a gain (or a loss), but the table holds dozens of them, so that a few would exclude
# zero by chance alone. An asterisk marks those that survive Holm's correction for all of them; trust no others. *Random* is
# the control: its scores hold nothing to bring out.
#
# Clips share source files, so that two clips are not two independent trials. The second table draws source files anew as well
# (the pigeonhole bootstrap, which errs on the wide side); the verdict in words is by its intervals.

# %%
gains = run.table("rules_gain", tuning.gains(evaluated, **bootstrapped))
display.show(
    tables.by_rule(gains, titles), caption="Gain in IoU over the percentile of the clip (test), clips drawn anew"
)
findings.say(claims.family(gains, split="test", average="instance", metric="iou"))

# %%
two_way = run.table("rules_gain_two_way", tuning.gains(evaluated, events=data.events, **bootstrapped))
display.show(tables.by_rule(two_way, titles), caption="The same, clips and source files drawn anew")
findings.say(claims.family(two_way, split="test", average="instance", metric="iou"))

# %%
answer = findings.rule_gain(rules, gains, two_way, best, titles[best], margin=shared.margin)
prose.glue_sentences(rule_answer=answer, energy_under_rules=findings.energy_and_ig(rules))
findings.say(answer)
findings.say(findings.runner_up(rules, {name: titles[name] for name in thresholds.parameter_free()}))
findings.say(findings.energy_and_ig(rules))

# %% [markdown]
# A rule without a parameter still has constants that somebody set. The one that matters is the length of the smoothing; half a second
# was set on validation splits. What do other lengths give (0.1 s is no smoothing at the paper's frames)?

# %%
lengths = {rule.name: rule for rule in map(thresholds.smoothed, (0.1, 0.3, 0.5, 0.7, 0.9, 1.3))}
by_length = tuning.evaluate(instances, lengths.values(), methods=scored.LEARNED, frame_length=shared.frame_length)
smoothing = run.table("rules_smoothing", tuning.table(by_length, **bootstrapped))
display.show(
    tables.by_rule(smoothing, {name: rule.title for name, rule in lengths.items()}, first="Smoothed over"),
    caption="IoU of the hidden Markov model on log scores smoothed over other lengths, test split",
)

# %% [markdown]
# ## One clip under all rules
#
# The same instance by IG and by FW-WS. What a parameter-free rule sees depends on the scale: on raw scores a few high peaks can
# make a cluster of their own; on their logarithm all of the event counts against the background.

# %%
clip = classification.example_clip(main.predictions)
one = instances["test"].first_of(clip)
masks = tuning.on_instance(evaluated, instances["test"], clip, ("ig", "fw_ws"), frame_length=shared.frame_length)
figures.rules_on_clip(
    one.truth,
    {method: one.scores[method] for method in masks},
    {method: {titles[rule]: mask for rule, mask in by_rule.items()} for method, by_rule in masks.items()},
    frame_length=shared.frame_length,
    label=one.label,
)

# %% [markdown]
# ## Ceilings
#
# Two upper bounds separate the rule's loss from the ranking's.
#
# - **Perfect order.** Each method keeps its own values of each clip, but the active frames get the highest of them; the
#   rules are tuned again. What is missing to 1 is lost by the rule alone. For the percentile
#   it is the dotted line of Fig. 3 (the same for all methods); for a level it says whether one level suits all clips.
#   Smoothed rules and the Markov model also profit from the order in time, which is perfect here.
# - **Best level of each clip.** The method's real scores, cut in each clip where the *truth* says it is best. No rule that
#   sets one level per clip can pass this; rules that smooth or know time can.

# %%
ordered = {split: tuning.perfectly_ordered(d, seed=run.params.seed) for split, d in instances.items()}
at_best = tuning.evaluate(ordered, methods=scored.LEARNED, frame_length=shared.frame_length, grids={"percentile": grid})
peeking = tuning.best_of_clip(instances, scored.COMPARED)
perfect = run.table("rules_perfect_order", tuning.table(at_best, **bootstrapped))
limit = run.table("rules_best_level", tuning.table(peeking, **bootstrapped))
display.show(
    tables.ceilings(rules, perfect, titles, scored.LEARNED),
    caption="IoU of each rule: as it is, and with the method's values in perfect order (test split)",
)

# %%
display.show(
    tables.by_rule(limit, {tuning.BEST_OF_CLIP: "Best level of each clip"}),
    caption="Each method at the best level of each clip, chosen with the ground truth (test split)",
)

# %% [markdown]
# ## Short and long, alone and together
#
# Instances by the time that their class is active, by the most events that sound at once in their clip (*polyphony*), and
# by the number of events in it: the paper's rule, a tuned level and the parameter-free rule chosen on validation. The percentile marks as much
# of a clip with half a second of the class as of one with six.

# %%
at_iou = evaluated.under(tuple(thresholds.RULES), metrics=("iou",))
by_time = instance_groups.by_active_time(instances, frame_length=shared.frame_length)
by_duration = run.table(
    "rules_by_duration",
    instance_groups.table_by(at_iou, {instance_groups.ACTIVE_TIME: by_time}, **bootstrapped),
)
polyphony = {by: instance_groups.of_clips(instances, data.clips, by) for by in instance_groups.OF_CLIP}
by_polyphony = run.table("rules_by_polyphony", instance_groups.table_by(at_iou, polyphony, **bootstrapped))
figures.rules_by_group(
    {
        "active time": by_duration,
        "polyphony": by_polyphony[by_polyphony["by"] == "polyphony"],
        "events in the clip": by_polyphony[by_polyphony["by"] == "events"],
    },
    titles,
    (tuning.PAPER, "share_of_maximum", best),
    scored.LEARNED,
)

# %% [markdown]
# ## Post-processing
#
# A median filter, or a minimum duration (gaps shorter than it are filled, then events shorter than it dropped), on top of a
# rule. The length, in brackets, is tuned on validation; the rule's own parameter stays.

# %%
chosen = (tuning.PAPER, "share_of_maximum", best)
processed = tuning.postprocessed(instances, evaluated, chosen, methods=scored.LEARNED, frame_length=shared.frame_length)
after = run.table("rules_postprocessing", tuning.table(processed, **bootstrapped))
display.show(
    tables.postprocessing(rules, after, {rule: titles[rule] for rule in chosen}, scored.LEARNED),
    caption="IoU on the test split with post-processing",
)

# %% [markdown]
# ## Your own rule
#
# {doc}`add_more` shows how: a function from scores (instances by frames) to a mask of the same shape, an entry in the registry
# of rules, and a test that holds it to a case worked out by hand. The tests of every rule (shape, constant scores, independence
# of other clips) then run on it, too. A rule without a `grid` counts as parameter-free, appears in every table here and takes part in the choice of the best.

# %%
run.finish(best_parameter_free=best, rules=len(thresholds.RULES))
