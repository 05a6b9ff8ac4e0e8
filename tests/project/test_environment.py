"""pyproject.toml, constraints.txt, environment.yml and postBuild agree; code imports what they name."""

from __future__ import annotations

import ast
import contextlib
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
IMPORT_NAMES = {"yaml": "pyyaml", "xdist": "pytest-xdist", "PIL": "pillow"}
# In environment.yml beyond pyproject.toml: the machine's side, and what scaper needs, which goes in without its
# dependencies, as zennit does (postBuild), so that soxbindings and torchvision stay out.
BARE = {"scaper", "zennit"}
CONDA_ONLY = {"python", "pip", "make", "sox"}


def requirements(lines: list[str]) -> dict[str, Requirement]:
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUNTIME = requirements(PROJECT["dependencies"])
TEST = requirements(PROJECT["optional-dependencies"]["test"])
PARITY = requirements(PROJECT["optional-dependencies"]["parity"])
DECLARED = RUNTIME | TEST


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
        assert requirement.url is None and requirement.marker is None, f"{name}: names and versions only"


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
    test_every_pin_installs_on_the_python_of_debian_12(apart)
    test_nothing_heavy_or_unwanted_is_pinned(apart)


def test_every_pin_installs_on_the_python_of_debian_12(pinned: dict[str, Requirement]) -> None:
    for name, requirement in pinned.items():
        with contextlib.suppress(metadata.PackageNotFoundError):
            package = metadata.metadata(name)
            if requirement.specifier.contains(package["Version"]):
                needs = SpecifierSet(package.get("Requires-Python", ""))
                assert needs.contains("3.11.2"), f"{requirement} needs Python {needs}: pin an earlier version"


def test_nothing_heavy_or_unwanted_is_pinned(pinned: dict[str, Requirement]) -> None:
    unwanted = [name for name in pinned if re.match(r"soxbindings|nvidia|cuda|triton|igsed", name)]
    assert not unwanted, f"constraints.txt must not hold {unwanted}"


def test_conda_has_the_same_packages_and_bounds(conda: dict[str, Requirement]) -> None:
    # Those of postBuild go in without their dependencies: the next test looks at them.
    wanted = {name: str(requirement.specifier) for name, requirement in DECLARED.items() if name not in BARE}
    assert {name: str(conda[name].specifier) for name in conda.keys() - CONDA_ONLY} == wanted
    assert conda["python"].specifier.contains("3.11")


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
    tree = ast.parse((ROOT / "tools" / "setup_env.py").read_text())
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module.split(".")[0] for module in modules} <= sys.stdlib_module_names


def test_nothing_names_where_packages_come_from() -> None:
    for name in (
        "pyproject.toml",
        "constraints.txt",
        "constraints-parity.txt",
        "environment.yml",
        "postBuild",
        "tools/setup_env.py",
    ):
        text = (ROOT / name).read_text()
        assert not re.search(r"index-url|find-links|trusted-host|://", text), f"{name} names a package host"
