"""The clip browser: a dot per instance, one method's IoU against another's; a click shows the clip and plays it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.show import style
from igsed_core.show.explorer import Explorer, embedded

SOUNDS = 24  # clips that can be heard: the worst of each method by turns
_CODE, _KEYS = (Path(__file__).with_name(name) for name in ("clip_browser.js", "clip_browser_keys.js"))


@dataclass(frozen=True, eq=False)
class Clips:
    """What the browser shows of each instance; all rows in one order.

    Attributes
    ----------
    index
        ``clip, label`` and, by method, its IoU: a column per compared method.
    truth
        Active frames, ``[shape=(n_instances, n_frames), dtype=bool]``.
    scores
        Method -> scores in evaluation frames, ``[shape=(n_instances, n_frames)]``.
    frame_length
        In seconds.
    """

    index: pd.DataFrame
    truth: NDArray[np.bool_]
    scores: Mapping[str, NDArray[np.floating]]
    frame_length: float


def worst(index: pd.DataFrame, methods: Sequence[str], n_clips: int = SOUNDS) -> list[str]:
    """Return the clips that hold the lowest IoU of each method, by turns.

    Parameters
    ----------
    index
        ``clip`` and a column of IoU per method.
    methods
        Columns, the first one first.
    n_clips
        How many clips; fewer where there are fewer.

    Examples
    --------
    >>> import pandas as pd
    >>> from igsed_core.show.clip_browser import worst
    >>> index = pd.DataFrame({"clip": ["a", "b", "c"], "own": [0.9, 0.5, 0.1], "ig": [0.2, 0.7, 0.4]})
    >>> worst(index, ["own", "ig"], 2)
    ['c', 'a']
    """
    orders = [index.sort_values(method, kind="stable")["clip"] for method in methods]
    by_turns = (clip for row in zip(*orders, strict=True) for clip in row)
    return list(dict.fromkeys(by_turns))[:n_clips]


def clip_browser(
    clips: Clips, across: str, up: str, *, sounds: Mapping[str, str], pictures: Mapping[str, str]
) -> Explorer:
    """Make the browser.

    Parameters
    ----------
    clips
        All instances.
    across, up
        Methods whose IoU the axes are.
    sounds, pictures
        Clip -> address of its sound, of its spectrogram; clips without are shown without.
    """
    from bokeh.document import Document
    from bokeh.events import Tap
    from bokeh.layouts import column, row
    from bokeh.models.annotations import Span
    from bokeh.models.callbacks import CustomJS
    from bokeh.models.ranges import Range1d
    from bokeh.models.sources import ColumnDataSource
    from bokeh.models.tools import HoverTool, TapTool
    from bokeh.models.widgets import Button, Div, Select
    from bokeh.plotting import figure

    order = np.argsort(clips.index[up].to_numpy(), kind="stable")  # worst first
    index = clips.index.iloc[order].reset_index(drop=True)
    n_instances, n_frames = clips.truth.shape
    labels = sorted(index["label"].unique())
    colours: dict[Any, str] = {**style.class_colours(labels)}
    dots = ColumnDataSource(
        {
            "across": index[across].to_numpy(float),
            "up": index[up].to_numpy(float),
            "clip": index["clip"].astype(str).to_numpy(),
            "class": [style.class_name(str(label)) for label in index["label"]],
            "colour": [colours[label] for label in index["label"]],
            "fill": [0.85 if clip in sounds else 0.15 for clip in index["clip"]],
            "sound": [sounds.get(clip, "") for clip in index["clip"]],
            "picture": [pictures.get(clip, "") for clip in index["clip"]],
        }
    )
    columns: dict[str, Any] = {"truth": clips.truth[order].astype(np.uint8).ravel()}
    for name, values in clips.scores.items():
        positive = np.maximum(np.asarray(values, dtype=np.float64)[order], 0.0)
        highest = np.maximum(positive.max(axis=1, keepdims=True), 1e-12)
        columns[name] = (positive / highest).astype(np.float32).ravel()
    rows = index[["clip", "label", up, across]].itertuples(index=False, name=None)
    names: list[Any] = [
        (str(i), f"{style.class_name(label)}, {clip}: {y:.2f}, {x:.2f}") for i, (clip, label, y, x) in enumerate(rows)
    ]
    chosen = Select(title=f"instance (IoU of {style.short(up)}, {style.short(across)})", value="0", options=names)
    before, after = Button(label="previous"), Button(label="next worst")
    look: dict[str, Any] = {"toolbar_location": None}
    unit = Range1d(start=-0.02, end=1.02)
    plane = figure(
        *(),
        height=460,
        x_range=unit,
        y_range=Range1d(start=-0.02, end=1.02),
        x_axis_label=f"IoU of {style.short(across)}",
        y_axis_label=f"IoU of {style.short(up)}",
        tools=[TapTool(), HoverTool(tooltips=[("", "@class, @clip"), ("IoU", "@up{0.00}, @across{0.00}")])],
        sizing_mode="stretch_width",
        **look,
    )
    plane.line([0, 1], [0, 1], color=style.FAINT, line_dash="dotted")
    plane.scatter(
        *("across", "up"),
        source=dots,
        size=11,
        fill_color="colour",
        line_color="colour",
        fill_alpha="fill",
        legend_group="class",
        nonselection_fill_alpha="fill",
        nonselection_line_alpha=0.5,
        selection_line_color=style.INK,
    )
    _below(plane)
    time = Range1d(start=0, end=n_frames * clips.frame_length)
    panel: dict[str, Any] = {"x_range": time, "tools": "", "sizing_mode": "stretch_width", **look}
    shown = ColumnDataSource(
        {"left": [], "right": [], "truth": [], **{name: [] for name in clips.scores}}, name="igsed-shown"
    )
    image = ColumnDataSource({"url": []})
    spectrogram = figure(height=130, y_range=Range1d(start=0, end=1), **panel)
    spectrogram.image_url("url", source=image, x=0, y=1, w=time.end, h=1, anchor="top_left", global_alpha=1.0)
    spectrogram.yaxis.ticker, spectrogram.yaxis.axis_label = [], "mel"
    curves = figure(height=290, y_range=Range1d(start=0, end=1.05), x_axis_label="time (s)", **panel)
    curves.yaxis.axis_label = "score / highest"
    curves.quad(
        *("left", "right"),
        bottom=0,
        top="truth",
        source=shown,
        color=style.TRUTH,
        alpha=0.25,
        line_alpha=0,
        legend_label="truth",
    )
    for name in clips.scores:
        line: dict[str, Any] = {"line_width": 2, "mode": "after", "legend_label": style.short(name)}
        drawn = curves.step("left", name, source=shown, color=style.colour(name), **line)
        drawn.visible = name in (up, across)
    curves.legend.click_policy, curves.legend.label_text_font_size = "hide", "10pt"
    _below(curves)
    cursors = [Span(location=0, dimension="height", line_color=style.IMPORTANCE, line_width=2) for _ in range(2)]
    for plot, cursor in zip((spectrogram, curves), cursors, strict=True):
        plot.add_layout(cursor)
    said = Div(text="", styles={"font-size": "1.05rem"})
    models: dict[str, Any] = {
        "dots": dots,
        "data": ColumnDataSource(columns),
        "shown": shown,
        "image": image,
        "chosen": chosen,
    }
    models |= {"said": said, "cursors": cursors, "n_frames": n_frames, "frame_length": clips.frame_length}
    models |= {"methods": list(clips.scores), "names": [style.short(up), style.short(across)]}
    follow = CustomJS(args=models, code=_CODE.read_text(encoding="utf-8"))
    chosen.js_on_change("value", follow)
    dots.selected.js_on_change(
        "indices",
        CustomJS(
            args={"dots": dots, "chosen": chosen},
            code="if (dots.selected.indices.length) chosen.value = String(dots.selected.indices[0]);",
        ),
    )
    for button, step in ((before, -1), (after, 1)):
        move = "chosen.value = String(Math.min(Math.max(Number(chosen.value) + step, 0), last));"
        button.js_on_click(CustomJS(args={"chosen": chosen, "step": step, "last": n_instances - 1}, code=move))
    seek = CustomJS(code="document.getElementById('igsed-clip-sound').currentTime = Math.max(cb_obj.x, 0);")
    for plot in (spectrogram, curves):
        plot.js_on_event(Tap, seek)
    page = column(
        plane,
        chosen,
        row(before, after),
        said,
        spectrogram,
        curves,
        sizing_mode="stretch_width",
    )
    document = Document()
    document.add_root(page)
    document.js_on_event("document_ready", follow)
    made = embedded(page)
    player = (
        '<audio id="igsed-clip-sound" controls preload="none" aria-label="the clip that is shown"></audio>'
        "<p>Space plays, arrow keys move by half a second, a click in the picture seeks; a click on a name in the "
        "legend shows or hides its curve. Filled dots have a sound.</p>"
    )
    links = "".join(
        f'<li><a href="{sounds[clip]}">{style.class_name(label)}, {clip}</a>: '
        f"IoU of {style.short(up)} {y:.2f}, of {style.short(across)} {x:.2f}</li>"
        for clip, label, x, y in index[["clip", "label", across, up]].itertuples(index=False, name=None)
        if clip in sounds
    )
    aside = f"<noscript><p>Without JavaScript these clips can be heard, the worst first:</p><ol>{links}</ol></noscript>"
    return Explorer(f"{made.place.strip()}\n{player}\n{aside}", made.script + _KEYS.read_text(encoding="utf-8"))


def _below(plot: Any) -> None:
    """Set a plot's legend below it, in two columns: on a phone there is no room beside it."""
    legend = plot.legend[0]
    legend.orientation, legend.ncols, legend.label_text_font_size = "horizontal", 2, "9pt"
    plot.add_layout(legend, "below")
