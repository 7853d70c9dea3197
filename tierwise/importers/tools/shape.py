"""What the readers of other tools' files share: the form of what they take, and how texts, chats and numbers are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from tierwise.registry import Registry

Row = dict[str, Any]


@dataclass(frozen=True)
class Taken:
    """What a file of another tool comes to."""

    rows: list[Row]
    """Of results: sample_id, prompt or messages, reference, request_type, model, output, score, cost_usd, tokens, latency_s, error. Of
    prompts: id, input or messages, reference, metadata."""
    kind: Literal["results", "prompts"]
    says: str
    """What was taken, and what was not."""


TOOLS: Registry[Callable[[Any], Taken | None]] = Registry("tool")
"""(the file's JSON: an object, or the list of its lines) -> rows, or None for a file of another kind."""


def words(content: Any) -> str | None:
    """The text of a message's content, which may be a list of parts."""
    if isinstance(content, list):
        said = [p if isinstance(p, str) else p.get("text") for p in content if isinstance(p, str | dict)]
        return "\n".join(s for s in said if isinstance(s, str))
    return content if content is None or isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def chat(value: Any) -> Row:
    """`prompt` or `messages` of what was asked: text, a list of messages, or their JSON."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            value = _messages(json.loads(value)) or value
    found = _messages(value)
    if found:
        return {"prompt": found[0]["content"]} if len(found) == 1 and found[0]["role"] == "user" else {"messages": found}
    return {"prompt": words(value) or ""}


ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
"""Of a message as LangChain writes it."""


def message(value: Any) -> dict[str, str] | None:
    """A message in OpenAI's form, from that or from LangChain's (a `type`, its content beside it or in `data`); None where it is none."""
    if not isinstance(value, dict):
        return None
    role, inside = value.get("role"), mapping(value.get("data")) or value
    if not isinstance(role, str):
        role = ROLES.get(value["type"]) if isinstance(value.get("type"), str) and "content" in inside else None
    return {"role": role, "content": words(inside.get("content")) or ""} if role else None


def _messages(value: Any) -> list[dict[str, str]]:
    """The messages of a conversation; empty where it is none."""
    found = [message(m) for m in value] if isinstance(value, list) else []
    return [m for m in found if m] if all(found) else []


def number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def share(value: Any) -> float | None:
    """A score in [0, 1], or None: what lies outside is on a scale that is not known here."""
    found = float(value) if isinstance(value, bool) else number(value)
    return found if found is not None and 0 <= found <= 1 else None


def mapping(value: Any) -> Row:
    """The object that should be here; an empty one where something else is."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[Row]:
    """The objects in the list that should be here."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
