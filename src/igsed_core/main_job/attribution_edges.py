"""Edges of Integrated Gradients, calibrated on few of the gates: they take longer, and are made once for all pages."""

from __future__ import annotations

import pandas as pd

from igsed_core.attribution.integrated_gradients import IntegratedGradients as IgMethod
from igsed_core.base import files, plugins
from igsed_core.detection import calibration
from igsed_core.detection.calibration import Decoder
from igsed_core.main_job import edges
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import IntegratedGradients, ThresholdSensitivity
from igsed_core.models import features

IG = "ig"


def observe(main: MainJob, localiser: Decoder, *, components: int, per_length: int) -> pd.DataFrame:
    """Make gates of the training clips and let Integrated Gradients decide on them, by Otsu's level; kept in the store.

    Parameters
    ----------
    main
        The main job.
    localiser
        Says where a class surely sounds; from :func:`igsed_core.main_job.edges.decoders`.
    components
        Of its models.
    per_length
        Gates of each class and length.

    Returns
    -------
    pd.DataFrame
        As :func:`igsed_core.detection.edges.observe`.
    """
    chosen = main.run.params_of(IntegratedGradients)
    length = main.run.params_of(ThresholdSensitivity).frame_length
    explainer = main.explainer(chosen.engine, chosen.options())
    made_from = {
        **explainer.identity(),
        **{"seed": main.run.params.seed, "components": components, "per_length": per_length, "frame_length": length},
    }
    classifier = explainer.load()[0]
    kept = main.run.shared(
        edges.KIND,
        made_from,
        modules=(__name__, *features.modules(classifier.encoder)),
        uses=((plugins.ENGINES, chosen.engine), (plugins.ENCODERS, explainer.encoder)),
        name="attribution_gates",
    )
    place = kept / f"{IG}.csv"
    if not place.is_file():
        drawn = edges.draw(main, localiser, per_length=per_length)
        method = IgMethod(chosen.engine, **chosen.options())
        with main.run.timed("seconds_of_gates_of_attribution"):
            found = calibration.observe_attribution(classifier, method, drawn, edges.reader(main), frame_length=length)
        files.write_table(place, found)
    return files.read_table(place)
