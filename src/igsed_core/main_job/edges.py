"""Edges of the main job's detectors, calibrated on gates of its training clips: made once for all pages that ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.base import files, store
from igsed_core.data import soundscapes
from igsed_core.detection import calibration
from igsed_core.detection.absence_hmm import fit_classes
from igsed_core.detection.calibration import Decoder
from igsed_core.detection.gates import Reader
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import DataSynthesis
from igsed_core.models import features

LOCALISER, CAM, FW_WS = "localiser", "cam", "fw_ws"
KIND = "gates"


def decoders(main: MainJob, *, components: int) -> dict[str, Decoder]:
    """Fit the detectors that decide against absence: the localiser, CAM frame by frame, FW-WS.

    Parameters
    ----------
    main
        The main job.
    components
        Normal densities in each state.
    """
    training = main.features["train"], features.targets(main.features["train"], main.data.events, main.data.classes)
    clip_level, fw_ws = main.heads["clip_level"], main.heads["fw_ws"]
    return {
        LOCALISER: Decoder(clip_level, fit_classes(clip_level, *training, components=components)),
        CAM: Decoder(clip_level, fit_classes(clip_level, *training, components=components, markov=False)),
        FW_WS: Decoder(fw_ws, fit_classes(fw_ws, *training, components=components)),
    }


def reader(main: MainJob) -> Reader:
    """Return what reads a training clip by its number; the last ones are kept."""
    clips = main.data.clips
    clips = clips[clips["split"] == "train"].reset_index(drop=True)

    @lru_cache(256)
    def read(clip: int) -> NDArray[np.float32]:
        return np.asarray(soundscapes.read_clips(main.data.root, clips.iloc[[clip]])[0])

    return read


def draw(main: MainJob, decoder: Decoder, *, per_length: int, seed: int | None = None) -> pd.DataFrame:
    """Draw gates of the training clips.

    Parameters
    ----------
    main
        The main job.
    decoder
        Says where a class surely sounds.
    per_length
        Gates of each class and length.
    seed
        Of the draw; by default the run's.
    """
    seed = main.run.params.seed if seed is None else seed
    frames = main.features["train"]
    present = features.targets(frames, main.data.events, main.data.classes).clip > 0.5
    durations = np.full(len(frames.clips), main.run.params_of(DataSynthesis).duration)
    return calibration.draw(decoder, frames, present, durations, seed=seed, per_length=per_length)


def observe(
    main: MainJob,
    *,
    shifts: int,
    components: int,
    per_length: int,
    fitted: Callable[[], Mapping[str, Decoder]] | None = None,
) -> dict[str, pd.DataFrame]:
    """Make gates of the training clips and let every decoder decide on them; kept in the store.

    Parameters
    ----------
    main
        The main job.
    shifts, components
        Of the localiser.
    per_length
        Gates of each class and length.
    fitted
        Gives what :func:`decoders` fits to whoever has it already; by default it is fitted where it is needed.

    Returns
    -------
    dict of pd.DataFrame
        Detector -> as :func:`igsed_core.detection.edges.observe`.
    """
    classifier = main.explainer().load()[0]
    trained = main.run.input("training") / "heads"
    made_from = {
        **features.identity(classifier.encoder, main.data.root),
        "heads": [store.checksum(trained / f"{name}.safetensors") for name in ("clip_level", "fw_ws")],
        "seed": main.run.params.seed,
        **{"shifts": shifts, "components": components, "per_length": per_length},
    }
    kept = main.run.shared(KIND, made_from, modules=(__name__, *features.modules(classifier.encoder)))
    places = {name: kept / f"{name}.csv" for name in (LOCALISER, CAM, FW_WS)}
    if not all(place.is_file() for place in places.values()):
        deciding = fitted() if fitted else decoders(main, components=components)
        drawn = draw(main, deciding[LOCALISER], per_length=per_length)
        with main.run.timed("seconds_of_gates"):
            found = calibration.observe(classifier, deciding, drawn, reader(main), shifts=shifts)
        for name, place in places.items():
            files.write_table(place, found.get(name, drawn.assign(found_onset=np.nan, found_offset=np.nan)))
    return {name: files.read_table(place) for name, place in places.items()}
