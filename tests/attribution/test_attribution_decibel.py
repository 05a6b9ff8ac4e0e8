import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import cnn14_checkpoint
from igsed_core.attribution.ig import engines, mel_path, quadrature, reduced
from igsed_core.attribution.ig.decibel import MelPathIntegratedGradients
from igsed_core.base import devices
from igsed_core.base.errors import IgsedError
from igsed_core.models import heads
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders import registry as encoders
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.encoders.cnn14 import from_checkpoint
from igsed_core.models.encoders.embedded.network import CompactCnn
from igsed_core.models.encoders.mobilenet import MobileNet
from igsed_core.models.frontend import EfficientATLogMel, FrontEnd, PannsLogMel

SHARED = Path(os.environ.get("IGSED_SHARED") or Path(__file__).resolve().parents[3] / "shared")
CHECKPOINT = SHARED / "weights" / "mn04_as_mAP_432.pt"
RECORDINGS = sorted((SHARED / "realbank").rglob("*.flac")) or sorted((SHARED / "realbank").rglob("*.wav"))
SAMPLES = 14_400  # 0.45 s: more than one feature frame of every encoder
CLASSES = ("Alarm", "Dog", "Speech")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """These networks are too small to share, and threads that wait for each other slow a busy machine down."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noise(n_clips: int = 1, *, samples: int = SAMPLES, seed: int = 0) -> Tensor:
    """Noise whose level rises and falls, so that attribution has something to find."""
    rng = np.random.default_rng([seed, 11])
    envelope = 1.2 + np.sin(np.linspace(0, 6, samples) + rng.uniform(0, 6, (n_clips, 1)))
    return torch.from_numpy(0.05 * envelope * rng.standard_normal((n_clips, samples)))


def settle_statistics(network: nn.Module, log_mel: Tensor) -> None:
    """Give an untrained network the batch statistics of some input, so that nothing vanishes or explodes."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        network.train()(log_mel)
    network.eval()


def untrained(network: nn.Module, frontend: FrontEnd, n_features: int) -> Classifier:
    settle_statistics(network, frontend(noise(2).float()))
    encoder = Encoder(
        "untrained",
        frontend,
        network,
        n_features=n_features,
        frame_duration=0.32,
        frame_start=0.0,
        weights_sha256="",
    )
    return Classifier(encoder, heads.create("clip_level", n_features, CLASSES, seed=1)).double().eval()


def embedded() -> Classifier:
    """The encoder in the package, trained, below an untrained head."""
    return Classifier(encoders.load("embedded"), heads.create("clip_level", 512, CLASSES, seed=1)).double().eval()


def mobilenet() -> Classifier:
    torch.manual_seed(0)
    return untrained(MobileNet(), EfficientATLogMel(), 384)


@pytest.fixture(scope="module", params=[embedded, mobilenet], ids=["embedded", "mn04_as"])
def classifier(request: pytest.FixtureRequest) -> Classifier:
    return request.param()


def relative(a: Tensor, b: Tensor) -> float:
    return float(((a - b).norm() / b.norm()).detach())


# --- parity with Captum
@pytest.mark.parametrize(
    ("rule", "target"), [*((rule, "logit") for rule in quadrature.STRAIGHT), ("gausslegendre", "probability")]
)
def test_same_points_give_captums_attribution(classifier: Classifier, rule: str, target: str) -> None:
    x = noise()[0]
    options = {"quadrature": rule, "n_steps": 3, "target": target}
    expected = engines.create("captum", **options)(classifier, x, [2, 0])
    result = engines.create("mel_path", **options)(classifier, x, [2, 0])
    assert relative(result.samples, expected.samples) < 1e-6
    torch.testing.assert_close(result.score, expected.score)
    torch.testing.assert_close(result.baseline_score, expected.baseline_score)
    torch.testing.assert_close(result.completeness_error, expected.completeness_error, rtol=1e-4, atol=1e-6)


def cnn14() -> Classifier:
    """CNN14 with the random weights of the tests' checkpoint."""
    encoder = from_checkpoint({"model": cnn14_checkpoint.state_dict()}, Path("random"), "", "")
    return Classifier(encoder, heads.create("clip_level", encoder.n_features, CLASSES, seed=1)).double().eval()


