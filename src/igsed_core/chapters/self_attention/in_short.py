"""The box at the head of page 18."""

from __future__ import annotations

from igsed_core.chapters.self_attention import overview, shipped
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """How far a detector must remember here, and what of the released code's gain a reshape explains."""
    tables = ("self_attention", "self_attention_differences", "self_attention_audit", "self_attention_mass")
    summary, differences, audited, mass = (found.tables[name] for name in tables)
    full = [shipped.table(name) for name in tables[:3]]
    said = [overview.memory(summary, differences), overview.average(differences)]
    if full[0] is not None and full[1] is not None:
        said.append(overview.full_size(full[0], full[1]))
    said += [overview.released(audited if full[2] is None else full[2]), overview.mass(mass)]
    return Answer(
        f"{' '.join(filter(None, said))} The sounds are made by a program; the networks of the default run are small, "
        "few, and trained for seconds.",
        tables,
    )
