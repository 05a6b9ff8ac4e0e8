"""The box at the head of page 19."""

from __future__ import annotations

from igsed_core.chapters.adversarial import overview
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """Whether small changes of a sound fool classifiers and maps, and whether maps give them away."""
    names = ("adversarial", "transfer", "adversarial_survival", "adversarial_explanations", "adversarial_detection")
    attacks, transfer, survival, maps, detection = (found.tables[name] for name in names)
    said = [
        overview.attacks(attacks),
        overview.transfer(transfer),
        overview.files(survival),
        overview.explanations(maps),
        overview.detection(detection),
    ]
    return Answer(
        f"{' '.join(said)} Classifiers and clips are small and made by a program; nobody listened for audibility.",
        names,
    )
