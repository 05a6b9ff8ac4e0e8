"""The threshold explorer: choose a method and a rule, move the threshold; mask, mean IoU and mean F1 follow."""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from igsed_core.detection.evaluation import Instances
from igsed_core.detection.scored import COMPARED
from igsed_core.show import style

RULES = (("percentile", "percentile of the clip (the paper's)"), ("share_of_maximum", "share of the clip's maximum"))
SCRIPTS = ("bokeh.min.js", "bokeh-widgets.min.js")  # of Bokeh's own Python package
_CODE = Path(__file__).with_name("explorer.js")
_START = 75
_DRAWN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST = 40  # instances to choose from; means are over all


@dataclass(frozen=True)
class Explorer:
    """What a page needs: the place where it appears, and the script that puts it there.

    Attributes
    ----------
    place
        HTML.
    script
        JavaScript with the scores of all instances; it follows Bokeh's own scripts (:func:`library`).
    """

    place: str
    script: str


def library() -> dict[str, str]:
    """Return the scripts that Bokeh's Python package brings, by file name."""
    import bokeh

    folder = Path(bokeh.__file__).parent / "server" / "static" / "js"
    return {name: (folder / name).read_text(encoding="utf-8") for name in SCRIPTS}


def explorer(instances: Instances, *, frame_length: float, at: float = _START) -> Explorer:
    """Make the explorer of a set of instances.

    Parameters
    ----------
    instances
        All instances over which means are taken.
    frame_length
        In seconds.
    at
        Threshold at the beginning, in percent (0 to 99).
    """
    from bokeh.document import Document
    from bokeh.layouts import column, row
    from bokeh.models.annotations import Span
    from bokeh.models.callbacks import CustomJS
    from bokeh.models.ranges import Range1d
    from bokeh.models.sources import ColumnDataSource
    from bokeh.models.widgets import Div, Select, Slider
    from bokeh.plotting import figure

    methods = [m for m in COMPARED if m in instances.scores]
    n_instances, n_frames = instances.truth.shape
    columns: dict[str, Any] = {"truth": instances.truth.astype(np.uint8).ravel()}
    columns |= {m: np.asarray(instances.scores[m], dtype=np.float64).ravel() for m in methods}
    columns |= {
        f"{m}:rank": np.asarray(instances.logits[m], dtype=np.float64).ravel() for m in methods if m in instances.logits
    }
    edges = np.arange(n_frames) * frame_length
    nothing = np.zeros(n_frames)
    shown = ColumnDataSource(
        {"left": edges, "right": edges + frame_length, "score": nothing, "active": nothing, "marked": nothing}
    )
    curve = ColumnDataSource({"tau": [], "iou": [], "f1": []})
    point = ColumnDataSource({"tau": [], "value": []})
    titles: list[Any] = [
        (str(i), f"{style.class_name(label)}, {clip}")
        for i, (clip, label) in enumerate(zip(instances.index["clip"], instances.index["label"], strict=True))
    ]
    names: list[Any] = [(m, style.name(m)) for m in methods]
    rules: list[Any] = list(RULES)
    method = Select(title="method", value=methods[0], options=names)
    rule = Select(title="rule", value=RULES[0][0], options=rules)
    instance = Select(title="instance shown", value="0", options=titles[:_MOST])
    threshold = Slider(title="threshold (%)", start=0, end=99, step=1, value=at, sizing_mode="stretch_width")
    readout = Div(text="", styles={"font-size": "1.05rem"})
    level = Span(location=0, dimension="width", line_color=style.INK, line_dash="dashed", line_width=1.5)
    look: dict[str, Any] = {"sizing_mode": "stretch_width", "toolbar_location": None, "tools": ""}
    time = Range1d(start=0, end=n_frames * frame_length)
    share, mean = Range1d(start=-0.05, end=1.05), Range1d(start=0, end=1)
    clip = figure(
        height=190,
        y_range=share,
        x_range=time,
        x_axis_label="time (s)",
        y_axis_label="score / highest",
        **look,
    )
    clip.quad(left="left", right="right", bottom=0, top="score", source=shown, color=style.PALE, line_alpha=0)
    clip.add_layout(level)
    bars = figure(height=110, y_range=Range1d(start=-0.1, end=2), x_range=time, **look)
    for name, bottom, colour in (("active", 1.0, style.TRUTH), ("marked", 0.0, style.INK)):
        bars.quad(left="left", right="right", bottom=bottom, top=name, source=shown, color=colour, line_alpha=0)
    bars.yaxis.ticker = [0.42, 1.42]
    bars.yaxis.major_label_overrides = {0.42: "detection", 1.42: "truth"}
    percent = Range1d(start=0, end=100)
    over = figure(height=210, y_range=mean, x_range=percent, y_axis_label="mean of all instances", **look)
    over.line("tau", "iou", source=curve, color=style.INK, line_width=2, legend_label="IoU")
    over.line("tau", "f1", source=curve, color=style.INK, line_width=2, line_dash="dashed", legend_label="F1")
    over.scatter("tau", "value", source=point, size=10, color=style.INK)
    over.legend.location, over.legend.background_fill_alpha = "top_left", 0.6
    models = {
        **{"data": ColumnDataSource(columns), "shown": shown, "curve": curve, "point": point, "level": level},
        **{"method": method, "rule": rule, "instance": instance, "threshold": threshold, "readout": readout},
        **{"axis": over.xaxis[0], "n_instances": n_instances, "n_frames": n_frames},
    }
    follow = CustomJS(args=models, code=_CODE.read_text(encoding="utf-8"))
    for widget in (method, rule, instance, threshold):
        widget.js_on_change("value", follow)
    page = column(
        row(method, rule, instance, sizing_mode="stretch_width", styles={"flex-wrap": "wrap"}),
        *(threshold, readout, clip, bars, over),
        sizing_mode="stretch_width",
    )
    document = Document()
    document.add_root(page)
    document.js_on_event("document_ready", follow)
    return embedded(page)


def embedded(page: Any) -> Explorer:
    """Return Bokeh's parts for a page; the same layout gives the same text, so that a book that is up to date stays.

    Parameters
    ----------
    page
        Root of a Bokeh document. Bokeh draws names for document and place at random; these follow from the content.
    """
    from bokeh.embed import components

    script, place = components(page, wrap_script=False)
    drawn = list(dict.fromkeys(_DRAWN.findall(script + place)))
    kind = hashlib.sha256(_DRAWN.sub("", script + place).encode()).hexdigest()
    for number, name in enumerate(drawn):
        known = f"a{uuid.uuid5(uuid.NAMESPACE_OID, f'{kind} {number}')}"[:36]  # a name in CSS begins with a letter
        script, place = script.replace(name, known), place.replace(name, known)
    return Explorer(place, script)
