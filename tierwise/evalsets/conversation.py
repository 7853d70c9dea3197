"""A conversation as it comes in a file: a list of {role, content}, its text parts joined."""

import json
from collections.abc import Iterable
from typing import Any

from tierwise.tables.table import short, value_problem

ROLES = ("system", "developer", "user", "assistant")
OTHER_NAMES = {"human": "user", "gpt": "assistant", "bot": "assistant", "ai": "assistant", "model": "assistant"}


class NotAConversation(ValueError):
    """Its message says what is wrong and where inside the conversation."""


def conversation(value: Any, notes: set[str]) -> tuple[dict[str, str], ...]:
    """The messages. What had to be changed is added to `notes` in words."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise NotAConversation(f"not a JSON list of messages ({error})") from error
        if wrong := value_problem(value):
            raise NotAConversation(wrong)
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = value["messages"]
    if not isinstance(value, list):
        raise NotAConversation("should be a list of messages, each with a role and its content")
    if not value:
        raise NotAConversation("the conversation is empty")
    messages = tuple(_message(item, f"message {i}", notes) for i, item in enumerate(value, 1))
    if messages[-1]["role"] != "user":
        raise NotAConversation(f"ends with a message of the {messages[-1]['role']}; it must end with the user's, which is to be answered")
    return messages


def _message(item: Any, where: str, notes: set[str]) -> dict[str, str]:
    if not isinstance(item, dict):
        raise NotAConversation(f"{where} should be an object with a role and its content")
    if "role" not in item and isinstance(item.get("from"), str) and "value" in item:
        item = {"role": item["from"], "content": item["value"], **{k: v for k, v in item.items() if k not in ("from", "value")}}
        notes.add("Messages with from and value were read as role and content.")
    role = item.get("role")
    role = OTHER_NAMES.get(role, role) if isinstance(role, str) else role
    if role not in ROLES:
        raise NotAConversation(f"{where} has the role {short(str(role))}; roles are {', '.join(ROLES)}")
    extra = sorted(k for k, v in item.items() if k not in ("role", "content") and v is not None)
    if any("tool" in k or "function" in k for k in extra):
        raise NotAConversation(f"{where} calls a tool ({', '.join(map(short, extra))}), which a prompt set cannot hold")
    if extra:
        notes.add(f"Of messages only role and content are kept; left out: {', '.join(map(short, extra))}.")
    return {"role": role, "content": _content(item.get("content"), where, notes)}


def _content(content: Any, where: str, notes: set[str]) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        raise NotAConversation(f"{where} has no text as its content")
    texts = list(_texts(content, where))
    if len(texts) > 1:
        notes.add("Messages in several text parts were joined, one part a line.")
    return "\n".join(texts)


def _texts(parts: Iterable[Any], where: str) -> Iterable[str]:
    for i, part in enumerate(parts, 1):
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict) and part.get("type", "text") in ("text", "input_text") and isinstance(part.get("text"), str):
            yield part["text"]
        else:
            kind = part.get("type") if isinstance(part, dict) else type(part).__name__
            raise NotAConversation(f"{where}, part {i} is of the kind {short(str(kind))}; only text can be kept")
