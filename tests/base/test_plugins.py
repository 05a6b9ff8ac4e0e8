"""What keys take from the registries: the entries used, what these use, and no code but theirs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from igsed_core.base import imports, plugins
from igsed_core.base.errors import IgsedError
from igsed_core.base.params import StageParams
from igsed_core.base.registry import Entry, Registry
from igsed_core.workflow import experiments

STAGES = experiments.STAGE_PARAMS.values()


@pytest.mark.parametrize("group", [plugins.METHODS, plugins.ENGINES, plugins.ENCODERS, plugins.RULES, plugins.BANKS])
def test_a_registry_reaches_no_entry_and_every_entry_is_there(group: str) -> None:
    found = plugins.registry(group)
    assert found.group == group
    modules = {module for entry in found.values() for module in entry.modules}
    assert not modules & imports.reached([plugins._REGISTRIES[group].partition(":")[0]])
    for name in found:
        assert found.load(name) is not None


def test_the_study_of_methods_reaches_no_method_by_way_of_the_registry() -> None:
    reached = imports.reached(["igsed_core.chapters.methods.study"])
    of_methods = {module for entry in plugins.registry(plugins.METHODS).values() for module in entry.modules}
    of_rules = {module for entry in plugins.registry(plugins.RULES).values() for module in entry.modules}
    assert not of_methods & reached
    assert of_rules & reached == {"igsed_core.detection.thresholds.levels"}  # the evaluation's own import


def test_a_method_takes_its_engine_along() -> None:
    modules, entries = plugins.digest_of([(plugins.METHODS, "ig_captum")])
    assert modules == ["igsed_core.attribution.ig.captum_ig", "igsed_core.attribution.integrated_gradients"]
    assert [entry[:2] for entry in entries] == [[plugins.ENGINES, "captum"], [plugins.METHODS, "ig_captum"]]
    assert entries[1][2]["options"]["engine"] == "captum"


def test_a_rule_takes_function_grid_and_transform_along() -> None:
    within = "igsed_core.detection.thresholds."
    assert plugins.digest_of([(plugins.RULES, "percentile")])[0] == [f"{within}levels"]
    assert plugins.digest_of([(plugins.RULES, "smooth_log_hmm")])[0] == [f"{within}markov", f"{within}transforms"]


def test_titles_are_in_the_key_of_a_page_alone() -> None:
    for_data, for_page = (plugins.digest_of([(plugins.METHODS, "cam")], looks=looks)[1] for looks in (False, True))
    assert "title" not in for_data[0][2] and "family" not in for_data[0][2] and for_data[0][2]["sign"] == "signed"
    assert for_page[0][2]["title"] == "CAM"


def test_order_and_repetition_change_nothing() -> None:
    uses = [(plugins.RULES, "otsu"), (plugins.METHODS, "cam")]
    assert plugins.digest_of(uses) == plugins.digest_of([*reversed(uses), *uses])


@pytest.mark.parametrize("cls", STAGES, ids=lambda cls: cls.stage)
def test_every_stage_names_entries_that_are_there(cls: type[StageParams]) -> None:
    modules, entries = plugins.digest_of(cls().uses())
    json.dumps(entries)
    assert imports.reached(modules) >= set(modules)


@pytest.mark.parametrize(
    ("stage", "values", "message"),
    [
        (
            "training",
            {"encoder": "vggish"},
            "'encoder' is 'vggish': choose one of cnn14, embedded, embedded_mean, mn04_as",
        ),
        ("integrated_gradients", {"engine": "guess"}, "'engine' is 'guess': choose one of captum, mel_path"),
        ("methods", {"methods": "cam,guess"}, "'methods' holds 'guess': choose from ig_captum, "),
        ("faithfulness", {"faithfulness_methods": "ig,guess"}, "'faithfulness_methods' holds 'guess'"),
    ],
)
def test_an_unknown_name_is_refused_before_anything_runs(stage: str, values: dict[str, str], message: str) -> None:
    with pytest.raises(IgsedError, match=message):
        experiments.STAGE_PARAMS[stage](**values).uses()


def test_uses_follow_the_parameters() -> None:
    params = experiments.STAGE_PARAMS
    assert params["training"](encoder="cnn14").uses() == ((plugins.ENCODERS, "cnn14"),)
    assert params["integrated_gradients"](engine="mel_path").uses() == ((plugins.ENGINES, "mel_path"),)
    assert params["data_synthesis"]().uses() == ((plugins.BANKS, "procedural"),)
    assert params["data_synthesis"](soundbank="/some/folder").uses() == (
        (plugins.BANKS, "desed"),
        (plugins.BANKS, "folder"),
    )
    chosen = [name for group, name in params["methods"](methods="cam, lime").uses() if group == plugins.METHODS]
    assert chosen == ["cam", "lime"]
    everything = [name for group, name in params["methods"]().uses() if group == plugins.METHODS]
    assert everything == [name for name in plugins.registry(plugins.METHODS) if name != "random_forest"]  # it is costly
    rules = [name for group, name in params["threshold_rules"]().uses() if group == plugins.RULES]
    assert rules == list(plugins.registry(plugins.RULES))
    shuffled = [name for group, name in params["faithfulness"]().uses() if group == plugins.METHODS]
    assert shuffled == ["cam", "ixg", "ig_db"]


def test_parameters_and_uses_load_neither_torch_nor_a_method() -> None:
    told = (
        "import sys\nfrom igsed_core.base import plugins\nfrom igsed_core.workflow import experiments\n"
        "for cls in experiments.STAGE_PARAMS.values(): plugins.digest_of(cls().uses())\nprint(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True).stdout.split()
    targets = {module for cls in STAGES for module in plugins.digest_of(cls().uses())[0]}
    assert "igsed_core.attribution.registry" in loaded
    assert not ({"torch"} | targets) & set(loaded)


def test_unknown_groups_and_what_json_does_not_hold_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IgsedError, match=r"no registry 'igsed\.nothing': use one of igsed\.methods, "):
        plugins.registry("igsed.nothing")
    global ODD
    ODD = Registry("thing", "igsed.odd", {"x": Entry(target="math:sqrt", options={"of": {1, 2}})})
    monkeypatch.setitem(plugins._REGISTRIES, "igsed.odd", f"{__name__}:ODD")
    with pytest.raises(IgsedError, match=r"entry 'x' of igsed\.odd holds what JSON does not"):
        plugins.digest_of([("igsed.odd", "x")])


def test_names_in_a_parameter() -> None:
    assert plugins.names_in(" cam, ig,cam ", "faithfulness_methods", ("ig", "cam")) == ("cam", "ig")
    assert plugins.names_in(" all", "methods", ("ig", "cam")) == ("ig", "cam")
    with pytest.raises(IgsedError, match=r"parameter 'replacements' holds 'noise': choose from silence, mean"):
        plugins.names_in("noise", "replacements", ("silence", "mean"))
    with pytest.raises(IgsedError, match=r"parameter 'replacements' names nothing: choose from silence"):
        plugins.names_in(" , ", "replacements", ("silence",))
