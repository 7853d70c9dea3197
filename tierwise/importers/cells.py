"""What the cells of recorded results say. Each reader returns the value, None where there is none, or raises Wrong in words."""

import math
import re
from collections.abc import Callable
from typing import Any

TRUE, FALSE = {"true", "yes", "correct", "pass", "passed", "right"}, {"false", "no", "incorrect", "fail", "failed", "wrong"}
MISSING = {"", "nan", "none", "null", "n/a", "na", "-"}


class Wrong(ValueError):
    """Its message says what is wrong with the cell and what to do."""


def score(value: Any) -> float | None:
    if isinstance(value, str):
        word = value.strip().lower()
        if word in TRUE or word in FALSE:
            return float(word in TRUE)
    number = _number(value, "no score; scores are numbers from 0 to 1, or true and false")
    if number is not None and not 0 <= number <= 1:
        raise Wrong(f"{_said(value)} is outside 0 to 1; {_rescale(number)}")
    return number


def _rescale(number: float) -> str:
    if number < 0:
        return "rescale the scores so that the worst is 0 and the best is 1"
    if number <= 10:
        return f"on a scale that ends at {10 if number > 5 else 5}, use (score - lowest) / (highest - lowest)"
    return "on a scale from 0 to 100, divide by 100" if number <= 100 else "rescale the scores so that the worst is 0 and the best is 1"


def cost(value: Any) -> float | None:
    number = _number(value, "no cost; costs are US dollars an answer, such as 0.0031")
    if number is not None and number < 0:
        raise Wrong(f"{_said(value)} is below 0; a cost is not")
    return number


def seconds(value: Any) -> float | None:
    number = _number(value, "no time; latencies are numbers of seconds")
    if number is not None and number < 0:
        raise Wrong(f"{_said(value)} is below 0; a latency is not")
    return number


def milliseconds(value: Any) -> float | None:
    number = seconds(value)
    return None if number is None else number / 1000


def tokens(value: Any) -> int | None:
    number = _number(value, "no count of tokens")
    if number is None:
        return None
    if number < 0 or not number.is_integer() or number > 2**31 - 1:
        raise Wrong(f"{_said(value)} is no count of tokens")
    return int(number)


def text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return getattr(value, "text", None) or (str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value))
    raise Wrong("a list or an object where text should be")


READ: dict[str, Callable[[Any], Any]] = {
    "score": score, "output": text, "cost_usd": cost, "prompt_tokens": tokens, "completion_tokens": tokens, "latency_s": seconds,
    "latency_ms": milliseconds, "finish_reason": text, "error": text, "confidence": score,
}  # fmt: skip


def _number(value: Any, what: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        plain = value.strip()
        if plain.lower() in MISSING:
            return None
        try:
            number = float(plain.replace("_", "x"))  # Python reads 1_000 as a number; nobody else does
        except ValueError:
            raise Wrong(f"{_said(value)} is {what}{_hint(plain)}") from None
    elif isinstance(value, int | float):
        number = float(value)
    else:
        raise Wrong(f"a list or an object is {what}")
    if math.isnan(number):
        return None
    if math.isinf(number):
        raise Wrong(f"{_said(value)} is {what}")
    return number


def _hint(plain: str) -> str:
    if re.fullmatch(r"-?\d+,\d+", plain):
        return "; write the decimal point as a point"
    if plain.endswith("%"):
        return "; write 85% as 0.85"
    return "; leave out the currency sign" if plain[:1] in "$€£" else ""


def _said(value: Any) -> str:
    return repr(value if not isinstance(value, str) or len(value) <= 40 else value[:40] + "…")
