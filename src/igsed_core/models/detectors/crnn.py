"""A CRNN for sound event detection, with self-attention of controlled memory on top (Pankajakshan et al. 2020).

Three blocks of convolutions, pooled over frequency only; a GRU; perhaps additive self-attention inside a window
(:mod:`igsed_core.models.detectors.banded`), of one head or of several with a width each; a probability per frame and
class. Three choices of the authors' released code can be switched on (:class:`AsReleased`), for the audit alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from igsed_core.base.errors import IgsedError
from igsed_core.models.detectors import banded
from igsed_core.models.pooling import AttentionHead

POOLS = (5, 4, 2)  # mel bands that each block joins
WHOLE = 0  # width of a window that holds the whole clip


@dataclass(frozen=True)
class AsReleased:
    """What the released code does otherwise than its paper says; all off is right.

    Attributes
    ----------
    scrambled
        The map (time, channels) is brought to (channels, time) by a reshape in place of a transposition: a step of the
        GRU sees frames of the whole clip.
    windows_dropped
        With several heads the product of score and window is computed and thrown away: all heads see the whole clip.
    first_weights
        How much each head counts is read from the first frame of the batch's first item, for all frames of all items.
    """

    scrambled: bool = False
    windows_dropped: bool = False
    first_weights: bool = False


RIGHT = AsReleased()


@dataclass(frozen=True)
class Shape:
    """Sizes of a network.

    Attributes
    ----------
    channels, kernel
        Of each convolution.
    units
        Of GRU and attention.
    dropout
        After each block.
    widths
        Frames of the attention's window, for each head; :data:`WHOLE` for the clip; none for no attention.
    history_only
        Whether windows lie before the frame, else around it.
    uniform
        Whether all frames of a window count alike: a moving average in the place of attention, with one width.
    weak
        Whether it is trained by clip labels, through attention pooling.
    """

    channels: int = 64
    kernel: int = 5
    units: int = 64
    dropout: float = 0.3
    widths: tuple[int, ...] = ()
    history_only: bool = False
    uniform: bool = False
    weak: bool = False


class SelfAttention(nn.Module):
    """One head: each frame becomes the weighted mean of the frames in its window.

    Parameters
    ----------
    n_features, units
        Channels of a frame; of the score's hidden layer.
    width
        Frames of the window, :data:`WHOLE` for all.
    history_only
        See :class:`Shape`.
    """

    def __init__(self, n_features: int, units: int, width: int, *, history_only: bool = False) -> None:
        super().__init__()
        self.width, self.history_only = width, history_only
        self.query = nn.Linear(n_features, units)
        self.key = nn.Linear(n_features, units, bias=False)
        self.weight = nn.Parameter(torch.empty(units).uniform_(-(units**-0.5), units**-0.5))
        self.bias = nn.Parameter(torch.zeros(()))

    def window(self, time: int) -> tuple[int, int]:
        """Frames before and after that the window of a clip of ``time`` frames holds."""
        return _window(self.width, time, history_only=self.history_only)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, time, n_features) -> (batch, time, n_features)``."""
        return banded.attend(self.query(x), self.key(x), x, self.weight, self.bias, self.window(x.shape[1]))

    def weights(self, x: Tensor) -> Tensor:
        """What each frame takes of each: ``(batch, time, n_features) -> (batch, time, time)``."""
        return banded.weights(self.query(x), self.key(x), self.weight, self.bias, self.window(x.shape[1]))


def _window(width: int, time: int, *, history_only: bool) -> tuple[int, int]:
    if width == WHOLE:
        return (time - 1, 0) if history_only else (time - 1, time - 1)
    return banded.reach(width, history_only=history_only)


class MovingAverage(nn.Module):
    """Each frame becomes the mean of the frames in its window: attention that has nothing to learn.

    Parameters
    ----------
    width, history_only
        As for :class:`SelfAttention`.
    """

    def __init__(self, width: int, *, history_only: bool = False) -> None:
        super().__init__()
        self.width, self.history_only = width, history_only

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, time, n_features) -> (batch, time, n_features)``."""
        time = x.shape[1]
        before, after = _window(self.width, time, history_only=self.history_only)
        frame = torch.arange(time, device=x.device)
        first, last = (frame - before).clamp(min=0), (frame + after + 1).clamp(max=time)
        sums = nn.functional.pad(x.cumsum(dim=1), (0, 0, 1, 0))  # (batch, 1 + time, n_features)
        return (sums[:, last] - sums[:, first]) / (last - first)[:, None]

    def weights(self, x: Tensor) -> Tensor:
        """What each frame takes of each: ``(batch, time, n_features) -> (batch, time, time)``."""
        whole = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)[None]
        return self(whole).expand(len(x), -1, -1)


class Heads(nn.Module):
    """Several heads with a width each; each frame says how much it takes of which.

    Parameters
    ----------
    n_features, units, widths, history_only
        As for :class:`SelfAttention`, with a width for each head.
    first_weights
        See :class:`AsReleased`.
    """

    def __init__(
        self,
        n_features: int,
        units: int,
        widths: Sequence[int],
        *,
        history_only: bool = False,
        first_weights: bool = False,
    ) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            SelfAttention(n_features, units, width, history_only=history_only) for width in widths
        )
        self.choice = nn.Linear(n_features, 1)
        self.first_weights = first_weights

    def shares(self, outputs: Tensor) -> Tensor:
        """How much each head counts: ``(heads, batch, time, n_features) -> (heads, batch, time, 1)``."""
        shares = torch.softmax(self.choice(outputs), dim=0)
        return shares[:, :1, :1] if self.first_weights else shares

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, time, n_features) -> (batch, time, n_features)``."""
        outputs = torch.stack([head(x) for head in self.heads])  # (heads, batch, time, n_features)
        return (self.shares(outputs) * outputs).sum(dim=0)

    def weights(self, x: Tensor) -> Tensor:
        """What each frame takes of each, over all heads: ``(batch, time, n_features) -> (batch, time, time)``."""
        with torch.no_grad():
            shares = self.shares(torch.stack([head(x) for head in self.heads]))
            each = torch.stack([head.weights(x) for head in self.heads])  # type: ignore[operator]
        return (shares * each).sum(dim=0)


