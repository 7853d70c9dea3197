"""Keys: read by the name of their environment variable, and taken out of every text that is kept or shown."""

import os
import re
from collections.abc import Mapping
from typing import Any

PATTERNS = (
    re.compile(r"\b(?:sk|pk|rk|xai|gsk|pplx|hf|ghp|tgp|AIza|AKIA)[-_A-Za-z0-9]{12,}"),
    re.compile(r"(?i)\b(bearer|basic)\s+[-._~+/=A-Za-z0-9]{8,}"),
    re.compile(r"(?i)([?&\"'\s](?:api[-_]?key|key|token|access_token|x-api-key|authorization)[\"']?\s*[=:]\s*[\"']?)[-._~+/A-Za-z0-9]{6,}"),
)
HIDDEN = "[hidden]"
REFERENCE = "os.environ/"


def key(name: str | None) -> str | None:
    """The value of an environment variable, or None where it is not set or blank."""
    return (os.environ.get(name) or "").strip() or None if name else None


def resolve(value: Any) -> Any:
    """Parameters with each text `os.environ/NAME` replaced by that variable's value, as LiteLLM's own files write it."""
    if isinstance(value, str) and value.startswith(REFERENCE):
        return key(value.removeprefix(REFERENCE)) or ""
    if isinstance(value, Mapping):
        return {k: resolve(v) for k, v in value.items()}
    return [resolve(v) for v in value] if isinstance(value, list | tuple) else value


def scrub(text: str, *known: str | None) -> str:
    """The text without `known` keys, without the values of key-like environment variables, and without what looks like a key."""
    held = [v for n, v in os.environ.items() if re.search(r"(?i)(key|token|secret|password)$", n) and len(v) >= 8]
    for value in sorted({*held, *(k for k in known if k and len(k) >= 4)}, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    text = PATTERNS[0].sub(HIDDEN, text)
    text = PATTERNS[1].sub(rf"\1 {HIDDEN}", text)
    return PATTERNS[2].sub(rf"\1{HIDDEN}", text)
