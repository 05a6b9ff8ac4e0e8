"""igsed: can a sound classifier that never saw a time stamp tell when a sound happens?"""

__version__ = "0.1.0"

# What other programs use, by the shortest way. A name is imported when it is asked for, by a string and not by a
# statement: `import igsed_core` stays quick, and no module depends on these because it is in this package.
_NAMES = {
    "Localiser": "igsed_core.detection.localiser",
    "explain": "igsed_core.detection.explain",
}


def __getattr__(name: str) -> object:
    """Import what :data:`_NAMES` has when it is asked for."""
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_NAMES[name]), name)


def __dir__() -> list[str]:
    """Names of this module, those of :data:`_NAMES` among them."""
    return sorted([*globals(), *_NAMES])
