"""What a user should know before trusting a tuning, in plain words."""

from collections import Counter

import numpy as np

from tierwise.tuning.aims import Aim
from tierwise.tuning.heldout import HeldOut
from tierwise.types import OutcomeMatrix

FEW = 30
SMALL = 200
CUT_OFF = 0.01
ALIKE = 0.05
"""Policies whose costs differ by less than this share of the frontier's are as cheap as each other."""


def data_warnings(whole: OutcomeMatrix, used: OutcomeMatrix) -> list[str]:
    """About the prompts and tiers: `whole` is what was given, `used` its complete rows."""
    found = []
    if whole.run.simulated:
        found.append("The models are simulated: the figures show how Tierwise works, not what real models do.")
    if dropped := len(whole) - len(used):
        ungraded = int((~np.isfinite(whole.quality)).any(1).sum())
        why = f"{ungraded:,} without a grade on some tier" if ungraded else "without a price on some tier"
        found.append(f"{dropped:,} of {len(whole):,} prompts are left out: {why}.")
    units = len(np.unique(used.clusters))
    if units < SMALL:
        what = "prompts" if units == len(used) else f"groups of prompts ({len(used):,} prompts)"
        found.append(f"Only {units:,} graded {what}: the intervals are wide, and small differences cannot be told from chance.")
    found += _tiers(used)
    if all(s.request_type is None for s in used.samples):
        found.append("No prompt has a request type. Types are the strongest simple signal; add a request_type column if you know them.")
    if repeated := _repeated(used):
        found.append(f"{repeated:,} prompts repeat the text of another outside its cluster: they count as evidence twice.")
    return found


def _tiers(m: OutcomeMatrix) -> list[str]:
    found = []
    w = m.weights / m.weights.sum()
    quality, cost = w @ m.quality, w @ m.cost
    last = len(cost) - 1
    for k, name in enumerate(m.tiers):
        same = (quality == quality[k]) & (cost == cost[k])
        better = np.flatnonzero((quality >= quality[k]) & (cost <= cost[k]) & ~same).tolist()
        if better:
            j = max(better, key=lambda i: (quality[i], -cost[i]))
            who = "the last tier, against which loss is counted, is" if k == last else "is"
            found.append(
                f"{name}: {who} beaten by {m.tiers[j]}, which is no dearer and no worse here "
                f"({quality[j]:.1%} for ${cost[j] * 1000:.3g} per 1,000 against {quality[k]:.1%} for ${cost[k] * 1000:.3g})."
            )
    if (np.diff(cost) < 0).any():
        costs = ", ".join(f"{name} ${c * 1000:.3g}" for name, c in zip(m.tiers, cost, strict=True))
        found.append(f"The tiers are not in order of cost: {costs} per 1,000.")
    for k, name in enumerate(m.tiers):
        cut, failed = float(w @ m.truncated[:, k]), float(w @ m.failed[:, k])
        if cut > CUT_OFF:
            found.append(
                f"{cut:.0%} of the answers of {name} were cut off at the token limit; its quality may be understated. "
                "Raise the limit and run it again."
            )
        if failed > CUT_OFF:
            found.append(f"{failed:.0%} of the calls to {name} failed and count by their grade.")
    return found


def _repeated(m: OutcomeMatrix) -> int:
    seen: Counter[tuple] = Counter()
    clusters: dict[tuple, set[int]] = {}
    for sample, cluster in zip(m.samples, m.clusters.tolist(), strict=True):
        key = (sample.system, sample.context, sample.input, tuple(tuple(sorted(x.items())) for x in sample.messages))
        seen[key] += 1
        clusters.setdefault(key, set()).add(cluster)
    return sum(n - 1 for key, n in seen.items() if n > 1 and len(clusters[key]) > 1)


def result_warnings(
    m: OutcomeMatrix, held: HeldOut, aim: Aim, against_coin: tuple[float, float], verdict: str, least_prompts: int
) -> list[str]:
    """About what the held-out figures say of the aim, and about doing without a router.

    Args:
        against_coin: quality of the router and of a coin flip of the same cost, both as read off folds that chose nothing.
    """
    found = []
    units = len(np.unique(m.clusters))
    flip = f"a coin flip of the same cost ({against_coin[0]:.1%} quality against {against_coin[1]:.1%}, held-out)"
    if units < max(FEW, least_prompts):
        found.append(f"With {units:,} prompts no loss can be ruled out: {max(FEW, least_prompts):,} are the least for this aim.")
    elif verdict == "too few prompts":
        found.append(f"The router looks better than {flip}, but {units:,} prompts are too few to be sure.")
    elif verdict == "not routable" and held.saving >= ALIKE:
        found.append(f"The router is not shown to be better than {flip}: it has learned nothing that pays here.")
    elif verdict == "not routable":
        found.append(f"Held-out prompts save {held.saving:.1%} for this aim, which is not worth a router.")
    w = m.weights / m.weights.sum()
    quality, cost = w @ m.quality, 1000 * (w @ m.cost)
    if aim.max_loss is not None and held.loss > aim.max_loss + max(0.2 * abs(aim.max_loss), 0.002):
        found.append(
            f"On held-out prompts the loss was {held.loss * 100:.1f} points where {aim.max_loss * 100:g} was aimed at. "
            "Thresholds chosen on what is seen are a little too bold; aim lower, or use the certified thresholds."
        )
    least = aim.least_quality(float(quality[-1])) if aim.wants_cheapest else held.quality
    for k in range(len(m.tiers) - 1):
        if quality[k] >= least - 1e-9 and cost[k] - held.cost_per_1k_usd < ALIKE * cost[-1]:
            found.append(
                f"{m.tiers[k]} alone does about as well: {quality[k]:.1%} for ${cost[k]:.3g} per 1,000 "
                f"(the policy: {held.quality:.1%} for ${held.cost_per_1k_usd:.3g}). Just use it."
            )
            break
    return found
