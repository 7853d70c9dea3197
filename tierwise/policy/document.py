"""The JSON document of a policy: reading it strictly, what its schema cannot check, and the digest that shows changes."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from tierwise.errors import BadInput
from tierwise.policy.scores import score_problems
from tierwise.types import Policy

SCHEMA = Path(__file__).with_name("policy.schema.json")
MAX_BYTES = 50 * 1024 * 1024
Path_ = tuple[str | int, ...]


def parse(text: str) -> dict[str, Any]:
    """The object in a policy file: no repeated keys, no NaN or infinity.

    Raises:
        BadInput: it is not such JSON, or over 50 MB.
    """
    if len(text) > MAX_BYTES:
        raise BadInput("The policy file is larger than 50 MB.")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            raise BadInput(f"The policy file says {next(n for n in names if names.count(n) > 1)!r} twice in one object.")
        return found

    def refuse(constant: str) -> None:
        raise BadInput(f"The policy file holds {constant}, which is not a number in JSON.")

    try:
        document = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=once, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise BadInput(f"The policy file is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    except (RecursionError, ValueError) as error:
        raise BadInput("The policy file is not usable JSON: it nests too deep or holds an endless number.") from error
    if not isinstance(document, dict):
        raise BadInput("The policy file should hold one JSON object.")
    return document


def canonical(document: Mapping[str, Any]) -> str:
    """One text for equal documents: keys sorted, no spaces, 1.0 written as 1, as after a trip through JavaScript.

    Raises:
        ValueError: a number is not finite.
    """
    return json.dumps(_plain(document), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the canonical JSON without the `digest` field itself."""
    return hashlib.sha256(canonical({k: v for k, v in document.items() if k != "digest"}).encode()).hexdigest()


def with_digest(document: Mapping[str, Any]) -> dict[str, Any]:
    """A plain copy of the document (tuples and numpy numbers become JSON) whose digest fits."""

    def number(value: Any) -> Any:
        if hasattr(value, "tolist"):
            return value.tolist()
        raise TypeError(f"{type(value).__name__} in a policy")

    plain = json.loads(json.dumps({k: v for k, v in document.items() if k != "digest"}, default=number))
    return {**plain, "digest": digest(plain)}


def as_policy(document: Mapping[str, Any]) -> Policy:
    """The policy of a checked document; equal documents have equal ids."""
    created = datetime.fromisoformat(document["created"].removesuffix("Z"))
    return Policy(document["digest"][:12], document["name"], document["version"], document["provenance"]["run"]["id"], document, created)


def readable(document: Mapping[str, Any]) -> str:
    """JSON with one line a part, a tier, a rule: short enough to read, stable enough to compare by line. ASCII only."""
    lines = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            inner = ",\n".join(f"    {json.dumps(item, allow_nan=False)}" for item in value)
            lines.append(f"  {json.dumps(key)}: [\n{inner}\n  ]")
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value, allow_nan=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def check(document: Mapping[str, Any]) -> None:
    """Hold a document to the schema, to what the schema cannot say, and to its digest.

    Raises:
        BadInput: naming up to three places and what is wrong there.
    """
    problems = [f"{_at(path)}: a number that is not finite" for path, value in _walk(document, ()) if _endless(value)]
    problems = problems or [f"{_at(path)}: {text}" for path, text in _schema_problems(document)]
    problems = problems or [f"{_at(path)}: {text}" for path, text in _meaning_problems(document)]
    if problems:
        more = f" And {len(problems) - 3} more." if len(problems) > 3 else ""
        raise BadInput(f"The policy is not usable. {'; '.join(problems[:3])}.{more}")
    if digest(document) != document["digest"]:
        raise BadInput(
            "The policy was changed after it was saved: its digest does not match its content. "
            "Export it again, or sign a deliberate edit with tierwise.policy.sign."
        )


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")), registry=Registry())


def _schema_problems(document: Mapping[str, Any]) -> list[tuple[Path_, str]]:
    found = []
    for error in _validator().iter_errors(document):
        leaf = error
        while leaf.context:
            leaf = max(leaf.context, key=lambda e: len(e.absolute_path))
        text = leaf.message if len(leaf.message) < 240 else f"{leaf.message[:160]} ... {leaf.message[-60:]}"
        found.append((tuple(leaf.absolute_path), text))
        if len(found) == 20:
            break
    return sorted(found, key=lambda problem: [str(step) for step in problem[0]])


