import json
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import soundfile
import torch
from torch import Tensor, nn

from igsed_core.base.errors import IgsedError
from igsed_core.data import assets
from igsed_core.data.soundbank import procedural
from igsed_core.models.encoders import registry as encoders
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.encoders.embedded import network as embedded
from igsed_core.models.encoders.embedded_mean import network as embedded_mean
from igsed_core.models.encoders.mobilenet import MobileNet, MobileNetEncoder

SHARED = Path(os.environ.get("IGSED_SHARED") or Path(__file__).resolve().parents[3] / "shared")
CHECKPOINT = SHARED / "weights" / "mn04_as_mAP_432.pt"
REFERENCE = SHARED / "weights" / "mn04_as_reference.npz"
needs_shared = pytest.mark.skipif(
    not (CHECKPOINT.is_file() and REFERENCE.is_file()),
    reason="the shared weights are absent (folder: IGSED_SHARED or ../shared)",
)


@pytest.fixture(scope="module")
def untrained_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the right shape, so that mn04_as is tested without its public weights too."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "untrained.pt"
    torch.save(MobileNet().state_dict(), path)
    return path


@pytest.fixture(params=["embedded", "embedded_mean", "mn04_as"])
def encoder(request: pytest.FixtureRequest, untrained_checkpoint: Path) -> Encoder:
    weights = {"mn04_as": str(untrained_checkpoint)}
    return encoders.load(request.param, weights=weights.get(request.param, ""))


def noise(samples: int, batch: int = 1) -> Tensor:
    x = 0.1 * np.random.default_rng([7, 0]).standard_normal((batch, samples))
    return torch.from_numpy(x.astype(np.float32))


# --- parity with the authors' code
@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    with np.load(REFERENCE) as file:
        return dict(file)


@pytest.fixture(scope="module")
def mn04_as() -> MobileNetEncoder:
    encoder = encoders.load("mn04_as", weights=str(CHECKPOINT))
    assert isinstance(encoder, MobileNetEncoder)
    return encoder


@pytest.fixture(scope="module")
def reference_input(reference: dict[str, np.ndarray]) -> Tensor:
    clips = np.zeros((4, 320_000), np.float32)
    for clip, name in zip(clips[:3], reference["inputs"][:3], strict=True):
        x, _ = soundfile.read(SHARED / "realbank" / str(name), dtype="float32")
        clip[: x.size] = x
    clips[3] = 0.1 * np.random.default_rng(0).standard_normal(320_000)
    return torch.from_numpy(clips)


@needs_shared
def test_mn04_as_agrees_with_the_authors(
    mn04_as: MobileNetEncoder, reference: dict[str, np.ndarray], reference_input: Tensor
) -> None:
    with torch.no_grad():
        log_mel = mn04_as.frontend(reference_input)  # (batch, frames, mels)
        features = mn04_as(reference_input)  # (batch, time, channels)
        embedding = mn04_as.feature_map(log_mel).mean(dim=(2, 3))
        logits = mn04_as.audioset_logits(reference_input)
    thinned = log_mel.transpose(1, 2)[:, ::8, ::20]
    for ours, name in ((thinned, "log_mel"), (embedding, "embedding"), (logits, "logits")):
        np.testing.assert_allclose(ours.numpy(), reference[name], rtol=0, atol=1e-4, err_msg=name)
    np.testing.assert_allclose(
        features.transpose(1, 2).numpy(), reference["feature_map"], rtol=0, atol=1e-4, err_msg="feature_map"
    )


@needs_shared
def test_public_checkpoint_has_its_checksum(mn04_as: MobileNetEncoder) -> None:
    assert f"sha256:{mn04_as.weights_sha256}" == assets.REGISTRY["mn04_as"].checksum


