"""A table in the page: sorts by a click, needs no network, and is a plain table where JavaScript is off."""

from __future__ import annotations

import functools
import re

import itables
import pandas as pd
from IPython.display import HTML, display
from itables.javascript import generate_init_offline_itables_html


def show(table: pd.DataFrame, caption: str | None = None, *, paging: int = 0) -> None:
    """Display a table.

    Parameters
    ----------
    table
        What to show, without its index.
    caption
        Words under the table.
    paging
        Rows on a page, with a search field; 0 shows all rows.
    """
    _embed_script()
    layout: dict[str, str | None] = {"topStart": None, "topEnd": None, "bottomStart": None, "bottomEnd": None}
    if paging:
        layout |= {"topEnd": "search", "bottomStart": "info", "bottomEnd": "paging"}
    body = itables.to_html_datatable(
        table,
        caption=caption,
        connected=False,
        showIndex=False,
        paging=bool(paging),
        pageLength=paging or max(len(table), 1),
        layout=layout,
        classes="display compact igsed-table",
        style="width:100%;margin:auto;caption-side:bottom",
        display_logo_when_loading=False,
        maxBytes=0,
        text_in_header_can_be_selected=False,
    )
    display(HTML(f'<div class="igsed-table-frame">{body}</div>'))


@functools.cache
def _embed_script() -> None:
    """Put the script that sorts into the page, once a kernel: it weighs 1 MB."""
    script = generate_init_offline_itables_html(itables.options.dt_bundle)
    # Without JavaScript this part would say how to trust a notebook; the plain table needs no such word.
    display(HTML(re.sub(r"<noscript>.*?</noscript>", "", script, flags=re.DOTALL)))
