"""Random and degenerate result tables, in the columns of the real ones, for every rule that makes a sentence."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from igsed_core import paper
from igsed_core.chapters.adversarial import elsewhere, explaining, giveaway, moving
from igsed_core.chapters.adversarial import study as attack_study
from igsed_core.chapters.audit import averages, energy, factorial, fig3, overlap, sign
from igsed_core.chapters.audit.verdicts import choices
from igsed_core.chapters.audit.verdicts.data import PLACES
from igsed_core.chapters.localiser import encoders
from igsed_core.chapters.representations import accuracy, disturb, explain, networks
from igsed_core.chapters.representations import study as representations
from igsed_core.chapters.self_attention import attended
from igsed_core.chapters.self_attention import audit as attention_audit
from igsed_core.chapters.self_attention import measure as attention_measure
from igsed_core.chapters.self_attention import systems as attention_systems
from igsed_core.chapters.time_frequency import study as time_frequency
from igsed_core.chapters.vocal_percussion import labels, measure, study, when
from igsed_core.data import onsets as onsets_of_data
from igsed_core.metrics import judging, summaries
from igsed_core.metrics.summaries import COLUMNS, TWO_WAY

# What may be wrong with a table: nothing; no value; all replicates equal (one clip); no instance; or each by turns.
KINDS = ("plain", "nan", "equal", "none", "mixed")
SIZES = (0, 1, 2, 5, 29, 30, 179)
METHODS = ("ig", "fw_ws", "fw_ss", "random", "energy")
_CORRELATIONS = ("rank_correlation", "partial_correlation")
_REASONS = ("kept_inside", "kept_outside", "rank_correlation", "on_other", "on_background")
_COUNTS = ("detected_and_present", "missed_as_zero", "false_as_zero", "both_as_zero")
_FIGURES = ("iou", "f1", "pointing_game")

OF_PAPER = ("audit_bounds", "audit_paper_averages", "audit_countings", "audit_mix", "audit_recalls", "audit_random")
OF_DATA = ("audit_energy", "audit_placement", "audit_overlap", "audit_removed")


class Tables:
    """A maker of tables of one kind.

    Parameters
    ----------
    seed
        Of all random numbers.
    kind
        One of :data:`KINDS`.
    """

    def __init__(self, seed: int, kind: str) -> None:
        self.rng, self.kind = np.random.default_rng(seed), kind

    def cell(self) -> dict[str, Any]:
        """Value, interval and number: of the kind, small or large, near zero or far from it."""
        which = self.rng.integers(0, (len(KINDS) - 1, 3, 4, 4, len(SIZES) - 2, 2))
        kind = KINDS[which[0]] if self.kind == "mixed" else self.kind
        value = (1.0, 0.1, 0.01)[which[1]] * self.rng.uniform(-1, 1)
        below, above = np.array([1.0, 0.1, 0.01, 0.001])[which[2:4]] * self.rng.uniform(0, 1, 2)
        n = SIZES[2:][which[4]]
        if kind == "nan":
            return {"value": np.nan, "ci_low": np.nan, "ci_high": np.nan, "n": n}
        if kind == "none":
            return {
                "value": value,
                "ci_low": value - below,
                "ci_high": value + above,
                "n": int(which[5]),
            }
        if kind == "equal":
            below = above = 0.0
        return {"value": value, "ci_low": value - below, "ci_high": value + above, "n": n}

    def tidy(self, *keys: tuple[str, str, str], threshold: float = 50.0, **columns: object) -> pd.DataFrame:
        """Rows of (method, rule, metric) over the instances and over the classes of the test split."""
        rows = self._rows(keys, threshold, columns)
        return pd.DataFrame(rows, columns=[*COLUMNS, *(name for name in columns if name not in COLUMNS)])

    def _rows(
        self, keys: Iterable[tuple[str, str, str]], threshold: float, columns: Mapping[str, object]
    ) -> list[dict[str, object]]:
        both = itertools.product(keys, ("instance", "class"))
        return [
            {"method": m, "rule": r, "metric": q, "average": a, "split": "test", "class": "all", "std": 0.1}
            | {"threshold": threshold, **self.cell(), **columns}
            for (m, r, q), a in both
        ]

    def apart(self, *keys: tuple[str, str, str, str, str], average: str = "instance", **columns: str) -> pd.DataFrame:
        """Differences (method, rule, other method, other rule, metric), corrected together."""
        return self._families((keys, {"average": average, **columns}))

    def _families(self, *families: tuple[Iterable[tuple[str, str, str, str, str]], Mapping[str, str]]) -> pd.DataFrame:
        """Differences of several families, each with columns of its own, among which each is corrected."""
        names = ("method", "rule", "other_method", "other_rule", "metric")
        rows, p = [], []
        for number, (keys, columns) in enumerate(families):
            mine = [dict(zip(names, key, strict=True)) | self.cell() | columns | {"split": number} for key in keys]
            drawn = self.rng.random(len(mine)) ** 4
            p += [x if row["ci_high"] > row["ci_low"] else np.nan for row, x in zip(mine, drawn, strict=True)]
            rows += mine
        found = pd.DataFrame(rows)
        found = found.assign(p=p, n_clips=found["n"], survives=False, **{"class": "all"})
        return summaries.with_survivors(found).assign(split="test")

    def main_job(self) -> dict[str, pd.DataFrame]:
        """Tables of the main results."""
        metrics = ("iou", "f1", "pointing_game")
        compared = [
            (a, "percentile", b, "percentile", q) for a, b in itertools.combinations(METHODS, 2) for q in metrics
        ]
        present = self.rng.integers(0, 20, 4)
        evaluated = np.array([self.rng.integers(0, n + 1) for n in present])
        return {
            "detection": self.tidy(*((m, "percentile", q) for m in METHODS for q in metrics)),
            "differences": self.apart(*compared),
            "differences_two_way": self.apart(*compared),
            "further": self.further(),
            "instances": pd.DataFrame(
                {"split": "test", "class": list("ABCD"), "present": present, "evaluated": evaluated}
            ),
        }

    def rules(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Rules and their gains over the percentile, resampled in two ways."""
        names = ("percentile", "smooth_log_hmm", "otsu")
        rules = self.tidy(*(("ig", r, "iou") for r in names))
        gains = [("ig", r, "ig", "percentile", "iou") for r in names[1:]]
        return rules, self.apart(*gains), self.apart(*gains)

    def further(self) -> pd.DataFrame:
        """PSDS of every method."""
        psds = [(m, rule, "psds") for m in METHODS for rule in ("raw", "share_of_maximum")]
        return self.tidy(("random", "none", "chance"), *psds)

    def ladder(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Steps of the localiser, and their differences, resampled in two ways."""
        own, tuned = ("shifted_cam", "absence_hmm"), [(m, "share_of_maximum") for m in ("fw_ws", "fw_ss")]
        others = [*tuned, ("fw_ws", own[1])]
        ladder = self.tidy(*((*key, q) for key in (own, *others) for q in ("iou", "pointing_game")))
        apart = [(*own, *other, "iou") for other in others]
        return ladder, self.apart(*apart), self.apart(*apart)

    def ceilings(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The localiser before and after its edges, and detectors, some of which a run may lack."""
        own = [("localiser", "calibrated"), ("localiser", "as_found")]
        others = [("linear", "level+median"), ("tcn", "csebbs"), ("fw_ws_shifts", "even_odds")][
            : int(self.rng.integers(0, 4))
        ]
        pairs = [(*own[0], *other, "iou") for other in (own[1], *others)]
        return self.tidy(*((*key, "iou") for key in (*own, *others))), self.apart(*pairs, resampled=TWO_WAY)

    def edges(self) -> dict[str, pd.DataFrame]:
        """What edges give detectors, some of which a run may lack."""
        methods = ("localiser", "cam", "fw_ws", "ig")[: int(self.rng.integers(0, 5))]
        decisions = list(itertools.combinations(("calibrated", "any_overlap", "as_found"), 2))
        pairs = [(method, rule, method, other, "iou") for method in methods for rule, other in decisions]
        apart = [self.apart(*pairs, resampled=way) for way in (summaries.CLIPS, TWO_WAY) if pairs]
        columns = ["resampled", *summaries.DIFFERENCE_COLUMNS]
        softly = [{"method": method, "soft": rise, **self.cell()} for method in methods for rise in (0.0, 0.25, 0.5)]
        return {
            "edges_differences": pd.concat(apart) if apart else pd.DataFrame(columns=columns),
            "edges_soft": pd.DataFrame(softly, columns=["method", "soft", "value", "ci_low", "ci_high", "n"]),
        }

    def located(self) -> pd.DataFrame:
        """Events of a recording that was searched in one piece and in parts, or not at all."""
        ways = ("one long recording", "clip by clip")[: int(self.rng.integers(0, 3))]
        rows = [
            {"name": way, "metric": metric, "class": of, **self.cell()}
            for way, metric, of in itertools.product(ways, ("iou", "event_f1", "psds_1_of_events"), ("all", "Cat"))
        ]
        return pd.DataFrame(rows, columns=["name", "metric", "class", "value", "n", "ci_low", "ci_high"])

    def vocal(self) -> dict[str, pd.DataFrame]:
        """Accuracies of embeddings, differences and places of importance, some label sets missing."""
        names = list(labels.LABEL_SETS)[: int(self.rng.integers(0, len(labels.LABEL_SETS) + 1))]
        systems = [*names, study.TIMBRE]
        keys = list(itertools.product(systems, (measure.KNN, "forest"), measure.AVERAGES))
        accuracies = [
            {"system": s, "classifier": k, "split": "test", "average": a, **self.cell(), "std": 0.01}
            for s, k, a in keys
        ]
        pairs = study.pairs(names)
        apart = [{"system": one, "other": other, **self.judged()} for one, other in pairs]
        columns = ["system", "other", *self.judged()]
        referred = itertools.product(when.METHODS, (when.ENERGY, when.RANDOM, when.SHUFFLED))
        placed = [{"method": m, "reference": r, "measure": when.INSIDE, **self.judged()} for m, r in referred]
        return {
            "vocal_percussion": pd.DataFrame(accuracies),
            "vocal_percussion_differences": pd.DataFrame(apart, columns=columns),
            "vocal_percussion_when_differences": pd.DataFrame(placed),
        }

    def adversarial(self) -> dict[str, pd.DataFrame]:
        """Attacks, their transfer and survival, maps under them and detectors, some of which may be missing."""
        share = int(self.rng.integers(0, 4))
        attacks = itertools.product(
            (attack_study.PGD_L2, attack_study.NOISE, attack_study.DEEPFOOL), ("success", "snr")
        )
        one = {"output": "softmax", "model": attack_study.ALL, "goal": attack_study.LEAVE}
        ways = [(attack_study.PGD_L2, attack_study.ALL), (attack_study.NOISE, attack_study.NOISE)][:share]
        targets = (elsewhere.OTHERS, elsewhere.MINUS_NOISE)
        carried = list(itertools.product((attack_study.DEEPFOOL, "clean"), ("pcm_16", "room")))[: 2 * share]
        variants = (attack_study.VANISH, attack_study.NOISE, *moving.MOVES)[:share]
        maps = itertools.product(variants, ("others", "attacked"), explaining.METHODS, ("iou_change", "correlation"))
        told = itertools.product(variants, list(giveaway.DETECTORS)[: 2 * share])
        lists = {
            "adversarial": [{**one, "attack": a, "metric": m} for a, m in attacks],
            "transfer": [
                {"attack": a, "source": s, "target": t} for (a, s), t in itertools.product(ways, targets[:share])
            ],
            "adversarial_survival": [{"attack": a, "carrier": c} for a, c in carried],
            "adversarial_explanations": [{"variant": v, "of": o, "method": m, "metric": q} for v, o, m, q in maps],
            "adversarial_detection": [{"variant": v, "detector": d, "metric": "auroc"} for v, d in told],
        }
        empty = {"adversarial_survival": ["attack", "carrier"], "transfer": ["attack", "source", "target"]}
        keys = {
            **empty,
            "adversarial": [*one, "attack", "metric"],
            "adversarial_explanations": ["variant", "of", "method", "metric"],
            "adversarial_detection": ["variant", "detector", "metric"],
        }
        made = {
            name: pd.DataFrame(
                [{**row, "split": "test", **self.cell()} for row in rows],
                columns=[*keys[name], "split", "value", "ci_low", "ci_high", "n"],
            )
            for name, rows in lists.items()
        }
        apart = pd.DataFrame(
            [self.cell() for _ in lists["adversarial_detection"]], columns=["value", "ci_low", "ci_high"]
        )
        made["adversarial_detection"][["minus_trivial", "minus_low", "minus_high"]] = apart
        return made

    def attention(self) -> dict[str, pd.DataFrame]:
        """Detectors with attention, some widths or questions missing."""
        widths = [attention_systems.width_name(w) for w in (0.25, 1, 10)][: int(self.rng.integers(0, 4))]
        pairs = attention_audit.pairs([*widths, "average_1"], 1.0)
        asked = list(attention_audit.QUESTIONS)[: int(self.rng.integers(0, 6))]
        rules = (attention_measure.EVEN, attention_measure.TUNED)
        keys = itertools.product(["crnn", *widths, "average_1"], rules, attention_measure.COMPARED)
        shown = [{"system": s, "rule": r, "metric": m, **self.cell()} for s, r, m in keys]
        apart = [
            {"system": a, "rule": b, "other": c, "other_rule": d, "metric": m, **self.judged()}
            for ((a, b), (c, d)), m in itertools.product(pairs, attention_measure.COMPARED)
        ]
        judged = [
            {"choice": c, "rule": r, "metric": m, **self.judged()}
            for c, r, m in itertools.product(asked, rules, attention_measure.COMPARED)
        ]
        mass = [{"system": s, "weights": w, **self.judged()} for s, w in itertools.product(widths, attended.WEIGHTS)]
        named = ["system", "rule", "other", "other_rule", "metric", "choice", "weights", *self.judged()]
        return {
            "self_attention": pd.DataFrame(shown),
            "self_attention_differences": pd.DataFrame(apart, columns=named[:5] + named[7:]),
            "self_attention_audit": pd.DataFrame(judged, columns=[named[5], named[1], named[4], *named[7:]]),
            "self_attention_mass": pd.DataFrame(mass, columns=[named[0], named[6], *named[7:]]),
        }

    def time_frequency(self) -> dict[str, pd.DataFrame]:
        """Maps against stems, some methods and all overlap missing at times; and their differences."""
        t = time_frequency
        names = ["cam", "ixg", "lrp_gamma", "occlusion_mean"][: int(self.rng.integers(0, 5))]
        metrics = [name for name in t.METRICS if name != t.OVERLAP or self.rng.random() < 0.5]
        keys = [(name, rule, q) for name in names for rule in (t.MAP, t.TIME_ONLY) for q in metrics]
        keys += [(name, t.MAP, q) for name in t.REFERENCES for q in metrics]
        tables = [self.tidy(*keys, overlap=overlap) for overlap in (t.EVERY, t.ALONE, t.OVERLAPPED)]
        pairs = [(name, t.MAP, name, t.TIME_ONLY, q) for name in names[:3] for q in metrics]
        pairs += [(name, t.MAP, other, t.MAP, q) for name in names for other in (t.IN_TIME, t.NOTHING) for q in metrics]
        apart = [self.apart(*pairs, resampled=way) for way in (summaries.CLIPS, summaries.TWO_WAY) if pairs]
        columns = ["resampled", *summaries.DIFFERENCE_COLUMNS]
        return {
            "time_frequency": pd.concat(tables, ignore_index=True),
            "time_frequency_differences": pd.concat(apart) if apart else pd.DataFrame(columns=columns),
        }

    def representations(self) -> dict[str, pd.DataFrame]:
        """Accuracies of two networks, their differences, and what their explanations say."""
        r, kinds = representations, tuple(networks.NETWORKS)
        ways = ("modern", "paper")[: int(self.rng.integers(1, 3))]
        methods = (*explain.METHODS, explain.ENERGY)
        keys = [(kind, way, accuracy.ACCURACY) for kind in kinds for way in ways]
        clean = {"protocol": "by_recording", "condition": disturb.CLEAN}
        pairs = [(kinds[0], way, kinds[1], way, accuracy.ACCURACY) for way in ways]
        told = [(k, m, q) for k in kinds for m in methods for q in (*r.OCTAVES, r.CENTROID, r.HALF)]
        return {
            "representations": self.tidy(*keys, **clean),
            "representations_differences": self.apart(*pairs, **clean),
            "representations_maps": self.tidy(*told),
            "representations_alike": self.tidy(*(("both networks", m, "rank_correlation") for m in methods)),
            "representations_bands": self.tidy(*((k, m, r.PREDICTS) for k in kinds for m in methods)),
        }

    def judged(self) -> dict[str, Any]:
        """A difference with its corrected p-value and verdict, as the chapter of vocal percussion keeps them."""
        cell = self.cell()
        said = judging.judge(cell["value"], cell["ci_low"], cell["ci_high"], cell["n"], margin=measure.MARGIN)
        return {"split": "test", "average": "user", **cell, "p_holm": self.rng.random(), "verdict": said}

    def encoders(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The localiser under one or two encoders, none of whose differences may be there."""
        names = ("embedded", "other")[: int(self.rng.integers(1, 3))]
        keys = [(*key, q) for key in encoders.SHOWN for q in ("iou", "auroc")]
        pairs = [(*first, *other, "iou") for first, other in encoders.PAIRS]
        tables = [
            self.tidy((*encoders.CLIP_LEVEL, encoders.RECALL), *keys, encoder=name, instances="own") for name in names
        ]
        apart = [self.apart(*pairs, encoder=name, instances="own", resampled=summaries.TWO_WAY) for name in names]
        return pd.concat(tables, ignore_index=True), pd.concat(apart, ignore_index=True)

    def family(self) -> pd.DataFrame:
        """Differences that were corrected together."""
        rules = [f"r{i}" for i in range(int(self.rng.choice([1, 2, 22, 64])))]
        return self.apart(*(("ig", rule, "ig", "percentile", "iou") for rule in rules))

    def sanity(self) -> pd.DataFrame:
        """Maps of shuffled classifiers."""
        levels, metrics = ("original", "head", "all"), (*_CORRELATIONS, "iou", "pointing_game")
        exact = ("beyond_chance",)[: int(self.rng.integers(0, 2))]  # a run made before lacks it
        rows = self.tidy(*(("ig", level, q) for level in levels for q in (*metrics, *exact)))
        return rows.assign(shuffles=int(self.rng.choice([1, 5])))

    def hidden(self) -> pd.DataFrame:
        """Changes of F1 and loss by hiding."""
        orders, metrics = ("random", "ig", "loss_gradient", "harmful"), ("f1_change", "loss_change")
        rows = [
            {"method": o, "rule": r, "metric": q, "unit": "frames", "threshold": t, **self.cell()}
            for o, r, q, t in itertools.product(orders, ("none", "silence"), metrics, (0.1, 0.5))
        ]
        return pd.DataFrame(rows)

    def engine(self) -> pd.DataFrame:
        """IoU of maps by points."""
        size = {"none": 0, "equal": 1}.get(self.kind, int(self.rng.integers(2, 5)))
        rows = [
            {"clip": str(i), "engine": "mel_path", "quadrature": rule, "n_steps": n, "iou": self.cell()["value"]}
            for i in range(size)
            for rule, n in (("reference", 200), ("db_midpoint", 4), ("db_midpoint", 8), ("db_midpoint", 16))
        ]
        return pd.DataFrame(rows, columns=["clip", "engine", "quadrature", "n_steps", "iou"])

    def methods(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Quality and seconds of several methods."""
        names = [f"m{i}" for i in range(int(self.rng.choice([0, 1, 3, 4, 8, 20])))]
        table = self.tidy(*((m, "percentile", "iou") for m in names))
        seconds = self.tidy(*((m, "none", "seconds") for m in names)).assign(value=lambda t: t["value"].abs())
        return table, seconds.assign(value=0.5) if self.kind == "equal" else seconds

    def effects(self) -> pd.DataFrame:
        """What each choice of the factorial moves; some runs have the paper's own quadrature and reading."""
        known = [
            (choice, level, others)
            for choice, level in choices.CHANGES
            if choice not in ("engine", factorial.ALL_CHOICES) or self.rng.random() < 0.7
            for others in (("run",) if choice == factorial.ALL_CHOICES else ("paper", "averaged"))
        ]
        keys = pd.DataFrame(known, columns=["choice", "to", "others"])
        metrics = ("iou", "f1", "pointing_game", "auroc")
        rows = [
            {**key, "metric": metric, "average": "instance", **self.cell()}
            for metric, key in itertools.product(metrics, keys.to_dict("records"))
        ]
        columns = [*keys.columns, "metric", "average", "value", "n", "ci_low", "ci_high"]
        return pd.DataFrame(rows, columns=columns).assign(**{"from": "paper"})

    def audit(self) -> Mapping[str, pd.DataFrame]:
        """All tables that the verdicts read, each made when it is asked for: most verdicts read few."""
        has_layer = bool(self.rng.random() < 0.5)  # CNN14 alone has it
        makers: dict[tuple[str, ...], Callable[[Tables], dict[str, pd.DataFrame]]] = {
            ("audit", "audit_peaks"): lambda made: made.measured(has_layer),
            ("audit_differences",): lambda made: {"audit_differences": made.changed(has_layer)},
            ("audit_factorial_effects",): lambda made: {"audit_factorial_effects": made.effects()},
            OF_PAPER: Tables.of_paper,
            OF_DATA: Tables.of_data,
        }
        return _Parts(
            {names: (maker, Tables(int(self.rng.integers(2**32)), self.kind)) for names, maker in makers.items()}
        )

    def measured(self, has_layer: bool) -> dict[str, pd.DataFrame]:
        """What the audit measures, and the peaks of its curves."""
        asked = {
            "sign": [(f"ig:{name}", "percentile", q) for name in sign.READINGS for q in ("iou", "pointing_game")]
            + [("ig:absolute", "reason", q) for q in _REASONS]
            + [("ig:signed", "reason", "rank_correlation")],
            "excluded": [(m, r, q) for m, q in (("ig", "iou"), ("random", "pointing_game")) for r in _COUNTS],
            "chance": [("random", f"percentile{rule}", "iou") for rule in ("", "_at_ig", "_80")],
            "energy": [(f"energy:{name}", "percentile", "pointing_game") for name in energy.READINGS],
            "target": [("ig:probability", "agreement", "mask_iou")],
            "window": [("ig:hamming", "encoder", q) for q in ("level", "features", "flips")],
        }
        if has_layer:
            asked["embedding"] = [("ig:kept", "agreement", "mask_iou")]
        threshold = float(self.rng.choice([1, 40]))
        rows = [row for q, keys in asked.items() for row in self._rows(keys, threshold, {"question": q})]
        peaks, curves = self.fig3()
        audit = pd.DataFrame(rows, columns=[*COLUMNS, "question"])
        return {"audit": pd.concat([audit, curves], ignore_index=True), "audit_peaks": peaks}

    def changed(self, has_layer: bool) -> pd.DataFrame:
        """Differences between readings."""
        others = [f"ig:{name}" for name in sign.READINGS if name != sign.PAPER]
        pairs = [(n, "percentile", "ig:absolute", "percentile", q) for n in others for q in ("iou", "pointing_game")]
        what_if = {
            question: [(name, "percentile", "ig:own", "percentile", q) for q in ("iou", "f1", "pointing_game")]
            for question, name in (
                ("target", "ig:probability"),
                ("window", "ig:hamming"),
                *((("embedding", "ig:kept"),) if has_layer else ()),
            )
        }
        hits = [("random", "hits", "truth", "activity", "pointing_game")]
        questions = {"chance": hits, "sign": pairs, **what_if}
        return self._families(
            ([("ig", "class", "ig", "instance", "iou")], {"average": "gap", "question": "averages"}),
            *((keys, {"average": "instance", "question": name}) for name, keys in questions.items()),
        )

    def fig3(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Curves over thresholds, sharp, flat or without a value, and their peaks."""
        rows = []
        taus = np.array([1.0, 10, 20, 30, 40, 60, 80])
        for method, rule, metric in itertools.product(("ig", "fw_ws", "fw_ss"), fig3.READINGS, ("iou", "f1")):
            if (rule, method) == (fig3.VALUE, "ig"):
                continue
            height = 0.0 if self.kind == "equal" else self.rng.choice([0.001, 0.1, 0.5])
            values = np.full(len(taus), np.nan) if self.kind == "nan" else height * self.rng.random(len(taus))
            rows += [(method, rule, metric, t, v) for t, v in zip(taus, values, strict=True)]
        curves = pd.DataFrame(rows, columns=["method", "rule", "metric", "threshold", "value"])
        curves = curves.assign(question="fig3", average="instance", **{"class": "all", "n": self.cell()["n"]})
        heights = curves["value"].fillna(-1).to_numpy().reshape(-1, len(taus))  # a row for each curve
        top = curves.iloc[heights.argmax(axis=1) + len(taus) * np.arange(len(heights))]
        theirs = paper.threshold_sensitivity().rename(columns={"peak_percentile": "paper_threshold"})
        return top.merge(theirs[["method", "metric", "paper_threshold"]], on=["method", "metric"]), curves

    def of_paper(self) -> dict[str, pd.DataFrame]:
        """What would follow from other tables of the paper."""
        rng, unknown = self.rng, self.kind == "nan"
        theirs = paper.threshold_sensitivity()
        low, activity, high = np.sort(rng.random(3))
        known = {"n": 106, "activity_low": low, "activity_high": high}
        bounds = pd.DataFrame(
            {
                "method": theirs["method"],
                "metric": theirs["metric"],
                "threshold": theirs["peak_percentile"],
                "value": theirs["peak_value"],
                "activity": activity,
                "needed": rng.random(len(theirs)),
                **({"n": 0, "activity_low": np.nan, "activity_high": np.nan} if unknown else known),
            }
        )
        for reading in (fig3.CLIP, fig3.POOLED):
            bounds[reading] = rng.random(len(theirs))
            bounds[f"{reading}_high"] = np.nan if unknown else np.maximum(bounds[reading], rng.random(len(theirs)))
        table_2 = rng.random(6)
        off = rng.choice([0.0, 0.005, 0.1]) * rng.random(6)
        possible = rng.choice(["yes", "no", "undecided"], len(averages.COUNTINGS))
        fits = possible == "yes"
        return {
            "audit_bounds": bounds,
            "audit_paper_averages": pd.DataFrame(
                {"metric": ["iou", "f1"] * 3, "table_2": table_2, "class_mean": np.nan if unknown else table_2 + off}
            ),
            "audit_countings": pd.DataFrame(
                {
                    "counting": list(averages.COUNTINGS),
                    "possible": possible,
                    "smallest": fits & (rng.random(len(fits)) < 0.5),
                    "evaluated": np.where(fits, 100.0, np.nan),
                    "present": np.where(fits, 150.0, np.nan),
                }
            ),
            "audit_mix": pd.DataFrame({"class": ["Cat", "Speech"], "evaluated": [np.nan if unknown else 10.0, 90.0]}),
            "audit_recalls": pd.DataFrame({"class": ["Cat", "Speech"], "zero": rng.random(2) < 0.5}),
            "audit_random": pd.DataFrame({"metric": ["iou", "f1"], "run": rng.random(2), "alike": rng.random(2)}),
        }

    def of_data(self) -> dict[str, pd.DataFrame]:
        """Readings of energy and of the filter."""
        rng, unknown = self.rng, self.kind == "nan"
        names = list(energy.READINGS)
        scores = {q: np.full(len(names), np.nan) if unknown else rng.random(len(names)) for q in _FIGURES}
        near = rng.choice([0.01, 0.1]) * rng.random(len(names))
        readings = pd.DataFrame({"reading": names, "rule": "percentile", **scores, "distance": near})
        onsets = rng.choice(list(PLACES), len(names))
        every = list(itertools.product((overlap.BANK, overlap.PAPER), onsets_of_data.ONSETS, onsets_of_data.FILTERS))
        p = rng.choice([0.0, 0.04, 0.05, 0.5, np.nan] if unknown else [0.0, 0.04, 0.05, 0.5], len(every))
        filters = pd.DataFrame(every, columns=["lengths", "onsets", "filter"]).assign(p_value=p)
        filters["own"] = np.arange(len(every)) == rng.integers(len(every) // 2)  # with the lengths of the bank
        pools = [filters.assign(pool=pool, removed=rng.random(len(every)), paper=0.2) for pool in ("train", "eval")]
        return {
            "audit_energy": readings.sort_values("distance", ignore_index=True),
            "audit_placement": readings.assign(onsets=onsets, lengths=overlap.BANK),
            "audit_overlap": pd.concat(pools, ignore_index=True),
            "audit_removed": pd.DataFrame({"pool": ["train", "eval"], "generated": [0, 5], "removed": [0, 1]}),
        }


class _Parts(Mapping[str, pd.DataFrame]):
    """Tables, several made by one maker with random numbers of its own, when the first of them is asked for."""

    def __init__(
        self, makers: dict[tuple[str, ...], tuple[Callable[[Tables], dict[str, pd.DataFrame]], Tables]]
    ) -> None:
        self._maker = {name: (names, *made) for names, made in makers.items() for name in names}
        self._made: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._made:
            names, maker, tables = self._maker[name]
            made = maker(tables)
            assert set(made) == set(names)
            self._made |= made
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._maker)

    def __len__(self) -> int:
        return len(self._maker)
