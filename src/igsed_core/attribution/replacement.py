"""What takes the place of a part that is taken away: silence, the clip's own background, or its mean."""

from __future__ import annotations

import torch
from torch import Tensor

from igsed_core.attribution import mel
from igsed_core.attribution.ig.reduced import MelScore
from igsed_core.base.errors import IgsedError

KINDS = ("silence", "background", "mean")
QUIET = 0.1  # share of a clip's frames that count as its background


def quiet_frames(log_mel: Tensor) -> Tensor:
    """Return the quietest tenth of a clip's frames: the real background of any recording, known without labels.

    Parameters
    ----------
    log_mel
        ``[shape=(frames, mels)]``

    Returns
    -------
    Tensor [shape=(n_quiet, mels)]
        In the order of time.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.replacement import quiet_frames
    >>> log_mel = torch.arange(20.0).flip(0)[:, None]  # ever quieter
    >>> quiet_frames(log_mel).flatten().tolist()
    [1.0, 0.0]
    """
    level = log_mel.mean(dim=1)
    n = max(1, round(QUIET * len(level)))
    return log_mel[level.argsort(stable=True)[:n].sort().values]


def background(log_mel: Tensor, random: torch.Generator) -> Tensor:
    """Draw a background as long as the clip, frame by frame from its quiet frames: ``(frames, mels)``, twice.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.replacement import background
    >>> log_mel = torch.arange(10.0)[:, None]
    >>> background(log_mel, torch.Generator().manual_seed(0)).unique().tolist()
    [0.0]
    """
    quiet = quiet_frames(log_mel)
    return quiet[torch.randint(len(quiet), (len(log_mel),), generator=random).to(quiet.device)]


def replacement(kind: str, model: MelScore, log_mel: Tensor, seed: int = 0) -> Tensor:
    """Return what a clip's frames are replaced with.

    Parameters
    ----------
    kind
        ``silence``; ``background``: frames drawn from the clip's quietest tenth; ``mean``: each mel bin's mean over
        the clip.
    model
        Its front end says what silence is.
    log_mel
        ``[shape=(frames, mels)]``
    seed
        Of the draw.

    Returns
    -------
    Tensor [shape=(frames, mels)]

    Raises
    ------
    IgsedError
        For an unknown kind.
    """
    if kind == "silence":
        return mel.silence(model, log_mel).expand_as(log_mel)
    if kind == "mean":
        return log_mel.mean(dim=0).expand_as(log_mel)
    if kind == "background":
        return background(log_mel, torch.Generator().manual_seed(seed))
    raise IgsedError(f"replacement {kind!r} is unknown: choose one of {', '.join(KINDS)}")
