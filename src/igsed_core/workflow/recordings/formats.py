"""Files of results: DCASE's strong labels, Audacity's labels, JAMS, scores for sed_scores_eval, a page to listen to."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from igsed_core.base import files, text
from igsed_core.base.errors import IgsedError
from igsed_core.detection.localiser_curves import Curves
from igsed_core.metrics import frames

COLUMNS = ["filename", "onset", "offset", "event_label", "probability"]
EVENTS, ATTRIBUTION = "events.tsv", "attribution.tsv"
_LABELS, _JAMS, _PAGE = "labels.txt", "events.jams", "page.html"
PAGE_SECONDS = 600.0  # s of a recording that a page shows

Writer = Callable[[Path, Path, Curves, pd.DataFrame], None]  # folder, recording, curves, events


def write_tsv(path: Path, events: pd.DataFrame) -> None:
    """Write events in DCASE's strong form, with their probabilities in a fifth column; times in milliseconds.

    An event that has no length in milliseconds is left out: no program that reads the table takes it.
    """
    table = events.reindex(columns=COLUMNS)
    table = table[table["onset"].astype(float).round(3) < table["offset"].astype(float).round(3)]
    table["filename"] = table["filename"].map(text.name)  # bytes that are no UTF-8 as %E9, as tables are read
    shown = table.assign(**{name: table[name].map("{:.3f}".format) for name in ("onset", "offset", "probability")})
    files.write_text(path, shown.to_csv(sep="\t", index=False, lineterminator="\n"))


def read_events(path: Path, name: str) -> pd.DataFrame:
    """Read what :func:`write_tsv` wrote for one recording."""
    text_columns = {"filename": str, "event_label": str}
    try:
        table = pd.read_csv(path, sep="\t", dtype=text_columns, keep_default_na=False, lineterminator="\n")
        return table.astype({"onset": float, "offset": float, "probability": float}).assign(filename=name)[COLUMNS]
    except (OSError, ValueError, KeyError) as error:
        raise IgsedError(f"{path} is damaged ({error}): remove its folder and run the same command again") from error


def scores_name(recording: Path) -> str:
    """Name of the file of a recording's scores: its own, as sed_scores_eval wants it, but where another has that name.

    Examples
    --------
    >>> from pathlib import Path
    >>> from igsed_core.workflow.recordings.formats import scores_name
    >>> scores_name(Path("a.wav")), scores_name(Path("events.wav"))
    ('a.tsv', 'events_scores.tsv')
    """
    taken = f"{recording.stem}.tsv".casefold() in (EVENTS, ATTRIBUTION)
    return f"{recording.stem}_scores.tsv" if taken else f"{recording.stem}.tsv"


def names(recording: Path, outputs: Iterable[str], *, explained: bool = False) -> list[str]:
    """Names of the files that a recording gets beside ``events.tsv``, by the outputs that are wanted."""
    of = {"audacity": _LABELS, "jams": _JAMS, "scores": scores_name(recording), "html": _PAGE}
    return [*(of[output] for output in outputs), *([ATTRIBUTION] if explained else [])]


def there(folder: Path, wanted: Iterable[str]) -> bool:
    """Whether a recording's events and all files of :func:`names` that are wanted lie in its folder."""
    try:
        read_events(folder / EVENTS, "")
    except IgsedError:  # removed or damaged: it is made again
        return False
    return all((folder / name).is_file() for name in wanted)


def _audacity(folder: Path, _: Path, __: Curves, events: pd.DataFrame) -> None:
    lines = [f"{e.onset:.6f}\t{e.offset:.6f}\t{e.event_label}\n" for e in events.itertuples()]
    files.write_text(folder / _LABELS, "".join(lines))


def _jams(folder: Path, recording: Path, curves: Curves, events: pd.DataFrame) -> None:
    import jams

    document = jams.JAMS()
    document.file_metadata.duration = curves.duration
    document.file_metadata.title = recording.name
    annotation = jams.Annotation(namespace="tag_open", time=0.0, duration=curves.duration)
    annotation.annotation_metadata.annotation_tools = "igsed locate"
    columns = (events[name] for name in ("onset", "offset", "event_label", "probability"))
    for onset, offset, label, known in zip(*columns, strict=True):
        annotation.append(time=onset, duration=offset - onset, value=label, confidence=known)
    document.annotations.append(annotation)
    # Without validation: its schemata are slow to load, and `tag_open` takes any text.
    files.write_text(folder / _JAMS, document.dumps(indent=1))


def _scores(folder: Path, recording: Path, curves: Curves, _: pd.DataFrame) -> None:
    # On a grid that begins with the recording: steps are centred on multiples of their length.
    step = curves.step
    n = frames.n_frames(curves.duration, step)
    values = frames.average(curves.scores.T, step=step, start=curves.start, frame_length=step, n_frames=n).T
    # Times as text: the digits of a score would place a step after the first quarter of an hour in another second.
    bounds = list(map("{:.6f}".format, np.minimum(step * np.arange(n + 1), curves.duration)))
    table = pd.DataFrame(values, columns=list(curves.classes))
    table.insert(0, "onset", bounds[:-1])
    table.insert(1, "offset", bounds[1:])
    stream = io.StringIO()
    table.to_csv(stream, sep="\t", index=False, float_format="%.5g", lineterminator="\n")
    files.write_text(folder / scores_name(recording), stream.getvalue())


def _page(folder: Path, recording: Path, curves: Curves, events: pd.DataFrame) -> None:
    from igsed_core.workflow.recordings import page

    page.write(folder / _PAGE, recording, curves, events)


WRITERS: dict[str, Writer] = {"audacity": _audacity, "jams": _jams, "scores": _scores, "html": _page}
