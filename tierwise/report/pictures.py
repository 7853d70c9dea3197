"""The charts of a report as SVG, drawn from tables: no browser, no network, no script.

Blue is the route, vermillion is now, slate is reference, as on the screens; tiers are told apart by shape and place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tierwise.report.axes import Box, Plane, place_label
from tierwise.report.markup import Markup, join, style, tag
from tierwise.ui import figures

ROUTE, NOW, REFERENCE, SURE = "#0072B2", "#D55E00", "#64748B", "#009E73"
INK = "text{font-family:system-ui,sans-serif;fill:#475569}.grid{stroke:#94a3b8;stroke-opacity:.28}.ground{fill:#fff}"
DARK = "text{fill:#cbd5e1}.ground{fill:#0f172a}"
LABEL = 24
"""Characters of a tier's name that a chart shows."""


@dataclass(frozen=True)
class Spot:
    """A named point with its interval."""

    name: str
    cost: float
    quality: float
    low: float | None = None
    high: float | None = None
    n: int = 0


@dataclass(frozen=True)
class Route:
    """What the cost-quality chart shows; costs are dollars for 1,000 requests, qualities shares."""

    tiers: Sequence[Spot]
    mix: Sequence[tuple[float, float]] = ()
    """Random mixes of single tiers: a straight line in dollars, so a curve on a log axis."""
    steps: Sequence[tuple[float, float]] = ()
    """The frontier of the router, cost rising."""
    band: Sequence[tuple[float, float, float]] = ()
    """cost, low, high"""
    oracle: Spot | None = None
    here: Spot | None = None
    """The recommended point, or the policy."""
    heldout: Spot | None = None
    target: float | None = None


def cost_quality(route: Route, width: float = 860, height: float = 430, alone: bool = False) -> Markup:
    """Quality against cost. `alone` makes it a file of its own, with its colours inside."""
    extra = [s for s in (route.oracle, route.here, route.heldout) if s is not None]
    spots = [*route.tiers, *extra]
    pairs = [*route.mix, *route.steps]
    costs = [s.cost for s in spots] + [c for c, _ in pairs]
    qualities = [v for s in spots for v in (s.quality, s.low, s.high) if v is not None] + [q for _, q in pairs]
    qualities += [v for _, low, high in route.band for v in (low, high)] + ([route.target] if route.target is not None else [])
    plane = Plane.of(costs, qualities, width - 76, height - 70, 62, 14)
    layers = [_frame(plane, width, height), _band(plane, route.band), _line(plane, route.mix, REFERENCE, 1.5, "5 4")]
    if route.target is not None:
        y = plane.y(route.target)
        layers.append(tag("line", x1=plane.left, x2=plane.left + plane.width, y1=y, y2=y, stroke=NOW, stroke_dasharray="2 3", opacity=0.8))
        layers.append(_word("aim", plane.left + 6, y - 6, "start", NOW))
    layers.append(_steps(plane, route.steps))
    layers += [_tier(plane, spot, k) for k, spot in enumerate(route.tiers)]
    if route.oracle is not None:
        layers.append(_mark(plane, route.oracle, "diamond", REFERENCE, hollow=True))
    if route.heldout is not None:
        layers += [_bar(plane, route.heldout, NOW), _mark(plane, route.heldout, "diamond", NOW)]
    if route.here is not None:
        ring = {"cx": plane.x(route.here.cost), "cy": plane.y(route.here.quality), "r": 9.5, "fill": "none", "stroke": NOW}
        layers.append(tag("circle", _says(route.here), stroke_width=3, **ring))
    layers.append(_labels(plane, route))
    says = f"Quality against cost of {len(route.tiers)} tiers" + (" and of the routes between them." if route.steps else ".")
    return _svg(width, height, says, join(*layers), alone)


def intervals(spots: Sequence[Spot], width: float = 860, alone: bool = False) -> Markup:
    """Mean grade of each tier as a dot with its 95 % interval, a line each."""
    known = [v for s in spots for v in (s.quality, s.low, s.high) if v is not None]
    plane = Plane.of([1.0], known, 0, 1, 0, 0)
    low, high = plane.qualities
    left, right, step = 170.0, width - 130.0, 34.0
    height = step * len(spots) + 44

    def x(share: float) -> float:
        return left + (share - low) / (high - low) * (right - left)

    parts = []
    for tick in plane.quality_ticks():
        parts.append(tag("line", x1=x(tick), x2=x(tick), y1=8.0, y2=height - 32, class_="grid"))
        parts.append(_word(_share(tick, plane), x(tick), height - 14, "middle"))
    for k, s in enumerate(spots):
        y = 22 + step * k
        parts.append(_word(_short(s.name), left - 16, y + 4, "end", bold=True))
        if s.low is not None and s.high is not None:
            parts.append(tag("line", x1=x(s.low), x2=x(s.high), y1=y, y2=y, stroke=ROUTE, stroke_width=3, stroke_opacity=0.45))
        parts.append(_shape(SHAPES[k % len(SHAPES)], x(s.quality), y, ROUTE, _says(s)))
        parts.append(_word(f"{figures.percent(s.quality, 1)}, n = {s.n:,}", right + 14, y + 4, "start"))
    return _svg(width, height, "Mean grade of each tier with its 95 % interval.", join(*parts), alone)


