"""The pages "Add your own method" and "Add an encoder, a threshold rule, a sound bank", followed to the letter.

Once in a copy of the project, and once as a package that is installed beside it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
METHOD, MORE = ((ROOT / "book" / name).read_text() for name in ("add_a_method.md", "add_more.md"))
PACKAGE = "weighted-level/"


def blocks(page: str) -> list[tuple[str, str]]:
    """(File, text) of each block: the last file that is named before it."""
    found = []
    for before, text in re.findall(r"(.*?)```(?:python|toml)\n(.*?)```", page, flags=re.DOTALL):
        found.append((re.findall(r"`([\w/-]+\.(?:py|toml))`", before)[-1], text))
    return found


def install(project: Path, file: str, text: str) -> None:
    """Do with a block what the page says: a new file, or an entry inside the registry."""
    path = project / file
    if not file.endswith("registry.py"):
        assert not path.exists()
        path.write_text(text)
        return
    entry = "".join(f"        {line}\n" for line in text.splitlines())
    registry, n = re.subn(
        r"(= Registry\(\n.*?\n    \{\n)", lambda m: m.group(1) + entry, path.read_text(), flags=re.DOTALL
    )
    assert n == 1
    path.write_text(registry)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with all files and entries that the two pages give."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("src", "tests"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", root)
    for file, text in [*blocks(METHOD), *blocks(MORE)]:
        if not file.startswith(PACKAGE):
            install(root, file, text)
    return root


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the package of the two pages: a method and a threshold rule."""
    root = tmp_path_factory.mktemp("package")
    code = root / PACKAGE / "weighted_level"
    code.mkdir(parents=True)
    (code / "__init__.py").write_text("")
    for name, page in (("method.py", METHOD), ("mean_level.py", MORE)):  # the pages say: the file from the top
        (code / name).write_text(blocks(page)[0][1])
    for file, text in [*blocks(METHOD), *blocks(MORE)]:
        if file.startswith(PACKAGE):
            with (root / file).open("a") as stream:  # the second page adds to the files of the first
                stream.write(f"\n{text}")
    command = [
        "pip",
        "install",
        "-q",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
        "--target",
        str(root / "site"),
    ]
    run(root, "", *command, str(root / PACKAGE))
    return root / "site"


