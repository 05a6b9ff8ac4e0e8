"""The paper draws the first four seconds of its clip in Fig. 2: a parameter, which the figure follows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from igsed_core.base.paths import project_root
from igsed_core.main_job.params import Results
from igsed_core.show import explanations

RATE = 1000


@pytest.mark.parametrize(("asked", "duration", "shown"), [(0.0, 10.0, 10.0), (4.0, 10.0, 4.0), (4.0, 2.5, 2.5)])
def test_as_much_of_a_clip_is_shown_as_is_asked_for_and_as_there_is(
    asked: float, duration: float, shown: float
) -> None:
    assert Results(figure_2_seconds=asked).shown_seconds(duration) == shown


def test_the_paper_s_own_parameters_show_its_first_four_seconds() -> None:
    file = yaml.safe_load((project_root() / "params" / "paper.yaml").read_text(encoding="utf-8"))
    assert Results(figure_2_seconds=file["figure_2_seconds"]).shown_seconds(10.0) == 4.0


def test_the_figure_ends_there_and_names_no_later_event() -> None:
    samples = np.random.default_rng(0).normal(size=10 * RATE).astype(np.float32)
    events = pd.DataFrame({"label": ["Cat", "Dog"], "onset": [1.0, 6.0], "offset": [2.0, 7.0]})
    importance = {"Cat": np.ones(1000), "Dog": np.ones(1000)}
    until = Results(figure_2_seconds=4.0).shown_seconds(10.0)
    figure = explanations.attributions(samples, RATE, events, importance, step=0.01, t_max=until)
    assert figure.axes[0].get_xlim() == (0.0, 4.0)
    assert all(
        line.get_xdata().max() <= 4.0 + 1e-9
        for ax in figure.axes
        for line in ax.get_lines()
        if len(line.get_xdata()) > 2
    )
    named = [text.get_text() for text in figure.axes[0].texts]
    assert any("Cat" in text for text in named) and not any("Dog" in text for text in named)