# --- what the second embedded encoder is for
def test_the_second_encoder_was_pretrained_otherwise_and_without_the_ten_classes() -> None:
    record = json.loads(embedded_mean.WEIGHTS.with_suffix(".json").read_text())
    assert not set(record["kinds"]) & set(procedural.CLASSES)
    assert set(record["kinds"]) | set(procedural.CLASSES) == set(procedural.kinds())
    assert record["settings"]["pooling"] == "mean" and not record["settings"]["ten_classes"]
    first, second = (encoders.load(name) for name in ("embedded", "embedded_mean"))
    assert (first.name, second.name) == ("embedded", "embedded_mean")
    assert first.weights_sha256 != second.weights_sha256
    assert embedded_mean.WEIGHTS.stat().st_size == embedded.WEIGHTS.stat().st_size


# --- what every encoder promises
def test_ten_seconds(encoder: Encoder) -> None:
    with torch.no_grad():
        x = noise(320_000, batch=2)
        features, feature_map = encoder(x), encoder.feature_map(encoder.frontend(x))
    assert features.shape == (2, {"mn04_as": 32}.get(encoder.name, 31), encoder.n_features)
    assert encoder.frame_duration == 32 * encoder.frontend.hop_length / encoder.frontend.sample_rate
    torch.testing.assert_close(features, feature_map.mean(2).transpose(1, 2))


def test_a_clip_does_not_depend_on_its_batch(encoder: Encoder) -> None:
    x = noise(40_000, batch=3)
    with torch.no_grad():
        torch.testing.assert_close(encoder(x)[1:2], encoder(x[1:2]), rtol=1e-4, atol=1e-5)


def test_frozen_for_good(encoder: Encoder) -> None:
    x = noise(20_000)
    before = encoder(x)
    holder = nn.ModuleDict({"encoder": encoder, "head": nn.Linear(encoder.n_features, 10)})
    holder.train()
    assert holder["head"].training
    assert not any(module.training for module in encoder.modules())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    torch.testing.assert_close(encoder(x), before, rtol=0, atol=0)


def test_gradient_reaches_the_waveform_and_is_zero_at_silence(encoder: Encoder) -> None:
    # Zero because the mel power is quadratic; a modulus instead of squares would give NaN.
    for x in (noise(32_000), torch.zeros(1, 32_000)):
        x.requires_grad_(True)
        (gradient,) = torch.autograd.grad(encoder(x).amax(dim=1).sum(), x)
        assert torch.isfinite(gradient).all()
        assert bool(gradient.any()) == bool(x.any())


def test_a_feature_frame_looks_at_its_own_time(encoder: Encoder) -> None:
    # The energy of the gradient of one frame is centred on the middle of the stretch that the frame stands for.
    log_mel = encoder.frontend(noise(160_000)).requires_grad_(True)
    features = encoder.feature_map(log_mel).mean(2)[0]  # (channels, time)
    times = torch.arange(log_mel.shape[1]) * encoder.frontend.hop_length / encoder.frontend.sample_rate
    distances = []
    for frame in range(4, 12):
        (gradient,) = torch.autograd.grad(features[:, frame].square().sum(), log_mel, retain_graph=True)
        weight = gradient[0].square().sum(dim=1)
        centre = encoder.frame_start + (frame + 0.5) * encoder.frame_duration
        distances.append(float((weight * times).sum() / weight.sum()) - centre)
    assert np.mean(distances) == pytest.approx(0.0, abs=encoder.frame_duration / 4)


def test_one_feature_frame_is_enough_and_less_is_named(encoder: Encoder) -> None:
    assert encoder(torch.zeros(1, 10_240)).shape == (1, 1, encoder.n_features)
    with pytest.raises(IgsedError, match=r"10239 samples.*needs 10240"):
        encoder(torch.zeros(1, 10_239))


def test_describe(encoder: Encoder) -> None:
    row = encoders.describe(encoder)
    assert row["name"] == encoder.name and row["n_features"] == encoder.n_features
    assert row["parameters"] == sum(p.numel() for p in encoder.parameters())
    # The mel filter bank alone: frames x bins x mels.
    frames = {"mn04_as": 1000}.get(encoder.name, 1001)
    assert frames * 513 * encoder.frontend.n_mels / 1e9 < row["gmac_10s"] < 0.3


