"""How often the promises of a tuning are broken: resamples of recorded ladders where there are any, else of a simulated world.

For each ladder and size, prompts are drawn, tuned on, and the recommended point, the certificate and the held-out interval are held against
the prompts that were not drawn. Run from the repository: `python benchmarks/promises.py [--recorded FOLDER] [--resamples N]`.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.recorded import ladder
from tierwise.routers import base
from tierwise.routers.base import Prompts
from tierwise.tuning.aims import Aim
from tierwise.tuning.frontier import assign
from tierwise.tuning.tune import tune
from tierwise.types import OutcomeMatrix, Run, Sample, Tier

LADDERS = {
    "gpt-4o-mini < gpt-4o": ("zeroeval", ["gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06"]),
    "haiku < 3.5 haiku < sonnet": ("zeroeval", ["claude-3-haiku-20240307", "claude-3-5-haiku-20241022", "claude-3-5-sonnet-20241022"]),
    "Llama 8B < mini < gpt-4o": ("zeroeval", ["Meta-Llama-3.1-8B-Instruct", "gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06"]),
    "Mixtral < GPT-4 (MMLU)": ("routellm_mmlu", ["mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"]),
}
SIZES = (200, 500, 1000)
MOST_TESTED = 4000


def recorded(folder: Path) -> Iterator[tuple[str, OutcomeMatrix]]:
    """The ladders, one row a prompt."""
    for name, (file, models) in LADDERS.items():
        yield name, ladder(folder, file, models)[0]


def synthetic(n: int = 8000) -> Iterator[tuple[str, OutcomeMatrix]]:
    """Difficulty grows with length, and is seen through noise."""
    rng = np.random.default_rng(0)
    hard = rng.random(n)
    right = 1 / (1 + np.exp(-6 * (np.array([0.9, 1.05, 1.35]) - hard[:, None])))
    words = (20 + 120 * (hard + rng.normal(0, 0.2, n)).clip(0, 1.3)).astype(int)
    samples = [Sample(f"s{i}", "solve " + "word " * w, None, "long" if w > 80 else "short") for i, w in enumerate(words)]
    quality, cost = (rng.random((n, 3)) < right).astype(float), np.tile([1.0, 4, 20], (n, 1)) / 1e4
    yield "simulated", matrix("simulated", ["a", "b", "c"], samples, quality, cost)


def matrix(name: str, models: list[str], samples: list[Sample], quality: np.ndarray, cost: np.ndarray) -> OutcomeMatrix:
    flags = np.zeros(quality.shape, bool)
    run = Run(name, name, name, "recorded", tuple(Tier(m, m) for m in models), "done")
    return OutcomeMatrix(run, tuple(samples), quality, cost, flags * 1.0, flags, flags, "recorded")


def study(
    name: str, whole: OutcomeMatrix, n: int, resamples: int, router: str, epsilon: float, delta: float, mode: str, first: int = 0
) -> dict[str, object]:
    """Means over resamples; `broken` counts certificates whose policy loses more than epsilon on the prompts not drawn."""
    prompts = _read(name, whole.samples)
    rows: list[dict[str, float]] = []
    for seed in range(first, first + resamples):
        order = np.random.default_rng(seed).permutation(len(whole))
        drawn, rest = whole.take(order[:n]), order[n : n + MOST_TESTED]
        base._RECENT.append((drawn.samples, prompts.take(order[:n])))  # what was read of the prompts once, in place of reading them again
        tuned = tune(drawn, Aim(max_loss=epsilon), router=router, delta=delta, seed=seed, mode=mode)
        scores, at = tuned.scored.deployed.score(prompts.take(rest)), np.arange(len(rest))
        quality, cost = whole.quality[rest], whole.cost[rest]

        def truth(thresholds, scores=scores, at=at, quality=quality, cost=cost):
            tier = assign(scores, thresholds)
            return (quality[:, -1] - quality[at, tier]).mean(), 1 - cost[at, tier].mean() / cost[:, -1].mean()

        loss, saving = truth(tuned.chosen.thresholds)
        promise, held = tuned.certificate, tuned.heldout
        certified = promise.status == "certified"
        noise = np.sqrt(max(tuned.path.discordance.max(), 0.01) / len(rest))
        promised = truth(promise.thresholds) if certified else (0.0, 0.0)
        upper, along = tuned.band["loss_upper"].to_numpy(), [truth(t)[0] for t in tuned.path.thresholds]
        rows.append({"band_broken": bool((np.array(along) > upper + 1e-12).any()), "loss": loss, "saving": saving, "over_aim": loss - epsilon, "certified": certified, "broken": promised[0] > epsilon,
                     "broken_by_noise_too": promised[0] > epsilon + noise,
                     "certified_saving": promised[1], "loss_above_interval": loss > held.loss_ci95[1],
                     "saving_below_interval": saving < held.saving_ci95[0]})  # fmt: skip
    frame = pd.DataFrame(rows).astype(float)
    found = {"ladder": name, "n": n, "resamples": resamples} | frame.mean().round(4).to_dict()
    return found | {"over_aim_p90": round(float(frame["over_aim"].quantile(0.9)), 4)}


_READ: dict[str, Prompts] = {}


def _read(name: str, samples: tuple[Sample, ...]) -> Prompts:
    if name not in _READ:
        _READ[name] = Prompts(samples)
        _READ[name].read_all()
    return _READ[name]


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--recorded", type=Path, help="a folder with zeroeval.parquet and routellm_mmlu.parquet; simulated outcomes without it")
    p.add_argument("--resamples", type=int, default=40)
    p.add_argument("--router", default="logistic", help="a router's name; auto takes ten times as long")
    p.add_argument("--epsilon", type=float, default=0.02)
    p.add_argument("--delta", type=float, default=0.10)
    p.add_argument("--mode", default="standard")
    p.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    p.add_argument("--first", type=int, default=0, help="seed of the first resample, to go on where another run ended")
    p.add_argument("--only", default="", help="ladders whose name holds this")
    p.add_argument("--append", type=Path, help="a CSV to which each ladder and size is added as soon as it is done")
    a = p.parse_args()
    found = []
    for name, whole in recorded(a.recorded) if a.recorded else synthetic():
        for n in a.sizes if a.only in name else ():
            start = time.perf_counter()
            found.append(study(name, whole, n, a.resamples, a.router, a.epsilon, a.delta, a.mode, a.first))
            if a.append:
                pd.DataFrame(found[-1:]).assign(router=a.router, mode=a.mode, epsilon=a.epsilon, first=a.first).to_csv(
                    a.append, mode="a", index=False, header=not a.append.exists()
                )
            print(f"{name}, n = {n}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    print(pd.DataFrame(found).to_markdown(index=False) if _has_tabulate() else pd.DataFrame(found).to_string(index=False))


def _has_tabulate() -> bool:
    import importlib.util

    return importlib.util.find_spec("tabulate") is not None


if __name__ == "__main__":
    main()
