"""Clip browser, results browser and player do in a browser, from a file, what they promise."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from igsed_core.show import clip_browser, display, explorer, listening, players, results_browser, sounds

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: pages are not opened")
STATIC = Path(__file__).resolve().parents[2] / "_static"
RATE, FRAMES = 32_000, 100


@pytest.fixture(scope="module")
def tab():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        page = browser.new_page(viewport={"width": 1000, "height": 1000})
        page.set_default_timeout(60_000)  # on a busy machine
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda m: page.problems.append(m.text) if m.type in ("error", "warning") else None)
        yield page
        browser.close()


def opened(tab, folder, made, libraries):
    """Write a page with what is made, as the book has it, and open it from its file."""
    scripts = {**libraries, "own.js": made.script}
    for name, text in scripts.items():
        (folder / name).write_text(text, encoding="utf-8")
    tags = "".join(f'<script defer src="../{name}"></script>' for name in scripts)
    (folder / "book").mkdir(exist_ok=True)
    html = f'<!doctype html><meta charset="utf-8"><body><div tabindex="0">{made.place}</div>{tags}</body>'
    (folder / "book" / "page.html").write_text(html, encoding="utf-8")
    tab.problems.clear()
    tab.goto((folder / "book" / "page.html").as_uri())


def tone(seconds=10.0):
    return 0.1 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE)


@needs_browser
def test_a_chosen_clip_is_shown_and_played_worst_first(tab, tmp_path):
    index = pd.DataFrame({"clip": ["a", "b", "c"], "label": ["Dog", "Cat", "Dog"]})
    index = index.assign(ig=[0.2, 0.3, 0.4], localiser=[0.9, 0.1, 0.5])
    truth = np.zeros((3, FRAMES), bool)
    truth[:, 20:40] = True
    scores = {name: np.random.default_rng(1).random((3, FRAMES)) for name in ("localiser", "ig")}
    (tmp_path / "clips").mkdir()
    heard = {clip: f"../clips/{players.write(tone(), RATE, tmp_path / 'clips' / clip).name}" for clip in "ab"}
    made = clip_browser.clip_browser(
        clip_browser.Clips(index, truth, scores, 0.1), "ig", "localiser", sounds=heard, pictures={}
    )
    opened(tab, tmp_path, made, explorer.library())
    said = tab.locator("div", has_text="IoU of Localiser").last
    said.wait_for()
    source = "document.getElementById('igsed-clip-sound').getAttribute('src')"
    assert "Cat in b: IoU of Localiser 0.10, of IG 0.30" in said.inner_text()
    assert tab.evaluate(source) == heard["b"]
    chosen = tab.get_by_role("combobox")
    assert [text.split(":")[0] for text in chosen.locator("option").all_inner_texts()] == ["Cat, b", "Dog, c", "Dog, a"]
    tab.get_by_role("button", name="next worst").click()
    tab.wait_for_function("document.getElementById('igsed-clip-sound').hidden")
    assert "The sound of this clip is not in the book" in said.inner_text()
    chosen.select_option("Dog, a: 0.90, 0.20")
    tab.wait_for_function(f"{source} === '{heard['a']}'")
    # Keys, with the focus in the browser: two steps on, then play.
    tab.evaluate("document.getElementById('igsed-clip-sound').preload = 'auto'")
    tab.wait_for_function("document.getElementById('igsed-clip-sound').readyState >= 1")
    tab.locator("[tabindex='0']").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
        tab.keyboard.press(key)
    assert tab.evaluate("document.getElementById('igsed-clip-sound').currentTime") == pytest.approx(1.0, abs=0.1)
    tab.keyboard.press(" ")
    tab.wait_for_function("document.getElementById('igsed-clip-sound').currentTime > 1.1")
    assert tab.problems == []


@pytest.fixture
def results():
    rng = np.random.default_rng(2)
    n = 400
    many = pd.DataFrame({"experiment": "e", "seed": 1, "split": "test", "method": rng.choice(["ig", "cam"], n)})
    many = many.assign(rule="otsu", metric=rng.choice(["iou", "f1"], n), **{"class": rng.choice(["Dog", "A & <b>"], n)})
    many = many.assign(value=rng.normal(size=n), n=rng.integers(1, 9, n), ci_low=-np.inf, ci_high=np.nan)
    wide = pd.DataFrame({"experiment": "e", "seed": 1, "class": ["Dog"], "n": [3], "found": [1.5], "true": [2.0]})
    return {"many": results_browser.Tidy("First", many), "wide": results_browser.Tidy("Second", wide)}


@needs_browser
def test_fields_filter_columns_sort_and_csv_takes_what_is_left(tab, tmp_path, results):
    made = results_browser.results_browser(results)
    opened(tab, tmp_path, made, {"tables.js": display.library()})
    rows = tab.locator("#igsed-results tbody tr")
    rows.nth(24).wait_for()
    many = results["many"].rows
    mine = many[(many["method"] == "cam") & (many["metric"] == "f1") & (many["class"] == "A & <b>")]
    for facet, option in (("method", "cam"), ("metric", "f1"), ("class", "A & <b>")):
        field = tab.locator(f"select[data-facet='{facet}']")
        (name,) = [text for text in field.locator("option").all_inner_texts() if text.startswith(option)]
        field.select_option(name)
    assert f"of {len(mine)} entries" in tab.locator(".dt-info").inner_text()
    # What the other fields leave: no row of the second table has a method.
    assert not any("wide" in text for text in tab.locator("select[data-facet='table'] option").all_inner_texts())
    tab.locator("#igsed-results thead th", has_text="value").click()
    tab.locator("#igsed-results thead th[aria-sort=ascending]").wait_for()
    with tab.expect_download() as download:
        tab.get_by_role("button", name="CSV").click()
    saved = pd.read_csv(download.value.path())
    assert saved["value"].to_numpy() == pytest.approx(np.sort(mine["value"]), rel=1e-5)
    assert set(saved["class"]) == {"A & <b>"}
    assert saved["ci_low"].isna().all()
    tab.get_by_role("button", name="Copy").click()
    assert tab.locator("#igsed-results-said").inner_text() == f"{len(mine)} rows copied"
    tab.get_by_role("button", name="all rows").click()
    tab.get_by_role("searchbox").fill("second found")
    tab.wait_for_function("document.querySelector('.dt-info').textContent.includes('of 1 entry')")
    assert "1.5" in tab.locator("#igsed-results tbody").inner_text().replace("0", "")
    assert tab.problems == []


def test_every_number_of_every_table_is_there(results):
    whole = pd.concat(results_browser.long(name, table) for name, table in results.items())
    assert len(whole) == 400 + 2
    wide = whole[whole["table"] == "wide"]
    assert dict(zip(wide["metric"], wide["value"], strict=True)) == {"found": 1.5, "true": 2.0}
    assert set(wide["n"]) == {3}


def test_a_listening_figure_names_its_classes_and_what_can_be_heard():
    events = pd.DataFrame({"label": ["Alarm_bell", "Dog"], "onset": [4.0, 1.0], "offset": [6.0, 2.0]})
    mask = np.zeros(FRAMES)
    mask[10:20] = 2.0
    curves = [listening.Curve(name, mask, 0.1, "Dog") for name in ("localiser", "ig", "fw_ws")]
    picture, player = listening.listen(
        tone(), RATE, events, curves, hear=["localiser", "ig"], stems={"Dog": tone() * 0.5}
    )
    assert [ax.get_title(loc="left") for ax in picture.axes[:2]] == ["Log-mel spectrogram", "Ground truth"]
    assert len(picture.axes) == 2 + len(curves)
    for words in ("Dog, then Alarm bell", "where Localiser hears Dog", "where IG hears Dog", "Dog alone, as mixed in"):
        assert words in player.data
    assert player.data.count("<audio") == 4
    plain, one = listening.listen(tone(), RATE, events)
    assert one.data.count("<audio") == 1
    assert len(plain.axes) == 3


def test_a_weighted_sound_is_silent_where_the_mask_is_and_does_not_click():
    mask = np.zeros(FRAMES)
    mask[40:60] = 1.0
    heard = players.weighted(np.ones(10 * RATE), mask, 0.1, RATE)
    assert np.abs(heard[: int(3.9 * RATE)]).max() == 0
    assert heard[5 * RATE] == 1
    assert np.abs(np.diff(heard)).max() < 1e-3


@needs_browser
def test_one_cursor_goes_through_sound_and_picture(tab, tmp_path):
    import base64
    import io

    events = pd.DataFrame({"label": ["Dog"], "onset": [1.0], "offset": [2.0]})
    picture, player = listening.listen(tone(), RATE, events)
    stream = io.BytesIO()
    picture.savefig(stream, format="png", bbox_inches="tight")  # as a notebook shows it
    shown = f'<img alt="" src="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}">'
    script = (STATIC / "igsed.js").read_text(encoding="utf-8")
    look = ".igsed-cursor {position: absolute} .igsed-stage {position: relative; display: inline-block}"
    body = f'<article><div class="cell_output">{shown}{player.data}</div></article><script>{script}</script>'
    html = f'<!doctype html><meta charset="utf-8"><style>{look}</style>{body}'
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    tab.problems.clear()
    tab.goto((tmp_path / "page.html").as_uri())
    tab.wait_for_function("document.querySelector('audio').readyState >= 1")
    stage = tab.get_by_role("slider", name="Position in Dog")
    now = "document.querySelector('audio').currentTime"
    left, right = (float(tab.locator("figure").get_attribute(f"data-{side}")) for side in ("left", "right"))
    box = stage.locator("img").bounding_box()
    stage.click(position={"x": box["width"] * (left + 0.5 * (right - left)), "y": box["height"] / 2})
    assert tab.evaluate(now) == pytest.approx(5.0, abs=0.1)
    stage.focus()
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_function("document.querySelector('.igsed-stage').getAttribute('aria-valuenow') === '4.5'")
    share = tab.evaluate("parseFloat(document.querySelector('.igsed-cursor').style.left)") / 100
    assert (share - left) / (right - left) == pytest.approx(0.45, abs=0.01)
    tab.keyboard.press(" ")
    tab.wait_for_function(f"{now} > 4.6")
    tab.keyboard.press(" ")
    assert tab.evaluate("document.querySelector('audio').paused")
    assert tab.problems == []


def test_the_spectrogram_of_the_clip_browser_is_small():
    noise = np.random.default_rng(0).normal(size=10 * RATE)
    assert 2_000 < len(sounds.bare_spectrogram(noise, RATE)) < 40_000


def test_the_same_layout_gives_the_same_text() -> None:
    """A book that is up to date is left as it is; Bokeh names documents and places at random."""
    code = (
        "from bokeh.models.widgets import Div; from igsed_core.show import explorer; "
        "made = explorer.embedded(Div(text='a')); print(made.place, made.script)"
    )
    command = [sys.executable, "-c", code]
    one, other = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert "embed_document" in one and one == other
