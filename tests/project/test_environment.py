"""pyproject.toml, constraints.txt, environment.yml and postBuild agree; code imports what they name."""

from __future__ import annotations

import ast
import contextlib
import importlib
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]

# What a package is called on conda-forge, and in an import, where that is not its own name.
CONDA_NAMES = {"pytorch": "torch", "pysoundfile": "soundfile", "soxr-python": "soxr"}
IMPORT_NAMES = {"sklearn": "scikit-learn", "yaml": "pyyaml", "xdist": "pytest-xdist", "PIL": "pillow"}
IMPORT_NAMES |= {"bs4": "beautifulsoup4"}
# In environment.yml beyond pyproject.toml: the machine's side, and what scaper needs, which goes in without its
# dependencies, as zennit does (postBuild), so that soxbindings and torchvision stay out.
BARE = {"scaper", "zennit"}
# Left out on purpose, each for the reason that constraints.txt or constraints-parity.txt gives.
LEFT_OUT = {("scaper", "soxbindings"), ("zennit", "torchvision"), ("papermill", "aiohttp")}
LEFT_OUT |= {("sed-scores-eval", "pathlib"), ("adv-lib", "torchvision"), ("adv-lib", "visdom")}
CONDA_ONLY = {"python", "pip", "make", "sox"}


def requirements(lines: list[str]) -> dict[str, Requirement]:
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUNTIME = requirements(PROJECT["dependencies"])
TEST = requirements(PROJECT["optional-dependencies"]["test"])
CLUSTER = requirements(PROJECT["optional-dependencies"]["cluster"])
PARITY = requirements(PROJECT["optional-dependencies"]["parity"])
# Every Python that is supported, as the oldest release of it that a current system may bring (Debian 12, Ubuntu 24.04).
PYTHONS = {"3.11": "3.11.2", "3.12": "3.12.3", "3.13": "3.13.0", "3.14": "3.14.0"}
DECLARED = RUNTIME | TEST | CLUSTER


def pins_of(name: str) -> dict[str, Requirement]:
    lines = [line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    found = requirements([line for line in lines if line])
    assert len(found) == len([line for line in lines if line]), f"{name}: a package is pinned twice"
    return found


@pytest.fixture(scope="module")
def pinned() -> dict[str, Requirement]:
    return pins_of("constraints.txt")


@pytest.fixture(scope="module")
def conda() -> dict[str, Requirement]:
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    strings = [entry for entry in entries if isinstance(entry, str)]
    from_conda = requirements([re.sub(r"^(\w+)=(\d)", r"\1==\2", entry) for entry in strings])
    from_pip = requirements(next(entry["pip"] for entry in entries if isinstance(entry, dict)))
    renamed = {CONDA_NAMES.get(name, name): requirement for name, requirement in from_conda.items()}
    twice = renamed.keys() & from_pip.keys() - {"sox"}  # sox is a program on conda-forge, a package on PyPI
    assert not twice, f"environment.yml asks conda and pip for {twice}"
    return renamed | from_pip


def imported(folder: str) -> dict[str, str]:
    """Return the top-level packages that a folder's Python files import, each with a file that does."""
    found: dict[str, str] = {}
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            found |= {name.split(".")[0]: str(path.relative_to(ROOT)) for name in names}
    return found


def test_every_pin_is_one_exact_version(pinned: dict[str, Requirement]) -> None:
    for name, requirement in pinned.items():
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], f"{name} is not pinned"
        assert requirement.url is None, f"{name}: names and versions only"
        marker = str(requirement.marker or "")
        assert re.fullmatch(r'(python_version [<>=]+ "[\d.]+")?', marker), f"{requirement}: only by Python's version"


def test_every_requirement_is_pinned_within_its_bounds(pinned: dict[str, Requirement]) -> None:
    for name, requirement in DECLARED.items():
        assert name in pinned, f"{name} is in pyproject.toml but not in constraints.txt"
        (pin,) = pinned[name].specifier
        assert requirement.specifier.contains(Version(pin.version)), f"{pinned[name]}: not {requirement}"


def test_what_tests_compare_with_is_pinned_apart(pinned: dict[str, Requirement]) -> None:
    apart = pins_of("constraints-parity.txt")
    assert not apart.keys() & pinned.keys()
    for name, requirement in PARITY.items():
        (pin,) = apart[name].specifier
        assert requirement.specifier.contains(Version(pin.version)), f"{apart[name]}: not {requirement}"
    test_every_pin_is_one_exact_version(apart)
    test_every_pin_installs_on_every_python(apart)
    test_nothing_heavy_or_unwanted_is_pinned(apart)


