"""Training of the localiser from weak labels: head, sound models, calibration, and figures on held-out clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import scipy.optimize
import torch
from numpy.typing import NDArray

import igsed_core
from igsed_core.base.errors import IgsedError
from igsed_core.base.names import check_classes
from igsed_core.data import long_audio
from igsed_core.detection import calibration, edges, gates, localiser_model
from igsed_core.detection.absence_hmm import SoundModel, fit_classes
from igsed_core.detection.localiser_model import LocaliserModel
from igsed_core.models import classification, inputs, sliding, training
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.features import FeatureFrames, Targets, clip_targets
from igsed_core.models.heads import Head

LONG = 60.0  # s of a clip beyond which it is said that a label tells little of when
MOST_BYTES = 2**30  # of all feature frames, each clip brought to the length of the longest one
SHORTEST_RECIPIENT = 1.0  # s: a shorter clip hears no gate
FEW = 5  # clips with a class, or without it, below which it is named

Features = NDArray[np.float32]  # (n_frames, n_features)


@dataclass(frozen=True)
class Options:
    """How a localiser is trained.

    Attributes
    ----------
    held_out, validation
        Shares of the sources: for figures and calibration, and for the head's early stopping.
    shifts
        Of a feature frame, when the model locates.
    components
        Normal densities in each state of a sound model.
    learning_rate, batch_size, epochs, patience
        Of the head: the paper's (section III-C), but for more epochs, since sets may be small.
    licence
        A note that the model carries.
    edges
        Whether onsets and offsets are calibrated on gates that are cut from the training clips, where their sounds
        are given.
    gates
        Of each class and length.
    """

    held_out: float = 0.2
    validation: float = 0.15
    shifts: int = 8
    components: int = 2
    learning_rate: float = 1e-3
    batch_size: int = 16
    epochs: int = 300
    patience: int = 20
    licence: str = ""
    edges: bool = True
    gates: int = calibration.PER_LENGTH


@dataclass(frozen=True, eq=False)
class Sounds:
    """The clips' waveforms, for gates.

    Attributes
    ----------
    read
        Gives a clip's samples at the encoder's rate.
    durations
        Of all clips, in seconds, ``[shape=(n_clips,)]``.
    """

    read: gates.Reader
    durations: NDArray[np.float64]

    @classmethod
    def of(cls, encoder: Encoder, waveforms: Sequence[NDArray[np.floating]], sample_rate: int) -> Sounds:
        """Take waveforms (``[shape=(n_samples,)]`` or ``(n_samples, n_channels)`` each; Hz)."""
        rate = long_audio.check_rate(sample_rate, "the waveform")

        def read(clip: int) -> NDArray[np.float32]:
            mono = inputs.mixed_down(waveforms[clip])
            return np.concatenate(list(long_audio.blocks(mono, rate, encoder.frontend.sample_rate)))

        return cls(read, np.array([len(one) / rate for one in waveforms]))


@dataclass(frozen=True, eq=False)
class Trained:
    """A localiser's model and what is known of it.

    Attributes
    ----------
    model
        With its encoder it makes a localiser (:class:`igsed_core.detection.localiser.Localiser`).
    figures
        Precision, recall and F1 of each class and their means on the held-out clips
        (:func:`igsed_core.models.classification.report`).
    counts
        ``class, training, held_out``: clips that hold it; ``note``: why it can be located badly or not at all.
    edges
        How far decisions reach beyond gates (:func:`igsed_core.detection.edges.table`); empty where they were not
        calibrated.
    """

    model: LocaliserModel
    figures: pd.DataFrame
    counts: pd.DataFrame
    edges: pd.DataFrame


def features_of(encoder: Encoder, waveform: NDArray[np.floating], sample_rate: int) -> Features:
    """Feature frames of a clip of any length.

    Parameters
    ----------
    encoder
        The frozen encoder.
    waveform
        ``[shape=(n_samples,)]``, or ``(n_samples, n_channels)``.
    sample_rate
        In Hz.

    Returns
    -------
    np.ndarray [shape=(n_frames, n_features), float32]

    Raises
    ------
    IgsedError
        If the clip holds no sample or a NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.localiser_training import features_of
    >>> from igsed_core.models.encoders import registry
    >>> features_of(registry.load("embedded"), np.zeros(44_100, dtype=np.float32), 22_050).shape
    (7, 512)
    """
    rate = long_audio.check_rate(sample_rate, "the waveform")
    mono = inputs.mixed_down(waveform)
    return features_of_blocks(encoder, long_audio.blocks(mono, rate, encoder.frontend.sample_rate))


def features_of_blocks(encoder: Encoder, blocks: Iterable[NDArray[np.float32]]) -> Features:
    """Feature frames of a stream of samples at the encoder's rate, ``[shape=(n_samples,)]`` each.

    Returns
    -------
    np.ndarray [shape=(n_frames, n_features), float32]
    """

    def apply(log_mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = encoder.feature_map(log_mel).mean(dim=2).transpose(1, 2)
        return features, features[:, :1, :0].flatten(1)  # nothing of whole windows

    slid = sliding.slide(encoder, blocks, apply, shifts=1)
    return slid.values


def fit(
    encoder: Encoder,
    features: Sequence[Features],
    labels: Sequence[Sequence[str]],
    *,
    sources: Sequence[str] | None = None,
    held_out: Sequence[bool] | None = None,
    sounds: Sounds | None = None,
    seed: int = 0,
    info: dict[str, object] | None = None,
    **options: object,
) -> Trained:
    """Train a localiser on feature frames of clips and their weak labels.

    Parameters
    ----------
    encoder
        That made the features.
    features
        Of each clip, ``[shape=(n_frames, n_features)]``.
    labels
        Classes of each clip.
    sources
        What each clip was cut from; by default each from its own.
    held_out
        Which clips are held out, ``[shape=(n_clips,)]``; by default a seeded share of the sources.
    sounds
        The clips' waveforms; without them, edges are not calibrated.
    seed
        Of the split, of the head and of the gates.
    info
        What the model file is to say of where it comes from.
    **options
        See :class:`Options`.

    Raises
    ------
    IgsedError
        If the lists differ in length, there are too few clips, one is so long that all do not fit in memory, or there
        are of no class both clips with and without it.
    """
    if not len(features) == len(labels) == len(sources or labels) == len(labels if held_out is None else held_out):
        raise IgsedError(f"there are {len(features)} clips and {len(labels)} lists of labels: give as many of each")
    how = Options(**options)  # type: ignore[arg-type]
    classes = tuple(sorted({str(name) for held in labels for name in held}))
    check_classes(classes)
    names = np.array([f"{i:06d}" for i in range(len(features))])
    rows = [(name, str(label)) for name, held in zip(names, labels, strict=True) for label in held]
    present = clip_targets(list(names), pd.DataFrame(rows, columns=["clip", "label"]), classes)
    parts = _split(present, list(sources or names), held_out, how, seed)
    table = FeatureFrames(names, _of_one_length(features), encoder.frame_duration, encoder.frame_start)
    data = {part: _some(table, present, chosen) for part, chosen in parts.items()}
    head = training.train(
        *("clip_level", data["training"], data["validation"], classes),
        learning_rate=how.learning_rate,
        batch_size=how.batch_size,
        epochs=how.epochs,
        patience=how.patience,
        seed=seed,
    ).head
    # The head has been chosen; all that it did not learn from may still say what absence looks like.
    fitted = _some(table, present, parts["training"] | parts["validation"])
    models = fit_classes(head, *fitted, components=how.components)
    if not models:
        raise IgsedError(
            f"no class ({', '.join(classes)}) has both clips with and without it: add clips without it, for instance "
            "of background alone"
        )
    found = edges.table(_no_gates())
    if sounds is not None and how.edges:
        found = _measured(encoder, head, models, fitted, sounds, parts["training"] | parts["validation"], how, seed)
    held = data["held_out"]
    slopes = _calibrated(_clip_logits(head, held[0]), held[1].clip)
    model = LocaliserModel(
        encoder.name,
        encoder.weights_sha256,
        head,
        models,
        slopes,
        how.shifts,
        sliding.WINDOW,
        localiser_model.edge_arrays(edges.of_table(found), classes) if len(found) else {},
        info={
            "igsed": igsed_core.__version__,
            "seed": seed,
            "clips": {part: int(chosen.sum()) for part, chosen in parts.items()},
            "licence": how.licence or "that of the training recordings and of the encoder's weights",
            **(info or {}),
        },
    )
    predictions = classification.predict({"clip_level": head}, *held, split="held out", threshold=0.5)
    figures = classification.report(predictions, threshold=0.5, seed=seed)
    return Trained(model, figures, _counts(classes, present, parts, set(models)), found)


def _measured(
    encoder: Encoder,
    head: Head,
    models: Mapping[str, SoundModel],
    fitted: tuple[FeatureFrames, Targets],
    sounds: Sounds,
    chosen: NDArray[np.bool_],
    how: Options,
    seed: int,
) -> pd.DataFrame:
    """How far the localiser's decisions reach beyond gates cut from the clips that it learned from."""
    clips = np.flatnonzero(chosen)

    @lru_cache(64)
    def read(clip: int) -> NDArray[np.float32]:
        return sounds.read(int(clips[clip]))

    durations = np.asarray(sounds.durations, dtype=np.float64)[clips]
    decoder = calibration.Decoder(head, models)
    drawn = calibration.draw(
        *(decoder, fitted[0], fitted[1].clip > 0.5, np.where(durations < SHORTEST_RECIPIENT, 0.0, durations)),
        seed=seed,
        per_length=how.gates,
    )
    if drawn.empty:
        return edges.table(_no_gates())
    classifier = Classifier(encoder, head).eval()
    return edges.table(calibration.observe(classifier, {"": decoder}, drawn, read, shifts=how.shifts)[""])


