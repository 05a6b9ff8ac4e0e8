"""Files of weights, read alike for every encoder: both formats, the usual wrappings, and what is wrong in a sentence.

Only the features are read by this project, so they must fit in every key and shape; the classifier that a network was
trained with is taken along where it fits, and does not matter where it does not (a copy fine-tuned to other classes).
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from igsed_core.base import paths
from igsed_core.base.errors import IgsedError

# What training loops call the state dict in a larger checkpoint; the first that is there is taken.
_WRAPPINGS = ("model", "state_dict", "model_state_dict", "net", "network", "encoder")
_NOT_A_CHECKPOINT = "not a PyTorch checkpoint or safetensors file of weights alone"
_NAMED = 3  # tensors named in a message


@dataclass(frozen=True)
class Checkpoint:
    """A file of weights.

    Attributes
    ----------
    path
        Where it lies.
    content
        What it holds: most often a state dict, wrapped or not.
    sha256
        Of the file.
    metadata
        Of a safetensors file.
    """

    path: Path
    content: object
    sha256: str
    metadata: Mapping[str, str]


def read(path: str | Path, encoder: str, remedy: str) -> Checkpoint:
    """Read a file of weights, PyTorch's or safetensors.

    Parameters
    ----------
    path
        The file.
    encoder
        Name of the encoder, for messages.
    remedy
        End of every message: which files there are for this encoder.

    Raises
    ------
    IgsedError
        If there is no such file, it cannot be read, or it is no file of weights alone.
    """
    path = paths.user_path(path)
    try:
        if path.is_dir():
            raise IgsedError(f"{path}: a folder, not a file of weights; give the path of the file in it; {remedy}")
        if not path.exists():
            raise IgsedError(
                f"{path}: no such file; give the weights of encoder {encoder!r} as `weights`, or leave it empty"
            )
        content = path.read_bytes()
    except OSError as error:
        raise IgsedError(f"{path}: cannot be read ({error.strerror or error}); {remedy}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        header = _safetensors_header(content)
        if header is not None:
            metadata = {str(name): str(value) for name, value in (header.get("__metadata__") or {}).items()}
            return Checkpoint(path, safetensors.torch.load(content), sha256, metadata)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the message says better
            # Weights only: an unpickled checkpoint may run any code.
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return Checkpoint(path, found, sha256, {})
    except Exception as error:  # fed with other bytes, an unpickler raises nearly anything
        raise IgsedError(f"{path}: {_NOT_A_CHECKPOINT}: {_kind(content, str(error))}; {remedy}") from error


def _safetensors_header(content: bytes) -> dict[str, dict[str, object]] | None:
    """Return the header of a safetensors file, or None for another file."""
    if content[8:9] != b"{":
        return None
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length])


def _kind(content: bytes, complaint: str) -> str:
    """What a file that is no checkpoint seems to be."""
    start = content[:200].lstrip().lower()
    if not content:
        return "it is empty"
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, to be replaced by the file itself with `git lfs pull`"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page, saved in the place of the file"
    if start.startswith((b"riff", b"flac", b"oggs", b"id3")):
        return "it is a sound"
    if content.startswith((b"PK", b"\x80")) and ("Unsupported" in complaint or "GLOBAL" in complaint):
        return (
            "it holds Python objects, which may run any code and are not loaded "
            "(save the state dict alone: torch.save(model.state_dict(), path))"
        )
    if content.startswith(b"PK") and (names := _names_in(content)):
        if "constants.pkl" in names:
            return "it is a TorchScript program (save its state dict: torch.save(program.state_dict(), path))"
        if "data.pkl" not in names:
            return "it is an archive of something else"
    return "it is cut off, damaged or another kind of file"


def _names_in(content: bytes) -> list[str]:
    """Names of the files in an archive; none if it is damaged."""
    try:
        return [Path(name).name for name in zipfile.ZipFile(io.BytesIO(content)).namelist()]
    except Exception:  # zipfile, too, raises nearly anything
        return []


def state_dict(content: object, path: Path, remedy: str) -> dict[str, Tensor]:
    """Find the tensors in what a checkpoint holds.

    Parameters
    ----------
    content
        The state dict, or a mapping that holds it as ``model``, ``state_dict``, ...
    path, remedy
        For messages.

    Raises
    ------
    IgsedError
        If there is none, or more than one under names that say nothing.
    """
    found = _tensors(content)
    if not found:
        raise IgsedError(
            f"{path}: not a state dict (parameter name -> tensor), nor one that holds it as `model`; {remedy}"
        )
    return found


def _tensors(content: object, depth: int = 4) -> dict[str, Tensor]:
    """Return the tensors of a state dict or of the one inside; none where there is no telling which is meant."""
    if not isinstance(content, Mapping) or not depth:
        return {}
    for name in _WRAPPINGS:
        if found := _tensors(content.get(name), depth - 1):
            return found
    if own := {str(name): value for name, value in content.items() if isinstance(value, Tensor)}:
        return own
    inside = [found for value in content.values() if (found := _tensors(value, depth - 1))]
    return inside[0] if len(inside) == 1 else {}


def without_prefix(state: Mapping[str, Tensor], wanted: Iterable[str], path: Path, remedy: str) -> dict[str, Tensor]:
    """Drop what a wrapper put before every name: ``module.`` of DataParallel, ``model.`` of a training loop.

    Parameters
    ----------
    state
        Parameter name -> tensor.
    wanted
        Names that the network has.
    path, remedy
        For messages.

    Returns
    -------
    dict
        The tensors under the prefix that makes most names fit, under their names without it.

    Raises
    ------
    IgsedError
        If two prefixes fit equally well, such as a student's and a teacher's.
    """
    wanted = set(wanted)
    fits: Counter[str] = Counter()
    for name in state:
        parts = name.split(".")
        fits.update(".".join([*parts[:i], ""]) if i else "" for i in range(len(parts)) if ".".join(parts[i:]) in wanted)
    (best, n), *others = fits.most_common() or [("", 0)]
    rivals = [prefix for prefix, count in others if count == n]
    if rivals and n and not (best == "" or "" in rivals):
        raise IgsedError(
            f"{path}: holds this network more than once, as {best!r} and {rivals[0]!r}: save one of them alone; "
            f"{remedy}"
        )
    best = "" if "" in rivals else best
    return {name.removeprefix(best): tensor for name, tensor in state.items() if name.startswith(best)}


def load(
    network: nn.Module, state: Mapping[str, Tensor], *, head: tuple[str, ...], path: Path, encoder: str, remedy: str
) -> bool:
    """Load weights into a network: all of the features, and the classifier where it fits.

    Parameters
    ----------
    network
        It gets the weights; a classifier that is not loaded is replaced by nothing.
    state
        From :func:`without_prefix`. What lies beside the features (a front end, another classifier) is not looked at.
    head
        Modules of the network that make up its classifier.
    path, encoder, remedy
        For messages.

    Returns
    -------
    bool
        Whether the classifier was loaded.

    Raises
    ------
    IgsedError
        If the features do not fit in every name and shape, or hold NaN, infinite values or negative variances.
    """
    own = network.state_dict()
    features = {name: tensor for name, tensor in own.items() if name.partition(".")[0] not in head}
    # A counter that evaluation does not use; old files lack it.
    needed = [name for name in features if not name.endswith(".num_batches_tracked")]
    modules = {name.partition(".")[0] for name in features}
    faults = {
        "missing": [name for name in needed if name not in state],
        "unknown": [name for name in state if name.partition(".")[0] in modules and name not in own],
        "of another shape": [n for n in features if n in state and state[n].shape != features[n].shape],
        "no floating-point numbers": [n for n in needed if n in state and not state[n].is_floating_point()],
        "sparse or without values": [n for n in features if n in state and not _is_plain(state[n])],
    }
    for complaint, names in faults.items():
        if names:
            raise IgsedError(
                f"{path}: does not fit encoder {encoder!r}: {len(names)} of its {len(state)} and the network's "
                f"{len(features)} tensors of features are {complaint} ({_listed(names)}); {remedy}"
            )
    # As 32 bits: of 8 bits PyTorch does not tell what is finite.
    broken = [name for name in needed if not bool(torch.isfinite(state[name].float()).all())]
    if broken:
        raise IgsedError(
            f"{path}: holds NaN or infinite weights in {len(broken)} of {len(features)} tensors ({_listed(broken)}), "
            f"left by a training that failed or a damaged copy; {remedy}"
        )
    # Batch normalisation takes its root: every feature would be NaN, and nothing would say why.
    below = [name for name in needed if name.endswith(".running_var") and bool((state[name].float() < 0).any())]
    if below:
        raise IgsedError(
            f"{path}: holds negative variances in {len(below)} of {len(features)} tensors ({_listed(below)}), which no "
            f"training leaves: the copy is damaged; {remedy}"
        )
    of_head = [name for name in own if name not in features]
    complete = all(name in state and state[name].shape == own[name].shape for name in of_head)
    taken = [name for name in (*features, *(of_head if complete else ())) if name in state]
    network.load_state_dict({name: state[name] for name in taken}, strict=False)
    if not complete:
        for name in head:
            setattr(network, name, nn.Identity())
    return complete


def _is_plain(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and not tensor.is_meta


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
