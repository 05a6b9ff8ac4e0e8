"""Parts of a log-mel map are replaced: what the classifier says of what is left."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution.ig.reduced import MelScore
from igsed_core.models.classifier import Classifier


def frame_of(n_mel_frames: int, *, hop: float, frame_length: float, n_frames: int) -> NDArray[np.int64]:
    """Evaluation frame that holds the centre of each log-mel frame.

    Parameters
    ----------
    n_mel_frames
        Log-mel frames; frame ``j`` is centred on ``j * hop``.
    hop, frame_length
        Seconds.
    n_frames
        Evaluation frames; what is centred on the very end belongs to the last one.

    Returns
    -------
    np.ndarray [shape=(n_mel_frames,)]
    """
    return np.minimum((np.arange(n_mel_frames) * hop / frame_length + 1e-6).astype(np.int64), n_frames - 1)


def ranks(scores: NDArray[np.floating], *, seed: int) -> NDArray[np.int64]:
    """Place of each value in the order from the highest to the lowest; equals are ordered at random.

    Parameters
    ----------
    scores
        An array of any shape.
    seed
        Of the order among equals.

    Returns
    -------
    np.ndarray
        Of the same shape, 0 for the highest.
    """
    flat = np.asarray(scores, dtype=float).ravel()
    order = np.lexsort((np.random.default_rng([seed, 0x7135]).random(flat.size), -flat))
    places = np.empty(flat.size, dtype=np.int64)
    places[order] = np.arange(flat.size)
    return places.reshape(np.shape(scores))


def top(places: NDArray[np.int64], shares: tuple[float, ...]) -> NDArray[np.bool_]:
    """Masks of the first share of the places: ``[shape=(n_shares, *places.shape)]``."""
    counts = np.rint(np.array(shares) * places.size).astype(np.int64)
    return places < counts.reshape(-1, *[1] * places.ndim)


def logits(model: Classifier | MelScore, log_mel: Tensor) -> Tensor:
    """Clip-level logits of log-mel maps: ``(batch, frames, mels) -> (batch, n_classes)``."""
    features = model.encoder.feature_map(log_mel)  # (batch, channels, freq, time)
    return model.head.clip_logits(features.mean(dim=2).transpose(1, 2))


def occluded_logits(
    model: Classifier | MelScore, log_mel: Tensor, kept: NDArray[np.bool_], fill: Tensor, *, batch: int = 8
) -> NDArray[np.float32]:
    """Logits of one clip in which all that is not kept is replaced.

    Parameters
    ----------
    model
        Encoder and head.
    log_mel
        ``[shape=(frames, mels)]``
    kept
        What stays of each version, over frames or over frames and mel bands,
        ``[shape=(n_versions, frames) or (n_versions, frames, mels)]``.
    fill
        What takes the place of the rest, ``[shape=(frames, mels)]``; see
        :func:`igsed_core.attribution.replacement.replacement`.
    batch
        Versions in one forward pass: memory only.

    Returns
    -------
    np.ndarray [shape=(n_versions, n_classes)]
    """
    kept = kept if kept.ndim == 3 else kept[:, :, None]
    parts = []
    with torch.inference_mode():
        for start in range(0, len(kept), batch):
            mask = torch.from_numpy(kept[start : start + batch]).to(log_mel.device)
            parts.append(logits(model, torch.where(mask, log_mel, fill)).cpu().numpy())
    return np.concatenate(parts) if parts else np.zeros((0, len(model.head.classes)), np.float32)
