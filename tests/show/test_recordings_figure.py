"""The figure of a stretch of a recording."""

from __future__ import annotations

import numpy as np
import pandas as pd

from igsed_core.detection.localiser_curves import Curves
from igsed_core.show import recordings as figures


def test_a_stretch_shows_what_lies_in_it_and_no_more() -> None:
    here = np.full((40, 2), 0.5, dtype=np.float32)
    curves = Curves(("Bell", "Hum"), here, here, step=0.1, start=0.0, duration=4.0)
    events = pd.DataFrame({"onset": [0.5, 3.5], "offset": [1.0, 3.9], "event_label": ["Bell", "Hum"]})
    truth = pd.DataFrame({"onset": [0.6], "offset": [1.1], "event_label": ["Bell"]})
    samples = np.random.default_rng(0).normal(size=4 * 8000).astype(np.float32)
    figure = figures.stretch(samples, 8000, curves, events, begin=0.0, end=2.0, truth=truth)
    told = " ".join(text.get_text() for ax in figure.axes for text in ax.findobj(lambda a: hasattr(a, "get_text")))
    assert "Bell" in told
    assert "Hum" not in told
