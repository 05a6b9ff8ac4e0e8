"""Captions and alternative texts say what was drawn."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from igsed_core.show import describe, style
from igsed_core.show.style import drawing


@drawing
def lines(table):
    """A line over time.

    More words that are no caption.
    """
    fig, ax = plt.subplots()
    ax.plot([0, 1, 2], table["value"], color=style.colour("ig"), label="IG")
    ax.set(xlabel="time (s)", ylabel="IoU", xlim=(0, 2), ylim=(0, 1))
    return fig


def words(n=(7, 9, 9), value=(0.25, 0.5, 0.125)):
    table = pd.DataFrame({"value": value, "n": n, "average": ["class", "instance", "instance"]})
    return lines(table)._repr_mimebundle_()[describe.MIME]


def test_a_caption_says_what_and_over_how_many_instances():
    assert words()["caption"] == "A line over time. Each value is from n = 9."
    assert words(n=(7, 8, 9))["caption"] == "A line over time. Each value is from n = 8 to 9."


def test_a_caption_counts_only_what_has_a_value():
    """A ratio of attacks of which none succeeded has n = 0, and is not drawn."""
    assert words(n=(7, 0, 9), value=(0.25, float("nan"), 0.125))["caption"].endswith("from n = 9.")


def test_an_alternative_text_has_axes_series_and_their_ranges():
    assert words()["alt"] == "A line over time. time (s) 0 to 2; IoU 0 to 1; IG 0.125 to 0.5."
    assert "IG 0.125 to 0.75" in words(value=(0.25, 0.75, 0.125))["alt"]


def test_a_notebook_shows_the_picture_beside_the_words():
    from IPython.core.formatters import DisplayFormatter

    data, _ = DisplayFormatter().format(lines(pd.DataFrame({"value": [0, 0, 0]})))
    assert describe.MIME in data


def test_figures_of_one_kind_are_told_apart():
    @drawing
    def one(table, label):
        """A line over time."""
        fig, _ = plt.subplots()
        describe.about(fig, label, table[table["label"] == label])
        return fig

    table = pd.DataFrame({"value": [1, 1], "n": [7, 9], "label": ["Cat", "Dog"]})
    said = [one(table, label)._repr_mimebundle_()[describe.MIME] for label in ("Cat", "Dog")]
    assert [words["caption"] for words in said] == [
        "Cat. A line over time. Each value is from n = 7.",
        "Dog. A line over time. Each value is from n = 9.",
    ]
    assert said[0]["alt"].startswith("Cat: A line over time.")


def test_captions_name_what_is_seen_and_order_nothing():
    folder = Path(describe.__file__).parents[1]
    verbs = re.compile(r'@(style\.)?drawing\ndef \w+\([^"]*?"""(Draw|Show|Plot|Return|Make|Display)\b')
    assert [path.name for path in folder.rglob("*.py") if verbs.search(path.read_text(encoding="utf-8"))] == []
