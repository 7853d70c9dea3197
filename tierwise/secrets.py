"""Keys: read by the name of their environment variable, and taken out of every text that is kept or shown."""

import base64
import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
"""Where a word begins, in text or in the source form of it, in which a line ends in a backslash and an n."""

PATTERNS = (
    re.compile(
        START + r"(?:(?:sk|pk|rk|gsk|hf|ghp|tgp|xai|pplx|r8|glpat|github_pat)[-_][-_A-Za-z0-9]{12,}|AIza[-_A-Za-z0-9]{12,}"
        r"|A[KS]IA[A-Z0-9]{12,}|ya29\.[-_.A-Za-z0-9]{8,}|eyJ[-_A-Za-z0-9]{9,}(?:\.[-_A-Za-z0-9]+){0,2})"
    ),
    re.compile(r"(?i)\b(bearer|basic)\s+[-._~+/=A-Za-z0-9]{8,}"),
    re.compile(
        r"(?i)(?<![A-Za-z0-9])((?:[\w-]{0,40}[-_])?(?:api_?key|key|token|secret|password|authorization)[\"']?\s{0,9}[=:]\s{0,9}[\"']?)"
        r"(?!(?:bearer|basic)\b)[-._~+/=%A-Za-z0-9]{6,}"
    ),
    re.compile(r"(://[^/\s:@]{0,100}:)[^/\s@]{3,200}(?=@)"),
)
HIDDEN = "[hidden]"
REFERENCE = "os.environ/"

_used: set[str] = set()
"""Values that this process has read as keys, whatever their variables are called."""


def key(name: str | None) -> str | None:
    """The value of an environment variable, or None where it is not set or blank."""
    value = (os.environ.get(name) or "").strip() or None if name else None
    if value and len(value) >= 8:
        _used.add(value)
    return value


def resolve(value: Any) -> Any:
    """Parameters with each text `os.environ/NAME` replaced by that variable's value, as LiteLLM's own files write it."""
    if isinstance(value, str) and value.startswith(REFERENCE):
        return key(value.removeprefix(REFERENCE)) or ""
    if isinstance(value, Mapping):
        return {k: resolve(v) for k, v in value.items()}
    return [resolve(v) for v in value] if isinstance(value, list | tuple) else value


def scrub(text: str, *known: str | None) -> str:
    """The text without `known` keys and those in use, without the values of key-like variables, and without what looks like a key."""
    held = {v.strip() for n, v in os.environ.items() if re.search(r"(?i)(key|token|secret|password)$", n) and len(v.strip()) >= 8}
    found = {form for k in {*held, *_used, *(k for k in known if k and len(k) >= 4)} for form in _forms(k)}
    for value in sorted(found, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    text = PATTERNS[0].sub(HIDDEN, text)
    text = PATTERNS[1].sub(rf"\1 {HIDDEN}", text)
    return PATTERNS[3].sub(rf"\1{HIDDEN}", PATTERNS[2].sub(rf"\1{HIDDEN}", text))


def _forms(secret: str) -> set[str]:
    """A key as it may stand in a message: itself, in a URL, in JSON, in the source form of a string, in base64."""
    raw = secret.encode("utf-8", "surrogatepass")
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1], repr(raw)[2:-1]}
    return {secret, quote(raw, safe=""), quote_plus(raw), base64.b64encode(raw).decode().rstrip("="), *escaped}
