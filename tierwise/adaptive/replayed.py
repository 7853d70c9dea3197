"""What a replay found: a line for each policy, and what to make of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tierwise.adaptive.alarm import LIMIT, pairs_to_alarm
from tierwise.adaptive.shadow import pairs_a_day
from tierwise.adaptive.stream import Change
from tierwise.errors import BadInput

STATIC, WATCHED = "static", "watched"


@dataclass(frozen=True)
class Line:
    """One policy over all replays; means with standard errors over them."""

    name: str
    title: str
    start: str
    """`tuned`: from prompts graded on every tier; `cold`: from nothing."""
    regret: float
    """Worth missed per 1,000 requests against the best fixed policy in hindsight, before the change; worth is quality - price x cost share."""
    regret_se: float
    regret_after: float | None
    """The same after the change, against the best fixed policy of that part."""
    regret_after_se: float | None
    quality: float
    spent: float
    """As a share of always using the last tier; shadow answers and retuning included."""
    explored: float
    """Share of requests sent to another tier than what looked best, or asked twice."""
    rang: float | None = None
    """Of `watched`: share of replays in which the alarm rang after the change (before it, without one)."""
    delay: float | None = None
    """Of `watched`: median requests from the change to the alarm."""
    false_alarms: float | None = None
    """Of `watched`: share of replays in which it rang before the change."""
    along: tuple[tuple[int, float], ...] = field(default=(), repr=False)
    """(request, worth missed by then), mean over the replays; 1 is a right answer in place of a wrong one."""

    def to_json(self) -> dict[str, Any]:
        names = ("name", "start", "regret", "regret_se", "regret_after", "regret_after_se", "quality", "spent", "explored", "rang", "delay",
                 "false_alarms")  # fmt: skip
        return {n: getattr(self, n) for n in names}


@dataclass(frozen=True)
class Detection:
    """What shadow sampling of the static policy costs at a volume, and how soon it would have told."""

    rate: float
    """Share of what is sent down, the fewest a day included."""
    pairs_a_day: float
    price_a_day: float
    """US dollars of the last tier's shadow answers; grading them is not counted."""
    false_alarm_days: float | None
    """At most one false alarm in so many days, on average; None where nothing is sent down."""
    pairs: float | None
    """Median until the alarm rings after the change; None without one, where it takes nothing, or beyond 20,000 pairs."""
    days: float | None


@dataclass(frozen=True)
class Watch:
    """What the static policy sends down, and loses on it."""

    rate: float
    down: float
    """Share of requests that are not sent to the last tier."""
    tolerated: float
    before: float
    """Mean loss of what is sent down; the change comes after it."""
    after: float | None
    frontier_usd: float
    """A mean answer of the last tier."""

    def at(self, requests_a_day: float) -> Detection:
        """At a volume.

        Raises:
            BadInput: no requests.
        """
        if not 0 < requests_a_day < float("inf"):
            raise BadInput(f"{requests_a_day:g} requests a day: give a number over 0.")
        routed = requests_a_day * self.down
        a_day = pairs_a_day(routed, self.rate)
        pairs = None
        if self.after is not None and self.after > self.tolerated:
            pairs = pairs_to_alarm(round(self.after, 2), round(self.tolerated, 3))[0]
        return Detection(
            a_day / routed if routed else 0.0, a_day, a_day * self.frontier_usd, LIMIT / a_day if a_day else None, pairs,
            pairs / a_day if pairs and a_day else None,
        )  # fmt: skip


@dataclass(frozen=True)
class Replayed:
    """Learning policies beside the static one."""

    lines: tuple[Line, ...]
    n: int
    """Requests in a replay."""
    offline: int
    """Prompts that the tuned starts were given."""
    runs: int
    price: float
    budget: float | None
    change: Change | None
    simulated: bool
    watch: Watch
    prompts: int
    """That could have been replayed; more than were where a sample was drawn."""
    logged: Mapping[str, Any] | None = field(default=None, repr=False)
    """What epsilon-greedy logged in the first replay, for off_policy.py: x, order, tier, chance, quality, cost."""

    @property
    def words(self) -> list[str]:
        best = min(self.lines, key=lambda x: x.regret if x.regret_after is None else x.regret_after)
        still = next(x for x in self.lines if x.name == STATIC)
        part = "after the change" if self.change else "on this traffic"
        mine, other = ((x.regret_after if self.change else x.regret) for x in (still, best))
        error = (still.regret_after_se if self.change else still.regret_se) or 0.0
        said = f"{mine / 10:.1f} points of quality a request, cost priced in"
        if best is still or mine - other <= 2 * error:
            told = [f"Learning as it goes buys nothing to speak of {part}: the static policy misses {said}."]
        else:
            told = [f"{best.title} ({best.start} start) does best {part}: it misses {other / 10:.1f} points, the static policy {said}."]
        watched = next((x for x in self.lines if x.name == WATCHED), None)
        if self.change and watched and (watched.rang or 0.0) < 0.5:
            told.append(f"The alarm rang in {watched.rang or 0.0:.0%} of replays: {self.n:,} requests hold too few shadow pairs. At your "
                        "volume, see the plan for shadow sampling.")  # fmt: skip
        return told

    def to_json(self) -> dict[str, Any]:
        change = None if self.change is None else self.change.__dict__
        return {"n": self.n, "offline": self.offline, "runs": self.runs, "price": self.price, "budget": self.budget, "change": change,
                "simulated": self.simulated, "policies": [x.to_json() for x in self.lines], "words": self.words}  # fmt: skip
