"""What the user wants of a policy: the least cost for a loss that may be lost, the best quality for a price, or both."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tierwise.errors import BadInput, NotReady

NAMES = {
    "max-loss": "max_loss",
    "max-cost": "max_cost_per_1k",
    "min-quality": "min_quality",
    "max-latency-p95": "max_latency_p95_s",
    "wrong-answer-usd": "wrong_answer_usd",
}
SLOW = 0.05
"""Share of requests that may take longer than the limit on latency: what p95 means."""
TOLERANCE = 1e-9
"""Sums of grades in another order differ in the last digits; a limit met to within this is met."""


@dataclass(frozen=True)
class Aim:
    """Limits that a policy must keep, all of them. With a limit on loss or quality the cheapest policy is wanted, else the best one; with a
    price on wrong answers, the one whose bill and wrong answers together cost least."""

    max_loss: float | None = None
    """In quality units against the frontier tier: 0.01 is one point. Negative asks for a gain."""
    max_cost_per_1k: float | None = None
    """US dollars for 1,000 requests."""
    min_quality: float | None = None
    """Mean grade in [0, 1]."""
    min_quality_by_type: tuple[tuple[str, float], ...] = ()
    """(request type, mean grade) that each of these types must have."""
    max_latency_p95_s: float | None = None
    """Seconds that 95 % of requests must stay under."""
    wrong_answer_usd: float | None = None
    """What a wrong answer costs, in US dollars: a request costs its calls, plus this times (1 - grade)."""

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("max-loss", self.max_loss, -1.0, 1.0),
            ("max-cost", self.max_cost_per_1k, 0.0, math.inf),
            ("min-quality", self.min_quality, 0.0, 1.0),
            ("max-latency-p95", self.max_latency_p95_s, 0.0, math.inf),
            ("wrong-answer-usd", self.wrong_answer_usd, 0.0, math.inf),
            *((f"min-quality:{kind}", value, 0.0, 1.0) for kind, value in self.min_quality_by_type),
        ):
            if value is not None and not (low <= value <= high):
                said = f"between {low:g} and {high:g}" if math.isfinite(high) else "0 or more"
                raise BadInput(f"Aim {name}={value:g} does not work: give a number {said}.")
        if not self.min_quality_by_type and all(getattr(self, name) is None for name in NAMES.values()):
            raise BadInput(f"An aim needs a limit: one of {', '.join(NAMES)}.")

    def __str__(self) -> str:
        parts = []
        if self.max_loss is not None:
            parts.append(f"at most {self.max_loss * 100:g} points of loss")
        if self.min_quality is not None:
            parts.append(f"quality of {self.min_quality:.1%} or more")
        if self.max_cost_per_1k is not None:
            parts.append(f"at most ${self.max_cost_per_1k:g} per 1,000 requests")
        parts += [f"quality of {value:.1%} or more on {kind}" for kind, value in self.min_quality_by_type]
        if self.max_latency_p95_s is not None:
            parts.append(f"95 % of requests within {self.max_latency_p95_s:g} s")
        if self.wrong_answer_usd is not None:
            parts.append(f"least cost with ${self.wrong_answer_usd:g} for a wrong answer")
        return " and ".join(parts)

    @property
    def wants_cheapest(self) -> bool:
        """The cheapest policy within the limits is wanted; otherwise the best one."""
        return self.wrong_answer_usd is None and (
            self.max_loss is not None or self.min_quality is not None or bool(self.min_quality_by_type)
        )

    def excesses(
        self, kinds: np.ndarray, weights: np.ndarray, quality: np.ndarray, latency: np.ndarray, rows: np.ndarray | slice = slice(None)
    ) -> list[np.ndarray]:
        """(n, A) values for each limit that concerns some prompts only or the latency: a policy keeps it while their weighted mean over
        the actions it takes is 0 or less.

        Args:
            kinds: (n,) request types.
            quality, latency: (n, A) of each action.
            rows: the prompts looked at; a type that none of them has sets no limit.
        """
        found = []
        for kind, least in self.min_quality_by_type:
            here = (kinds[rows] == kind)[:, None]
            if here.any():
                found.append(np.where(here, least - quality[rows], 0.0) / max(np.average(here[:, 0], weights=weights[rows]), 1e-12))
        if self.max_latency_p95_s is not None:
            found.append((latency[rows] > self.max_latency_p95_s) - SLOW)
        return found

    def objective(self, cost: np.ndarray, quality: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is to be least, and what decides between equals; of cost per 1,000 and mean quality."""
        if self.wrong_answer_usd is not None:
            return cost + 1000 * self.wrong_answer_usd * (1 - quality), cost
        return (cost, -quality) if self.wants_cheapest else (-quality, cost)

    def least_quality(self, frontier_quality: float) -> float:
        """The quality that a policy must have; minus infinity without such a limit."""
        floors = [-math.inf]
        if self.max_loss is not None:
            floors.append(frontier_quality - self.max_loss)
        if self.min_quality is not None:
            floors.append(self.min_quality)
        return max(floors)

    def pick(
        self, cost: np.ndarray, quality: np.ndarray, frontier_quality: float, nearest: bool = False,
        excess: np.ndarray | None = None, margin: np.ndarray | float = 0.0,
    ) -> int:  # fmt: skip
        """The position of the policy wanted, among some with cost per 1,000 and quality.

        Args:
            nearest: when no policy keeps the limits, take the one that misses by least instead of refusing.
            excess: (P,) by how much the worst of the limits of `excesses` is missed; 0 or less keeps them.
            margin: (P,) how much better than its limit a policy's quality must look; see `heldout.optimism`.

        Raises:
            NotReady: no policy keeps the limits.
        """
        floor = self.least_quality(frontier_quality) - TOLERANCE
        ceiling = math.inf if self.max_cost_per_1k is None else self.max_cost_per_1k * (1 + TOLERANCE) + 1e-15
        kept = (cost <= ceiling) if excess is None else (cost <= ceiling) & (excess <= TOLERANCE)
        # a margin says that a limit is met too narrowly, never that nothing will do
        fits = np.flatnonzero(kept & (quality - margin >= floor))
        fits = fits if len(fits) else np.flatnonzero(kept & (quality >= floor))
        if len(fits):
            first, second = self.objective(cost, quality)
            return int(fits[np.lexsort((second[fits], first[fits]))[0]])
        if not nearest:
            raise NotReady(self._refusal(cost, quality, frontier_quality, excess))
        affordable = np.flatnonzero(cost <= ceiling)
        if excess is not None and len(affordable):
            affordable = affordable[excess[affordable] <= max(excess[affordable].min(), 0.0) + TOLERANCE]
        if len(affordable):
            return int(affordable[np.lexsort((cost[affordable], -quality[affordable]))[0]])
        return int(np.lexsort((-quality, cost))[0])

    def _refusal(self, cost: np.ndarray, quality: np.ndarray, frontier_quality: float, excess: np.ndarray | None) -> str:
        cheapest, best = int(np.lexsort((-quality, cost))[0]), int(np.lexsort((cost, -quality))[0])
        if self.max_cost_per_1k is not None and cost[cheapest] > self.max_cost_per_1k:
            least = f"${cost[cheapest]:.4g} per 1,000 requests, with {quality[cheapest]:.1%} quality"
            return f"No thresholds give {self}: the cheapest policy costs {least}. Raise the limit on cost, or add a cheaper tier."
        if excess is not None and not (excess <= TOLERANCE).any():
            return f"No thresholds give {self}: each misses the limit on a request type or on latency. Loosen it, or change the tiers."
        reach = f"{quality[best]:.1%} quality for ${cost[best]:.4g} per 1,000 (always the last tier: {frontier_quality:.1%})"
        return f"No thresholds give {self}: the best policy reaches {reach}. Loosen the limit, or add a better tier."


