"""Train an embedded encoder on procedural sounds and write its weights and its record.

    python scripts/train_embedded_encoder.py
    python scripts/train_embedded_encoder.py --encoder embedded_mean

Like PANNs on AudioSet, it learns from clip-level labels alone: which kinds of sound occur, never when. Sounds of all
kinds of `igsed_core.data.soundbank.procedural`, drawn from the region `pretrain` and thus in none of the pools, are
mixed at random times and levels over weak noise. Mixing adds mel power, which is additive in expectation and far
cheaper than adding waveforms; the validation clips are true mixtures of waveforms, from sounds never trained on.

`embedded` is trained through the maximum over time and a linear layer, the form of the clip heads to come, and on the
ten classes' own kinds among others: both favour class activation maps. `embedded_mean` is trained without either:
through the mean over time and a hidden layer, as EfficientAT's networks were, on the kinds that are none of the ten.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from igsed_core.base.files import atomic, write_text
from igsed_core.base.parallel import parallel_map
from igsed_core.base.paths import data_dir
from igsed_core.data.soundbank import procedural
from igsed_core.models.encoders.embedded import network as embedded
from igsed_core.models.encoders.embedded_mean import network as embedded_mean
from igsed_core.models.frontend import PannsLogMel

SAMPLE_RATE = 32_000
HOP = 320
MARGIN = 960  # samples of silence around a sound, so that its frames fade with the window
N_MELS = 64
EQ_POINTS = 5

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """All that decides the weights, apart from the code."""

    seed: int = 2026
    n_train: int = 140  # sounds of each kind
    n_validation: int = 30
    n_backgrounds: int = 120
    n_clips: int = 600  # validation clips
    frames: int = 321  # log-mel frames of a training clip: 3.2 s; of longer sounds, a part is taken
    steps: int = 1600
    batch: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    dropout: float = 0.2
    background_db: tuple[float, float] = (-72.0, -35.0)  # RMS, dBFS
    snr_db: tuple[float, float] = (5.0, 30.0)
    events: tuple[float, ...] = (0.05, 0.3, 0.35, 0.3)  # chances of 0, 1, 2, 3 sounds in a clip
    eq_db: float = 3.0  # standard deviation of a random colouring of each sound
    pooling: str = "max"  # over time, "max" and a linear layer or "mean" and a hidden layer
    ten_classes: bool = True  # whether the ten classes' kinds are among those learned

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is learned."""
        return tuple(kind for kind in procedural.kinds() if self.ten_classes or kind not in procedural.CLASSES)


# What each encoder differs by, and where its weights lie.
ENCODERS = {
    "embedded": (Settings(), embedded.WEIGHTS),
    "embedded_mean": (Settings(pooling="mean", ten_classes=False), embedded_mean.WEIGHTS),
}


# --- sounds
def _sound(kind: str, index: int, settings: Settings) -> Array:
    """An isolated sound with an RMS of 1."""
    x = procedural.synthesize(kind, seed=[settings.seed, index], region="pretrain", sample_rate=SAMPLE_RATE).astype(
        np.float32
    )
    return x / np.sqrt(np.mean(x**2))


def _background(index: int, settings: Settings) -> Array:
    """Ten seconds of noise with an RMS of 1."""
    x = procedural.synthesize_background(seed=[settings.seed, index], duration=10.0, sample_rate=SAMPLE_RATE).astype(
        np.float32
    )
    return x / np.sqrt(np.mean(x**2))


def _power(x: Array) -> Array:
    """Mel power (frames, mels) of a waveform."""
    with torch.no_grad():
        return PannsLogMel().power(torch.from_numpy(x)[None])[0].numpy()


def _kind_power(job: tuple[str, Settings]) -> list[Array]:
    """Mel power of the training sounds of one kind."""
    kind, settings = job
    torch.set_num_threads(1)
    return [_power(np.pad(_sound(kind, i, settings), MARGIN)) for i in range(settings.n_train)]


def _background_power(job: tuple[int, Settings]) -> Array:
    torch.set_num_threads(1)
    return _power(_background(*job))


def _validation_clip(job: tuple[int, Settings]) -> tuple[Array, Array]:
    """Mel power of a true mixture of 10 s made of held-out sounds, and its labels over the kinds."""
    index, settings = job
    torch.set_num_threads(1)
    kinds = settings.kinds
    rng = np.random.default_rng([settings.seed, 1, index])
    level = rng.uniform(*settings.background_db)
    clip = _background(settings.n_backgrounds + index, settings) * np.float32(10 ** (level / 20))
    labels = np.zeros(len(kinds), np.float32)
    n_events = rng.choice(len(settings.events), p=settings.events)
    for k in rng.choice(len(kinds), n_events, replace=False):
        sound = _sound(kinds[k], settings.n_train + int(rng.integers(settings.n_validation)), settings)
        start = int(rng.integers(clip.size - sound.size + 1))
        snr = rng.uniform(*settings.snr_db)
        clip[start : start + sound.size] += sound * np.float32(10 ** ((level + snr) / 20))
        labels[k] = 1.0
    return _power(clip), labels


