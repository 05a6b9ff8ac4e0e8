"""The threshold explorer shows, in a browser and from a file, the means that the package computes."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pandas as pd
import pytest

from igsed_core.detection import evaluation
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.thresholds import levels
from igsed_core.metrics import localisation
from igsed_core.show import explorer

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
N, FRAMES = 7, 40


@pytest.fixture(scope="module")
def instances():
    rng = np.random.default_rng(3)
    scores = {"ig": rng.random((N, FRAMES)), "fw_ws": rng.random((N, FRAMES)).round(1)}  # the second is full of ties
    index = pd.DataFrame({"split": "test", "clip": [f"c{i}" for i in range(N)], "label": "Dog"})
    return Instances(index, rng.random((N, FRAMES)) < 0.3, scores, {"fw_ws": scores["fw_ws"] * 8 - 4})


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the explorer is not opened")
def test_the_slider_gives_the_means_of_the_tables(instances, tmp_path):
    from playwright.sync_api import sync_playwright

    made = explorer.explorer(instances, frame_length=0.25)
    scripts = [*explorer.library().items(), ("explorer.js", made.script)]
    for name, text in scripts:
        (tmp_path / name).write_text(text, encoding="utf-8")
    tags = "".join(f'<script defer src="{name}"></script>' for name, _ in scripts)
    (tmp_path / "page.html").write_text(f"<!doctype html><body>{made.place}{tags}</body>", encoding="utf-8")
    measured = evaluation.measure(instances, np.arange(100.0))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page()
        problems = []
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
        tab.goto((tmp_path / "page.html").as_uri())
        readout = tab.locator("div", has_text="Mean over all").last
        readout.wait_for(timeout=20_000)
        slider = tab.get_by_role("slider").first

        def means():
            tab.wait_for_timeout(100)
            return [float(x) for x in re.findall(r"(?:IoU|F1) (\d\.\d+)", readout.inner_text())]

        for method, title in (("ig", "Integrated Gradients (IG)"), ("fw_ws", "FW-WS")):
            tab.get_by_role("combobox").nth(0).select_option(title)
            for key in ("ArrowLeft", "ArrowLeft", "ArrowRight", "Home", "End"):
                slider.focus()
                tab.keyboard.press(key)
                tau = int(float(slider.get_attribute("aria-valuenow")))
                expected = [measured.values[method][metric][tau].mean() for metric in ("iou", "f1")]
                assert means() == pytest.approx(expected, abs=0.001), (method, key, tau)
        tab.get_by_role("combobox").nth(1).select_option(explorer.RULES[1][1])
        slider.focus()
        tab.keyboard.press("Home")
        tab.keyboard.press("PageUp")
        share = float(slider.get_attribute("aria-valuenow")) / 100
        mask = levels.share_of_maximum(instances.scores["fw_ws"], share)
        assert means()[0] == pytest.approx(localisation.iou(mask, instances.truth).mean(), abs=0.001)
        tab.set_viewport_size({"width": 390, "height": 844})  # on a phone the choices stand below each other
        tab.wait_for_timeout(500)
        boxes = [one.bounding_box() for one in tab.get_by_role("combobox").all()]
        assert len(boxes) == 3 and all(box["x"] + box["width"] <= 390 for box in boxes)
        browser.close()
    assert problems == []