def parse_aim(*texts: str | Sequence[str]) -> Aim:
    """An Aim from texts such as 'max-loss=0.01' or 'min-quality:legal=0.9'; several, or several in one text with commas, hold together.

    Raises:
        BadInput: a limit that is not known, not a number, or given twice.
    """
    parts = [part.strip() for text in texts for piece in ([text] if isinstance(text, str) else text) for part in piece.split(",")]
    found: dict[str, float] = {}
    by_type: dict[str, float] = {}
    for part in filter(None, parts):
        said, equals, value = part.rpartition("=")
        name, colon, kind = said.partition(":")
        key = NAMES.get(name.strip().lower().replace("_", "-").removesuffix("-per-1k").removesuffix("-s"))
        if key is None or not equals or (colon and (key != "min_quality" or not kind.strip())):
            known = ", ".join(f"{n}=NUMBER" for n in NAMES)
            raise BadInput(f"Aim {part!r} is not known. Write one of: {known}, min-quality:REQUEST-TYPE=NUMBER.")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise BadInput(f"Aim {part!r}: {value.strip()!r} is not a number. Write for example {said.strip()}=0.01.")
        if kind.strip() in by_type if colon else key in found:
            raise BadInput(f"Aim {said.strip()} is given twice.")
        if colon:
            by_type[kind.strip()] = number
        else:
            found[key] = number
    return Aim(**found, min_quality_by_type=tuple(by_type.items()))
