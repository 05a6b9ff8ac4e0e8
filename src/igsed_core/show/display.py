"""A table in the page: sorts by a click, filters, needs no network, and is a plain table where JavaScript is off."""

from __future__ import annotations

import base64
import functools
import html
import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import itables
import pandas as pd
from IPython.display import HTML, display

from igsed_core.show.cells import NONE
from igsed_core.show.claims import FEW

# The table is in the page as it is; the script only adds behaviour to it. The JavaScript of itables (DataTables) is
# loaded from memory, since a browser refuses to import a module from a file.
LIBRARY_START = '<script class="igsed-library">'
_LIBRARY = (
    LIBRARY_START
    + """
if (!window.igsedTables) {
  const text = (coded) => new TextDecoder().decode(Uint8Array.from(atob(coded), (c) => c.charCodeAt(0)));
  const style = document.createElement("style");
  style.textContent = text("%(css)s");
  document.head.prepend(style);
  const url = URL.createObjectURL(new Blob([text("%(js)s")], { type: "application/javascript" }));
  window.igsedTables = import(url);
}
</script>"""
)
_TABLE = """<div class="igsed-table-frame" id="%(id)s">%(table)s</div>
<script type="module">
const library = await window.igsedTables;
if (library) new library.default("#%(id)s table", %(options)s);
</script>"""
_numbers = itertools.count(1)
LONG = 12  # rows from which a table has a search field


