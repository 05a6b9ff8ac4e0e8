"""A parameter file as a person reads it: ``name: value`` lines in YAML 1.2, every mistake told in one sentence.

PyYAML follows YAML 1.1, in which ``0123`` is 83, ``1:30`` is 90 and ``no`` is false. Here the core schema of YAML 1.2
decides what a value is (section 10.3 there); what is text by its parameter stays the characters that were written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from igsed_core.base import files
from igsed_core.base.errors import IgsedError

_LARGEST_FILE = 100_000  # bytes: anything beyond is weights or sound given by mistake
_LONGEST_NUMBER = 400  # digits

_TAG = "tag:yaml.org,2002:"
_NULL, _BOOL, _INT, _FLOAT, _STR = (_TAG + name for name in ("null", "bool", "int", "float", "str"))
# The core schema, in the order in which it is tried. Whole texts only.
_SCALARS = {
    _NULL: r"null|Null|NULL|~|",
    _BOOL: r"true|True|TRUE|false|False|FALSE",
    _INT: r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    _FLOAT: r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
}


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's reader with the core schema of YAML 1.2 for its own."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (as PyYAML has it)


for _tag, _pattern in _SCALARS.items():
    _StrictLoader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), None)


def read(path: Path, text: Collection[str]) -> dict[str, Any]:
    """Read a parameter file.

    Parameters
    ----------
    path
        The file: UTF-8, or UTF-16 with its byte order mark; one in ``.json`` is read as JSON.
    text
        Names of the parameters that are text: their values are taken as written (``experiment: 007``).

    Returns
    -------
    dict
        Name -> text, number, truth value, or None where the file says ``null``.

    Raises
    ------
    IgsedError
        If the file cannot be read, is no flat YAML mapping or has a key twice; the message names the file and, where
        there is one, the line.
    """
    source = f"parameter file {path}"
    instead = "give one such as params/embedded.yaml"
    written = files.read_text(path, "parameter file", largest=_LARGEST_FILE, instead=instead)
    try:
        if path.suffix == ".json":  # as a run writes it: YAML reads characters beyond U+FFFF otherwise
            return _of_json(json.loads(written, object_pairs_hook=_once), source)
        node = yaml.compose(written, Loader=_StrictLoader)
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise IgsedError(f"{source} must hold 'name: value' lines")
        values: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a name must be a single word", problem_mark=key.start_mark)
            name = str(key.value)
            if name in values:
                raise yaml.MarkedYAMLError(problem=f"key {name[:60]!r} is given twice", problem_mark=key.start_mark)
            values[name] = _value_of(value, name in text)
        return values
    except yaml.YAMLError as error:
        raise IgsedError(f"{source} is not valid YAML: {reason(error)}") from None
    except (RecursionError, ValueError, OverflowError) as error:  # escapes beyond Unicode, lists nested without end
        form = "JSON" if path.suffix == ".json" else "YAML"
        raise IgsedError(f"{source} is not valid {form}: {reason(error)}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, one in pairs:
        if name in found:
            raise ValueError(f"key {name[:60]!r} is given twice")
        found[name] = one
    return found


def _of_json(content: object, source: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise IgsedError(f"{source} must hold a mapping from name to value")
    return content


def value(written: str, *, text: bool) -> Any:
    """Read one value as :func:`read` would read it in a file: what a user types after ``name=``.

    Parameters
    ----------
    written
        The characters.
    text
        Whether the parameter is text, taken as written.

    Raises
    ------
    ValueError
        If they are no value.
    """
    if text:
        return None if written and re.fullmatch(_SCALARS[_NULL], written) else written
    try:
        node = yaml.compose(written, Loader=_StrictLoader)
        return None if node is None else _value_of(node, text)
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise ValueError(reason(error)) from None


def _value_of(node: yaml.Node, text: bool) -> Any:
    if not isinstance(node, yaml.ScalarNode):
        kind = "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
        raise yaml.MarkedYAMLError(
            problem=f"a value is {kind}, but must be one number or text (several names: one text, with commas)",
            problem_mark=node.start_mark,
        )
    written = str(node.value)
    if (text and node.tag in (_BOOL, _INT, _FLOAT)) or node.tag == _STR:
        return written
    if text and not written:
        return ""
    if node.tag not in _SCALARS or not re.fullmatch(_SCALARS[node.tag], written):
        # Only a tag that was written out gets here, such as !!binary or !!int "x".
        raise yaml.MarkedYAMLError(
            problem=f"a value has the tag {node.tag!r}: write it without", problem_mark=node.start_mark
        )
    if len(written) > _LONGEST_NUMBER:
        raise yaml.MarkedYAMLError(problem=f"a number has {len(written)} digits", problem_mark=node.start_mark)
    if node.tag == _NULL:
        return None
    if node.tag == _BOOL:
        return written.lower() == "true"
    if node.tag == _INT:
        return int(written, {"0x": 16, "0o": 8}.get(written[:2], 10))
    lowered = written.lower()
    return float(lowered.replace(".", "") if lowered.endswith((".inf", ".nan")) else lowered)


def reason(error: Exception) -> str:
    """Return one sentence of PyYAML's report, with the place."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        words = error.problem or error.context or "it cannot be understood"
        if "'\\t'" in words:  # as an editor may put one in
            words = "a tab stands where YAML takes blanks only: write blanks"
        return f"{words} (line {mark.line + 1}, column {mark.column + 1})" if mark else words
    if isinstance(error, yaml.reader.ReaderError):
        return f"it holds the control character U+{int(error.character):04X}: remove it"
    if isinstance(error, RecursionError):
        return "it is nested too deeply: write 'name: value' lines"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
