"""Scales of a chart drawn by hand: dollars on a log axis, shares on a linear one, and labels that cover nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Box = tuple[float, float, float, float]
"""left, top, right, bottom"""

PLACES = ((12, 4, "start"), (-12, 4, "end"), (0, -14, "middle"), (0, 23, "middle"), (11, -11, "start"), (-11, -11, "end"),
          (11, 19, "start"), (-11, 19, "end"), (14, 36, "start"), (-14, -28, "end"), (14, -28, "start"), (-14, 36, "end"))  # fmt: skip
"""Where a label may stand beside its point, the best first: right, down, and the anchor of its text."""


@dataclass(frozen=True)
class Plane:
    """From cost and quality to places in the picture."""

    width: float
    height: float
    left: float
    top: float
    costs: tuple[float, float]
    """In log10 where `log`."""
    qualities: tuple[float, float]
    log: bool

    @classmethod
    def of(cls, costs: Sequence[float], qualities: Sequence[float], width: float, height: float, left: float, top: float) -> "Plane":
        """A plane with room around what it shows."""
        costs = [c for c in costs if math.isfinite(c)] or [1.0]
        log = min(costs) > 0
        low, high = (math.log10(min(costs)), math.log10(max(costs))) if log else (0.0, max(costs))
        room = max(0.06 * (high - low), 0.08 if log else 1e-9)
        across = (low - room, high + 1.6 * room) if log else (0.0, high * 1.08 or 1.0)
        known = [q for q in qualities if math.isfinite(q)] or [0.0, 1.0]
        air = max(0.07 * (max(known) - min(known)), 0.01)
        up = (max(0.0, min(known) - air), min(1.0, max(known) + air) if max(known) < 1 else 1.0 + air / 2)
        return cls(width, height, left, top, across, up, log)

    def x(self, cost: float) -> float:
        at = math.log10(max(cost, 1e-12)) if self.log else cost
        low, high = self.costs
        return self.left + (min(max(at, low), high) - low) / (high - low) * self.width

    def y(self, quality: float) -> float:
        low, high = self.qualities
        return self.top + (high - min(max(quality, low), high)) / (high - low) * self.height

    def cost_ticks(self) -> list[float]:
        if not self.log:
            return _round_steps(0.0, self.costs[1], 6)
        low, high = self.costs
        steps = (1, 2, 5) if high - low < 2.6 else (1, 3) if high - low < 4 else (1,)
        decades = range(math.floor(low), math.ceil(high) + 1)
        return [m * 10.0**d for d in decades for m in steps if low <= math.log10(m * 10.0**d) <= high]

    def quality_ticks(self) -> list[float]:
        return [t for t in _round_steps(*self.qualities, 6) if t <= 1.0 + 1e-9]


def _round_steps(low: float, high: float, most: int) -> list[float]:
    raw = (high - low) / most
    size = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    step = next((m * size for m in (1, 2, 5, 10) if m * size >= raw), size)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def place_label(text: str, x: float, y: float, taken: list[Box], inside: Box) -> tuple[float, float, str]:
    """Where this label covers least; what it takes is added to `taken`."""
    wide = 7.0 * min(len(text), 28) + 4

    def box(spot: tuple[float, float, str]) -> Box:
        left = x + spot[0] - {"start": 0.0, "middle": wide / 2, "end": wide}[spot[2]]
        return left, y + spot[1] - 12, left + wide, y + spot[1] + 3

    def price(spot: tuple[float, float, str]) -> float:
        left, top, right, bottom = box(spot)
        out = max(0.0, inside[0] - left) + max(0.0, right - inside[2]) + max(0.0, inside[1] - top) + max(0.0, bottom - inside[3])
        covered = sum(max(0.0, min(right, r) - max(left, a)) * max(0.0, min(bottom, b) - max(top, t)) for a, t, r, b in taken)
        return covered + 60 * out + 0.5 * PLACES.index(spot)

    best = min(PLACES, key=price)
    taken.append(box(best))
    return x + best[0], y + best[1], best[2]