def test_every_pin_installs_on_every_python(pinned: dict[str, Requirement]) -> None:
    for name, requirement in pinned.items():
        with contextlib.suppress(metadata.PackageNotFoundError):
            package = metadata.metadata(name)
            needs = SpecifierSet(package.get("Requires-Python", ""))
            for python, oldest in PYTHONS.items():
                if requirement.specifier.contains(package["Version"]) and applies(requirement, python):
                    assert needs.contains(oldest), f"{requirement} needs Python {needs}: pin an earlier version"


def applies(requirement: Requirement, python: str) -> bool:
    """Whether a requirement holds for this Python, without any extras."""
    environment = {"python_version": python, "python_full_version": PYTHONS[python], "extra": ""}
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize("python", PYTHONS)
def test_what_the_pins_ask_for_is_pinned_on_every_python(pinned: dict[str, Requirement], python: str) -> None:
    everything = pinned | pins_of("constraints-parity.txt")
    at_hand = {name: pin for name, pin in everything.items() if applies(pin, python)}
    asked = 0
    for name in everything:
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for needed in map(Requirement, package.requires or []):
            other = canonicalize_name(needed.name)
            # torch's CUDA build asks for what no other build does
            if not applies(needed, python) or (name, other) in LEFT_OUT or re.match("nvidia|cuda|triton", other):
                continue
            assert other in at_hand, f"{name} needs {needed} on Python {python}: pin it"
            (pin,) = at_hand[other].specifier
            assert needed.specifier.contains(pin.version, prereleases=True), f"{name} needs {needed}, not {pin}"
            asked += 1
    assert asked > 300


def test_every_file_names_the_same_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    machine = importlib.import_module("machine")
    oldest, newest = min(PYTHONS, key=Version), max(PYTHONS, key=Version)
    allowed = SpecifierSet(PROJECT["requires-python"])
    minors = [f"3.{minor}" for minor in range(30)]
    assert [python for python in minors if allowed.contains(python)] == list(PYTHONS)
    assert sorted(machine.PYTHONS, key=Version) == list(PYTHONS)
    assert f"Python {oldest} to {newest}" == machine.SUPPORTED
    assert [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if ":: Python :: " in text] == list(PYTHONS)
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text())["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == [oldest, newest]
    (setup,) = [step for step in jobs["build"]["steps"] if "setup-python" in step.get("uses", "")]
    assert setup["with"]["python-version"] == machine.PYTHONS[0]
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["python_version"] == oldest
    assert ", ".join(PYTHONS).replace(f", {newest}", f" or {newest}") in (ROOT / "README.md").read_text()


def test_nothing_heavy_or_unwanted_is_pinned(pinned: dict[str, Requirement]) -> None:
    unwanted = [name for name in pinned if re.match(r"soxbindings|nvidia|cuda|triton|igsed", name)]
    assert not unwanted, f"constraints.txt must not hold {unwanted}"


def test_conda_has_the_same_packages_and_bounds(conda: dict[str, Requirement]) -> None:
    # Those of postBuild go in without their dependencies: the next test looks at them.
    wanted = {name: str(requirement.specifier) for name, requirement in DECLARED.items() if name not in BARE}
    assert {name: str(conda[name].specifier) for name in conda.keys() - CONDA_ONLY} == wanted
    (python,) = conda["python"].specifier
    assert python.version in PYTHONS


def test_postbuild_adds_packages_without_their_dependencies() -> None:
    lines = (ROOT / "postBuild").read_text().splitlines()
    (line,) = [line for line in lines if "scaper" in line]
    bare = [text for text in PROJECT["dependencies"] if canonicalize_name(Requirement(text).name) in BARE]
    assert line == "python -m pip install --no-deps " + " ".join(f'"{text}"' for text in bare)
    assert len(bare) == len(BARE)


@pytest.mark.parametrize(("folder", "declared"), [("src", RUNTIME), ("tests", DECLARED), ("tools", DECLARED)])
def test_imports_are_declared(folder: str, declared: dict[str, Requirement]) -> None:
    here = {path.stem for path in (ROOT / folder).iterdir()} | {"igsed_core"}
    for module, path in imported(folder).items():
        if module in sys.stdlib_module_names or module in here:
            continue
        package = canonicalize_name(IMPORT_NAMES.get(module, module))
        assert package in declared, f"{path} imports {module}, which pyproject.toml does not declare"


def test_the_set_up_runs_on_the_standard_library() -> None:
    for name in ("machine", "setup_env"):
        tree = ast.parse((ROOT / "tools" / f"{name}.py").read_text(), feature_version=(3, 8))
        modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {module.split(".")[0] for module in modules} <= {*sys.stdlib_module_names, "machine"}


def test_nothing_names_where_packages_come_from() -> None:
    for name in (
        "pyproject.toml",
        "constraints.txt",
        "constraints-parity.txt",
        "environment.yml",
        "postBuild",
        "tools/machine.py",
        "tools/setup_env.py",
    ):
        text = (ROOT / name).read_text()
        assert not re.search(r"index-url|find-links|trusted-host|://", text), f"{name} names a package host"
