"""Other seeds: what each repetition draws anew, means over seeds by hand, and a small study from end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from igsed_core.base import paths
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.seeds import figures, tables
from igsed_core.chapters.seeds import study as seed_study
from igsed_core.chapters.seeds.params import SeedStudy
from igsed_core.data import soundscapes
from igsed_core.data.soundbank.registry import prepare
from igsed_core.main_job.params import Baselines, DataSynthesis, IntegratedGradients, ThresholdSensitivity, Training
from igsed_core.metrics import summaries
from igsed_core.models import features, heads
from igsed_core.models import training as trainer
from igsed_core.models.encoders import registry as encoders
from tiny_bank import write_bank

RATE = 32000


def test_each_kind_is_repeated_under_each_further_seed() -> None:
    names = [v.name for v in seed_study.variants(1, (2, 3), training_data=False)]
    assert names == ["main_1", "training_2", "training_3", "data_2", "data_3"]
    assert [v.name for v in seed_study.variants(1, (2,), training_data=True)][-1] == "both_2"


@pytest.mark.parametrize("text", ["", "2027;2028", "1.5", "-3", "2027,"])
def test_seeds_are_whole_numbers_by_commas(text: str) -> None:
    with pytest.raises(IgsedError, match=r"parameter 'seeds' is .*whole numbers, by commas"):
        SeedStudy(seeds=text)


@pytest.mark.parametrize("text", ["2026", "1, 1"])
def test_seeds_differ(text: str) -> None:
    with pytest.raises(IgsedError, match="each must differ from the others and from 'seed'"):
        SeedStudy(seed=2026, seeds=text)
    assert SeedStudy(seeds=" 5,6 ").further_seeds == (5, 6)


def study_table(values: dict[tuple[str, int], float]) -> pd.DataFrame:
    rows = []
    for (varied, seed), value in values.items():
        for method in ("ig", "fw_ws"):
            for metric in ("iou", "f1", "pointing_game"):
                row = ("test", method, "percentile", metric, "all", "instance", 50.0, value, 9, 0.1)
                rows.append((varied, seed, *row, value - 0.1, value + 0.1))
    return pd.DataFrame(rows, columns=seed_study.COLUMNS)


FOUND = study_table({("main", 1): 0.5, ("training", 2): 0.52, ("training", 3): 0.54, ("data", 2): 0.3})


def test_mean_and_deviation_take_the_main_seed_in() -> None:
    spread = seed_study.spread(FOUND).set_index(["varied", "method", "metric"])
    row = spread.loc[("training", "ig", "iou")]
    assert (row["value"], row["std"], row["n"]) == (pytest.approx(0.52), pytest.approx(0.02), 3)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((0.4, 0.6))  # of the main seed
    row = spread.loc[("data", "ig", "iou")]
    assert (row["value"], row["std"], row["n"]) == (pytest.approx(0.4), pytest.approx(np.std([0.5, 0.3], ddof=1)), 2)


def test_redraws_have_seeds_of_their_own() -> None:
    made = seed_study.variants(1, (2,), training_data=False, redraws=2)
    assert [v.name for v in made][-2:] == ["bank_1001", "bank_1002"]
    assert len({v.seed for v in made if v.varied != "data"}) == 4


def test_means_over_whole_repetitions_by_hand() -> None:
    found = study_table({("main", 1): 0.5, ("training", 2): 0.9, ("bank", 1001): 0.4, ("bank", 1002): 0.6})
    better = found["method"] == "fw_ws"
    found.loc[better, "value"] += np.where(found.loc[better, "seed"] == 1, 0.1, 0.2)
    table = seed_study.redrawn(found).set_index(["method", "other_method", "metric"])
    own = table.loc[("ig", "", "iou")]
    assert (own["n"], own["value"], own["std"]) == (3, pytest.approx(0.5), pytest.approx(0.1))
    assert own["ci_high"] - own["value"] == pytest.approx(4.302653 * 0.1 / np.sqrt(3), rel=1e-6)
    assert own["std_clips"] == pytest.approx(0.1 / 1.959964, rel=1e-6)
    apart = table.loc[("fw_ws", "ig", "iou")]  # paired: 0.1, 0.2, 0.2
    assert (apart["value"], apart["std"]) == (pytest.approx(0.5 / 3), pytest.approx(np.std([0.1, 0.2, 0.2], ddof=1)))
    shown = tables.redraws_table(table.reset_index())
    assert shown.iloc[0]["IoU", "deviation"] == "0.100"
    assert seed_study.redrawn(FOUND).empty


def test_table_and_figure_show_every_seed() -> None:
    table = tables.seeds_table(FOUND, seed_study.spread(FOUND))
    row = table.iloc[0]
    assert row["IoU", "one seed"].startswith("0.50 [0.40")
    assert row["IoU", "training seeds"] == "0.520 ± 0.020"
    assert "all anew" not in table.columns.get_level_values(1)
    said = tables.varied_table(FOUND, seed_study.VARIED).set_index("Varied")
    assert said.loc["training", "seeds"] == "2, 3"
    ax = figures.seeds(FOUND).axes[0]
    marks = {marker: [] for marker in "o^s"}  # type: dict[str, list[float]]
    for line in ax.get_lines():
        if line.get_marker() in marks:
            marks[str(line.get_marker())] += list(np.asarray(line.get_xdata()))
    assert marks == {"o": [0.5, 0.5], "^": [0.52, 0.54] * 2, "s": [0.3, 0.3]}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> seed_study.Recipe:
    """A main job of tiny size: three classes, clips of two seconds."""
    root = tmp_path_factory.mktemp("job")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IGSED_DATA_DIR", str(root / "data"))
        data = DataSynthesis(
            soundbank=str(write_bank(root / "source")), duration=2.0, n_train=8, n_eval=8, events_max=2, workers=1
        )
        training = Training(epochs=3, probability_threshold=0.0, device="cpu")
        bank = prepare(
            data.soundbank, seed=data.seed, sample_rate=RATE, cache_dir=paths.data_dir() / "soundbanks", workers=1
        )
        spec = soundscapes.SoundscapeSpec(duration=2.0, sample_rate=RATE, events_max=2)
        made = soundscapes.generate(
            bank, spec, n_train=8, n_eval=8, seed=data.seed, out_dir=root / "soundscapes", workers=1, progress=False
        )
    encoder = encoders.load("embedded")
    extracted = {
        str(split): features.extract(
            encoder, made.root, rows, root / "training/features" / str(split), device=seed_study.devices.choose("cpu")
        )
        for split, rows in made.clips.groupby("split")
    }
    sets = [(x, features.targets(x, made.events, made.classes)) for x in (extracted["train"], extracted["validation"])]
    for name in heads.HEADS:
        result = trainer.train(
            name, *sets, made.classes, learning_rate=1e-3, batch_size=16, epochs=3, patience=10, seed=data.seed
        )
        heads.save(result.head, name, root / f"training/heads/{name}.safetensors")
    return seed_study.Recipe(
        data,
        training,
        IntegratedGradients(ig_workers=1, ig_device="cpu"),
        Baselines(),
        ThresholdSensitivity(percentile_step=10.0, replicates=20),
        root / "soundscapes",
        root / "training",
    )


def run(recipe: seed_study.Recipe, out_dir: Path, **options: Any) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IGSED_DATA_DIR", str(recipe.data_dir.parent / "data"))
        return seed_study.study(
            recipe, recipe.data.seed, (7,), out_dir, **{"training_data": True, "n_steps": 2, **options}
        )


def test_a_small_study_and_its_resumption(recipe: seed_study.Recipe, tmp_path: Path) -> None:
    found = run(recipe, tmp_path)
    assert list(found.columns) == seed_study.COLUMNS
    assert list(dict.fromkeys(found["varied"])) == ["main", "training", "data", "both"]
    assert not found.duplicated(["varied", *summaries.KEY_COLUMNS]).any()
    assert found["value"].between(0, 1).all()
    # what is not drawn anew is shared, what is drawn anew differs
    assert not (tmp_path / "training_7/soundscapes").exists()
    assert not (tmp_path / "data_7/heads").exists()
    assert {p.name for p in (tmp_path / "data_7/soundscapes").iterdir() if p.is_dir()} == {"validation", "test"}
    assert (tmp_path / "both_7/soundscapes/train").is_dir()
    own = heads.load(recipe.training_dir / "heads/clip_level.safetensors").linear.weight
    assert not own.equal(heads.load(tmp_path / "training_7/heads/clip_level.safetensors").linear.weight)
    # cut off after the maps: those are kept, and the table comes out the same
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    (tmp_path / "data_7.csv").unlink()
    pd.testing.assert_frame_equal(run(recipe, tmp_path), found)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")} == made
