"""What is sent for a cell: the sample's messages, a template and a tier's system prompt applied; and the digest that tells equal calls."""

import hashlib
import json
import re
from collections.abc import Mapping

from tierwise.errors import BadInput
from tierwise.types import Run, Sample, Tier

SLOT = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
FIELDS = ("input", "context", "system", "reference", "request_type", "id")
REFUSED = {"reference": "a prompt must not hold its own right answer"}


def messages(sample: Sample, run: Run, tier: Tier) -> list[dict[str, str]]:
    """The conversation as sent. A template fills the last user message; nothing in a slot's text is ever filled again."""
    chat = sample.chat()
    template = run.params.get("template")
    if template:
        last = max(i for i, m in enumerate(chat) if m["role"] == "user")
        chat[last] = chat[last] | {"content": fill(template, sample)}
    if tier.system is not None:
        chat = [m for m in chat if m["role"] != "system"]
        chat = ([{"role": "system", "content": tier.system}] if tier.system else []) + chat
    return chat


def fill(template: str, sample: Sample) -> str:
    """The template with each `{{slot}}` replaced by its text; an absent one by nothing."""

    def text(found: re.Match[str]) -> str:
        name = found[1]
        if name == "input":
            return sample.input or next((m["content"] for m in reversed(sample.messages) if m["role"] == "user"), "")
        value = sample.metadata.get(name.removeprefix("metadata.")) if name.startswith("metadata.") else getattr(sample, name)
        return "" if value is None else str(value)

    return SLOT.sub(text, template)


def check_template(template: str) -> None:
    """Raises BadInput for a slot there is not, or a template without the prompt."""
    slots = SLOT.findall(template)
    for name in slots:
        if name in REFUSED:
            raise BadInput(f"The template has a slot {{{{{name}}}}}: {REFUSED[name]}.")
        if name not in FIELDS and not name.startswith("metadata."):
            raise BadInput(
                f"The template has no such slot: {{{{{name}}}}}. There are: input, context, system, request_type, id, metadata.NAME."
            )
    if "input" not in slots:
        raise BadInput("The template has no {{input}}: every prompt would be the same.")


def call_key(chat: list[dict[str, str]], tier: Tier, max_tokens: int) -> str:
    """SHA-256 of all that decides an answer. Names of tiers, prices and keys do not."""
    told: Mapping[str, object] = {
        "model": tier.model,
        "api_base": tier.api_base,
        "params": dict(tier.params),
        "max_tokens": max_tokens,
        "messages": chat,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=True, default=str).encode()).hexdigest()
