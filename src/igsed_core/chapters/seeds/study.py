"""How much results owe to chance: the experiment again under other seeds of training and of data."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from igsed_core.attribution import maps
from igsed_core.attribution.explainer import Explainer
from igsed_core.base import devices, files, shards
from igsed_core.data import soundscapes
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.data.soundscapes import SoundscapeSet
from igsed_core.detection import baselines, evaluation
from igsed_core.detection.thresholds.levels import percentile_grid
from igsed_core.main_job.params import Baselines, DataSynthesis, IntegratedGradients, ThresholdSensitivity, Training
from igsed_core.metrics import summaries
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models import classification, features, heads, training
from igsed_core.models.encoders import registry as encoders
from igsed_core.models.features import FeatureFrames
from igsed_core.models.heads import Head

MAIN, TRAINING, DATA, BOTH, BANK = "main", "training", "data", "both", "bank"
# In the column `varied`, with what another seed draws anew.
VARIED = {
    MAIN: "nothing: the seeds of the main job",
    TRAINING: "initial weights and order of the batches of the three heads; random scores",
    DATA: "validation and test soundscapes, from the same sounds; random scores",
    BOTH: "all soundscapes, from the same sounds; heads; random scores",
    BANK: "the isolated sounds, where the bank generates them; all soundscapes; heads; random scores",
}
_NEW_TRAINING_DATA = (BOTH, BANK)
_NEW_HEADS = (TRAINING, BOTH, BANK)
FIRST_REDRAW = 1000  # added to the main seed: no further seed of a training is so far off
QUADRATURE = "db_midpoint"  # of Integrated Gradients where `seeds_points` is not 0
HELD_OUT = ("validation", "test")
COLUMNS = ["varied", "seed", *summaries.COLUMNS]
REDRAW_COLUMNS = [
    "split",
    "method",
    "other_method",
    "metric",
    "average",
    "n",
    "value",
    "std",
    "ci_low",
    "ci_high",
    "std_clips",
]
_QUANTILE = 0.975


@dataclass(frozen=True)
class Recipe:
    """The parameters that the stages of the main job ran with, and where its artefacts lie."""

    data: DataSynthesis
    training: Training
    attribution: IntegratedGradients
    baselines: Baselines
    evaluation: ThresholdSensitivity
    data_dir: Path
    training_dir: Path


@dataclass(frozen=True)
class Variant:
    """One repetition: what is varied, and the seed that it is varied with."""

    varied: str
    seed: int

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.varied}_{self.seed}"


def variants(seed: int, further: Sequence[int], *, training_data: bool, redraws: int = 0) -> list[Variant]:
    """List what is computed: the main job's seed first, then each kind under each further seed.

    Parameters
    ----------
    seed
        Of the main job.
    further
        Other seeds.
    training_data
        Whether everything is drawn anew as well, the training soundscapes included.
    redraws
        Whole repetitions with other isolated sounds, too, each under a seed of its own.
    """
    kinds = (TRAINING, DATA, BOTH) if training_data else (TRAINING, DATA)
    anew = [Variant(BANK, seed + FIRST_REDRAW + i) for i in range(redraws)]
    return [Variant(MAIN, seed), *(Variant(kind, other) for kind in kinds for other in further), *anew]


def study(
    recipe: Recipe,
    seed: int,
    further: Sequence[int],
    out_dir: Path,
    *,
    training_data: bool,
    n_steps: int,
    redraws: int = 0,
) -> pd.DataFrame:
    """Repeat data, training, baselines, attribution and evaluation; what is finished is not done again.

    Parameters
    ----------
    recipe
        The main job.
    seed, further, training_data, redraws
        See :func:`variants`.
    out_dir
        A folder a variant is kept here.
    n_steps
        Points of Integrated Gradients, by :data:`QUADRATURE`; 0 takes quadrature and points of the main job. The
        main job's seed is computed again in the same way, so that nothing but seeds varies.

    Returns
    -------
    pd.DataFrame
        ``varied, seed`` and the columns of :data:`igsed_core.metrics.summaries.COLUMNS`; every method on the test split
        at the thresholds that this variant's own validation split chose.
    """
    if n_steps:
        cheap = dataclasses.replace(recipe.attribution, engine="mel_path", quadrature=QUADRATURE, n_steps=n_steps)
        recipe = dataclasses.replace(recipe, attribution=cheap)
    chosen = variants(seed, further, training_data=training_data, redraws=redraws)
    wanted = {out_dir / f"{one.name}.csv": one for one in chosen}
    for path, variant in shards.share(list(wanted.items())):
        if not path.exists():
            with shards.item_by_itself():
                measured = _measure(recipe, variant, out_dir / variant.name)
            files.write_table(path, measured)
    shards.end_of_step(whole=all(path.exists() for path in wanted))
    return pd.concat([files.read_table(path) for path in wanted], ignore_index=True)


def spread(found: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over seeds, for each way to vary them; the main job's seed is one of each.

    Parameters
    ----------
    found
        From :func:`study`.

    Returns
    -------
    pd.DataFrame
        ``varied`` and the columns of :data:`igsed_core.metrics.summaries.COLUMNS`, less the threshold: ``value`` and
        ``std`` (with Bessel's correction; NaN for one seed) are over ``n`` seeds, ``ci_low`` and ``ci_high`` are the
        interval of the main job's seed, from the bootstrap over clips.
    """
    key = ["split", "method", "rule", "metric", "class", "average"]
    main = found[found["varied"] == MAIN]
    intervals = main.set_index(key)[["ci_low", "ci_high"]]
    parts = []
    for varied in dict.fromkeys(found["varied"]):
        if varied == MAIN:
            continue
        rows = pd.concat([main, found[found["varied"] == varied]])
        over = rows.groupby(key, sort=False)["value"].agg(value="mean", n="count", std="std")
        parts.append(over.join(intervals).reset_index().assign(varied=varied))
    columns = ["varied", *(name for name in summaries.COLUMNS if name != "threshold")]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def redrawn(found: pd.DataFrame, *, split: str = "test") -> pd.DataFrame:
    """What holds whatever was drawn: means and differences over whole repetitions, sounds included.

    A repetition has its own sounds, soundscapes, heads and thresholds, so that the spread over repetitions holds all of
    what chance decides, and the interval is that of Student's t over them. In a repetition all methods share the clips,
    so a difference is taken there first.

    Parameters
    ----------
    found
        From :func:`study`.
    split
        Which rows.

    Returns
    -------
    pd.DataFrame
        :data:`REDRAW_COLUMNS`: of each method, and of each minus the one named in ``other_method``, the mean ``value``
        and the standard deviation ``std`` over ``n`` repetitions (the main job's among them), with the 95 % interval of
        the mean; of methods alone ``std_clips``, the part of the deviation that draws of clips explain (root of the
        mean square over repetitions). Empty where nothing was redrawn.
    """
    rows = found[found["varied"].isin((MAIN, BANK)) & (found["split"] == split) & (found["class"] == "all")]
    if not (rows["varied"] == BANK).any():
        return pd.DataFrame(columns=REDRAW_COLUMNS)
    made: list[tuple[object, ...]] = []
    for (metric, average), mine in rows.groupby(["metric", "average"], sort=False):
        wide = mine.pivot_table(index=["varied", "seed"], columns="method", values="value", sort=False)
        half = mine.assign(half=(mine["ci_high"] - mine["ci_low"]) / 2 / stats.norm.ppf(_QUANTILE))
        clips = half.groupby("method")["half"].agg(lambda one: float(np.sqrt((one**2).mean())))
        for method in wide.columns:
            made.append((split, method, "", metric, average, *_mean_of(wide[method]), clips[method]))
        for one, other in itertools.permutations(wide.columns, 2):
            made.append((split, one, other, metric, average, *_mean_of(wide[one] - wide[other]), float("nan")))
    return pd.DataFrame(made, columns=REDRAW_COLUMNS)


