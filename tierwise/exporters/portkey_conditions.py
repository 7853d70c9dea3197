"""Portkey's conditional strategy, read as its gateway reads it (checked against @portkey-ai/gateway 1.15.2), to replay a config."""

import re
from collections.abc import Mapping
from typing import Any

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_COMPARE = {"$gt": lambda a, b: a > b, "$gte": lambda a, b: a >= b, "$lt": lambda a, b: a < b, "$lte": lambda a, b: a <= b}


def target(config: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    """Name of the target that serves a request with this metadata: the first condition that holds, else the default.

    Raises:
        ValueError: an operator or a target that the gateway would refuse.
    """
    strategy = config["strategy"]
    held = (c["then"] for c in strategy["conditions"] if _holds(c["query"], {"metadata": metadata}))
    name = next(held, strategy["default"])
    if name not in [t["name"] for t in config["targets"]]:
        raise ValueError(f"no target {name!r}")
    return name


def _holds(query: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
    for key, wanted in query.items():
        # as the gateway does: siblings after one of these two are not looked at
        if key == "$or" and isinstance(wanted, list):
            return any(_holds(q, context) for q in wanted)
        if key == "$and" and isinstance(wanted, list):
            return all(_holds(q, context) for q in wanted)
        place, _, name = key.partition(".")
        value = context.get(place, {}).get(name)
        if not (_operators(wanted, value) if isinstance(wanted, Mapping) else _same(value, wanted)):
            return False
    return True


def _operators(wanted: Mapping[str, Any], value: Any) -> bool:
    for operator, other in wanted.items():
        if operator in _COMPARE:
            met = _COMPARE[operator](_parse_float(value), _parse_float(other))
        elif operator in ("$eq", "$ne"):
            met = _same(value, other) == (operator == "$eq")
        elif operator in ("$in", "$nin"):
            met = isinstance(other, list) and any(_same(value, o) for o in other) == (operator == "$in")
        else:
            raise ValueError(f"operator {operator}")
        if not met:
            return False
    return True


def _same(a: Any, b: Any) -> bool:
    """JavaScript's ===."""
    number = (int, float)
    if isinstance(a, bool) or isinstance(b, bool) or not (isinstance(a, number) and isinstance(b, number)):
        return type(a) is type(b) and a == b
    return a == b


def _parse_float(value: Any) -> float:
    """JavaScript's parseFloat: the number at the start of a text."""
    found = _NUMBER.match(value if isinstance(value, str) else repr(value) if isinstance(value, int | float) else "")
    return float(found[1]) if found else float("nan")
