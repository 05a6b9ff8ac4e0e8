"""What a trained localiser is made of, and the one file that holds it: safetensors with JSON beside, never pickle."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialise

from igsed_core.base import files, text
from igsed_core.base.errors import IgsedError
from igsed_core.detection.absence_hmm import Mixture, SoundModel
from igsed_core.detection.edges import Edges
from igsed_core.models import heads
from igsed_core.models.heads import Head

FORMAT = "igsed localiser"
VERSION = 1
_LONGEST_WINDOW = 600.0  # s
_EDGES = ("early", "late", "n", "missed")  # fields of Edges, of all classes
_SHAPES = {"initial": (2,), "transitions": (2, 2), "limits": (2,), "n": (2,)}  # of a class's sound model
_KEY = "igsed"  # one entry of safetensors' metadata holds all of ours


@dataclass(frozen=True, eq=False)
class LocaliserModel:
    """All that training finds.

    Attributes
    ----------
    encoder, encoder_sha256
        Name of the frozen encoder and SHA-256 of its weights.
    head
        Clip-level head.
    sounds
        Class -> how it shows in the frame logits.
    calibration
        Of each class the slope and offset that turn its clip-level logit into that of a calibrated probability,
        ``[shape=(n_classes, 2)]``.
    shifts, window
        Shifts of a feature frame; length of the encoder's windows in seconds.
    edges
        A calibration of onsets and offsets as :func:`edge_arrays` writes it; none where there is none.
    info
        Provenance and licence, as JSON can hold it.
    """

    encoder: str
    encoder_sha256: str
    head: Head
    sounds: Mapping[str, SoundModel]
    calibration: NDArray[np.float64]
    shifts: int
    window: float
    edges: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the head's outputs."""
        return self.head.classes

    @property
    def corrections(self) -> dict[str, Edges]:
        """Class -> what is taken off the edges of its events; empty where they were not calibrated."""
        if not set(_EDGES) <= set(self.edges):
            return {}
        rows = zip(self.classes, *(self.edges[name].tolist() for name in _EDGES), strict=True)
        return {label: Edges(early, late, int(n), missed) for label, early, late, n, missed in rows if n}

    def save(self, path: Path) -> None:
        """Write the model as one file, whole or not at all; the same model gives the same bytes."""
        arrays: dict[str, NDArray[Any]] = {
            f"head.{name}": tensor.cpu().numpy() for name, tensor in self.head.state_dict().items()
        }
        arrays["calibration"] = self.calibration
        for c, name in enumerate(self.classes):
            if name in self.sounds:
                arrays.update({f"sound.{c}.{key}": value for key, value in _arrays(self.sounds[name]).items()})
        arrays.update({f"edges.{name}": np.asarray(value) for name, value in self.edges.items()})
        about = {
            "format": FORMAT,
            "version": VERSION,
            "encoder": self.encoder,
            "encoder_sha256": self.encoder_sha256,
            "classes": list(self.classes),
            "shifts": self.shifts,
            "window": self.window,
            "info": dict(self.info),
        }
        arrays = {name: np.ascontiguousarray(value) for name, value in sorted(arrays.items())}
        about["sha256"] = _checksum(about, arrays)
        with files.atomic(path) as temporary:
            temporary.write_bytes(serialise(arrays, metadata={_KEY: json.dumps(about, sort_keys=True)}))


