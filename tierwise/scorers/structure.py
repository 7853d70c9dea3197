"""Scorers for answers that should be JSON."""

import json as jsonlib
import math
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any, Literal

from tierwise.scorers.score import Score, scorer, unscored
from tierwise.types import Sample

MAX_TEXT = 200_000
MAX_DEPTH = 64
FENCE = re.compile(r"```[ \t]*(?:json|JSON|json5|jsonc)?[ \t]*\r?\n(.*?)```", re.DOTALL)
STARTS = re.compile(r"[{\[]")
MAX_STARTS = 50


class NotJson(ValueError):
    """No JSON in a text; the message says why in a few words."""


def parse(text: str) -> Any:
    """JSON by the standard: no NaN, no Infinity, at most 64 levels deep; raises NotJson."""
    try:
        value = _DECODER.decode(text.strip())
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None
    return _shallow(value)


def find_json(text: str, kind: type | None = None) -> Any:
    """The JSON in an answer: all of it, else its last fenced block, else the last object or list among the words around it.

    `kind` (dict or list) is preferred when several are there. Raises NotJson.
    """
    for candidate in (text, *reversed(FENCE.findall(text))):
        try:
            return parse(candidate)
        except NotJson as error:
            problem = error
    found, at = [], 0
    for _ in range(MAX_STARTS):
        start = STARTS.search(text, at)
        if start is None:
            break
        try:
            value, at = _DECODER.raw_decode(text, start.start())
            found.append(_shallow(value))
        except (ValueError, RecursionError):
            at = start.end()
    preferred = [v for v in found if kind is None or isinstance(v, kind)] or found
    if not preferred:
        raise NotJson("no JSON in the answer" if not STARTS.search(text) else str(problem))
    return preferred[-1]


def same(a: Any, b: Any, tolerance: float = 0.0) -> bool:
    """JSON equality: key order does not count, list order does, 1 is 1.0, true is not 1; numbers within `tolerance`."""
    if isinstance(a, bool) or isinstance(b, bool) or a is None or b is None:
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        if isinstance(a, int) and isinstance(b, int):  # exact: long ids differ in digits that no float holds
            return abs(a - b) <= tolerance
        try:
            return a == b or math.isclose(a, b, rel_tol=1e-12, abs_tol=tolerance)
        except OverflowError:  # an integer that no float can hold
            return False
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(v, b[k], tolerance) for k, v in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y, tolerance) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and a == b


def depth(value: Any) -> int:
    """Levels of nesting; 1 for a plain value."""
    level, levels = [value], 0
    while level:
        levels += 1
        level = [c for v in level if isinstance(v, dict | list) for c in (v.values() if isinstance(v, dict) else v)]
    return levels


def leaves(value: Any, path: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    """Every field of a JSON value with its path; empty objects and lists are fields themselves."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not value or not children:
        yield path, value
        return
    for key, child in children:
        yield from leaves(child, (*path, key))


@scorer("json", summary="The answer holds the same JSON as the reference", examples=[
    ('{"b": 2, "a": 1}', '{"a": 1, "b": 2}', 1), ('Here:\n```json\n{"a": 1}\n```\nDone.', '{"a": 1.0}', 1), ('{"a": 1}', '{"a": 2}', 0),
    ("[1, 2]", "[2, 1]", 0), ('{"a": true}', '{"a": 1}', 0), ('{"a": 1.04}', '{"a": 1}', 1, {"tolerance": 0.05}),
    ('{"a": 1, "b": 3}', '{"a": 1, "b": 2}', 0.5, {"mode": "fields"}),
    ("not JSON", '{"a": 1}', 0), ('{"a": 1}', "not JSON", None), ("{}", None, None)])  # fmt: skip
def json(
    output: str, sample: Sample, *,
    mode: Annotated[Literal["equal", "fields"], "equal: all or nothing. fields: the share of fields that are right"] = "equal",
    tolerance: Annotated[float, "Largest difference between two numbers that are still the same"] = 0.0,
) -> Score:  # fmt: skip
    """Parses JSON out of the answer and compares; an answer without JSON is wrong, not unscored.

    With mode "fields" the value is right fields over all fields of either side, so extra ones count against it.
    """
    try:
        wanted = _reference(sample.reference)
    except NotJson as error:
        return unscored(f"the reference is not JSON: {error}")
    if len(output) > MAX_TEXT:
        return unscored(f"the answer is longer than {MAX_TEXT:,} characters")
    try:
        got = find_json(output, type(wanted) if isinstance(wanted, dict | list) else None)
    except NotJson as error:
        return Score(0.0, f"not JSON: {error}")
    if mode == "equal" and same(got, wanted, tolerance):
        return Score(1.0)
    expected, given = dict(leaves(wanted)), dict(leaves(got))
    right = {p for p in expected if p in given and same(given[p], expected[p], tolerance)}
    wrong = [_name(p) for p in expected if p not in right] + [f"{_name(p)} not asked for" for p in given if p not in expected]
    told = "differs in " + ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "") if wrong else ""
    return Score(len(right) / len(expected | given) if mode == "fields" else 0.0, told)


def _name(path: tuple) -> str:
    return ".".join(str(p) for p in path)[:80] or "the whole"


@lru_cache(2048)
def _reference(text: str) -> Any:
    return parse(text)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_DECODER = jsonlib.JSONDecoder(parse_constant=_refuse)


def _shallow(value: Any) -> Any:
    if depth(value) > MAX_DEPTH:
        raise NotJson(f"nested more than {MAX_DEPTH} levels deep")
    return value
