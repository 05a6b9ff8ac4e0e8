"""Files of weights: the same wrappings for every encoder, only the features must fit, what is wrong in one sentence."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

import cnn14_checkpoint
from igsed_core.base.errors import IgsedError
from igsed_core.models.encoders import checkpoints
from igsed_core.models.encoders import registry as encoders
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.encoders.embedded import network
from igsed_core.models.encoders.embedded.network import CompactCnn
from igsed_core.models.encoders.mobilenet import MobileNet

NAMES = encoders.available()
FEATURE = {
    "cnn14": "conv_block3.bn1.weight",
    **dict.fromkeys(("embedded", "embedded_mean"), "block2.1.weight"),
    "mn04_as": "features.3.block.0.1.weight",
}
HEAD = {
    "cnn14": {"fc_audioset.weight": torch.zeros(10, 2048), "fc_audioset.bias": torch.zeros(10)},
    "mn04_as": {"classifier.5.weight": torch.zeros(10, 512), "classifier.5.bias": torch.zeros(10)},
    **{key: {"head.weight": torch.zeros(10, 512)} for key in ("embedded", "embedded_mean")},
}
State = dict[str, Tensor]


@pytest.fixture(scope="module", autouse=True)
def _thin() -> Iterator[None]:
    with cnn14_checkpoint.thin():
        yield


def state_of(name: str) -> State:
    if name == "cnn14":
        return dict(cnn14_checkpoint.state_dict())
    torch.manual_seed(0)
    network = CompactCnn() if name.startswith("embedded") else MobileNet()
    return dict(network.state_dict())


@pytest.fixture(scope="module", params=NAMES)
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, State, Encoder]:
    """An encoder's name, a state dict for it, and the encoder made from that."""
    name = str(request.param)
    state = state_of(name)
    return name, state, loaded(name, state, tmp_path_factory.mktemp(name))


def loaded(name: str, content: object, folder: Path) -> Encoder:
    path = folder / "mine.pt"
    torch.save(content, path)
    return encoders.load(name, weights=str(path))


def refused(name: str, content: object, folder: Path) -> str:
    with pytest.raises(IgsedError) as error:
        loaded(name, content, folder)
    message = str(error.value)
    assert str(folder / "mine.pt") in message
    assert len(message) < 600 + len(str(folder))
    assert "\n" not in message
    return message