SHAPES = ("triangle", "square", "circle", "cross", "diamond")


@dataclass(frozen=True)
class Share:
    """A request type's share of the traffic and of a prompt set."""

    name: str
    traffic: float
    prompts: float | None = None
    """None where there is no prompt set to compare with."""


def mix(shares: Sequence[Share], width: float = 860) -> Markup:
    """Share of each request type as a bar, and the prompt set's under it, as a file of its own."""
    left, top, thick = 200.0, 40.0, 14.0
    both = any(s.prompts is not None for s in shares)
    step = 2 * thick + 16 if both else thick + 14
    most = max([0.05, *(max(s.traffic, s.prompts or 0.0) for s in shares)])
    height = top + step * len(shares) + 8
    parts = [_word("Share of each request type", left, 18, "start", bold=True)]
    for k, s in enumerate(shares):
        y = top + step * k
        parts.append(_word(_short(s.name), left - 12, y + (thick + 8 if both else thick - 2), "end"))
        bars = [(s.traffic, ROUTE, "requests"), (s.prompts, REFERENCE, "prompts")]
        for row, (share, color, of) in enumerate(b for b in bars if b[0] is not None):
            at = y + row * (thick + 2)
            long = max(share / most * (width - left - 150), 0.5)
            parts.append(tag("rect", x=left, y=at, width=float(long), height=thick, rx=2, fill=color))
            parts.append(_word(f"{figures.percent(share)} of {of}", left + long + 7, at + thick - 3, "start"))
    return _svg(
        width, height, "Share of each request type in the traffic" + (" and in the prompt set." if both else "."), join(*parts), True
    )


def _svg(width: float, height: float, says: str, inside: Markup, alone: bool) -> Markup:
    size = {"viewBox": f"0 0 {width:g} {height:g}", "role": "img", "aria_label": says}
    if not alone:
        return tag("svg", inside, **size)
    css = f"{INK}@media (prefers-color-scheme:dark){{{DARK}}}"
    ground = tag("rect", width=width, height=height, class_="ground")
    return tag(
        "svg", tag("title", says), style(css), ground, inside, xmlns="http://www.w3.org/2000/svg", width=width, height=height, **size
    )


def _frame(p: Plane, width: float, height: float) -> Markup:
    parts = []
    bottom = p.top + p.height
    for q in p.quality_ticks():
        parts.append(tag("line", x1=p.left, x2=p.left + p.width, y1=p.y(q), y2=p.y(q), class_="grid"))
        parts.append(_word(_share(q, p), p.left - 8, p.y(q) + 4, "end"))
    for cost in p.cost_ticks():
        parts.append(tag("line", x1=p.x(cost), x2=p.x(cost), y1=bottom, y2=bottom + 5, stroke=REFERENCE))
        parts.append(_word(f"${cost:g}" if cost >= 1e-4 else f"${cost:.0e}", p.x(cost), bottom + 20, "middle"))
    parts.append(tag("line", x1=p.left, x2=p.left + p.width, y1=bottom, y2=bottom, stroke=REFERENCE))
    scale = "US dollars, log scale" if p.log else "US dollars"
    parts.append(_word(f"Cost per 1,000 requests ({scale})", p.left + p.width / 2, height - 12, "middle"))
    middle = p.top + p.height / 2
    parts.append(
        tag("text", "Quality (mean grade)", x=14, y=middle, text_anchor="middle", font_size=12.5, transform=f"rotate(-90 14 {middle:g})")
    )
    return join(*parts)


def _share(q: float, p: Plane) -> str:
    return f"{q * 100:.{0 if p.qualities[1] - p.qualities[0] > 0.05 else 1}f} %"


def _band(p: Plane, band: Sequence[tuple[float, float, float]]) -> Markup | None:
    if len(band) < 2:
        return None
    edge = [(c, high) for c, _, high in band] + [(c, low) for c, low, _ in reversed(band)]
    return tag("polygon", points=_points(p, edge), fill=ROUTE, fill_opacity=0.13)


def _line(p: Plane, pairs: Sequence[tuple[float, float]], color: str, width: float, dashes: str | None = None) -> Markup | None:
    if len(pairs) < 2:
        return None
    return tag("polyline", points=_points(p, pairs), fill="none", stroke=color, stroke_width=width, stroke_dasharray=dashes)