def edge_arrays(edges: Mapping[str, Edges], classes: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Write calibrated edges as arrays, ``[shape=(n_classes,)]`` each, as :attr:`LocaliserModel.edges` takes them.

    Parameters
    ----------
    edges
        Class -> edges; a class that is missing has no gates.
    classes
        All class names, in order.

    Examples
    --------
    >>> from igsed_core.detection.edges import Edges
    >>> from igsed_core.detection.localiser_model import edge_arrays
    >>> edge_arrays({"Bell": Edges(early=0.1, late=0.2, n=9, missed=0.0)}, ["Bell", "Dog"])["late"].tolist()
    [0.2, 0.0]
    """
    rows = [edges.get(label, Edges(0.0, 0.0, 0, 0.0)) for label in classes]
    return {name: np.array([getattr(row, name) for row in rows], dtype=np.float64) for name in _EDGES}


def is_one(path: Path) -> bool:
    """Whether a file is a model that :meth:`LocaliserModel.save` wrote."""
    try:
        with safe_open(str(path), framework="np") as stored:
            return f'"{FORMAT}"' in (stored.metadata() or {}).get(_KEY, "")
    except (SafetensorError, OSError, ValueError, TypeError):
        return False


def load(path: Path) -> LocaliserModel:
    """Read a model that :meth:`LocaliserModel.save` wrote.

    Raises
    ------
    IgsedError
        If there is no such file, it is another kind of file or damaged, or a newer version of igsed wrote it.
    """
    name = text.shown(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise IgsedError(f"model {name} {what}: give the file that `igsed train --out` wrote")
    try:
        with safe_open(str(path), framework="np") as stored:
            about = json.loads((stored.metadata() or {}).get(_KEY, "{}"))
            arrays = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError, TypeError, RecursionError) as error:
        raise IgsedError(f"{name} is damaged, or no model of `igsed train`: train it again") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise IgsedError(f"{name} is a safetensors file, but no model of `igsed train`: give another one")
    if type(about.get("version")) is not int or about["version"] < 1 or not isinstance(about.get("info"), dict):
        raise IgsedError(f"{name} is damaged: parts of the model are missing; train it again")
    if about["version"] > VERSION:
        made_by = about["info"].get("igsed", "a newer one")
        raise IgsedError(
            f"{name} has format {about['version']} (igsed {made_by}), this igsed reads up to {VERSION}: update igsed"
        )
    if "sha256" in about and about["sha256"] != _checksum(about, arrays):
        raise IgsedError(f"{name} is damaged: it is not as `igsed train` wrote it; copy it again, or train it again")
    try:
        classes = about["classes"]
        _require_whole(about, arrays)
        weight = arrays["head.linear.weight"]
        head = heads.create("clip_level", weight.shape[1], classes, seed=0)
        head.load_state_dict({"linear.weight": torch.from_numpy(weight), "linear.bias": _tensor(arrays, "linear.bias")})
        sounds = {
            label: _sound({key.split(".", 2)[2]: a for key, a in arrays.items() if key.startswith(f"sound.{c}.")})
            for c, label in enumerate(classes)
            if f"sound.{c}.transitions" in arrays
        }
        return LocaliserModel(
            about["encoder"],
            about["encoder_sha256"],
            head.eval().requires_grad_(False),
            sounds,
            arrays["calibration"],
            int(about["shifts"]),
            float(about["window"]),
            {key.removeprefix("edges."): array for key, array in arrays.items() if key.startswith("edges.")},
            about["info"],
        )
    except (KeyError, IndexError, RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise IgsedError(
            f"{name} is damaged: parts of the model are missing or hold no numbers; train it again"
        ) from error


def _require_whole(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Make sure that arrays fit one another and hold numbers: NaN would locate nothing, without a word.

    Raises
    ------
    ValueError
        If they do not.
    """
    for key, kind in {"classes": list, "encoder": str, "encoder_sha256": str}.items():
        if not isinstance(about[key], kind):
            raise ValueError(f"{key} is a {type(about[key]).__name__}")
    n = len(about["classes"])
    shapes = {"calibration": (n, 2), "head.linear.bias": (n,), **{f"edges.{name}": (n,) for name in _EDGES}}
    calibrated = sum(f"edges.{name}" in arrays for name in _EDGES)
    if calibrated not in (0, len(_EDGES)):
        raise ValueError("a part of the calibration of edges is missing")
    for key, array in arrays.items():
        _, c, part = (*key.split(".", 2), "", "")[:3]
        if key.startswith("sound."):
            like = arrays[f"sound.{c}.{part.split('.')[0]}.means"] if "." in part else None
            shapes[key] = like.shape[:1] if like is not None else _SHAPES[part]
        if array.shape != shapes.get(key, array.shape) or not np.isfinite(array).all():
            raise ValueError(f"{key} has the shape {array.shape}, or holds what is no number")
        if key.endswith((".weights", ".stds")) and not (array.size and (array > 0).all()):
            raise ValueError(f"{key} holds what is not positive")
        if part in ("initial", "transitions") and not ((array >= 0).all() and np.allclose(array.sum(axis=-1), 1)):
            raise ValueError(f"{key} holds no probabilities")
        if part == "limits" and not array[0] <= array[1]:
            raise ValueError(f"{key} are in the wrong order")
    window, shifts = float(about["window"]), int(about["shifts"])
    if not (math.isfinite(window) and 0 < window <= _LONGEST_WINDOW and shifts >= 1):
        raise ValueError(f"a window of {window} s, {shifts} shifts")


def _checksum(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of all that a file holds: a bit that was lost in the weights would only change what is found."""
    rest = {key: value for key, value in about.items() if key != "sha256"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for key, array in sorted(arrays.items()):
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _tensor(arrays: Mapping[str, NDArray[Any]], name: str) -> torch.Tensor:
    return torch.from_numpy(arrays[f"head.{name}"])


def _arrays(of: SoundModel) -> dict[str, NDArray[Any]]:
    mixtures = {"absent": of.absent, "present": of.present}
    return {
        **{
            f"{state}.{part}": getattr(mixture, part)
            for state, mixture in mixtures.items()
            for part in ("weights", "means", "stds")
        },
        "initial": of.initial,
        "transitions": of.transitions,
        "limits": np.array(of.limits),
        "n": np.array([of.n_present, of.n_absent]),
    }


def _sound(arrays: Mapping[str, NDArray[Any]]) -> SoundModel:
    absent, present = (
        Mixture(*(arrays[f"{state}.{part}"] for part in ("weights", "means", "stds")))
        for state in ("absent", "present")
    )
    lowest, highest = arrays["limits"].tolist()
    n_present, n_absent = arrays["n"].tolist()
    return SoundModel(absent, present, arrays["initial"], arrays["transitions"], (lowest, highest), n_present, n_absent)
