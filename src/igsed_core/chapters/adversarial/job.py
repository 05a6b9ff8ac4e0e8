"""What the parameters name: clips, how hard is trained and attacked, the main job's classifier with explanations."""

from __future__ import annotations

from pathlib import Path

from igsed_core.chapters.adversarial import clips, fsdkaggle
from igsed_core.chapters.adversarial.clips import Bank
from igsed_core.chapters.adversarial.explaining import Listener
from igsed_core.chapters.adversarial.params import BANK, FSDKAGGLE, AdversarialStudy
from igsed_core.chapters.adversarial.study import Plan
from igsed_core.chapters.adversarial.training import Recipe
from igsed_core.detection import absence_hmm
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import DataSynthesis, Training
from igsed_core.models import features
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders import registry as encoders

FRAME = 0.1  # s, the paper's


def counts(params: AdversarialStudy) -> dict[str, int]:
    """Clips of each kind in each split."""
    return {"train": params.attack_train, "validation": params.attack_validation, "test": params.attack_test}


def sounds(params: AdversarialStudy) -> Bank:
    """Make or read clips of one sound."""
    if params.attack_bank == BANK:
        return _made(params, 1)
    root = fsdkaggle.fetched() if params.attack_bank == FSDKAGGLE else Path(params.attack_bank)
    found = fsdkaggle.load(root, licences=params.licences, verified=params.attack_verified)
    return fsdkaggle.clips(found, seconds=params.attack_seconds, sample_rate=params.attack_rate, most=counts(params))


def mixtures(params: AdversarialStudy) -> Bank:
    """Make mixtures of two sounds, of the embedded bank whatever the clips of one sound are."""
    return _made(params, 2)


def _made(params: AdversarialStudy, n_sounds: int) -> Bank:
    return clips.build(
        params.attack_kinds,
        counts(params),
        seconds=params.attack_seconds,
        sample_rate=params.attack_rate,
        sounds=n_sounds,
        seed=params.seed,
    )


def recipe(params: AdversarialStudy) -> Recipe:
    """Return how classifiers are trained."""
    return Recipe(
        epochs=params.attack_epochs,
        batch_size=params.attack_batch_size,
        learning_rate=params.attack_learning_rate,
        width=params.attack_width,
        n_mels=params.attack_mels,
    )


def plan(params: AdversarialStudy) -> Plan:
    """Return how hard attacks try."""
    return Plan(
        snr=params.attack_snr,
        steps=params.attack_steps,
        iterations=params.attack_iterations,
        searches=params.attack_searches,
        targeted=params.attack_targeted,
    )


def listener(main: MainJob, params: AdversarialStudy) -> Listener:
    """Return the main job's classifier, with the localiser's models of its training clips.

    Parameters
    ----------
    main
        The main job.
    params
        Of the page.
    """
    trained = main.run.params_of(Training)
    encoder = encoders.load(trained.encoder, trained.weights)
    head = main.heads["clip_level"]
    frames = main.features["train"]
    return Listener(
        Classifier(encoder, head).eval(),
        absence_hmm.fit_classes(head, frames, features.targets(frames, main.data.events, main.data.classes)),
        duration=main.run.params_of(DataSynthesis).duration,
        frame_length=FRAME,
        points=params.attack_points,
        shifts=params.attack_shifts,
    )