class Crnn(nn.Module):
    """From log-mel maps to logits of frames.

    Parameters
    ----------
    classes
        Their names.
    shape
        Sizes.
    mean, std
        Of each mel band in the training maps, ``[shape=(n_mels,)]``: inputs are brought to 0 and 1.
    released
        See :class:`AsReleased`.

    Raises
    ------
    IgsedError
        If there are too few mel bands to pool.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, classes: Sequence[str], shape: Shape, mean: Tensor, std: Tensor, *, released: AsReleased = RIGHT
    ) -> None:
        super().__init__()
        if len(mean) < 40:
            raise IgsedError(f"a CRNN that pools {POOLS} mel bands needs maps of 40 or more, got {len(mean)}")
        self.shape, self.released = shape, released
        self.register_buffer("mean", mean.clone())
        self.register_buffer("std", std.clone())
        layers: list[nn.Module] = []
        before = 1
        for pool in POOLS:
            layers += [
                nn.Conv2d(before, shape.channels, shape.kernel, padding=shape.kernel // 2, bias=False),
                *(nn.BatchNorm2d(shape.channels), nn.ReLU(), nn.Dropout(shape.dropout), nn.MaxPool2d((1, pool))),
            ]
            before = shape.channels
        self.blocks = nn.Sequential(*layers)
        # Channels side by side in memory: convolutions of few channels are faster so.
        self.blocks.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # PyTorch's stubs lack it
        self.recurrent = nn.GRU(shape.channels * (len(mean) // 40), shape.units, batch_first=True)
        self.attention = self._attention()
        self.out = AttentionHead(shape.units, classes) if shape.weak else nn.Linear(shape.units, len(classes))

    def _attention(self) -> Heads | SelfAttention | MovingAverage | None:
        shape, (width, *others) = self.shape, self.shape.widths or (WHOLE,)
        if not shape.widths:
            return None
        if shape.uniform:
            return MovingAverage(width, history_only=shape.history_only)
        if not others:
            return SelfAttention(shape.units, shape.units, width, history_only=shape.history_only)
        widths = (WHOLE,) * len(shape.widths) if self.released.windows_dropped else shape.widths
        options = {"history_only": shape.history_only, "first_weights": self.released.first_weights}
        return Heads(shape.units, shape.units, widths, **options)

    def hidden(self, maps: Tensor) -> Tensor:
        """What the GRU says of each frame, ``(batch, time, n_mels) -> (batch, time, units)``."""
        x = self.blocks(((maps - self.mean) / self.std)[:, None])  # (batch, channels, time, bands)
        x = x.permute(0, 2, 1, 3).flatten(2)  # (batch, time, channels)
        if self.released.scrambled:
            batch, time, channels = x.shape
            x = x.reshape(batch, channels, time).transpose(1, 2)
        found: Tensor = self.recurrent(x)[0]
        return found

    def features(self, maps: Tensor) -> Tensor:
        """What frames are classified by, ``(batch, time, n_mels) -> (batch, time, units)``."""
        hidden = self.hidden(maps)
        return hidden if self.attention is None else self.attention(hidden)

    def forward(self, maps: Tensor) -> Tensor:
        """Logits of frames, ``(batch, time, n_mels) -> (batch, time, n_classes)``."""
        features = self.features(maps)
        return self.out.frame_logits(features) if isinstance(self.out, AttentionHead) else self.out(features)

    def trained_logits(self, maps: Tensor) -> Tensor:
        """Logits that training sees: those of frames, or, with clip labels, of clips.

        Parameters
        ----------
        maps
            ``[shape=(batch, time, n_mels)]``

        Returns
        -------
        Tensor [shape=(batch, time, n_classes)]
            Or ``(batch, n_classes)``.
        """
        features = self.features(maps)
        return self.out.clip_logits(features) if isinstance(self.out, AttentionHead) else self.out(features)

    def weights(self, maps: Tensor) -> Tensor:
        """What each frame takes of each.

        Parameters
        ----------
        maps
            ``[shape=(batch, time, n_mels)]``

        Returns
        -------
        Tensor [shape=(batch, time, time)]

        Raises
        ------
        IgsedError
            If the network has no attention.
        """
        if self.attention is None:
            raise IgsedError("this detector has no attention to look at: give it a width")
        with torch.no_grad():
            return self.attention.weights(self.hidden(maps))


def with_widths(shape: Shape, seconds: Sequence[float], hop: float, duration: float) -> Shape:
    """Give a network attention of some widths in seconds.

    Parameters
    ----------
    shape
        Without attention.
    seconds
        Width of each head; the clip's length or more stands for the whole clip.
    hop, duration
        Of a frame and of the clip, in seconds.

    Examples
    --------
    >>> from igsed_core.models.detectors.crnn import Shape, with_widths
    >>> with_widths(Shape(), (0.1, 1.0, 10.0), 0.02, 10.0).widths
    (5, 50, 0)
    """
    frames = tuple(WHOLE if one >= duration else max(1, round(one / hop)) for one in seconds)
    return dataclasses.replace(shape, widths=frames)
