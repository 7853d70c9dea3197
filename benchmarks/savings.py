"""README's table of savings, on recorded outcomes: `python -m benchmarks.savings --recorded FOLDER [--ladder NAME ...] [--splits 3]`.

Nine ladders, each split at random into 60 % to tune on (of MMLU 2,000 prompts) and 40 % to judge on (at most 4,000). Of the default router and of
the best cascade, both read off the judging prompts: the saving at 1 point of loss on the hull of all thresholds (the best point), and what the
thresholds recommended for 1 point save and lose. A cascade needs two cheap models: where a ladder has one, gemini-1.5-flash answers beside it.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.recorded import ladder
from tierwise.routers.base import Prompts
from tierwise.tuning import cascade
from tierwise.tuning.aims import Aim
from tierwise.tuning.answers import Answers
from tierwise.tuning.cascade_frontier import cascade_frontier
from tierwise.tuning.frontier import Frontier, assign, sweep
from tierwise.tuning.terms import Terms
from tierwise.tuning.tune import tune
from tierwise.types import OutcomeMatrix

LLAMA, MINI, FOUR_O, FLASH = "Meta-Llama-3.1-8B-Instruct", "gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06", "gemini-1.5-flash"
HAIKU, HAIKU_35, SONNET = "claude-3-haiku-20240307", "claude-3-5-haiku-20241022", "claude-3-5-sonnet-20241022"
LADDERS = {
    "MMLU": ("routellm_mmlu", None, ["mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"]),
    "mini < 4o": ("zeroeval", None, [MINI, FOUR_O]),
    "haiku < 3.5 haiku < sonnet": ("zeroeval", None, [HAIKU, HAIKU_35, SONNET]),
    "Llama 8B < mini < 4o": ("zeroeval", None, [LLAMA, MINI, FOUR_O]),
    "GSM8K haiku < 4o": ("zeroeval", "gsm", [HAIKU, FOUR_O]),
    "GSM8K Llama 8B < 4o": ("zeroeval", "gsm", [LLAMA, FOUR_O]),
    "MATH mini < 4o": ("zeroeval", "math-l5", [MINI, FOUR_O]),
    "CRUX mini < 4o": ("zeroeval", "crux", [MINI, FOUR_O]),
    "gpt-3.5 < 4o": ("zeroeval", None, ["gpt-3.5-turbo-0125", FOUR_O]),
}
POINT, TUNED_ON, JUDGED_ON = 0.01, 2000, 4000


class Read(NamedTuple):
    """On the judging prompts, at 1 point."""

    best: float
    saving: float
    loss: float


def split(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(1000 + seed).permutation(n)
    tuned = min(int(0.6 * n), TUNED_ON)
    return order[:tuned], order[tuned:][:JUDGED_ON]


def by_router(matrix: OutcomeMatrix, seed: int) -> Read:
    drawn, judged = split(len(matrix), seed)
    tuned = tune(matrix.take(drawn), Aim(max_loss=POINT), router="average", seed=seed)
    rest, rows = matrix.take(judged), np.arange(len(judged))
    scores = tuned.scored.deployed.score(Prompts(rest.samples))
    tier = assign(scores, tuned.chosen.thresholds)
    return _read(sweep(scores, rest.quality, rest.cost), rest, rest.quality[rows, tier], rest.cost[rows, tier])


def by_cascade(matrix: OutcomeMatrix, answers: Answers, seed: int) -> Read:
    drawn, judged = split(len(matrix), seed)
    tuned = tune(matrix.take(drawn), Aim(max_loss=POINT), router="cascade", answers=answers.take(drawn), seed=seed)
    rest, rows = matrix.take(judged), np.arange(len(judged))
    replayed = cascade.replay(tuned.cascade, rest, answers.take(judged))
    fitted = tuned.frontier.fitted.on(replayed, tuned.scored.deployed.score(Prompts(rest.samples)))
    done = cascade.decide(fitted.scores, tuned.chosen.thresholds)
    return _read(cascade_frontier(fitted, rest, Terms()), rest, replayed.quality[rows, done], replayed.cost[rows, done])


def _read(frontier: Frontier, rest: OutcomeMatrix, quality: np.ndarray, cost: np.ndarray) -> Read:
    p, full = frontier.points, float(rest.cost[:, -1].mean())
    return Read(saving_at(p.loss, p.saving, POINT), 1 - float(cost.mean()) / full, float((rest.quality[:, -1] - quality).mean()))


def saving_at(loss: np.ndarray, saving: np.ndarray, allowed: float) -> float:
    """The best saving of a mix of two policies that loses so much; always asking the top tier, with no saving and no loss, is one of them."""
    loss, saving = np.append(loss, 0.0), np.append(saving, 0.0)
    within, beyond = loss <= allowed, loss > allowed
    best = saving[within].max()
    if beyond.any():
        (l1, s1), (l2, s2) = (loss[within], saving[within]), (loss[beyond], saving[beyond])
        part = (allowed - l1[:, None]) / (l2[None] - l1[:, None])
        best = max(best, float((s1[:, None] + part * (s2[None] - s1[:, None])).max()))
    return float(best)


def study(folder: Path, names: list[str], splits: int) -> Iterator[dict[str, object]]:
    for name in names:
        file, task, models = LADDERS[name]
        matrix, _ = ladder(folder, file, models, task)
        for seed in range(splits):
            yield {"ladder": name, "way": "router", "seed": seed} | by_router(matrix, seed)._asdict()
        if file == "zeroeval":
            pool = models if len(models) > 2 else [FLASH, *models]
            matrix, answers = ladder(folder, file, pool, task)
            for seed in range(splits):
                yield {"ladder": name, "way": "cascade", "seed": seed} | by_cascade(matrix, answers, seed)._asdict()


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--recorded", type=Path, required=True, help="a folder with zeroeval.parquet and routellm_mmlu.parquet")
    p.add_argument("--ladder", nargs="*", choices=[*LADDERS], default=[*LADDERS])
    p.add_argument("--splits", type=int, default=3)
    a = p.parse_args()
    rows = []
    for row in study(a.recorded, a.ladder, a.splits):
        rows.append(row)
        print("  ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()), flush=True)
    found = pd.DataFrame(rows).groupby(["way", "ladder"], sort=False)[["best", "saving", "loss"]].mean()
    print(found.round(3).to_string())
    print(found.groupby("way", sort=False).mean().round(3).to_string())


if __name__ == "__main__":
    main()
