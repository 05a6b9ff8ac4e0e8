"""Who explains: encoder, head, engine and clips, small enough to be sent to another process; names its results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from igsed_core.attribution.ig import engines
from igsed_core.attribution.ig.base import Engine
from igsed_core.base.errors import IgsedError
from igsed_core.data.clips import Clips, DiskClips
from igsed_core.models import heads
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders import registry as encoders

WARM_UP = 1.0  # s of noise that is explained first, so that what happens once is not part of any time
# Options that bound memory and change no result.
MEMORY_ONLY = frozenset({"batch", "internal_batch_size"})

Loaded = tuple[Classifier, Engine]


@dataclass(frozen=True)
class Explainer:
    """All that a worker process needs to attribute clips.

    Attributes
    ----------
    encoder, weights
        As :func:`igsed_core.models.encoders.registry.load` takes them.
    head
        File of the head.
    soundscapes
        Where the clips come from: a folder of soundscapes, or clips in memory
        (:class:`igsed_core.data.clips.MemoryClips`).
    engine, options
        As :func:`igsed_core.attribution.ig.engines.create` takes them.
    device
        Where to compute.
    """

    encoder: str
    weights: str
    head: Path
    soundscapes: Path | Clips
    engine: str
    options: tuple[tuple[str, Any], ...]
    device: str = "cpu"

    def load(self) -> Loaded:
        """Load the classifier and create the engine."""
        encoder = encoders.load(self.encoder, self.weights)
        classifier = Classifier(encoder, heads.load(self.head)).to(self.device).eval()
        return classifier, engines.create(self.engine, **dict(self.options))

    @property
    def clips(self) -> Clips:
        """Where the clips come from."""
        return DiskClips(self.soundscapes) if isinstance(self.soundscapes, Path) else self.soundscapes

    def waveform(self, split: str, clip: str) -> torch.Tensor:
        """Read a clip, ``[shape=(n_samples,)]``."""
        return torch.from_numpy(self.clips.read(split, clip)).to(self.device)

    def of_clip(self, clip: str) -> Explainer:
        """Return an explainer that knows one clip: clips in memory travel to other processes one by one."""
        return replace(self, soundscapes=self.clips.only(clip))

    def without_clips(self) -> Explainer:
        """Return an explainer that can load its classifier, and knows no clip."""
        return replace(self, soundscapes=Path())

    def weights_sha256(self) -> str:
        """Return the SHA-256 of the encoder's file of weights."""
        return str(encoders.load(self.encoder, self.weights).weights_sha256)

    def classifier_identity(self) -> dict[str, Any]:
        """Return what the explained classifier is: encoder and digests of its weights and head.

        A subclass that changes the classifier adds how.

        Raises
        ------
        IgsedError
            If there is no head.
        """
        if not self.head.is_file():
            raise IgsedError(f"head {self.head} is missing: run notebook 02_training first")
        return {
            "encoder": self.encoder,
            "weights_sha256": self.weights_sha256(),
            "head_sha256": heads.digest(self.head),
        }

    def identity(self) -> dict[str, Any]:
        """Return everything that its maps depend on, and nothing else, as JSON can hold it.

        Returns
        -------
        dict
            ``encoder, weights_sha256, head_sha256, soundscapes`` (a digest), ``engine, options``: those that change a
            result. Where a file lies, on which device and in what batches it is computed is not part of it.
        """
        return {**self.context(), "engine": self.engine, "options": telling(dict(self.options))}

    def context(self) -> dict[str, Any]:
        """Return :meth:`identity` without engine and options: what any method explains."""
        return {**self.classifier_identity(), "soundscapes": self.clips.identity()}


def telling(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that change a result, by name.

    Examples
    --------
    >>> from igsed_core.attribution.explainer import telling
    >>> telling({"quadrature": "gausslegendre", "n_steps": 50})
    {'n_steps': 50, 'quadrature': 'gausslegendre'}
    """
    return {name: options[name] for name in sorted(options) if name not in MEMORY_ONLY}


def noise(classifier: Classifier, device: str) -> torch.Tensor:
    """Return :data:`WARM_UP` seconds of noise, the same each time, ``[shape=(n_samples,)]``."""
    samples = round(WARM_UP * classifier.encoder.frontend.sample_rate)
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(0)).to(device)