def run(folder: Path, path: Path | str, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def told(path: Path | str, program: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tests_that_the_page_names_pass(copy: Path) -> None:
    tests = ["tests/attribution/test_weighted_level.py", "tests/attribution/test_methods.py"]
    for name in tests:
        assert f" {name}" in METHOD
    wanted = "weighted_level or silence_has_no_level"
    assert "3 passed" in run(copy, copy / "src", "pytest", "-q", "-p", "no:cacheprovider", *tests, "-k", wanted)


def test_the_code_is_in_the_house_style(copy: Path) -> None:
    files = [file for file, _ in [*blocks(METHOD), *blocks(MORE)] if file.startswith("src")]
    run(copy, copy / "src", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), *files)


def test_the_new_method_has_a_name_a_colour_and_a_place_in_the_study(copy: Path) -> None:
    program = (
        "from igsed_core.chapters.methods import study; from igsed_core.show import style; name = 'weighted_level';"
        "print(style.name(name), style.colour(name), name in study.chosen('all'))"
    )
    assert told(copy / "src", program).split() == ["Weighted", "level", "#E69F00", "True"]


def test_the_new_rules_detect_what_lies_above_the_mean(copy: Path) -> None:
    program = (
        "import numpy as np; from igsed_core.detection.thresholds.registry import RULES, parameter_free;"
        "scores = np.array([[0.0, 0.0, 0.0, 4.0], [1.0, 1.0, 5.0, 5.0]]);"
        "print(RULES['above_mean'].apply(scores).astype(int).tolist());"
        "print(RULES['above_spread'].apply(scores, 1.5).astype(int).tolist());"
        "print(len(RULES['above_spread'].parameters(scores)));"
        "print('above_mean' in parameter_free(), 'above_spread' in parameter_free())"
    )
    wanted = ["[[0, 0, 0, 1], [0, 0, 1, 1]]", "[[0, 0, 0, 1], [0, 0, 0, 0]]", "31", "True False"]
    assert told(copy / "src", program).splitlines() == wanted


def test_the_new_encoder_gives_the_level_of_each_band(copy: Path) -> None:
    program = (
        "import torch; from igsed_core.models.encoders import registry; encoder = registry.load('band_levels');"
        "x = 0.1 * torch.randn(1, 32000, generator=torch.Generator().manual_seed(0)); frames = encoder(x);"
        "second = encoder.frontend(x)[0, 32:64].mean(dim=0);"
        "print(tuple(frames.shape), torch.allclose(frames[0, 1], second, atol=1e-4));"
        "print(registry.describe(encoder)['parameters'])"
    )
    assert told(copy / "src", program).splitlines() == ["(1, 3, 64) True", "0"]


def test_the_new_bank_is_prepared_and_known_by_name(copy: Path, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from igsed_core.data.soundbank import registry;"
        f"make = lambda n: registry.prepare('tones', seed=1, sample_rate=8000, cache_dir=Path({str(tmp_path)!r}),"
        "workers=1, n_train=n, n_eval=1, n_background=1);"
        "print(*make(2).classes, len(make(2).files), len(make(3).files), registry.available());"
        "from igsed_core.main_job.params import DataSynthesis; print(DataSynthesis(soundbank='tones').uses())"
    )
    wanted = ["High Low Middle 10 13 ['desed', 'procedural', 'real', 'tones']", "(('igsed.soundbanks', 'tones'),)"]
    assert told(copy / "src", program).splitlines() == wanted


def test_an_installed_package_adds_a_method_and_a_rule(beside: Path) -> None:
    program = (
        "import sys; from igsed_core.attribution.registry import REGISTRY; from igsed_core.base import code, plugins;"
        "from igsed_core.detection.thresholds.registry import RULES; from igsed_core.show import style;"
        "from igsed_core.workflow import experiments;"
        "print(list(REGISTRY)[-1], list(RULES)[-1], style.name('weighted_level'), style.colour('weighted_level'));"
        "mine = experiments.STAGE_PARAMS['methods'](methods='cam,weighted_level').uses();"
        "rules = experiments.STAGE_PARAMS['threshold_rules']().uses();"
        "print(('igsed.methods', 'weighted_level') in mine, ('igsed.threshold_rules', 'above_mean') in rules);"
        "roots = plugins.digest_of([u for u in (*mine, *rules) if u[1] in ('weighted_level', 'above_mean')])[0];"
        "print(*roots, len(code.digest(roots)), 'torch' in sys.modules);"
        "print(REGISTRY.load('weighted_level').__module__, RULES['above_mean'].name)"
    )
    assert told(os.pathsep.join([str(ROOT / "src"), str(beside)]), program).splitlines() == [
        "weighted_level above_mean Weighted level #E69F00",
        "True True",
        "weighted_level.mean_level weighted_level.method 64 False",
        "weighted_level.method above_mean",
    ]


def test_parameters_list_the_choices_of_installed_packages(tmp_path: Path) -> None:
    """An engine and an encoder, by hand: what pip leaves behind is a module and two small files."""
    (tmp_path / "extra.py").write_text(
        "from igsed_core.base.registry import Entry\n"
        "ENGINE = Entry(target='extra_engine:Engine')\nENCODER = Entry(target='extra_encoder:load')\n"
    )
    info = tmp_path / "extra-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[igsed.engines]\nmy_engine = extra:ENGINE\n[igsed.encoders]\nmy_encoder = extra:ENCODER\n"
    )
    path = os.pathsep.join([str(ROOT / "src"), str(tmp_path)])
    listed = run(ROOT, path, "igsed_core", "parameters").splitlines()
    assert any(line.startswith("engine:") and "(captum, mel_path, my_engine)" in line for line in listed)
    assert any(line.startswith("encoder:") and "my_encoder)" in line for line in listed)
    program = "from igsed_core.main_job.params import Training; print(Training(encoder='my_encoder').uses())"
    assert told(path, program).strip() == "(('igsed.encoders', 'my_encoder'),)"
