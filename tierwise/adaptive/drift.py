"""Does the traffic still look like the prompts that a policy was tuned on? Tests with a known rate of false alarms, and a size to judge by.

With thousands of requests every test finds something. So a change is called drift only when it is both beyond chance (p under ALPHA after
Holm's correction over all checks) and large enough to move a decision (a size over its limit).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tierwise import evaluator
from tierwise.errors import NotReady
from tierwise.features import FEATURES
from tierwise.routers import bulk
from tierwise.routers.base import Prompts
from tierwise.types import Policy, Sample

ALPHA = 0.01
MIX, SHIFT, SHARES = 0.10, 0.15, 0.05
"""Sizes that count: total variation between the mixes of types, Kolmogorov-Smirnov distance of a number, and the share of requests whose
tier is another one."""
FEW = 30
WATCHED = ("log_tokens", "numbers", "code_marks", "maths_marks", "lines", "options", "non_ascii", "earlier_turns")
"""Features that are compared: each says something a person would recognise. The score itself is not: a router fitted again on all prompts
spreads its scores otherwise than the held-out ones did (a distance of 0.11 to 0.17 on traffic that had not changed at all)."""


@dataclass(frozen=True)
class Check:
    """One thing compared between the prompts tuned on and those of now."""

    name: str
    size: float
    """0 for the same, 1 for nothing in common."""
    limit: float
    p: float
    """Holm-corrected over all checks."""
    says: str

    @property
    def drifted(self) -> bool:
        return self.p < ALPHA and self.size > self.limit

    def to_json(self) -> dict[str, Any]:
        return {"check": self.name, "size": self.size, "limit": self.limit, "p": self.p, "drifted": self.drifted, "says": self.says}


@dataclass(frozen=True)
class Drift:
    """What has changed in what is asked."""

    then: int
    """Prompts tuned on."""
    now: int
    checks: tuple[Check, ...]
    """Largest change first, in multiples of its limit."""

    @property
    def found(self) -> tuple[Check, ...]:
        return tuple(c for c in self.checks if c.drifted)

    @property
    def lines(self) -> list[str]:
        if not self.found:
            return [
                f"The traffic looks as it did: {self.now:,} requests against the {self.then:,} prompts tuned on, {len(self.checks)} checks."
            ]
        return [f"The traffic has changed ({self.now:,} requests against {self.then:,} prompts):", *(c.says for c in self.found)]

    def to_json(self) -> dict[str, Any]:
        return {"then": self.then, "now": self.now, "drifted": bool(self.found), "checks": [c.to_json() for c in self.checks]}


def drift(policy: Policy, then: Sequence[Sample], now: Sequence[Sample]) -> Drift:
    """Compare the prompts that a policy was tuned on with requests of now.

    Raises:
        NotReady: fewer than 30 of either.
    """
    if min(len(then), len(now)) < FEW:
        raise NotReady(f"{min(len(then), len(now))} prompts on one side: at least {FEW} are needed on each to tell a change from chance.")
    sides = [_read(policy, side) for side in (then, now)]
    found = [*_types(*(s.types for s in sides)), _routed(policy, sides)]
    place = {name: i for i, name in enumerate(FEATURES)}
    found += [_number(n, sides[0].features[:, place[n]], sides[1].features[:, place[n]]) for n in WATCHED]
    checks = _holm(found)
    return Drift(len(then), len(now), tuple(sorted(checks, key=lambda c: -c.size / c.limit)))


def mix_drift(policy_mix: Mapping[str, float], n: int, counts: Mapping[str, int]) -> Drift:
    """As `drift`, from aggregates alone: the mix of request types that a policy was tuned on, and the counts of a traffic profile.

    Raises:
        NotReady: no request types, or fewer than 30 prompts or requests.
    """
    total = sum(counts.values())
    if not policy_mix or not counts:
        raise NotReady("One of the sides has no request types, so their mixes cannot be compared.")
    if min(n, total) < FEW:
        raise NotReady(f"{min(n, total)} prompts on one side: at least {FEW} are needed on each to tell a change from chance.")
    then = [t for t, share in policy_mix.items() for _ in range(round(share * n))]
    now = np.repeat(list(counts), [min(c, 200_000) for c in counts.values()])
    checks = _holm(_types(np.array(then, object), now.astype(object)))
    return Drift(n, total, tuple(checks))


@dataclass(frozen=True)
class _Side:
    types: np.ndarray
    tiers: np.ndarray
    """(n,) places in the policy's list."""
    features: np.ndarray


