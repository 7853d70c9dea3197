"""What the user wants of a policy: the least cost for a loss that may be lost, the best quality for a price, or both."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tierwise.errors import BadInput, NotReady

NAMES = {"max-loss": "max_loss", "max-cost": "max_cost_per_1k", "min-quality": "min_quality"}
TOLERANCE = 1e-9
"""Sums of grades in another order differ in the last digits; a limit met to within this is met."""


@dataclass(frozen=True)
class Aim:
    """Limits that a policy must keep. With a limit on loss or quality the cheapest policy is wanted, else the best one."""

    max_loss: float | None = None
    """In quality units against the frontier tier: 0.01 is one point. Negative asks for a gain."""
    max_cost_per_1k: float | None = None
    """US dollars for 1,000 requests."""
    min_quality: float | None = None
    """Mean grade in [0, 1]."""

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("max-loss", self.max_loss, -1.0, 1.0),
            ("max-cost", self.max_cost_per_1k, 0.0, math.inf),
            ("min-quality", self.min_quality, 0.0, 1.0),
        ):
            if value is not None and not (low <= value <= high):
                said = f"between {low:g} and {high:g}" if math.isfinite(high) else "0 or more"
                raise BadInput(f"Aim {name}={value:g} does not work: give a number {said}.")
        if self.max_loss is None and self.max_cost_per_1k is None and self.min_quality is None:
            raise BadInput("An aim needs a limit: max-loss, max-cost or min-quality.")

    def __str__(self) -> str:
        parts = []
        if self.max_loss is not None:
            parts.append(f"at most {self.max_loss * 100:g} points of loss")
        if self.min_quality is not None:
            parts.append(f"quality of {self.min_quality:.1%} or more")
        if self.max_cost_per_1k is not None:
            parts.append(f"at most ${self.max_cost_per_1k:g} per 1,000 requests")
        return " and ".join(parts)

    @property
    def wants_cheapest(self) -> bool:
        """The cheapest policy within the limits is wanted; otherwise the best one."""
        return self.max_loss is not None or self.min_quality is not None

    def least_quality(self, frontier_quality: float) -> float:
        """The quality that a policy must have; minus infinity without such a limit."""
        floors = [-math.inf]
        if self.max_loss is not None:
            floors.append(frontier_quality - self.max_loss)
        if self.min_quality is not None:
            floors.append(self.min_quality)
        return max(floors)

    def pick(self, cost: np.ndarray, quality: np.ndarray, frontier_quality: float, nearest: bool = False) -> int:
        """The position of the policy wanted, among some with cost per 1,000 and quality.

        Args:
            nearest: when no policy keeps the limits, take the one that misses by least instead of refusing.

        Raises:
            NotReady: no policy keeps the limits.
        """
        floor = self.least_quality(frontier_quality) - TOLERANCE
        ceiling = math.inf if self.max_cost_per_1k is None else self.max_cost_per_1k * (1 + TOLERANCE) + 1e-15
        fits = np.flatnonzero((quality >= floor) & (cost <= ceiling))
        if len(fits):
            first, second = (cost, -quality) if self.wants_cheapest else (-quality, cost)
            return int(fits[np.lexsort((second[fits], first[fits]))[0]])
        if not nearest:
            raise NotReady(self._refusal(cost, quality, frontier_quality))
        affordable = np.flatnonzero(cost <= ceiling)
        if len(affordable):
            return int(affordable[np.lexsort((cost[affordable], -quality[affordable]))[0]])
        return int(np.lexsort((-quality, cost))[0])

    def _refusal(self, cost: np.ndarray, quality: np.ndarray, frontier_quality: float) -> str:
        cheapest, best = int(np.lexsort((-quality, cost))[0]), int(np.lexsort((cost, -quality))[0])
        if self.max_cost_per_1k is not None and cost[cheapest] > self.max_cost_per_1k:
            least = f"${cost[cheapest]:.4g} per 1,000 requests, with {quality[cheapest]:.1%} quality"
            return f"No thresholds give {self}: the cheapest policy costs {least}. Raise the limit on cost, or add a cheaper tier."
        reach = f"{quality[best]:.1%} quality for ${cost[best]:.4g} per 1,000 (always the last tier: {frontier_quality:.1%})"
        return f"No thresholds give {self}: the best policy reaches {reach}. Loosen the limit, or add a better tier."


def parse_aim(*texts: str | Sequence[str]) -> Aim:
    """An Aim from texts such as 'max-loss=0.01'; several, or several in one text with commas, hold together.

    Raises:
        BadInput: a limit that is not known, not a number, or given twice.
    """
    parts = [part.strip() for text in texts for piece in ([text] if isinstance(text, str) else text) for part in piece.split(",")]
    found: dict[str, float] = {}
    for part in filter(None, parts):
        name, equals, value = part.partition("=")
        key = NAMES.get(name.strip().lower().replace("_", "-").removesuffix("-per-1k"))
        if key is None or not equals:
            raise BadInput(f"Aim {part!r} is not known. Write one of: {', '.join(f'{n}=NUMBER' for n in NAMES)}.")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise BadInput(f"Aim {part!r}: {value.strip()!r} is not a number. Write for example {name.strip()}=0.01.")
        if key in found:
            raise BadInput(f"Aim {name.strip()} is given twice.")
        found[key] = number
    return Aim(**found)