def _meaning_problems(document: Mapping[str, Any]) -> Iterator[tuple[Path_, str]]:
    names = [tier["name"] for tier in document["tiers"]]
    for i, name in enumerate(names):
        if name in names[:i]:
            yield ("tiers", i, "name"), f"a second tier called {name!r}"
    yield from _threshold_problems(document["thresholds"], names)
    for path, name in _tier_references(document):
        if name not in names:
            yield path, f"there is no tier called {name!r}; tiers: {', '.join(names)}"
    for i, tier in enumerate(document["tiers"]):
        for j, fallback in enumerate(tier.get("fallbacks", ())):
            if fallback.get("tier") == tier["name"]:
                yield ("tiers", i, "fallbacks", j), "a tier cannot be its own fallback"
    ids = [rule["id"] for rule in document["rules"]]
    for i, rule in enumerate(document["rules"]):
        if rule["id"] in ids[:i]:
            yield ("rules", i, "id"), f"a second rule called {rule['id']!r}"
        when = rule["when"]
        if "tokens_gte" in when and "tokens_lt" in when and when["tokens_gte"] >= when["tokens_lt"]:
            yield ("rules", i, "when"), "tokens_gte is not below tokens_lt, so the rule never matches"
    if any(tier["model"]["litellm_model"].startswith("sim/") for tier in document["tiers"]) and not document["simulated"]:
        yield ("simulated",), "must be true: a tier is a simulated model (sim/...)"
    if "expires" in document and document["expires"] <= document["created"]:
        yield ("expires",), "is not after created"
    yield from _expected_problems(document.get("expected", {}))
    yield from score_problems(document["score"])
    if "cascade" in document:
        from tierwise.policy.cascades import problems

        yield from problems(document)


def _threshold_problems(thresholds: list[Mapping[str, Any]], names: list[str]) -> Iterator[tuple[Path_, str]]:
    if [t["tier"] for t in thresholds] != names:
        yield ("thresholds",), f"must name every tier once, in the order of the tiers: {', '.join(names)}"
        return
    if "lt" in thresholds[-1]:
        yield ("thresholds", len(thresholds) - 1, "lt"), "the last tier has no upper threshold"
    for i, threshold in enumerate(thresholds[:-1]):
        if "lt" not in threshold:
            yield ("thresholds", i), "lacks lt; only the last tier has none"
            return
    for i, (a, b) in enumerate(pairwise(thresholds[:-1]), 1):
        if b["lt"] < a["lt"]:
            yield ("thresholds", i, "lt"), f"{b['lt']} is below {a['lt']} of the tier before; thresholds must not fall"


def _tier_references(document: Mapping[str, Any]) -> Iterator[tuple[Path_, str]]:
    yield ("default_tier",), document["default_tier"]
    yield ("on_error_tier",), document["on_error_tier"]
    for i, rule in enumerate(document["rules"]):
        yield ("rules", i, "tier"), rule["tier"]
    for i, tier in enumerate(document["tiers"]):
        for j, fallback in enumerate(tier.get("fallbacks", ())):
            if "tier" in fallback:
                yield ("tiers", i, "fallbacks", j, "tier"), fallback["tier"]
    for name in document.get("expected", {}).get("share_by_tier", {}):
        yield ("expected", "share_by_tier"), name


def _expected_problems(expected: Mapping[str, Any]) -> Iterator[tuple[Path_, str]]:
    for name, figure in expected.items():
        if isinstance(figure, Mapping) and "ci95" in figure and figure["ci95"][0] > figure["ci95"][1]:
            yield ("expected", name, "ci95"), "the lower end is above the upper end"
    shares = expected.get("share_by_tier")
    if shares and abs(sum(shares.values()) - 1) > 1e-6:
        yield ("expected", "share_by_tier"), "the shares do not add up to 1"


def _walk(value: Any, path: Path_) -> Iterator[tuple[Path_, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _walk(item, (*path, key))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _walk(item, (*path, i))
    else:
        yield path, value


def _endless(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _at(path: Path_) -> str:
    shown = ""
    for step in path:
        shown += f"[{step}]" if isinstance(step, int) else f".{step}" if shown else str(step)
    return shown[:200] or "document"
