"""CNN14: parity with its authors' class, a strict checkpoint, the window that the checkpoint decides."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pooch
import pytest
import soundfile
import torch
from torch import Tensor, nn

import cnn14_checkpoint
import uncompiled
from igsed_core.base.errors import IgsedError
from igsed_core.data import assets
from igsed_core.data.audio import EXTENSIONS
from igsed_core.data.soundbank.procedural import CLASSES, synthesize
from igsed_core.models.encoders import cnn14
from igsed_core.models.encoders import registry as encoders
from igsed_core.models.encoders.cnn14 import Cnn14Encoder

SHARED = Path(os.environ.get("IGSED_SHARED") or Path(__file__).resolve().parents[3] / "shared")


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return cnn14_checkpoint.state_dict()


@pytest.fixture
def thin() -> Iterator[dict[str, Tensor]]:
    """A state dict with few channels, and a network to fit it."""
    with cnn14_checkpoint.thin():
        yield cnn14_checkpoint.state_dict()


@pytest.fixture(scope="module")
def encoder(state: dict[str, Tensor]) -> Cnn14Encoder:
    return cnn14.from_checkpoint({"iteration": 1, "model": state}, Path("random.pth"), "hann", "")


def build(state: dict[str, Tensor], window: str = "", **changes: Tensor | None) -> Cnn14Encoder:
    changed = {name: value for name, value in (state | changes).items() if value is not None}
    return cnn14.from_checkpoint({"model": changed}, Path("changed.pth"), window, "")


# --- parity with the authors' class
@pytest.fixture(scope="module")
def authors(
    state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> nn.Module:
    """The class of the package panns_inference, with the same weights."""
    home = tmp_path_factory.mktemp("home")
    labels = home / "panns_data" / "class_labels_indices.csv"
    labels.parent.mkdir()
    # Imported without this file, the package would call wget.
    labels.write_text("index,mid,display_name\n" + "".join(f"{i},/m/{i},class {i}\n" for i in range(527)))
    patch = pytest.MonkeyPatch()
    request.addfinalizer(patch.undo)
    patch.setenv("HOME", str(home))
    with uncompiled.librosa():
        models = pytest.importorskip(
            "panns_inference.models",
            reason="panns_inference is absent: pip install -e '.[parity]' -c constraints.txt",
            exc_type=ImportError,
        )
        patch.setattr(models, "init_layer", lambda layer: None)  # the weights are given
        network = models.Cnn14(32_000, 1024, 320, 64, 50, 14_000, 527)
    network.load_state_dict(state, strict=True)
    return network.requires_grad_(False).eval()


def listen(n: int) -> Tensor:
    """Clips of 4 s: recordings from all over the bank where there is one, else synthesised sounds."""
    recordings = sorted(p for p in (SHARED / "realbank" / "audio").rglob("*.*") if p.suffix in EXTENSIONS)
    if recordings:
        chosen = [recordings[i * len(recordings) // n] for i in range(n)]
        sounds = [soundfile.read(path, dtype="float32", always_2d=True)[0][:, 0] for path in chosen]
    else:
        sounds = [synthesize(CLASSES[i % len(CLASSES)], seed=[i], region="eval") for i in range(n)]
    # Recordings have a floor of noise; without one nothing but rounding is left in the quietest bins.
    floor = 0.0 if recordings else 1e-3
    x = (floor * np.random.default_rng(0).standard_normal((n, 128_000))).astype(np.float32)
    for row, sound in zip(x, sounds, strict=True):
        row[: sound.size] += sound[: row.size]
    return torch.from_numpy(x)


@pytest.fixture(scope="module")
def clips() -> Tensor:
    return listen(2)


def test_agrees_with_the_authors(encoder: Cnn14Encoder, authors: nn.Module, clips: Tensor) -> None:
    seen: dict[str, Tensor] = {}
    for name in ("conv_block6", "fc_audioset"):
        authors.get_submodule(name).register_forward_hook(lambda _, __, y, name=name: seen.update({name: y}))
    with torch.no_grad():
        authors(clips)
        feature_map = encoder.feature_map(encoder.frontend(clips))
        torch.testing.assert_close(feature_map, seen["conv_block6"].transpose(2, 3), rtol=0, atol=1e-4)
        torch.testing.assert_close(encoder.audioset_logits(clips), seen["fc_audioset"], rtol=0, atol=1e-4)
    assert feature_map.std() > 0.1  # parity of zeros would mean nothing


def test_log_mel_agrees_on_many_sounds(encoder: Cnn14Encoder, authors: nn.Module) -> None:
    """To 1e-3 dB in all bins that matter.

    Far below the loudest bin of a frame both are limited by single precision: speech that was recorded at 8 kHz has
    bins 90 dB down, where neither agrees better with double precision than with the other.
    """
    sounds = listen(24)
    with torch.no_grad():
        theirs = authors.logmel_extractor(authors.spectrogram_extractor(sounds))[:, 0]
        difference = (encoder.frontend(sounds) - theirs).abs()
    below = theirs.amax(dim=2, keepdim=True) - theirs  # dB below the loudest bin of the frame
    assert float(difference[below < 50].max()) < 1e-3
    assert float(difference.max()) < 0.1


def test_gradient_at_the_waveform_agrees_with_the_authors(
    encoder: Cnn14Encoder, authors: nn.Module, clips: Tensor
) -> None:
    seen: dict[str, Tensor] = {}
    authors.fc_audioset.register_forward_hook(lambda _, __, y: seen.update(logits=y))
    gradients = []
    for logits in (encoder.audioset_logits, lambda x: (authors(x), seen["logits"])[1]):
        x = clips[:1, :32_000].clone().requires_grad_(True)
        gradients.append(torch.autograd.grad(logits(x)[0, 0], x)[0])
    ours, theirs = gradients
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-3


# --- what the network is
def test_ten_seconds_are_31_feature_frames(encoder: Cnn14Encoder) -> None:
    x = 0.1 * torch.randn(1, 320_000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        log_mel = encoder.frontend(x)
        assert log_mel.shape == (1, 1001, 64)
        feature_map = encoder.feature_map(log_mel)
    assert feature_map.shape == (1, 2048, 2, 31)
    assert (encoder.n_features, encoder.frame_duration, encoder.frame_start) == (2048, 0.32, 0.0)


def test_all_names_and_shapes_of_the_checkpoint(encoder: Cnn14Encoder, state: dict[str, Tensor]) -> None:
    ours = {name: tuple(t.shape) for name, t in encoder.network.state_dict().items()}
    assert ours == {n: tuple(t.shape) for n, t in state.items() if not n.startswith(("spectrogram", "logmel"))}
    for name, tensor in encoder.network.state_dict().items():
        # Our maps have mels before frames, the authors' frames before mels.
        assert torch.equal(tensor, state[name].transpose(2, 3) if tensor.ndim == 4 else state[name])
    # 81,837,071 with the front end, 80,753,615 that were trained: the authors' count.
    assert sum(p.numel() for p in encoder.parameters()) == 80_753_615


def test_frozen_for_good(encoder: Cnn14Encoder) -> None:
    nn.Sequential(encoder).train()
    assert not any(module.training for module in encoder.modules())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_a_feature_frame_looks_at_its_own_time(encoder: Cnn14Encoder) -> None:
    log_mel = -40.0 + 20.0 * torch.randn(1, 512, 64, generator=torch.Generator().manual_seed(0))
    log_mel.requires_grad_(True)
    (gradient,) = torch.autograd.grad(encoder.feature_map(log_mel)[..., 8].square().sum(), log_mel)
    weight = gradient[0].square().sum(dim=1)
    centre = float((weight * torch.arange(512)).sum() / weight.sum())
    assert centre == pytest.approx(32 * 8 + 15.5, abs=8)


# --- the checkpoint decides the window
@pytest.mark.parametrize("window", ["hann", "hamming"])
@pytest.mark.usefixtures("thin")
def test_the_window_is_read_from_the_checkpoint(window: str) -> None:
    stored = cnn14_checkpoint.state_dict(window)
    assert float(stored["spectrogram_extractor.stft.conv_real.weight"][0, 0, 0]) == pytest.approx(
        {"hann": 0.0, "hamming": 0.08}[window], abs=1e-6
    )
    for asked in ("", window):
        assert build(stored, asked).frontend.window_name == window
    other = {"hann": "hamming", "hamming": "hann"}[window]
    with pytest.raises(IgsedError, match=rf"window = '{other}'.*changed\.pth was trained with '{window}'"):
        build(stored, other)


def test_another_window_is_refused(thin: dict[str, Tensor]) -> None:
    name = "spectrogram_extractor.stft.conv_real.weight"
    rectangular = thin[name].clone()
    rectangular[0] = 1.0
    with pytest.raises(IgsedError, match=r"none of hann, hamming \(first sample 1:"):
        build(thin, **{name: rectangular})


@pytest.mark.parametrize("name", ["spectrogram_extractor.stft.conv_imag.weight", "logmel_extractor.melW"])
def test_another_front_end_is_refused(name: str, thin: dict[str, Tensor]) -> None:
    with pytest.raises(IgsedError, match=r"Fourier transform or mel filter bank"):
        build(thin, **{name: thin[name] * 1.01 + 0.001})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"conv_block1.bn1.bias": None}, r"conv_block1\.bn1\.bias"),
        ({"bn0.bias": torch.zeros(10)}, r"bn0\.bias"),
        ({"conv_block6.conv3.weight": torch.zeros(1)}, r"conv_block6\.conv3\.weight"),
        ({"logmel_extractor.melW": None}, r"logmel_extractor\.melW should be .* found nothing"),
    ],
)
def test_strict(changes: dict[str, Tensor | None], named: str, thin: dict[str, Tensor]) -> None:
    with pytest.raises(IgsedError, match=rf"changed\.pth: does not fit[\s\S]*{named}"):
        build(thin, **changes)


# --- files
def test_a_file_as_published_is_fetched_and_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cnn14_checkpoint.write(tmp_path / "Cnn14_mAP=0.431.pth")
    monkeypatch.setattr(assets, "fetch", {"cnn14": path}.__getitem__)
    loaded = encoders.load("cnn14", window="hann")
    assert loaded.name == "cnn14"
    assert loaded.weights_sha256 == pooch.file_hash(str(path))


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("this runs when unpickled",))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"model": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(IgsedError, match=r"evil\.pth: not a PyTorch checkpoint"):
        encoders.load("cnn14", weights=str(tmp_path / "evil.pth"))
    assert capsys.readouterr().out == ""
