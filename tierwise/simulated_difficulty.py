"""How hard a prompt is for the simulated models: what can be read off it, and a residue that cannot."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tierwise.types import Sample

HEAD, TAIL = 700, 900
"""Characters read of a prompt: the task is stated at either end, and what lies between is a document to look things up in."""

KINDS = (
    ("classif|label|rout|triage|moderat|sentiment|intent", -1.0),
    ("extract|field|entit|parse|pars", -0.75),
    ("summar|digest|rewrit|translat|greet|chat", -0.7),
    ("contract|legal|clause|complian", 0.9),
    ("document|doc_|search|lookup|rag|faq|qa", -0.8),
    ("arithm|math|calc|number", 0.75),
    ("reason|logic|plan|puzzle|analy", 1.0),
    ("code|program|sql|debug", 1.1),
)
"""Parts of the names of request types, and how much harder than the usual such a request is. The first that fits holds."""

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
    characters: int
    """Of all messages."""


def read(chat: Sequence[dict[str, str]]) -> Text:
    """The last user message, shortened in the middle, and the length of all messages."""
    last = next((m["content"] for m in reversed(chat) if m["role"] == "user"), chat[-1]["content"] if chat else "")
    task = last if len(last) <= HEAD + TAIL else f"{last[:HEAD]}\n{last[-TAIL:]}"
    return Text(task, sum(len(m["content"]) for m in chat))


def visible(sample: Sample, text: Text) -> float:
    """The part of the difficulty that the prompt shows; about -2 for routine requests, 2 for hard ones."""
    return _visible(text.task, text.characters, sample.request_type or "", len(sample.reference or ""))


@lru_cache(8192)
def _visible(task: str, characters: int, request_type: str, answer: int) -> float:
    log = math.log1p
    long = characters > len(task)
    code, numbers = log(len(CODE.findall(task))), log(len(NUMBER.findall(task)))
    reasoning, constraint = log(len(REASONING.findall(task))), log(len(CONSTRAINT.findall(task)))
    cues = 0.35 * reasoning + 0.4 * constraint + 0.2 * numbers + 0.15 * log(task.count("?")) + 0.25 * log(len(SENTENCE.findall(task)))
    foreign = sum(c > "\x7f" for c in task) / max(len(task), 1)
    cues += 0.5 * min(1.0, foreign * 40) + 0.1 * log(answer / 20)
    cues -= 1.2 if long else 0.1 * log(characters / 200)  # of a long text most words are beside the point, so its cues weigh less
    kind = _kind(request_type.lower())
    if kind is None:
        kind = 0.35 * code + 0.3 * log(len(LEGAL.findall(task))) + 0.25 * reasoning - 0.6 * min(1, len(SIMPLE.findall(task))) - 0.3
    return kind + cues - 1.5


@lru_cache(1024)
def _kind(request_type: str) -> float | None:
    return next((offset for parts, offset in KINDS if re.search(parts, request_type)), None) if request_type else None
