"""Parameters of the paper's experiment, one frozen dataclass per stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from igsed_core.base import plugins
from igsed_core.base.params import StageParams, param
from igsed_core.data.onsets import FILTERS, ONSETS
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.detection import scored

# What pages beyond the main job read from.
MAIN_JOB = ("data_synthesis", "training", "integrated_gradients", "baselines", "threshold_sensitivity")


@dataclass(frozen=True)
class DataSynthesis(StageParams):
    """Sound bank and soundscapes (paper, section II-A)."""

    title: ClassVar[str] = "Data synthesis"
    stage: ClassVar[str] = "data_synthesis"
    notebook: ClassVar[str] = "01_data_synthesis"
    long_steps: ClassVar[int] = 1
    tables: ClassVar[dict[str, str]] = {
        "clips": "every soundscape: split, events, polyphony, background",
        "events": "every event: class, onset, offset, event-to-background ratio, source file",
        "removed": "soundscapes that the polyphony filter removed",
    }

    soundbank: str = param(
        "procedural",
        "'procedural', 'desed' or 'real' (fetched), or the path of a folder bank",
        path="folder",
        registry=plugins.BANKS,
    )
    bank_train_files: int = param(60, "procedural bank: files per class in the train pool", low=1)
    bank_eval_files: int = param(25, "procedural bank: files per class in the eval pool", low=1)
    bank_backgrounds: int = param(20, "procedural bank: background files", low=1)
    background_source: str = param(
        "desed",
        "bank desed: 'desed' (its own), 'sins' (fetched), or the path of a folder",
        path="folder",
        names=("desed", "sins"),
    )
    duration: float = param(10.0, "length of a soundscape", unit="s", low=1.0, high=600.0)
    sample_rate: int = param(32000, "sample rate of bank and soundscapes", unit="Hz", low=8000)
    ref_db: float = param(-55.0, "level of the background", unit="LUFS", low=-100.0, high=0.0)
    events_min: int = param(1, "fewest foreground events in a soundscape", low=1)
    events_max: int = param(3, "most foreground events in a soundscape", low=1)
    snr_min: float = param(15.0, "lowest event-to-background ratio", unit="dB", low=-60.0, high=60.0)
    snr_max: float = param(25.0, "highest event-to-background ratio", unit="dB", low=-60.0, high=60.0)
    max_polyphony: int = param(2, "soundscapes with more simultaneous events are removed", low=1)
    overlap_filter: str = param("at_once", "what counts as simultaneous there", choices=tuple(FILTERS))
    onsets: str = param(
        "fitting", "where events begin ('cut' is DESED's, 'normal' Scaper's example)", choices=tuple(ONSETS)
    )
    n_train: int = param(1000, "soundscapes generated for training, before the removal", low=2)
    n_eval: int = param(250, "soundscapes generated for validation and test, before the removal", low=4)
    workers: int = param(0, "processes; 0 means one per core", low=0, high=512, execution=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(
            self.snr_min <= self.snr_max,
            f"parameter 'snr_min' ({self.snr_min}) exceeds 'snr_max' ({self.snr_max}): swap them",
        )
        self.require(
            self.events_min <= self.events_max,
            f"parameter 'events_min' ({self.events_min}) exceeds 'events_max' ({self.events_max}): swap them",
        )

    def outside(self) -> Any:
        """Fingerprint of the sound bank."""
        return soundbank.fingerprint(
            self.soundbank,
            seed=self.seed,
            sample_rate=self.sample_rate,
            n_train=self.bank_train_files,
            n_eval=self.bank_eval_files,
            n_background=self.bank_backgrounds,
            background_source=self.background_source,
        )

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return tuple((plugins.BANKS, name) for name in soundbank.used(self.soundbank))


@dataclass(frozen=True)
class Training(StageParams):
    """Encoder, feature frames, the three heads (paper, sections II-B and III-A)."""

    title: ClassVar[str] = "Training"
    stage: ClassVar[str] = "training"
    notebook: ClassVar[str] = "02_training"
    long_steps: ClassVar[int] = 1
    upstream: ClassVar[tuple[str, ...]] = ("data_synthesis",)
    tables: ClassVar[dict[str, str]] = {
        "history": "training and validation loss of each head by epoch",
        "predictions": "probability of every class in every validation and test soundscape, of each head",
        "classification": "precision, recall, F1 of each head and class (Table I)",
        "instances": "pairs present, evaluated, missed and false",
    }

    encoder: str = param("embedded_mean", "name of the frozen encoder", registry=plugins.ENCODERS)
    weights: str = param(
        "", "path of the encoder's checkpoint; empty: shipped with the package, or fetched", path="file"
    )
    window: str = param(
        "auto",
        "analysis window of the encoder's front end: 'auto' takes that of the checkpoint, another must agree with it",
        choices=("auto", "hann", "hamming"),
    )
    pooled_embedding: str = param(
        "dropped",
        "CNN14's layer fc1 with its ReLU, between pooling and output layer: the new output layer follows it, or not",
        choices=("dropped", "kept"),
    )
    learning_rate: float = param(1e-3, "Adam's learning rate", low=1e-9, high=10.0)
    batch_size: int = param(16, "soundscapes in a training batch", low=1)
    epochs: int = param(100, "most epochs", low=1)
    patience: int = param(10, "epochs without a lower validation loss before training stops", low=1)
    probability_threshold: float = param(
        0.5, "a class is detected in a clip if its probability exceeds this", low=0.0, high=1.0
    )
    device: str = param("auto", "'auto' takes CUDA where there is one", choices=("auto", "cpu", "cuda"), execution=True)

    def outside(self) -> Any:
        """Fingerprint of the checkpoint, where one is given."""
        path = Path(self.weights).expanduser()
        if not self.weights or not path.is_file():
            return None
        stat = path.stat()
        return [str(path.resolve()), stat.st_size, stat.st_mtime_ns]

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return ((plugins.ENCODERS, self.encoder),)


@dataclass(frozen=True)
class IntegratedGradients(StageParams):
    """Attribution of the clip-level classifier (paper, section II-C)."""

    title: ClassVar[str] = "Integrated Gradients"
    stage: ClassVar[str] = "integrated_gradients"
    notebook: ClassVar[str] = "03_integrated_gradients"
    long_steps: ClassVar[int] = 1
    upstream: ClassVar[tuple[str, ...]] = ("data_synthesis", "training")
    tables: ClassVar[dict[str, str]] = {"maps": "every map: score, completeness error, points on the path, seconds"}

    engine: str = param(
        "mel_path",
        "how the integral is computed: 'captum' is the paper's, 'mel_path' is faster and knows more rules",
        registry=plugins.ENGINES,
    )
    quadrature: str = param(
        "db_adaptive",
        "rule of the integral along the path; Captum's default, and the paper's, is gausslegendre",
        choices=(
            "gausslegendre",
            "riemann_left",
            "riemann_right",
            "riemann_middle",
            "riemann_trapezoid",
            "db_midpoint",
            "db_gauss",
            "db_adaptive",
        ),
    )
    n_steps: int = param(
        24, "points on the path from silence to the clip (the paper: 50); the most, for db_adaptive", low=1
    )
    tolerance: float = param(0.05, "quadrature db_adaptive: relative completeness error at which it stops", low=0.0)
    target: str = param(
        "logit", "what is attributed (the paper's words mean the probability)", choices=("logit", "probability")
    )
    precision: str = param(
        "float32",
        "arithmetic of the network on the path (engine mel_path)",
        choices=("float32", "bfloat16"),
    )
    internal_batch_size: int = param(5, "path points in one forward pass: memory only", low=1, execution=True)
    ig_workers: int = param(0, "processes on a CPU; 0 means one per core", low=0, high=512, execution=True)
    ig_device: str = param(
        "auto", "'auto' takes CUDA where there is one", choices=("auto", "cpu", "cuda"), execution=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(
            not self.quadrature.startswith("riemann") or self.n_steps > 1,
            f"parameter 'n_steps' is {self.n_steps}, but must be at least 2 for quadrature {self.quadrature!r}",
        )
        # Captum knows neither; to go on with something else would mislabel every map.
        for name, value, refused, instead in (
            (
                "quadrature",
                self.quadrature,
                self.quadrature.startswith("db_"),
                "quadrature=gausslegendre n_steps=50 (the paper's)",
            ),
            ("precision", self.precision, self.precision != "float32", "precision=float32"),
        ):
            self.require(
                self.engine != "captum" or not refused,
                f"parameter {name!r} is {value!r}, which engine 'captum' does not have: "
                f"use engine=mel_path, or {instead}",
            )

    def options(self) -> dict[str, Any]:
        """Options that :func:`igsed_core.attribution.ig.engines.create` takes for the chosen engine."""
        common = {"quadrature": self.quadrature, "n_steps": self.n_steps, "target": self.target}
        if self.engine == "captum":
            return {**common, "internal_batch_size": self.internal_batch_size}
        return {
            **common,
            "batch": self.internal_batch_size,
            "tolerance": self.tolerance,
            "precision": self.precision,
        }

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return ((plugins.ENGINES, self.engine),)


@dataclass(frozen=True)
class Baselines(StageParams):
    """Framewise detectors, random and energy (paper, sections III-A and III-B)."""

    title: ClassVar[str] = "Baselines"
    stage: ClassVar[str] = "baselines"
    notebook: ClassVar[str] = "04_baselines"
    upstream: ClassVar[tuple[str, ...]] = ("data_synthesis", "training")
    light: ClassVar[bool] = True

    energy: str = param("amplitude", "the energy baseline's score of a window", choices=("amplitude", "power"))

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return scored.uses(scored.BASELINES)


@dataclass(frozen=True)
class ThresholdSensitivity(StageParams):
    """Scores -> 100 ms frames -> masks -> metrics (paper, sections III-B to IV-D)."""

    title: ClassVar[str] = "Threshold sensitivity"
    stage: ClassVar[str] = "threshold_sensitivity"
    notebook: ClassVar[str] = "05_threshold_sensitivity"
    upstream: ClassVar[tuple[str, ...]] = ("data_synthesis", "training", "integrated_gradients", "baselines")
    tables: ClassVar[dict[str, str]] = {
        "detection": "each method at its own thresholds (Table II)",
        "per_class": "the same, per class (Table III)",
        "differences": "paired differences between methods at their own thresholds",
        "differences_two_way": "the same differences, with intervals over clips and source files",
        "further": "AUROC, average precision, event-based F1, onset and offset error, PSDS",
        "curves": "IoU and F1 at every threshold (Fig. 3)",
        "detection_at_ig_threshold": "every method at the thresholds chosen for Integrated Gradients",
    }

    frame_length: float = param(0.1, "evaluation frame", unit="s", low=0.01, high=1.0)
    min_coverage: float = param(
        0.0,
        "a frame is active if events cover more than this share of it (0: any of it)",
        low=0.0,
        high=0.999,
    )
    sign: str = param(
        "absolute",
        "which part of a signed attribution counts",
        choices=("absolute", "positive", "signed"),
    )
    percentile_min: float = param(1.0, "lowest percentile threshold", low=0.0, high=100.0)
    percentile_max: float = param(99.0, "highest percentile threshold", low=0.0, high=100.0)
    percentile_step: float = param(1.0, "step between percentile thresholds", low=0.01)
    replicates: int = param(1000, "bootstrap replicates over clips for the 95 % intervals", low=10)
    margin: float = param(
        0.03,
        "smallest difference (IoU, F1, pointing game) that a sentence names; 'level with' is said within it only",
        low=0.0,
        high=1.0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(
            self.percentile_min <= self.percentile_max,
            f"parameter 'percentile_min' ({self.percentile_min}) exceeds "
            f"'percentile_max' ({self.percentile_max}): swap them",
        )
        windows = round(self.frame_length / 0.01, 6)
        self.require(
            windows == int(windows),
            f"parameter 'frame_length' is {self.frame_length} s: use a multiple of 0.01 s, "
            "the resolution at which attributions are kept",
        )

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return scored.uses()


@dataclass(frozen=True)
class Results(StageParams):
    """Tables I-III and Figures 1-3 beside the paper's."""

    title: ClassVar[str] = "Results"
    stage: ClassVar[str] = "results"
    notebook: ClassVar[str] = "06_results"
    upstream: ClassVar[tuple[str, ...]] = MAIN_JOB
    light: ClassVar[bool] = True

    figure_2_seconds: float = param(
        0.0, "what Figure 2 shows of its clip, from the beginning (the paper: 4); 0: all of it", unit="s", low=0.0
    )

    def shown_seconds(self, duration: float) -> float:
        """Return what Figure 2 shows of a clip as long as ``duration``, in s."""
        return min(self.figure_2_seconds or duration, duration)

    def uses(self) -> tuple[tuple[str, str], ...]:
        """See :meth:`igsed_core.base.params.StageParams.uses`."""
        return scored.uses()


@dataclass(frozen=True)
class AtShifts(StageParams):
    """What pages have in common that read the encoder at shifts, and decide by models of absence and presence."""

    shifts: int = param(8, "shifts of a feature frame at which the encoder looks; 1: none", low=1, high=32)
    components: int = param(2, "normal densities of the frame logits in each state", low=1, high=10)


@dataclass(frozen=True)
class WithEdges(StageParams):
    """What pages have in common whose events may have their onsets and offsets calibrated on gates."""

    edges: bool = param(True, "take off onsets and offsets what decisions add to gates made of training clips")


@dataclass(frozen=True)
class WithGates(StageParams):
    """What pages have in common that calibrate the main job's detectors."""

    gates: int = param(20, "gates of each class and length on which edges are calibrated", low=1)


@dataclass(frozen=True)
class Calibrating(WithGates, AtShifts):
    """What pages have in common that calibrate Integrated Gradients, too."""

    attribution_gates: int = param(2, "the same for Integrated Gradients, which take longer; 0: none", low=0)