@dataclass(frozen=True)
class Corpus:
    """Everything that training reads."""

    sounds: list[list[Array]]  # [kind][sound] -> (frames, mels)
    backgrounds: list[Array]
    clips: Array  # (clips, frames, mels)
    labels: Array  # (clips, kinds)


def _cache(settings: Settings) -> Path:
    """Where the corpus is kept, by all that it depends on."""
    own = ("seed", "n_train", "n_validation", "n_backgrounds", "n_clips", "background_db", "snr_db", "events")
    key = {name: value for name, value in dataclasses.asdict(settings).items() if name in own}
    text = json.dumps([key, settings.kinds, procedural.SYNTHESIS_VERSION])
    return data_dir() / "embedded_training" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"


def load_corpus(settings: Settings, workers: int) -> Corpus:
    """The corpus, made on first use and kept in the cache folder."""
    path = _cache(settings)
    if not path.is_file():
        corpus = make_corpus(settings, workers)
        flat = [sound for sounds in corpus.sounds for sound in sounds]
        with atomic(path) as temporary:
            np.savez(
                temporary,
                sounds=np.concatenate(flat),
                lengths=[len(sound) for sound in flat],
                backgrounds=np.stack(corpus.backgrounds),
                clips=corpus.clips,
                labels=corpus.labels,
            )
    with np.load(path) as file:
        sounds = np.split(file["sounds"], np.cumsum(file["lengths"])[:-1])
        n = settings.n_train
        return Corpus(
            [sounds[i : i + n] for i in range(0, len(sounds), n)],
            list(file["backgrounds"]),
            file["clips"],
            file["labels"],
        )


def make_corpus(settings: Settings, workers: int) -> Corpus:
    kinds = [(kind, settings) for kind in settings.kinds]
    backgrounds = [(i, settings) for i in range(settings.n_backgrounds)]
    mixtures = [(i, settings) for i in range(settings.n_clips)]
    sounds = parallel_map(_kind_power, kinds, workers=workers, desc="sounds")
    noises = parallel_map(_background_power, backgrounds, workers=workers, desc="backgrounds")
    clips = parallel_map(_validation_clip, mixtures, workers=workers, desc="validation clips")
    return Corpus(sounds, noises, np.stack([x for x, _ in clips]), np.stack([y for _, y in clips]))


# --- mixing
def mix(corpus: Corpus, settings: Settings, rng: np.random.Generator) -> tuple[Array, Array]:
    """One training clip: mel power (frames, mels) and labels over the kinds."""
    labels = np.zeros(len(corpus.sounds), np.float32)
    level = rng.uniform(*settings.background_db)
    background = corpus.backgrounds[rng.integers(len(corpus.backgrounds))]
    start = rng.integers(len(background) - settings.frames + 1)
    clip = background[start : start + settings.frames] * np.float32(10 ** (level / 10))
    n_events = rng.choice(len(settings.events), p=settings.events)
    for k in rng.choice(len(corpus.sounds), n_events, replace=False):
        sound = corpus.sounds[k][rng.integers(len(corpus.sounds[k]))]
        cut = rng.integers(max(0, len(sound) - settings.frames) + 1)
        sound = sound[cut : cut + settings.frames]
        start = rng.integers(settings.frames - len(sound) + 1)
        points = rng.normal(0.0, settings.eq_db, EQ_POINTS)
        colour = np.interp(np.linspace(0, EQ_POINTS - 1, N_MELS), np.arange(EQ_POINTS), points)
        gain = 10 ** ((level + rng.uniform(*settings.snr_db) + colour) / 10)
        clip[start : start + len(sound)] += sound * gain.astype(np.float32)
        labels[k] = 1.0
    return clip, labels


# --- training
class Tagger(nn.Module):
    """The encoder's network with the classifier that it is trained through."""

    def __init__(self, n_kinds: int, dropout: float, pooling: str) -> None:
        super().__init__()
        self.network = embedded.CompactCnn()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(embedded.N_FEATURES, n_kinds)
        # The hidden layer stands between the frames and the kinds, so that no frame's own linear reading is trained.
        self.hidden = nn.Linear(embedded.N_FEATURES, embedded.N_FEATURES) if pooling == "mean" else None
        # Most kinds are absent from most clips: begin there instead of spending the first steps on it.
        nn.init.constant_(self.classifier.bias, -3.0)

    def forward(self, log_mel: Tensor) -> Tensor:
        frames = self.network(log_mel).mean(dim=2)  # (batch, channels, time)
        if self.hidden is not None:
            return self.classifier(self.dropout(torch.relu(self.hidden(frames.mean(dim=2)))))
        # The maximum over time, as in the heads to come: unlike a mean, it does not depend on the clip's length.
        return self.classifier(self.dropout(frames.amax(dim=2)))


