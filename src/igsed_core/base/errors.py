"""The one error class of the package: bad input, named, with its remedy."""

from __future__ import annotations


class IgsedError(Exception):
    """Bad input or a broken environment; the message names the file or parameter and the remedy."""
