"""What holds wherever the thresholds stand: request types that always go to one tier, and what the router itself costs."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tierwise.errors import BadInput, NotFound, NotReady
from tierwise.tuning.cascade import Fitted
from tierwise.tuning.frontier import Beside, Frontier, sweep
from tierwise.types import OutcomeMatrix


@dataclass(frozen=True)
class Terms:
    """Pins, and the router's overhead on every request that no pin decides."""

    pins: tuple[tuple[str, str], ...] = ()
    """(request type, name of the tier that answers it)."""
    overhead_usd: float = 0.0
    """US dollars a request."""
    overhead_s: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("cost", self.overhead_usd), ("delay", self.overhead_s)):
            if not (math.isfinite(value) and value >= 0):
                raise BadInput(f"The router's own {name} is {value:g}: give a number of 0 or more.")
        kinds = [kind for kind, _ in self.pins]
        for i, kind in enumerate(kinds):
            if kind in kinds[:i]:
                raise BadInput(f"Request type {kind!r} is pinned twice.")

    def __bool__(self) -> bool:
        return bool(self.pins or self.overhead_usd or self.overhead_s)

    def named(self, tiers: Sequence[str]) -> "Terms":
        """The same, with every pin held to the tiers there are; a pin to nothing in particular is one to the last.

        Raises:
            NotFound: a pin names no tier.
        """
        for kind, tier in self.pins:
            if tier and tier not in tiers:
                raise NotFound(f"Request type {kind!r} is pinned to {tier!r}, and there is no such tier. Tiers: {', '.join(tiers)}.")
        return replace(self, pins=tuple((kind, tier or tiers[-1]) for kind, tier in self.pins))

    def fixed(self, m: OutcomeMatrix) -> np.ndarray:
        """(n,) the tier that a pin gives a prompt, or -1."""
        at = np.full(len(m), -1)
        for kind, tier in self.pins:
            at[m.request_types == kind] = m.tiers.index(tier)
        return at

    def charged(self, m: OutcomeMatrix, quality: np.ndarray, cost: np.ndarray, latency: np.ndarray) -> tuple[np.ndarray, ...]:
        """(n, A) quality, cost and latency of actions as they come out: a pinned prompt has the same whatever is chosen, and the router is
        paid for the others."""
        if not self:
            return quality, cost, latency
        fixed = self.fixed(m)
        pinned, rows = (fixed >= 0)[:, None], np.arange(len(m))
        found = zip((quality, cost, latency), (m.quality, m.cost, m.latency), (0.0, self.overhead_usd, self.overhead_s), strict=True)
        return tuple(np.where(pinned, own[rows, fixed][:, None], given + extra) for given, own, extra in found)

    def on(self, m: OutcomeMatrix) -> OutcomeMatrix:
        """The matrix with the router's overhead on every prompt that it looks at."""
        if not (self.overhead_usd or self.overhead_s):
            return m
        free = (self.fixed(m) < 0)[:, None]
        return replace(m, cost=m.cost + free * self.overhead_usd, latency=m.latency + free * self.overhead_s)

    def of_cascade(self, fitted: Fitted, m: OutcomeMatrix) -> Fitted:
        """A replayed cascade under these terms."""
        sim = fitted.replayed
        quality, cost, latency = self.charged(m, sim.quality, sim.cost, sim.latency)
        return replace(fitted, replayed=replace(sim, quality=quality, cost=cost, latency=latency))

    def beside(self, m: OutcomeMatrix) -> Beside:
        """What pinned prompts add to every policy, and what always-frontier costs and keeps."""
        w, fixed = m.weights / m.weights.sum(), self.fixed(m)
        at = np.flatnonzero(fixed >= 0)
        if len(at) == len(m):
            raise NotReady("Every request type is pinned, so there is nothing left to choose. Take a pin away.")
        shares = np.bincount(fixed[at], w[at], len(m.tiers)).astype(float)
        return Beside(
            float(w[fixed < 0].sum()), float(w[at] @ m.quality[at, fixed[at]]), float(w[at] @ m.cost[at, fixed[at]]), shares,
            float(w @ m.quality[:, -1]), float(w @ m.cost[:, -1]),
        )  # fmt: skip

    def frontier(self, scores: np.ndarray, m: OutcomeMatrix) -> Frontier:
        """The sweep over the prompts that no pin decides, with the others added to every policy."""
        if not self:
            return sweep(scores, m.quality, m.cost, m.weights, m.tiers)
        beside, free = self.beside(m), self.fixed(m) < 0
        own = self.on(m)
        return sweep(scores[free], m.quality[free], own.cost[free], m.weights[free], m.tiers).under(beside)

    def rules(self) -> list[dict[str, Any]]:
        """The pins as the first rules of a policy: nothing else may answer such a request."""
        return [
            {"id": f"pin {i}: {_line(kind)}", "when": {"request_type": [kind]}, "tier": tier, "pin": {"allow_fallbacks": False}}
            for i, (kind, tier) in enumerate(self.pins, 1)
        ]

    @classmethod
    def of_policy(cls, document: Mapping[str, Any]) -> "Terms":
        """The terms that a policy was tuned under: its leading rules that pin one request type, and the overhead on record."""
        pins = []
        for rule in document["rules"]:
            kinds = rule["when"].get("request_type", ())
            if not rule.get("pin") or not rule["id"].startswith("pin ") or len(kinds) != 1 or len(rule["when"]) > 1:
                break
            pins.append((kinds[0], rule["tier"]))
        overhead = document["provenance"].get("overhead", {})
        return cls(tuple(pins), overhead.get("usd_per_1k", 0.0) / 1000, overhead.get("ms", 0.0) / 1000)

    def warnings(self, m: OutcomeMatrix) -> list[str]:
        """Pins that concern no prompt."""
        known = set(m.request_types.tolist())
        return [
            f"No prompt is of the pinned request type {kind!r}: the figures say nothing of it."
            for kind, _ in self.pins
            if kind not in known
        ]


def parse_pins(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Pins from texts such as 'contract_qa=large'; without a tier the last one is meant.

    Raises:
        BadInput: a text without a request type.
    """
    found = []
    for text in texts:
        kind, equals, tier = text.rpartition("=")
        kind, tier = (kind, tier) if equals else (text, "")
        if not kind.strip():
            raise BadInput(f"--pin {text!r}: write REQUEST-TYPE=TIER, such as contract_qa=large.")
        found.append((kind.strip(), tier.strip()))
    return tuple(found)


def _line(kind: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", kind)[:120]