def train(corpus: Corpus, settings: Settings) -> Tagger:
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng([settings.seed, 0])
    frontend = PannsLogMel()
    tagger = Tagger(len(corpus.sounds), settings.dropout, settings.pooling)
    statistics = frontend.compress(torch.from_numpy(corpus.clips)).flatten(0, 1)
    tagger.network.bn0.running_mean.copy_(statistics.mean(0))
    tagger.network.bn0.running_var.copy_(statistics.var(0))
    optimizer = torch.optim.AdamW(tagger.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.steps, pct_start=0.15
    )
    bar = tqdm(range(settings.steps), "training")
    mean_loss = 0.0
    for step in bar:
        power, labels = zip(*(mix(corpus, settings, rng) for _ in range(settings.batch)), strict=True)
        log_mel = frontend.compress(torch.from_numpy(np.stack(power)))
        logits = tagger(log_mel)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(np.stack(labels)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        mean_loss += (loss.item() - mean_loss) / min(step + 1, 50)
        bar.set_postfix(loss=f"{mean_loss:.4f}")
    return tagger.eval()


# --- validation
FIGURES = {"mean_average_precision": "average_precision", "macro_f1": "f1"}


def average_precision(scores: Array, labels: Array) -> float:
    """Mean of the precision at each positive, in the order of falling scores."""
    hits = labels[np.argsort(-scores, kind="stable")] > 0
    precision = np.cumsum(hits) / np.arange(1, hits.size + 1)
    return float(precision[hits].mean())


def f1(scores: Array, labels: Array) -> float:
    """F1 of the decision `logit > 0`."""
    found = scores > 0
    hits = np.sum(found & (labels > 0))
    return float(2 * hits / max(1, found.sum() + labels.sum()))


def validate(tagger: Tagger, corpus: Corpus, settings: Settings) -> dict[str, object]:
    with torch.no_grad():
        log_mel = PannsLogMel().compress(torch.from_numpy(corpus.clips))
        logits = torch.cat([tagger(part) for part in log_mel.split(50)]).numpy()
    kinds = settings.kinds
    per_kind = {
        kind: {
            "clips": int(corpus.labels[:, k].sum()),
            "average_precision": round(average_precision(logits[:, k], corpus.labels[:, k]), 4),
            "f1": round(f1(logits[:, k], corpus.labels[:, k]), 4),
        }
        for k, kind in enumerate(kinds)
    }

    def mean(figure: str, names: tuple[str, ...]) -> float:
        return round(float(np.mean([per_kind[name][figure] for name in names])), 4)

    of_ten = (
        {name: mean(figure, procedural.CLASSES) for name, figure in FIGURES.items()} if settings.ten_classes else {}
    )
    return {
        "clips": len(logits),
        **{name: mean(figure, kinds) for name, figure in FIGURES.items()},
        **({"ten_classes": of_ten} if settings.ten_classes else {}),
        "per_kind": per_kind,
    }


# --- command line
def main() -> None:
    chooser = argparse.ArgumentParser(add_help=False)
    chooser.add_argument("--encoder", choices=sorted(ENCODERS), default="embedded", help="which to train")
    defaults, weights = ENCODERS[chooser.parse_known_args()[0].encoder]
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        parents=[chooser],
    )
    for option in ("seed", "steps", "batch", "n_train"):
        parser.add_argument(f"--{option.replace('_', '-')}", type=int, default=getattr(defaults, option))
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch, processes of the synthesis")
    parser.add_argument("--output", type=Path, default=weights, help="a .safetensors file")
    options = parser.parse_args()
    settings = dataclasses.replace(
        defaults,
        seed=options.seed,
        steps=options.steps,
        batch=options.batch,
        n_train=options.n_train,
    )
    torch.set_num_threads(options.threads)

    corpus = load_corpus(settings, options.threads)
    started = time.perf_counter()
    tagger = train(corpus, settings)
    record = {
        "settings": dataclasses.asdict(settings),
        "synthesis_version": procedural.SYNTHESIS_VERSION,
        "kinds": list(settings.kinds),
        "torch": torch.__version__,
        "threads": options.threads,
        "training_seconds": round(time.perf_counter() - started),
        "validation": validate(tagger, corpus, settings),
    }
    state = {name: tensor.contiguous() for name, tensor in tagger.network.state_dict().items()}
    with atomic(options.output) as temporary:
        safetensors.torch.save_file(state, temporary, metadata={"window": "hann", "seed": str(settings.seed)})
    write_text(options.output.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
    print(f"{options.output}: {json.dumps({k: v for k, v in record['validation'].items() if k != 'per_kind'})}")


if __name__ == "__main__":
    main()
