"""How often do 95 % intervals hold the truth? Simulated clips with one to three instances, few clips and many.

``python benchmarks/coverage.py`` writes ``benchmarks/coverage.csv``: of each way to make an interval its coverage and
mean width at 5, 12, 30 and 112 clips, for the mean IoU, a paired difference of IoU, and the pointing game. The clips
are drawn from distributions with the mean and the spread of the embedded run's Integrated Gradients; instances of a
clip are correlated. Sizes of clips are as there: 1.6 instances per clip.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from igsed_core.metrics import bootstrap, intervals

CLIPS = (5, 12, 30, 112)
SIZES = (0.5, 0.4, 0.1)  # shares of clips with one, two and three instances
WITHIN = 0.2  # correlation of the instances of a clip
# Metric -> mean and standard deviation over instances; of the pointing game the share of hits.
IOU, OTHER = (0.40, 0.18), (0.46, 0.29)
HITS = (0.50, 0.83, 0.97)
TRUTH = {
    "iou": IOU[0],
    "iou_difference": IOU[0] - OTHER[0],
    **{f"pointing_game_{hits:.2f}": hits for hits in HITS},
}
USED = "as in the book"  # the method that the package takes


def draw(n_clips: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Return each instance's clip and its value of each metric."""
    clip_of = np.repeat(np.arange(n_clips), 1 + rng.choice(len(SIZES), n_clips, p=SIZES))

    def normal() -> NDArray[np.float64]:
        of_clips = rng.standard_normal(n_clips)[clip_of]
        return np.asarray(np.sqrt(WITHIN) * of_clips + np.sqrt(1 - WITHIN) * rng.standard_normal(len(clip_of)))

    def beta(mean: float, spread: float, z: NDArray[np.float64]) -> NDArray[np.float64]:
        size = mean * (1 - mean) / spread**2 - 1
        return np.asarray(stats.beta.ppf(stats.norm.cdf(z), mean * size, (1 - mean) * size))

    first = normal()
    second = 0.5 * first + np.sqrt(0.75) * normal()
    one, other = beta(*IOU, first), beta(*OTHER, second)
    hits = {f"pointing_game_{share:.2f}": (stats.norm.cdf(first) < share).astype(float) for share in HITS}
    return clip_of, {"iou": one, "iou_difference": one - other, **hits}


def ends(
    resampled: NDArray[np.float64], n_instances: int, n_clips: int, *, proportion: bool
) -> dict[str, tuple[float, float]]:
    """Interval by each method; ``resampled`` is the mean of the sample, then those of the replicates."""
    value, replicates = float(resampled[0]), resampled[1:]
    error = replicates.std(ddof=1) * np.sqrt(n_clips / (n_clips - 1))
    quantile = float(stats.t.ppf(0.975, n_clips - 1))
    tail = 100 * float(stats.norm.cdf(-np.sqrt(n_clips / (n_clips - 1)) * quantile))
    low, high = np.percentile(replicates, [2.5, 97.5])
    wide, wider = np.percentile(replicates, [tail, 100 - tail])
    found = {
        "percentile": (float(low), float(high)),
        "stretched percentile": (float(wide), float(wider)),
        "Student's t": (value - quantile * error, value + quantile * error),
    }
    if proportion:
        plain = intervals.wilson(value, n_instances)
        found["Wilson, instances as trials"] = (float(plain[0]), float(plain[1]))
        used = intervals.proportions(resampled[:, None], n_instances, n_clips)[:, 0]
    else:
        used = np.array(intervals.interval(resampled, n_clips))
    # Where there is no interval nothing is claimed: it counts as all there is.
    found[USED] = (float(used[0]), float(used[1])) if not np.isnan(used[0]) else (-np.inf, np.inf)
    return found


def simulate(experiments: int, replicates: int, seed: int, clips: tuple[int, ...] = CLIPS) -> pd.DataFrame:
    """Coverage and mean width of every method, ``metric, method, n_clips, coverage, width, experiments``."""
    rng = np.random.default_rng(seed)
    rows = []
    for n_clips in clips:
        for experiment in range(experiments):
            clip_of, values = draw(n_clips, rng)
            weights = bootstrap.clip_weights(n_clips, replicates=replicates, seed=seed + experiment)
            drawn = bootstrap.with_sample(weights)[:, clip_of]
            means = bootstrap.weighted_means(np.stack(list(values.values()), axis=1), drawn)
            for i, metric in enumerate(values):
                made = ends(means[:, i], len(clip_of), n_clips, proportion=metric.startswith("pointing_game"))
                for method, (low, high) in made.items():
                    holds = low - 1e-12 <= TRUTH[metric] <= high + 1e-12
                    rows.append((metric, method, n_clips, float(holds), high - low))
    table = pd.DataFrame(rows, columns=["metric", "method", "n_clips", "coverage", "width"])
    grouped = table.replace(np.inf, np.nan).groupby(["metric", "method", "n_clips"], sort=False)
    return grouped.mean().reset_index().assign(experiments=experiments)


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=4000)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    arguments = parser.parse_args()
    table = simulate(arguments.experiments, arguments.replicates, arguments.seed)
    table.to_csv(arguments.out, index=False, float_format="%.4f")
    shown = table.pivot_table(values="coverage", index=["metric", "method"], columns="n_clips", sort=False)
    print(shown.round(3).to_string())


if __name__ == "__main__":
    main()