def test_cnn14_is_attributed_as_by_captum() -> None:
    model, x = cnn14(), noise()[0]
    expected = engines.create("captum", n_steps=2)(model, x, [0])
    result = engines.create("mel_path", quadrature="gausslegendre", n_steps=2)(model, x, [0])
    assert relative(result.samples, expected.samples) < 1e-6


@pytest.mark.skipif(
    not (CHECKPOINT.is_file() and RECORDINGS), reason="the shared weights and recordings are absent (IGSED_SHARED)"
)
@pytest.mark.parametrize("name", ["embedded", "mn04_as"])
def test_parity_on_recordings(name: str) -> None:
    """Both engines agree in double precision; in single precision both are off the truth by as much.

    Rounding flips a few of the network's kinks (its ReLUs and maxima), one time in this engine, another in Captum's,
    so that the two may differ by more than rounding. What counts is how far each is from double precision.
    """
    encoder = encoders.load(name, weights=str(CHECKPOINT) if name == "mn04_as" else "")
    model = Classifier(encoder, heads.create("clip_level", encoder.n_features, CLASSES, seed=1)).eval()
    options = {"quadrature": "gausslegendre", "n_steps": 5}
    made = [engines.create(engine, **options) for engine in ("captum", "mel_path")]
    singles, doubles = [], []
    for recording in RECORDINGS[:40:10]:
        samples, rate = soundfile.read(recording, dtype="float32", always_2d=True)
        x = torch.from_numpy(np.resize(samples[:, 0], rate).copy())
        singles.append([engine(model.float(), x, [0]).samples.double() for engine in made])
        doubles.append([engine(model.double(), x.double(), [0]).samples for engine in made])
    assert max(relative(mine, captum) for captum, mine in doubles) < 1e-6
    errors = [[relative(s, d) for s, d in zip(*pair, strict=True)] for pair in zip(singles, doubles, strict=True)]
    theirs, mine = np.max(errors, axis=0)
    assert mine < 2 * theirs + 1e-4
    assert mine < 2e-3


# --- closed forms
class OneFrame(nn.Module):
    """All of the log-mel map as one feature frame, so that a head is a linear function of the map."""

    def forward(self, log_mel: Tensor) -> Tensor:
        return log_mel.flatten(1)[:, :, None, None]


class Compressed(PannsLogMel):
    """The same mel power under another element-wise map."""

    def __init__(self, compression: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.compression = compression

    def compress(self, power: Tensor) -> Tensor:
        return self.compression(power)


def additive(compression: Callable[[Tensor], Tensor], samples: int = 3200) -> Classifier:
    frontend = Compressed(compression)
    n_features = frontend.power(torch.zeros(1, samples)).numel()
    encoder = Encoder(
        "additive", frontend, OneFrame(), n_features=n_features, frame_duration=0.01, frame_start=0.0, weights_sha256=""
    )
    return Classifier(encoder, heads.create("clip_level", n_features, CLASSES, seed=3)).double().eval()


@pytest.mark.parametrize("rule", [*quadrature.STRAIGHT, *quadrature.DECIBEL])
def test_quadratic_network_in_closed_form(rule: str) -> None:
    # F = sum(c m) + b is quadratic in the waveform: 2 m v = c m.
    model, x = additive(lambda power: power), noise(samples=3200)[0]
    result = engines.create("mel_path", quadrature=rule, n_steps=400, floor=-100.0)(model, x, [1])
    power = model.encoder.frontend.power(x[None])[0]
    c = model.head.linear.weight[1].view_as(power)
    torch.testing.assert_close(result.time_frequency[0], c * power, rtol=5e-3, atol=1e-9)


def test_network_linear_along_the_path_needs_one_point() -> None:
    # F(a x) = a F(x) where the compression is a square root, so that any point shows the slope everywhere.
    model, x = additive(torch.sqrt), noise(samples=3200)[0]
    result = engines.create("mel_path", quadrature="gausslegendre", n_steps=1)(model, x, [0])
    amplitude = model.encoder.frontend.power(x[None])[0].sqrt()
    c = model.head.linear.weight[0].view_as(amplitude)
    torch.testing.assert_close(result.time_frequency[0], c * amplitude)
    assert result.completeness_error < 1e-9


@pytest.mark.parametrize(("rule", "n_steps"), [("db_midpoint", 200), ("db_gauss", 60), ("db_adaptive", 200)])
def test_logarithm_of_mel_power_in_closed_form(rule: str, n_steps: int) -> None:
    # A sum of functions of single bins is attributed bin by bin: c (phi(m) - phi(0)).
    model, x = additive(lambda power: torch.log(power + 1e-5)), noise(samples=3200)[0]
    engine = MelPathIntegratedGradients(quadrature=rule, n_steps=n_steps, tolerance=1e-4)
    result = engine(model, x, [2])
    power = model.encoder.frontend.power(x[None])[0]
    c = model.head.linear.weight[2].view_as(power)
    expected = c * torch.log1p(power / 1e-5)
    assert relative(result.time_frequency[0], expected) < 5e-3


# --- identities
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16), gain=st.floats(0.05, 5.0), rule=st.sampled_from(["db_midpoint", "db_adaptive"]))
def test_attributions_of_samples_frames_and_bins_sum_to_the_change_of_the_score(
    seed: int, gain: float, rule: str
) -> None:
    model = additive(lambda power: torch.log(power + 1e-5), samples=1600)
    x = gain * noise(samples=1600, seed=seed)[0]
    result = MelPathIntegratedGradients(quadrature=rule, n_steps=60, tolerance=0.01)(model, x, [0, 1])
    change = result.score - result.baseline_score
    near = {"rtol": 0.02, "atol": 0.02 * float(result.time_frequency.abs().sum(dim=(1, 2)).max())}
    torch.testing.assert_close(result.frames.sum(dim=1), change, **near)
    torch.testing.assert_close(result.samples.sum(dim=1), result.frames.sum(dim=1))
    torch.testing.assert_close(result.time_frequency.sum(dim=2), result.frames)


