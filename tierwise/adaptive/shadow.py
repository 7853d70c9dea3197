"""Shadow sampling: which share of the traffic to check, what that costs, and after how many days a loss is seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tierwise.adaptive.alarm import BETS, LIMIT, TOLERATED, pairs_to_alarm
from tierwise.errors import BadInput, NotReady
from tierwise.policy.document import as_policy, check, with_digest
from tierwise.types import Policy

RATE, A_DAY = 0.05, 10
"""Share of routed-down requests that are shadowed, and the fewest a day."""
LOSSES = (0.06, 0.10, 0.20)
"""Losses of routed-down requests that a plan tells the days for; those not above what is tolerated are left out."""


@dataclass(frozen=True)
class Delay:
    """How long a loss of this size stays unseen."""

    loss: float
    """Of routed-down requests."""
    pairs: float | None
    """Median; None beyond 20,000 pairs."""
    days: float | None

    def to_json(self) -> dict[str, Any]:
        return {"loss": self.loss, "pairs": self.pairs, "days": self.days}


@dataclass(frozen=True)
class Plan:
    """What watching a policy takes at a volume."""

    rate: float
    """Share of routed-down requests that are asked of the frontier tier too."""
    pairs_a_day: float
    tolerated: float
    """Mean loss of routed-down requests, in quality units: the loss allowed over all traffic, over the share routed down."""
    limit: float
    price_a_day: float | None
    """US dollars for the frontier tier's shadow answers, and for grading where a price of it was given; None where costs are not known."""
    price_share: float | None
    """The price as a share of what routing saves."""
    false_alarm_days: float
    """At most one false alarm in so many days, on average."""
    delays: tuple[Delay, ...]

    def to_json(self) -> dict[str, Any]:
        names = ("rate", "pairs_a_day", "tolerated", "limit", "price_a_day", "price_share", "false_alarm_days")
        return {n: getattr(self, n) for n in names} | {"delays": [d.to_json() for d in self.delays]}

    @property
    def lines(self) -> list[str]:
        """In words."""
        out = [f"Shadow {self.rate:.1%} of what is routed down: {self.pairs_a_day:,.0f} pairs a day, tolerating a loss of "
               f"{self.tolerated * 100:.1f} points on them."]  # fmt: skip
        if self.price_a_day is not None:
            share = f", {self.price_share:.1%} of what routing saves" if self.price_share is not None else ""
            out.append(f"It costs ${self.price_a_day:,.2f} a day{share}.")
        out.append(f"At most one false alarm in {self.false_alarm_days:,.0f} days on average.")
        for d in self.delays:
            seen = f"seen after {d.pairs:,.0f} pairs, {d.days:,.1f} days (median, simulated)" if d.pairs else "not seen within 20,000 pairs"
            out.append(f"A loss of {d.loss * 100:.0f} points on them: {seen}.")
        return out


def plan(
    policy: Policy, requests_a_day: float, rate: float = RATE, tolerated: float | None = None, limit: float = LIMIT,
    grading_usd: float = 0.0, fewest: int = A_DAY,
) -> Plan:  # fmt: skip
    """Days to detection and price of watching a policy at a volume.

    Args:
        tolerated: of routed-down requests; by default the loss promised or aimed at over all traffic, over the share routed down, and at
            least three points: less than that takes months to tell from nothing.
        grading_usd: what grading one pair costs.

    Raises:
        BadInput: a rate outside (0, 1], or no requests.
        NotReady: the policy sends nothing down.
    """
    if not 0 < rate <= 1:
        raise BadInput(f"A shadow rate of {rate:g}: give a share of requests over 0 and at most 1, such as 0.05.")
    if not 0 < requests_a_day < float("inf"):
        raise BadInput(f"{requests_a_day:g} requests a day: give a number over 0.")
    if not 0 <= grading_usd < float("inf"):
        raise BadInput(f"{grading_usd:g} dollars a graded pair: give 0 or more.")
    expected = policy.document.get("expected", {})
    down = routed_down(policy)
    if down <= 0:
        raise NotReady(f"The policy {policy.name!r} sends everything to its last tier: there is nothing to watch.")
    allowed = tolerated if tolerated is not None else tolerated_loss(policy)
    routed = requests_a_day * down
    pairs = pairs_a_day(routed, rate, fewest)
    frontier, saved = _frontier_cost(expected)
    price = None if frontier is None else pairs * (frontier + grading_usd)
    share = price / (saved * requests_a_day) if price is not None and saved and saved > 0 else None
    delays = []
    for loss in (x for x in LOSSES if x > allowed + 0.01):
        median = pairs_to_alarm(loss, round(allowed, 4), limit)[0]
        delays.append(Delay(loss, median, None if median is None else median / pairs))
    return Plan(pairs / routed, pairs, allowed, limit, price, share, limit / pairs, tuple(delays))


def pairs_a_day(routed: float, rate: float, fewest: int = A_DAY) -> float:
    """Shadow pairs of so many requests routed down a day: the rate's share of them, a fewest number, and never more than there are."""
    return min(max(rate * routed, fewest), routed)


def routed_down(policy: Policy) -> float:
    """The share of requests that the policy was expected not to send to its last tier."""
    shares: Mapping[str, float] = policy.document.get("expected", {}).get("share_by_tier", {})
    if not shares:
        raise NotReady(f"The policy {policy.name!r} does not say how much it sends to each tier. Save it from Tune without moving rules.")
    return 1 - float(shares.get(policy.document["tiers"][-1]["name"], 0.0))


def tolerated_loss(policy: Policy) -> float:
    """Mean loss of routed-down requests at which the policy keeps what it was chosen for."""
    promise = policy.document.get("certificate", {})
    aim = policy.document.get("provenance", {}).get("aim", {})
    overall = promise.get("epsilon") if promise.get("status") == "certified" else aim.get("max_loss")
    return min(max(TOLERATED, (overall or 0.0) / max(routed_down(policy), 1e-9)), 0.5)


def with_shadow(policy: Policy, rate: float = RATE, tolerated: float | None = None, limit: float = LIMIT, fewest: int = A_DAY) -> Policy:
    """The same decisions, with how it is to be watched written into it; a new policy of the same version.

    Raises:
        BadInput: settings that the schema does not take.
    """
    allowed = tolerated_loss(policy) if tolerated is None else tolerated
    watch = {"rate": rate, "min_per_day": fewest, "tolerated_loss": round(allowed, 6), "alarm_at": limit, "bets": list(BETS)}
    document = {k: v for k, v in policy.document.items() if k != "digest"} | {"shadow": watch}
    signed = with_digest(document)
    check(signed)
    return as_policy(signed)


def _frontier_cost(expected: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """US dollars a request: of the frontier tier, and what routing saves."""
    cost = expected.get("cost_per_1k_usd", {}).get("value")
    saving = expected.get("saving", {}).get("value")
    if cost is None or saving is None or saving >= 1:
        return None, None
    frontier = cost / (1 - saving) / 1000
    return frontier, frontier * saving
