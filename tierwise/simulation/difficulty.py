"""How hard a prompt is for the simulated models: what can be read off it, and a residue that cannot."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tierwise.types import Sample

HEAD, TAIL = 700, 900
"""Characters read of a prompt: the task is stated at either end, and what lies between is a document to look things up in."""

ASK_HEAD, ASK_TAIL = 250, 500
"""Those of them that make it hard or easy: of a long text most words are beside the point."""

KINDS = (
    ("classif|label|rout|triage|moderat|sentiment|intent", -0.4),
    ("extract|field|entit|parse|pars", 0.1),
    ("summar|digest|rewrit|translat|greet|chat", -1.0),
    ("contract|legal|clause|complian", 0.6),
    ("document|doc_|search|lookup|rag|faq|qa", -1.5),
    ("arithm|math|calc|number", 1.1),
    ("reason|logic|plan|puzzle|analy", 1.0),
    ("code|program|sql|debug", 1.9),
)
"""Parts of the names of request types, and how much harder than the usual such a request is. The first that fits holds."""

CUES, USUAL = 3.5, 1.25
"""How much the cues count, and their sum in a usual prompt."""

DENSE, LOOKED_UP = 250, 0.2
"""Characters of which the cues count in full, and how much easier a long document makes it."""

CODE = re.compile(r"```|^\s*(?:def|class|import|from|return|for|while|const|let|SELECT)\b|[;{}]\s*$|\w\(\)", re.M)
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
REASONING = re.compile(
    r"\b(?:why|how many|how much|how long|prove|explain|compare|assume|suppose|if|whoever|each|every|follows|certain|after|before|least"
    r"|most|older|instead|percent|twice|half|rest|together)\b|%",
    re.I,
)
CONSTRAINT = re.compile(
    r"\b(?:not|no|never|unless|except|only|without|but|although|however|may|must|neither|exactly|yet|would|nicht|pas|pero)\b", re.I
)
LEGAL = re.compile(
    r"\b(?:liab\w+|indemn\w+|clause|breach\w*|terminat\w+|warrant\w+|agreement|notice|party|parties|tenant|supplier)\b", re.I
)
SIMPLE = re.compile(r"\b(?:summari[sz]e|sum up|classify|label|extract|translate|which team|name|list|what is|on what date)\b", re.I)
SENTENCE = re.compile(r"[.!?](?:\s|$)")


@dataclass(frozen=True, slots=True)
class Text:
    """A prompt as the simulated models see it."""

    task: str
    """Its beginning and end, where the task is stated."""
    ask: str
    """The same, shorter."""
    characters: int
    """Of all messages."""


def read(chat: Sequence[dict[str, str]]) -> Text:
    """The last user message, shortened in the middle, and the length of all messages."""
    last = next((m["content"] for m in reversed(chat) if m["role"] == "user"), chat[-1]["content"] if chat else "")
    return Text(_ends(last, HEAD, TAIL), _ends(last, ASK_HEAD, ASK_TAIL), sum(len(m["content"]) for m in chat))


def _ends(text: str, head: int, tail: int) -> str:
    return text if len(text) <= head + tail else f"{text[:head]}\n{text[-tail:]}"


def visible(sample: Sample, text: Text) -> float:
    """The part of the difficulty that the prompt shows; about -2 for routine requests, 2 for hard ones."""
    return _visible(text.ask, text.characters, sample.request_type or "", len(sample.reference or ""))


@lru_cache(8192)
def _visible(ask: str, characters: int, request_type: str, answer: int) -> float:
    share = DENSE / max(DENSE, len(ask))

    def count(pattern: re.Pattern[str]) -> float:
        return math.log1p(len(pattern.findall(ask)) * share)

    cues = 0.35 * count(REASONING) + 0.4 * count(CONSTRAINT) + 0.2 * count(NUMBER) + 0.2 * count(SENTENCE)
    cues += 0.15 * math.log1p(ask.count("?")) + 0.1 * math.log1p(min(characters, 1500) / 200) + 0.1 * math.log1p(answer / 20)
    cues += 0.4 * min(1.0, 40 * sum(c > "\x7f" for c in ask) / max(len(ask), 1))
    looked_up = math.log1p(max(0, characters - 2000) / 2000)  # a long document is there to find something in
    kind = _kind(request_type.lower())
    if kind is None:
        kind = 0.7 * count(CODE) + 1.1 * count(LEGAL) - 1.3 * min(1, len(SIMPLE.findall(ask))) - looked_up + 0.4
    return kind + CUES * (cues - USUAL) - LOOKED_UP * looked_up


@lru_cache(1024)
def _kind(request_type: str) -> float | None:
    return next((offset for parts, offset in KINDS if re.search(parts, request_type)), None) if request_type else None
