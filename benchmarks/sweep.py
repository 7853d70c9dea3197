"""How fast tuning is: `python -m benchmarks.sweep`, best of three, one line a figure.

The bars: a full sweep of 3 tiers by 1,000,000 prompts under 1 s, a threshold move under 20 ms, held-out intervals under 1 s and a band
under 0.3 s at 3,000 prompts.
"""

import time
from collections.abc import Callable

import numpy as np

from tierwise.statistics.band import band
from tierwise.statistics.certify import exact_tango_p
from tierwise.tuning.aims import Aim
from tierwise.tuning.certificate import Path
from tierwise.tuning.frontier import sweep
from tierwise.tuning.heldout import Folded
from tierwise.types import OutcomeMatrix, Run, Sample, Tier


def outcomes(n: int, tiers: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, pass/fail grades and costs of prompts whose difficulty the score sees."""
    rng = np.random.default_rng(seed)
    scores = rng.random(n)
    right = 1 / (1 + np.exp(-6 * (np.linspace(0.6, 1.1, tiers) - 0.9 * scores[:, None])))
    return scores, (rng.random((n, tiers)) < right).astype(float), rng.lognormal(0, 0.5, (n, 1)) * 1e-4 * 5.0 ** np.arange(tiers)


def timed(what: str, work: Callable[[], object], bar: float | None = None) -> None:
    """Print the best of three runs."""
    best = min(_seconds(work) for _ in range(3))
    against = "" if bar is None else f"   bar {bar * 1000:g} ms" + ("" if best <= bar else "   MISSED")
    print(f"{what:<58}{best * 1000:>10.2f} ms{against}", flush=True)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    for n, tiers, bar in ((333_334, 3, 1.0), (1_000_000, 3, 1.0), (1_000_000, 2, None), (100_000, 5, None), (3_000, 3, None)):
        data = outcomes(n, tiers)
        timed(f"sweep, {n:,} prompts x {tiers} tiers", lambda data=data: sweep(*data), bar)
        frontier, thresholds = sweep(*data), np.linspace(0.3, 0.7, tiers - 1)
        timed("  a threshold move", lambda f=frontier, t=thresholds: f.at(t), 0.02)
        timed("  choosing for an aim", lambda f=frontier: f.choose(Aim(max_loss=0.01)), 0.02)
    scores, quality, cost = outcomes(3_000, 3)
    run = Run("r", "benchmark", "e", "recorded", tuple(Tier(t, t) for t in "abc"))
    flags = np.zeros((3_000, 3), bool)
    matrix = OutcomeMatrix(run, tuple(Sample(f"s{i}", "x") for i in range(3_000)), quality, cost, flags * 1.0, flags, flags)

    def folded() -> Folded:
        return Folded(matrix, {"r": scores}, np.arange(3_000) % 5, Aim(max_loss=0.02))

    routers = dict.fromkeys(range(5), "r")
    timed("held-out figures with intervals, 3,000 prompts x 3 tiers", lambda: folded().held_out(routers), 1.0)
    timed("certificate path with exact tests, 3,000 prompts", lambda: Path.of(folded(), routers, "r").certificate(0.02, 0.1, 0.3))
    evidence = Path.of(folded(), routers, "r").evidence
    timed("simultaneous band, 41 policies, 3,000 prompts", lambda: band(evidence), 0.3)
    timed("one exact p-value, 3,000 prompts", lambda: exact_tango_p(60, 55, 3_000, 0.01))


if __name__ == "__main__":
    main()