def _read(policy: Policy, samples: Sequence[Sample]) -> _Side:
    document, prompts = policy.document, Prompts(tuple(samples))
    types = np.array([s.request_type or "untyped" for s in samples], object)
    names = [t["name"] for t in document["tiers"]]
    if document["rules"]:  # the first match wins, request by request
        decided = [evaluator.decide(document, s.chat(), s.request_metadata()) for s in samples]
        return _Side(types, np.array([names.index(d["tier"]) for d in decided]), prompts.features)
    scores = bulk.scores(document["score"], prompts)
    ends = np.array([step["lt"] for step in document["thresholds"][:-1]], float)
    return _Side(types, np.searchsorted(ends, scores, "right"), prompts.features)


def _types(then: np.ndarray, now: np.ndarray) -> list[Check]:
    names = sorted(set(then) | set(now))
    if len(names) < 2:
        return []
    counts = np.array([[(side == n).sum() for n in names] for side in (then, now)], float)
    shares = counts / counts.sum(1, keepdims=True)
    apart = shares[1] - shares[0]
    at = int(np.abs(apart).argmax())
    says = f"Request type {names[at]}: {shares[1, at]:.0%} of requests now, {shares[0, at]:.0%} of the prompts tuned on."
    return [Check("mix of request types", float(np.abs(apart).sum() / 2), MIX, _homogeneous(counts), says)]


def _routed(policy: Policy, sides: Sequence[_Side]) -> Check:
    names = [t["name"] for t in policy.document["tiers"]]
    counts = np.array([[(side.tiers == k).sum() for k in range(len(names))] for side in sides], float)
    # a router knows the prompts that it was fitted on, so the held-out shares are what to expect
    expected = policy.document.get("expected", {}).get("share_by_tier", {})
    if expected:
        counts[0] = np.array([expected.get(n, 0.0) for n in names]) * len(sides[0].tiers)
    shares = counts / counts.sum(1, keepdims=True)
    apart = shares[1] - shares[0]
    at = int(np.abs(apart).argmax())
    says = f"The policy sends {shares[1, at]:.0%} of requests to {names[at]} now; {shares[0, at]:.0%} were expected."
    return Check("share by tier", float(np.abs(apart).sum() / 2), SHARES, _homogeneous(counts), says)


def _number(name: str, then: np.ndarray, now: np.ndarray) -> Check:
    from scipy.stats import ks_2samp

    title, shown = FEATURES[name].title, FEATURES[name].shown
    found = ks_2samp(then, now, method="asymp")
    a, b = np.median(then), np.median(now)
    middle = (
        f"median {shown(b)} now, {shown(a)} when tuned"
        if a != b
        else f"over {shown(a)}: {(now > a).mean():.0%} now, {(then > a).mean():.0%} then"
    )
    return Check(name, float(found.statistic), SHIFT, float(found.pvalue), f"{title[0].upper()}{title[1:]}: {middle}.")


def _homogeneous(counts: np.ndarray) -> float:
    """p-value of "both rows come from one distribution"; rare columns are put together."""
    from scipy.stats import chi2_contingency

    expected = counts.sum(0) * counts.sum(1).min() / counts.sum()
    rare = expected < 5
    if rare.any():
        counts = np.column_stack([counts[:, ~rare], counts[:, rare].sum(1)])
        counts = counts[:, counts.sum(0) > 0]
    return float(chi2_contingency(counts, correction=False).pvalue) if counts.shape[1] > 1 else 1.0


def _holm(checks: Sequence[Check]) -> list[Check]:
    """The same with p-values that hold for all of them at once."""
    from dataclasses import replace

    order = np.argsort([c.p for c in checks], kind="stable")
    worst, corrected = 0.0, [1.0] * len(checks)
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, checks[i].p * (len(checks) - rank)))
        corrected[i] = worst
    return [replace(c, p=p) for c, p in zip(checks, corrected, strict=True)]