def _no_gates() -> pd.DataFrame:
    return pd.DataFrame(columns=[*gates.COLUMNS, "found_onset", "found_offset"])


def _of_one_length(features: Sequence[Features]) -> Features:
    """Repeat the frames of shorter clips: their maximum stays, and nothing is heard that was not there."""
    longest = max(len(one) for one in features)
    if (size := len(features) * longest * features[0][0].nbytes) > MOST_BYTES:
        raise IgsedError(
            f"{len(features)} clips of which one has {longest} feature frames take {size / 2**30:.1f} GB in training, "
            f"and at most {MOST_BYTES / 2**30:g} are taken: cut the longest clips, and label each piece"
        )
    return np.stack([np.take(one, np.arange(longest) % len(one), axis=0) for one in features])


def _some(
    features: FeatureFrames, present: NDArray[np.float32], chosen: NDArray[np.bool_]
) -> tuple[FeatureFrames, Targets]:
    some = FeatureFrames(features.clips[chosen], features.values[chosen], features.frame_duration, features.frame_start)
    return some, Targets(present[chosen], np.zeros((int(chosen.sum()), 0, present.shape[1]), dtype=np.float32))


def _split(
    present: NDArray[np.float32],
    sources: Sequence[str],
    held_out: Sequence[bool] | None,
    how: Options,
    seed: int,
) -> dict[str, NDArray[np.bool_]]:
    """Divide clips by source, so that each part has its share of every class where there are enough sources.

    Sources come in a seeded order, those of rare classes first; each goes to the part that lacks most of its classes.
    """
    shares = {"training": 1 - how.validation - how.held_out, "validation": how.validation, "held_out": how.held_out}
    of_source = {name: i for i, name in enumerate(dict.fromkeys(sources))}
    number = np.array([of_source[name] for name in sources])
    parts = {part: np.zeros(len(sources), dtype=bool) for part in shares}
    free = np.ones(len(of_source), dtype=bool)
    if held_out is not None:
        parts["held_out"][:] = np.asarray(held_out, dtype=bool)
        shares.pop("held_out")
        free[number[parts["held_out"]]] = False
        shares = {part: share / sum(shares.values()) for part, share in shares.items()}
    if free.sum() < len(shares):
        raise IgsedError(f"there are clips of {int(free.sum())} sources to train with: give at least {len(shares)}")
    content = np.zeros((len(of_source), present.shape[1] + 1))
    np.add.at(content, number, np.c_[present, np.ones(len(present))])
    shuffled = np.random.default_rng(seed).permutation(np.flatnonzero(free))
    rarity = content[free].sum(axis=0)
    order = sorted(shuffled, key=lambda i: rarity[content[i] > 0].min())
    wanted = {part: share * rarity for part, share in shares.items()}
    for i in order:
        lacks = {
            part: float(((left / np.maximum(rarity, 1)) * (content[i] > 0)).sum()) for part, left in wanted.items()
        }
        part = max(lacks, key=lambda name: lacks[name])
        wanted[part] = wanted[part] - content[i]
        parts[part] |= number == i
    for part in ("validation", "held_out"):
        if not parts[part].any():
            raise IgsedError(f"no clip is left for the {part.replace('_', '-')} part: give clips of more sources")
    return parts


