"""Typed parameters: one frozen dataclass a stage; parameter file <-> notebook cell, both checked.

Every parameter has one name in the whole project, so that a parameter file is flat, an override is
``name=value`` and a notebook's ``parameters`` cell holds plain scalars.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

import yaml

from igsed_core.base.errors import IgsedError


def param(
    default: Any,
    doc: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    execution: bool = False,
) -> Any:
    """Declare a parameter: default, meaning, unit, bounds; ``execution`` marks those that change no result."""
    return field(
        default=default,
        metadata={
            "doc": doc,
            "unit": unit,
            "low": low,
            "high": high,
            "choices": choices,
            "execution": execution,
        },
    )


@dataclass(frozen=True)
class StageParams:
    """What every stage has: the experiment's name (its folder under ``runs/``) and the seed."""

    title: ClassVar[str] = ""

    experiment: str = param("embedded", "name of the experiment; its artefacts lie in runs/<experiment>")
    seed: int = param(2026, "seed of every random choice", low=0)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.experiment):
            raise IgsedError(
                f"parameter 'experiment' is {self.experiment!r}: "
                "use letters, digits, '.', '_' and '-' only, since it names a folder"
            )
        for f in fields(self):
            _check_bounds(f, getattr(self, f.name))

    def require(self, condition: bool, message: str) -> None:
        """Raise an :class:`IgsedError` with ``message`` unless ``condition`` holds."""
        if not condition:
            raise IgsedError(message)


@dataclass(frozen=True)
class DataSynthesis(StageParams):
    """Sound bank and soundscapes (paper, section II-A)."""

    title: ClassVar[str] = "Data synthesis"

    soundbank: str = param("procedural", "'procedural', 'desed' (fetched), or the path of a folder bank")
    bank_train_files: int = param(60, "procedural bank: files a class in the train pool", low=1)
    bank_eval_files: int = param(25, "procedural bank: files a class in the eval pool", low=1)
    bank_backgrounds: int = param(20, "procedural bank: background files", low=1)
    background_source: str = param("desed", "bank desed: 'desed' (its own), 'sins' (fetched), or the path of a folder")
    duration: float = param(10.0, "length of a soundscape", unit="s", low=1.0, high=600.0)
    sample_rate: int = param(32000, "sample rate of bank and soundscapes", unit="Hz", low=8000)
    ref_db: float = param(-55.0, "level of the background", unit="LUFS", low=-100.0, high=0.0)
    events_min: int = param(1, "fewest foreground events in a soundscape", low=1)
    events_max: int = param(3, "most foreground events in a soundscape", low=1)
    snr_min: float = param(15.0, "lowest event-to-background ratio", unit="dB", low=-60.0, high=60.0)
    snr_max: float = param(25.0, "highest event-to-background ratio", unit="dB", low=-60.0, high=60.0)
    max_polyphony: int = param(2, "soundscapes with more simultaneous events are removed", low=1)
    n_train: int = param(1000, "soundscapes generated for training, before the removal", low=2)
    n_eval: int = param(250, "soundscapes generated for validation and test, before the removal", low=4)
    workers: int = param(0, "processes; 0 means one a core", low=0, execution=True)

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


@dataclass(frozen=True)
class Training(StageParams):
    """Encoder, feature frames, the three heads (paper, sections II-B and III-A)."""

    title: ClassVar[str] = "Training"

    encoder: str = param("embedded", "name of the frozen encoder (registry igsed_core.models.encoders.registry)")
    weights: str = param("", "path of the encoder's checkpoint; empty: shipped with the package, or fetched")
    window: str = param(
        "auto",
        "analysis window of the encoder's front end: 'auto' takes that of the checkpoint, another must agree with it",
        choices=("auto", "hann", "hamming"),
    )
    learning_rate: float = param(1e-3, "Adam's learning rate", low=0.0)
    batch_size: int = param(16, "soundscapes in a training batch", low=1)
    epochs: int = param(100, "most epochs", low=1)
    patience: int = param(10, "epochs without a lower validation loss before training stops", low=1)
    probability_threshold: float = param(
        0.5, "a class is detected in a clip if its probability exceeds this", low=0.0, high=1.0
    )
    device: str = param("auto", "'auto' takes CUDA where there is one", choices=("auto", "cpu", "cuda"), execution=True)


