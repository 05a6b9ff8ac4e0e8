"""The DESED sound bank: its own layout, read into the two pools of ten classes.

Turpault et al.: Sound event detection in domestic environments with weakly labeled data and soundscape synthesis,
DCASE 2019. The sounds come from Freesound; a file is named ``<Freesound id>_<segment>.wav``.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath

from igsed_core.base import text
from igsed_core.base.errors import IgsedError
from igsed_core.data import audio, listing
from igsed_core.data.soundbank import base, folder, survey
from igsed_core.data.soundbank.base import BankFile

NAME = "desed"
CLASSES = (
    *("Alarm_bell_ringing", "Blender", "Cat", "Dishes", "Dog"),
    *("Electric_shaver_toothbrush", "Frying", "Running_water", "Speech", "Vacuum_cleaner"),
)
# Foreground files as its authors count them (README of their repository; one other source says 1006 for train).
PUBLISHED = {"train": 1009, "eval": 314}
PUBLISHED_BACKGROUNDS = {"desed": 17, "sins": 2060}
OWN, SINS = "desed", "sins"
VALIDATION_LIST = "soundbank_validation.tsv"
LONGEST = 10.0  # s; DESED's soundscapes are no longer
LAYOUT = "audio/train/soundbank/foreground/<Class>[_nOn][_nOff]/*.wav and the same in audio/eval"
_SUFFIXES = re.compile(r"(_nOn|_nOff)+$")  # the file lacks the onset or the offset of its sound
_EVAL_SHARE = 0.25  # of the recordings, where the bank has neither an eval part nor a list
_VERSION = 3  # raised when the reading changes


def find_root(path: Path) -> Path | None:
    """Return the folder that holds ``train/soundbank/foreground``, at most two levels down, or None."""
    for pattern in ("", "*/", "*/*/"):
        for found in sorted(path.glob(f"{pattern}train/soundbank/foreground")):
            return found.parents[2]
    return None


def freesound_id(file: BankFile) -> str:
    """Return the number of the recording that a sound was cut from."""
    return file.path.stem.partition("_")[0]


def _audio_files(path: Path) -> list[Path]:
    return [file.path for file in listing.scan(path).files if survey.no_sound(file) == ""]


def _foreground(root: Path, part: str, pool: str) -> tuple[list[BankFile], dict[Path, str]]:
    """Files of one part of the bank, the suffixes of their folders folded into the class; and what is not used."""
    place = root / part / "soundbank" / "foreground"
    if listing.find_folder(place) is None:
        return [], {}
    files, unused = survey.sort_by_class(place, "foreground", pool)
    folded = [replace(file, label=_SUFFIXES.sub("", file.label)) for file in files]
    strange = [file for file in folded if file.label not in CLASSES]
    return (
        [file for file in folded if file.label in CLASSES],
        unused | {file.path: f"{file.label} is no class of DESED" for file in strange},
    )


def _backgrounds(root: Path, source: str) -> tuple[list[BankFile], dict[Path, str]]:
    """Background files of the bank itself, of SINS, or of a folder; and what is not used."""
    files: list[BankFile] = []
    unused: dict[Path, str] = {}
    if source == OWN:
        for part in listing.folders(root):
            if place := listing.find_folder(part / "soundbank" / "background"):
                more, passed = survey.sort_by_class(place, "background", "background")
                files, unused = files + more, unused | passed
        remedy = f"set background_source={SINS} or to the path of a folder of recordings"
    elif source == SINS:
        from igsed_core.data import fetching

        files = [BankFile(file, "background", "background", SINS) for file in _audio_files(fetching.sins())]
        remedy = "delete the folder sins in the cache and fetch it again"
    else:
        place = listing.find_folder(source)
        if place is None:
            raise IgsedError(
                f"parameter 'background_source' is {source!r}: no such folder; give one, or {OWN} (the bank's own "
                f"backgrounds) or {SINS} (fetched: large, non-commercial)"
            )
        seen = listing.scan(place)
        label = text.name(place.name) or "background"
        why = {file.path: survey.no_sound(file) for file in seen.files}
        files = [BankFile(path, "background", "background", label) for path, reason in why.items() if reason == ""]
        unused = seen.unusable | {path: reason for path, reason in why.items() if reason}
        remedy = "put wav, flac or ogg files there"
    if not files:
        raise IgsedError(f"background_source={source}: no background file was found; {remedy}")
    return files, unused


def _read_list(path: Path) -> set[str]:
    """Names of the files that the official list gives to validation."""
    expected = "the list of DESED's files for validation: delete it and fetch it again"
    paths = [row.cells["filepath"].replace("\\", "/") for row in text.rows(path, ["filepath"], expected)]
    return {_key(PurePosixPath(name).name) for name in paths if "/foreground/" in f"/{name}"}


def _key(name: str) -> str:
    """Spelling in which names of files are compared: a list from another system may differ in the case."""
    return text.name(name).casefold()


def list_files(root: Path, validation: Path | None, background_source: str) -> tuple[list[BankFile], dict[Path, str]]:
    """Assign every file of the bank to a pool.

    Pool eval is the bank's eval part. Where there is none it is what the official list gives to validation, and
    without a list a quarter of the recordings of each class. Otherwise the listed files are left out. A recording
    that is in pool eval is in no other, whatever its segment.

    Parameters
    ----------
    root : Path
        Folder with ``train/soundbank`` and, mostly, ``eval/soundbank``.
    validation : Path or None
        The official list.
    background_source : str
        "desed", "sins" or a folder.

    Returns
    -------
    files : list of BankFile
        What may be used.
    left_out : dict
        Path -> reason.

    Raises
    ------
    IgsedError
        If a class or the backgrounds are missing.
    """
    (train, of_train), (evaluation, of_eval) = _foreground(root, "train", "train"), _foreground(root, "eval", "eval")
    listed = _read_list(validation) if validation else set()
    left_out: dict[Path, str] = of_train | of_eval
    if evaluation:
        left_out |= {f.path: "official validation list" for f in train if _key(f.path.name) in listed}
    else:
        chosen = listed or _drawn_recordings(train)
        evaluation = [
            replace(f, pool="eval")
            for f in train
            if (_key(f.path.name) in chosen if listed else freesound_id(f) in chosen)
        ]
        left_out |= {f.path: "" for f in evaluation}
    held_out = {freesound_id(f) for f in evaluation}
    for f in train:
        if f.path not in left_out and freesound_id(f) in held_out:
            left_out[f.path] = "its recording is in pool eval"
    kept = [*(f for f in train if f.path not in left_out), *evaluation]
    for f in kept:
        if _too_long(f.path):
            left_out[f.path] = f"longer than {LONGEST:g} s"
    reasons = {path: reason for path, reason in left_out.items() if reason}
    backgrounds, unused = _backgrounds(root, background_source)
    files, doubles = survey.with_own_names([*(f for f in kept if f.path not in reasons), *backgrounds])
    base.check_complete(root, {(f.pool, f.label) for f in files}, set(CLASSES))
    return files, reasons | unused | doubles


def _drawn_recordings(train: list[BankFile]) -> set[str]:
    """Draw a quarter of the recordings of each class, by the hash of their number: the same on every machine."""
    chosen: set[str] = set()
    for label in CLASSES:
        ids = {freesound_id(f) for f in train if f.label == label}
        ranked = sorted(ids, key=lambda number: hashlib.sha256(number.encode()).hexdigest())
        chosen.update(ranked[: max(1, round(_EVAL_SHARE * len(ranked)))])
    return chosen


def _too_long(path: Path) -> bool:
    try:
        return audio.duration(path) > LONGEST
    except IgsedError:
        return False  # unreadable: found out and named when it is prepared


def counts(root: Path) -> dict[str, Counter[str]]:
    """Count the foreground files of each class in the parts train and eval, as they lie there."""
    return {part: Counter(f.label for f in _foreground(root, part, part)[0]) for part in PUBLISHED}


def report(root: Path) -> str:
    """Say how many files there are of each class, and how many were published: of classes only the sums were."""
    found = counts(root)
    lines = [f"{label}: {found['train'][label]} train, {found['eval'][label]} eval" for label in CLASSES]
    for part, published in PUBLISHED.items():
        lines.append(f"part {part}: {found[part].total()} foreground files, published {published}")
    places = [listing.find_folder(part / "soundbank" / "background") for part in listing.folders(root)]
    own = sum(len(_audio_files(place)) for place in places if place)
    lines.append(f"backgrounds of its own: {own} files, published {PUBLISHED_BACKGROUNDS[OWN]}")
    return "\n".join(lines)


def report_sins(folder: Path) -> str:
    """Say how many backgrounds of SINS there are, and how many DESED takes from it."""
    return f"backgrounds of SINS: {len(_audio_files(folder))} files, published {PUBLISHED_BACKGROUNDS[SINS]}"


def fingerprint(path: Path | None, sample_rate: int, background_source: str) -> str:
    """Key of the bank's content: of the published one by its name, of a folder by its files.

    Cheap, and the same before and after the bank is fetched.
    """
    key = hashlib.sha256(f"{NAME} {_VERSION} {sample_rate} {background_source}".encode())
    places = [path] if path else []
    if background_source not in (OWN, SINS):
        places += [place] if (place := listing.find_folder(background_source)) else []
    for place in places:
        for file in listing.scan(place).files:
            if survey.no_sound(file) == "" or _is_list(file):
                key.update(listing.stamp(file.path, place))
    return key.hexdigest()[:16]


def _is_list(file: listing.File) -> bool:
    return _key(file.parts[-1]) == VALIDATION_LIST


def _list_in(folder: Path) -> Path | None:
    """Find the official list of files for validation."""
    return next((file.path for file in listing.scan(folder).files if _is_list(file)), None)


def _root(place: Path) -> Path:
    root = find_root(place)
    if root is None:
        raise IgsedError(f"sound bank {place}: expected {LAYOUT}; delete the folder and fetch it again")
    return root


def prepare(
    path: Path | None, *, sample_rate: int, cache_dir: Path, workers: int, background_source: str
) -> base.SoundBank:
    """Prepare the DESED bank: fetched and unpacked, or from a folder in its layout.

    Parameters
    ----------
    path : Path or None
        Folder in DESED's layout; None for the published bank, fetched on first use.
    sample_rate : int
        Rate of the prepared files, in Hz.
    cache_dir : Path
        Folder of prepared banks.
    workers : int
        Processes; 0 means one per core.
    background_source : str
        "desed" (the bank's own), "sins" (fetched) or the path of a folder of recordings.

    Raises
    ------
    IgsedError
        If it cannot be fetched, or a class or the backgrounds are missing.

    Warns
    -----
    UserWarning
        If the published bank does not hold as many files as its authors counted, and for files that were skipped.
    """
    target = cache_dir.resolve() / f"{NAME}-{fingerprint(path, sample_rate, background_source)}"
    cached = base.load(target)
    if cached is not None:
        return cached
    validation: Path | None
    if path is None:
        from igsed_core.data import fetching

        place, validation = fetching.desed(), fetching.validation_list()
    else:
        place, validation = path, _list_in(path)
    root = _root(place)
    found = counts(root)
    if path is None and any(found[part].total() != published for part, published in PUBLISHED.items()):
        warnings.warn(f"DESED: the numbers of files are not those published\n{report(root)}", stacklevel=2)
    files, left_out = list_files(root, validation, background_source)
    return folder.prepare_files(
        root, files, left_out, target=target, sample_rate=sample_rate, workers=workers, classes=set(CLASSES)
    )


class Desed:
    """DESED's bank, as the registry takes it (:class:`igsed_core.data.soundbank.base.Bank`)."""

    def knows(self, place: Path) -> bool:
        """Say whether a folder holds DESED's layout."""
        return find_root(place) is not None

    def fingerprint(self, wanted: base.Wanted) -> str:
        """See :func:`fingerprint`."""
        return fingerprint(wanted.place, wanted.sample_rate, wanted.background_source)

    def check(self, wanted: base.Wanted, duration: float) -> tuple[str, ...]:
        """Look at a folder, or at the backgrounds of the published bank, before anything is prepared or fetched.

        Raises
        ------
        IgsedError
            If a class or the backgrounds are missing.
        """
        if wanted.place is not None:
            root = _root(wanted.place)
            files, _ = list_files(root, _list_in(wanted.place), wanted.background_source)
            base.check_usable(root, files, set(CLASSES), duration)
        elif wanted.background_source not in (OWN, SINS):
            _backgrounds(Path(), wanted.background_source)
        return CLASSES

    def prepare(self, wanted: base.Wanted, *, cache_dir: Path, workers: int) -> base.SoundBank:
        """See :func:`prepare`."""
        return prepare(
            wanted.place,
            sample_rate=wanted.sample_rate,
            cache_dir=cache_dir,
            workers=workers,
            background_source=wanted.background_source,
        )
