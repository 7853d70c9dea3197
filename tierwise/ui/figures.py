"""Numbers as people read them. Each returns plain text; `md` makes text with dollar signs safe inside Markdown."""

import math
from datetime import datetime

from tierwise.types import now

MINUS = "−"


def percent(share: float, digits: int = 0) -> str:
    """0.953 -> 95 %."""
    return "not known" if not math.isfinite(share) else f"{share * 100:.{digits}f} %".replace("-", MINUS)


def interval(low: float, high: float, digits: int = 0) -> str:
    """Bounds that are shares, as [91, 97]."""
    return "" if not (math.isfinite(low) and math.isfinite(high)) else f"[{_signed(low * 100, digits)}, {_signed(high * 100, digits)}]"


def points(share: float, digits: int = 1) -> str:
    """A difference of shares in points: -0.045 -> −4.5 pts."""
    return "not known" if not math.isfinite(share) else f"{_signed(share * 100, digits)} pts"


def dollars(amount: float | None) -> str:
    """Three significant digits below a hundred dollars, whole dollars above; never rounds a real cost to nothing."""
    if amount is None or not math.isfinite(amount):
        return "not known"
    size = abs(amount)
    if size == 0:
        return "$0"
    if size >= 100:
        text = f"${size:,.0f}"
    elif size >= 0.1:
        text = f"${size:,.2f}"
    else:
        text = f"${size:.{min(8, 1 - math.floor(math.log10(size)))}f}"
    return (MINUS if amount < 0 else "") + text


def seconds(value: float) -> str:
    return "not known" if not math.isfinite(value) else f"{value:.1f} s" if value < 90 else f"{value / 60:.0f} min"


def minutes(value: float) -> str:
    """A length of time given in minutes."""
    return "< 1 min" if value < 1 else f"{value:.0f} min" if value < 90 else f"{value / 60:.1f} h"


def count(number: float, noun: str) -> str:
    """1 prompt, 2,400 prompts."""
    return f"{number:,.0f} {noun}{'' if number == 1 else 's'}"


def ago(moment: datetime) -> str:
    """How long since a UTC moment without a zone mark."""
    gone = (now() - moment).total_seconds()
    for size, noun in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if gone >= size:
            return f"{count(gone // size, noun)} ago"
    return "just now"


def md(text: str) -> str:
    """Two dollar signs in one line of Markdown would start a formula."""
    return text.replace("$", "\\$")


def _signed(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)