def _mean_of(values: pd.Series) -> tuple[int, float, float, float, float]:
    """Count, mean, deviation and interval of repetitions; those without a value are left out."""
    known = values.dropna().to_numpy(float)
    n = len(known)
    if n < 2:
        nothing = float("nan")
        return n, float(known.mean()) if n else nothing, nothing, nothing, nothing
    std = float(known.std(ddof=1))
    reach = float(stats.t.ppf(_QUANTILE, n - 1)) * std / np.sqrt(n)
    return n, float(known.mean()), std, float(known.mean() - reach), float(known.mean() + reach)


def _measure(recipe: Recipe, variant: Variant, out_dir: Path) -> pd.DataFrame:
    """Everything from sounds to metrics under a variant's seeds."""
    data = _soundscapes(recipe, variant, out_dir / "soundscapes")
    frames_of = _features(recipe, variant, data, out_dir)
    trained = _heads(recipe, variant, data, frames_of, out_dir)
    classes = trained["clip_level"].classes
    events = data.events[data.events["label"].isin(classes)]  # few soundscapes may have taught fewer classes
    predictions = classification.predict_splits(
        trained,
        {split: (frames_of[split], features.targets(frames_of[split], events, classes)) for split in HELD_OUT},
        threshold=recipe.training.probability_threshold,
    )
    explainer = Explainer(
        encoder=recipe.training.encoder,
        weights=recipe.training.weights,
        head=_heads_dir(recipe, variant, out_dir) / "clip_level.safetensors",
        soundscapes=data.root,
        engine=recipe.attribution.engine,
        options=tuple(recipe.attribution.options().items()),
        device=str(devices.choose(recipe.attribution.ig_device)),
    )
    detected = classification.detected_pairs(predictions)
    attributions = maps.compute(explainer, detected, out_dir / "maps", workers=recipe.attribution.ig_workers)
    extracted = features.concatenate(frames_of[split] for split in HELD_OUT)
    over_time = _baselines(recipe, variant, data, extracted, trained)
    instances = {
        split: evaluation.instances(
            predictions,
            events,
            attributions,
            over_time,
            split=split,
            duration=recipe.data.duration,
            frame_length=recipe.evaluation.frame_length,
            min_coverage=recipe.evaluation.min_coverage,
            sign=recipe.evaluation.sign,
            seed=variant.seed,
        )
        for split in HELD_OUT
    }
    grid = percentile_grid(
        recipe.evaluation.percentile_min, recipe.evaluation.percentile_max, recipe.evaluation.percentile_step
    )
    measured = {split: evaluation.measure(one, grid) for split, one in instances.items()}
    chosen = evaluation.optimal_thresholds(measured["validation"])
    series = evaluation.at_thresholds(measured["test"], chosen)
    table = summaries.summarise(
        measured["test"].index, series, replicates=recipe.evaluation.replicates, seed=variant.seed
    )
    return table.assign(varied=variant.varied, seed=variant.seed)[COLUMNS]