@dataclass(frozen=True)
class IntegratedGradients(StageParams):
    """Attribution of the clip-level classifier (paper, section II-C)."""

    title: ClassVar[str] = "Integrated Gradients"

    engine: str = param(
        "mel_path",
        "how the integral is computed: 'captum' is the paper's, 'mel_path' is faster and knows more rules",
        choices=("captum", "mel_path"),
    )
    rule: str = param(
        "db_adaptive",
        "quadrature rule along the path; Captum's default, and the paper's, is gausslegendre",
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
    n_points: int = param(
        24, "points on the path from silence to the clip (the paper: 50); the most, for db_adaptive", low=1
    )
    tolerance: float = param(0.05, "rule db_adaptive: relative completeness error at which it stops", low=0.0)
    target: str = param("logit", "what is attributed (the paper does not say which)", choices=("logit", "probability"))
    precision: str = param(
        "float32",
        "arithmetic of the network on the path (engine mel_path)",
        choices=("float32", "bfloat16"),
    )
    internal_batch: int = param(5, "path points in one forward pass: memory only", low=1, execution=True)
    ig_workers: int = param(0, "processes on a CPU; 0 means one a core", low=0, execution=True)
    ig_device: str = param(
        "auto", "'auto' takes CUDA where there is one", choices=("auto", "cpu", "cuda"), execution=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(
            not self.rule.startswith("riemann") or self.n_points > 1,
            f"parameter 'n_points' is {self.n_points}, but must be at least 2 for rule {self.rule!r}",
        )
        # Captum knows neither; to go on with something else would mislabel every map.
        for name, value, refused, instead in (
            ("rule", self.rule, self.rule.startswith("db_"), "rule=gausslegendre n_points=50 (the paper's)"),
            ("precision", self.precision, self.precision != "float32", "precision=float32"),
        ):
            self.require(
                self.engine != "captum" or not refused,
                f"parameter {name!r} is {value!r}, which engine 'captum' does not have: "
                f"use engine=mel_path, or {instead}",
            )


@dataclass(frozen=True)
class Baselines(StageParams):
    """Framewise detectors, random and energy (paper, sections III-A and III-B)."""

    title: ClassVar[str] = "Baselines"

    energy: str = param("amplitude", "the energy baseline's score of a window", choices=("amplitude", "power"))


@dataclass(frozen=True)
class ThresholdSensitivity(StageParams):
    """Scores -> 100 ms frames -> masks -> metrics (paper, sections III-B to IV-D)."""

    title: ClassVar[str] = "Threshold sensitivity"

    frame_length: float = param(0.1, "evaluation frame", unit="s", low=0.01, high=1.0)
    min_coverage: float = param(
        0.0,
        "a frame is active if events cover more than this share of it (0: any of it)",
        low=0.0,
        high=0.999,
    )
    reading: str = param(
        "absolute",
        "which part of a signed attribution counts",
        choices=("absolute", "positive", "signed"),
    )
    percentile_min: float = param(1.0, "lowest percentile threshold", low=0.0, high=100.0)
    percentile_max: float = param(99.0, "highest percentile threshold", low=0.0, high=100.0)
    percentile_step: float = param(1.0, "step between percentile thresholds", low=0.01)
    replicates: int = param(1000, "bootstrap replicates over clips for the 95 % intervals", low=10)

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


@dataclass(frozen=True)
class ThresholdRules(StageParams):
    """Rules compared (not in the paper); frames, reading and replicates are those of the threshold sensitivity."""

    title: ClassVar[str] = "Threshold rules"


@dataclass(frozen=True)
class Results(StageParams):
    """Tables I-III and Figures 1-3 beside the paper's."""

    title: ClassVar[str] = "Results"


@dataclass(frozen=True)
class Methods(StageParams):
    """Every method that tells when, on the same clips (not in the paper)."""

    title: ClassVar[str] = "Which explanation tells when?"

    methods: str = param(
        "all", "methods of the registry igsed_core.attribution.registry, separated by commas; or 'all'"
    )
    methods_validation_clips: int = param(
        16, "validation soundscapes on which thresholds are chosen for each method (0: all)", low=0
    )
    methods_test_clips: int = param(30, "test soundscapes on which methods are compared (0: all)", low=0)


@dataclass(frozen=True)
class Conditions(StageParams):
    """The trained heads under other conditions: level, events, overlap, background, recordings (not in the paper)."""

    title: ClassVar[str] = "Other conditions"

    conditions_clips: int = param(16, "soundscapes generated for each condition", low=1)
    conditions_snr_min: float = param(-5.0, "lowest event-to-background ratio", unit="dB", low=-60.0, high=60.0)
    conditions_snr_max: float = param(25.0, "highest event-to-background ratio", unit="dB", low=-60.0, high=60.0)
    conditions_snr_step: float = param(5.0, "step between ratios", unit="dB", low=0.1)
    recordings: str = param("", "folder of annotated recordings that were not mixed; empty for none")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(
            self.conditions_snr_min <= self.conditions_snr_max,
            f"parameter 'conditions_snr_min' ({self.conditions_snr_min}) exceeds "
            f"'conditions_snr_max' ({self.conditions_snr_max}): swap them",
        )


@dataclass(frozen=True)
class EngineStudy(StageParams):
    """Rules, points and engines of the integral compared (not in the paper)."""

    title: ClassVar[str] = "How the integral is computed"

    engine_clips: int = param(20, "test soundscapes on which rules are compared", low=1)
    captum_clips: int = param(4, "those of them that Captum explains, too", low=1)
    reference_points: int = param(200, "points of the reference, evenly spread over decibels", low=2)


@dataclass(frozen=True)
class Faithfulness(StageParams):
    """Deletion and insertion, sanity checks, occlusion by loss gradient (not in the paper)."""

    title: ClassVar[str] = "Faithfulness"

    faithfulness_methods: str = param(
        "ig,cam,ixg,random,energy",
        "methods that are tested, separated by commas: of the main job, or of the registry igsed_core.attribution.registry",
    )
    replacements: str = param(
        "silence,background,mean",
        "what takes the place of occluded parts, by commas: silence, background (the clip's quietest tenth), mean",
    )
    faithfulness_target: str = param(
        "probability", "height of the deletion and insertion curves", choices=("probability", "logit")
    )
    faithfulness_clips: int = param(12, "test soundscapes with deletion and insertion curves", low=1)
    sanity_clips: int = param(5, "those of them that are explained with shuffled weights, too", low=1)
    occlusion_clips: int = param(0, "test soundscapes that are occluded by loss gradient; 0 means all", low=0)


@dataclass(frozen=True)
class Audit(StageParams):
    """The open points of the paper, each an experiment."""

    title: ClassVar[str] = "Audit of the paper"

    audit_clips: int = param(12, "test soundscapes explained again: other target, other window", low=1)
    audit_draws: int = param(100000, "soundscapes planned for each reading of the polyphony filter", low=100)


@dataclass(frozen=True)
class Localiser(StageParams):
    """When a class sounds, from clip-level labels alone (not in the paper)."""

    title: ClassVar[str] = "A localiser without time labels"

    shifts: int = param(8, "shifts of a feature frame at which the encoder looks; 1: none", low=1, high=32)
    components: int = param(2, "normal densities of the frame logits in each state", low=1, high=10)
    pooling_clips: int = param(12, "test soundscapes explained with the mean over time for the maximum, too", low=1)


@dataclass(frozen=True)
class SeedStudy(StageParams):
    """The main job under other seeds of training and of data (not in the paper)."""

    title: ClassVar[str] = "Seeds"

    seeds: str = param("2027, 2028", "further seeds, by commas; a single one in a parameter file is quoted")
    seeds_training_data: bool = param(
        False, "draw the training soundscapes anew, too: a whole run more for each of the seeds"
    )
    seeds_points: int = param(4, "points of rule db_midpoint in this study; 0: rule and points of the main job", low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        numbers = [text.strip() for text in self.seeds.split(",")]
        self.require(
            all(text.isdecimal() for text in numbers),
            f"parameter 'seeds' is {self.seeds!r}: write whole numbers, by commas, for instance '2027, 2028'",
        )
        self.require(
            len({self.seed, *self.further_seeds}) == 1 + len(numbers),
            f"parameter 'seeds' is {self.seeds!r}: each must differ from the others and from 'seed' ({self.seed})",
        )

    @property
    def further_seeds(self) -> tuple[int, ...]:
        """The numbers in ``seeds``."""
        return tuple(int(text) for text in self.seeds.split(","))


STAGE_PARAMS: dict[str, type[StageParams]] = {
    "data_synthesis": DataSynthesis,
    "training": Training,
    "integrated_gradients": IntegratedGradients,
    "baselines": Baselines,
    "threshold_sensitivity": ThresholdSensitivity,
    "results": Results,
    "threshold_rules": ThresholdRules,
    "methods": Methods,
    "faithfulness": Faithfulness,
    "conditions": Conditions,
    "localiser": Localiser,
    "engine": EngineStudy,
    "seeds": SeedStudy,
    "audit": Audit,
}


@dataclass(frozen=True)
class Experiment:
    """The parameters of all stages of one experiment, by stage name."""

    stages: dict[str, StageParams]

    @property
    def name(self) -> str:
        """The experiment's name."""
        return next(iter(self.stages.values())).experiment

    def values(self) -> dict[str, Any]:
        """All parameters as one flat mapping."""
        return {name: value for p in self.stages.values() for name, value in dataclasses.asdict(p).items()}


def parameter_fields(cls: type[StageParams] | None = None) -> dict[str, dataclasses.Field[Any]]:
    """Fields by parameter name: of one stage, or of all stages in their order."""
    classes = [cls] if cls else list(STAGE_PARAMS.values())
    return {f.name: f for c in classes for f in fields(c)}


def build(cls: type[StageParams], values: dict[str, Any], *, source: str) -> StageParams:
    """Check ``values`` and build one stage's parameters.

    Parameters
    ----------
    cls
        The stage's dataclass.
    values
        Parameter name -> plain scalar.
    source
        Where the values come from (a file or a notebook): named in every error.

    Raises
    ------
    IgsedError
        For an unknown name, a wrong type or a value out of bounds; the message lists what is valid.
    """
    known = parameter_fields(cls)
    _reject_unknown(values, known, source)
    typed = {name: _coerce(known[name], value, source) for name, value in values.items()}
    try:
        return cls(**typed)
    except IgsedError as error:
        raise IgsedError(f"{source}: {error}") from None


def load(path: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Experiment:
    """Read a parameter file (YAML, flat), apply ``name=value`` overrides, check everything.

    Raises
    ------
    IgsedError
        If the file is missing or no flat YAML mapping, has a key twice, or holds an unknown or
        ill-typed parameter; the message names file and parameter and lists the valid ones.
    """
    path = Path(path)
    if not path.is_file():
        raise IgsedError(f"parameter file {path} does not exist: give one such as params/embedded.yaml")
    try:
        values = yaml.load(path.read_text(), Loader=_StrictLoader)
    except yaml.YAMLError as error:
        raise IgsedError(f"parameter file {path} is not valid YAML: {error}") from None
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise IgsedError(f"parameter file {path} must hold 'name: value' lines")
    known = parameter_fields()
    _reject_unknown(values, known, f"parameter file {path}")
    for item in overrides:
        name, sign, text = item.partition("=")
        if not sign:
            raise IgsedError(f"override {item!r}: write it as name=value, for instance snr_min=5")
        _reject_unknown({name: text}, known, f"override {item!r}")
        try:
            values[name] = text if known[name].type == "str" else yaml.safe_load(text)
        except yaml.YAMLError:
            raise IgsedError(f"override {item!r}: {text!r} is no number; write it as name=value") from None
    return from_values(values, source=f"parameter file {path}")


def from_values(values: dict[str, Any], *, source: str = "parameters") -> Experiment:
    """Split a flat mapping of parameters over the stages (missing ones take their defaults)."""
    _reject_unknown(values, parameter_fields(), source)
    stages = {}
    for name, cls in STAGE_PARAMS.items():
        mine = {key: value for key, value in values.items() if key in parameter_fields(cls)}
        stages[name] = build(cls, mine, source=source)
    return Experiment(stages)


def result_values(params: StageParams) -> dict[str, Any]:
    """The parameters that can change a result: all but the experiment's name and those of execution."""
    return {
        f.name: getattr(params, f.name)
        for f in fields(params)
        if not f.metadata.get("execution") and f.name != "experiment"
    }


def _reject_unknown(values: dict[str, Any], known: dict[str, Any], source: str) -> None:
    for name in values:
        if name in known:
            continue
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise IgsedError(f"{source}: unknown parameter {name!r}.{hint} Valid ones: {', '.join(known)}")


def _coerce(f: dataclasses.Field[Any], value: Any, source: str) -> Any:
    """Return ``value`` as the field's type; whole numbers pass as floats, nothing else is converted."""
    kind = str(f.type)
    if isinstance(value, str) and kind == "float":
        value = _number_from(value)  # YAML 1.1 reads 1e-3 as text
    good = {
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, int | float) and not isinstance(value, bool),
        "str": isinstance(value, str),
        "bool": isinstance(value, bool),
    }[kind]
    if not good:
        names = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}
        raise IgsedError(
            f"{source}: parameter {f.name!r} is {value!r}, but must be {names[kind]} "
            f"({f.metadata['doc']}; default {f.default!r})"
        )
    return float(value) if kind == "float" else value


def _number_from(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _check_bounds(f: dataclasses.Field[Any], value: Any) -> None:
    low, high, choices = (f.metadata.get(k) for k in ("low", "high", "choices"))
    if choices and value not in choices:
        raise IgsedError(f"parameter {f.name!r} is {value!r}: choose one of {', '.join(choices)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise IgsedError(f"parameter {f.name!r} is {value!r}, but must be a finite number")
    if (low is not None and value < low) or (high is not None and value > high):
        limits = ((f"at least {low}", low), (f"at most {high}", high))
        bounds = " and ".join(text for text, bound in limits if bound is not None)
        raise IgsedError(f"parameter {f.name!r} is {value!r}, but must be {bounds}")


class _StrictLoader(yaml.SafeLoader):
    """A YAML loader for which a key given twice is an error (by default the second silently wins)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping, refusing duplicate keys."""
        mapping = super().construct_mapping(node, deep=deep)  # refuses keys that are no scalars
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return mapping
