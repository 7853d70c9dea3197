"""Which prompts people grade, and in which order: those on which the decision turns first.

Where a policy and always-frontier choose the same tier nothing can be lost, so people grade the routable prompts, and a fifth of the
rest as a check. Inside a stratum (tier chosen x automatic verdict) the order is that of a seeded hash: whatever has been graded so far
is a random sample of each stratum, which is what `tierwise.statistics.corrected` needs. Choosing single uncertain prompts gains nothing over this
(docs/statistics.md).
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tierwise.statistics.certify import prompts_needed
from tierwise.statistics.corrected import FEWEST, Corrected
from tierwise.store.reviews import Item
from tierwise.types import OutcomeMatrix

CHECK_SHARE = 0.2
DISAGREE, AGREE = 0.5, 0.25
"""Standard deviations of human losses to plan with: where the automatic grades of the two tiers differ, and where they do not."""
LEAST = 10
"""Grades that every stratum should get of `PLANNED`."""
PLANNED = 100
CORRELATION = 0.5
"""Between automatic and human losses of routable prompts, to plan with before there are human grades."""


def queue(matrix: OutcomeMatrix, choice: np.ndarray | None, seed: int = 0, every_tier: bool = False) -> list[Item]:
    """Every prompt that has two answers to compare, in the order in which people should grade them.

    Args:
        matrix: with automatic grades.
        choice: (n,) tier of each prompt under the policy; without one, prompts on which tiers differ stand for routable ones.
        every_tier: grade all tiers of a prompt, not only those that the decision turns on.
    """
    last = len(matrix.tiers) - 1
    labels, check = _strata(matrix.quality, choice)
    order = _shuffled([s.id for s in matrix.samples], f"{seed} {matrix.run.id}")
    groups: dict[str, list[int]] = {}
    for i in order:
        groups.setdefault(labels[i], []).append(i)
    shares = _shares({name: len(rows) for name, rows in groups.items()}, {labels[i] for i in np.flatnonzero(check)})
    items = []
    for place, i in enumerate(_interleaved(groups, shares)):
        turning = () if choice is None else sorted({0 if check[i] else int(choice[i]), last})
        wanted = range(last + 1) if every_tier or choice is None else turning
        chosen = None if choice is None else matrix.tiers[choice[i]]
        items.append(Item(place, matrix.samples[i].id, labels[i], tuple(matrix.tiers[k] for k in wanted), chosen, bool(check[i])))
    return items


def shown(item: Item, seed: int, rater: str) -> tuple[str, ...]:
    """The answers of an item in the order in which this rater sees them: shuffled, and the same after a reload."""
    return tuple(sorted(item.tiers, key=lambda t: _digest(f"{seed} {rater} {item.sample_id} {t}")))


def _strata(judge: np.ndarray, choice: np.ndarray | None) -> tuple[list[str], np.ndarray]:
    """A label a prompt, and whether it is from the rest (not routable)."""
    last = judge.shape[1] - 1
    rows = np.arange(len(judge))
    if choice is None:
        low, high = np.nanmin(np.nan_to_num(judge, nan=1.0), 1), np.nanmax(np.nan_to_num(judge, nan=0.0), 1)
        check = ~(high - low > 1e-9)
        lost = np.where(check, 0.0, np.nan_to_num(judge[:, -1]) - np.nan_to_num(judge[:, 0]))
        chosen = np.where(check, last, 0)
    else:
        chosen, check = np.asarray(choice), np.asarray(choice) == last
        lost = judge[:, -1] - judge[rows, chosen]
    labels = []
    for i in range(len(judge)):
        mine, top = judge[i, chosen[i]], judge[i, -1]
        if not (math.isfinite(mine) and math.isfinite(top)):
            verdict = "unscored"
        elif abs(lost[i]) > 1e-9:
            verdict = "worse than the last tier" if lost[i] > 0 else "better than the last tier"
        else:
            verdict = "as good, right" if top >= 0.5 else "as good, wrong"
        labels.append(f"rest: {verdict}" if check[i] else f"tier {chosen[i] + 1}: {verdict}")
    return labels, check


def _shares(sizes: dict[str, int], rest: set[str]) -> dict[str, float]:
    """How much of the queue each stratum gets: mass times planned spread, at least `LEAST` of `PLANNED`; a fifth for the rest."""
    out: dict[str, float] = {}
    for part in (set(sizes) - rest, rest):
        total = (CHECK_SHARE if part is rest else 1 - CHECK_SHARE) if rest and set(sizes) - rest else 1.0
        want = {name: sizes[name] * (AGREE if "as good" in name else DISAGREE) for name in sorted(part)}
        whole = sum(want.values())
        least = 0.0 if part is rest else LEAST / PLANNED
        share = {name: max(x / whole * total, min(least, sizes[name] / PLANNED, total / len(want))) for name, x in want.items()}
        out |= {name: x * total / sum(share.values()) for name, x in share.items()}
    return out


def _interleaved(groups: dict[str, list[int]], shares: dict[str, float]) -> list[int]:
    """All rows, so that every beginning of the list has strata in their shares as nearly as whole prompts allow."""
    due = sorted(((place + 0.5) / shares[name], name, i) for name, rows in groups.items() for place, i in enumerate(rows))
    return [i for _, _, i in due]


def _shuffled(ids: Sequence[str], salt: str) -> list[int]:
    return sorted(range(len(ids)), key=lambda i: _digest(f"{salt} {ids[i]}"))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:8]


@dataclass(frozen=True)
class Outlook:
    """Whether human grades settle that a policy loses at most epsilon, and how many more would."""

    settled: bool
    more: int | None
    """Prompts still to be graded by people; None when grading alone cannot settle it."""
    prompts: int | None
    """In all, where these are too few even if people graded every one; None where that is not the trouble."""
    says: str


def outlook(
    loss: Corrected | None, judge: np.ndarray, choice: np.ndarray, epsilon: float, delta: float = 0.1, power: float = 0.8
) -> Outlook:
    """How many more human grades would settle the promise, from what is known so far.

    With a few human grades their own variance is used: sample variance falls as 1/m, population variance stays. Before that
    m = n P(routed) (1 - rho^2) of the n prompts that a certificate on human grades alone takes (docs/statistics.md).
    """
    last = judge.shape[1] - 1
    routed = np.asarray(choice) != last
    size = len(judge)
    graded = loss.humans if loss else 0
    goal = f"at most {epsilon * 100:g} points of loss"
    z = NormalDist().inv_cdf
    if loss is not None and graded >= 3 * FEWEST:
        if loss.upper(delta) <= epsilon:
            return Outlook(True, 0, None, f"The human grades support {goal} with {1 - delta:.0%} confidence.")
        if loss.value >= epsilon:
            return Outlook(False, None, None, f"By the human grades the loss is {loss.value * 100:.1f} points; the aim is {goal}.")
        room = ((epsilon - _planned(loss.value, epsilon)) / (z(1 - delta) + z(power))) ** 2
        if room > loss.population_variance:
            needed = math.ceil(graded * loss.sample_variance / (room - loss.population_variance))
            if needed <= routed.sum():
                return _more(max(needed - graded, 1), goal, loss.value, epsilon)
        total = loss.population_variance + loss.sample_variance * graded / max(routed.sum(), 1)
        return _too_few(math.ceil(size * total / room), size, goal, loss.value, epsilon)
    lost = judge[:, -1] - judge[np.arange(size), choice]
    lost = lost[np.isfinite(lost)]
    if not len(lost):
        return Outlook(False, None, None, "Without automatic grades nothing is known yet.")
    seen = float(lost.mean())
    n = prompts_needed(float((lost**2).mean()), epsilon, delta, power, _planned(seen, epsilon))
    if n > size:
        return _too_few(n, size, goal, seen, epsilon)
    share, rho2 = routed.mean(), CORRELATION**2
    needed = math.ceil(n * share * (1 - rho2) / max(1 - n * share * rho2 / size, 0.05))
    return _more(max(max(min(needed, int(routed.sum())), 3 * FEWEST) - graded, 1), goal, seen, epsilon)


def _planned(seen: float, epsilon: float) -> float:
    """The loss to plan for. A point chosen to lose epsilon is never told apart from one that loses more; half of it is."""
    return min(max(seen, 0.0), epsilon / 2)


def _more(count: int, goal: str, seen: float, epsilon: float) -> Outlook:
    return Outlook(False, count, None, f"About {count:,} more prompts graded by people would settle {goal}{_if(seen, epsilon)}.")


def _too_few(count: int, size: int, goal: str, seen: float, epsilon: float) -> Outlook:
    return Outlook(False, None, count, f"About {count:,} prompts would settle {goal}{_if(seen, epsilon)}; these {size:,} are too few.")


def _if(seen: float, epsilon: float) -> str:
    return f", if the true loss is {epsilon * 50:g} (seen so far: {seen * 100:.1f})" if seen > epsilon / 2 else ""