def _clip_logits(head: Head, features: FeatureFrames) -> NDArray[np.float64]:
    with torch.inference_mode():
        found: NDArray[np.float64] = head.clip_logits(torch.from_numpy(features.values)).numpy().astype(np.float64)
    return found


def _calibrated(logits: NDArray[np.float64], present: NDArray[np.float32]) -> NDArray[np.float64]:
    """Slope and offset of each class, ``(n_clips, n_classes)`` -> ``(n_classes, 2)``.

    Platt's scaling, held to slope 1 and offset 0 by a prior that counts as much as about one clip, so that few held-out
    clips change little.
    """

    def loss(at: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float32]) -> float:
        z = at[0] * x + at[1]
        return float((np.logaddexp(0, z) - y * z).sum() + 0.5 * ((at[0] - 1) ** 2 + at[1] ** 2))

    return np.array(
        [
            scipy.optimize.minimize(loss, np.array([1.0, 0.0]), (x, y), bounds=[(0.05, 20.0), (None, None)]).x
            for x, y in zip(logits.T, present.T, strict=True)
        ]
    )


def _counts(
    classes: Sequence[str], present: NDArray[np.float32], parts: dict[str, NDArray[np.bool_]], located: set[str]
) -> pd.DataFrame:
    rows = []
    learned = present[~parts["held_out"]]
    for c, label in enumerate(classes):
        n, others = int(learned[:, c].sum()), int((learned[:, c] == 0).sum())
        notes = []
        if label not in located:
            notes.append(
                "cannot be located: " + ("no training clip holds it" if not n else "no training clip lacks it")
            )
        elif min(n, others) < FEW:
            notes.append(f"few training clips {'with' if n < FEW else 'without'} it")
        if not 0 < (tested := int(present[parts["held_out"], c].sum())) < parts["held_out"].sum():
            notes.append("not tested: held-out clips " + ("all hold it" if tested else "do not hold it"))
        rows.append((label, n, tested, "; ".join(notes)))
    return pd.DataFrame(rows, columns=["class", "training", "held_out", "note"])
