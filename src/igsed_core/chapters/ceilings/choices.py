"""Names that the page's parameters take."""

from __future__ import annotations

from igsed_core.base.errors import IgsedError

STRONG = ("linear", "tcn", "bigru")  # of igsed_core.models.detectors.on_features: trained with time labels
# Of igsed_core.models.pooling: trained with clip-level labels. Those of features first, then those of scores.
WEAK = ("max", "linear_softmax", "exponential_softmax", "attention", "auto_pool")
POOLED = ("max_features", "mean_features", "max_mean_features", *WEAK)
ALL = "all"
_CHOICES = {"detectors": (*STRONG, *WEAK), "poolings": POOLED}


def names_of(parameter: str, given: str) -> tuple[str, ...]:
    """Read a list of names, ``all`` among them.

    Parameters
    ----------
    parameter
        ``detectors`` or ``poolings``.
    given
        Names, separated by commas.

    Raises
    ------
    IgsedError
        For an unknown name, or none.
    """
    choices = _CHOICES[parameter]
    names = tuple(dict.fromkeys(one.strip() for one in given.split(",") if one.strip()))
    if names == (ALL,):
        return choices
    for name in names or ("",):
        if name not in choices:
            raise IgsedError(f"parameter {parameter!r} is {given!r}: use all, or names of {', '.join(choices)}")
    return names
