"""The networks of the study: one without attention, one per width, one of several heads, and those of the audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from igsed_core.models.detectors.crnn import RIGHT, AsReleased

CRNN, HEADS = "crnn", "heads"
SCRAMBLED, DROPPED, FIRST = "scrambled", "windows_dropped", "first_weights"
CHOICES = {
    SCRAMBLED: "time and channels mixed by a reshape, no attention",
    DROPPED: "windows of several heads dropped",
    FIRST: "weights of heads read from one item's first frame",
}


@dataclass(frozen=True)
class System:
    """A network to train.

    Attributes
    ----------
    name
        In tables.
    widths
        Seconds of the window of each head; none for no attention.
    released
        Choices of the released code.
    uniform
        Whether a moving average takes the place of attention.
    """

    name: str
    widths: tuple[float, ...] = ()
    released: AsReleased = RIGHT
    uniform: bool = False

    @property
    def title(self) -> str:
        """Name for a reader."""
        if self.name == CRNN:
            return "CRNN, no attention"
        sizes = " and ".join(f"{one:g} s" for one in self.widths)
        if self.uniform:
            return f"moving average, {sizes}"
        kind = f"attention, {sizes}" if len(self.widths) == 1 else f"heads of {sizes}"
        if self.released.scrambled:
            return f"reshaped CRNN, {kind}" if self.widths else "reshaped CRNN, no attention"
        flags = {DROPPED: self.released.windows_dropped, FIRST: self.released.first_weights}
        words = {DROPPED: "windows dropped", FIRST: "weights of the first frame"}
        return ", ".join([kind, *(words[name] for name, on in flags.items() if on)])


def compared(widths: Sequence[float], heads: Sequence[float], middle: float) -> list[System]:
    """List the networks that are as they should be.

    Parameters
    ----------
    widths
        Seconds, a network each.
    heads
        Seconds of the heads of one network; fewer than two: none.
    middle
        Seconds of the moving average.
    """
    one_each = [System(width_name(width), (width,)) for width in widths]
    average = System(average_name(middle), (middle,), uniform=True)
    return [System(CRNN), *one_each, *([System(HEADS, tuple(heads))] if len(heads) > 1 else []), average]


def audited(width: float, heads: Sequence[float]) -> list[System]:
    """List the networks that are as the released code has them.

    Parameters
    ----------
    width
        Seconds, of the attention behind the reshaped map.
    heads
        As in :func:`compared`.
    """
    mixed = AsReleased(scrambled=True)
    found = [System(SCRAMBLED, (), mixed), System(f"{SCRAMBLED}_{width_name(width)}", (width,), mixed)]
    if len(heads) > 1:
        found.append(System(DROPPED, tuple(heads), AsReleased(windows_dropped=True)))
        found.append(System(FIRST, tuple(heads), AsReleased(first_weights=True)))
    return found


def width_name(width: float) -> str:
    """Name of the network with one window.

    Examples
    --------
    >>> from igsed_core.chapters.self_attention.systems import width_name
    >>> width_name(0.5)
    'width_0.5'
    """
    return f"width_{width:g}"


def average_name(width: float) -> str:
    """Name of the network with a moving average.

    Examples
    --------
    >>> from igsed_core.chapters.self_attention.systems import average_name
    >>> average_name(1.0)
    'average_1'
    """
    return f"average_{width:g}"


def titles(widths: Sequence[float], heads: Sequence[float], width: float) -> dict[str, str]:
    """Names for a reader, by name; ``widths, heads, width`` as in :func:`compared` and :func:`audited`."""
    return {one.name: one.title for one in [*compared(widths, heads, width), *audited(width, heads)]}
