"""The registry of scored methods: whatever gives a class a score over time, what taught it, and what a reader calls it.

One place for what tables, figures and studies ask of a method by its name. The attribution methods of
:mod:`igsed_core.attribution.registry` are scored methods, too; :func:`of` knows both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from igsed_core.attribution import registry as methods
from igsed_core.base import plugins
from igsed_core.base.errors import IgsedError
from igsed_core.base.registry import Entry, Registry

IG, ORACLE, LOCALISER = "ig", "oracle", "localiser"
NONE, CLIP_LABELS, TIME_LABELS = "none", "clip labels", "time labels"


@dataclass(frozen=True, kw_only=True)
class Scored(Entry):
    """One scored method; ``target`` is what makes its scores.

    Attributes
    ----------
    short
        Title where there is little room; the title, if empty.
    supervision
        What taught it: :data:`NONE`, :data:`CLIP_LABELS` or :data:`TIME_LABELS`.
    probability
        Whether its score is a probability, so that it has a logit and a level means something.
    family
        Of :data:`igsed_core.attribution.registry.FAMILIES`: it has that family's colour; empty for a reference.
    colour
        Its own, ``#RRGGBB``; empty for that in :mod:`igsed_core.show.style`, or its family's.
    head
        Of the framewise detectors, which detect for themselves: the head (:data:`igsed_core.models.heads.HEADS`).
    paper
        Whether the paper compares it (Table II).
    """

    LOOKS: ClassVar[frozenset[str]] = Entry.LOOKS | {"short", "family", "colour"}

    short: str = ""
    supervision: str = CLIP_LABELS
    probability: bool = False
    family: str = ""
    colour: str = ""
    head: str = ""
    paper: bool = False


# In the order in which tables list them.
SCORED = Registry(
    "scored method",
    plugins.SCORED,
    {
        "ig": Scored(
            target="igsed_core.attribution.maps:compute", title="Integrated Gradients (IG)", short="IG", paper=True
        ),
        "fw_ws": Scored(
            target="igsed_core.detection.baselines:framewise",
            title="FW-WS",
            probability=True,
            head="fw_ws",
            paper=True,
        ),
        "fw_ss": Scored(
            target="igsed_core.detection.baselines:framewise",
            title="FW-SS",
            supervision=TIME_LABELS,
            probability=True,
            head="fw_ss",
            paper=True,
        ),
        "random": Scored(
            target="igsed_core.detection.baselines:random_scores", title="Random", supervision=NONE, paper=True
        ),
        "energy": Scored(target="igsed_core.detection.baselines:energy", title="Energy", supervision=NONE, paper=True),
        "oracle": Scored(
            target="igsed_core.detection.evaluation:instances", title="Perfect ranking", supervision=TIME_LABELS
        ),
        # The clip-level head on feature frames; the same map as the attribution method of that name.
        "cam": Scored(
            target="igsed_core.detection.baselines:framewise",
            title=methods.REGISTRY.own["cam"].title,
            family=methods.REGISTRY.own["cam"].family,
        ),
        "localiser": Scored(target="igsed_core.detection.localiser_scores:localise", title="Localiser", family="own"),
        # Networks that are trained as a whole, not heads on a frozen encoder.
        "fw_crnn_ws": Scored(
            target="igsed_core.detection.framewise_crnn:scores",
            title="FW-CRNN, clip labels",
            short="FW-CRNN-WS",
            probability=True,
            colour="#CC79A7",
        ),
        "fw_crnn_ss": Scored(
            target="igsed_core.detection.framewise_crnn:scores",
            title="FW-CRNN, time labels",
            short="FW-CRNN-SS",
            supervision=TIME_LABELS,
            probability=True,
            colour="#F0E442",
        ),
    },
)

# Those of this project alone, so that importing asks for no installed package.
COMPARED = tuple(name for name, one in SCORED.own.items() if one.paper)
BASELINES = tuple(name for name in COMPARED if name != IG)  # what the paper holds against Integrated Gradients
LEARNED = tuple(name for name in COMPARED if SCORED.own[name].supervision != NONE)
DETECTORS = tuple(name for name in COMPARED if SCORED.own[name].head)  # they detect by themselves
RANKED = (*COMPARED, ORACLE)


def of(name: str) -> Scored:
    """Return what is known of a scored method: of :data:`SCORED`, or of the attribution registry.

    Raises
    ------
    IgsedError
        For an unknown name; the message lists the valid ones.

    Examples
    --------
    >>> from igsed_core.detection.scored import of
    >>> of("fw_ws").title, of("fw_ws").supervision
    ('FW-WS', 'clip labels')
    """
    if name in SCORED:
        return SCORED[name]
    if name not in methods.REGISTRY:
        raise IgsedError(f"scored method {name!r} is unknown: choose one of {', '.join([*SCORED, *methods.REGISTRY])}")
    method = methods.REGISTRY[name]
    return Scored(target=method.target, title=method.title, family=method.family, name=name)


def known(name: str) -> bool:
    """Say whether :func:`of` knows the name.

    Examples
    --------
    >>> from igsed_core.detection.scored import known
    >>> known("ig"), known("lime"), known("dowsing")
    (True, True, False)
    """
    return name in SCORED or name in methods.REGISTRY


def probabilities() -> tuple[str, ...]:
    """Names of the scored methods whose scores are probabilities."""
    return tuple(name for name, one in SCORED.items() if one.probability)


def uses(names: tuple[str, ...] = RANKED) -> tuple[tuple[str, str], ...]:
    """Name the entries of scored methods for :meth:`igsed_core.base.params.StageParams.uses`.

    Examples
    --------
    >>> from igsed_core.detection.scored import uses
    >>> uses(("ig", "lime"))
    (('igsed.scored_methods', 'ig'), ('igsed.methods', 'lime'))
    """
    return tuple((plugins.SCORED if name in SCORED else plugins.METHODS, name) for name in names)
