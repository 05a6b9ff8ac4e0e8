"""The three heads in closed form, and how they are trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.testing import assert_array_equal
from torch.nn.functional import binary_cross_entropy_with_logits

from igsed_core.base import devices, files
from igsed_core.base.errors import IgsedError
from igsed_core.models import heads, training
from igsed_core.models.features import FeatureFrames, Targets

CLASSES = ("Bell", "Hum")
SETTINGS = {"learning_rate": 0.05, "batch_size": 8, "epochs": 60, "patience": 10, "seed": 0}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def toy(seed: int, n_clips: int = 40, n_frames: int = 6) -> tuple[FeatureFrames, Targets]:
    """Feature c of a frame is high while class c is active: every head can learn it."""
    rng = np.random.default_rng(seed)
    active = rng.random((n_clips, n_frames, 2)) < 0.2
    values = (3.0 * active + 0.2 * rng.standard_normal(active.shape)).astype(np.float32)
    names = np.array([f"clip{i}" for i in range(n_clips)])
    return FeatureFrames(names, values, 0.32, 0.0), Targets(active.any(axis=1).astype("f4"), active.astype("f4"))


def random_features(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_clip_level_pools_features_then_classifies() -> None:
    head = heads.create("clip_level", 4, CLASSES, seed=0)
    features = random_features(3, 5, 4)
    weight, bias = head.linear.weight.detach().numpy(), head.linear.bias.detach().numpy()
    for i in range(3):
        pooled = [max(float(features[i, t, c]) for t in range(5)) for c in range(4)]
        np.testing.assert_allclose(head.clip_logits(features)[i].detach(), weight @ pooled + bias, rtol=1e-5)


@pytest.mark.parametrize("name", ["fw_ws", "fw_ss"])
def test_framewise_classifies_then_pools_logits(name: str) -> None:
    head = heads.create(name, 4, CLASSES, seed=0)
    features = random_features(3, 5, 4)
    weight, bias = head.linear.weight.detach().numpy(), head.linear.bias.detach().numpy()
    for i in range(3):
        logits = np.array([weight @ features[i, t].numpy() + bias for t in range(5)])
        np.testing.assert_allclose(head.frame_logits(features)[i].detach(), logits, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(head.clip_logits(features)[i].detach(), logits.max(axis=0), rtol=1e-4, atol=1e-6)


def test_on_a_single_frame_all_heads_agree() -> None:
    features = random_features(3, 1, 4)
    logits = [heads.create(name, 4, CLASSES, seed=5).clip_logits(features) for name in heads.HEADS]
    assert torch.equal(logits[0], logits[1])
    assert torch.equal(logits[0], logits[2])


@pytest.mark.parametrize("name", heads.HEADS)
def test_order_of_frames_does_not_matter_to_clip_logits(name: str) -> None:
    head, features = heads.create(name, 4, CLASSES, seed=0), random_features(3, 5, 4)
    assert torch.equal(head.clip_logits(features), head.clip_logits(features.flip(1)))


def test_initial_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    one = heads.create("clip_level", 4, CLASSES, seed=3)
    state = torch.get_rng_state()
    two = heads.create("clip_level", 4, CLASSES, seed=3)
    assert torch.equal(torch.get_rng_state(), state)  # the global state is left alone
    assert torch.equal(one.linear.weight, two.linear.weight)
    assert not torch.equal(one.linear.weight, heads.create("clip_level", 4, CLASSES, seed=4).linear.weight)


@pytest.mark.parametrize("name", heads.HEADS)
def test_save_and_load(tmp_path: Path, name: str) -> None:
    head, features = heads.create(name, 4, ("Électric shaver", "Dog"), seed=0), random_features(2, 5, 4)
    heads.save(head, name, tmp_path / "heads" / "x.safetensors")
    loaded = heads.load(tmp_path / "heads" / "x.safetensors")
    assert type(loaded) is heads.HEADS[name]
    assert loaded.classes == head.classes
    assert torch.equal(loaded.clip_logits(features), head.clip_logits(features))
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert [p.name for p in (tmp_path / "heads").iterdir()] == ["x.safetensors"]


def test_missing_head_names_the_notebook(tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match=r"x\.safetensors is missing: run notebook 02_training first"):
        heads.load(tmp_path / "x.safetensors")


def test_full_disk_while_a_head_is_saved(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    path = tmp_path / "x.safetensors"
    with files.atomic(path) as temporary:
        temporary.write_text("old")
    temporary.symlink_to("/dev/full")
    with pytest.raises(IgsedError, match=r"no space left on the disk for .*x\.safetensors"):
        heads.save(heads.create("clip_level", 4, CLASSES, seed=0), "clip_level", path)


@pytest.mark.parametrize("name", heads.HEADS)
def test_separable_data_are_learned(name: str) -> None:
    trained = training.train(name, toy(0), toy(1), CLASSES, **SETTINGS)
    features, targets = toy(2)
    x = torch.from_numpy(features.values)
    assert_array_equal(trained.head.clip_logits(x) > 0, targets.clip > 0.5)
    if name == "fw_ss":
        assert_array_equal(trained.head.frame_logits(x) > 0, targets.frame > 0.5)


def test_strong_supervision_sees_frames_and_weak_supervision_does_not() -> None:
    """With frame labels in another place only the strongly supervised head changes."""
    features, targets = toy(0)
    moved = Targets(targets.clip, np.roll(targets.frame, 1, axis=1))
    for name in heads.HEADS:
        weights = [
            training.train(name, (features, labels), toy(1), CLASSES, **{**SETTINGS, "epochs": 2}).head.linear.weight
            for labels in (targets, moved)
        ]
        assert torch.equal(*weights) == (name != "fw_ss")


@pytest.mark.parametrize("name", heads.HEADS)
def test_history_is_that_of_the_loss(name: str) -> None:
    """The kept epoch has the lowest validation loss, and the head that is returned is the one of that epoch."""
    trained = training.train(name, toy(0), toy(1), CLASSES, **{**SETTINGS, "learning_rate": 1.0, "patience": 4})
    history = trained.history
    assert list(history.columns) == ["head", "epoch", "training_loss", "validation_loss", "kept"]
    assert list(history["epoch"]) == list(range(1, len(history) + 1))
    assert history["kept"].sum() == 1
    kept = history[history["kept"]].iloc[0]
    assert kept["validation_loss"] == history["validation_loss"].min()
    features, targets = toy(1)
    x = torch.from_numpy(features.values)
    logits, labels = (
        (trained.head.frame_logits(x), targets.frame)
        if name == "fw_ss"
        else (trained.head.clip_logits(x), targets.clip)
    )
    loss = binary_cross_entropy_with_logits(logits, torch.from_numpy(labels))
    assert float(loss) == pytest.approx(kept["validation_loss"], rel=1e-5)


def test_training_stops_after_patience_epochs_without_a_lower_loss() -> None:
    """Validation labels are the opposite of the training labels: the loss rises from the first epoch on."""
    features, targets = toy(0)
    opposite = Targets(1 - targets.clip, 1 - targets.frame)
    options = {**SETTINGS, "learning_rate": 0.5, "patience": 3}
    trained = training.train("clip_level", (features, targets), (features, opposite), CLASSES, **options)
    best = int(trained.history["validation_loss"].idxmin()) + 1
    assert len(trained.history) == best + 3 < SETTINGS["epochs"]


def test_epochs_bound_training() -> None:
    trained = training.train("clip_level", toy(0), toy(1), CLASSES, **{**SETTINGS, "epochs": 2, "patience": 50})
    assert len(trained.history) == 2


def test_the_same_seed_gives_the_same_head() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed + 100)  # the global state plays no part
        options = {**SETTINGS, "epochs": 3, "seed": seed}
        return training.train("fw_ws", toy(0), toy(1), CLASSES, **options).head.linear.weight

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_a_head_that_is_returned_is_ready_for_inference() -> None:
    head = training.train("clip_level", toy(0), toy(1), CLASSES, **{**SETTINGS, "epochs": 1}).head
    assert not head.training
    assert not any(p.requires_grad for p in head.parameters())


def test_histories_of_several_heads_in_one_table() -> None:
    options = {**SETTINGS, "epochs": 2}
    trained = {name: training.train(name, toy(0), toy(1), CLASSES, **options) for name in heads.HEADS}
    table = training.history(trained)
    assert list(table["head"]) == [name for name in heads.HEADS for _ in range(2)]


def test_a_training_that_diverges_is_explained() -> None:
    features, targets = toy(0)
    with pytest.raises(IgsedError, match=r"head 'clip_level'.*validation loss.*lower 'learning_rate'"):
        training.train(
            "clip_level", (features, targets), toy(1), CLASSES, **{**SETTINGS, "learning_rate": 1e37, "epochs": 5}
        )


# --- names of classes


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ((), "there is no class: give the names of one or more"),
        ("Dog", "there is no class: give the names of one or more, as a list"),
        (("Dog", "all"), r"a class is called 'all', which stands for the averages .* rename the class"),
        (("Dog", "Dog"), "class 'Dog' is given twice"),
        (("Dog", ""), "class '' has no name"),
        (("Dog", 3), "class 3 has no name: give each a text"),
        (("Dog\nCat",), r"class 'Dog\\nCat' holds a line break"),
        (("Icon\r",), "holds a line break or another control character"),
        (("\udce4",), "holds a line break or another control character"),
    ],
)
@pytest.mark.parametrize("name", heads.HEADS)
def test_classes_that_no_table_can_hold(name: str, classes: tuple[str, ...], message: str) -> None:
    with pytest.raises(IgsedError, match=message):
        heads.create(name, 4, classes, seed=0)


def test_names_that_look_like_something_else_are_names(tmp_path: Path) -> None:
    classes = ("0", "01", "1", "None", "NaN", "True", "All", "ALL", "1e3", " x", "$a$", "Türklingel", "a,b", '"')
    heads.save(heads.create("clip_level", 4, classes, seed=0), "clip_level", tmp_path / "x.safetensors")
    assert heads.load(tmp_path / "x.safetensors").classes == classes


def test_an_unknown_head_lists_the_known() -> None:
    with pytest.raises(IgsedError, match="head 'guess' is unknown: choose one of clip_level, fw_ws, fw_ss"):
        heads.create("guess", 4, CLASSES, seed=0)


@pytest.mark.parametrize("content", [b"", b"text", b"\x10\0\0\0\0\0\0\0{", None])
def test_a_head_that_is_another_file(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    if content is None:  # the weights of something else
        path.write_bytes(safetensors.torch.save({"weight": torch.zeros(2)}))
    else:
        path.write_bytes(content)
    with pytest.raises(
        IgsedError, match=r"head .*x\.safetensors is damaged or another kind of file: remove it, and run"
    ):
        heads.load(path)


def test_the_digest_of_a_head_is_that_of_what_it_holds(tmp_path: Path) -> None:
    head = heads.create("clip_level", 4, ("Bell", "Hum"), seed=1)
    digests = set()
    for number in range(8):
        heads.save(head, "clip_level", tmp_path / f"{number}.safetensors")
        digests.add(heads.digest(tmp_path / f"{number}.safetensors"))
    assert len(digests) == 1
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    heads.save(heads.create("clip_level", 4, ("Bell", "Hum"), seed=2), "clip_level", tmp_path / "other.safetensors")
    heads.save(heads.create("clip_level", 4, ("Hum", "Bell"), seed=1), "clip_level", tmp_path / "named.safetensors")
    others = {heads.digest(tmp_path / f"{name}.safetensors") for name in ("other", "named")}
    assert len(digests | others) == 3


@pytest.mark.parametrize("name", heads.HEADS)
def test_the_same_bits_for_any_number_of_threads(name: str) -> None:
    """A stage of Snakemake, a notebook run by hand and one on a cluster have different numbers of them."""
    rng = np.random.default_rng(0)
    classes = tuple("abcdefghij")  # ten outputs of 512 features: sums that two threads do split
    values = np.abs(rng.normal(size=(16, 31, 512))).astype(np.float32)
    features = FeatureFrames(np.array([f"c{i}" for i in range(16)]), values, 0.32, 0.0)
    frame = (rng.random((16, 31, len(classes))) < 0.1).astype(np.float32)
    data = features, Targets(frame.max(axis=1), frame)
    weights = []
    for number in (1, 2, 3):
        with devices.threads(number):
            options = {**SETTINGS, "epochs": 2}
            weights.append(training.train(name, data, data, classes, **options).head.linear.weight)
    assert torch.equal(weights[0], weights[1]) and torch.equal(weights[0], weights[2])