def test_completeness_error_vanishes_with_more_points() -> None:
    # An untrained network will not do: its score along the path is too wild for any number of points.
    clips, classifier = noise(2, seed=4), embedded()

    def error(n: int) -> float:
        engine = MelPathIntegratedGradients(quadrature="db_midpoint", n_steps=n)
        results = engine.many(classifier, clips, [[0, 1, 2]] * 2)
        change = torch.cat([one.score - one.baseline_score for one in results])
        total = torch.cat([one.samples.sum(dim=1) for one in results])
        return float((total - change).abs().sum() / change.abs().sum())

    assert error(64) < 0.1
    assert error(64) < error(4) / 2


def test_batch_size_and_company_change_nothing_beyond_rounding() -> None:
    classifier = embedded()
    clips, classes = noise(2, seed=2), [[1], [2, 0]]
    for rule in ("db_midpoint", "db_adaptive"):
        whole = MelPathIntegratedGradients(quadrature=rule, n_steps=14, batch=16).many(classifier, clips, classes)
        one_by_one = MelPathIntegratedGradients(quadrature=rule, n_steps=14, batch=1)
        for clip, wanted, together in zip(clips, classes, whole, strict=True):
            alone = one_by_one(classifier, clip, wanted)
            assert relative(together.samples, alone.samples) < 1e-8
            torch.testing.assert_close(together.score, alone.score)
            assert together.points is not None
            torch.testing.assert_close(together.points, alone.points)


def test_classes_together_are_the_classes_alone(classifier: Classifier) -> None:
    x = noise(seed=5)[0]
    for rule, n_steps in (("db_gauss", 6), ("db_adaptive", 15)):
        engine = MelPathIntegratedGradients(quadrature=rule, n_steps=n_steps)
        together = engine(classifier, x, [2, 0, 1])
        assert together.points is not None
        for row, c in enumerate([2, 0, 1]):
            alone = engine(classifier, x, [c])
            assert relative(together.samples[row], alone.samples[0]) < 1e-8
            assert alone.n_steps == together.points[row]


# --- the adaptive rule
def test_adaptive_stops_at_the_tolerance_or_at_the_bound() -> None:
    clips, classifier = noise(2, seed=6), embedded()
    results = MelPathIntegratedGradients(n_steps=40, tolerance=0.05).many(classifier, clips, [[0, 1]] * 2)
    for one in results:
        assert one.points is not None
        assert ((one.completeness_error <= 0.0501) | (one.points == 40)).all()
        assert one.n_steps == one.points.max()
    tight = MelPathIntegratedGradients(n_steps=17, tolerance=0.0)(classifier, clips[0], [0])
    assert tight.n_steps == 17