def _steps(p: Plane, steps: Sequence[tuple[float, float]]) -> Markup | None:
    if not steps:
        return None
    corners = [steps[0]]
    for (_, before), (cost, quality) in pairwise(steps):
        corners += [(cost, before), (cost, quality)]
    dots = [tag("circle", _says(Spot("route", c, q)), cx=p.x(c), cy=p.y(q), r=2.6, fill=ROUTE) for c, q in steps]
    return join(_line(p, corners, ROUTE, 2.4), *dots)


def _tier(p: Plane, spot: Spot, k: int) -> Markup:
    return join(_bar(p, spot, REFERENCE), _mark(p, spot, SHAPES[k % len(SHAPES)], REFERENCE))


def _bar(p: Plane, s: Spot, color: str) -> Markup | None:
    if s.low is None or s.high is None:
        return None
    return tag("line", x1=p.x(s.cost), x2=p.x(s.cost), y1=p.y(s.low), y2=p.y(s.high), stroke=color, stroke_width=1.6)


def _mark(p: Plane, s: Spot, shape: str, color: str, hollow: bool = False) -> Markup:
    return _shape(shape, p.x(s.cost), p.y(s.quality), color, _says(s), hollow)


def _shape(shape: str, x: float, y: float, color: str, says: Markup, hollow: bool = False) -> Markup:
    look = {"fill": "none" if hollow else color, "stroke": color, "stroke_width": 1.8}
    if shape == "circle":
        return tag("circle", says, cx=x, cy=y, r=5.2, **look)
    r = 5.6
    corners = {
        "triangle": [(0, -r), (r, r * 0.8), (-r, r * 0.8)],
        "square": [(-r * 0.85, -r * 0.85), (r * 0.85, -r * 0.85), (r * 0.85, r * 0.85), (-r * 0.85, r * 0.85)],
        "diamond": [(0, -r * 1.25), (r * 1.1, 0), (0, r * 1.25), (-r * 1.1, 0)],
        "cross": [(-2, -r), (2, -r), (2, -2), (r, -2), (r, 2), (2, 2), (2, r), (-2, r), (-2, 2), (-r, 2), (-r, -2), (-2, -2)],
    }[shape]
    return tag("polygon", says, points=" ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners), **look)


def _says(s: Spot) -> Markup:
    """What hovering tells; it is an element of SVG, not a script."""
    span = f" {figures.interval(s.low, s.high, 1)}" if s.low is not None and s.high is not None else ""
    cost = f", {figures.dollars(s.cost)} per 1,000" if s.cost == s.cost else ""
    return tag("title", f"{s.name}: {figures.percent(s.quality, 1)}{span}{cost}")


def _labels(p: Plane, route: Route) -> Markup:
    marks = [*route.tiers, *(s for s in (route.oracle, route.here, route.heldout) if s is not None)]
    taken: list[Box] = [_around(p.x(c), p.y(q), 5) for c, q in route.steps]
    taken += [_around(p.x(c), p.y(q), 3) for c, q in route.mix] + [_around(p.x(s.cost), p.y(s.quality), 8) for s in marks]
    taken += [(p.x(s.cost) - 3, p.y(s.high), p.x(s.cost) + 3, p.y(s.low)) for s in marks if s.low is not None and s.high is not None]
    wanted = [(s, NOW, True) for s in (route.here, route.heldout) if s is not None] + [(s, None, True) for s in route.tiers]
    if route.oracle is not None:
        wanted.append((route.oracle, None, False))
    if len(route.mix) > 2:
        wanted.append((Spot("random mix", *route.mix[int(len(route.mix) * 0.6)]), None, False))
    inside = (p.left, p.top, p.left + p.width + 10, p.top + p.height)
    parts = []
    for spot, color, bold in wanted:
        name = _short(spot.name)
        x, y, anchor = place_label(name, p.x(spot.cost), p.y(spot.quality), taken, inside)
        parts.append(_word(name, x, y, anchor, color, bold))
    return join(*parts)


def _around(x: float, y: float, r: float) -> Box:
    return x - r, y - r, x + r, y + r


def _points(p: Plane, pairs: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{p.x(c):.1f},{p.y(q):.1f}" for c, q in pairs)


def _word(said: str, x: float, y: float, anchor: str, color: str | None = None, bold: bool = False) -> Markup:
    # as a style: the page's own rule for text would overrule a fill that is an attribute
    return tag(
        "text", said, x=x, y=y, text_anchor=anchor, font_size=12.5, font_weight=600 if bold else None, style=color and f"fill:{color}"
    )


def _short(name: str) -> str:
    return name if len(name) <= LABEL else name[: LABEL - 1] + "…"
