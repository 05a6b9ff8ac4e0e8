"""The bank of real recordings: fetched from a server of stand-ins, cut by rule, attributed, ready for mixing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import real_archives
from failing_server import Server, serve
from igsed_core.base.errors import IgsedError
from igsed_core.data import assets
from igsed_core.data.soundbank import cutting, real, real_sources
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.data.soundbank.cutting import RATE
from igsed_core.data.soundbank.real_sources import Clip
from igsed_core.workflow import cli

CLASSES = real.CLASSES


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Server]:
    """What `igsed fetch real` made, and the server that it asked."""
    served = real_archives.write(tmp_path_factory.mktemp("served"))
    with pytest.MonkeyPatch.context() as patch, serve(served) as server:
        patch.setenv("IGSED_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        patch.setenv(assets.MIRROR_VARIABLE, server.url)
        for name in assets.GROUPS["real"]:
            asset = assets.REGISTRY[name]
            digest = hashlib.sha256((served / asset.file_name).read_bytes()).hexdigest()
            known = f"sha256:{digest}" if asset.checksum else ""
            patch.setitem(assets.REGISTRY, name, dataclasses.replace(asset, checksum=known))
        cli.main(["fetch", "real"])
        return real.fetched(), server


def manifest(root: Path) -> pd.DataFrame:
    return pd.read_csv(root / real.MANIFEST, dtype={"source_id": str})


def test_every_class_is_there_in_both_pools_and_every_file_is_listed(built: tuple[Path, Server]) -> None:
    rows = manifest(built[0])
    foreground = rows[rows["pool"] != "background"]
    assert set(foreground["class"]) == set(CLASSES)
    assert set(foreground.groupby("class")["pool"].nunique()) == {2}
    assert {path.relative_to(built[0]).as_posix() for path in built[0].rglob("*.flac")} == set(rows["path"])
    for row in rows.itertuples():
        path = built[0] / row.path
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row.sha256
        samples, rate = soundfile.read(path)
        assert (rate, samples.ndim) == (RATE, 1)
        assert len(samples) / rate == pytest.approx(row.duration_s, abs=1e-3)
        if row.pool == "background":
            assert len(samples) / rate == pytest.approx(cutting.BACKGROUND_SECONDS)
            assert 20 * np.log10(np.sqrt((samples**2).mean())) == pytest.approx(cutting.BACKGROUND_DB, abs=0.5)
        else:
            assert 20 * np.log10(np.abs(samples).max()) == pytest.approx(cutting.PEAK_DB, abs=0.01)
            assert cutting.SHORTEST - 0.05 <= len(samples) / rate <= cutting.LONGEST


def test_nobody_is_heard_in_both_pools_and_everybody_is_named(built: tuple[Path, Server]) -> None:
    rows, told = manifest(built[0]), pd.read_csv(built[0] / real.ATTRIBUTION, dtype=str)
    joined = rows.merge(told, on=["source", "source_id"], suffixes=("", "_told"), how="left")
    assert joined["author"].notna().all()
    pools = defaultdict(set)
    for row in joined[joined["pool"] != "background"].itertuples():
        pools[row.author].add(row.pool)
    assert all(len(found) == 1 for found in pools.values())
    dog = told[told["source_id"] == "1001"].iloc[0]
    assert (dog["author"], dog["title"], dog["licence"]) == ("esc author 1", "a (loud) one.wav", "CC-BY-3.0")
    assert set(told.loc[told["source"] == "FSDD", "licence"]) == {"CC-BY-SA-4.0"}


def test_doubtful_and_mistaken_clips_and_videos_are_left_out(built: tuple[Path, Server]) -> None:
    sweeps = set(manifest(built[0]).query("`class` == 'Sweep'")["source_id"])
    assert sweeps == {"5080", "5081", "M-balai"}


def test_what_has_no_published_checksum_is_noted_and_held_to(
    built: tuple[Path, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = built[0].parent
    monkeypatch.setenv("IGSED_DATA_DIR", str(data))
    note = json.loads((data / "esc10.tar.gz.checksum.json").read_text())
    assert note["checksum"] == f"sha256:{hashlib.sha256((data / 'esc10.tar.gz').read_bytes()).hexdigest()}"
    assert assets.verify(assets.REGISTRY["esc10"], data / "esc10.tar.gz") == "whole"
    other = data / "other.tar.gz"
    other.write_bytes(b"something else")
    assert assets.verify(assets.REGISTRY["esc10"], other).startswith("differs")


def test_the_dry_run_says_licences_and_addresses(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IGSED_DATA_DIR", str(tmp_path))
        cli.main(["fetch", "real", "--dry-run"])
    said = capsys.readouterr().out
    for words in ("CC BY-SA 4.0", "CC0 or CC BY 3.0", "Apache-2.0", "codeload.github.com/karolpiczak/ESC-10"):
        assert words in said


def test_a_run_can_mix_from_it(built: tuple[Path, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_DATA_DIR", str(built[0].parent))
    bank = soundbank.prepare("real", seed=0, sample_rate=RATE, cache_dir=tmp_path, workers=1)
    assert bank.classes == CLASSES
    assert set(bank.files["pool"]) == {"train", "eval", "background"}


def test_a_collection_without_its_lists_is_named(tmp_path: Path) -> None:
    (tmp_path / "esc10").mkdir()
    with pytest.raises(IgsedError, match=r"no README\.txt with ESC-10's licences.*fetch ESC-10 again"):
        real_sources.of_esc10(tmp_path / "esc10")
    with pytest.raises(IgsedError, match=r"no kitchen20\.csv and classes\.csv.*fetch kitchen20 again"):
        real_sources.of_kitchen20(tmp_path)


def test_authors_of_many_classes_go_to_one_pool() -> None:
    def clip(author: str, label: str) -> Clip:
        return Clip(Path(f"{author}.wav"), label, "short", "kitchen20", author, "A", author, "", "", "")

    clips = [clip(f"a{i % 10}", label) for i in range(40) for label in ("Dog", "Sweep")]
    found = real.pools(clips)
    assert set(found.values()) == {"train", "eval"}
    assert sum(pool == "eval" for pool in found.values()) == 3


def test_clipped_and_even_clips_give_no_event() -> None:
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal(3 * RATE)
    assert cutting.events(noise, "short") == []
    assert cutting.events(np.sign(noise), "sustained") == []
    assert len(cutting.events(noise, "sustained")) == 1
    assert cutting.steady(noise)