@pytest.mark.parametrize(("n_steps", "first"), [(32, 12), (8, 6)])
def test_adaptive_puts_points_where_the_score_changes(n_steps: int, first: int) -> None:
    # Bins of one power rise above the floor together, at one level.
    model = additive(lambda power: torch.sigmoid(20 * torch.log10(power * 1e3 + 1e-12)), samples=3200)
    x = noise(samples=3200, seed=3)[0]
    levels: list[float] = []
    evaluated = mel_path.gradients

    def spy(score: object, power: object, classes: object, gains: np.ndarray, scale: object) -> object:
        levels.extend(20 * np.log10(gains))
        return evaluated(score, power, classes, gains, scale)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("igsed_core.attribution.ig.adaptive.gradients", spy)
        MelPathIntegratedGradients(n_steps=n_steps, tolerance=0.0, floor=-100.0)(model, x, [0])
    power = model.encoder.frontend.power(x[None])
    turning = -10 * np.log10(1e3 * power.median().item())
    assert len(levels) == n_steps
    assert np.allclose(np.diff(levels[:first]), 100 / first)
    halved = np.array(levels[first:])
    assert (np.abs(halved - turning) < 20).mean() > 0.8


def test_a_silent_clip_is_attributed_nothing(classifier: Classifier) -> None:
    for rule in ("db_midpoint", "db_adaptive"):
        result = MelPathIntegratedGradients(quadrature=rule, n_steps=12)(classifier, torch.zeros(SAMPLES).double(), [0])
        assert not result.samples.any()


# --- the range of levels
def floors(classifier: Classifier, waveform: Tensor) -> tuple[reduced.MelScore, Tensor, Tensor, Tensor, list[float]]:
    model = reduced.MelScore(classifier)
    power = model.encoder.frontend.power(waveform).detach()
    silence, score = model.silence(power), mel_path.scores(model, power, batch=2)
    return model, power, silence, score, mel_path.floor(model, power, silence, score, batch=2)


def test_path_begins_where_no_score_differs_from_silence(classifier: Classifier) -> None:
    clips = torch.cat([noise(seed=7), 30 * noise(seed=8)])
    model, power, silence, score, levels = floors(classifier, clips)
    change = (score - silence).abs()
    for clip, lowest in enumerate(levels):
        for level in (lowest, lowest - 10):
            left_out = (model(10 ** (level / 10) * power[clip : clip + 1])[0] - silence).abs()
            assert (left_out <= 0.01 * torch.maximum(change[clip], 0.25 * change[clip].max())).all()
    assert levels == pytest.approx(floors(classifier, clips[:1])[-1] + floors(classifier, clips[1:])[-1])


def test_path_of_a_louder_clip_begins_lower() -> None:
    # In closed form: the score of c log(1 + m / 1e-5) near silence is c m / 1e-5.
    model = additive(lambda power: torch.log(power + 1e-5))
    quiet, loud = (floors(model, gain * noise(samples=3200))[-1][0] for gain in (1.0, 10.0))
    assert -26 < loud - quiet < -14  # 20 dB more leave 20 dB more of path


# --- the lean copy
def test_folding_changes_no_score_and_leaves_no_batch_normalisation_behind_convolutions() -> None:
    model = mobilenet()
    folded = reduced.fold_batch_norm(model.encoder.network)
    log_mel = model.encoder.frontend(noise(2))
    torch.testing.assert_close(folded(log_mel), model.encoder.network(log_mel))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in model.encoder.network.modules())