def show(
    table: pd.DataFrame,
    caption: str | None = None,
    *,
    paging: int = 0,
    search: bool | None = None,
    words: bool = False,
) -> None:
    """Display a table.

    Parameters
    ----------
    table
        What to show, without its index; a column whose cells begin with a number sorts by it, any other as text.
    caption
        Words over the table; behind them is said which rows rest on few instances (:func:`few`).
    paging
        Rows on a page; 0 shows all rows.
    search
        Whether there is a field that keeps the rows that hold all words typed; by default if the table is long.
    words
        Whether the cells hold sentences, set to the left.
    """
    _embed_library()
    kind = "igsed-table igsed-words" if words else "igsed-table"
    search = len(table) >= LONG if search is None else search
    said = ". ".join(filter(None, (caption, few(table)))) or None
    display(HTML(_page_element(table, said, paging, search, f"igsed-table-{next(_numbers)}", kind)))


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return a tidy table as a reader wants it: names without underscores, three digits, a dash for what is not there.

    Parameters
    ----------
    table
        Of numbers and words.

    Examples
    --------
    >>> import pandas as pd
    >>> from igsed_core.show.display import readable
    >>> readable(pd.DataFrame({"class": ["Running_water"], "held_out": [0.333333], "note": [None]})).to_dict("list")
    {'class': ['Running water'], 'held out': ['0.333'], 'note': ['–']}
    """
    return table.map(_readable).rename(columns=lambda name: str(name).replace("_", " "))


def _readable(value: Any) -> object:
    if pd.isna(value) or value == "":
        return NONE
    if isinstance(value, float):
        return f"{value:.3g}".replace("-", "−")
    return value.replace("_", " ") if isinstance(value, str) else value


def few(table: pd.DataFrame) -> str:
    """Say how many rows of a table rest on fewer than :data:`igsed_core.show.claims.FEW` instances, if any does.

    Parameters
    ----------
    table
        With a column ``n``, or such as ``n (clips)``, of numbers, or of text such as "12 to 179", of which the first
        counts.

    Examples
    --------
    >>> import pandas as pd
    >>> from igsed_core.show.display import few
    >>> few(pd.DataFrame({"Method": ["IG", "CAM"], "n": ["179", "5 to 30"]}))
    'n is below 30 in 1 of 2 rows'
    >>> few(pd.DataFrame({"Attack": ["PGD"], "n (clips)": [13]}))
    'n is below 30 in every row'
    """
    counted = [column for column in table.columns if _counts(column[-1] if isinstance(column, tuple) else column)]
    if not counted:
        return ""
    n = pd.to_numeric(table[counted[0]].astype(str).str.extract(r"^(\d+)")[0])
    rows = int((n < FEW).sum())
    return (
        f"n is below {FEW} in {'every row' if rows == len(table) else f'{rows} of {len(table)} rows'}" if rows else ""
    )


def _counts(column: object) -> bool:
    return column == "n" or str(column).startswith("n (")


def _page_element(
    table: pd.DataFrame, caption: str | None, paging: int, search: bool, name: str, kind: str = "igsed-table"
) -> str:
    plain = table.to_html(index=False, border=0, na_rep="", classes=f"display compact {kind}", justify="left")
    plain = _with_values(plain)
    if caption:
        start = plain.index(">") + 1
        plain = f"{plain[:start]}<caption>{html.escape(caption)}</caption>{plain[start:]}"
    # The last header row sorts; those above it name groups of columns.
    options: dict[str, Any] = {"order": [], "paging": bool(paging), "autoWidth": False}
    options["titleRow"] = table.columns.nlevels - 1
    options["layout"] = {"topStart": None, "topEnd": None, "bottomStart": None, "bottomEnd": None}
    if search:
        options["layout"] |= {"topEnd": "search", "bottomStart": "info"}
        options["language"] = {"search": "Filter:"}
    if paging:
        options["pageLength"] = paging
        options["layout"] |= {"bottomStart": "info", "bottomEnd": "paging"}
    return _TABLE % {"id": name, "table": plain, "options": json.dumps(options)}


_NUMBER = re.compile(
    r"(?P<bound>[<>≤≥≈~]?)\s*(?P<sign>[+\N{MINUS SIGN}-]?)(?P<size>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]?\d+)?)"
)
_NOTHING = "-1e300"  # a cell without a value sorts below all others
_WORDS = "{}e200"  # and words behind all numbers


def _with_values(table: str) -> str:
    """Tell the sorting script the value of each cell: of "−0.04 [−0.08, 0.01]" it is −0.04, of "11 of 12" it is 11."""
    head, start, rest = table.partition("<tbody>")
    rows = [re.findall(r"<td>(.*?)</td>", row, flags=re.DOTALL) for row in rest.split("</tr>")]
    columns = list(zip(*(row for row in rows if row), strict=True))
    orders = [_orders([_text(cell) for cell in column]) for column in columns]
    cells = itertools.chain.from_iterable(zip(*orders, strict=True))
    return head + start + re.sub("<td>", lambda _: next(cells), rest)


def _orders(column: Sequence[str]) -> list[str]:
    """Opening tags of a column's cells; without a number in it, it sorts as text."""
    values = [_value(text) for text in column]
    if not any(values):
        return ["<td>"] * len(column)
    words = sorted({text.lower() for text, value in zip(column, values, strict=True) if value is None and text})
    behind = {text: _WORDS.format(place + 1) for place, text in enumerate(words)}
    said = [value or behind.get(text.lower(), _NOTHING) for text, value in zip(column, values, strict=True)]
    return [
        f'<td data-order="{_NOTHING if text == NONE else order}">' for text, order in zip(column, said, strict=True)
    ]


def _text(cell: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", cell)).strip()


def _value(text: str) -> str | None:
    """Number that a cell begins with, of "1,234 frames" 1234, of "<0.001" a little less; None for words."""
    found = _NUMBER.match(text)
    if found is None:
        return None
    sign = "-" if found["sign"] in ("-", "\N{MINUS SIGN}") else ""
    value = sign + found["size"].replace(",", "")
    beyond = {"<": -1e-9, ">": 1e-9}.get(found["bound"], 0.0)
    return repr(float(value) + beyond) if beyond else value


def library() -> str:
    """Return the script and the style that the tables share, as a classic script (1 MB)."""
    return _embedded().removeprefix(LIBRARY_START).removesuffix("</script>")


@functools.cache
def _embed_library() -> None:
    """Put the library into the page, once a kernel: it weighs 1 MB. The book loads it from a file instead."""
    display(HTML(_embedded()))


def _embedded() -> str:
    script = Path(itables.options.dt_bundle)
    coded = {
        "js": base64.b64encode(script.read_bytes()).decode(),
        "css": base64.b64encode(script.with_suffix(".css").read_bytes()).decode(),
    }
    return _LIBRARY % coded