def test_describe_counts_one_convolution_by_hand() -> None:
    class Lines(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(1, 5, (3, 1), padding=(1, 0), bias=False)

        def forward(self, log_mel: Tensor) -> Tensor:
            return self.convolution(log_mel.transpose(1, 2)[:, None])

    encoder = Encoder(
        "lines",
        encoders.load("embedded").frontend,
        Lines(),
        n_features=5,
        frame_duration=0.01,
        frame_start=0.0,
        weights_sha256="",
    )
    row = encoders.describe(encoder)
    assert row["parameters"] == 15
    assert row["gmac_10s"] * 1e9 == 1001 * 513 * 64 + 1001 * 64 * 5 * 3


# --- registry and files of weights
def test_unknown_encoder_lists_the_known() -> None:
    with pytest.raises(IgsedError, match=r"'vggish'.*cnn14, embedded, embedded_mean, mn04_as"):
        encoders.load("vggish")


@pytest.mark.parametrize("name", ["embedded", "mn04_as"])
def test_other_windows_are_refused(name: str, untrained_checkpoint: Path) -> None:
    weights = str(untrained_checkpoint) if name == "mn04_as" else ""
    assert encoders.load(name, weights=weights, window="hann").name == name
    with pytest.raises(IgsedError, match=r"window = 'hamming'.*'hann'"):
        encoders.load(name, weights=weights, window="hamming")


@pytest.mark.parametrize("name", encoders.available())
def test_bad_files_are_named(name: str, tmp_path: Path) -> None:
    absent, text, other = tmp_path / "absent", tmp_path / "text", tmp_path / "other"
    text.write_text("not weights at all " * 40)
    state = {"fc.weight": torch.zeros(3, 2)}
    if name != "embedded":
        torch.save(state, other)
    else:
        safetensors.torch.save_file(state, other)
    for path, complaint in ((absent, "no such file"), (text, "not a "), (other, "does not fit")):
        with pytest.raises(IgsedError, match=f"{path.name}: {complaint}") as caught:
            encoders.load(name, weights=str(path))
        assert "leave" in str(caught.value)


def test_a_checkpoint_that_holds_no_state_dict(tmp_path: Path) -> None:
    path = tmp_path / "list.pt"
    torch.save([1, 2, 3], path)
    with pytest.raises(IgsedError, match=r"list\.pt: not a state dict"):
        encoders.load("mn04_as", weights=str(path))


def test_a_wrong_shape_is_refused(untrained_checkpoint: Path, tmp_path: Path) -> None:
    state = torch.load(untrained_checkpoint, weights_only=True)
    state["features.0.0.weight"] = torch.zeros(10)
    torch.save(state, tmp_path / "ten.pt")
    with pytest.raises(IgsedError, match=r"ten\.pt: does not fit.*features\.0\.0\.weight"):
        encoders.load("mn04_as", weights=str(tmp_path / "ten.pt"))


def test_mn04_as_is_fetched_when_no_weights_are_given(
    untrained_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(assets, "fetch", lambda name: asked.append(name) or untrained_checkpoint)
    assert encoders.load("mn04_as").name == "mn04_as"
    assert asked == ["mn04_as"]


# --- the weights in the package
def test_embedded_weights_are_small_and_documented() -> None:
    assert embedded.WEIGHTS.stat().st_size <= 8_000_000
    record = json.loads(embedded.WEIGHTS.with_suffix(".json").read_text())
    assert record["validation"]["mean_average_precision"] > 0.5
    assert all(torch.isfinite(t).all() for t in safetensors.torch.load_file(embedded.WEIGHTS).values())


def test_embedded_files_name_their_window(tmp_path: Path) -> None:
    state = safetensors.torch.load_file(embedded.WEIGHTS)
    path = tmp_path / "hamming.safetensors"
    safetensors.torch.save_file(state, path, metadata={"window": "hamming"})
    encoder = encoders.load("embedded", weights=str(path))
    assert encoder.frontend.window[0].item() == pytest.approx(0.08, abs=1e-6)
    with pytest.raises(IgsedError, match="trained with 'hamming'"):
        encoders.load("embedded", weights=str(path), window="hann")