def _soundscapes(recipe: Recipe, variant: Variant, out_dir: Path) -> SoundscapeSet:
    """The main job's soundscapes, or others mixed from the same sounds."""
    if variant.varied in (MAIN, TRAINING):
        return soundscapes.load(recipe.data_dir)
    p = recipe.data
    bank = soundbank.prepare_for(dataclasses.replace(p, seed=variant.seed) if variant.varied == BANK else p)
    return soundscapes.generate(
        bank,
        soundscapes.SoundscapeSpec.of(p),
        n_train=p.n_train if variant.varied in _NEW_TRAINING_DATA else 0,
        n_eval=p.n_eval,
        seed=variant.seed,
        out_dir=out_dir,
        workers=p.workers,
    )


def _features(recipe: Recipe, variant: Variant, data: SoundscapeSet, out_dir: Path) -> dict[str, FeatureFrames]:
    """Feature frames by split: those that the main job kept, or new ones."""
    folder = recipe.training_dir if variant.varied in (MAIN, TRAINING) else out_dir
    encoder = encoders.load(recipe.training.encoder, recipe.training.weights, recipe.training.window)
    device = devices.choose(recipe.training.device)
    splits = HELD_OUT if variant.varied in (MAIN, DATA) else soundscapes.SPLITS
    return {
        split: features.extract(
            encoder,
            data.root,
            data.clips[data.clips["split"] == split],
            folder / "features" / split,
            device=device,
        )
        for split in splits
    }


def _heads_dir(recipe: Recipe, variant: Variant, out_dir: Path) -> Path:
    return (recipe.training_dir if variant.varied in (MAIN, DATA) else out_dir) / "heads"


def _heads(
    recipe: Recipe, variant: Variant, data: SoundscapeSet, frames_of: dict[str, FeatureFrames], out_dir: Path
) -> dict[str, Head]:
    """The main job's heads, or those trained from another seed."""
    folder = _heads_dir(recipe, variant, out_dir)
    if variant.varied in _NEW_HEADS:
        learned, checked = (
            (frames_of[split], features.targets(frames_of[split], data.events, data.classes))
            for split in ("train", "validation")
        )
        embedding = heads.load(recipe.training_dir / "heads" / "clip_level.safetensors").embedding
        for name in heads.HEADS:
            result = training.train(
                name,
                learned,
                checked,
                data.classes,
                learning_rate=recipe.training.learning_rate,
                batch_size=recipe.training.batch_size,
                epochs=recipe.training.epochs,
                patience=recipe.training.patience,
                seed=variant.seed,
                embedding=embedding,
            )
            heads.save(result.head, name, folder / f"{name}.safetensors")
    return {name: heads.load(folder / f"{name}.safetensors") for name in heads.HEADS}


def _baselines(
    recipe: Recipe,
    variant: Variant,
    data: SoundscapeSet,
    extracted: FeatureFrames,
    trained: dict[str, Head],
) -> dict[str, ScoresOverTime]:
    held_out = data.clips[data.clips["split"].isin(HELD_OUT)]
    classes = trained["clip_level"].classes
    result = {name: baselines.framewise(trained[name], extracted) for name in ("fw_ws", "fw_ss")}
    result["random"] = baselines.random_scores(
        extracted.clips, classes, duration=recipe.data.duration, seed=variant.seed
    )
    result["energy"] = baselines.energy(
        data.root, held_out, classes, sample_rate=recipe.data.sample_rate, quantity=recipe.baselines.energy
    )
    return result