def assert_same_features(one: Encoder, other: Encoder) -> None:
    x = 0.1 * torch.randn(1, 20_000, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(one(x), other(x), rtol=0, atol=0)


WRAPPINGS: dict[str, Callable[[State], Any]] = {
    "state dict": lambda state: state,
    "model": lambda state: {"iteration": 3, "model": state},
    "state_dict": lambda state: {
        "epoch": 3,
        "loss": torch.tensor(0.3),
        "state_dict": state,
        "optimizer": {"state": {}},
    },
    "model_state_dict": lambda state: {"model_state_dict": state},
    "another name": lambda state: {"weights of the student": state, "epoch": 3},
    "twice": lambda state: {"checkpoint": {"model": state}},
    "DataParallel": lambda state: {f"module.{name}": value for name, value in state.items()},
    "both": lambda state: {"model": {f"module.{name}": value for name, value in state.items()}},
    "training loop": lambda state: {"state_dict": {f"net.encoder.{name}": value for name, value in state.items()}},
    "compiled": lambda state: {f"_orig_mod.{name}": value for name, value in state.items()},
    "averaged": lambda state: {"n_averaged": torch.tensor(9), **{f"module.{n}": value for n, value in state.items()}},
    "double precision": lambda state: {n: v.double() if v.is_floating_point() else v for n, v in state.items()},
    "parameters": lambda state: {n: nn.Parameter(v) if v.is_floating_point() else v for n, v in state.items()},
    "without counters": lambda state: {n: v for n, v in state.items() if not n.endswith("num_batches_tracked")},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_every_encoder_takes_every_wrapping(
    wrapping: str, published: tuple[str, State, Encoder], tmp_path: Path
) -> None:
    name, state, expected = published
    found = loaded(name, WRAPPINGS[wrapping](state), tmp_path)
    assert_same_features(found, expected)
    assert found.has_classifier == expected.has_classifier


def test_every_encoder_takes_both_formats(published: tuple[str, State, Encoder], tmp_path: Path) -> None:
    name, state, expected = published
    path = tmp_path / "mine.safetensors"
    safetensors.torch.save_file({name: value.contiguous().clone() for name, value in state.items()}, path)
    assert_same_features(encoders.load(name, weights=str(path)), expected)


def test_a_copy_tuned_to_other_classes_gives_the_same_features(
    published: tuple[str, State, Encoder], tmp_path: Path
) -> None:
    name, state, expected = published
    head = HEAD[name]
    for other in (
        {**state, **head},
        {n: v for n, v in state.items() if n not in head},
        {**state, "fc_transfer.weight": torch.zeros(10, 3)},
        {f"base.{n}": v for n, v in state.items()} | {"fc_transfer.weight": torch.zeros(10, 3)},
    ):
        assert_same_features(loaded(name, other, tmp_path), expected)
    tuned = loaded(name, {**state, **head}, tmp_path)
    if hasattr(tuned, "audioset_logits"):
        assert expected.has_classifier
        with pytest.raises(IgsedError, match=f"{name!r} came without its AudioSet classifier"):
            tuned.audioset_logits(torch.zeros(1, 20_000))  # type: ignore[operator]


def test_features_must_fit_and_the_message_is_short(published: tuple[str, State, Encoder], tmp_path: Path) -> None:
    name, state, _ = published
    feature = FEATURE[name]
    fits = f"mine.pt: does not fit encoder '{name}': "
    for change, complaint in (
        ({feature: None}, "1 of its"),
        ({feature: torch.zeros(7)}, "are of another shape"),
        ({f"{feature.rpartition('.')[0]}.more": torch.zeros(7)}, "are unknown"),
        ({feature: torch.zeros_like(state[feature], dtype=torch.int8)}, "are no floating-point numbers"),
    ):
        message = refused(name, {n: v for n, v in (state | change).items() if v is not None}, tmp_path)
        assert fits in message and complaint in message and feature.rpartition(".")[0] in message
    other = {f"a.b{i}.weight": torch.zeros(1) for i in range(500)}
    assert (
        fits in refused(name, other | {n: v for n, v in state.items() if n.startswith("spec")}, tmp_path)
        or name == "cnn14"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_named(
    value: float, published: tuple[str, State, Encoder], tmp_path: Path
) -> None:
    name, state, expected = published
    broken = state[FEATURE[name]].clone()
    broken[3] = value
    message = refused(name, state | {FEATURE[name]: broken}, tmp_path)
    assert "holds NaN or infinite weights in 1 of " in message
    assert FEATURE[name] in message
    assert "learning_rate" not in message
    head = {n: torch.full_like(v, value) for n, v in state.items() if n.startswith(("fc", "classifier"))}
    assert_same_features(loaded(name, {**state, **head}, tmp_path), expected)  # never read


@pytest.mark.parametrize("change", ["meta", "sparse"])
def test_tensors_without_plain_values_are_named(
    change: str, published: tuple[str, State, Encoder], tmp_path: Path
) -> None:
    """`torch.save` writes both, and reading them back ended in errors of PyTorch's operators."""
    name, state, _ = published
    weight = state[FEATURE[name]]
    changed = weight.to("meta") if change == "meta" else weight.to_sparse()
    message = refused(name, state | {FEATURE[name]: changed}, tmp_path)
    assert "1 of its" in message and "sparse or without values" in message and FEATURE[name] in message


def test_numbers_of_eight_bits_are_numbers(published: tuple[str, State, Encoder], tmp_path: Path) -> None:
    name, state, _ = published
    feature = FEATURE[name]
    rough = state | {feature: state[feature].to(torch.float8_e4m3fn)}
    assert_same_features(
        loaded(name, rough, tmp_path), loaded(name, rough | {feature: rough[feature].float()}, tmp_path)
    )


def test_a_negative_variance_is_named(published: tuple[str, State, Encoder], tmp_path: Path) -> None:
    """Its features were all NaN, and the first to say so advised to lower the learning rate."""
    name, state, _ = published
    variance = f"{FEATURE[name].rpartition('.')[0]}.running_var"
    changed = state[variance].clone()
    changed[1] = -0.1
    message = refused(name, state | {variance: changed}, tmp_path)
    assert "holds negative variances in 1 of " in message and variance in message


def test_two_copies_of_the_network(published: tuple[str, State, Encoder], tmp_path: Path) -> None:
    name, state, expected = published
    both = {f"student.{n}": v for n, v in state.items()} | {f"teacher.{n}": v for n, v in state.items()}
    assert "more than once, as 'student.' and 'teacher.'" in refused(name, both, tmp_path)
    assert_same_features(loaded(name, {**state, **{f"ema.{n}": v for n, v in state.items()}}, tmp_path), expected)


# --- files that are none


def bytes_of(content: object, **options: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, **options)
    return stream.getvalue()


def npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, x=np.zeros(3))
    return stream.getvalue()


ZIP = bytes_of({"a": torch.zeros(1000)})
OLD = bytes_of({"a": torch.zeros(1000)}, _use_new_zipfile_serialization=False)
SAFE = safetensors.torch.save({"a": torch.zeros(1000)})
KINDS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it is empty"),
    "cut off": (ZIP[: len(ZIP) // 2], "it is cut off, damaged"),
    "cut off at once": (ZIP[:5], "it is cut off, damaged"),
    "old format, cut off": (OLD[: len(OLD) // 2], "it is cut off, damaged"),
    "safetensors, cut off": (SAFE[: len(SAFE) // 2], "it is cut off, damaged"),
    "safetensors, header cut off": (SAFE[:20], "it is cut off, damaged"),
    "a web page": (b"\n<!DOCTYPE html><html>404</html>", "it is a web page"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "it is a pointer of Git LFS"),
    "a sound": (b"RIFF\x24\x00\x00\x00WAVEfmt ", "it is a sound"),
    "text": (b"not weights at all", "it is cut off, damaged or another kind of file"),
    "noise": (bytes(range(256)) * 40, "it is cut off, damaged or another kind of file"),
    "arrays": (npz(), "it is an archive of something else"),
    "a whole module": (bytes_of(nn.Linear(2, 2)), r"it holds Python objects, which may run any code"),
    "NumPy in it": (bytes_of({"best": np.float64(0.3), "model": {"a": torch.zeros(1)}}), "it holds Python objects"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_another_kind_is_called_what_it_is(name: str, kind: str, tmp_path: Path) -> None:
    content, complaint = KINDS[kind]
    path = tmp_path / "mine.pt"
    path.write_bytes(content)
    with pytest.raises(IgsedError, match=rf"mine\.pt: not a PyTorch checkpoint .*: {complaint}.*; use ") as error:
        encoders.load(name, weights=str(path))
    assert len(str(error.value)) < 600 + len(str(tmp_path))


@pytest.mark.parametrize(
    "content", [[1, 2], torch.zeros(3), {}, {"model": {}}, {"a": {"x": torch.zeros(1)}, "b": {"x": torch.zeros(1)}}, 3]
)
@pytest.mark.parametrize("name", NAMES)
def test_checkpoints_without_a_state_dict(name: str, content: object, tmp_path: Path) -> None:
    assert "mine.pt: not a state dict (parameter name -> tensor)" in refused(name, content, tmp_path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_scripted_program_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), str(path))
    with pytest.raises(IgsedError, match=r"it is a TorchScript program \(save its state dict"):
        encoders.load("mn04_as", weights=str(path))


@pytest.mark.parametrize("name", NAMES)
def test_places_where_there_is_no_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IgsedError, match=rf"{tmp_path}: a folder, not a file of weights; give the path of the file in"):
        encoders.load(name, weights=str(tmp_path))
    with pytest.raises(IgsedError, match=r"absent\.pt: no such file"):
        encoders.load(name, weights=str(tmp_path / "absent.pt"))
    (tmp_path / "secret.pt").touch()

    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(IgsedError, match=r"secret\.pt: cannot be read \(Permission denied\)"):
        encoders.load(name, weights=str(tmp_path / "secret.pt"))


def test_the_checksum_is_that_of_the_file() -> None:
    import hashlib

    found = checkpoints.read(network.WEIGHTS, "embedded", "")
    assert found.sha256 == hashlib.sha256(network.WEIGHTS.read_bytes()).hexdigest()
    assert encoders.load("embedded").weights_sha256 == found.sha256
