"""The commands ``train``, ``locate``, ``evaluate``, ``explain`` and ``benchmark`` of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from igsed_core.base import paths, text
from igsed_core.base.errors import IgsedError

METHODS = ("saliency_waveform", "ixg", "ig", "occlusion_silence")  # for a module that hears the waveform

Command = Callable[[str, object, str], argparse.ArgumentParser]


class _Once(argparse.Action):
    """An option that holds several names: given twice, the first ones would be lost without a word."""

    def __call__(
        self, _parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        if getattr(namespace, self.dest) != self.default:
            raise IgsedError(f"{option} is given twice: give it once, with all names separated by commas")
        setattr(namespace, self.dest, values)


def add(command: Command) -> None:
    """Add the commands; ``command`` makes a parser from name, function and description."""
    path = paths.user_path
    sub = command("train", _train, "train a localiser on clips of which only is known what sounds in them")
    sub.add_argument("labels", type=path, help="table `filename<TAB>event_labels`, or a folder with one per class")
    sub.add_argument("--audio", type=path, help="folder of the table's files; by default the table's")
    sub.add_argument("--encoder", default="mn04_as", help="by default mn04_as")
    sub.add_argument("--weights", type=path, help="file of its weights; by default its own")
    sub.add_argument("--out", type=path, required=True, help="model file to write, for instance model.igsed")
    sub.add_argument("--held-out", type=path, help="labels of clips to hold out; by default a fifth of the sources")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--shifts", type=int, default=8, help="of a feature frame; 1 is fast and coarse")
    sub.add_argument("--licence", default="", help="a note that the model carries")
    sub.add_argument("--no-edges", action="store_true", help="do not calibrate onsets and offsets on gates")
    sub = command("locate", _locate, "find the events in recordings of any length, by a model of `igsed train`")
    sub.add_argument("recordings", nargs="+", help="files, folders, patterns in quotes")
    sub.add_argument("--model", type=path, required=True)
    sub.add_argument("--weights", type=path, help="file of the encoder's weights; by default its own")
    sub.add_argument("--out", type=path, required=True, help="folder to write to")
    sub.add_argument("--threshold", type=float, default=0.5, help="probability that the class sounds around, 0 to 1")
    sub.add_argument("--min-duration", type=float, default=0.0, help="of events and gaps, in seconds")
    sub.add_argument("--classes", action=_Once, default="", help="those wanted, separated by commas")
    sub.add_argument("--shifts", type=int, default=0, help="of a feature frame; by default the model's")
    sub.add_argument("--no-edges", action="store_true", help="give onsets and offsets as found, not corrected")
    for name, what in (("audacity", "labels for Audacity"), ("jams", "JAMS"), ("html", "a page to listen to")):
        sub.add_argument(f"--{name}", action="store_true", help=f"write {what}, too")
    sub.add_argument("--scores", action="store_true", help="write scores over time, too, as sed_scores_eval reads them")
    sub.add_argument(
        "--explain", metavar="METHOD", default="", help="write a method's importance of found classes; `ig`"
    )
    sub = command("evaluate", _evaluate, "compare events with the truth: IoU, F1 of frames, segments, events, PSDS")
    sub.add_argument("predictions", type=path, help="table of events, or the folder of `igsed locate`")
    sub.add_argument("truth", type=path, help="table `filename<TAB>onset<TAB>offset<TAB>event_label`")
    sub.add_argument("--audio", type=path, help="folder of the recordings, for their lengths")
    sub.add_argument("--scores", type=path, help="folder of scores over time, for PSDS over all thresholds")
    sub.add_argument("--collar", type=float, default=0.2, help="of event F1, in seconds")
    sub.add_argument("--seed", type=int, default=0, help="of the bootstrap over files")
    sub.add_argument("--out", type=path, help="CSV file to write the figures to, too")
    sub = command("explain", _explain, "ask when a sound classifier of your own says that its classes sound")
    sub.add_argument("recording", type=path)
    sub.add_argument(
        "--model", required=True, help="MODULE:FACTORY that makes a torch module, or a model of igsed train"
    )
    sub.add_argument("--weights", type=path, help="of a model's encoder; by default its own")
    sub.add_argument("--sample-rate", type=int, help="of what the module hears, in Hz")
    sub.add_argument("--classes", action=_Once, default="", help="names of its outputs, in order, separated by commas")
    sub.add_argument("--targets", action=_Once, default="", help="outputs to explain; by default those above one half")
    sub.add_argument("--method", default="saliency_waveform", help="for instance ig, occlusion_silence")
    sub.add_argument("--rule", default="smooth_log_hmm", help="that turns importance into events")
    sub.add_argument("--out", type=path, required=True, help="folder to write to")

    sub = command("benchmark", _benchmark, "judge explanations of a classifier of your own on soundscapes")
    sub.add_argument("model", metavar="MODULE:FACTORY", help="what makes a torch module from waveforms to logits")
    sub.add_argument(
        "--soundscapes", type=path, required=True, help="a run (runs/embedded), or a folder of soundscapes"
    )
    sub.add_argument("--sample-rate", type=int, help="of what the module hears, in Hz")
    sub.add_argument("--classes", action=_Once, default="", help="names of its outputs, in order, separated by commas")
    sub.add_argument(
        "--methods",
        action=_Once,
        default=",".join(METHODS),
        help="separated by commas, or `all` that the module allows",
    )
    sub.add_argument(
        "--rules",
        action=_Once,
        default="",
        help="threshold rules; by default the paper's and those without a parameter",
    )
    sub.add_argument("--clips", type=int, default=30, help="of the validation and of the test split; 0: all")
    sub.add_argument("--seed", type=int, default=0, help="of the bootstrap over clips")
    sub.add_argument("--out", type=path, required=True, help="table to add rows to, for instance methods.csv")


def _train(options: argparse.Namespace) -> None:
    from igsed_core.workflow.recordings import train

    trained = train.train(
        options.labels,
        options.out,
        audio_folder=options.audio,
        held_out=options.held_out,
        encoder=options.encoder,
        weights=str(options.weights or ""),
        seed=options.seed,
        shifts=options.shifts,
        licence=options.licence,
        edges=not options.no_edges,
    )
    print(train.summary(trained))
    print(f"model: {options.out}")


def _locate(options: argparse.Namespace) -> None:
    from igsed_core.workflow.recordings import locate

    outputs = tuple(name for name in ("audacity", "jams", "scores", "html") if getattr(options, name))
    wanted = locate.Options(
        *(options.threshold, options.min_duration, _names(options.classes), options.shifts, outputs, options.explain),
        edges=not options.no_edges,
    )
    found = locate.locate(
        options.recordings, options.model, options.out, weights=str(options.weights or ""), options=wanted
    )
    if found.kept:
        print(f"{len(found.kept)} recordings were there already, by the same model and options")
    print(f"{_events(len(found.events))}: {options.out / locate.EVENTS}")
    if options.html:
        print(f"pages to look at and listen to: {options.out / '*' / 'page.html'}")
    if found.failed:
        names = ", ".join(text.shown(path) for path in found.failed)
        raise IgsedError(f"{len(found.failed)} recordings were left out, the reasons stand above: {names}")


def _events(n: int) -> str:
    return f"{n} {'event' if n == 1 else 'events'}"


def _evaluate(options: argparse.Namespace) -> None:
    from igsed_core.workflow.recordings import evaluate

    table = evaluate.evaluate(
        options.predictions,
        options.truth,
        audio_folder=options.audio,
        scores_folder=options.scores,
        collar=options.collar,
        seed=options.seed,
        out=options.out,
    )
    print(table.to_string(index=False, float_format="{:.3f}".format, na_rep="-"))


def _explain(options: argparse.Namespace) -> None:
    from igsed_core.workflow.recordings import explain

    found = explain.explain(
        options.recording,
        options.model,
        options.out,
        weights=str(options.weights or ""),
        sample_rate=options.sample_rate,
        classes=_names(options.classes),
        targets=_names(options.targets),
        method=options.method,
        rule=options.rule,
    )
    print(f"{_events(len(found))}: {options.out / 'events.tsv'}")


def _benchmark(options: argparse.Namespace) -> None:
    from igsed_core.workflow.recordings import benchmark

    found = benchmark.benchmark(
        options.model,
        options.soundscapes,
        options.out,
        sample_rate=options.sample_rate,
        classes=_names(options.classes),
        methods=_names(options.methods),
        rules=_names(options.rules),
        clips=options.clips,
        seed=options.seed,
    )
    print(benchmark.summary(found))
    print(f"table: {options.out}")


def _names(words: str) -> tuple[str, ...]:
    return tuple(name for name in map(text.name, words.split(",")) if name)