class SharedConvolution(nn.Module):
    """One convolution normalised in two ways: it must not be folded twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(2), nn.BatchNorm2d(2)])
        self.norms[1].running_var.fill_(4.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.norms[0](self.conv(x)) + self.norms[1](self.conv(x))


class Untraceable(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def test_what_cannot_be_folded_is_left_as_it_is() -> None:
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((1, 1, 5, 5))).float()
    shared = SharedConvolution().eval()
    torch.testing.assert_close(reduced.fold_batch_norm(shared)(x), shared(x))
    torch.testing.assert_close(reduced.fold_batch_norm(Untraceable())(x), Untraceable()(x))


def test_a_changed_head_is_noticed() -> None:
    model, x, engine = embedded(), noise()[0], MelPathIntegratedGradients(quadrature="db_midpoint", n_steps=2)
    before = engine(model, x, [0])
    with torch.no_grad():
        model.head.linear.weight.mul_(2.0)
    torch.testing.assert_close(engine(model, x, [0]).samples, 2 * before.samples)


# --- encoders without the form
class Magnitude(PannsLogMel):
    """A front end that is no quadratic map."""

    def power(self, waveform: Tensor) -> Tensor:
        return super().power(waveform).clamp_min(1e-9).sqrt()


class Normalised(PannsLogMel):
    """A compression that is not element by element."""

    def compress(self, power: Tensor) -> Tensor:
        log_mel = super().compress(power)
        return log_mel - torch.arange(log_mel.shape[1]).to(log_mel)[:, None]


class WithContext(Encoder):
    """An encoder that uses more than its front end and feature map."""

    def forward(self, waveform: Tensor) -> Tensor:
        return super().forward(waveform) + waveform.abs().mean()


@pytest.mark.parametrize(
    ("frontend", "kind", "message"),
    [
        (Magnitude, Encoder, "no quadratic map"),
        (Normalised, Encoder, "no quadratic map"),
        (PannsLogMel, WithContext, "front end and feature map alone"),
    ],
)
def test_another_form_is_refused_with_the_remedy_or_left_to_captum(
    frontend: type[FrontEnd], kind: type[Encoder], message: str
) -> None:
    encoder = kind(
        "other",
        frontend(),
        CompactCnn(),
        n_features=512,
        frame_duration=0.32,
        frame_start=0.0,
        weights_sha256="",
    )
    model = Classifier(encoder, heads.create("clip_level", 512, CLASSES, seed=1)).double().eval()
    x, options = noise()[0], {"quadrature": "riemann_middle", "n_steps": 3}
    with pytest.raises(IgsedError, match=f"{message}.*engine=captum"):
        engines.create("mel_path", **options)(model, x, [0])
    result = engines.create("mel_path", fallback=True, **options)(model, x, [0])
    expected = engines.create("captum", **options)(model, x, [0])
    torch.testing.assert_close(result.samples, expected.samples)
    assert result.time_frequency is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quadrature": "simpson"}, "'quadrature'.*db_adaptive"),
        ({"target": "odds"}, "'target'.*probability"),
        ({"precision": "float8"}, "'precision'.*bfloat16"),
        ({"batch": 0}, "'batch'"),
        ({"floor": 3.0}, "'floor'.*negative"),
        ({"n_steps": 0}, "'n_steps'"),
    ],
)
def test_options_are_checked(options: dict[str, object], message: str) -> None:
    with pytest.raises(IgsedError, match=message):
        engines.create("mel_path", **options)


def test_bfloat16_is_near_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = embedded().float(), noise()[0].float()
    engine = MelPathIntegratedGradients(quadrature="db_midpoint", n_steps=12, precision="bfloat16")
    if devices.has_bfloat16("cpu"):
        exact = MelPathIntegratedGradients(quadrature="db_midpoint", n_steps=12)(model, x, [0])
        assert torch.cosine_similarity(engine(model, x, [0]).frames, exact.frames) > 0.95
    monkeypatch.setattr(devices, "has_bfloat16", lambda device: False)
    with pytest.raises(IgsedError, match=r"'precision' is 'bfloat16'.*use 'float32'"):
        engine(embedded().float(), x, [0])


@pytest.mark.skipif(not devices.has_bfloat16("cpu"), reason="this processor has no bfloat16")
def test_bfloat16_explains_a_deep_network_however_coarsely() -> None:
    """Its scores may be far from those in single precision; that is an error to report, not another network."""
    model, x = mobilenet().float(), noise()[0].float()
    single = MelPathIntegratedGradients(quadrature="db_midpoint", n_steps=12)(model, x, [0, 1])
    coarse = MelPathIntegratedGradients(quadrature="db_midpoint", n_steps=12, precision="bfloat16")(model, x, [0, 1])
    assert (single.score != coarse.score).any()
    assert torch.cosine_similarity(single.samples, coarse.samples).min() > 0
    assert torch.isfinite(coarse.completeness_error).all()
