"""Policies: made from a tuning, read back from JSON, and asked for decisions.

A policy is its document (`policy.schema.json`); everything here reads that. Decisions come from `tierwise.evaluator`,
the one file that exports carry, so what is replayed here is what a gateway runs.
"""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tierwise import evaluator
from tierwise.errors import BadInput
from tierwise.policy.cascades import after_calls, goes_first, words
from tierwise.policy.document import as_policy, check, parse, readable, with_digest
from tierwise.policy.making import make_policy
from tierwise.policy.replay import Evaluation, evaluate
from tierwise.types import Policy, Sample

__all__ = [
    "Decision", "Evaluation", "evaluate", "make_policy", "policy_from_json", "route", "route_again", "route_lines", "sign", "to_json", "with_cache",
]  # fmt: skip


@dataclass(frozen=True)
class Decision:
    """Where a request goes, and why."""

    tier: str
    model: str
    score: float | None
    """The router score in [0, 1]; None where a rule or the fallback decided without one."""
    why: str

    def to_json(self) -> dict[str, Any]:
        return {"tier": self.tier, "model": self.model, "score": self.score, "why": self.why}


def policy_from_json(text: str | bytes | Mapping[str, Any]) -> Policy:
    """A policy from its file or document, held to the schema and its digest.

    Raises:
        BadInput: naming the place in the document and what is wrong there.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInput("The policy file is not UTF-8 text.") from error
    document = parse(text) if isinstance(text, str) else dict(text)
    check(document)
    return as_policy(document)


def sign(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a deliberate edit, with the digest that fits it.

    Raises:
        BadInput: the edited document is not a usable policy.
    """
    signed = with_digest(document)
    check(signed)
    return signed


def to_json(policy: Policy) -> str:
    """The policy file: ASCII JSON, one line a part."""
    return readable(policy.document)


def with_cache(policy: Policy, exact_ttl_seconds: int | None = None, semantic: Mapping[str, Any] | None = None) -> Policy:
    """The same decisions with a cache in front; a new policy of the same version. Without either the cache is taken out.

    Raises:
        BadInput: the settings do not fit the schema.
    """
    cache = ({"exact": {"ttl_seconds": exact_ttl_seconds}} if exact_ttl_seconds else {}) | (
        {"semantic": dict(semantic)} if semantic else {}
    )
    document = {k: v for k, v in policy.document.items() if k != "cache"} | ({"cache": cache} if cache else {})
    return as_policy(sign(document))


def route(policy: Policy, request: Mapping[str, Any]) -> Decision:
    """Decide for one request: `{"messages": [...], "metadata": {...}}` or `{"prompt": "..."}`.

    Raises:
        BadInput: the request has another shape.
    """
    messages, metadata = read_request(request)
    return _decide(policy, messages, metadata)


def route_lines(policy: Policy, lines: Iterable[str]) -> Iterator[Decision]:
    """Decide for requests given as JSON, one a line; blank lines are skipped.

    Raises:
        BadInput: naming the line.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            request = json.loads(line.removeprefix("\ufeff") if number == 1 else line)
        except json.JSONDecodeError as error:
            raise BadInput(f"Line {number}: not JSON ({error.msg} at column {error.colno}).") from error
        except (RecursionError, ValueError) as error:
            raise BadInput(f"Line {number}: not usable JSON.") from error
        try:
            yield route(policy, request)
        except BadInput as error:
            raise BadInput(f"Line {number}: {error}") from error


def route_again(policy: Policy, request: Mapping[str, Any], outputs: Sequence[str | None], confidence: float | None = None) -> Decision:
    """After the first calls of a cascade: whose answer to serve. `outputs` are in the order of the document's `cascade.calls`.

    Raises:
        BadInput: the policy has no cascade, or there are not as many answers as calls.
    """
    if "cascade" not in policy.document:
        raise BadInput("This policy has no cascade: its first decision is the only one.")
    messages, metadata = read_request(request)
    tier, value = after_calls(policy.document, messages, metadata, outputs, confidence)
    model = next(t["model"]["litellm_model"] for t in policy.document["tiers"] if t["name"] == tier)
    side = "under" if tier == policy.document["cascade"]["keep"] else "at least"
    return Decision(tier, model, value, f"score after the calls {value:.3f} is {side} {policy.document['cascade']['lt']:.3f}")


def decide_sample(policy: Policy, sample: Sample) -> Decision:
    """Decide for a prompt of a set, as its run sent it."""
    return _decide(policy, sample.chat(), sample.request_metadata())


def read_request(request: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Messages and metadata of a request.

    Raises:
        BadInput: neither messages nor a prompt, or one that no gateway would take.
    """
    if not isinstance(request, Mapping):
        raise BadInput("A request is a JSON object with messages or prompt.")
    for key in request:
        near = difflib.get_close_matches(str(key), ("messages", "metadata", "prompt"), n=1, cutoff=0.8)
        if near and near[0] != key:
            raise BadInput(f"A request has no field {key!r}; did you mean {near[0]}?")
    if "request_type" in request:
        raise BadInput('request_type belongs under metadata: {"metadata": {"request_type": "..."}}.')
    metadata = request.get("metadata")
    if metadata is not None and not isinstance(metadata, Mapping):
        raise BadInput("metadata should be an object.")
    if ("messages" in request) == ("prompt" in request):
        raise BadInput("A request has either messages or prompt.")
    if "prompt" in request:
        if not isinstance(request["prompt"], str):
            raise BadInput("prompt should be text.")
        return [{"role": "user", "content": request["prompt"]}], dict(metadata or {})
    messages = request["messages"]
    if not isinstance(messages, list) or not messages:
        raise BadInput("messages should be a list with at least one message.")
    for i, message in enumerate(messages):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise BadInput(f"messages[{i}] should be an object with a role.")
        content = message.get("content")
        if content is not None and not isinstance(content, str | list):
            raise BadInput(f"messages[{i}].content should be text or a list of parts.")
        if isinstance(content, list) and not all(isinstance(part, Mapping) for part in content):
            raise BadInput(f"messages[{i}].content: every part should be an object.")
    return [dict(m) for m in messages], dict(metadata or {})


def _decide(policy: Policy, messages: list[dict[str, Any]], metadata: Mapping[str, Any]) -> Decision:
    found = evaluator.decide(policy.document, messages, metadata)
    if goes_first(policy.document, found):
        first = next(t for t in policy.document["tiers"] if t["name"] == policy.document["cascade"]["calls"][0])
        return Decision(first["name"], first["model"]["litellm_model"], found["score"], f"{found['why']}; {words(policy.document)}")
    return Decision(found["tier"], found["model"], found["score"], found["why"])
